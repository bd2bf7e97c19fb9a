"""Look at a file before a library does, so that the same mistake with a path always gets the same sentence.

>>> from pathlib import Path
>>> size_of(Path("nowhere.wav"))  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: nowhere.wav does not exist. Check the path; the current folder is ...
"""

from pathlib import Path

from elman.errors import DataError


def size_of(path: Path) -> int:
    """Return how many bytes a file has, at least 1.

    Raises:
        DataError: it does not exist, is a folder or a device, cannot be opened, or is empty.
    """
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder. Name the files in it, e.g.: {path / '*'}")
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no ordinary file. Save what it gives in a file, and name that.")
        with path.open("rb") as file:
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist. Check the path; the current folder is {Path.cwd()}.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the file and its permissions.") from None
    except ValueError:
        raise DataError(f"{str(path)!r} is no path: it has a null byte. Check it.") from None
    if not size:
        raise DataError(f"{path} is empty. Remove it, or copy it again from where it came.")
    return size


def head_of(path: Path, length: int = 32) -> bytes:
    """Return the first bytes of a file that :func:`size_of` has looked at."""
    with path.open("rb") as file:
        return file.read(length)

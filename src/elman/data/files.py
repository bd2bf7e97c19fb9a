"""Look at a file before a library does, so that the same mistake with a path always gets the same sentence.

A file is never read before it is known that it is one, and how large it is: a pipe would wait for ever, a device never
end, and some bytes that are packed or sparse can stand for more than memory holds.

>>> size_of(Path("nowhere.wav"))  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: nowhere.wav does not exist. Check the path; the current folder is ...
"""

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from elman.errors import DataError

MOST_BYTES = 2**30
"""Of a file that is read as a whole."""

_PART = 2**20
_MOST_UNPACKED = 50
"""Times the packed size. Texts and genomes are packed to a tenth or a quarter; more is there to fill memory."""


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
    except DataError:
        raise
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


def read_whole(path: Path) -> bytes:
    """Return all bytes of a file.

    Raises:
        DataError: see :func:`size_of`; or it has more than `MOST_BYTES`.
    """
    check_size(str(path), size_of(path))
    return path.read_bytes()


def read_stream(stream: BinaryIO, name: str) -> bytearray:
    """Return all that arrives, whose size is not known before.

    Raises:
        DataError: it is more than `MOST_BYTES`.
    """
    raw = bytearray()
    # A part at a time: what is asked for in one is made room for, whether it is there or not.
    while part := stream.read(_PART):
        raw += part
        check_size(name, len(raw))
    return raw


def check_size(name: str, size: int) -> None:
    """Refuse what is to be held as a whole and is too large for it.

    Raises:
        DataError: it has more than `MOST_BYTES`.
    """
    if size > MOST_BYTES:
        raise DataError(f"{name} holds more than {MOST_BYTES:,} bytes. Cut it into several files.")


@contextlib.contextmanager
def open_unpacked(path: Path, trusted: int = 2**23) -> Iterator[BinaryIO]:
    """Open a file that gzip may have packed, by its first bytes; it is unpacked on the way.

    Args:
        path: the file.
        trusted: how many bytes it may unpack to before it is asked how much they had been packed.

    Raises:
        DataError: see :func:`size_of`; it is damaged, or unpacks to far more than texts do.
    """
    size_of(path)
    with path.open("rb") as file:
        if not head_of(path).startswith(b"\x1f\x8b"):
            yield file
            return
        try:
            yield io.BufferedReader(_Unpacked(file, str(path), trusted))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{path} cannot be unpacked: {error}. Copy it again from where it came.") from None


class _Unpacked(io.RawIOBase):
    """The bytes that gzip unpacks, as long as they are not suspiciously many."""

    def __init__(self, packed: BinaryIO, name: str, trusted: int) -> None:
        self._packed, self._name, self._trusted = packed, name, trusted
        self._unpacked = gzip.GzipFile(fileobj=packed)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        read = self._unpacked.readinto(buffer)
        self._read += read
        if self._read > max(self._trusted, _MOST_UNPACKED * self._packed.tell()):
            raise DataError(
                f"{self._name} unpacks to more than {_MOST_UNPACKED} times its size. If it is what it should be, "
                "unpack it first."
            )
        return read


def name_files(paths: Sequence[Path], what: str = "files") -> str:
    """Name files for a message: one by its path, several by the first.

    >>> name_files([Path("a.csv")]), name_files([Path("a.csv"), Path("b.csv")], "tables")
    ('a.csv', '2 tables from a.csv')
    """
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} {what} from {paths[0]}"

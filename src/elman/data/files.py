"""Check a path before a library opens it, so that the same mistake always gets the same message.

A file is read only after its type and its size are known: a pipe may never send anything, a device never ends, and a
small packed or sparse file can unpack to more than memory holds.

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
"""The largest file that is read as a whole."""

_PART = 2**20
_MOST_UNPACKED = 50
"""Times the packed size. Texts and genomes shrink to a tenth or a quarter; a larger factor is an attack on memory."""


def size_of(path: Path) -> int:
    """Return how many bytes a file has, at least 1.

    Raises:
        DataError: it does not exist, is a folder or a device, cannot be opened, or is empty.
    """
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder. Name the files in it, e.g.: {path / '*'}")
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no regular file (a pipe, a device). Save its content in a file, and name that.")
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
    """Return the first bytes of a file that :func:`size_of` has checked."""
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
    """Read a stream of unknown size to its end.

    Raises:
        DataError: it has more than `MOST_BYTES`.
    """
    raw = bytearray()
    # A part at a time: one large `read` would allocate its size, whatever the stream holds.
    while part := stream.read(_PART):
        raw += part
        check_size(name, len(raw))
    return raw


def check_size(name: str, size: int) -> None:
    """Refuse what is too large to be held as a whole.

    Raises:
        DataError: it has more than `MOST_BYTES`.
    """
    if size > MOST_BYTES:
        raise DataError(f"{name} holds more than {MOST_BYTES:,} bytes. Cut it into several files.")


@contextlib.contextmanager
def open_unpacked(path: Path, trusted: int = 2**23) -> Iterator[BinaryIO]:
    """Open a file; one packed by gzip, known by its first bytes, is unpacked while it is read.

    Args:
        path: the file.
        trusted: how many bytes it may unpack to before the packing factor is checked.

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
    """A stream of the bytes that gzip unpacks, refused where they are suspiciously many."""

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
                f"{self._name} unpacks to more than {_MOST_UNPACKED} times its size. If this is right, unpack it first."
            )
        return read


def name_files(paths: Sequence[Path], what: str = "files") -> str:
    """Name files for a message: one by its path, several by the first.

    >>> name_files([Path("a.csv")]), name_files([Path("a.csv"), Path("b.csv")], "tables")
    ('a.csv', '2 tables from a.csv')
    """
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} {what} from {paths[0]}"

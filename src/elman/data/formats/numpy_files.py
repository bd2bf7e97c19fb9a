"""Read `.npy` and `.npz` files that may be damaged or hostile.

`numpy.load` allocates what a header promises, and can run code that a file holds. Here the header is compared with the
size of the file first, and an array of Python objects is refused.

An uncompressed array is mapped into memory: a step of it is read on access. A compressed array has to be unpacked as a
whole, and is then held.
"""

import warnings
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from elman.data.files import MOST_BYTES, head_of, size_of
from elman.errors import DataError

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_LOCAL_HEADER = 30
_PART = 2**24
_MOST_ARRAYS = 1000
# Numpy itself refuses a header of more than 10,000 characters.
_MOST_HEADER = 2**14
_PLAIN_KINDS = "biufUS"
"""Booleans, integers, floats, text. A network does not read complex numbers, dates or records."""


@dataclass(frozen=True)
class Member:
    """One array of a file, before it is read.

    Attributes:
        name: its key in an `.npz`.
        where: its name in messages.
        path: the file.
        info: its entry in an `.npz`; None for an `.npy`.
        shape: from its header; the file is large enough for it.
        dtype: of its numbers.
        fortran: whether the first axis varies fastest.
        start: the offset of the numbers in the `.npy`, unpacked.
    """

    name: str
    where: str
    path: Path
    info: zipfile.ZipInfo | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    start: int

    @property
    def mapped(self) -> bool:
        """Whether the array stays in its file, and is read on access."""
        return self.info is None or (self.info.compress_type == zipfile.ZIP_STORED and not self.info.flag_bits & 1)

    @property
    def bytes(self) -> int:
        """The memory that the whole array takes."""
        return self.dtype.itemsize * int(np.prod(self.shape, dtype=object))

    def read(self) -> NDArray[Any]:
        """Return the array: mapped, and read-only, where it is uncompressed; else unpacked into memory.

        Raises:
            DataError: the file is damaged, or the unpacked array is too large.
        """
        order: Any = "F" if self.fortran else "C"
        try:
            if 0 in self.shape:
                return np.empty(self.shape, self.dtype)
            if not self.mapped:
                return np.frombuffer(self._unpack(), self.dtype).reshape(self.shape, order=order)
            begin = _begin_of(self.path, self.info) if self.info else 0
            return np.memmap(self.path, self.dtype, "r", begin + self.start, self.shape, order)
        except DataError:
            raise
        except _BROKEN as error:
            raise _damaged(self.where, error) from error

    def load(self) -> NDArray[Any]:
        """Return the array in memory.

        Raises:
            DataError: the file is damaged, or the array is too large.
        """
        self._check_size()
        return np.array(self.read())

    def _check_size(self) -> None:
        if self.bytes > MOST_BYTES:
            advice = "Save less." if self.mapped else "Save it with numpy.savez: an uncompressed array is not loaded."
            raise DataError(
                f"{self.where} has {self.bytes:,} bytes, and at most {MOST_BYTES:,} are loaded into memory. {advice}"
            )

    def _unpack(self) -> memoryview:
        self._check_size()
        raw, read = memoryview(bytearray(self.bytes)), 0
        with zipfile.ZipFile(self.path) as archive, archive.open(self.info or "") as file:
            file.read(self.start)
            # A part at a time: one large `read` would join the unpacked parts again and again.
            while part := file.read(min(_PART, len(raw) - read)):
                raw[read : read + len(part)] = part
                read += len(part)
        if read < len(raw):
            raise DataError(
                f"{self.where} is cut off: {len(raw):,} bytes are promised, {read:,} are there. Save it again."
            )
        return raw


def open_npy(path: Path) -> Member:
    """Read the header of an `.npy` file.

    Raises:
        DataError: it is missing, no `.npy` file, cut off, or holds no plain numbers or text.
    """
    size = size_of(path)
    if not head_of(path).startswith(npy.MAGIC_PREFIX):
        raise DataError(f"{path} is no .npy file: it does not begin like one. Save it with numpy.save.")
    with path.open("rb") as file:
        return _member(file, "", str(path), path, None, size)


def open_npz(path: Path) -> dict[str, Member]:
    """Read the headers of the arrays of an `.npz` file, by their names.

    Raises:
        DataError: it is missing, no `.npz` file, damaged, has no array, or one that is no plain numbers or text.
    """
    size_of(path)
    if not head_of(path).startswith(b"PK"):
        raise DataError(f"{path} is no .npz file: it does not begin like one. Save it with numpy.savez.")
    members = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > _MOST_ARRAYS:
                raise DataError(
                    f"{path} has {len(archive.infolist()):,} arrays, and at most {_MOST_ARRAYS:,} are looked at. "
                    "Save all examples in one array."
                )
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                with archive.open(info) as file:
                    members[name] = _member(file, name, f"{path}, array {name}", path, info, info.file_size)
    except DataError:
        raise
    except _BROKEN as error:
        raise _damaged(str(path), error) from error
    if not members:
        raise DataError(f"{path} has no array in it. Save it with numpy.savez.")
    return members


def _member(file: IO[bytes], name: str, where: str, path: Path, info: zipfile.ZipInfo | None, size: int) -> Member:
    head = BytesIO(file.read(_MOST_HEADER))
    # An old file makes numpy warn, and a damaged one makes it raise whatever Python's own parser raises.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            version = npy.read_magic(head)  # type: ignore[no-untyped-call]
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(head)  # type: ignore[no-untyped-call]
        except Exception as error:
            raise DataError(f"{where} cannot be read: its header is damaged. Save it again with numpy.") from error
    if dtype.hasobject:
        raise DataError(
            f"{where} holds Python objects, which could run code when read. Save numbers, or text of dtype str."
        )
    if dtype.kind not in _PLAIN_KINDS or dtype.shape:
        raise DataError(f"{where} is of {dtype}. Save numbers (int, float, bool) or text.")
    promised, left = dtype.itemsize * int(np.prod(shape, dtype=object)), size - head.tell()
    if promised > left or min(shape, default=0) < 0:
        raise DataError(
            f"{where} is cut off: its header promises {promised:,} bytes, and {left:,} are there. Save it again."
        )
    return Member(name, where, path, info, shape, dtype, fortran, head.tell())


def _begin_of(path: Path, info: zipfile.ZipInfo) -> int:
    """Return the offset of an uncompressed entry."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
    # The name and the extra field are repeated here, and can be longer than in the directory at the end.
    name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    return info.header_offset + _LOCAL_HEADER + name + extra


def _damaged(where: str, error: Exception) -> DataError:
    # The system's message about a damaged file, such as "Invalid argument", explains nothing.
    reason = "" if isinstance(error, OSError) else " ".join(str(error).split()).rstrip(".")
    return DataError(f"{where} cannot be read: {reason[:120] or 'it is damaged'}. Save it again with numpy.")

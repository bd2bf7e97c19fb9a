"""Read the matrices of a MATLAB file of level 5 (`.mat`), and of the cells in it.

A file is a header of 128 bytes and then elements: a type, a length, and the data padded to 8 bytes; of four bytes or
fewer, all in one word of 8. An element may be packed by zlib. A matrix is an element of elements: flags, its shape, its
name, its numbers; a cell has a matrix in place of each number ("MAT-File Format", The MathWorks 2023, chapter 1). Only
numbers and cells of them are read; files of level 7.3 are HDF5.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.files import MOST_BYTES, read_whole
from elman.errors import DataError

_HEADER = 128
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _PACKED = 14, 15
_CELL, _PLAIN = 1, range(6, 16)
_IS_COMPLEX = 0x0800
_DEEPEST = 3  # cells in cells
_MOST_CELLS = 1_000_000

Matrices = NDArray[Any] | list[Any]


def read_mat(path: Path) -> dict[str, Matrices]:
    """Return the variables of a file: a matrix as an array, a cell array as a list, in MATLAB's order.

    Raises:
        DataError: it is missing, damaged, of another level, or a variable is no matrix of numbers and no cell of them.
    """
    raw = read_whole(path)
    if raw[1:4] == b"HDF" or b"MATLAB 7.3" in raw[:_HEADER]:
        raise DataError(f"{path} is a MATLAB file of level 7.3. Save it with save(…, '-v7').")
    if len(raw) < _HEADER or raw[126:128] not in (b"IM", b"MI"):
        raise DataError(f"{path} is no MATLAB file of level 5. Save it with save(…, '-v7').")
    try:
        return dict(_Reader("<" if raw[126:128] == b"IM" else ">").variables(memoryview(raw)[_HEADER:]))
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    except (struct.error, zlib.error, ValueError, UnicodeDecodeError, IndexError):
        raise DataError(f"{path} is damaged: its parts are shorter than they say. Save it again.") from None


class _Reader:
    """A reader of elements, with the byte order of its file."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._cells = 0
        self._unpacked = 0

    def variables(self, raw: memoryview) -> Iterator[tuple[str, Matrices]]:
        for kind, data in self._elements(raw):
            if kind == _PACKED:
                unpacker = zlib.decompressobj()
                whole = unpacker.decompress(data, MOST_BYTES - self._unpacked)
                self._unpacked += len(whole)
                if unpacker.unconsumed_tail:
                    raise DataError(f"unpacks to more than {MOST_BYTES:,} bytes. Save less.")
                yield from self.variables(memoryview(whole))
            elif kind == _MATRIX:
                yield self._matrix(data, 0)

    def _elements(self, raw: memoryview) -> Iterator[tuple[int, memoryview]]:
        at = 0
        while at + 8 <= len(raw):
            kind, size = struct.unpack_from(f"{self._order}II", raw, at)
            if kind >> 16:  # type and length share a word, and the data follow in the next
                kind, size, begin = kind & 0xFFFF, kind >> 16, at + 4
                following = at + 8
            else:
                begin = at + 8
                # A packed element is not padded.
                following = begin + (size if kind == _PACKED else -(-size // 8) * 8)
            if begin + size > len(raw):
                raise ValueError("an element is longer than the file")
            yield kind, raw[begin : begin + size]
            at = following

    def _matrix(self, raw: memoryview, depth: int) -> tuple[str, Matrices]:
        parts = self._elements(raw)
        flags = struct.unpack_from(f"{self._order}I", next(parts, (0, memoryview(b"")))[1])[0]
        shape = np.frombuffer(next(parts, (0, memoryview(b"")))[1], f"{self._order}i4").tolist()
        name = bytes(next(parts, (0, memoryview(b"")))[1]).decode("ascii")
        count, kind = math.prod(shape), flags & 0xFF
        if kind == _CELL:
            self._cells += count
            if depth >= _DEEPEST or self._cells > _MOST_CELLS:
                raise DataError("has too many cells in cells. Save one cell with a matrix for each piece.")
            inner = [self._matrix(data, depth + 1)[1] for _, data in parts]
            if len(inner) != count:
                raise ValueError("cells are missing")
            return name, inner
        if kind not in _PLAIN or flags & _IS_COMPLEX:
            raise DataError(f"has {name or 'a cell'}, which is no matrix of numbers. Save piano rolls alone.")
        stored, data = next(parts, (0, memoryview(b"")))
        if count == 0:
            return name, np.zeros(shape)
        if stored not in _NUMBERS:
            raise ValueError("the numbers of a matrix have no type")
        values = np.frombuffer(data, f"{self._order}{_NUMBERS[stored]}")
        return name, values.reshape(shape, order="F")

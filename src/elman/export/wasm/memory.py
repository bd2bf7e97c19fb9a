"""The memory of a module of WebAssembly: addresses of arrays, and what lies there at the start.

An array begins at a multiple of 16 bytes and is padded with zeros to one, so that code reads and writes whole vectors
of four numbers. A matrix is packed in the order in which a product reads it: 16 rows side by side, column by column,
then the next 16; the last rows in fours.

>>> memory = ModuleMemory()
>>> memory.reserve(5), memory.put([1.0, 2.0]), memory.end
(1024, 1056, 1072)
>>> pack(np.arange(1, 7).reshape(3, 2)).tolist()
[1.0, 3.0, 5.0, 0.0, 2.0, 4.0, 6.0, 0.0]
"""

from typing import Any

import numpy as np

LANES, ROWS = 4, 16
BYTES = 4
_FIRST = 1024  # nothing lies at address 0, which is how an error looks
_PAGE = 1 << 16


class ModuleMemory:
    """A memory that is being filled.

    Attributes:
        end: the first address that is free.
        contents: what lies there at the start, by address.
    """

    def __init__(self, first: int = _FIRST) -> None:
        self.end = first
        self.contents: dict[int, bytes] = {}

    @property
    def pages(self) -> int:
        """The number of pages of 64 KiB."""
        return -(-self.end // _PAGE)

    def reserve(self, numbers: int) -> int:
        """Return the address of so many zeros."""
        place = self.end
        self.end += BYTES * LANES * vectors(numbers)
        return place

    def put(self, numbers: Any) -> int:
        """Return the address of some numbers, in float32."""
        array = np.asarray(numbers, np.float32).ravel()
        place = self.reserve(array.size)
        self.contents[place] = array.astype("<f4").tobytes()
        return place

    def put_matrix(self, matrix: np.ndarray) -> int:
        """Return the address of a packed matrix."""
        return self.put(pack(matrix))


def vectors(numbers: int) -> int:
    """Return how many vectors hold so many numbers."""
    return -(-numbers // LANES)


def pack(matrix: np.ndarray) -> np.ndarray:
    """Put the numbers of a matrix (rows, columns) into the order in which a product reads them."""
    rows, columns = matrix.shape
    padded = np.zeros((LANES * vectors(rows), columns), np.float32)
    padded[:rows] = matrix
    whole = len(padded) // ROWS * ROWS
    blocks = padded[:whole].reshape(-1, ROWS, columns), padded[whole:].reshape(-1, LANES, columns)
    return np.concatenate([block.transpose(0, 2, 1).ravel() for block in blocks])

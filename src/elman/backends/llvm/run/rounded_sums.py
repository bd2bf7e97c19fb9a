"""Sum products of rounded operands over time and batch: the gradients of weights.

A gradient is dᵀ v of all rows of adjoints d and of vectors v. The columns of d become rows, rounded and ready, the
rows of v weights; then the tiles that multiply vectors with weights compute it.

>>> from elman.backends.llvm.products import ROUNDED
>>> d, v = torch.ones(5, 3, dtype=torch.bfloat16), torch.full((5, 2), 0.5)
>>> sums, total = torch.zeros(3), torch.empty(3, 2)
>>> turned = RoundedSums(ROUNDED, d, sums)
>>> turned.add_product(total, slice(0, 3), turned.pack(v), is_new=True)
>>> sums.tolist(), total[0].tolist()
([5.0, 5.0, 5.0], [2.5, 2.5])
"""

import ctypes
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from elman.backends.llvm.plan.slots import Slot
from elman.backends.llvm.products import READY_ROWS, Products
from elman.backends.llvm.run import threads
from elman.backends.llvm.run.engine import Source, load_all
from elman.backends.llvm.run.kernel import LEAST_WORK, LINE, shared_code, target
from elman.backends.llvm.run.memory import allocate
from elman.backends.llvm.run.product import list_rows
from elman.backends.llvm.target import Target

_SIDE = 16  # rows of a tile
_SPARE_ROWS = 32  # tiles read whole blocks of rows, whose sums behind the last are not stored


class PackedVectors(NamedTuple):
    """Vectors as weights: their memory, its address, and the length of a vector."""

    memory: Tensor
    address: int
    size: int


class RoundedSums:
    """The adjoints of some rows, turned and rounded.

    Args:
        products: how they are multiplied.
        adjoints: (rows, columns) in bfloat16, or in float32, if the products take operands in float32.
        sums: (columns,), to which the sums of the columns are added.
        starts: columns with which products begin.
    """

    def __init__(self, products: Products, adjoints: Tensor, sums: Tensor, starts: Iterable[int] = (0,)) -> None:
        self.products, self.like = products, sums
        self.count, columns = adjoints.shape
        made_for = target()
        self.lanes = made_for.lanes("float32")
        self.code = _find(products, made_for)
        self.row = products.row_bytes(self.count)
        self.cuts = sorted({0, *starts, columns})
        # Every product begins with the first row of a tile.
        sizes = [-(-(stop - start) // _SIDE) * _SIDE for start, stop in pairwise(self.cuts)]
        places = list(accumulate(sizes, initial=0))
        self.memory, self.address = self._allocate((places[-1] + _SPARE_ROWS) * self.row)
        self.places = dict(zip(self.cuts, places, strict=True))
        for start, stop in pairwise(self.cuts):
            line = adjoints.stride(0) * adjoints.itemsize
            given = [self._address_of(start), self.row, adjoints[:, start:].data_ptr(), line]
            turn = self.code.turn if adjoints.dtype is torch.bfloat16 else self.code.turn_words
            self._each(turn, stop - start, given, [sums[start:]])

    def _address_of(self, start: int) -> int:
        return self.address + self.places[start] * self.row

    def _allocate(self, size: int) -> tuple[Tensor, int]:
        memory = allocate(((size + LINE) // 4,), self.like)
        return memory, -(-memory.data_ptr() // LINE) * LINE

    def _each(self, function: int, columns: int, given: Sequence[int], sums: Sequence[Tensor]) -> None:
        """Call a function for all vectors of columns."""
        vectors = -(-columns // self.lanes)
        count = self._threads(self.count * columns * 32)
        arguments = [*given, columns, self.count, *[t.data_ptr() for t in sums]]
        frame = _PartFrame(0, count, function, vectors, *arguments, 0)
        address = ctypes.addressof(frame)
        frame[0] = address + ctypes.sizeof(frame) - ctypes.sizeof(ctypes.c_int64)
        threads.run(self.code.each, address, count)

    @staticmethod
    def _threads(work: int) -> int:
        return torch.get_num_threads() if work >= LEAST_WORK else 1

    def pack(self, vectors: Tensor) -> PackedVectors:
        """Pack vectors (rows, size), in float32 or bfloat16."""
        size = vectors.shape[1]
        if vectors.stride(1) != 1 and size > 1:
            vectors = vectors.contiguous()
        panel = self.products.panel_bytes(self.count, 1, self.lanes, 4)
        memory, address = self._allocate(-(-size // self.lanes) * panel)
        function = self.code.pack_halves if vectors.dtype is torch.bfloat16 else self.code.pack_columns
        self._each(function, size, [address, 0, 1, vectors.data_ptr(), vectors.stride(0) * vectors.itemsize], [])
        return PackedVectors(memory, address, size)

    def add_product(self, total: Tensor, columns: slice, packed: PackedVectors, is_new: bool) -> None:
        """Add the sums of products of some columns of adjoints with vectors to (columns, size), or set these."""
        inside = [cut for cut in self.cuts if columns.start <= cut < columns.stop]
        for begin, end in pairwise([*inside, columns.stop]):
            part = total[begin - columns.start : end - columns.start]
            self._add_part(part, begin, packed, is_new)

    def _add_part(self, total: Tensor, first: int, packed: PackedVectors, is_new: bool) -> None:
        count, line = len(total), total.stride(0) * 4
        start, start_line = (self.like.new_zeros(packed.size), 0) if is_new else (total, line)
        frame = _Frame(
            *(0, self.code.tiles, list_rows(count), self._address_of(first), 0, self.row),
            *(packed.address, self.count, packed.size, start.data_ptr(), 0, start_line),
            *(total.data_ptr(), 0, line, count, -(-packed.size // self.lanes), 0),
        )
        address = ctypes.addressof(frame)
        frame[0] = address + ctypes.sizeof(frame) - ctypes.sizeof(ctypes.c_int64)
        threads.run(self.code.multiply, address, self._threads(count * packed.size * self.count))


_Frame, _PartFrame = ctypes.c_int64 * 18, ctypes.c_int64 * 12  # as emit.product says, and the number of the next


class _Code(NamedTuple):
    """Addresses of functions."""

    each: int
    turn: int
    turn_words: int
    pack_columns: int
    pack_halves: int
    tiles: int
    multiply: int


@cache
def _find(products: Products, made_for: Target) -> _Code:
    shared = shared_code("float32", made_for, [1], products)
    more = {"each": Source(lambda: _emit_each(made_for)), "product ready": Source(lambda: _emit_product(made_for))}
    packing, tiles, each, product = load_all({**shared, **more}, made_for)
    halves, turn = (packing.address(name) if products.parts == 1 else 0 for name in ("pack_halves", "turn"))
    return _Code(
        each.address("each"),
        turn,
        packing.address("turn_words") if products.is_tiled else 0,
        packing.address(Slot.PACK_COLUMNS),
        halves,
        tiles.address("tiles"),
        product.address("multiply"),
    )


def _emit_each(made_for: Target) -> str:
    from elman.backends.llvm.emit.product import emit_each

    return emit_each(made_for)


def _emit_product(made_for: Target) -> str:
    from elman.backends.llvm.emit.product import emit_product

    return emit_product(made_for, "float32", READY_ROWS)

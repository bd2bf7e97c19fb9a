"""Sum products of rounded operands over time and batch: the gradients of weights.

A gradient is dᵀ v of all rows of adjoints d and of vectors v. The columns of d become rows, rounded and ready, the
rows of v weights; then the tiles that multiply vectors with weights compute it.

>>> from elman.backends.llvm.products import ROUNDED
>>> d, v = torch.ones(5, 3, dtype=torch.bfloat16), torch.full((5, 2), 0.5)
>>> sums, total = torch.zeros(3), torch.empty(3, 2)
>>> turned = RoundedSums(ROUNDED, d, sums)
>>> turned.turn()
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
from elman.backends.llvm.run import threads as llvm_threads
from elman.backends.llvm.run.engine import Source, load_all
from elman.backends.llvm.run.kernel import LEAST_WORK, LINE, shared_code, target
from elman.backends.llvm.run.memory import allocate
from elman.backends.llvm.run.product import list_rows
from elman.backends.llvm.target import Target

_SIDE = 16  # rows of a tile
_SPARE_ROWS = 32  # tiles read whole blocks of rows, whose sums behind the last are not stored


class Job:
    """A call of compiled code whose threads draw blocks; it may run several times.

    Args:
        function: its address.
        threads: the largest number of threads.
        values: what the code reads, without the first slot, which points to the last one: the number of the next block.
        kept: memory that the code reads.
    """

    def __init__(self, function: int, threads: int, values: Sequence[int], kept: object = None) -> None:
        self.function, self.threads, self.kept = function, threads, kept
        self.slots = (ctypes.c_int64 * (len(values) + 2))(0, *values, 0)
        self.address, self.last = ctypes.addressof(self.slots), len(values) + 1
        self.slots[0] = self.address + 8 * self.last

    def run(self) -> None:
        """Run it."""
        self.slots[self.last] = 0
        llvm_threads.run(self.function, self.address, self.threads)


SOURCE, TOTAL = 7, 12
"""The slots of what :meth:`RoundedSums.packing` packs, and of the sums that :meth:`RoundedSums.multiplying` writes."""


class PackedVectors(NamedTuple):
    """Vectors as weights: their memory, its address, and the length of a vector."""

    memory: Tensor
    address: int
    size: int


class RoundedSums:
    """The adjoints of some rows, which are turned and rounded, and their products.

    Args:
        products: how they are multiplied.
        adjoints: (rows, columns) in bfloat16, or in float32, if the products take operands in float32.
        sums: (columns,), to which the sums of the columns are added.
        starts: columns with which products begin.
    """

    def __init__(self, products: Products, adjoints: Tensor, sums: Tensor, starts: Iterable[int] = (0,)) -> None:
        self.products, self.adjoints, self.sums = products, adjoints, sums
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

    def turning(self) -> list[Job]:
        """Turn and round the adjoints, and add to the sums."""
        line, jobs = self.adjoints.stride(0) * self.adjoints.itemsize, []
        turn = self.code.turn if self.adjoints.dtype is torch.bfloat16 else self.code.turn_words
        for start, stop in pairwise(self.cuts):
            given = [self._address_of(start), self.row, self.adjoints[:, start:].data_ptr(), line]
            jobs.append(self._each(turn, stop - start, given, self.sums[start:].data_ptr()))
        return jobs

    def _address_of(self, start: int) -> int:
        return self.address + self.places[start] * self.row

    def _allocate(self, size: int) -> tuple[Tensor, int]:
        memory = allocate(((size + LINE) // 4,), self.sums)
        return memory, -(-memory.data_ptr() // LINE) * LINE

    def _each(self, function: int, columns: int, given: Sequence[int], *more: int) -> Job:
        """Call a function for all vectors of columns."""
        vectors, threads = -(-columns // self.lanes), self._threads(self.count * columns * 32)
        values = [threads, function, vectors, *given, columns, self.count, *more]
        return Job(self.code.each, threads, values)

    @staticmethod
    def _threads(work: int) -> int:
        return torch.get_num_threads() if work >= LEAST_WORK else 1

    def packing(self, source: int, line: int, size: int, is_narrow: bool) -> tuple[PackedVectors, Job]:
        """Pack vectors (rows, size).

        Args:
            source: the address of the first.
            line: the bytes from one to the next.
            size: elements of a vector.
            is_narrow: whether they are in bfloat16, and not in float32.
        """
        panel = self.products.panel_bytes(self.count, 1, self.lanes, 4)
        memory, address = self._allocate(-(-size // self.lanes) * panel)
        function = self.code.pack_halves if is_narrow else self.code.pack_columns
        return PackedVectors(memory, address, size), self._each(function, size, [address, 0, 1, source, line])

    def multiplying(self, total: Tensor, columns: slice, packed: PackedVectors, is_new: bool) -> list[Job]:
        """Add the sums of products of some columns of adjoints with vectors to (columns, size), or set these."""
        inside, jobs = [cut for cut in self.cuts if columns.start <= cut < columns.stop], []
        for begin, end in pairwise([*inside, columns.stop]):
            part = total[begin - columns.start : end - columns.start]
            count, line = len(part), part.stride(0) * 4
            start, start_line = (self.sums.new_zeros(packed.size), 0) if is_new else (part, line)
            values = (
                *(self.code.tiles, list_rows(count), self._address_of(begin), 0, self.row),
                *(packed.address, self.count, packed.size, start.data_ptr(), 0, start_line),
                *(part.data_ptr(), 0, line, count, -(-packed.size // self.lanes)),
            )
            jobs.append(Job(self.code.multiply, self._threads(count * packed.size * self.count), values, start))
        return jobs

    def turn(self) -> None:
        """Run :meth:`turning`."""
        for job in self.turning():
            job.run()

    def pack(self, vectors: Tensor) -> PackedVectors:
        """Pack vectors (rows, size), in float32 or bfloat16."""
        size = vectors.shape[1]
        if vectors.stride(1) != 1 and size > 1:
            vectors = vectors.contiguous()
        line, is_narrow = vectors.stride(0) * vectors.itemsize, vectors.dtype is torch.bfloat16
        packed, job = self.packing(vectors.data_ptr(), line, size, is_narrow)
        job.run()
        return packed

    def add_product(self, total: Tensor, columns: slice, packed: PackedVectors, is_new: bool) -> None:
        """Run :meth:`multiplying`."""
        for job in self.multiplying(total, columns, packed, is_new):
            job.run()


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

"""Compute the weight gradients of small runs by few calls of compiled code.

In full precision that is one call, see `emit.weight_sums`; where operands are rounded, those of `rounded_sums`.

All time steps are in one window, every one is real, and every gradient is a product or a sum. So the memory of adjoints
and the jobs are made once, and used again. Which runs are small follows from their form: whatever way a call takes, its
sums have this order, and equal bits.

>>> from elman.autodiff import derive
>>> from elman.backends.llvm.run.kernel import find_kernel, lay_out
>>> from elman.cells import elman
>>> kernel = find_kernel(derive(elman), "mirror", False, torch.float32)
>>> layout = lay_out(kernel, (7, 1, 3), ((1, 5),), ((5, 3), (5, 5), (5,)), 1)
>>> x, h, after, saved = torch.ones(7, 1, 3), torch.ones(1, 1, 5), torch.ones(7, 1, 5), torch.ones(0)
>>> sums = PlainSmallSums(layout, saved)
>>> [gradient.shape for gradient in sums.finish([x, after, saved, h])]
[torch.Size([5, 3]), torch.Size([5, 5]), torch.Size([5])]
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from elman.backends.inputs import Inputs
from elman.backends.llvm.run import threads as llvm_threads
from elman.backends.llvm.run.engine import load
from elman.backends.llvm.run.frames import Arena
from elman.backends.llvm.run.gradients import find_sums
from elman.backends.llvm.run.kernel import DTYPES, LEAST_WORK, Layout, target
from elman.backends.llvm.run.memory import SMALL
from elman.backends.llvm.run.rounded_sums import SOURCE, TOTAL, Job, PackedVectors, RoundedSums
from elman.backends.llvm.target import Target

_ADDRESS, _EMPTY = Tensor.data_ptr, torch.empty_like

INPUT, OUTPUT, SAVED, STATES = range(4)
"""The numbers of tensors among those that products read; the first state is the last of these, others follow."""

Table = tuple[int | None, int, int]
"""Rows that a product reads: the number of a tensor (None: adjoints), the offset of the first row, bytes of a row."""


def are_small(layout: Layout, inputs: Inputs) -> bool:
    """Test whether the weight gradients of a mirror are small sums; its form decides that, and nothing around it.

    Args:
        layout: of the mirror's frames.
        inputs: the tensors of the run.
    """
    if inputs.lengths is not None or inputs.reverse or inputs.sides:
        return False
    steps, batch, _ = inputs.x.shape
    most = max(layout.saved_count, steps * batch * inputs.states[0].shape[-1])
    return most * layout.outer_item < SMALL and steps == layout.window and find_sums(layout).are_plain


def find_small_sums(arena: Arena) -> "SmallSums":
    """Find the small sums of a mirror's workspaces; :func:`are_small` holds."""
    if arena.sums is None:
        layout = arena.layout
        arena.sums = (RoundedSmallSums if layout.kernel.products.rounds else PlainSmallSums)(layout, arena.like)
        arena.size += arena.sums.size
    found: SmallSums = arena.sums
    return found


class SmallSums:
    """The memory of adjoints of small calls, and what reads them.

    Args:
        layout: of the mirror's frames; :func:`are_small` holds.
        like: has the dtype of weights.

    Attributes:
        places: the places of all kept values, for `Frames.move`.
        size: bytes of memory.
    """

    def __init__(self, layout: Layout, like: Tensor) -> None:
        self.layout, self.how, self.rows = layout, find_sums(layout), layout.window * layout.batch
        kept = torch.bfloat16 if layout.kernel.plan.narrow else like.dtype
        self.adjoints = like.new_empty(self.rows, layout.width, dtype=kept)
        self.base, self.line = self.adjoints.data_ptr(), layout.width * layout.outer_item
        self.size = self.adjoints.nbytes
        self.places = [
            value
            for columns in layout.columns.values()
            for value in (self.base + columns.start * layout.outer_item, layout.batch * self.line, self.line)
        ]
        self.gradients = [
            like.new_empty(len(p.members) * layout.sizes[p.shape[0]], *(layout.sizes[axis] for axis in p.shape[1:]))
            for p in layout.kernel.plan.program.parameters
        ]

    def finish(self, read: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradient of every parameter.

        Args:
            read: x, the output, what the forward run saved, and the initial states, of the dtype of x and without gaps.
        """
        raise NotImplementedError

    def _totals(self) -> Iterator[tuple[int, int, slice]]:
        """List sums of columns of adjoints: the parameter, its first element of them, the columns."""
        nodes = self.layout.kernel.plan.nodes
        for number, (members, copy) in enumerate(zip(self.how.others, self.how.copies, strict=True)):
            parts = [(self.layout.columns[nodes[i].args[0]], rows.start) for i, rows in members]
            for columns, start in parts if copy is None else [(copy, 0)]:
                yield number, start, columns

    def _tables(self, index: int) -> tuple[Table | None, Table]:
        """Find the rows of a vector: those of the first time step, if they are elsewhere, and the rest."""
        layout, plan = self.layout, self.layout.kernel.plan
        if index in layout.columns:
            return None, (None, layout.columns[index].start * layout.outer_item, self.line)
        if index not in plan.shifted:
            return None, self._value(index)
        number = plan.shifted[index]
        first = (STATES + number, 0, layout.sizes[plan.axis(index)] * layout.outer_item)
        return first, self._value(plan.program.forward.results[number])

    def _value(self, index: int) -> Table:
        layout, plan = self.layout, self.layout.kernel.plan
        if index in layout.saved:
            offset, width = layout.saved[index]
            return SAVED, offset * layout.outer_item, width * layout.outer_item
        tensor = INPUT if index == plan.program.graph.input else OUTPUT
        return tensor, 0, layout.sizes[plan.axis(index)] * layout.outer_item


class PlainSmallSums(SmallSums):
    """The sums in full precision: a table of jobs for one call of compiled code."""

    def __init__(self, layout: Layout, like: Tensor) -> None:
        super().__init__(layout, like)
        self.one = like.new_ones(1)
        self.jobs: list[int] = [0]
        # Slots that are set for every call: gradients by the number of the parameter, and what is read.
        self.outs: list[tuple[int, int, int]] = []
        self.reads: list[tuple[int, int, int]] = []
        for block in self.how.blocks:
            self._add_product(block.parameter, block.rows, block.columns, block.vector)
        for number, start, columns in self._totals():
            self._add_total(number, start, columns)
        self.count = self.jobs[0]
        self.table = np.array(self.jobs, dtype=np.int64)
        self.address, self.data = self.table.ctypes.data, self.table.data
        work = self.rows * sum(gradient.numel() for gradient in self.gradients)
        self.threads = torch.get_num_threads() if work >= LEAST_WORK else 1
        self.worker = _find(target(), like.dtype)
        self.function = llvm_threads.function(self.worker)

    def _add_product(self, number: int, rows: slice, columns: slice, vector: int) -> None:
        """Add the job of some rows of a gradient: columns of adjoints, each times a vector."""
        first, rest = self._tables(vector)
        line = self.gradients[number].shape[1]
        left = (self.base + columns.start * self.layout.item, self.line)
        self._add(number, rows.start * line, line, left, first, rest, (rows.stop - rows.start, line))

    def _add_total(self, number: int, start: int, columns: slice) -> None:
        """Add the job of some elements of a gradient: sums of columns of adjoints."""
        size = columns.stop - columns.start
        rest = (None, columns.start * self.layout.item, self.line)
        self._add(number, start, 0, (self.one.data_ptr(), 0), None, rest, (1, size))

    def _add(
        self,
        number: int,
        start: int,
        line: int,
        left: tuple[int, int],
        first: Table | None,
        rest: Table,
        shape: tuple[int, int],
    ) -> None:
        item, at, before = self.layout.item, len(self.jobs), 0 if first is None else self.layout.batch
        self.outs.append((at + 1, number, start * item))
        values = [0, 0, line * item, *left]
        for slot, table in ((at + 5, first), (at + 7, rest)):
            tensor, offset, row = table or (None, 0, 0)
            values += [self.base + offset if tensor is None else 0, row]
            if tensor is not None:
                self.reads.append((slot, tensor, offset))
        self.jobs += [*values, before, self.rows - before, *shape]
        self.jobs[0] += 1

    def finish(self, read: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradient of every parameter; see :class:`SmallSums`."""
        bases = [*map(_ADDRESS, read)]
        data, gradients = self.data, [*map(_EMPTY, self.gradients)]
        own = [*map(_ADDRESS, gradients)]
        for slot, number, offset in self.outs:
            data[slot - 1] = 0  # the next block
            data[slot] = own[number] + offset
        for slot, number, offset in self.reads:
            data[slot] = bases[number] + offset
        if self.threads == 1:
            self.function(self.address)
        else:
            llvm_threads.run(self.worker, self.address, self.threads)
        return gradients


class RoundedSmallSums(SmallSums):
    """The sums of rounded operands: what :class:`~elman.backends.llvm.run.rounded_sums.RoundedSums` runs, prepared."""

    def __init__(self, layout: Layout, like: Tensor) -> None:
        super().__init__(layout, like)
        self.sums = like.new_zeros(layout.width)
        self.turned = RoundedSums(layout.kernel.products, self.adjoints, self.sums, self.how.starts)
        self.size += self.turned.memory.nbytes
        self.turns = self.turned.turning()
        self.packs: list[tuple[Job, Table, _JoinedRows | None]] = []
        self.packed = {index: self._pack(index) for index in sorted(self.how.vectors)}
        # The number of the parameter, and the bytes before the rows that a product sets.
        self.products: list[tuple[Job, int, int]] = []
        for block in self.how.blocks:
            gradient = self.gradients[block.parameter]
            for job in self.turned.multiplying(gradient[block.rows], block.columns, self.packed[block.vector], True):
                self.products.append((job, block.parameter, job.slots[TOTAL] - gradient.data_ptr()))
        self.totals = [
            (number, slice(start, start + columns.stop - columns.start), columns)
            for number, start, columns in self._totals()
        ]

    def _pack(self, index: int) -> PackedVectors:
        layout = self.layout
        first, rest = self._tables(index)
        size, is_narrow = layout.sizes[layout.kernel.plan.axis(index)], layout.kernel.plan.narrow
        joined = None
        if first is None:
            packed, job = self.turned.packing(self.base + rest[1], rest[2], size, is_narrow)
        else:
            joined = _JoinedRows(self.adjoints.new_empty(self.rows, size), first, rest, layout.batch)
            packed, job = self.turned.packing(joined.whole.data_ptr(), size * layout.outer_item, size, is_narrow)
            self.size += joined.whole.nbytes
        self.packs.append((job, rest, joined))
        self.size += packed.memory.nbytes
        return packed

    def finish(self, read: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradient of every parameter; see :class:`SmallSums`."""
        gradients = [*map(_EMPTY, self.gradients)]
        self.sums.zero_()
        for job in self.turns:
            job.run()
        for job, (tensor, offset, _), joined in self.packs:
            if joined is not None:
                joined.fill(read)
            elif tensor is not None:
                job.slots[SOURCE] = read[tensor].data_ptr() + offset
            job.run()
        for job, number, offset in self.products:
            job.slots[TOTAL] = gradients[number].data_ptr() + offset
            job.run()
        for number, rows, columns in self.totals:
            gradients[number][rows] = self.sums[columns]
        return gradients


class _JoinedRows:
    """Memory of a vector of all time steps, whose first rows lie elsewhere than the rest."""

    def __init__(self, whole: Tensor, first: Table, rest: Table, batch: int) -> None:
        self.whole, self.begin, self.behind = whole, whole[:batch], whole[batch:]
        self.first, self.rest = first[0] or 0, rest[0] or 0
        self.place = (self.behind.shape, (rest[2] // whole.itemsize, 1), rest[1] // whole.itemsize)

    def fill(self, read: Sequence[Tensor]) -> None:
        self.begin.copy_(read[self.first].view(self.begin.shape))
        self.behind.copy_(read[self.rest].as_strided(*self.place))


@cache
def _find(made_for: Target, dtype: torch.dtype) -> int:
    name = DTYPES[dtype]

    def emit() -> str:
        from elman.backends.llvm.emit.weight_sums import emit_weight_sums

        return emit_weight_sums(made_for, name)

    return load(f"weight sums {name}", emit, made_for).address("weight_sums")

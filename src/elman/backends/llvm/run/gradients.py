"""Compute weight gradients from adjoints: sums over time and batch, as large products.

In full precision they are torch's; where operands are rounded, those of :mod:`elman.backends.llvm.run.rounded_sums`.

The mirror kernel stores the adjoints of a window of time steps side by side in one tensor (window, B, all widths).
Neighbouring members of a parameter whose adjoints are neighbours in it need one product.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from elman.backends.inputs import Inputs, step_mask
from elman.backends.llvm.run.kernel import Layout
from elman.backends.llvm.run.memory import allocate
from elman.backends.llvm.run.rounded_sums import RoundedSums
from elman.expr.graph import Node


@dataclass(frozen=True)
class Block:
    """One product: rows of a parameter's gradient from columns of adjoints and a vector.

    Attributes:
        is_whole: whether the rows are all rows of the parameter.
        takes_all: whether the columns are all columns of the adjoints.
    """

    parameter: int
    rows: slice
    columns: slice
    vector: int
    is_whole: bool = False
    takes_all: bool = False


class Sums:
    """How the sums of a kernel are computed, for some sizes.

    Attributes:
        blocks: the products.
        vectors: the vectors that they read.
        apart: products that are part of a gradient, as for a matrix that is used twice: (node, columns, vector).
        others: for every parameter, members whose gradient is no product: (node, rows).
        copies: for every parameter, the columns whose sums are its gradient, if they are neighbours and complete.
        starts: the columns with which products begin.
        has_totals: whether columns are summed as well.
        places: for every member of a parameter, the number of its tensor, and its position in that.
        are_plain: whether every gradient is a product, or sums of adjoints, and none is put together of both.
    """

    def __init__(self, layout: Layout) -> None:
        self.plan, self.columns, self.width = layout.kernel.plan, layout.columns, layout.width
        self.blocks: list[Block] = []
        self.others: list[list[tuple[int, slice]]] = []
        self.copies: list[slice | None] = []
        for number, parameter in enumerate(self.plan.program.parameters):
            self._divide(number, parameter.members, layout.sizes[parameter.shape[0]])
        nodes, end = self.plan.nodes, self.plan.schedule.end
        read = sorted({a for i in end for a in nodes[i].args if nodes[a].op == "outer" and self.is_timed(a)})
        self.apart = [(i, self.columns[nodes[i].args[0]], nodes[i].args[1]) for i in read]
        self.vectors = {b.vector for b in self.blocks} | {vector for _, _, vector in self.apart}
        self.places = {m: (i, j) for i, p in enumerate(self.plan.program.parameters) for j, m in enumerate(p.members)}
        self.starts = {b.columns.start for b in self.blocks} | {columns.start for _, columns, _ in self.apart}
        self.has_totals = any(nodes[i].op == "total" and self.is_timed(i) for i in end)
        rest = [index for members in self.others for index, _ in members]
        is_mixed = any(self.others[block.parameter] for block in self.blocks)
        totals = all(nodes[i].op == "total" and self.is_timed(i) for i in rest)
        self.are_plain = totals and not (is_mixed or self.apart)

    def _divide(self, number: int, members: tuple[str, ...], size: int) -> None:
        """Join neighbouring members of a parameter whose adjoints are neighbours too, and that multiply one vector."""
        output, rest = self.plan.program.graph.output, []
        for j, member in enumerate(members):
            index = output[f"d_{member}"]
            node, rows = self.plan.nodes[index], slice(j * size, (j + 1) * size)
            if node.op != "outer" or not self.is_timed(index):
                rest.append((index, rows))
                continue
            new = Block(number, rows, self.columns[node.args[0]], node.args[1])
            last = self.blocks[-1] if self.blocks else None
            if last is not None and _continues(last, new):
                self.blocks.pop()
                rows, columns = slice(last.rows.start, rows.stop), slice(last.columns.start, new.columns.stop)
                new = Block(number, rows, columns, new.vector)
            whole, full = slice(0, len(members) * size), slice(0, self.width)
            self.blocks.append(replace(new, is_whole=new.rows == whole, takes_all=new.columns == full))
        self.others.append(rest)
        self.copies.append(self._find_copy(rest) if len(rest) == len(members) else None)

    def _find_copy(self, members: list[tuple[int, slice]]) -> slice | None:
        nodes = [(index, self.plan.nodes[index]) for index, _ in members]
        if not all(node.op == "total" and self.is_timed(index) for index, node in nodes):
            return None
        parts = [self.columns[node.args[0]] for _, node in nodes]
        if any(a.stop != b.start for a, b in pairwise(parts)):
            return None
        return slice(parts[0].start, parts[-1].stop)

    def is_timed(self, index: int) -> bool:
        """Test whether a sum is one over time and batch."""
        return self.plan.nodes[index].args[0] in self.columns


def _continues(last: Block, new: Block) -> bool:
    same = (last.parameter, last.vector) == (new.parameter, new.vector)
    return same and (last.rows.stop, last.columns.stop) == (new.rows.start, new.columns.start)


# Not by a cache of its own size: that would keep the workspaces of layouts which nothing else remembers.
_sums: WeakKeyDictionary[Layout, Sums] = WeakKeyDictionary()


def find_sums(layout: Layout) -> Sums:
    """Find how the sums of a mirror are computed."""
    found = _sums.get(layout)
    if found is None:
        found = _sums[layout] = Sums(layout)
    return found


class Gradients:
    """The sums over time and batch, of the windows so far.

    Args:
        layout: of the mirror's frames.
        inputs: the tensors of the run.
        output: of the forward run.
        saved: the values that the forward run saved.
    """

    def __init__(self, layout: Layout, inputs: Inputs, output: Tensor, saved: Tensor) -> None:
        self.layout, self.inputs, self.output, self.saved = layout, inputs, output, saved
        self.plan, self.sizes, self.nodes = layout.kernel.plan, layout.sizes, layout.kernel.plan.nodes
        self.how = find_sums(layout)
        self.columns = layout.columns
        self.batch = layout.batch
        self.like = inputs.states[0]
        kept = inputs.x if layout.kernel.plan.narrow else self.like
        self.adjoints = allocate((layout.window * self.batch, layout.width), kept)
        shapes = {i: [self.sizes[axis] for axis in self.nodes[i].shape] for i, _, _ in self.how.apart}
        self.values = {
            i: torch.empty(shape, dtype=self.like.dtype, device=inputs.x.device) for i, shape in shapes.items()
        }
        self.sums: Any = None  # a tensor after the first window, if there are totals
        self.gradients: dict[int, Tensor] = {}
        self.is_new = True

    def places(self, low: int) -> list[int]:
        """Return the places of all kept values, for a tensor of adjoints that begins at time step `low`."""
        item, row = self.layout.outer_item, self.layout.width * self.layout.outer_item
        time = self.batch * row
        base = self.adjoints.data_ptr() - low * time
        return [v for columns in self.columns.values() for v in (base + columns.start * item, time, row)]

    def add(self, low: int, count: int) -> None:
        """Add the sums over a window of time steps."""
        adjoints = self.adjoints if count == self.layout.window else self.adjoints[: count * self.batch]
        real = self._real_rows(low, count)
        if real is not None:
            adjoints = adjoints[real]
        if self.layout.kernel.products.rounds:
            self._add_rounded(adjoints, low, count, real)
            return
        if self.how.has_totals:
            sums = adjoints.sum(0)
            self.sums = sums if self.sums is None else self.sums.add_(sums)
        vectors = {index: self._vector(index, low, count, real) for index in self.how.vectors}
        transposed = adjoints.T
        for block in self.how.blocks:
            part = transposed if block.takes_all else transposed[block.columns]
            if self.is_new and block.is_whole:
                self.gradients[block.parameter] = torch.mm(part, vectors[block.vector])
            else:
                self._add_product(self._gradient(block.parameter)[block.rows], part, vectors[block.vector])
        for index, columns, vector in self.how.apart:
            self._add_product(self.values[index], transposed[columns], vectors[vector])
        self.is_new = False

    def _add_rounded(self, adjoints: Tensor, low: int, count: int, real: Tensor | None) -> None:
        """Add the sums over a window of time steps, of rounded operands."""
        if self.sums is None:
            self.sums = self.like.new_zeros(self.layout.width)
        turned = RoundedSums(self.layout.kernel.products, adjoints, self.sums, self.how.starts)
        turned.turn()
        packed = {index: turned.pack(self._vector(index, low, count, real)) for index in self.how.vectors}
        for block in self.how.blocks:
            total = self._gradient(block.parameter)[block.rows]
            turned.add_product(total, block.columns, packed[block.vector], self.is_new)
        for index, columns, vector in self.how.apart:
            turned.add_product(self.values[index], columns, packed[vector], self.is_new)
        self.is_new = False

    def _add_product(self, total: Tensor, a: Tensor, b: Tensor) -> None:
        torch.addmm(total, a, b, beta=0 if self.is_new else 1, out=total)

    def _gradient(self, number: int) -> Tensor:
        """Find the gradient of a parameter, or make one whose elements are set piece by piece."""
        if number not in self.gradients:
            parameter = self.inputs.parameters[number]
            self.gradients[number] = torch.empty(parameter.shape, dtype=parameter.dtype, device=parameter.device)
        return self.gradients[number]

    def _real_rows(self, low: int, count: int) -> Tensor | None:
        lengths = self.inputs.lengths
        if lengths is None:
            return None
        return step_mask(lengths - low, count).flatten().nonzero().squeeze(1)

    def _vector(self, index: int, low: int, count: int, real: Tensor | None) -> Tensor:
        """Return a vector for every row of a window: (rows, its size)."""
        if index in self.columns:
            flat = self.adjoints[: count * self.batch, self.columns[index]]
            return flat if real is None else flat[real]
        if index in self.plan.shifted:
            return self._shifted(index, low, count, real)
        whole = self._cut(index)
        flat = (whole if count == len(whole) else whole[low : low + count]).flatten(0, 1)
        return flat if real is None else flat[real]

    def _cut(self, index: int) -> Tensor:
        """Return a value of all time steps without the padding of its rows."""
        whole, size = self._timed(index), self.sizes[self.plan.axis(index)]
        return whole if whole.shape[-1] == size else whole[..., :size]

    def _timed(self, index: int) -> Tensor:
        graph = self.plan.program.graph
        if index == graph.input:
            return self.inputs.x
        if index in self.layout.saved:
            offset, width = self.layout.saved[index]
            shape = (*self.inputs.x.shape[:2], width)
            return self.saved[offset : offset + shape[0] * shape[1] * width].view(shape)
        if index == self.plan.program.forward.results[0]:
            return self.output
        return self.inputs.sides[graph.sides.index(self.nodes[index].name)]

    def _shifted(self, index: int, low: int, count: int, real: Tensor | None) -> Tensor:
        """Return a state before every step: the state after the previous step, or the initial state."""
        number = self.plan.shifted[index]
        after = self._cut(self.plan.program.forward.results[number])
        initial, reverse = self.inputs.states[number].to(after.dtype), self.inputs.reverse
        if real is None or self.inputs.lengths is None:
            first, stop = (low + 1, low + count + 1) if reverse else (low - 1, low + count - 1)
            inner = after[max(first, 0) : stop].flatten(0, 1)
            if first < 0:
                return torch.cat([initial, inner])
            return torch.cat([inner, initial]) if stop > len(after) else inner
        times, examples = real // self.batch + low, real % self.batch
        if reverse:
            earlier, is_first = times + 1, times == self.inputs.lengths[examples] - 1
        else:
            earlier, is_first = times - 1, times == 0
        before = after[earlier.clamp(0, len(after) - 1), examples]
        before[is_first] = initial[examples[is_first]]
        return before

    def finish(self) -> list[Tensor]:
        """Return the gradient of every parameter."""
        for number, (columns, members) in enumerate(zip(self.how.copies, self.how.others, strict=True)):
            if columns is not None:
                sums = self.sums if columns == slice(0, self.layout.width) else self.sums[columns]
                self.gradients[number] = sums.clone()
                continue
            for index, rows in members:
                self._gradient(number)[rows] = self.value(index)
        return [self.gradients[number] for number in range(len(self.inputs.parameters))]

    def value(self, index: int) -> Any:
        """Compute a value that depends on the sums, and the values that it reads."""
        waiting = [index]
        while waiting:
            current = waiting[-1]
            missing = [a for a in self._read(current) if a not in self.values]
            if missing:
                waiting += missing
            else:
                waiting.pop()
                if current not in self.values:
                    self.values[current] = self._make(current, self.nodes[current])
        return self.values[index]

    def _read(self, index: int) -> tuple[int, ...]:
        """List the values from which a value is computed; a sum over time and batch is known."""
        node = self.nodes[index]
        return () if index in self.values or self._is_summed(index, node) else node.args

    def _is_summed(self, index: int, node: Node) -> bool:
        return node.op == "total" and self.how.is_timed(index)

    def _make(self, index: int, node: Node) -> Any:
        if node.op == "constant":
            return self.like.new_tensor(node.value)
        if node.op == "size":
            return self.like.new_tensor(float(self.sizes[node.name]))
        if node.op == "parameter":
            return self._member(node.name)
        if self._is_summed(index, node):
            return self.sums[self.columns[node.args[0]]]
        args = [self.values[a] for a in node.args]
        match node.op:
            case "product":
                return args[0] @ args[1]
            case "product_t":
                return sum(d @ m for m, d in zip(args[::2], args[1::2], strict=True))
            case "outer":
                return torch.outer(*args)
        from elman.backends.tensor_calls import FUNCTIONS  # few programs have other nodes there

        return FUNCTIONS[node.op](*args)

    def _member(self, name: str) -> Tensor:
        number, position = self.how.places[name]
        rows = self.sizes[self.plan.program.parameters[number].shape[0]]
        return self.inputs.parameters[number].detach()[position * rows : (position + 1) * rows]

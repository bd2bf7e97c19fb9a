"""Make weight gradients from adjoints: sums over time and batch, as large products in torch.

The mirror kernel leaves the adjoints of a window of time steps side by side in one tensor (window, B, all widths).
Neighbouring members of a parameter whose adjoints are neighbours there are one product.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from elman.backends.inputs import Inputs
from elman.backends.llvm_kernel import Frames, Layout
from elman.backends.llvm_memory import allocate
from elman.backends.reference_calls import FUNCTIONS
from elman.expr.graph import Node


@dataclass(frozen=True)
class Block:
    """Hold one product: rows of a parameter's gradient from columns of adjoints and a vector."""

    parameter: int
    rows: slice
    columns: slice
    vector: int


class Sums:
    """Say how the sums of a kernel are made, for some sizes.

    Attributes:
        columns: of every kept value, its columns in the tensor of adjoints.
        blocks: the products.
        apart: products that are part of a gradient, as where a matrix stands twice: (node, columns, vector).
        others: for every parameter, members that are no product: (node, rows).
        has_totals: whether columns are summed as well.
    """

    def __init__(self, layout: Layout) -> None:
        self.plan = layout.kernel.plan
        self.columns: dict[int, slice] = {}
        self.width = 0
        for index in self.plan.kept:
            size = layout.sizes[self.plan.axis(index)]
            self.columns[index] = slice(self.width, self.width + size)
            self.width += size
        self.blocks: list[Block] = []
        self.others: list[list[tuple[int, slice]]] = []
        for number, parameter in enumerate(self.plan.program.parameters):
            self._divide(number, parameter.members, layout.sizes[parameter.shape[0]])
        nodes, end = self.plan.nodes, self.plan.schedule.end
        read = sorted({a for i in end for a in nodes[i].args if nodes[a].op == "outer" and self.is_timed(a)})
        self.apart = [(i, self.columns[nodes[i].args[0]], nodes[i].args[1]) for i in read]
        self.has_totals = any(nodes[i].op == "total" and self.is_timed(i) for i in end)

    def _divide(self, number: int, members: tuple[str, ...], size: int) -> None:
        """Join members of a parameter that are neighbours, whose adjoints are, and that multiply one vector."""
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
            self.blocks.append(new)
        self.others.append(rest)

    def is_timed(self, index: int) -> bool:
        """Tell whether a sum is one over time and batch."""
        return self.plan.nodes[index].args[0] in self.columns


def _continues(last: Block, new: Block) -> bool:
    same = (last.parameter, last.vector) == (new.parameter, new.vector)
    return same and (last.rows.stop, last.columns.stop) == (new.rows.start, new.columns.start)


@lru_cache(maxsize=256)
def _find_sums(layout: Layout) -> Sums:
    return Sums(layout)


class Gradients:
    """Collect the sums over time and batch, window by window.

    Args:
        layout: of the mirror's frames.
        inputs: what was run.
        output: of the forward run.
        saved: what the forward run left.
        window: most time steps that are held at once.
    """

    def __init__(self, layout: Layout, inputs: Inputs, output: Tensor, saved: Tensor, window: int) -> None:
        self.layout, self.inputs, self.output, self.saved = layout, inputs, output, saved
        self.plan, self.sizes, self.nodes = layout.kernel.plan, layout.sizes, layout.kernel.plan.nodes
        self.how = _find_sums(layout)
        self.columns = self.how.columns
        self.batch = inputs.x.shape[1]
        self.adjoints = allocate((window, self.batch, self.how.width), inputs.x)
        shapes = {i: [self.sizes[axis] for axis in self.nodes[i].shape] for i, _, _ in self.how.apart}
        self.values = {i: torch.empty(shape, dtype=inputs.x.dtype) for i, shape in shapes.items()}
        self.sums: Tensor | None = None
        self.gradients = [torch.empty(p.shape, dtype=p.dtype) for p in inputs.parameters]
        self.is_new = True

    def put_places(self, frames: Frames) -> None:
        """Tell the kernel how the tensor of adjoints is laid out."""
        time, row, _ = self.adjoints.stride()
        for index in self.plan.kept:
            frames.put(f"kept{index}.t", time * frames.item)
            frames.put(f"kept{index}.b", row * frames.item)

    def move(self, frames: Frames, low: int) -> None:
        """Let the tensor of adjoints begin at a time step."""
        time, _, _ = self.adjoints.stride()
        size = self.adjoints.element_size()
        for index in self.plan.kept:
            start = self.adjoints.data_ptr() + self.columns[index].start * size
            frames.set(f"kept{index}.p", start - low * time * size)

    def add(self, low: int, count: int) -> None:
        """Add the sums over a window of time steps."""
        adjoints = self.adjoints[:count].flatten(0, 1)
        real = self._real_rows(low, count)
        if real is not None:
            adjoints = adjoints[real]
        if self.how.has_totals:
            found = adjoints.sum(0)
            self.sums = found if self.sums is None else self.sums.add_(found)
        vectors: dict[int, Tensor] = {}
        beta = 0 if self.is_new else 1
        products = [(self.gradients[b.parameter][b.rows], b.columns, b.vector) for b in self.how.blocks]
        for total, columns, index in products + [(self.values[i], c, v) for i, c, v in self.how.apart]:
            if index not in vectors:
                vectors[index] = self._vector(index, low, count, real)
            torch.addmm(total, adjoints[:, columns].T, vectors[index], beta=beta, out=total)
        self.is_new = False

    def _real_rows(self, low: int, count: int) -> Tensor | None:
        lengths = self.inputs.lengths
        if lengths is None:
            return None
        times = torch.arange(low, low + count)[:, None]
        return (times < lengths).flatten().nonzero().squeeze(1)

    def _vector(self, index: int, low: int, count: int, real: Tensor | None) -> Tensor:
        """Give a vector of every row of a window: (rows, its size)."""
        if index in self.columns:
            whole = self.adjoints[:count, :, self.columns[index]]
        elif index in self.plan.shifted:
            return self._shifted(index, low, count, real)
        else:
            whole = self._timed(index)[low : low + count]
        whole = whole[..., : self.sizes[self.plan.axis(index)]]
        flat = whole.flatten(0, 1)
        return flat if real is None else flat[real]

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
        """Give a state before every step: that after the step before, and initially the initial one."""
        number = self.plan.shifted[index]
        after = self._timed(self.plan.program.forward.results[number])[..., : self.sizes[self.plan.axis(index)]]
        initial, reverse = self.inputs.states[number], self.inputs.reverse
        if real is None:
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
        found = after[earlier.clamp(0, len(after) - 1), examples]
        found[is_first] = initial[examples[is_first]]
        return found

    def finish(self) -> list[Tensor]:
        """Give the gradient of every parameter."""
        for gradient, members in zip(self.gradients, self.how.others, strict=True):
            if members and all(self._is_sum(i) for i, _ in members):
                self._take_sums(gradient, members)
                continue
            for index, rows in members:
                gradient[rows] = self.value(index)
        return self.gradients

    def _is_sum(self, index: int) -> bool:
        return self.nodes[index].op == "total" and self.how.is_timed(index)

    def _take_sums(self, gradient: Tensor, members: list[tuple[int, slice]]) -> None:
        """Copy sums of neighbouring columns at once."""
        parts = [self.columns[self.nodes[i].args[0]] for i, _ in members]
        if self.sums is None:
            raise AssertionError("a window was added before")
        if len(parts) > 1 and all(a.stop == b.start for a, b in zip(parts, parts[1:], strict=False)):
            gradient[members[0][1].start :] = self.sums[parts[0].start : parts[-1].stop]
            return
        for (_, rows), columns in zip(members, parts, strict=True):
            gradient[rows] = self.sums[columns]

    def value(self, index: int) -> Any:
        """Compute what follows the sums, and what it reads that follows parameters alone."""
        if index not in self.values:
            self.values[index] = self._make(index, self.nodes[index])
        return self.values[index]

    def _make(self, index: int, node: Node) -> Any:
        x = self.inputs.x
        if node.op == "constant":
            return x.new_tensor(node.value)
        if node.op == "size":
            return x.new_tensor(float(self.sizes[node.name]))
        if node.op == "parameter":
            return self._member(node.name)
        if node.op == "total" and self.how.is_timed(index):
            return self.sums[self.columns[node.args[0]]]
        args = [self.value(a) for a in node.args]
        match node.op:
            case "product":
                return args[0] @ args[1]
            case "product_t":
                return sum(d @ m for m, d in zip(args[::2], args[1::2], strict=True))
            case "outer":
                return torch.outer(*args)
        return FUNCTIONS[node.op](*args)

    def _member(self, name: str) -> Tensor:
        for parameter, whole in zip(self.plan.program.parameters, self.inputs.parameters, strict=True):
            if name in parameter.members:
                return whole.detach().chunk(len(parameter.members))[parameter.members.index(name)]
        raise AssertionError(name)

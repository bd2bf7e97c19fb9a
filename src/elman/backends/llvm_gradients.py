"""Make weight gradients from adjoints: sums over time and batch, as large products in torch.

The mirror kernel leaves the adjoints of a window of time steps side by side in one tensor (window, B, all widths).
Neighbouring members of a parameter whose adjoints are neighbours there are one product.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from elman.backends.inputs import Inputs
from elman.backends.llvm_kernel import Frames, Kernel, allocate
from elman.backends.reference_calls import FUNCTIONS
from elman.expr.graph import Node


class Gradients:
    """Collect the sums over time and batch, window by window.

    Args:
        kernel: the mirror's kernel.
        inputs: what was run.
        sizes: elements of every axis.
        output: of the forward run.
        saved: by node, what the forward run left.
        window: most time steps that are held at once.
    """

    def __init__(
        self,
        kernel: Kernel,
        inputs: Inputs,
        sizes: Mapping[str, int],
        output: Tensor,
        saved: Mapping[int, Tensor],
        window: int,
    ) -> None:
        self.plan, self.inputs, self.sizes = kernel.plan, inputs, sizes
        self.output, self.saved = output, saved
        self.nodes = self.plan.nodes
        self.columns: dict[int, slice] = {}
        width = 0
        for index in self.plan.kept:
            size = sizes[self.plan.axis(index)]
            self.columns[index] = slice(width, width + size)
            width += size
        self.batch = inputs.x.shape[1]
        self.adjoints = allocate((window, self.batch, width), inputs.x)
        self.values: dict[int, Tensor] = {}
        self.sums = inputs.x.new_zeros(width)
        self.blocks = self._find_blocks()
        self.products = [inputs.x.new_zeros((c.stop - c.start, sizes[self.nodes[v].shape[0]])) for c, v, _ in self.blocks]

    def put_places(self, frames: Frames) -> None:
        """Tell the kernel where adjoints go."""
        for index in self.plan.kept:
            frames.place(f"kept{index}", self.adjoints[:, :, self.columns[index]])

    def move(self, frames: Frames, low: int) -> None:
        """Let the tensor of adjoints begin at a time step."""
        time, _, _ = self.adjoints.stride()
        size = self.adjoints.element_size()
        for index in self.plan.kept:
            start = self.adjoints.data_ptr() + self.columns[index].start * size
            frames.set(f"kept{index}.p", start - low * time * size)

    def _find_blocks(self) -> list[tuple[slice, int, list[int]]]:
        """Join sums that read neighbouring columns of adjoints and the same vector: (columns, vector, nodes)."""
        blocks: list[tuple[slice, int, list[int]]] = []
        outers = [i for i in self.plan.schedule.end if self.nodes[i].op == "outer" and self._is_timed(i)]
        for index in sorted(outers, key=lambda i: (self.nodes[i].args[1], self.columns[self.nodes[i].args[0]].start)):
            d, v = self.nodes[index].args
            mine = self.columns[d]
            if blocks and blocks[-1][1] == v and blocks[-1][0].stop == mine.start:
                last = blocks.pop()
                blocks.append((slice(last[0].start, mine.stop), v, [*last[2], index]))
            else:
                blocks.append((mine, v, [index]))
        return blocks

    def _is_timed(self, index: int) -> bool:
        return self.nodes[index].args[0] in self.columns

    def add(self, low: int, count: int) -> None:
        """Add the sums over a window of time steps."""
        adjoints = self.adjoints[:count].flatten(0, 1)
        real = self._real_rows(low, count)
        if real is not None:
            adjoints = adjoints[real]
        if any(self.nodes[i].op == "total" and self._is_timed(i) for i in self.plan.schedule.end):
            self.sums += adjoints.sum(0)
        vectors: dict[int, Tensor] = {}
        for (columns, v, _), total in zip(self.blocks, self.products, strict=True):
            if v in self.plan.shifted and v not in self.columns:
                self._add_shifted(total, columns, v, low, count, adjoints, real)
                continue
            if v not in vectors:
                vectors[v] = self._vector(v, low, count, real)
            total.addmm_(adjoints[:, columns].T, vectors[v])

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
        else:
            whole = self._timed(index)[low : low + count]
        whole = whole[..., : self.sizes[self.plan.axis(index)]]
        flat = whole.flatten(0, 1)
        return flat if real is None else flat[real]

    def _timed(self, index: int) -> Tensor:
        graph = self.plan.program.graph
        if index == graph.input:
            return self.inputs.x
        if index in self.saved:
            return self.saved[index]
        if index == self.plan.program.forward.results[0]:
            return self.output
        return self.inputs.sides[graph.sides.index(self.nodes[index].name)]

    def _add_shifted(
        self, total: Tensor, columns: slice, v: int, low: int, count: int, adjoints: Tensor, real: Tensor | None
    ) -> None:
        """Add products with a state before its step: that after the step before, and initially the initial one."""
        number = self.plan.shifted[v]
        new = self.plan.program.forward.results[number]
        after = self._timed(new)[..., : self.sizes[self.plan.axis(v)]]
        initial = self.inputs.states[number]
        steps = len(after)
        if real is None:
            mine = adjoints[:, columns]
            if self.inputs.reverse:
                last = low + count == steps
                inner = after[low + 1 : low + count + (not last)]
                body, edge = mine[: len(inner) * self.batch], mine[len(inner) * self.batch :]
            else:
                inner = after[max(low - 1, 0) : low + count - 1]
                edge, body = mine[: (count - len(inner)) * self.batch], mine[(count - len(inner)) * self.batch :]
            total.addmm_(body.T, inner.flatten(0, 1))
            if len(edge):
                total.addmm_(edge.T, initial)
            return
        times, examples = real // self.batch + low, real % self.batch
        if self.inputs.reverse:
            earlier, is_first = times + 1, times == self.inputs.lengths[examples] - 1
        else:
            earlier, is_first = times - 1, times == 0
        found = after[earlier.clamp(0, steps - 1), examples]
        found[is_first] = initial[examples[is_first]]
        total.addmm_(adjoints[:, columns].T, found)

    def finish(self) -> list[Tensor]:
        """Give the gradient of every parameter."""
        for (_, _, members), total in zip(self.blocks, self.products, strict=True):
            parts = total.split([self.sizes[self.nodes[i].shape[0]] for i in members])
            self.values.update(zip(members, parts, strict=True))
        output = self.plan.program.graph.output
        return [
            self._join([self.value(output[f"d_{member}"]) for member in p.members], whole)
            for p, whole in zip(self.plan.program.parameters, self.inputs.parameters, strict=True)
        ]

    @staticmethod
    def _join(parts: list[Tensor], whole: Tensor) -> Tensor:
        shape = (whole.shape[0] // len(parts), *whole.shape[1:])
        if len(parts) == 1:
            return parts[0].expand(shape).contiguous()
        return torch.cat([p.expand(shape) for p in parts])

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
        if node.op == "total" and self._is_timed(index):
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

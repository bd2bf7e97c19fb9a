"""Make weight gradients from adjoints: sums over time and batch, as large products in torch.

The mirror kernel leaves the adjoints of a window of time steps side by side in one tensor (window, B, all widths).
Neighbouring members of a parameter whose adjoints are neighbours there are one product.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from elman.backends.inputs import Inputs
from elman.backends.llvm_kernel import Frames, Kernel
from elman.backends.llvm_memory import allocate
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
        self.sums: Tensor | None = None
        self.gradients = [torch.empty(p.shape, dtype=p.dtype) for p in inputs.parameters]
        self.blocks, self.sources = self._find_blocks()
        self.is_new = True

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

    def _find_blocks(self) -> tuple[list[tuple[Tensor, slice, int]], list[list[tuple[int, slice]]]]:
        """Join sums that fill neighbouring rows of a gradient from neighbouring columns of adjoints and one vector.

        Returns:
            The products: (where they go, columns of adjoints, vector). And for every parameter the members that are
            none: (node, rows).
        """
        output = self.plan.program.graph.output
        blocks: list[tuple[Tensor, slice, int]] = []
        others: list[list[tuple[int, slice]]] = []
        for parameter, gradient in zip(self.plan.program.parameters, self.gradients, strict=True):
            size = len(gradient) // len(parameter.members)
            joined: list[tuple[slice, slice, int]] = []
            rest = []
            for j, member in enumerate(parameter.members):
                index = output[f"d_{member}"]
                node, rows = self.nodes[index], slice(j * size, (j + 1) * size)
                if node.op != "outer" or not self._is_timed(index):
                    rest.append((index, rows))
                    continue
                columns, v = self.columns[node.args[0]], node.args[1]
                if joined and joined[-1][2] == v and (joined[-1][0].stop, joined[-1][1].stop) == (rows.start, columns.start):
                    last = joined.pop()
                    rows, columns = slice(last[0].start, rows.stop), slice(last[1].start, columns.stop)
                joined.append((rows, columns, v))
            blocks += [(gradient[rows], columns, v) for rows, columns, v in joined]
            others.append(rest)
        return blocks, others

    def _is_timed(self, index: int) -> bool:
        return self.nodes[index].args[0] in self.columns

    def add(self, low: int, count: int) -> None:
        """Add the sums over a window of time steps."""
        adjoints = self.adjoints[:count].flatten(0, 1)
        real = self._real_rows(low, count)
        if real is not None:
            adjoints = adjoints[real]
        if any(self.nodes[i].op == "total" and self._is_timed(i) for i in self.plan.schedule.end):
            found = adjoints.sum(0)
            self.sums = found if self.sums is None else self.sums.add_(found)
        vectors: dict[int, Tensor] = {}
        for total, columns, v in self.blocks:
            if v not in vectors:
                vectors[v] = self._vector(v, low, count, real)
            beta = 0 if self.is_new else 1
            torch.addmm(total, adjoints[:, columns].T, vectors[v], beta=beta, out=total)
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
        if index in self.saved:
            return self.saved[index]
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
        for gradient, members in zip(self.gradients, self.sources, strict=True):
            if members and all(self._is_sum(i) for i, _ in members):
                self._take_sums(gradient, members)
                continue
            for index, rows in members:
                gradient[rows] = self.value(index)
        return self.gradients

    def _is_sum(self, index: int) -> bool:
        return self.nodes[index].op == "total" and self._is_timed(index)

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

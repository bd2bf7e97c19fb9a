"""Compute the weight gradients of small calls, as :mod:`elman.backends.llvm.run.gradients` does, with fewer operations.

All time steps are in one window, every one is real, and every gradient is a product or a sum. So the memory of adjoints
and the parts that products read are made once, and used again.

>>> from elman.autodiff import derive
>>> from elman.backends.llvm.run.kernel import find_kernel, lay_out
>>> from elman.cells import elman
>>> kernel = find_kernel(derive(elman), "mirror", False, torch.float32)
>>> layout = lay_out(kernel, (7, 1, 3), ((1, 5),), ((5, 3), (5, 5), (5,)), 1)
>>> sums = SmallSums(layout, torch.empty(0))
>>> [gradient.shape for gradient in sums.finish(torch.ones(7, 3), [torch.ones(1, 5)], torch.ones(7, 5), torch.ones(0))]
[torch.Size([5, 3]), torch.Size([5, 5]), torch.Size([5])]
"""

import torch
from torch import Tensor

from elman.backends.llvm.run.gradients import find_sums
from elman.backends.llvm.run.kernel import Layout


def are_small_sums(layout: Layout) -> bool:
    """Test whether every gradient of a mirror's parameters is a product, or sums of adjoints."""
    how, nodes = find_sums(layout), layout.kernel.plan.nodes
    rest = [index for members in how.others for index, _ in members]
    if how.apart or any(nodes[i].op != "total" or not how.is_timed(i) for i in rest):
        return False
    # A gradient whose members are partly products and partly sums is put together by the general code.
    products = {block.parameter for block in how.blocks}
    return not any(members and number in products for number, members in enumerate(how.others))


class SmallSums:
    """The memory of adjoints of small calls, and how gradients are computed from it.

    Args:
        layout: of the mirror's frames; :func:`are_small_sums` holds.
        like: has the dtype.

    Attributes:
        places: the places of all kept values, for `Frames.move`.
    """

    def __init__(self, layout: Layout, like: Tensor) -> None:
        self.layout, how, columns = layout, find_sums(layout), layout.columns
        self.adjoints = like.new_empty(layout.window * layout.batch, layout.width)
        # A sum over one row is that row.
        self.is_one_row = len(self.adjoints) == 1
        self.totals = self.adjoints[0] if self.is_one_row else like.new_empty(layout.width)
        item, row, base = layout.item, layout.width * layout.item, self.adjoints.data_ptr()
        self.places = [v for c in columns.values() for v in (base + c.start * item, layout.batch * row, row)]
        program, turned = layout.kernel.plan.program, self.adjoints.T
        self.has_totals, self.vectors = how.has_totals, sorted(how.vectors)
        self.shapes = [
            [len(p.members) * layout.sizes[p.shape[0]], *(layout.sizes[axis] for axis in p.shape[1:])]
            for p in program.parameters
        ]
        self.products = [
            [(b.rows, turned[b.columns], b.vector, b.is_whole) for b in how.blocks if b.parameter == number]
            for number in range(len(self.shapes))
        ]
        nodes = layout.kernel.plan.nodes
        self.parts = [[self.totals[columns[nodes[i].args[0]]] for i, _ in members] for members in how.others]
        for number, copy in enumerate(how.copies):
            if copy is not None:
                self.parts[number] = [self.totals[copy]]

    def finish(self, x: Tensor, states: list[Tensor], output: Tensor, saved: Tensor) -> list[Tensor]:
        """Return the gradient of every parameter.

        Args:
            x: (T · B, I).
            states: the initial states, each (B, its size).
            output: (T · B, size of the first state).
            saved: what the forward run saved.
        """
        if self.has_totals and not self.is_one_row:
            torch.sum(self.adjoints, 0, out=self.totals)
        vectors = {index: self._vector(index, x, states, output, saved) for index in self.vectors}
        gradients = []
        for shape, products, parts in zip(self.shapes, self.products, self.parts, strict=True):
            if len(products) == 1 and products[0][3]:
                gradients.append(torch.mm(products[0][1], vectors[products[0][2]]))
            elif products:
                gradients.append(x.new_empty(shape))
                for rows, part, vector, _ in products:
                    total = gradients[-1][rows]
                    torch.mm(part, vectors[vector], out=total)
            else:
                gradients.append(parts[0].clone() if len(parts) == 1 else torch.cat(parts))
        return gradients

    def _vector(self, index: int, x: Tensor, states: list[Tensor], output: Tensor, saved: Tensor) -> Tensor:
        """Return a vector for every row: (T · B, its size)."""
        plan = self.layout.kernel.plan
        if index in self.layout.columns:
            return self.adjoints[:, self.layout.columns[index]]
        if index not in plan.shifted:
            return self._value(index, x, output, saved)
        initial = states[plan.shifted[index]]
        if len(initial) == len(x):
            return initial
        after = self._value(plan.program.forward.results[plan.shifted[index]], x, output, saved)
        return torch.cat([initial, after[: len(x) - len(initial)]])

    def _value(self, index: int, x: Tensor, output: Tensor, saved: Tensor) -> Tensor:
        plan = self.layout.kernel.plan
        if index == plan.program.graph.input:
            return x
        if index not in self.layout.saved:
            return output
        offset, width = self.layout.saved[index]
        whole, size = saved[offset : offset + len(x) * width].view(len(x), width), self.layout.sizes[plan.axis(index)]
        return whole if width == size else whole[:, :size]

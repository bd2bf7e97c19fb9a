"""Prepare single time steps: a step of a layer is one call of compiled code.

Parameters may change in ways that torch does not record (``p.data.mul_(…)``), so nothing computed from them is kept:
every step reads their memory, see `emit.unpacked`, or, if there are many rows, packs them again. Frozen steps pack them
once. A value is the same chain of sums in all three. Frozen steps of narrow matrices read them as they are, see
`emit.widened`, and so do the steps of many rows, which frozen steps divide among threads.
"""

import ctypes
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs
from elman.backends.llvm.plan import slots
from elman.backends.llvm.run.frames import Frames
from elman.backends.llvm.run.kernel import find_kernel
from elman.backends.llvm.run.narrow_packing import PRODUCTS, pack_narrow
from elman.backends.narrow import NarrowMatrix

_EMPTY = torch.empty_like
LONG_STEP = 1 << 18  # bytes of parameters; a smaller step ends before another Python thread could start


class Steps:
    """Stacked layers that are prepared for single time steps.

    Args:
        program: the program of all layers.
        layers: the parameters of each layer, contiguous; or, if frozen, with narrow matrices.
        states: for each state (L, B, its size), contiguous; they are read and written in place.
        input_size: length of an input vector.
        frozen: pack weights once, here: later changes of them are not seen.
    """

    def __init__(
        self,
        program: Program,
        layers: Sequence[Sequence[Tensor | NarrowMatrix]],
        states: Sequence[Tensor],
        input_size: int,
        frozen: bool = False,
    ) -> None:
        first, batch = states[0], states[0].shape[1]
        self.dtype, self.like = first.dtype, first.new_empty(first.shape[1:])
        forms = {p.form for parameters in layers for p in parameters if isinstance(p, NarrowMatrix)}
        products = PRODUCTS[forms.pop()] if forms else None
        self.kernel = find_kernel(program, "forward", False, self.dtype, products)
        numbers, graph = self.kernel.slots, program.graph
        sides = [first.new_zeros(1, batch, 1) for _ in program.sides]
        x = first.new_zeros(1, batch, input_size)
        self.frames, self.between = [], [x]
        in_place = self.kernel.reads_in_place(1, batch) and not frozen
        threads = torch.get_num_threads() if frozen and batch > 1 else 1
        stored = [[p.numbers if isinstance(p, NarrowMatrix) else p.detach() for p in own] for own in layers]
        for number, parameters in enumerate(stored):
            own = [state[number] for state in states]
            inputs = Inputs(x, own, parameters, sides=sides)
            x = first.new_empty(1, *first.shape[1:])
            self.frames.append(Frames(self.kernel, inputs, threads, in_place))
            self.frames[-1].arena.read_packed(None)
            self.frames[-1].fill_forward(inputs, x, own)
            self.between.append(x)
        self.tables = [frames.arena.table for frames in self.frames]
        self.packs = not (in_place or frozen)
        if frozen:
            self._freeze(layers)
        sides_read = [slots.given(graph.leaves["side", name]) for name in graph.sides]
        self.sides = [numbers[slots.address(place)] for place in sides_read]
        self.begins, self.ends = (
            [numbers[slots.address(place(k))] for k in range(len(states))] for place in (slots.begin, slots.end)
        )
        self.moved = [numbers[slots.address(place)] for place in (slots.given(graph.input), slots.OUTPUT)]
        *lower, self.last = [frames.arena.address for frames in self.frames]
        self.lower = [(address, after.data_ptr()) for address, after in zip(lower, self.between[1:], strict=False)]
        is_short = sum(p.nbytes for parameters in stored for p in parameters) < LONG_STEP
        # A call that keeps the interpreter's lock costs less.
        kind = ctypes.PYFUNCTYPE if is_short else ctypes.CFUNCTYPE
        run = kind(None, *[ctypes.c_void_p] * 3)(self.kernel.library.address("advance" if frozen else "step"))
        is_divided = any(frames.layout.parts > 1 for frames in self.frames)
        self.run: Callable[[int, int, int], None] = self._run_parts if is_divided else run

    def _freeze(self, layers: Sequence[Sequence[Tensor | NarrowMatrix]]) -> None:
        """Pack weights, and compute once what depends on parameters alone."""
        if not self.kernel.products.weight:
            self.pack()
        for frames, parameters in zip(self.frames, layers, strict=True):
            if self.kernel.products.weight:
                pack_narrow(frames, parameters)
            frames.arena.prepare()

    def pack(self) -> None:
        """Pack the weights of all layers, as they are now."""
        for frames in self.frames:
            frames.arena.pack()

    def bind(self, states: Sequence[Tensor]) -> None:
        """Continue from other states, which are read and written in place."""
        for begin, end, state in zip(self.begins, self.ends, states, strict=True):
            for table, own in zip(self.tables, state, strict=True):
                table[:, begin] = table[:, end] = own.data_ptr()

    def step(self, x: Tensor, sides: Sequence[Tensor]) -> Tensor:
        """Run one step.

        Args:
            x: (B, I).
            sides: in the program's order, each (B, 1).

        Returns:
            The output, (B, size of the first state). The states are those after the step.
        """
        if not x.is_contiguous():
            x = x.contiguous()
        if sides:
            held = self._set_sides(sides)  # noqa: F841 - they must live until the step is over
        if self.packs:
            self.pack()
        return self.advance(x.data_ptr())

    def advance(self, given: int) -> Tensor:
        """Run one step as :meth:`step` does, of a contiguous x at an address, where nothing has to be prepared."""
        output = _EMPTY(self.like)
        for address, result in self.lower:
            self.run(address, given, result)
            given = result
        self.run(self.last, given, output.data_ptr())
        return output

    def _set_sides(self, sides: Sequence[Tensor]) -> list[Tensor]:
        held = [side.contiguous() for side in sides]
        for slot, side in zip(self.sides, held, strict=True):
            for table in self.tables:
                table[:, slot] = side.data_ptr()
        return held

    def _run_parts(self, address: int, given: int, output: int) -> None:
        """Run a layer on several threads, as the function `advance` of its kernel does on one."""
        frames = next(frames for frames in self.frames if frames.arena.address == address)
        frames.arena.table[:, self.moved] = given, output
        frames.arena.run()

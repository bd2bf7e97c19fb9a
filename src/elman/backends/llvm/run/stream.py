"""Prepare single time steps: a step of a layer is one call of compiled code.

Parameters may change in ways that torch does not record (``p.data.mul_(…)``), so nothing computed from them is kept:
every step reads their memory, see `emit.unpacked`, or, if there are many rows, packs them again. Frozen steps pack them
once. A value is the same chain of sums in all three.
"""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs
from elman.backends.llvm.plan import slots
from elman.backends.llvm.plan.slots import HEADER
from elman.backends.llvm.run.frames import Frames
from elman.backends.llvm.run.kernel import find_kernel

_EMPTY = torch.empty_like
LONG_STEP = 1 << 18  # bytes of parameters; a smaller step ends before another Python thread could start


class Steps:
    """Stacked layers that are prepared for single time steps.

    Args:
        program: the program of all layers.
        layers: the parameters of each layer, contiguous.
        states: for each state (L, B, its size), contiguous; they are read and written in place.
        input_size: length of an input vector.
        frozen: pack weights once, here: later changes of them are not seen.
    """

    def __init__(
        self,
        program: Program,
        layers: Sequence[Sequence[Tensor]],
        states: Sequence[Tensor],
        input_size: int,
        frozen: bool = False,
    ) -> None:
        first, batch = states[0], states[0].shape[1]
        self.dtype, self.like = first.dtype, first.new_empty(first.shape[1:])
        self.kernel = find_kernel(program, "forward", False, self.dtype)
        numbers, graph = self.kernel.slots, program.graph
        sides = [first.new_zeros(1, batch, 1) for _ in program.sides]
        x = first.new_zeros(1, batch, input_size)
        self.frames, self.between = [], [x]
        in_place = self.kernel.reads_in_place(1, batch) and not frozen
        for number, parameters in enumerate(layers):
            own = [state[number] for state in states]
            inputs = Inputs(x, own, [p.detach() for p in parameters], sides=sides)
            x = first.new_empty(1, *first.shape[1:])
            self.frames.append(Frames(self.kernel, inputs, 1, in_place))
            self.frames[-1].arena.read_packed(None)
            self.frames[-1].fill_forward(inputs, x, own)
            self.between.append(x)
        self.arenas = [frames.arena.flat for frames in self.frames]
        self.packs = not (in_place or frozen)
        if frozen:
            self._freeze()
        sides_read = [slots.given(graph.leaves["side", name]) for name in graph.sides]
        self.sides = [HEADER + numbers[slots.address(place)] for place in sides_read]
        self.begins, self.ends = (
            [HEADER + numbers[slots.address(place(k))] for k in range(len(states))]
            for place in (slots.begin, slots.end)
        )
        *lower, self.last = [frames.arena.address for frames in self.frames]
        self.lower = [(address, after.data_ptr()) for address, after in zip(lower, self.between[1:], strict=False)]
        is_short = sum(p.nbytes for parameters in layers for p in parameters) < LONG_STEP
        # A call that keeps the interpreter's lock costs less.
        kind = ctypes.PYFUNCTYPE if is_short else ctypes.CFUNCTYPE
        self.run = kind(None, *[ctypes.c_void_p] * 3)(self.kernel.library.address("advance" if frozen else "step"))

    def _freeze(self) -> None:
        """Compute once what depends on parameters alone."""
        self.pack()
        for frames in self.frames:
            self.kernel.prepare(frames.arena.address + 8 * HEADER)

    def pack(self) -> None:
        """Pack the weights of all layers, as they are now."""
        for frames in self.frames:
            frames.arena.pack()

    def bind(self, states: Sequence[Tensor]) -> None:
        """Continue from other states, which are read and written in place."""
        for begin, end, state in zip(self.begins, self.ends, states, strict=True):
            for arena, own in zip(self.arenas, state, strict=True):
                arena[begin] = arena[end] = own.data_ptr()

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
        return self.advance(x)

    def advance(self, x: Tensor) -> Tensor:
        """Run one step as :meth:`step` does, where x is contiguous and nothing else has to be prepared."""
        output = _EMPTY(self.like)
        given = x.data_ptr()
        for address, result in self.lower:
            self.run(address, given, result)
            given = result
        self.run(self.last, given, output.data_ptr())
        return output

    def _set_sides(self, sides: Sequence[Tensor]) -> list[Tensor]:
        held = [side.contiguous() for side in sides]
        for slot, side in zip(self.sides, held, strict=True):
            for arena in self.arenas:
                arena[slot] = side.data_ptr()
        return held

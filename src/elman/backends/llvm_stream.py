"""Hold everything ready for single time steps: a step of a stream is one call of compiled code.

Weights stay packed from step to step. They may change in ways that torch does not count (``p.data.mul_(…)``), so every
step compares the parameters with copies of their bytes; where they differ, it packs anew.
"""

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs
from elman.backends.llvm_engine import load
from elman.backends.llvm_frames import Frames
from elman.backends.llvm_kernel import find_kernel, target
from elman.backends.llvm_slots import HEADER
from elman.backends.llvm_target import Target

LONG_STEP = 1 << 18  # bytes of parameters; a step with fewer is over before another Python thread could have begun


class Steps:
    """Run stacked layers for one time step after the other.

    Args:
        program: that of all layers.
        layers: the parameters of each layer, contiguous.
        states: for each state (L, B, its size), contiguous; they are read and written in place.
        input_size: length of an input vector.
    """

    def __init__(
        self, program: Program, layers: Sequence[Sequence[Tensor]], states: Sequence[Tensor], input_size: int
    ) -> None:
        self.parameters = [p.detach() for parameters in layers for p in parameters]
        self.copies = [p.clone() for p in self.parameters]
        first, batch = states[0], states[0].shape[1]
        self.dtype, self.device, self.shape = first.dtype, first.device, first.shape[1:]
        kernel = find_kernel(program, "forward", False, self.dtype)
        sides = [first.new_zeros(1, batch, 1) for _ in program.sides]
        x = first.new_zeros(1, batch, input_size)
        self.frames, self.between = [], [x]
        for number, parameters in enumerate(layers):
            own = [state[number] for state in states]
            inputs = Inputs(x, own, [p.detach() for p in parameters], sides=sides)
            x = first.new_empty(1, *self.shape)
            self.frames.append(Frames(kernel, inputs, 1))
            self.frames[-1].fill_forward(inputs, x, own)
            self.between.append(x)
        graph = program.graph
        self.arenas = [frames.arena.flat for frames in self.frames]
        self.input = HEADER + kernel.slots[f"given{graph.input}.p"]
        self.output = HEADER + kernel.slots["output.p"]
        self.sides = [HEADER + kernel.slots[f"given{graph.leaves['side', name]}.p"] for name in graph.sides]
        self.begins, self.ends = (
            [HEADER + kernel.slots[f"{name}{k}.p"] for k in range(len(states))] for name in ("begin", "end")
        )
        self.table = self._write_table(kernel.worker)
        self.address = self.table.ctypes.data
        self.run = _function(target(), sum(p.nbytes for p in self.parameters) < LONG_STEP)
        self.pack()

    def _write_table(self, worker: int) -> "np.ndarray[Any, Any]":
        table = [len(self.parameters), len(self.frames)]
        for parameter, copy in zip(self.parameters, self.copies, strict=True):
            table += [parameter.data_ptr(), copy.data_ptr(), parameter.nbytes]
        for frames in self.frames:
            table += [worker, frames.arena.address]
        return np.array(table, dtype=np.int64)

    def bind(self, states: Sequence[Tensor]) -> None:
        """Go on from other states, which are then read and written in place."""
        for begin, end, state in zip(self.begins, self.ends, states, strict=True):
            for arena, own in zip(self.arenas, state, strict=True):
                arena[begin] = arena[end] = own.data_ptr()

    def pack(self) -> None:
        """Follow the parameters as they are now."""
        for copy, parameter in zip(self.copies, self.parameters, strict=True):
            copy.copy_(parameter)
        for frames in self.frames:
            frames.prepare()

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
        output = torch.empty(self.shape, dtype=self.dtype, device=self.device)
        self.arenas[0][self.input] = x.data_ptr()
        self.arenas[-1][self.output] = output.data_ptr()
        held = [side.contiguous() for side in sides]
        for slot, side in zip(self.sides, held, strict=True):
            for arena in self.arenas:
                arena[slot] = side.data_ptr()
        while self.run(self.address):
            self.pack()
        return output


@functools.cache
def _function(made_for: Target, is_short: bool) -> Callable[[int], int]:
    """Give the compiled function as a callable; one that keeps the interpreter's lock is called for short steps."""
    kind = ctypes.PYFUNCTYPE if is_short else ctypes.CFUNCTYPE
    library = load("stream", lambda: _emit_step(made_for), made_for)
    return kind(ctypes.c_int64, ctypes.c_void_p)(library.address("step"))


def _emit_step(made_for: Target) -> str:
    from elman.backends.llvm_steps import emit_step  # not before it is needed: see the emitters of a kernel

    return emit_step(made_for)

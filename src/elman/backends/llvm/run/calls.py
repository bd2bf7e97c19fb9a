"""Run small calls of one form: what follows from shapes alone is laid out once, and a call sets addresses.

Weights are read where they are, or packed again, at every call, so nothing that is kept can be out of date.

>>> from elman.autodiff import derive
>>> from elman.cells import elman
>>> x, state, weights = torch.ones(7, 1, 3), torch.zeros(1, 5), [torch.ones(5, 3), torch.ones(5, 5), torch.zeros(5)]
>>> call = open_call(derive(elman), Inputs(x, [state], weights), save=False)
>>> (output, _), _ = call.run([x, state], weights)
>>> output.shape
torch.Size([7, 1, 5])
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs
from elman.backends.llvm.products import PLAIN
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run import threads as llvm_threads
from elman.backends.llvm.run.frames import lend
from elman.backends.llvm.run.kernel import MANY_ROWS, Layout, find_kernel, lay_out
from elman.backends.llvm.run.memory import SMALL
from elman.backends.llvm.run.small_sums import SmallSums, are_small_sums

Pairs = list[tuple[int, int]]
"""For each slot, the number of the tensor whose address is added (0 for none), and a number."""

_ADDRESS = Tensor.data_ptr


def open_call(program: Program, inputs: Inputs, save: bool, is_step: bool = False) -> "SmallCall | None":
    """Lay out calls with tensors of these shapes.

    Args:
        program: without side inputs.
        inputs: contiguous tensors in plain memory of the CPU, without lengths, of at least one row.
        save: whether calls save what a mirror reads.
        is_step: whether calls return states (B, its size) alone, after one time step; else the output (T, B, size of
            the first state) and the final states, each (1, B, its size).

    Returns:
        None if calls are so large that they are divided among threads, or if operands are rounded.
    """
    steps, batch, _ = inputs.x.shape
    if steps * batch * sum(math.prod(p.shape) for p in inputs.parameters) >= llvm_kernel.LEAST_WORK:
        return None
    if find_kernel(program, "forward", save, inputs.x.dtype).products is not PLAIN:
        return None
    call = SmallCall(program, inputs, save, is_step)
    return call if max(call.saved.nbytes, call.zeros[0].nbytes) < SMALL else None


class SmallCall:
    """Small calls of one form.

    Args:
        program: the program to run.
        inputs: tensors of the shapes and the dtype of all calls.
        save, is_step: as in :func:`open_call`.

    Attributes:
        zeros: tensors of the shapes of the results.
    """

    def __init__(self, program: Program, inputs: Inputs, save: bool, is_step: bool) -> None:
        x, states = inputs.x, inputs.states
        self.program, self.inputs, self.save, self.is_step = program, inputs, save, is_step
        steps, batch, _ = x.shape
        kernel = find_kernel(program, "forward", save, x.dtype)
        self.in_place = steps == 1 and batch < MANY_ROWS and kernel.reads_in_place
        self.layout = _lay_out(program, "forward", save, inputs, self.in_place)
        self.moving = (0, steps, 1, 1)
        output = x.new_zeros(steps, batch, states[0].shape[-1])
        final = [x.new_zeros(state.shape if is_step else (1, *state.shape)) for state in states]
        self.zeros = final if is_step else [output, *final]
        self.saved = x.new_empty(self.layout.saved_count)
        # Tensors: none, x, the output, what is saved, states, final states, parameters.
        count, places = len(states), _ContiguousPlaces(self.layout.item)
        self.pairs: Pairs = [(0, 1), (0, 0), (0, 0), (0, 0)]
        self.pairs += [*places.timed(1, x.shape), *places.timed(2, output.shape)]
        self.pairs += [pair for k, state in enumerate(states) for pair in places.rows(4 + k, state.shape)]
        self.pairs += [(4 + count + k, 0) for k in range(count)]
        self.pairs += places.saved(3, self.layout) if save else []
        self.pairs += [(4 + 2 * count + number, offset) for number, offset in self.layout.members]
        self.mirrors: dict[bool, SmallMirror] = {}

    def run(self, given: Sequence[Tensor], parameters: Sequence[Tensor]) -> tuple[list[Tensor], Tensor | None]:
        """Run forward.

        Args:
            given: x and the states, contiguous, in plain memory, with as many elements as those of the call.
            parameters: of the call's shapes, as well.

        Returns:
            The results, see :func:`open_call`; what a mirror reads, or None.
        """
        results = [*map(torch.empty_like, self.zeros)]
        saved = torch.empty_like(self.saved) if self.save else None
        final = [*map(_ADDRESS, results)]
        output = final[0]  # the output of one time step is its first state
        if not self.is_step:
            del final[0]
        x, *states = map(_ADDRESS, given)
        bases = (0, x, output, 0 if saved is None else saved.data_ptr(), *states, *final, *map(_ADDRESS, parameters))
        layout = self.layout
        arena = lend(layout, self.saved)
        arena.read_packed(None)
        ((moving, filled),) = layout.places
        layout.moving.pack_into(arena.data, moving, *self.moving)
        layout.filled.pack_into(arena.data, filled, *[bases[i] + n for i, n in self.pairs])
        if self.in_place:
            layout.kernel.step(arena.address, x, output)
        else:
            llvm_threads.run(layout.kernel.whole, arena.address, 1)
        arena.release()
        return results, saved

    def mirror(
        self,
        given: Sequence[Tensor],
        parameters: Sequence[Tensor],
        output: Tensor,
        saved: Tensor,
        adjoints: Sequence[Tensor],
        needs_input: bool,
    ) -> list[Tensor | None] | None:
        """Run the mirror.

        Args:
            given: x and the states, as in the run forward.
            parameters: as there.
            output: its first result.
            saved: what it saved.
            adjoints: of its results, contiguous, in plain memory.
            needs_input: whether dL/dx is computed.

        Returns:
            The gradients of x (None if it is not needed), the states and the parameters. None if the general code must
            compute them.
        """
        if needs_input not in self.mirrors:
            self.mirrors[needs_input] = SmallMirror(self, needs_input)
        mirror = self.mirrors[needs_input]
        if not mirror.is_whole:
            return None
        return mirror.run(given, parameters, output, saved, adjoints)


class SmallMirror:
    """The mirrors of small calls of one form.

    Args:
        call: the calls.
        needs_input: whether dL/dx is computed.

    Attributes:
        is_whole: whether all time steps are in one window, and all gradients of parameters are :class:`SmallSums`.
    """

    def __init__(self, call: SmallCall, needs_input: bool) -> None:
        inputs, self.is_step = call.inputs, call.is_step
        x, states = inputs.x, inputs.states
        self.needs_input, self.like = needs_input, call.saved
        name = "mirror" if needs_input else "mirror_without_input"
        self.layout = layout = _lay_out(call.program, name, False, inputs, False)
        steps, batch, _ = x.shape
        self.steps, self.is_whole = steps, steps == layout.window and are_small_sums(layout)
        # Tensors: none, x, the output, what is saved, dL/d output, dL/dx, dL/d final states, dL/d states, states,
        # parameters.
        count, places = len(states), _ContiguousPlaces(layout.item)
        shapes = [state.shape for state in states]
        self.zero_output = call.zeros[0]
        output = (steps, batch, shapes[0][-1])
        self.pairs: Pairs = [(0, -1), (0, 0), (0, -1), (0, layout.zeros.data_ptr()), (0, 0)]
        self.pairs += [*places.timed(1, x.shape), *places.timed(2, output), *places.timed(4, output)]
        self.pairs += places.timed(5, x.shape) if needs_input else [(0, 0)] * 3
        self.pairs += [pair for k in range(count) for pair in places.rows(6 + k, shapes[k])]
        self.pairs += [(6 + count + k, 0) for k in range(count)]
        self.pairs += [pair for k in range(count) for pair in places.rows(6 + 2 * count + k, shapes[k])]
        self.pairs += places.saved(3, layout)
        self.pairs += [(6 + 3 * count + number, offset) for number, offset in layout.members]

    def run(
        self,
        given: Sequence[Tensor],
        parameters: Sequence[Tensor],
        output: Tensor,
        saved: Tensor,
        adjoints: Sequence[Tensor],
    ) -> list[Tensor | None]:
        """Run as :meth:`SmallCall.mirror`."""
        layout, (x, *states) = self.layout, given
        d_x = torch.empty_like(x) if self.needs_input else None
        d_states = [*map(torch.empty_like, states)]
        if self.is_step:
            adjoints = [self.zero_output, *adjoints]  # there is no output besides the states
        bases = (
            *(0, x.data_ptr(), output.data_ptr(), saved.data_ptr(), adjoints[0].data_ptr()),
            *(0 if d_x is None else d_x.data_ptr(), *map(_ADDRESS, adjoints[1:]), *map(_ADDRESS, d_states)),
            *(*map(_ADDRESS, states), *map(_ADDRESS, parameters)),
        )
        arena = lend(layout, self.like)
        arena.read_packed(None)
        if arena.sums is None:
            arena.sums = SmallSums(layout, self.like)
        ((moving, filled),) = layout.places
        layout.moving.pack_into(arena.data, moving, self.steps - 1, self.steps, 1, 1, *arena.sums.places)
        layout.filled.pack_into(arena.data, filled, *[bases[i] + n for i, n in self.pairs])
        llvm_threads.run(layout.kernel.whole, arena.address, 1)
        if not self.is_step:
            x, output, *states = (t.flatten(0, 1) for t in (x, output, *states))
        d_parameters = arena.sums.finish(x, states, output, saved)
        arena.release()
        return [d_x, *d_states, *d_parameters]


class _ContiguousPlaces:
    """The slots of places of contiguous tensors, by the bytes of an element."""

    def __init__(self, item: int) -> None:
        self.item = item

    def timed(self, tensor: int, shape: Sequence[int]) -> Pairs:
        """Return the slots of a tensor (T, B, n)."""
        return [(tensor, 0), (0, shape[1] * shape[2] * self.item), (0, shape[2] * self.item)]

    def rows(self, tensor: int, shape: Sequence[int]) -> Pairs:
        """Return the slots of a tensor (B, n)."""
        return [(tensor, 0), (0, shape[1] * self.item)]

    @staticmethod
    def saved(tensor: int, layout: Layout) -> Pairs:
        """Return the slots of the saved values, which are parts of one tensor."""
        return [pair for start, time, row in layout.saved_places for pair in ((tensor, start), (0, time), (0, row))]


def _lay_out(program: Program, direction: str, save: bool, inputs: Inputs, in_place: bool) -> Layout:
    kernel = find_kernel(program, direction, save, inputs.x.dtype)
    states, parameters = (tuple([t.shape for t in ts]) for ts in (inputs.states, inputs.parameters))
    return lay_out(kernel, inputs.x.shape, states, parameters, 1, in_place)

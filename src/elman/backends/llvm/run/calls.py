"""Run small calls of one form: what follows from shapes alone is laid out once, and a call sets addresses.

Weights are read where they are, or packed again, at every call, so nothing that is kept can be out of date.

>>> from elman.autodiff import derive
>>> from elman.cells import elman
>>> x, state, weights = torch.ones(7, 1, 3), torch.zeros(1, 5), [torch.ones(5, 3), torch.ones(5, 5), torch.zeros(5)]
>>> call = open_call(derive(elman), Inputs(x, [state], weights), save=False)
>>> (output, _), *_ = call.run([x, state], weights)
>>> output.shape
torch.Size([7, 1, 5])
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs
from elman.backends.llvm.run import threads as llvm_threads
from elman.backends.llvm.run.frames import Arena, lend
from elman.backends.llvm.run.kernel import Layout, find_kernel, lay_out
from elman.backends.llvm.run.memory import SMALL
from elman.backends.llvm.run.small_sums import are_small, find_small_sums

Pairs = list[tuple[int, int]]
"""For each slot, the number of the tensor whose address is added (0 for none), and a number."""

_ADDRESS, _EMPTY = Tensor.data_ptr, torch.empty_like


def open_call(program: Program, inputs: Inputs, save: bool, is_step: bool = False) -> "SmallCall | None":
    """Lay out calls with tensors of these shapes, for as many threads as torch has now.

    Args:
        program: without side inputs.
        inputs: tensors of the shapes of contiguous ones in plain memory, without lengths, of at least one row.
        save: whether calls save what a mirror reads.
        is_step: whether calls return states (B, its size) alone, after one time step; else the output (T, B, size of
            the first state) and the final states, each (1, B, its size).

    Returns:
        None if results are so large that :func:`~elman.backends.llvm.run.memory.allocate` should make them.
    """
    layout = _lay_out(program, "forward", save, inputs)
    steps, batch, _ = inputs.x.shape
    most = max(layout.saved_count, steps * batch * inputs.states[0].shape[-1])
    if most * layout.outer_item >= SMALL:
        return None
    return SmallCall(program, inputs, save, is_step)


class SmallCall:
    """Small calls of one form.

    Args:
        program: the program to run.
        inputs: tensors of the shapes and the dtype of all calls.
        save, is_step: as in :func:`open_call`.

    Attributes:
        zeros: tensors of the shapes of the results.
        output: one of the shape of the output.
    """

    def __init__(self, program: Program, inputs: Inputs, save: bool, is_step: bool) -> None:
        x, states = inputs.x, inputs.states
        self.program, self.inputs, self.save, self.is_step = program, inputs, save, is_step
        steps, batch, _ = x.shape
        layout = _lay_out(program, "forward", save, inputs)
        self.output = x.new_zeros(steps, batch, states[0].shape[-1])
        final = [state.new_zeros(state.shape if is_step else (1, *state.shape)) for state in states]
        self.zeros = final if is_step else [self.output, *final]
        self.like, self.saved = states[0], x.new_empty(layout.saved_count)
        self.is_apart = is_step and layout.kernel.plan.narrow
        # Tensors: none, x, what is saved, states, the output unless it is the first final state, final states,
        # parameters.
        count, places = len(states), _ContiguousPlaces(layout)
        first, last = 3 + count, 3 + count + len(self.zeros) + self.is_apart
        pairs: Pairs = [(0, 1), (0, 0), (0, 0), (0, 0)]
        pairs += [*places.timed(1, x.shape), *places.timed(first, self.output.shape)]
        pairs += [pair for k, state in enumerate(states) for pair in places.rows(3 + k, state.shape)]
        pairs += [(last - count + k, 0) for k in range(count)]
        pairs += places.saved(2, layout) if save else []
        self.slots = _Slots(layout, pairs, last)
        self.moving = (0, steps, 1, 1)
        self.mirrors: dict[str, SmallMirror] = {}

    def run(self, given: Sequence[Tensor], parameters: Sequence[Tensor]) -> tuple[list[Tensor], Tensor, Tensor | None]:
        """Run forward.

        Args:
            given: x and the states, contiguous, in plain memory, with as many elements as those of the call.
            parameters: of the call's shapes, as well.

        Returns:
            The results, see :func:`open_call`; the output, which is the first of them unless states after one step have
            another dtype; what else a mirror reads, or None.
        """
        results, saved = [*map(_EMPTY, self.zeros)], _EMPTY(self.saved) if self.save else None
        slots = self.slots
        output = _EMPTY(self.output) if self.is_apart else results[0]
        written = [output, *results] if self.is_apart else results
        arena = lend(slots.layout, self.like)
        if arena.filled is not slots:
            slots.fill(arena, self.moving)
        x, *states = map(_ADDRESS, given)
        bases = (0, x, 0 if saved is None else saved.data_ptr(), *states, *map(_ADDRESS, written))
        slots.run(arena, bases, parameters)
        arena.release()
        return results, output, saved

    def mirror(
        self,
        given: Sequence[Tensor],
        parameters: Sequence[Tensor],
        output: Tensor,
        saved: Tensor,
        adjoints: Sequence[Tensor],
        needs: Sequence[bool],
    ) -> list[Tensor | None] | None:
        """Run the mirror.

        Args:
            given: x and the states, as in the run forward.
            parameters: as there.
            output: as it returned it.
            saved: what it saved.
            adjoints: of its results, contiguous, in plain memory.
            needs: for x and each state, whether its gradient is needed.

        Returns:
            The gradients of x (None if it is not needed), the states (None if none is needed after one time step) and
            the parameters. None if the general code must compute them.
        """
        if needs[0]:
            name = "mirror"
        elif self.inputs.x.shape[0] == 1 and True not in needs:
            name = "mirror_of_parameters"
        else:
            name = "mirror_without_input"
        if name not in self.mirrors:
            self.mirrors[name] = SmallMirror(self, name)
        mirror = self.mirrors[name]
        if not mirror.is_whole:
            return None
        return mirror.run(given, parameters, output, saved, adjoints)


class SmallMirror:
    """The mirrors of small calls of one form.

    Args:
        call: the calls.
        name: of the schedule.

    Attributes:
        is_whole: whether the gradients of parameters are small sums.
    """

    def __init__(self, call: SmallCall, name: str) -> None:
        inputs, self.is_step = call.inputs, call.is_step
        x, states = inputs.x, inputs.states
        self.needs_input, self.needs_states = name == "mirror", name != "mirror_of_parameters"
        self.like = call.like
        layout = _lay_out(call.program, name, False, inputs)
        steps, batch, _ = x.shape
        self.steps, self.is_whole = steps, are_small(layout, inputs)
        # Tensors: none, x, the output, what is saved, dL/d output, dL/dx, dL/d final states, dL/d states, states,
        # parameters.
        count, places = len(states), _ContiguousPlaces(layout)
        shapes = [state.shape for state in states]
        self.zero_output = call.output
        self.dtype = x.dtype if layout.kernel.plan.narrow else None
        output = (steps, batch, shapes[0][-1])
        pairs: Pairs = [(0, -1), (0, 0), (0, -1), (0, layout.zeros.data_ptr()), (0, 0)]
        pairs += [*places.timed(1, x.shape), *places.timed(2, output), *places.timed(4, output)]
        pairs += places.timed(5, x.shape) if self.needs_input else [(0, 0)] * 3
        pairs += [pair for k in range(count) for pair in places.rows(6 + k, shapes[k])]
        pairs += [(6 + count + k if self.needs_states else 0, 0) for k in range(count)]
        pairs += [pair for k in range(count) for pair in places.timed_rows(6 + 2 * count + k, shapes[k])]
        pairs += places.saved(3, layout)
        self.slots = _Slots(layout, pairs, 6 + 3 * count)

    def run(
        self,
        given: Sequence[Tensor],
        parameters: Sequence[Tensor],
        output: Tensor,
        saved: Tensor,
        adjoints: Sequence[Tensor],
    ) -> list[Tensor | None]:
        """Run as :meth:`SmallCall.mirror`."""
        slots, (x, *states) = self.slots, given
        d_x = _EMPTY(x) if self.needs_input else None
        d_states: list[Any] = [*map(_EMPTY, states)] if self.needs_states else [None] * len(states)
        if self.dtype is not None:
            states = [state.to(self.dtype) for state in states]  # read in turn with the output, which has this dtype
        if self.is_step:
            adjoints = [self.zero_output, *adjoints]  # there is no output besides the states
        arena = lend(slots.layout, self.like)
        sums = find_small_sums(arena)
        if arena.filled is not slots:
            slots.fill(arena, (self.steps - 1, self.steps, 1, int(self.needs_states), *sums.places))
        d_output, *d_final = map(_ADDRESS, adjoints)
        tensors = [x, output, saved, *states]
        read = [*map(_ADDRESS, tensors)]
        bases = (
            *(0, *read[:3], d_output, 0 if d_x is None else d_x.data_ptr()),
            *(*d_final, *(map(_ADDRESS, d_states) if self.needs_states else d_states), *read[3:]),
        )
        slots.run(arena, bases, parameters)
        d_parameters = sums.finish(tensors)
        arena.release()
        return [d_x, *d_states, *d_parameters]


class _Slots:
    """The slots of one direction of small calls, and the run.

    Args:
        layout: of the frames.
        pairs: for each slot that a run sets once, up to the parameters, what it is set to.
        parameters: the number of the first parameter among the tensors.
    """

    def __init__(self, layout: Layout, pairs: Pairs, parameters: int) -> None:
        self.layout = layout
        pairs = [*pairs, *((parameters + number, offset) for number, offset in layout.members)]
        self.constants = [0 if number else value for number, value in pairs]
        begins = [filled // 8 for _, filled in layout.places]
        places = [(begin + k, *pair) for begin in begins for k, pair in enumerate(pairs)]
        self.tensors = [place for place in places if 0 < place[1] < parameters]
        self.parameters = [(slot, n - parameters, offset) for slot, n, offset in places if n >= parameters]
        kernel = layout.kernel
        entry = kernel.unpacked if layout.in_place else kernel.whole
        self.function = llvm_threads.function(entry) if layout.parts == 1 else None

    def fill(self, arena: Arena, moving: Sequence[int]) -> None:
        """Set the slots that are the same in all calls."""
        for begin, filled in self.layout.places:
            self.layout.moving.pack_into(arena.data, begin, *moving)
            self.layout.filled.pack_into(arena.data, filled, *self.constants)
        arena.read_packed(None)
        arena.filled, arena.parameters = self, []

    def run(self, arena: Arena, bases: Sequence[int], parameters: Sequence[Tensor]) -> None:
        """Set the addresses of tensors, those of parameters if they have changed, and run."""
        data = arena.data
        for slot, number, offset in self.tensors:
            data[slot] = bases[number] + offset
        own = [*map(_ADDRESS, parameters)]
        if own != arena.parameters:
            for slot, number, offset in self.parameters:
                data[slot] = own[number] + offset
            arena.parameters = own
        if self.function is None:
            arena.start()
        else:
            self.function(arena.address)


class _ContiguousPlaces:
    """The slots of places of contiguous tensors."""

    def __init__(self, layout: Layout) -> None:
        self.item, self.outer_item = layout.item, layout.outer_item

    def timed(self, tensor: int, shape: Sequence[int]) -> Pairs:
        """Return the slots of a tensor (T, B, n)."""
        return [(tensor, 0), (0, shape[1] * shape[2] * self.outer_item), (0, shape[2] * self.outer_item)]

    def rows(self, tensor: int, shape: Sequence[int]) -> Pairs:
        """Return the slots of a tensor (B, n) of states or their adjoints."""
        return [(tensor, 0), (0, shape[1] * self.item)]

    def timed_rows(self, tensor: int, shape: Sequence[int]) -> Pairs:
        """Return the slots of a tensor (B, n) that is read in turn with one (T, B, n)."""
        return [(tensor, 0), (0, shape[1] * self.outer_item)]

    @staticmethod
    def saved(tensor: int, layout: Layout) -> Pairs:
        """Return the slots of the saved values, which are parts of one tensor."""
        return [pair for start, time, row in layout.saved_places for pair in ((tensor, start), (0, time), (0, row))]


def _lay_out(program: Program, direction: str, save: bool, inputs: Inputs) -> Layout:
    kernel = find_kernel(program, direction, save, inputs.x.dtype)
    states, parameters = (tuple([t.shape for t in ts]) for ts in (inputs.states, inputs.parameters))
    in_place = kernel.reads_in_place(*inputs.x.shape[:2])
    return lay_out(kernel, inputs.x.shape, states, parameters, torch.get_num_threads(), in_place)

"""Run a program forward and backward on a backend, for any lengths: the computation of the operators.

**Recomputing.** Backpropagation reads values of every time step. Saved by the forward run, they are most of the memory
of a layer in training. With `every` = k only the states before every k-th step are saved; in the backward pass each
segment of k steps is run again from them, its values are freed after its own mirror, and the adjoints continue to the
previous segment (Chen et al. 2016, "Training deep nets with sublinear memory cost", section 4.1; Gruslys et al. 2016
for BPTT). That costs one more forward run, and saves T / k + k values instead of T.
"""

import dataclasses
from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs
from elman.errors import ShapeError

Forward = tuple[Tensor, list[Tensor], list[Tensor]]
Mirror = tuple[Tensor | None, list[Tensor], list[Tensor]]


def execute_forward(backend: ModuleType, program: Program, inputs: Inputs, save: bool, every: int = 0) -> Forward:
    """Run a program over time; if there is no step, or no real one, the outputs are 0.

    Args:
        backend: the backend that runs it.
        program: the program to run.
        inputs: the tensors that it reads.
        save: save the values that the mirror reads.
        every: save only the states before every so many steps; 0 to save all values that the backend saves.

    Returns:
        The output, the final states, and the saved tensors.

    Raises:
        ShapeError: a length is out of range.
    """
    if not has_steps(inputs):
        x, states = inputs.x, inputs.states
        shapes = saved_shapes(backend, program, inputs, every) if save else []
        like = states[0] if every else x
        return (
            x.new_zeros(len(x), *states[0].shape),
            [state.clone() for state in states],
            [like.new_zeros(shape) for shape in shapes],
        )
    if every and save:
        return _forward_by_segments(backend, program, inputs, every)
    output, final, saved = backend.run_forward(program, inputs, save)
    return output, final, saved


def execute_mirror(
    backend: ModuleType,
    program: Program,
    inputs: Inputs,
    kept: Sequence[Tensor],
    adjoints: Sequence[Tensor],
    needs_input: bool,
    every: int = 0,
) -> Mirror:
    """Run the mirror of a program; if there is no step, or no real one, the gradients are 0.

    Args:
        backend: the backend that ran the program.
        program: the program that was run.
        inputs: the tensors that it read.
        kept: the output, and the saved tensors.
        adjoints: dL/d output, and dL/d final state for each.
        needs_input: compute dL/dx.
        every: as in the forward run.

    Returns:
        dL/dx or None, dL/d initial states, dL/d parameters.
    """
    if not has_steps(inputs):
        d_x = inputs.x.new_zeros(inputs.x.shape) if needs_input else None
        return d_x, [d.clone() for d in adjoints[1:]], [p.new_zeros(p.shape) for p in inputs.parameters]
    if every:
        return _mirror_by_segments(backend, program, inputs, kept[1:], adjoints, needs_input, every)
    d_x, d_states, d_parameters = backend.run_mirror(
        program, inputs, kept[0], kept[1:], adjoints[0], adjoints[1:], needs_input
    )
    return d_x, d_states, d_parameters


def saved_shapes(backend: ModuleType, program: Program, inputs: Inputs, every: int) -> list[tuple[int, ...]]:
    """Return the shapes of the tensors that a forward run saves. Only shapes are read, and they may be symbolic."""
    if every == 0:
        shapes: list[tuple[int, ...]] = backend.saved_shapes(program, inputs)
        return shapes
    segments = (inputs.x.shape[0] + every - 1) // every
    return [(segments, *state.shape) for state in inputs.states]


def has_steps(inputs: Inputs) -> bool:
    """Test whether any step is real.

    Raises:
        ShapeError: a length is out of range.
    """
    steps, batch = inputs.x.shape[:2]
    if inputs.lengths is None or batch == 0:
        return steps * batch > 0
    least, most = (int(n) for n in inputs.lengths.aminmax())
    if least < 0 or most > steps:
        raise ShapeError(
            f"lengths go from {least} to {most}, the input has {steps} time steps.\n"
            f"  A length is from 0 to {steps}.\n  Correct it, or pad the input."
        )
    return most > 0


def _segments(inputs: Inputs, every: int) -> list[slice]:
    """Divide the time axis into segments, in the order of the run."""
    steps = len(inputs.x)
    cuts = [slice(start, min(start + every, steps)) for start in range(0, steps, every)]
    return cuts[::-1] if inputs.reverse else cuts


def _cut(inputs: Inputs, part: slice, states: Sequence[Tensor]) -> Inputs:
    lengths = None if inputs.lengths is None else (inputs.lengths - part.start).clamp(0, part.stop - part.start)
    sides = [side[part] for side in inputs.sides]
    return dataclasses.replace(inputs, x=inputs.x[part], states=states, lengths=lengths, sides=sides)


def _forward_by_segments(backend: ModuleType, program: Program, inputs: Inputs, every: int) -> Forward:
    output = inputs.x.new_empty(len(inputs.x), *inputs.states[0].shape)
    states, before = list(inputs.states), []
    for part in _segments(inputs, every):
        before.append(states)
        output[part], states, _ = execute_forward(backend, program, _cut(inputs, part, states), save=False)
    return output, states, [torch.stack(column) for column in zip(*before, strict=True)]


def _mirror_by_segments(
    backend: ModuleType,
    program: Program,
    inputs: Inputs,
    before: Sequence[Tensor],
    adjoints: Sequence[Tensor],
    needs_input: bool,
    every: int,
) -> Mirror:
    d_x = inputs.x.new_empty(inputs.x.shape) if needs_input else None
    d_states, d_parameters = list(adjoints[1:]), [p.new_zeros(p.shape) for p in inputs.parameters]
    for number, part in reversed(list(enumerate(_segments(inputs, every)))):
        again = _cut(inputs, part, [column[number] for column in before])
        output, _, saved = execute_forward(backend, program, again, save=True)
        d_part, d_states, shares = execute_mirror(
            backend, program, again, [output, *saved], [adjoints[0][part], *d_states], needs_input
        )
        if d_x is not None and d_part is not None:
            d_x[part] = d_part
        for total, share in zip(d_parameters, shares, strict=True):
            total.add_(share)
    return d_x, d_states, d_parameters

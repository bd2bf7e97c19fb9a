"""Run a program as a plain loop over torch tensors. This defines what a program means.

Any dtype, any device. The same code runs while autograd records it, which gives the derivatives of the mirror. Where x
is in bfloat16, products round what they multiply to it; all else is computed in float32.
Shapes: x (T, B, I), a state (B, its size), the output (T, B, size of the first state).

>>> from elman.autodiff import derive
>>> from elman.cells import elman
>>> weights = [torch.eye(2), torch.zeros(2, 2), torch.zeros(2)]
>>> output, _, _ = run_forward(derive(elman), Inputs(torch.ones(3, 1, 2), [torch.zeros(1, 2)], weights))
>>> output.shape
torch.Size([3, 1, 2])
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs, carried_in, sizes_of
from elman.backends.tensor_calls import Call, Calls, translate

NAME = "reference"


def refuses(program: Program, dtype: torch.dtype, device: torch.device) -> str | None:  # noqa: ARG001
    """Return the reason why this backend cannot run a program on tensors of a dtype and device, or None."""
    if not dtype.is_floating_point:
        return f"A cell computes with real numbers, and the tensors are {dtype}."
    return None


def computes_in(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype to which tensors of a dtype are converted for this backend: the same."""
    return dtype


def run_forward(program: Program, inputs: Inputs, save: bool = True) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Run a program over time.

    Args:
        program: the program to run.
        inputs: the tensors that it reads.
        save: keep the values that the mirror reads; without them a run needs far less memory.

    Returns:
        The output (T, B, size of the first state), the final states, and for each value that the program saves a tensor
        (T, B, its size); none without `save`.
    """
    if inputs.x.dtype is torch.bfloat16:
        output, final, saved = _run_forward(program, _widen(inputs), save, True)
        return output.bfloat16(), final, [value.bfloat16() for value in saved]
    return _run_forward(program, inputs, save, False)


def _widen(inputs: Inputs) -> Inputs:
    return dataclasses.replace(inputs, x=inputs.x.to(carried_in(inputs.x.dtype)))


def _run_forward(
    program: Program, inputs: Inputs, save: bool, rounds: bool
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    schedule, calls = program.forward, translate(program, "forward", rounds)
    inputs = _fill_padding(program, inputs)
    x, valid, reverse = inputs.x, inputs.valid, inputs.reverse
    values = _fill(program, calls, inputs)
    _run(calls.once, values)
    _run(calls.before, values)
    stacks = {i: values[i] for i in calls.stepwise}
    rows = {i: stack.unbind(0) for i, stack in stacks.items()}
    length = x.shape[0]
    outputs: list[Any] = [None] * length
    kept: dict[int, list[Any]] = {i: [None] * length for i in calls.kept if save}
    carried = list(inputs.states)
    for t in reversed(range(length)) if reverse else range(length):
        _set(values, schedule.carries, carried)
        _set(values, rows.keys(), [row[t] for row in rows.values()])
        _run(calls.loop, values)
        new = [_fit(values[i], old) for i, old in zip(schedule.results, carried, strict=True)]
        if valid is not None:
            new = [torch.where(valid[t], value, old) for value, old in zip(new, carried, strict=True)]
        for i, column in kept.items():
            column[t] = values[i]
        outputs[t], carried = new[0], new
    output = torch.stack(outputs)
    if valid is not None:
        output = torch.where(valid, output, output.new_zeros(()))
    final = [state.clone() for state in carried]  # one may be an initial state, or a view of a larger tensor
    if not save:
        return output, final, []
    _set(values, stacks.keys(), stacks.values())
    _set(values, kept.keys(), [torch.stack(column) for column in kept.values()])
    _run(calls.after, values)
    return output, final, [_own(values[i], x) for i in program.saved]


def saved_shapes(program: Program, inputs: Inputs) -> list[tuple[int, ...]]:
    """Return the shapes of the tensors that :func:`run_forward` saves; their dtype is that of x.

    Only shapes are read, and they may be symbolic.
    """
    nodes, sizes = program.graph.nodes, sizes_of(program, inputs)
    return [(*inputs.x.shape[:2], *(sizes[name] for name in nodes[i].shape)) for i in program.saved]


def run_mirror(
    program: Program,
    inputs: Inputs,
    output: Tensor,  # noqa: ARG001 - a backend may read states from it; here they are saved
    saved: Sequence[Tensor],
    d_output: Tensor,
    d_final: Sequence[Tensor],
    needs_input: bool = True,
    norms: Tensor | None = None,
) -> tuple[Tensor | None, list[Tensor], list[Tensor]]:
    """Run the mirror of a program: backpropagation through time.

    Args:
        program: the program that was run.
        inputs: the tensors that it read.
        output: the output of the forward run; zero in the padding.
        saved: the tensors that the forward run saved.
        d_output: dL/d output, (T, B, size of the first state).
        d_final: dL/d final state, for each.
        needs_input: compute dL/dx.
        norms: (states, T, B) of zeros, receives the norm of dL/ds for every state s after every real step.

    Returns:
        dL/dx or None, dL/d initial state for each, dL/d parameter for each stacked tensor.
    """
    if inputs.x.dtype is not torch.bfloat16:
        return _run_mirror(program, inputs, saved, d_output, d_final, needs_input, norms, False)
    wide = [value.to(carried_in(value.dtype)) for value in (d_output, *saved)]
    d_x, d_states, gradients = _run_mirror(
        program, _widen(inputs), wide[1:], wide[0], d_final, needs_input, norms, True
    )
    return None if d_x is None else d_x.bfloat16(), d_states, gradients


def _run_mirror(
    program: Program,
    inputs: Inputs,
    saved: Sequence[Tensor],
    d_output: Tensor,
    d_final: Sequence[Tensor],
    needs_input: bool,
    norms: Tensor | None,
    rounds: bool,
) -> tuple[Tensor | None, list[Tensor], list[Tensor]]:
    direction = "mirror" if needs_input else "mirror_without_input"
    schedule, calls = getattr(program, direction), translate(program, direction, rounds)
    inputs = _fill_padding(program, inputs)
    x, valid, reverse = inputs.x, inputs.valid, inputs.reverse
    values = _fill(program, calls, inputs)
    kinds = [program.graph.nodes[i].is_mask for i in program.saved]
    _set(values, program.saved, [v != 0 if mask else v for v, mask in zip(saved, kinds, strict=True)])
    _run(calls.once, values)
    _run(calls.before, values)
    stacks = {i: values[i] for i in calls.stepwise}
    rows = {i: stack.unbind(0) for i, stack in stacks.items()}
    length = x.shape[0]
    kept: dict[int, list[Any]] = {i: [None] * length for i in calls.kept}
    zero = x.new_zeros(())
    if valid is not None:
        d_output = torch.where(valid, d_output, zero)
    carried = list(d_final)
    for t in range(length) if reverse else reversed(range(length)):
        # the adjoint of a state after step t: from the output of step t, and from step t + 1
        arrived = [carried[0] + d_output[t], *carried[1:]]
        real = arrived if valid is None else [torch.where(valid[t], d, zero) for d in arrived]
        if norms is not None:
            norms[:, t] = torch.stack([d.norm(dim=-1) for d in real])
        _set(values, schedule.carries, real)
        _set(values, rows.keys(), [row[t] for row in rows.values()])
        _run(calls.loop, values)
        carried = [_fit(values[i], d) for i, d in zip(schedule.results, arrived, strict=True)]
        if valid is not None:  # in the padding a state is the one before, so its adjoint passes unchanged
            carried = [torch.where(valid[t], value, d) for value, d in zip(carried, arrived, strict=True)]
        for i, column in kept.items():
            column[t] = values[i]
    _set(values, stacks.keys(), stacks.values())
    _set(values, kept.keys(), [torch.stack(column) for column in kept.values()])
    _run(calls.after, values)
    _run(calls.end, values)
    place = program.graph.output
    d_x = _fit(values[place[f"d_{program.graph.nodes[program.graph.input].name}"]], x) if needs_input else None
    gradients = [
        torch.cat([_part(values[place[f"d_{member}"]], whole, len(p.members)) for member in p.members])
        for p, whole in zip(program.parameters, inputs.parameters, strict=True)
    ]
    return d_x, [d.clone() for d in carried], gradients


def run_step(program: Program, inputs: Inputs) -> list[Tensor]:
    """Run one time step: from x (B, I) and the states before it, compute the states after it."""
    rounds = inputs.x.dtype is torch.bfloat16
    calls, inputs = translate(program, "forward", rounds), _widen(inputs)
    values = _fill(program, calls, inputs)
    _set(values, program.forward.carries, inputs.states)
    for part in (calls.once, calls.before, calls.loop):
        _run(part, values)
    return [_fit(values[i], old) for i, old in zip(program.forward.results, inputs.states, strict=True)]


def run_step_mirror(
    program: Program, inputs: Inputs, saved: Sequence[Tensor], d_states: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Run the adjoint of one time step, without the gradients of the parameters; every row is a separate step.

    Args:
        program: the program that was run.
        inputs: x (B, I), the states before the step and the parameters.
        saved: the tensors that a forward run over one time step saved, without the axis of time: each (B, n).
        d_states: dL/ds of each state after the step, (B, its size).

    Returns:
        dL/dx, and dL/ds of each state before the step.
    """
    calls = translate(program, "mirror")
    values = _fill(program, calls, inputs)
    kinds = [program.graph.nodes[i].is_mask for i in program.saved]
    _set(values, program.saved, [v != 0 if mask else v for v, mask in zip(saved, kinds, strict=True)])
    _set(values, program.mirror.carries, d_states)
    for part in (calls.once, calls.before, calls.loop, calls.after):
        _run(part, values)
    d_x = values[program.graph.output[f"d_{program.graph.nodes[program.graph.input].name}"]]
    before = [_fit(values[i], d) for i, d in zip(program.mirror.results, d_states, strict=True)]
    return _fit(d_x, inputs.x), before


def _fill_padding(program: Program, inputs: Inputs) -> Inputs:
    """Replace the padding by the input of a real step: padding, even NaN, must not affect any gradient."""
    valid = inputs.valid
    if valid is None:
        return inputs
    first = valid.flatten().nonzero()[0]
    own = len(program.cell.sides)  # the masks that follow the cell's own side inputs have no padding

    def fill(v: Tensor) -> Tensor:
        return torch.where(valid, v, v.detach().flatten(0, 1)[first])

    sides = [*map(fill, inputs.sides[:own]), *inputs.sides[own:]]
    return dataclasses.replace(inputs, x=fill(inputs.x), sides=sides)


def _run(calls: Sequence[Call], values: list[Any]) -> None:
    for call in calls:
        results = call.function(*[values[i] for i in call.reads])
        if len(call.fills) == 1:
            values[call.fills[0]] = results
        else:
            _set(values, call.fills, results)


def _set(values: list[Any], slots: Any, new: Any) -> None:
    for slot, value in zip(slots, new, strict=True):
        values[slot] = value


def _fill(program: Program, calls: Calls, inputs: Inputs) -> list[Any]:
    """Put the inputs, slices of the parameters, numbers and sizes into their slots."""
    graph, x = program.graph, inputs.x
    values: list[Any] = [None] * calls.slots
    values[graph.input] = x
    for name, side in zip(graph.sides, inputs.sides, strict=True):
        values[graph.leaves["side", name]] = side
    for part in calls.slices:
        whole = inputs.parameters[part.parameter]
        rows = whole.shape[0] // part.members
        values[part.slot] = (
            whole if part.last - part.first == part.members else whole[part.first * rows : part.last * rows]
        )
    sizes = sizes_of(program, inputs)
    for slot, node in enumerate(graph.nodes):
        if node.op == "constant":
            # a number beyond the range of the dtype rounds to infinity, where torch would raise
            is_beyond = abs(node.value) > torch.finfo(x.dtype).max
            values[slot] = x.new_full((), math.copysign(math.inf, node.value) if is_beyond else node.value)
        elif node.op == "size":
            values[slot] = x.new_full((), float(sizes[node.name]))
    return values


def _own(value: Tensor, x: Tensor) -> Tensor:
    """Return a value as a separate tensor with the dtype of x: it may be a view, or the result of a comparison."""
    value = value.to(x.dtype)
    return value.clone(memory_format=torch.contiguous_format) if value._is_view() else value


def _fit(value: Tensor, like: Tensor) -> Tensor:
    """Expand a number, or a vector that is the same for all examples, to the shape of a whole batch."""
    return value if value.shape == like.shape else value.expand_as(like)


def _part(gradient: Tensor, whole: Tensor, members: int) -> Tensor:
    """Expand a gradient to the shape of one member: if the result does not depend on a parameter it is the number 0."""
    return gradient.expand(whole.shape[0] // members, *whole.shape[1:])

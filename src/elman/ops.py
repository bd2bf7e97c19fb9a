"""Run a program on tensors as one differentiable operation: lengths, directions, autograd.

The gradient is the program's mirror. Its own derivatives (double backward) are had by running forward and mirror again
with autograd recording.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from elman.autodiff.program import Program
from elman.backends import select
from elman.backends.inputs import Inputs
from elman.errors import ShapeError


@dataclass(frozen=True)
class Run:
    """Hold what a run needs beside its tensors."""

    program: Program
    backend: ModuleType
    lengths: Tensor | None
    reverse: bool


def run(
    program: Program,
    backend: str,
    x: Tensor,
    states: Sequence[Tensor],
    parameters: Sequence[Tensor],
    lengths: Tensor | None = None,
    reverse: bool = False,
    sides: Sequence[Tensor] = (),
) -> tuple[Tensor, list[Tensor]]:
    """Run one layer in one direction.

    Args:
        program: what to run.
        backend: what the layer asks for, ``auto`` or a name.
        x: (T, B, I).
        states: initial states, each (B, its size).
        parameters: stacked tensors in the order of ``program.parameters``.
        lengths: (B,) of int64, the real steps of each example, each from 0 to T; None if all are.
        reverse: from the last time step to the first.
        sides: in the order of ``program.sides``, each (T, B, n), n the size of a state or 1.

    Returns:
        The output (T, B, size of the first state) and the final states.

    Raises:
        ShapeError: a side input asks for a gradient.
        BackendError: the backend cannot run the program.
    """
    for name, side in zip(program.sides, sides, strict=True):
        if side.requires_grad:
            raise ShapeError(
                f"{program.cell.name}: side input {name} asks for a gradient.\n  No gradient flows to it.\n"
                f"  Give {name}.detach(), or make it a part of x."
            )
    nothing = 0 in x.shape[:2] or (lengths is not None and not bool(lengths.any()))
    apply = _apply_to_nothing if nothing else _apply
    if under_autocast(x):
        dtype = torch.get_autocast_dtype(x.device.type)
        with torch.autocast(x.device.type, enabled=False):
            cast = [t.to(dtype) for t in (x, *states, *parameters, *sides)]
            return apply(Run(program, select(backend, program, cast[0]), lengths, reverse), cast)
    return apply(Run(program, select(backend, program, x), lengths, reverse), [x, *states, *parameters, *sides])


def under_autocast(x: Tensor) -> bool:
    """Tell whether operations on a tensor's device run in another precision; a device without autocast never does."""
    device = x.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _apply(how: Run, tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    # Under torch.func no autograd Function of this form may run; there torch differentiates the loop itself.
    transformed = torch._C._are_functorch_transforms_active()
    if transformed or not torch.is_grad_enabled() or not any(t.requires_grad for t in tensors):
        output, final, _ = how.backend.run_forward(how.program, _inputs(how, tensors), save=False)
        return output, final
    output, *final = _Recurrence.apply(how, *tensors)
    return output, list(final)


def _apply_to_nothing(how: Run, tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Run no step, where none is real: outputs are 0, and gradients exist and are zero."""
    inputs = _inputs(how, tensors)
    zero = torch.stack([t.flatten()[:0].sum() for t in (inputs.x, *inputs.states, *inputs.parameters)]).sum()
    return zero.expand(len(inputs.x), *inputs.states[0].shape).clone(), list(inputs.states)


def _inputs(how: Run, tensors: Sequence[Tensor]) -> Inputs:
    count = 1 + len(how.program.states)
    behind = count + len(how.program.parameters)
    return Inputs(tensors[0], tensors[1:count], tensors[count:behind], how.lengths, how.reverse, tensors[behind:])


class _Recurrence(Function):
    @staticmethod
    def forward(ctx: Any, how: Run, *tensors: Tensor) -> tuple[Tensor, ...]:
        inputs = _inputs(how, tensors)
        output, final, saved = how.backend.run_forward(how.program, inputs)
        ctx.how, ctx.count = how, len(tensors)
        ctx.save_for_backward(*tensors, output, *saved)
        return (output, *(f.clone() if any(f is s for s in inputs.states) else f for f in final))

    @staticmethod
    def backward(ctx: Any, d_output: Tensor, *d_final: Tensor) -> tuple[Tensor | None, ...]:
        how: Run = ctx.how
        kept = ctx.saved_tensors  # read once: activation checkpointing unpacks them only once
        inputs, output, saved = _inputs(how, kept[: ctx.count]), kept[ctx.count], kept[ctx.count + 1 :]
        if torch.is_grad_enabled():
            # The caller wants to differentiate again, so the saved values must be functions of the inputs.
            output, _, saved = how.backend.run_forward(how.program, inputs)
        d_x, d_states, d_parameters = how.backend.run_mirror(
            how.program, inputs, output, saved, d_output, d_final, ctx.needs_input_grad[1]
        )
        return (None, d_x, *d_states, *d_parameters, *(None for _ in inputs.sides))

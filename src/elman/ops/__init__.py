"""Run a program on tensors as one differentiable operation: lengths, directions, autograd.

Two operators of torch do all the work, `elman::forward` and `elman::mirror` (:mod:`elman.ops.operators`). Their
program is an argument, as text, so a graph of torch that holds them can be compiled, exported, saved and run elsewhere.
The gradient of the first is the second. Derivatives of the second are had by running both on the reference with
autograd recording.

>>> import elman, torch
>>> layer = elman.nn.GRU(3, 5)
>>> compiled = torch.compile(layer, backend="eager", fullgraph=True)
>>> x = torch.randn(7, 2, 3)
>>> torch.equal(compiled(x)[0], layer(x)[0])
True
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.autodiff.program import Program, read_program
from elman.backends import load, say_once, select
from elman.backends.inputs import Inputs
from elman.errors import ShapeError
from elman.ops import operators
from elman.ops.execute import execute_forward

Given = tuple[Tensor, Sequence[Tensor], Sequence[Tensor], Sequence[Tensor], Tensor | None]


def run(
    program: Program,
    backend: str,
    x: Tensor,
    states: Sequence[Tensor],
    parameters: Sequence[Tensor],
    lengths: Tensor | None = None,
    reverse: bool = False,
    sides: Sequence[Tensor] = (),
    recompute_every: int = 0,
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
        recompute_every: keep the states before every so many time steps alone, and compute the rest again on the way
            back; 0 to keep everything.

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
    given = (x, states, parameters, sides, lengths)
    if under_autocast(x):
        dtype = torch.get_autocast_dtype(x.device.type)
        with torch.autocast(x.device.type, enabled=False):
            states, parameters, sides = ([t.to(dtype) for t in tensors] for tensors in (states, parameters, sides))
            given = (x.to(dtype), states, parameters, sides, lengths)
            return _run(program, backend, given, reverse, recompute_every)
    return _run(program, backend, given, reverse, recompute_every)


def under_autocast(x: Tensor) -> bool:
    """Tell whether operations on a tensor's device run in another precision; a device without autocast never does."""
    if not torch._C._is_any_autocast_enabled():
        return False
    device = x.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _run(
    program: Program, backend: str, given: Given, reverse: bool, recompute_every: int
) -> tuple[Tensor, list[Tensor]]:
    x, states, parameters, sides, lengths = given
    if torch.compiler.is_compiling():
        name = _choose(backend, program.text, x.dtype, x.device)
        output, final, _ = torch.ops.elman.forward(*given, program.text, name, reverse, recompute_every, False)
        return output, final
    runner = select(backend, program, x)
    if torch._C._are_functorch_transforms_active():
        return _run_transformed(program, runner.NAME, given, reverse)
    tensors = [x, *states, *parameters, *sides, *([] if lengths is None else [lengths])]
    apply: Any = torch.ops.elman.forward
    if operators.are_plain(tensors):
        if not operators.is_followed(tensors):
            inputs = Inputs(x, states, parameters, lengths, reverse, sides)
            output, final, _ = execute_forward(runner, program, inputs, False, recompute_every)
            return output, final
        apply = operators.forward
    output, final, _ = apply(*given, program.text, runner.NAME, reverse, recompute_every, False)
    return output, final


@torch.compiler.assume_constant_result
def _choose(wish: str, program: str, dtype: torch.dtype, device: torch.device) -> str:
    """Choose a backend while torch compiles; what it compiles keeps this backend."""
    name: str = select(wish, read_program(program), torch.empty(0, dtype=dtype, device=device)).NAME
    return name


def _run_transformed(program: Program, backend: str, given: Given, reverse: bool) -> tuple[Tensor, list[Tensor]]:
    """Run under torch.func, which looks into operations: it transforms the reference's loop itself."""
    reference = load("reference")
    if backend != reference.NAME:
        say_once(program, "runs on the reference where torch.func transforms it")
    x, states, parameters, sides, lengths = given
    inputs = Inputs(x, states, parameters, lengths, reverse, sides)
    output, final, _ = execute_forward(reference, program, inputs, save=False)
    return output, final

"""Run a program on tensors as one differentiable operation: lengths, directions, autograd.

Two operators of torch do all the work, `elman::forward` and `elman::mirror` (:mod:`elman.ops.operators`). Their
program is an argument, as text, so a torch graph that contains them can be compiled, exported, saved and run elsewhere.
The gradient of the first is the second. To differentiate the second, both run on the reference while autograd records.

>>> import elman, torch
>>> layer = elman.nn.GRU(3, 5)
>>> compiled = torch.compile(layer, backend="eager", fullgraph=True)
>>> x = torch.randn(7, 2, 3)
>>> torch.equal(compiled(x)[0], layer(x)[0])
True
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from elman.autodiff.program import Program, read_program
from elman.backends import load, select, warn_once
from elman.backends.inputs import Inputs, carried_in
from elman.backends.memory_check import check_inputs
from elman.errors import ShapeError
from elman.ops import operators
from elman.ops.execute import execute_forward

# The dtypes that torch's autocast converts.
_CONVERTED = frozenset({torch.float32, torch.bfloat16, torch.float16})

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
        program: the program to run.
        backend: the layer's `backend` argument, ``auto`` or a name.
        x: (T, B, I).
        states: initial states, each (B, its size).
        parameters: stacked tensors in the order of ``program.parameters``.
        lengths: (B,) of int64, the number of real steps of each example, from 0 to T; None if all are real.
        reverse: run from the last time step to the first.
        sides: in the order of ``program.sides``, each (T, B, n), n the size of a state or 1.
        recompute_every: save only the states before every so many time steps, and recompute the other values in the
            backward pass; 0 to save everything.

    Returns:
        The output (T, B, size of the first state) and the final states, in the dtype of x, or of autocast.

    Raises:
        ShapeError: a side input requires a gradient.
        TensorError: a tensor has another device or layout than x or, outside autocast, another dtype.
        BackendError: the backend cannot run the program.
    """
    for name, side in zip(program.sides, sides, strict=True):
        if side.requires_grad:
            raise ShapeError(
                f"{program.cell.name}: side input {name} requires a gradient.\n  Side inputs receive none.\n"
                f"  Give {name}.detach(), or make it a part of x."
            )
    autocast = under_autocast(x)
    dtype = torch.get_autocast_dtype(x.device.type) if autocast else x.dtype
    name, computed = _choose(backend, program, dtype, x.device)
    given = (x, states, parameters, sides, lengths)
    carried = carried_in(computed)
    if not autocast and computed is dtype and carried is dtype:
        return _run(program, name, given, reverse, recompute_every)
    read = [x, *states, *parameters, *sides]
    if not autocast and (operators.are_plain(read) or any(t.dtype != dtype for t in read)):
        # The dtypes must agree before they are converted below. While torch traces or compiles there is no memory.
        check_inputs(program, Inputs(x, states, parameters, lengths, reverse, sides), dtype)
    with torch.autocast(x.device.type, enabled=False) if autocast else nullcontext():
        states, parameters, sides = (convert(tensors, carried) for tensors in (states, parameters, sides))
        given = (x.to(computed), states, parameters, sides, lengths)
        output, final = _run(program, name, given, reverse, recompute_every)
        return output.to(dtype), convert(final, dtype)


def under_autocast(x: Tensor) -> bool:
    """Test whether autocast converts operations on a tensor; it does not convert float64."""
    if not torch._C._is_any_autocast_enabled():
        return False
    device = x.device.type
    return x.dtype in _CONVERTED and torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def convert(tensors: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Convert tensors as autocast does, which leaves float64 as it is."""
    return [t.to(dtype) if t.dtype in _CONVERTED else t for t in tensors]


def _choose(backend: str, program: Program, dtype: torch.dtype, device: torch.device) -> tuple[str, torch.dtype]:
    """Choose a backend, and the dtype in which it computes for tensors of a dtype and device."""
    if torch.compiler.is_compiling():
        return _choose_constant(backend, program.text, dtype, device)
    runner = select(backend, program, dtype, device)
    return runner.NAME, runner.computes_in(dtype)


@torch.compiler.assume_constant_result
def _choose_constant(backend: str, text: str, dtype: torch.dtype, device: torch.device) -> tuple[str, torch.dtype]:
    """Choose while torch compiles; the compiled graph keeps this backend."""
    runner = select(backend, read_program(text), dtype, device)
    return runner.NAME, runner.computes_in(dtype)


def _run(
    program: Program, backend: str, given: Given, reverse: bool, recompute_every: int
) -> tuple[Tensor, list[Tensor]]:
    x, states, parameters, sides, lengths = given
    if torch.compiler.is_compiling():
        output, final, _ = torch.ops.elman.forward(*given, program.text, backend, reverse, recompute_every, False)
        return output, final
    if torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
        return _run_transformed(program, backend, given, reverse)
    tensors = [x, *states, *parameters, *sides, *([] if lengths is None else [lengths])]
    apply: Any = torch.ops.elman.forward
    if operators.are_plain(tensors):
        if not operators.is_followed(tensors):
            inputs = check_inputs(program, Inputs(x, states, parameters, lengths, reverse, sides))
            output, final, _ = execute_forward(load(backend), program, inputs, False, recompute_every)
            return output, final
        apply = operators.forward
    else:
        operators.refuse_onnx(program)
    output, final, _ = apply(*given, program.text, backend, reverse, recompute_every, False)
    return output, final


def _run_transformed(program: Program, backend: str, given: Given, reverse: bool) -> tuple[Tensor, list[Tensor]]:
    """Run under torch.func or forward-mode differentiation, which transform the loop of the reference."""
    reference = load("reference")
    if backend != reference.NAME:
        warn_once(program, "runs on the reference where torch.func or forward-mode differentiation transforms it")
    x, states, parameters, sides, lengths = given
    inputs = check_inputs(program, Inputs(x, states, parameters, lengths, reverse, sides))
    output, final, _ = execute_forward(reference, program, inputs, save=False)
    return output, final

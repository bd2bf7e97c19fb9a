"""Define the operators `elman::forward` and `elman::mirror`, and their derivatives.

This file contains what torch needs of an operator: its schema, the shapes of its results, its autograd. They are
defined with `torch.library.Library` and not with `custom_op`, which takes 0.2 ms more for a forward and backward run.
If nothing traces or transforms a run (:func:`are_plain`), the same functions are called without the dispatcher.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from elman.autodiff.program import Program, read_program
from elman.backends import load, warn_once
from elman.backends.inputs import Inputs, carried_in
from elman.backends.memory_check import PLAIN, check_inputs, check_others
from elman.errors import BackendError, ConfigError, ShapeError
from elman.ops.batched import are_batched, run_each, vectorised
from elman.ops.execute import execute_forward, execute_mirror, saved_shapes

_READ = "Tensor x, Tensor[] states, Tensor[] parameters, Tensor[] sides, Tensor? lengths"
_HOW = "str program, str backend, bool reverse, int recompute_every"
SCHEMAS = {
    "forward": f"({_READ}, {_HOW}, bool save) -> (Tensor output, Tensor[] final, Tensor[] saved)",
    "mirror": (
        f"({_READ}, Tensor output, Tensor[] saved, Tensor d_output, Tensor[] d_final, {_HOW}, bool needs_input)"
        " -> (Tensor d_x, Tensor[] d_states, Tensor[] d_parameters)"
    ),
}

Forward = tuple[Tensor, list[Tensor], list[Tensor]]
Mirror = tuple[Tensor, list[Tensor], list[Tensor]]


class How(NamedTuple):
    """The arguments of a run that are no tensors.

    Attributes:
        program: its text.
        backend: its name.
        reverse: run from the last time step to the first.
        recompute_every: 0, or the number of time steps that are recomputed at once.
        counts: the numbers of states, parameters and side inputs.
        padded: whether there are lengths.
    """

    program: str
    backend: str
    reverse: bool
    recompute_every: int
    counts: tuple[int, int, int]
    padded: bool

    @property
    def options(self) -> tuple[str, str, bool, int]:
        """The arguments of the operators that are no tensors."""
        return self.program, self.backend, self.reverse, self.recompute_every

    @property
    def width(self) -> int:
        """The number of tensors that a run reads."""
        states, parameters, sides = self.counts
        return 1 + states + parameters + sides + self.padded

    def unflatten(self, tensors: Sequence[Tensor]) -> list[Any]:
        """Group the tensors of a run into the operators' arguments."""
        states, parameters, sides = self.counts
        a, b, c = 1 + states, 1 + states + parameters, 1 + states + parameters + sides
        lengths = tensors[c] if self.padded else None
        return [tensors[0], list(tensors[1:a]), list(tensors[a:b]), list(tensors[b:c]), lengths]


def _flatten(arguments: Sequence[Any], options: tuple[str, str, bool, int]) -> tuple[How, list[Tensor]]:
    """Put the tensors of a run into one list, as autograd requires."""
    x, states, parameters, sides, lengths = arguments
    how = How(*options, (len(states), len(parameters), len(sides)), lengths is not None)
    return how, [x, *states, *parameters, *sides, *([] if lengths is None else [lengths])]


def are_plain(tensors: Sequence[Tensor]) -> bool:
    """Test whether a run on these tensors computes values, and torch neither traces, compiles nor transforms it."""
    return (
        not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._get_tracing_state() is None
        and PLAIN.issuperset(map(type, tensors))
        and not tensors[0].is_meta
    )


def forward(
    x: Tensor,
    states: list[Tensor],
    parameters: list[Tensor],
    sides: list[Tensor],
    lengths: Tensor | None,
    program: str,
    backend: str,
    reverse: bool,
    recompute_every: int,
    save: bool,
) -> Forward:
    """Run a program over time, with a derivative; like :func:`elman.ops.run`, on a named backend.

    If autograd records the run, it saves the values that the mirror reads; `save` returns them as well.

    Returns:
        The output, the final states, and with `save` the values that the mirror reads.
    """
    how, tensors = _flatten((x, states, parameters, sides, lengths), (program, backend, reverse, recompute_every))
    if has_tangents(tensors):
        return _forward(*how.unflatten(tensors), program, "reference", reverse, 0, False)
    if not is_followed(tensors):
        return _forward_below(how, tensors, save)
    saved: list[Tensor] = []
    output, *final = _Forward.apply(how, saved, *tensors)
    return output, final, saved if save else []


def mirror(
    x: Tensor,
    states: list[Tensor],
    parameters: list[Tensor],
    sides: list[Tensor],
    lengths: Tensor | None,
    output: Tensor,
    saved: list[Tensor],
    d_output: Tensor,
    d_final: list[Tensor],
    program: str,
    backend: str,
    reverse: bool,
    recompute_every: int,
    needs_input: bool,
) -> Mirror:
    """Run the mirror of a program, with a derivative.

    Returns:
        dL/dx (without elements if it is not needed), dL/d initial states, dL/d parameters.
    """
    how, tensors = _flatten((x, states, parameters, sides, lengths), (program, backend, reverse, recompute_every))
    if has_tangents([*tensors, d_output, *d_final]):
        raise BackendError(
            "elman::mirror has no forward-mode derivative.\n  It was called under torch.autograd.forward_ad.\n"
            "  Call the layer, or elman::forward, there: the operations that they run have one."
        )
    return _mirror_above(how, tensors, [output, *saved], [d_output, *d_final], needs_input)


def _mirror_above(
    how: How, tensors: Sequence[Tensor], kept: Sequence[Tensor], adjoints: Sequence[Tensor], needs_input: bool
) -> Mirror:
    if not is_followed([*tensors, *adjoints]):
        return _mirror_below(how, tensors, kept, adjoints, needs_input)
    d_x, *gradients = _Mirror.apply(how, needs_input, [kept[0].detach(), *kept[1:]], *tensors, *adjoints)
    states = how.counts[0]
    return d_x, gradients[:states], gradients[states:]


def is_followed(tensors: Sequence[Tensor]) -> bool:
    """Test whether autograd records operations on these tensors."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def has_tangents(tensors: Sequence[Tensor]) -> bool:
    """Test whether any of the tensors has a tangent of forward-mode differentiation."""
    if forward_ad._current_level < 0:
        return False
    return any(forward_ad.unpack_dual(t).tangent is not None for t in tensors)


def _forward_below(how: How, tensors: Sequence[Tensor], save: bool) -> Forward:
    """Run forward without a derivative: directly or, if the tensors are not plain, through torch's dispatcher."""
    if are_plain(tensors):
        return _forward(*how.unflatten(tensors), *how.options, save)
    with torch._C._AutoDispatchBelowAutograd():
        results: Forward = torch.ops.elman.forward(*how.unflatten(tensors), *how.options, save)
        return results


def _mirror_below(
    how: How, tensors: Sequence[Tensor], kept: Sequence[Tensor], adjoints: Sequence[Tensor], needs_input: bool
) -> Mirror:
    arguments = (*how.unflatten(tensors), kept[0], list(kept[1:]), adjoints[0], list(adjoints[1:]))
    if are_plain([*tensors, *kept, *adjoints]):
        return _mirror(*arguments, *how.options, needs_input)
    with torch._C._AutoDispatchBelowAutograd():
        results: Mirror = torch.ops.elman.mirror(*arguments, *how.options, needs_input)
        return results


def run_backward(
    how: How, kept: Sequence[Tensor], adjoints: Sequence[Tensor], needs_input: bool
) -> list[Tensor | None]:
    """Compute the gradients of the tensors of a forward run, whatever torch does around it.

    Args:
        how: the arguments of the run that are no tensors.
        kept: the tensors that it read, its output, and the values that it saved.
        adjoints: dL/d output, and dL/d final state for each.
        needs_input: whether dL/dx is computed.

    Returns:
        A gradient, or None, for each of the tensors that the run read.
    """
    width = how.width
    d_output, *d_final = adjoints
    run: list[Any] = [*how.unflatten(kept), kept[width], list(kept[width + 1 :])]
    if are_batched(adjoints):

        def run_one(d_output: Tensor, d_final: list[Tensor]) -> Mirror:
            one: Mirror = torch.ops.elman.mirror(*run, d_output, d_final, *how.options, needs_input)
            return one

        gradients = run_each(run_one, d_output, d_final)
    elif are_plain([*kept, *adjoints]):
        gradients = _mirror_above(how, kept[:width], kept[width:], adjoints, needs_input)
    else:
        gradients = torch.ops.elman.mirror(*run, d_output, d_final, *how.options, needs_input)
    d_x, d_states, d_parameters = gradients
    rest = width - 1 - len(d_states) - len(d_parameters)
    return [d_x if needs_input else None, *d_states, *d_parameters, *[None] * rest]


class _Forward(Function):
    """The forward operator in autograd's graph."""

    @staticmethod
    def forward(ctx: Any, how: How, saved: list[Tensor], *tensors: Tensor) -> tuple[Tensor, ...]:
        output, final, kept = _forward_below(how, tensors, save=True)
        saved.extend(kept)
        ctx.how = how
        ctx.save_for_backward(*tensors, output, *kept)
        return (output, *final)

    @staticmethod
    def backward(ctx: Any, *adjoints: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *run_backward(ctx.how, ctx.saved_tensors, adjoints, ctx.needs_input_grad[2]))


class _Mirror(Function):
    """The mirror operator in autograd's graph."""

    @staticmethod
    def forward(ctx: Any, how: How, needs_input: bool, kept: list[Tensor], *tensors: Tensor) -> tuple[Tensor, ...]:
        d_x, d_states, d_parameters = _mirror_below(how, tensors[: how.width], kept, tensors[how.width :], needs_input)
        ctx.how, ctx.needs_input = how, needs_input
        ctx.save_for_backward(*tensors)
        return (d_x, *d_states, *d_parameters)

    @staticmethod
    def backward(ctx: Any, *adjoints: Tensor) -> tuple[Tensor | None, ...]:
        requested = ctx.needs_input_grad[3:]
        return (None, None, None, *_differentiate(ctx.how, ctx.saved_tensors, requested, adjoints, ctx.needs_input))


def _differentiate(
    how: How, tensors: Sequence[Tensor], requested: Sequence[bool], adjoints: Sequence[Tensor], needs_input: bool
) -> list[Tensor | None]:
    """Differentiate the mirror's gradients: run forward and mirror on the reference while autograd records.

    Args:
        how: the arguments of the run that are no tensors.
        tensors: the tensors that it read, and the adjoints of its results.
        requested: for each of them, whether its derivative is requested.
        adjoints: of the gradients.
        needs_input: whether dL/dx is one of the gradients.

    Returns:
        A derivative, or None, for each of the tensors.
    """
    program, reference = read_program(how.program), load("reference")
    if how.backend != reference.NAME:
        warn_once(program, "runs on the reference where a gradient is differentiated")
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Each as a separate view, so that a tensor that occurs twice has two derivatives.
        own = [
            t.view_as(t) if again and t.requires_grad else t.detach().requires_grad_(is_requested)
            for t, is_requested in zip(tensors, requested, strict=True)
        ]
        inputs = _inputs(how.unflatten(own), how.reverse)
        output, _, saved = execute_forward(reference, program, inputs, save=True)
        d_x, d_states, d_parameters = execute_mirror(
            reference, program, inputs, [output, *saved], own[how.width :], needs_input
        )
    pairs = zip((d_x, *d_states, *d_parameters), adjoints, strict=True)
    followed = [(gradient, d) for gradient, d in pairs if gradient is not None and gradient.requires_grad]
    variables = [t for t, is_requested in zip(own, requested, strict=True) if is_requested]
    if not followed or not variables:
        return [None] * len(own)
    gradients, upstream = zip(*followed, strict=True)
    second = iter(torch.autograd.grad(gradients, variables, upstream, create_graph=again, allow_unused=True))
    return [next(second) if is_requested else None for is_requested in requested]


def _forward(*given: Any) -> Forward:
    """Run :func:`forward` without a derivative."""
    *tensors, text, backend, reverse, every, save = given
    program = read_program(text)
    return execute_forward(load(backend), program, check_inputs(program, _inputs(tensors, reverse)), save, every)


def _mirror(*given: Any) -> Mirror:
    """Run :func:`mirror` without a derivative."""
    *tensors, output, saved, d_output, d_final, text, backend, reverse, every, needs_input = given
    program = read_program(text)
    inputs = check_inputs(program, _inputs(tensors, reverse))
    carried = carried_in(inputs.x.dtype)
    output, d_output = check_others(program, [output, d_output], inputs.x)
    saved = check_others(program, saved, inputs.x, carried if every else None)
    d_final = check_others(program, d_final, inputs.x, carried)
    _check_shapes(program, inputs, output, [d_output, *d_final])
    d_x, d_states, d_parameters = execute_mirror(
        load(backend), program, inputs, [output, *saved], [d_output, *d_final], needs_input, every
    )
    return output.new_empty(0) if d_x is None else d_x, d_states, d_parameters


def _check_shapes(program: Program, inputs: Inputs, output: Tensor, adjoints: Sequence[Tensor]) -> None:
    """Refuse an output or adjoints whose shapes differ from the run's: callers of the operator may give any."""
    expected = [(*inputs.x.shape[:2], inputs.states[0].shape[-1]), *(s.shape for s in inputs.states)]
    shapes = [output.shape, *(a.shape for a in adjoints)]
    if shapes != [expected[0], *expected]:
        raise ShapeError(
            f"{program.cell.name}: the output and the adjoints of a run have the shapes {[tuple(s) for s in shapes]}.\n"
            f"  The adjoints are those of the output and of each final state.\n  Give {[tuple(s) for s in expected]}."
        )


def refuse_onnx(program: Program) -> None:
    """Refuse an export to ONNX: it has no operator that runs any program.

    Raises:
        ConfigError: torch.onnx.export is tracing.
    """
    if torch.onnx.is_in_onnx_export():
        raise ConfigError(
            f"torch.onnx.export: ONNX has no operator for {program.cell.name} as it is called here.\n"
            "  It has those of LSTM and GRU without projections and lengths, of their cells, and with dynamo=False of "
            "RNN.\n  Export elman.nn.LSTM, GRU or RNN so, or use torch.export."
        )


def _inputs(tensors: Sequence[Any], reverse: bool) -> Inputs:
    x, states, parameters, sides, lengths = tensors
    return Inputs(x, states, parameters, lengths, reverse, sides)


def _fake_forward(*given: Any) -> Forward:
    *tensors, program, backend, reverse, every, save = given
    refuse_onnx(read_program(program))
    inputs = _inputs(tensors, reverse)
    x, states = inputs.x, inputs.states
    shapes = saved_shapes(load(backend), read_program(program), inputs, every) if save else []
    output = x.new_empty(x.shape[0], *states[0].shape)
    like = states[0] if every else x
    return output, [s.new_empty(s.shape) for s in states], [like.new_empty(shape) for shape in shapes]


def _fake_mirror(x: Tensor, states: list[Tensor], parameters: list[Tensor], *rest: Any) -> Mirror:
    d_x = x.new_empty(x.shape if rest[-1] else 0)
    return d_x, [s.new_empty(s.shape) for s in states], [p.new_empty(p.shape) for p in parameters]


_library = torch.library.Library("elman", "DEF")
for _name, _below, _above, _fake in (
    ("forward", _forward, forward, _fake_forward),
    ("mirror", _mirror, mirror, _fake_mirror),
):
    _library.define(_name + SCHEMAS[_name], tags=(torch.Tag.pt2_compliant_tag,))
    _library.impl(_name, _below, "CompositeExplicitAutograd")
    _library.impl(_name, _above, "Autograd")
    torch.library.register_fake(f"elman::{_name}", _fake, lib=_library)
    torch.library.register_vmap(f"elman::{_name}", vectorised(getattr(torch.ops.elman, _name)), lib=_library)

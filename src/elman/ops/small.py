"""Run a small call with little Python: one time step of an attention decoder, or an update of a few short sequences.

The kernel of such a call takes no longer than what surrounds it. So a backend prepares calls of one *form* once: the
program, the shapes, the dtype, whether autograd records it. A call then tests that its tensors have the form and lie in
plain memory, and gives their addresses to the kernel. Nothing is kept that depends on values. Where autocast converts
to bfloat16, so do the operations around the call. Whatever else happens around it (tracing, compiling, transforms of
torch.func, weights that are held), it is run as all others are, by :func:`elman.ops.run`, with the same bits in every
result and gradient.

>>> from elman.autodiff import derive
>>> from elman.cells import elman
>>> x, state, weights = torch.ones(1, 2, 3), torch.zeros(1, 2, 5), [torch.ones(5, 3), torch.ones(5, 5), torch.zeros(5)]
>>> output, h = run_small(derive(elman), "auto", x, [state], weights)
>>> output.shape, h.shape
(torch.Size([1, 2, 5]), torch.Size([1, 2, 5]))
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from elman.autodiff.program import Program
from elman.backends import choice, select
from elman.backends.held import current
from elman.backends.inputs import Inputs, carried_in
from elman.backends.memory_check import PLAIN, are_plain_memory
from elman.errors import ShapeError
from elman.ops import convert, under_autocast
from elman.ops.operators import How, run_backward

_MOST = 256  # forms, and addresses of parameters, that are known at once
# A call takes a few microseconds, so what it asks is looked up here once.
_ADDRESS, _IS_CONTIGUOUS, _IS_NEG = Tensor.data_ptr, Tensor.is_contiguous, Tensor.is_neg
_SHAPE, _KIND, _NEEDS = attrgetter("shape"), attrgetter("shape", "dtype"), attrgetter("requires_grad")
_CHOICE, _HELD = choice.get, current.get
_AUTOCAST, _LOWER = torch._C._is_any_autocast_enabled, torch.get_autocast_dtype
_TRANSFORMS = torch._C._are_functorch_transforms_active
_DISPATCHES, _TRACES = torch._C._len_torch_dispatch_stack, torch._C._get_tracing_state
_IS_COMPILING, _RECORDS = torch.compiler.is_compiling, torch.is_grad_enabled
_PRECISION, _THREADS = torch._C._get_float32_matmul_precision, torch.get_num_threads

_forms: "dict[tuple[Any, ...], SmallForm | None]" = {}


def run_small(
    program: Program,
    backend: str,
    x: Tensor,
    states: Sequence[Tensor | int],
    parameters: Sequence[Tensor],
    sees_autocast: bool = True,
) -> Sequence[Tensor] | None:
    """Run one layer forward in time, if the call is small.

    Args:
        program: the program to run.
        backend: the layer's `backend` argument.
        x: (T, B, I), or (B, I) for one time step.
        states: initial states with as many axes as x, (1, B, its size) or (B, its size); or their sizes, for zeros.
        parameters: in the program's order.
        sees_autocast: whether autocast converts.

    Returns:
        The final states in the form of the initial ones; before them, if x has a time axis, the output (T, B, size of
        the first state). None if :func:`elman.ops.run` must run the call.
    """
    if _IS_COMPILING() or _TRANSFORMS() or _DISPATCHES() or _TRACES() is not None:
        return None
    if _HELD() is not None or forward_ad._current_level >= 0:
        return None
    has_states = type(states[0]) is not int
    given: list[Any] = [x, *states] if has_states else [x]
    tensors = (*given, *parameters)
    if not PLAIN.issuperset(map(type, tensors)):
        return None
    lower = _LOWER("cpu") if sees_autocast and _AUTOCAST() and under_autocast(x) else None
    dtype = lower or x.dtype
    if dtype.itemsize == 2 and lower is not torch.bfloat16:
        return None
    saves = _RECORDS() and True in map(_NEEDS, tensors)
    name = _CHOICE()
    key = (
        *(program, backend if name == "auto" else name, x.shape, dtype),
        *(has_states, saves, _PRECISION(), _THREADS()),
    )
    try:
        form = _forms[key]
    except KeyError:
        form = _prepare(key, x, states, parameters)
    if form is None or not form.has(parameters):
        return None
    if lower is not None:
        given = [x.to(lower), *convert(given[1:], form.carried)]
    if (taken := form.take(given)) is None:
        return None
    given = taken if has_states else [*taken, *form.zeros]
    results: Sequence[Tensor] = _APPLY(form, *given, *parameters) if saves else form.call.run(given, parameters)[0]
    return results if lower is None else convert(results, lower)


def _prepare(
    key: tuple[Any, ...], x: Tensor, states: Sequence[Tensor | int], parameters: Sequence[Tensor]
) -> "SmallForm | None":
    """Prepare calls of a form, or remember that they are not small."""
    program, backend, shape, dtype, _, saves, *_ = key
    if x.dim() not in (2, 3) or 0 in shape[:-1] or program.sides or len(states) != len(program.states):
        return None
    batch = shape[-2]
    carried = carried_in(dtype)
    own = [x.new_zeros(batch, s, dtype=carried) if isinstance(s, int) else s.to(carried) for s in states]
    if {s.dim() for s in own} - {2, x.dim()} or not are_plain_memory((*own, *parameters), carried):
        return None
    if not are_plain_memory((x,), x.dtype):
        return None
    runner = select(backend, program, dtype, x.device)
    opens = getattr(runner, "open_call", None)
    if opens is None or runner.computes_in(dtype) is not dtype:
        return None
    with torch.inference_mode(False), torch.no_grad():
        like = torch.empty(1, dtype=dtype, device=x.device).expand((1, *shape) if x.dim() == 2 else shape)
        flat = [s.new_zeros(batch, s.shape[-1]) for s in own]
        try:
            call = opens(program, Inputs(like, flat, parameters), saves, x.dim() == 2)
        except ShapeError:
            return None
        how = How(program.text, runner.NAME, False, 0, (len(own), len(parameters), 0), False)
        form = None if call is None else SmallForm(how, call, shape, dtype, flat, parameters)
    if len(_forms) == _MOST:
        _forms.clear()
    _forms[key] = form
    return form


class SmallForm:
    """The shapes and the dtype of small calls, and what runs them.

    Args:
        how: the arguments of :func:`elman.ops.run` that are no tensors.
        call: what the backend has prepared.
        shape, dtype: of x.
        states: zeros, each (B, its size).
        parameters: of the shapes and the dtype of all calls.

    Attributes:
        zeros: initial states of zeros; nothing changes them.
        count: the number of x and the states.
        carried: the dtype of all tensors but x, the output and what is saved.
    """

    def __init__(
        self,
        how: How,
        call: Any,
        shape: torch.Size,
        dtype: torch.dtype,
        states: Sequence[Tensor],
        parameters: Sequence[Tensor],
    ) -> None:
        self.how, self.call, self.dtype, self.carried = how, call, dtype, carried_in(dtype)
        self.is_step = len(shape) == 2
        self.zeros = [state if self.is_step else state[None] for state in states]
        self.given = [shape, *map(_SHAPE, self.zeros)]
        self.count = len(self.given)
        self.parameters = [*map(_SHAPE, parameters)]
        self.known: dict[int, tuple[Any, ...]] = {}

    def has(self, parameters: Sequence[Tensor]) -> bool:
        """Test whether parameters have this form, and lie without gaps in plain memory.

        That is known of parameters at addresses that were tested before, as long as their shapes, dtypes and strides
        stay what they were.
        """
        try:
            key: tuple[Any, ...]
            key = (*map(_ADDRESS, parameters), *map(_KIND, parameters), *map(_IS_CONTIGUOUS, parameters))
            key += (*map(_IS_NEG, parameters),)
        except RuntimeError:  # a tensor without memory
            return False
        if self.known.get(key[0]) == key:
            return True
        if [*map(_SHAPE, parameters)] != self.parameters or not are_plain_memory(parameters, self.carried):
            return False
        if False in map(_IS_CONTIGUOUS, parameters):
            return False
        if len(self.known) == _MOST:
            self.known.clear()
        self.known[key[0]] = key
        return True

    def take(self, given: list[Tensor]) -> list[Tensor] | None:
        """Return x and the states, if there are any, without gaps; None if they have another form, or no plain memory.

        One step of a batch of sequences may be a part of a larger tensor, and is copied.
        """
        shapes = self.given if len(given) == self.count else self.given[:1]
        if [*map(_SHAPE, given)] != shapes or not self._are_plain(given, 1):
            return None
        return [t.contiguous() for t in given] if False in map(_IS_CONTIGUOUS, given) else given

    def _are_plain(self, tensors: Sequence[Tensor], count: int) -> bool:
        """Test whether tensors lie in plain memory, some of the dtype of x, and others of that which is carried."""
        if self.carried is self.dtype:
            return are_plain_memory(tensors, self.dtype)
        return are_plain_memory(tensors[:count], self.dtype) and are_plain_memory(tensors[count:], self.carried)

    def mirror(
        self, kept: Sequence[Tensor], adjoints: Sequence[Tensor], needs: Sequence[bool]
    ) -> Sequence[Tensor | None] | None:
        """Run the mirror; return a gradient for each tensor, or None if the general code must compute them.

        Args:
            kept: the tensors that the run read, its output, and what it saved.
            adjoints: of the results.
            needs: for each of the tensors, whether its gradient is needed.
        """
        if _IS_COMPILING() or _TRANSFORMS() or _DISPATCHES() or _TRACES() is not None:
            return None
        if not PLAIN.issuperset(map(type, (*kept, *adjoints))):
            return None
        count = self.count
        *tensors, output, saved = kept
        given, parameters = tensors[:count], tensors[count:]
        own = [output, saved, *adjoints] if saved.numel() else [output, *adjoints]
        long = len(own) - len(adjoints) + (not self.is_step)
        if not self._are_plain(own, long) or not self.has(parameters) or self.take(given) is not given:
            return None
        adjoints = [d if d.is_contiguous() else d.contiguous() for d in adjoints]
        gradients: Sequence[Tensor | None] | None = self.call.mirror(
            given, parameters, output, saved, adjoints, needs[:count]
        )
        return gradients

    def run_backward(
        self, kept: Sequence[Tensor], adjoints: Sequence[Tensor], needs_input: bool
    ) -> Sequence[Tensor | None]:
        """Compute the same as :meth:`mirror`, whatever torch does around it."""
        end, tensors, final = self.count, list(kept), list(adjoints)
        output = len(kept) - 2
        if self.is_step:
            tensors[0] = tensors[0].unsqueeze(0)
            tensors[output] = tensors[output].view_as(self.call.output)
            final = [torch.zeros_like(tensors[output]), *adjoints]
        else:
            tensors[1:end] = [state.squeeze(0) for state in tensors[1:end]]
            final[1:] = [d.squeeze(0) for d in adjoints[1:]]
        d_x, *gradients = run_backward(self.how, tensors, final, needs_input)
        if self.is_step:
            return [None if d_x is None else d_x.squeeze(0), *gradients]
        states = [None if d is None else d.unsqueeze(0) for d in gradients[: end - 1]]
        return [d_x, *states, *gradients[end - 1 :]]


class _Small(Function):
    """A small call in autograd's graph."""

    @staticmethod
    def forward(ctx: Any, form: SmallForm, *tensors: Tensor) -> tuple[Tensor, ...]:
        results, output, saved = form.call.run(tensors[: form.count], tensors[form.count :])
        ctx.form = form
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, output, saved)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *adjoints: Tensor | None) -> tuple[Tensor | None, ...]:
        form: SmallForm = ctx.form
        kept = ctx.saved_tensors  # read once: activation checkpointing unpacks them only once
        own = [zero if d is None else d for d, zero in zip(adjoints, form.call.zeros, strict=True)]
        needs = ctx.needs_input_grad
        gradients = None if _RECORDS() else form.mirror(kept, own, needs[1:])
        return (None, *(form.run_backward(kept, own, needs[1]) if gradients is None else gradients))


# Without what `Function.apply` does for torch.func, which is not active where small calls run.
_APPLY: Any = super(Function, _Small).apply

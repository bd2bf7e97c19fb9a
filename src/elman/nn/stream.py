"""Run a recurrent layer one time step at a time, as its input arrives."""

import warnings
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_code

from elman.backends import requested, select
from elman.backends.inputs import Inputs, carried_in
from elman.backends.memory_check import are_plain_memory, as_memory, check_inputs, check_parameters
from elman.backends.narrow import FORMS, NarrowMatrix, narrow
from elman.errors import ConfigError, ShapeError, TensorError
from elman.nn.sequences import check_sides
from elman.nn.stack import Direction
from elman.nn.states import States, as_states, listed
from elman.nn.weights import computed_weights, computes_weights

_ADDRESS, _KIND, _IS_CONTIGUOUS, _IS_NEG = (
    Tensor.data_ptr,
    attrgetter("shape", "dtype"),
    Tensor.is_contiguous,
    Tensor.is_neg,
)
_FORWARD = ("elman.nn.recurrent", "elman.nn.torch_layers")  # the modules whose `forward` a step computes
_NO_GRADIENT = (
    "stream.step: x requires a gradient, and a step records none: what is before the stream would learn nothing. "
    "Train on calls of the layer, and give a stream x.detach(), or run it under torch.no_grad()."
)
_TRACES, _TRANSFORMS = torch._C._get_tracing_state, torch._C._are_functorch_transforms_active


class Stream:
    """A recurrent layer that runs step by step, with its state. No gradient is recorded, and there is no dropout.

    A step reads the present weights of the layer. A *frozen* stream packs them once and takes less time, with the same
    values; it does not see any later change: of an optimiser, of `load_state_dict`, in `p.data`, of weights that torch
    computes from others, of the layer's backend, dtype or device, nor hooks that are registered later. `thaw` lets it
    read the layer again, and so does the end of a `with` block:

    >>> import elman, torch
    >>> layer, x_t = elman.nn.GRU(3, 5), torch.randn(1, 3)
    >>> with layer.stream(freeze=True) as stream:
    ...     before = stream.step(x_t)
    >>> torch.equal(before, layer.stream().step(x_t)), stream.is_frozen
    (True, False)

    A frozen stream keeps matrices in float32, or with `weights` rounded to bfloat16, or to int8 with one scale for each
    row: the largest absolute value of the row is 127. A step of one example takes as long as reading its matrices, so
    half or a quarter of the bytes takes less time where they are many, as docs/speed.md shows. Products widen them in
    registers; sums, states and everything else is in float32, as are biases and other vectors. With weights as torch
    draws them, outputs change by about 0.2 % in bfloat16 and 0.4 % in int8. A matrix in bfloat16 gives the bits of the
    same numbers in float32; in int8 a sum is scaled when it is finished, so it is rounded otherwise than of scaled
    weights. `thaw` returns to the layer's own weights.

    Args:
        layer: has `program`, `backend`, `input_size`, and `layers()`, which returns its parameters as in evaluation.
        shapes: for each state, its shape (L, B, its size).
        names: for each layer and direction, the names of its parameters.
        freeze: pack the present weights once.
        weights: the form in which a frozen stream keeps matrices, see above.

    Raises:
        ConfigError: no such stream exists: of a bidirectional layer, of one whose class has a `forward` of its own; or
            the form of weights is unknown, or exists only for other layers.

    Example:
        >>> import elman, torch
        >>> layer = elman.nn.GRU(3, 5)
        >>> x = torch.randn(7, 1, 3)
        >>> stream = layer.stream()
        >>> outputs = torch.stack([stream.step(x_t) for x_t in x])
        >>> torch.allclose(outputs, layer(x)[0], atol=1e-6)
        True
    """

    def __init__(
        self,
        layer: Any,
        shapes: Sequence[tuple[int, int, int]],
        names: Sequence[Sequence[Sequence[str]]],
        freeze: bool = False,
        weights: str = "float32",
    ) -> None:
        self._layer, self._frozen, self._form = layer, freeze, weights
        self._shapes = list(shapes)
        self._names = [name for directions in names for name in directions[0]]
        self._expected = (shapes[0][1], layer.input_size)
        self._cell = layer.program.cell
        self._has_sides = bool(self._cell.sides)
        self._steps: Any = None
        self._ready: Any = None  # the same, where a step has nothing to find out beforehand but about x
        self._kept: list[list[Tensor | NarrowMatrix]] | None = None  # the weights of a frozen stream
        self._key: list[Any] | None = None
        if any(len(directions) > 1 for directions in names):
            raise ConfigError(
                "stream: the layer is bidirectional.\n  The reverse direction needs the end of the sequence first.\n"
                "  Train a layer with bidirectional=False."
            )
        if isinstance(shapes[0][1], bool) or not isinstance(shapes[0][1], int) or shapes[0][1] < 0:
            raise ConfigError(
                f"stream: batch_size is {shapes[0][1]!r}.\n  It is a number of examples.\n  Give an integer from 0."
            )
        _check_form(weights, freeze)
        self._hooks = _hooks_of(layer)
        check_hooks(layer)
        if layer.forward.__module__ not in _FORWARD:
            raise ConfigError(
                f"stream: {type(layer).__name__} overrides forward.\n  A step does not call it, and would "
                "compute something else.\n  Move its code into a module around the layer, and stream the layer."
            )
        self.reset()
        if freeze:
            self._freeze()
            self._prepare()

    @property
    def is_frozen(self) -> bool:
        """Whether the stream keeps the weights that the layer had when it was frozen."""
        return self._frozen

    def thaw(self) -> Self:
        """Read the present weights of the layer from now on, as they are; the state stays."""
        if self._frozen:
            self._frozen, self._form, self._steps, self._kept = False, "float32", None, None
            self._hold(self._states)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()

    def reset(self) -> None:
        """Set every state to zero."""
        dtype, device = self._find_kind()
        self._hold([torch.zeros(shape, dtype=dtype, device=device) for shape in self._shapes])

    @property
    def state(self) -> States:
        """The state, in the form of a layer's final state: (L, B, its size), or a tuple.

        The state of a layer in half precision is in float32, in which it is computed; it may be set in either.
        """
        self._is_stale, self._ready = True, None  # the caller may keep it, or change it in place
        return as_states(self._states)

    @state.setter
    def state(self, value: States) -> None:
        given = listed(value)
        self._check_shapes(given)
        self._hold(given)

    def _check_shapes(self, given: Sequence[Tensor]) -> None:
        shapes = [tuple(s.shape) for s in given]
        if shapes != self._shapes:
            raise ShapeError(
                f"stream: the state has shapes {shapes}.\n  All states are set at once.\n  Give {self._shapes}."
            )

    def _find_kind(self) -> tuple[torch.dtype, torch.device]:
        """Return the dtype and the device of the layer; of a frozen stream, those that it had."""
        if self._kept is not None:
            return self._dtype, self._device
        like = self._fresh_layers()[0][0].parameters[0]
        return like.dtype, like.device

    def _hold(self, states: list[Tensor]) -> None:
        """Continue from other states."""
        self._dtype, self._device = self._find_kind()
        runner = select(self._layer.backend, self._layer.program, self._dtype, self._device)
        self._computed = runner.computes_in(self._dtype)
        self._carried = carried_in(self._computed)
        for state in states:
            if state.dtype not in (self._dtype, self._carried) or state.device != self._device:
                raise TensorError(
                    f"stream: the state is {state.dtype} on {state.device}, the layer is {self._dtype} on "
                    f"{self._device}.\n  They must agree.\n  Give the state with to(…)."
                )
        own = [as_memory("stream: the state", s.detach(), s) for s in states]
        self._states = [s.to(self._carried, copy=True) for s in own]
        self._is_stale, self._ready = True, None
        self._bytes = self._expected[0] * self._expected[1] * self._dtype.itemsize

    def step(self, x: Tensor, **sides: Tensor) -> Tensor:
        """Run one time step.

        Args:
            x: (B, I).
            **sides: the cell's side inputs by name, each (B,).

        Returns:
            The output of this time step, (B, size of the first state).

        Raises:
            ShapeError: x or a side input has another shape, or one is missing.
            TensorError: x or a parameter has another dtype, device or layout than the state.
            ConfigError: the layer has hooks that only a call of the layer would run.
        """
        # What :meth:`_check` finds out, in little time: whether x is, whole and in order, in plain memory of the CPU.
        try:
            at = (
                type(x) is Tensor
                and _TRACES() is None  # a tracer warns of every test of a value
                and not _TRANSFORMS()
                and x.dtype is self._dtype
                and x.is_cpu
                and x.shape == self._expected
                and not x.requires_grad
                and x.is_contiguous()
                and not x.is_neg()
                and ((held := x.untyped_storage().nbytes()) == self._bytes or self._holds(held, x))
                and x.data_ptr()
            )
        except RuntimeError:  # it has no storage
            at = 0
        if at and self._ready is not None and not sides:
            return self._ready.advance(at)  # type: ignore[no-any-return]
        own_sides: Sequence[Tensor] = ()
        if not at or sides or self._has_sides:
            x, *own_sides = self._check(x, sides)
        if not self._frozen and any(self._hooks):
            check_hooks(self._layer)
        if self._is_stale or not (self._frozen or (self._steps is not None and self._find_key() == self._key)):
            self._prepare()
        if self._steps is None:
            return self._step_plainly(x, own_sides)
        return self._steps.step(x, own_sides)  # type: ignore[no-any-return]

    def _holds(self, count: int, x: Tensor) -> bool:
        """Test whether a storage of so many bytes holds all elements of x."""
        return count >= self._bytes + x.storage_offset() * x.itemsize

    def _check(self, x: Any, sides: Mapping[str, Tensor]) -> list[Tensor]:
        """Check x and the side inputs, and return them in plain memory."""
        if type(x) is not Tensor or _TRACES() is not None or _TRANSFORMS():
            x = _as_plain(x)
        if x.shape != self._expected:
            raise ShapeError(
                f"stream.step: x has shape {tuple(x.shape)}.\n  A step is (B, I), B as given to stream().\n"
                f"  Give {self._expected}."
            )
        if x.requires_grad and torch.is_grad_enabled():
            warnings.warn(_NO_GRADIENT, stacklevel=3)
        given = x, *check_sides(self._cell, sides, x)
        return list(given) if are_plain_memory(given, self._dtype) else self._as_memory(*given)

    def _as_memory(self, x: Tensor, *sides: Tensor) -> list[Tensor]:
        if x.dtype != self._dtype or x.device != self._device:
            raise TensorError(
                f"stream.step: x is {x.dtype} on {x.device}, the state {self._dtype} on {self._device}.\n"
                "  They must agree.\n"
                "  Convert x; after converting the layer, start a new stream."
            )
        return [as_memory("stream.step: x or a side input", t, x) for t in (x, *sides)]

    @torch.no_grad()
    def _freeze(self) -> None:
        """Copy the present weights, in the form in which they are kept."""
        self._require_form()
        program, like = self._layer.program, torch.empty(0, dtype=self._dtype, device=self._device)
        self._kept = []
        for layer, (direction,) in enumerate(self._fresh_layers()):
            tensors = [p.detach() for p in direction.parameters]
            if self._form == "float32":
                self._kept.append([p.clone() for p in tensors])
                continue
            pairs = zip(program.parameters, check_parameters(program, tensors, like), strict=True)
            self._kept.append(
                [narrow(t, self._form, f"{p.name}_l{layer}") if len(p.shape) == 2 else t.clone() for p, t in pairs]
            )

    def _require_form(self) -> None:
        """Require that the backend reads the weights in their form."""
        if self._form == "float32":
            return
        runner = select(self._layer.backend, self._layer.program, self._dtype, self._device)
        if self._dtype is not torch.float32:
            raise ConfigError(
                f"stream: weights={self._form!r}, and the layer is in {self._dtype}.\n  Its steps are in float32.\n"
                "  Convert the layer with layer.float(), or leave out weights=…."
            )
        if not hasattr(runner, "open_stream"):
            raise ConfigError(
                f"stream: weights={self._form!r}, and the layer on {self._device} runs on backend {runner.NAME}.\n"
                "  Only compiled code for the CPU reads such weights.\n"
                "  Move the layer to the CPU and use backend='auto', or leave out weights=…."
            )

    def _own_layers(self) -> list[list[Tensor | NarrowMatrix]]:
        """List the parameters of every layer as the stream reads them."""
        if self._kept is not None:
            return self._kept
        return [list(direction.parameters) for (direction,) in self._fresh_layers()]

    def _fresh_layers(self) -> list[list[Direction]]:
        """List the layers with their parameters, of which some may be computed."""
        with computed_weights(self._layer):
            layers: list[list[Direction]] = self._layer.layers()
        return layers

    def _find_key(self) -> list[Any] | None:
        """Return the backend, and the addresses and layouts of the parameters; None if some are computed."""
        layer = self._layer
        own = layer._parameters
        try:
            present = [own[name] for name in self._names]
        except KeyError:
            return None
        layout = *map(_ADDRESS, present), *map(_KIND, present), *map(_IS_CONTIGUOUS, present), *map(_IS_NEG, present)
        return [requested(layer.backend), *layout]

    @torch.no_grad()
    def _prepare(self) -> None:
        """Copy states into memory of the stream, and prepare the backend for them if it supports that."""
        self._check_shapes(self._states)
        self._states = [s.clone(memory_format=torch.contiguous_format) for s in self._states]
        self._is_stale = False
        key = [] if self._frozen else self._find_key()
        kinds = {s.dtype for s in self._states}
        if self._steps is not None and key == self._key and kinds == {self._steps.dtype}:
            self._steps.bind(self._states)
        else:
            self._key, self._steps = key, None  # opening may fail
            self._steps = self._open(key)
        self._ready = self._steps if self._frozen and not self._has_sides else None

    def _open(self, key: list[Any] | None) -> Any:
        """Prepare the backend for steps; None if it cannot."""
        self._require_form()
        program = self._layer.program
        opens = getattr(select(self._layer.backend, program, self._dtype, self._device), "open_stream", None)
        if opens is None or key is None:
            return None
        return opens(program, self._own_layers(), self._states, self._layer.input_size, self._frozen)

    @torch.no_grad()
    def _step_plainly(self, x: Tensor, sides: Sequence[Tensor]) -> Tensor:
        """Run one time step by the backend's `run_step`."""
        new: list[list[Tensor]] = []
        program, carried = self._layer.program, self._carried
        runner = select(self._layer.backend, program, self._dtype, self._device)
        value, sides = x, [side.to(carried) for side in sides]
        for k, own in enumerate(self._own_layers()):
            wide = [p.widen() if isinstance(p, NarrowMatrix) else p for p in own]
            parameters = [p.to(carried) for p in check_parameters(program, wide, x)]
            value = value.to(self._computed)
            inputs = Inputs(value, [s[k] for s in self._states], parameters, sides=sides)
            new.append(runner.run_step(program, check_inputs(program, inputs)))
            value = new[-1][0]
        self._states = [torch.stack([layer[i] for layer in new]) for i in range(len(self._states))]
        return value.to(self._dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "_steps": None,
            "_ready": None,
            "_is_stale": True,
            "_hooks": (),
        }  # prepared steps contain addresses

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hooks = _hooks_of(self._layer)


def _check_form(form: str, freeze: bool) -> None:
    if form not in FORMS:
        raise ConfigError(
            f"stream: weights is {form!r}.\n  It is the form in which a frozen stream keeps matrices.\n"
            f"  Choose one of {', '.join(FORMS)}."
        )
    if form != "float32" and not freeze:
        raise ConfigError(
            f"stream: weights={form!r} without freeze=True.\n  Other streams read weights where they are.\n"
            "  Give freeze=True, or leave out weights=…."
        )


def check_hooks(layer: nn.Module) -> None:
    """Refuse hooks that a step would not run: it computes the same as a call of the layer, without the call.

    Raises:
        ConfigError: the layer has a hook that does more than compute a weight.
    """
    for hooks in _hooks_of(layer):
        for hook in hooks.values():
            if not computes_weights(hook):
                name = getattr(hook, "__qualname__", type(hook).__qualname__)
                raise ConfigError(
                    f"stream: the layer has the hook {name}.\n  A step does not call the layer, so the hook would not "
                    "run.\n  Remove it, or register it on a module around the layer."
                )


def _hooks_of(layer: nn.Module) -> tuple[Mapping[int, object], ...]:
    """List the hooks that a call of a layer runs: its own, and those of all modules."""
    everywhere = (module_code._global_forward_pre_hooks, module_code._global_forward_hooks)
    return layer._forward_pre_hooks, layer._forward_hooks, *everywhere


def _as_plain(x: Any) -> Tensor:
    """Return x as a plain tensor, or refuse it."""
    if not isinstance(x, Tensor):
        raise ShapeError(f"stream.step: x is a {type(x).__name__}.\n  It is a tensor.\n  Give torch.as_tensor(x).")
    dispatches = type(x).__torch_dispatch__ is not Tensor.__torch_dispatch__
    if dispatches or _TRACES() is not None or _TRANSFORMS():
        reason = f"x is a {type(x).__name__}, which intercepts operations" if dispatches else "torch traces operations"
        raise ConfigError(
            f"stream.step: {reason}.\n  A step is compiled code, which can be neither traced nor transformed.\n"
            "  Call the layer itself, with a sequence of one step and its state."
        )
    return x.as_subclass(Tensor)

"""Run a recurrent layer one time step at a time, as its input arrives."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from elman.backends import load, select, wanted
from elman.backends.inputs import Inputs
from elman.errors import ConfigError, ShapeError
from elman.nn.sequences import check_sides

States = Tensor | tuple[Tensor, ...]

_ADDRESS, _SHAPE, _IS_CONTIGUOUS = Tensor.data_ptr, attrgetter("shape"), Tensor.is_contiguous


class Stream:
    """Keep the state of a recurrent layer between single time steps. No gradient is recorded, nothing is dropped.

    Args:
        layer: has `program`, `backend`, `input_size`, and `layers()`, which gives its parameters as in evaluation.
        shapes: for each state, its shape (L, B, its size).
        names: for each layer and direction, the names of its parameters.

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
        self, layer: Any, shapes: Sequence[tuple[int, int, int]], names: Sequence[Sequence[Sequence[str]]]
    ) -> None:
        self._layer = layer
        self._shapes = list(shapes)
        self._names = [name for directions in names for name in directions[0]]
        self._expected = (shapes[0][1], layer.input_size)
        self._cell = layer.program.cell
        self._has_sides = bool(self._cell.sides)
        self._steps: Any = None
        self._key: list[Any] | None = None
        if any(len(directions) > 1 for directions in names):
            raise ConfigError(
                "stream: the layer is bidirectional.\n  The reverse direction needs the end of the sequence first.\n"
                "  Train a layer with bidirectional=False."
            )
        if isinstance(shapes[0][1], bool) or not isinstance(shapes[0][1], int) or shapes[0][1] < 0:
            raise ConfigError(
                f"stream: batch_size is {shapes[0][1]!r}.\n  It counts examples.\n  Give a whole number from 0."
            )
        self.reset()

    def reset(self) -> None:
        """Set every state to zero."""
        like = self._layer.layers()[0][0].parameters[0]
        self._hold([torch.zeros(shape, dtype=like.dtype, device=like.device) for shape in self._shapes])

    @property
    def state(self) -> States:
        """Give or set the state, in the form of a layer's final state: (L, B, its size), or a tuple."""
        self._is_stale = True  # whoever is given it may keep it, or change it in place
        return self._states[0] if len(self._states) == 1 else tuple(self._states)

    @state.setter
    def state(self, value: States) -> None:
        given = [value] if isinstance(value, Tensor) else list(value)
        shapes = [tuple(s.shape) for s in given]
        if shapes != self._shapes:
            raise ShapeError(f"stream: the state has shapes {shapes}.\n  It is set whole.\n  Give {self._shapes}.")
        self._hold([s.detach().clone() for s in given])

    def _hold(self, states: list[Tensor]) -> None:
        self._states, self._is_stale = states, True
        self._dtype, self._device = states[0].dtype, states[0].device

    def step(self, x: Tensor, **sides: Tensor) -> Tensor:
        """Read one time step.

        Args:
            x: (B, I).
            **sides: the cell's side inputs by name, each (B,).

        Returns:
            The output of this time step, (B, size of the first state).

        Raises:
            ShapeError: x or a side input has another shape, or one is missing.
        """
        if x.shape != self._expected:
            raise ShapeError(
                f"stream.step: x has shape {tuple(x.shape)}.\n  A step is (B, I), B as given to stream().\n"
                f"  Give {self._expected}."
            )
        if x.dtype != self._dtype or x.device != self._device:
            raise ShapeError(
                f"stream.step: x is {x.dtype} on {x.device}, the state {self._dtype} on {self._device}.\n"
                "  They must agree.\n"
                "  Convert x; after converting the layer, start a new stream."
            )
        beside = check_sides(self._cell, sides, x) if sides or self._has_sides else ()
        if self._steps is None or self._is_stale or self._find_key() != self._key:
            self._prepare(x)
        if self._steps is None:
            return self._step_plainly(x, beside)
        output: Tensor = self._steps.step(x, beside)
        return output

    def _find_key(self) -> list[Any] | None:
        """Say what was prepared for: the backend, and how the parameters lie; None if they are computed anew."""
        layer = self._layer
        own = layer._parameters
        try:
            present = [own[name] for name in self._names]
        except KeyError:
            return None
        lie = *map(_ADDRESS, present), *map(_SHAPE, present), *map(_IS_CONTIGUOUS, present)
        return [wanted(layer.backend), *lie]

    @torch.no_grad()
    def _prepare(self, x: Tensor) -> None:
        """Bring states into memory of the stream's own, and let the backend prepare for them if it can."""
        self._states = [s.clone(memory_format=torch.contiguous_format) for s in self._states]
        self._is_stale = False
        key = self._find_key()
        kinds = {s.dtype for s in self._states}
        if self._steps is not None and key == self._key and kinds == {self._steps.dtype}:
            self._steps.bind(self._states)
            return
        program = self._layer.program
        opens = getattr(select(self._layer.backend, program, x), "open_stream", None)
        self._key, self._steps = key, None
        if opens is not None and key is not None:
            layers = [direction.parameters for (direction,) in self._layer.layers()]
            self._steps = opens(program, layers, self._states, self._layer.input_size)

    @torch.no_grad()
    def _step_plainly(self, x: Tensor, beside: Sequence[Tensor]) -> Tensor:
        new: list[list[Tensor]] = []
        for k, (direction,) in enumerate(self._layer.layers()):
            inputs = Inputs(x, [s[k] for s in self._states], direction.parameters, sides=beside)
            agree = all(t.dtype == x.dtype for t in (*inputs.states, *inputs.parameters))
            runner = select(self._layer.backend, direction.program, x) if agree else load("reference")
            new.append(runner.run_step(direction.program, inputs))
            x = new[-1][0]
        self._states = [torch.stack([layer[i] for layer in new]) for i in range(len(self._states))]
        return x

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_steps": None}  # what is prepared holds addresses

"""Run a recurrent layer one time step at a time, as its input arrives."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from elman.backends import select
from elman.backends.inputs import Inputs
from elman.errors import ConfigError, ShapeError
from elman.nn.sequences import check_sides
from elman.nn.stack import Direction

States = Tensor | tuple[Tensor, ...]


class Stream:
    """Keep the state of a recurrent layer between single time steps. No gradient is recorded, nothing is dropped.

    Args:
        layers: gives the stacked layers as in evaluation, one direction each, with their present parameters.
        shapes: for each state, its shape (L, B, its size).
        input_size: length of an input vector.
        backend: what the layer asks for.

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
        layers: Callable[[], Sequence[Sequence[Direction]]],
        shapes: Sequence[tuple[int, int, int]],
        input_size: int,
        backend: str,
    ) -> None:
        self._layers = layers
        self._shapes = list(shapes)
        self._input_size = input_size
        self._backend = backend
        if any(len(directions) > 1 for directions in layers()):
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
        like = self._layers()[0][0].parameters[0]
        self._states = [like.new_zeros(shape) for shape in self._shapes]

    @property
    def state(self) -> States:
        """Give or set the state, in the form of a layer's final state: (L, B, its size), or a tuple."""
        return self._states[0] if len(self._states) == 1 else tuple(self._states)

    @state.setter
    def state(self, value: States) -> None:
        given = [value] if isinstance(value, Tensor) else list(value)
        shapes = [tuple(s.shape) for s in given]
        if shapes != self._shapes:
            raise ShapeError(f"stream: the state has shapes {shapes}.\n  It is set whole.\n  Give {self._shapes}.")
        self._states = [s.detach().clone() for s in given]

    @torch.no_grad()
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
        expected = (self._shapes[0][1], self._input_size)
        if x.shape != expected:
            raise ShapeError(
                f"stream.step: x has shape {tuple(x.shape)}.\n  A step is (B, I), B as given to stream().\n"
                f"  Give {expected}."
            )
        if x.dtype != self._states[0].dtype or x.device != self._states[0].device:
            own = self._states[0]
            raise ShapeError(
                f"stream.step: x is {x.dtype} on {x.device}, the state {own.dtype} on {own.device}.\n"
                "  They must agree.\n"
                "  Convert x; after converting the layer, start a new stream."
            )
        layers = self._layers()
        beside = check_sides(layers[0][0].program.cell, sides, x)
        new: list[list[Tensor]] = []
        for k, (direction,) in enumerate(layers):
            inputs = Inputs(x, [s[k] for s in self._states], direction.parameters, sides=beside)
            runner = select(self._backend, direction.program, x)
            new.append(runner.run_step(direction.program, inputs))
            x = new[-1][0]
        self._states = [torch.stack([layer[i] for layer in new]) for i in range(len(self._states))]
        return x

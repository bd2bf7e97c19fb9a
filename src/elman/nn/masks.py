"""Draw the masks of a recurrent layer before the time loop, with torch's generator.

A program lists the masks that it reads (:mod:`elman.autodiff.noise`); backends receive the masks and draw nothing, so
the same seed gives the same masks on all of them. In evaluation nothing is drawn.

>>> import torch
>>> x = torch.ones(4, 2, 3)
>>> y = LockedDropout(0.5)(x)
>>> bool((y == y[0]).all())
True
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.autodiff.noise import Noise, dropout_mask, zoneout_mask
from elman.autodiff.program import Program
from elman.errors import ConfigError, ShapeError
from elman.expr import Cell, Parameter
from elman.expr.roles import multiplied_states
from elman.nn.rows import drawn


def draw_masks(program: Program, x: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
    """Draw the masks that a program reads, for one layer in one direction.

    Args:
        program: has the masks and their rates.
        x: (T, B, I), has the shape, dtype and device.
        states: initial states, each (B, its size).

    Returns:
        In the order of the program's side inputs after the cell's own, each (T, B, size of its state). A mask of
        recurrent dropout is 0, or 1 / (1 − p), and the same at all time steps; one of zoneout is 1 with probability p.
    """
    if len(program.sides) == len(program.cell.sides):
        return []
    steps, batch = x.shape[:2]
    sizes = {name: state.shape[-1] for name, state in zip(program.states, states, strict=True)}
    masks: dict[str, Tensor] = {}
    for state, rate in program.noise.recurrent_dropout:
        held = drawn(partial(_drop_ones, x, rate), (batch, sizes[state]), 0)
        masks[dropout_mask(state)] = held.expand(steps, batch, sizes[state])
    if program.noise.drawn:
        for state, rate in program.noise.zoneout:
            masks[zoneout_mask(state)] = drawn(partial(_draw_ones, x, rate), (steps, batch, sizes[state]), 1)
    return [masks[name] for name in program.sides[len(program.cell.sides) :]]


def drop_weights(program: Program, tensors: Sequence[Tensor], members: Collection[str], rate: float) -> list[Tensor]:
    """Drop single weights: DropConnect (Wan et al. 2013).

    On hidden-to-hidden matrices, once for all time steps, as in Merity et al. 2018 (section 2). The other weights are
    scaled by 1 / (1 − rate), so that a product keeps its expectation.

    Args:
        program: knows how members are stacked.
        tensors: the stacked tensors, in the program's order.
        members: the matrices of which elements are dropped.
        rate: probability for an element to become 0.
    """

    def drop(parameter: Parameter, whole: Tensor) -> Tensor:
        if not any(member in members for member in parameter.members):
            return whole
        parts = zip(parameter.members, whole.chunk(len(parameter.members)), strict=True)
        return torch.cat([F.dropout(part, rate) if member in members else part for member, part in parts])

    return [drop(parameter, whole) for parameter, whole in zip(program.parameters, tensors, strict=True)]


def _drop_ones(x: Tensor, rate: float, shape: Sequence[int]) -> Tensor:
    return F.dropout(x.new_ones(shape), rate)


def _draw_ones(x: Tensor, rate: float, shape: Sequence[int]) -> Tensor:
    return x.new_empty(shape).bernoulli_(rate)


def drop_locked(x: Tensor, rate: float) -> Tensor:
    """Drop the same elements of x (T, B, n) at all time steps, different ones for each example."""
    return x * drawn(partial(_drop_ones, x, rate), (1, *x.shape[1:]), 1)


class LockedDropout(nn.Module):
    """Variational dropout, which drops the same elements at all time steps.

    Gal & Ghahramani 2016, section 4; Merity et al. 2018, section 4.2.

    Args:
        p: probability for an element to be 0 in training; the others are scaled by 1 / (1 − p).

    Raises:
        ConfigError: p is not a probability.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = check_chance("LockedDropout", "p", p)

    def forward(self, x: Tensor) -> Tensor:
        """Apply dropout to x (T, B, n); in evaluation return x.

        Raises:
            ShapeError: x is no tensor, or does not have three axes.
        """
        if not isinstance(x, Tensor):
            raise ShapeError(
                f"LockedDropout: x is a {type(x).__name__}.\n  It is a tensor (T, B, n).\n"
                "  Unpack a packed one with torch.nn.utils.rnn.pad_packed_sequence."
            )
        if x.dim() != 3:
            raise ShapeError(
                f"LockedDropout: x has shape {tuple(x.shape)}.\n  It is time-major, (T, B, n).\n"
                "  Give x.transpose(0, 1) where the batch comes first, x.unsqueeze(1) for one sequence."
            )
        return drop_locked(x, self.p) if self.training and self.p > 0 else x

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"


def choose_noise(cell: Cell, recurrent_dropout: float, zoneout: float | Mapping[str, float]) -> Noise:
    """Convert the options of a layer into a program's noise.

    Args:
        cell: has the states.
        recurrent_dropout: rate of every state that a hidden-to-hidden matrix multiplies.
        zoneout: rate of every state, or rates by name.

    Raises:
        ConfigError: zoneout names no state, or gives no probability.
    """
    rates = zoneout if isinstance(zoneout, Mapping) else dict.fromkeys(cell.states, zoneout)
    for state, rate in rates.items():
        if state not in cell.states:
            raise ConfigError(
                f"Recurrent: zoneout names {state!r}.\n  The states of {cell.name} are {', '.join(cell.states)}.\n"
                "  Name these."
            )
        check_chance("Recurrent", f"zoneout of {state}" if rates is zoneout else "zoneout", rate)
    hidden = multiplied_states(cell.graph) if recurrent_dropout > 0 else ()
    return Noise(
        tuple((state, float(recurrent_dropout)) for state in hidden),
        tuple((state, float(rate)) for state, rate in rates.items() if rate > 0),
    )


def check_chance(where: str, name: str, value: float) -> float:
    """Check that an option is a probability, and return it as a float.

    Raises:
        ConfigError: it is no number from 0 to 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigError(f"{where}: {name} is {value!r}.\n  It is a probability.\n  Give a number from 0 to 1.")
    return float(value)

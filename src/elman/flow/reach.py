"""Measure how far back a layer reaches, and how much of the gradient truncated BPTT cuts off (figures 9 and 12)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.flow.adjoints import arrivals, weight_gradients
from elman.flow.figures import Influence, LagShares, Memory
from elman.flow.lags import carry_totals
from elman.flow.network import Sequences, States, read_batch, read_layer
from elman.flow.trajectory import run_network

WITHIN = 0.01


def effective_memory(influence: Influence, shares: LagShares, behavioural: int | None = None) -> Memory:
    """Read the effective memory off the curve of influence and the lag shares (figure 9)."""
    low = (influence.curve < 0.1 * influence.curve[0]).nonzero()[0]
    return Memory(int(low[0]) if len(low) else None, shares.lag90, behavioural)


def behavioural_memory(loss: Callable[[int], float], steps: int) -> int:
    """Search for how many of the last steps a model needs for its loss (figure 9).

    Args:
        loss: returns the loss of a model on the last n steps alone, for n from 1 to `steps`.
        steps: length of the whole sequences.

    Returns:
        The smallest n with loss(n) − loss(steps) at most 1 % of loss(steps). The loss is assumed to fall with n; it is
        computed about 2 log₂(steps) times.

    >>> behavioural_memory(lambda n: 1.0 + 2.0 ** -n, 40)
    7
    """
    whole = loss(steps)
    bound = whole + WITHIN * abs(whole)
    low, high = 0, 1
    while high < steps and not loss(high) <= bound:
        low, high = high, 2 * high
    high = min(high, steps)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if loss(middle) <= bound else (middle, high)
    return high


@dataclass(frozen=True)
class Truncation:
    """Part of the gradient that a window of truncated BPTT cuts off (figure 12).

    The loss is that of the second half of twice the window; the terms C[t, k] with k in the first half are lost.

    Attributes:
        window: in steps.
        lost: ‖Σ lost terms‖ / ‖g‖ of each layer.
        share: 1 − ⟨remaining gradient, g⟩ / ‖g‖², the signed share of ‖g‖ that is lost, over all layers.
    """

    window: int
    lost: dict[str, float]
    share: float


def cut_by_truncation(
    layer: nn.Module,
    x: Sequences,
    window: int,
    grad_output: Sequences | None = None,
    initial_state: States | None = None,
    sides: Mapping[str, Tensor] | None = None,
) -> Truncation:
    """Measure how much truncated BPTT over a window would cut off, with sequences of twice the window.

    Args:
        layer: as for :func:`elman.flow.examine`; it reads forward.
        x: a batch of exactly 2 · window steps.
        window: in steps.
        grad_output: dL/d output, as for :func:`elman.flow.examine`. Its first half is not used.
        initial_state: as the layer takes it.
        sides: the cell's side inputs.

    Raises:
        ConfigError: the layer is bidirectional, or x is not twice as long as the window.
    """
    network = read_layer(layer)
    examples = read_batch(network, x, grad_output, None, initial_state, sides or {})
    if len(network.layers[0]) == 2 or len(examples.x) != 2 * window:
        raise ConfigError(
            f"flow: a window of {window} steps, {len(examples.x)} steps, {len(network.layers[0])} directions.\n"
            "  The loss of gradient is measured on twice the window, in a layer that reads forward.\n"
            f"  Give x of {2 * window} steps to a layer that is not bidirectional."
        )
    tracks = run_network(network, examples)
    second = (torch.arange(2 * window) >= window).double()
    arriving = arrivals(tracks, network.endings, examples)
    (totals,) = carry_totals(tracks, network.endings, arriving, second[None])
    lost, wholes = {}, []
    for ending, (track,) in zip(network.endings, tracks, strict=True):
        early = totals[ending].deltas.clone()
        early[window:] = 0
        cut, whole = (_flat(weight_gradients(track, d)) for d in (early, totals[ending].deltas))
        lost[ending] = float(cut.norm() / whole.norm())
        wholes.append((cut, whole))
    cuts, whole = torch.cat([c for c, _ in wholes]), torch.cat([w for _, w in wholes])
    return Truncation(window, lost, float((cuts @ whole) / whole.square().sum()))


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([t.flatten() for t in tensors])

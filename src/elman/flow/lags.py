"""Compute the map of influence, and the shares of dL/dW by lag (figures 1 to 4).

One pass carries the whole loss back; it gives δ_k, g = dL/dW and the transport gain. Then the rows of the map are
carried back. Of each D[t, k] two numbers are saved, its norm and its share of g: ⟨D[t, k] ∂⁺s_k/∂W, g/‖g‖⟩ =
D[t, k] · v_k with v_k = ∂⁺s_k/∂W · g/‖g‖, so that no pair of steps needs an array of the size of W.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from elman.flow.adjoints import carry_back, chunks_of_rows, tangents, weight_gradients
from elman.flow.figures import Array, GradientNorms, GradientPart, Influence, LagShares, TransportGain
from elman.flow.trajectory import Track


@dataclass
class Total:
    """Gradient of the whole loss in one layer and direction.

    Attributes:
        deltas: (T, B, S), δ_k.
        pulled: (T, B, S), δ_k J_k.
    """

    deltas: Tensor
    pulled: Tensor


@dataclass
class Map:
    """What is saved of all D[t, k] of one layer in one direction.

    Attributes:
        rows: (R,), the steps t.
        norms: (R, T), ‖D[t, k]‖ over the batch.
        shares: for each parameter (R, T), ⟨C[t, k], g/‖g‖⟩ with its own g.
        columns: (T, B, S), Σ_t D[t, k].
        diagonal: (T, B, S), D[t, t].
        gradients: g of each parameter.
    """

    rows: Tensor
    norms: Tensor
    shares: list[Tensor]
    columns: Tensor
    diagonal: Tensor
    gradients: list[Tensor]

    @property
    def norm(self) -> float:
        """Return ‖g‖ of all parameters together."""
        return math.hypot(*(float(safe_norm(g)) for g in self.gradients))


def carry_totals(
    tracks: Sequence[Sequence[Track]], endings: Sequence[str], arriving: Mapping[str, Tensor], losses: Tensor
) -> list[dict[str, Total]]:
    """Carry losses back side by side, each the sum over some steps; `losses` (R, T) is 1 for these."""
    totals: list[dict[str, Total]] = [{} for _ in losses]

    def visit(ending: str, track: Track, k: int, real: Tensor, pulled: Tensor) -> None:  # noqa: ARG001
        shape = arriving[ending].shape
        for one, delta, before in zip(totals, real, pulled, strict=True):
            if ending not in one:
                one[ending] = Total(delta.new_zeros(shape), delta.new_zeros(shape))
            one[ending].deltas[k], one[ending].pulled[k] = delta, before

    carry_back(tracks, endings, arriving, losses, visit)
    return totals


def carry_rows(
    tracks: Sequence[Sequence[Track]],
    endings: Sequence[str],
    arriving: Mapping[str, Tensor],
    rows: Tensor,
    totals: Mapping[str, Total],
) -> dict[str, Map]:
    """Carry the losses of single steps back, and save the fields of a :class:`Map`.

    Args:
        tracks: of each layer.
        endings: their names.
        arriving: the gradient of the whole loss that each gets directly.
        rows: (R,), steps.
        totals: gradients of the sum of the losses of these rows.
    """
    maps, directions = {}, {}
    for ending, track in zip(endings, (t for layer in tracks for t in layer), strict=True):
        deltas = totals[ending].deltas
        gradients = weight_gradients(track, deltas)
        directions[ending] = tangents(track, [g / (safe_norm(g) or 1.0) for g in gradients])
        blank = deltas.new_zeros((len(rows), len(deltas)))
        shares = [blank.clone() for _ in gradients]
        maps[ending] = Map(rows, blank, shares, torch.zeros_like(deltas), torch.zeros_like(deltas), gradients)

    start = 0
    part = rows

    def visit(ending: str, track: Track, k: int, real: Tensor, pulled: Tensor) -> None:  # noqa: ARG001
        one, part_rows = maps[ending], slice(start, start + len(part))
        one.norms[part_rows, k] = safe_norm(real, (1, 2))
        for share, v in zip(one.shares, directions[ending], strict=True):
            share[part_rows, k] = (real * v[k]).sum((1, 2))
        one.columns[k] += real.sum(0)
        one.diagonal[k] += real[part == k].sum(0)

    for part in chunks_of_rows(tracks, rows):
        carry_back(tracks, endings, arriving, one_hot(part, len(tracks[0][0].x)).double(), visit)
        start += len(part)
    return maps


def gradient_norms(track: Track, total: Total) -> GradientNorms:
    """Measure the gradient at every step (figure 1)."""
    parts = [safe_norm(d, -1) for d in total.deltas.split(track.sizes, -1)]
    norms = torch.where(track.valid[..., 0], torch.stack(parts), torch.nan)
    lower, median, upper = (norms[0].nanquantile(q, dim=-1) for q in (0.25, 0.5, 0.75))
    backwards = median if track.reverse else median.flip(0)
    slope = fit_slope(backwards)
    return GradientNorms(
        track.program.states, _array(norms), _array(median), _array(lower), _array(upper), slope, half_life(slope)
    )


def transport_gain(track: Track, total: Total) -> TransportGain:
    """Measure by what factor one step back changes the gradient (figure 4)."""
    gain = safe_norm(total.pulled, -1) / safe_norm(total.deltas, -1)
    # The first step in the layer's order passes its gradient to the initial state, which is no step.
    inner = gain[:-1] if track.reverse else gain[1:]
    squares = torch.where(inner.isfinite(), (inner - 1).square(), inner.new_zeros(()))
    return TransportGain(_array(inner), float(squares.sum(0).mean()))


def influence(track: Track, one: Map) -> Influence:
    """Compute how influence falls with the lag (figure 2)."""
    heard, steps = one.norms, one.norms.shape[1]
    curve = []
    own = heard[torch.arange(len(one.rows)), one.rows]
    for lag in range(steps):
        heard_at = one.rows + lag if track.reverse else one.rows - lag
        there = (heard_at >= 0) & (heard_at < steps) & (own > 0)
        if not there.any():
            break
        curve.append((heard[there, heard_at[there]] / own[there]).median())
    values = torch.stack(curve) if curve else heard.new_zeros(1)
    slope = fit_slope(values)
    extrapolated = len(values) <= 50
    factor = math.exp(min(50 * slope, 700.0)) if extrapolated else float(values[50])
    return Influence(one.rows.numpy(), _array(heard), _array(values), slope, factor, extrapolated)


def lag_shares(track: Track, one: Map) -> LagShares:
    """Sum the shares of g by lag (figure 3)."""
    steps = one.norms.shape[1]
    lag = one.rows[:, None] - torch.arange(steps)
    lag = -lag if track.reverse else lag
    heard = one.norms > 0
    low, high = (int(f(lag[heard])) if heard.any() else 0 for f in (torch.min, torch.max))
    low = min(low, 0)
    place = (lag - low).clamp(0, high - low)
    blank = one.norms.new_zeros(high - low + 1)
    parts = [blank.index_add(0, place.flatten(), share.flatten()) for share in one.shares]
    norm, norms = one.norm, [safe_norm(g) for g in one.gradients]
    whole = torch.stack([p * n for p, n in zip(parts, norms, strict=True)]).sum(0) / (norm or 1.0)
    lags = torch.arange(low, high + 1)
    named = {name: _array(p) for name, p in zip(track.names, parts, strict=True)}
    return LagShares(lags.numpy(), _array(whole), norm, named, _lag90(lags, whole, norm))


def _lag90(lags: Tensor, shares: Tensor, norm: float) -> int:
    cumulated = shares.new_zeros(int(lags.abs().max()) + 1).index_add(0, lags.abs(), shares).cumsum(0)
    reached = (cumulated >= 0.9 * norm).nonzero()
    return int(reached[0]) if len(reached) else len(cumulated) - 1


def split_gradient(track: Track, one: Map) -> tuple[GradientPart, GradientPart]:
    """Split dL/dW into its explicit and its implicit part (figure 3)."""
    explicit = weight_gradients(track, one.diagonal)
    implicit = [g - e for g, e in zip(one.gradients, explicit, strict=True)]
    norm = one.norm or 1.0
    parts = []
    for tensors in (explicit, implicit):
        along = sum(float((p / norm * (g / norm)).sum()) for p, g in zip(tensors, one.gradients, strict=True))
        gradients = {name: _array(p) for name, p in zip(track.names, tensors, strict=True)}
        norms = {name: float(safe_norm(p)) for name, p in zip(track.names, tensors, strict=True)}
        parts.append(GradientPart(gradients, norms, along))
    return parts[0], parts[1]


def safe_norm(values: Tensor, axes: int | tuple[int, ...] | None = None) -> Tensor:
    """Compute Euclidean norms, also of values whose squares overflow.

    >>> safe_norm(torch.tensor([3e200, 4e200], dtype=torch.float64))
    tensor(5.0000e+200, dtype=torch.float64)
    """
    axes = tuple(range(values.dim())) if axes is None else axes
    size = values.abs().amax(axes, keepdim=True)
    size = torch.where(size > 0, size, torch.ones_like(size))
    return (values / size).square().sum(axes).sqrt() * size.squeeze(axes)


def fit_slope(values: Tensor) -> float:
    """Fit a straight line to the logarithms of values at 0, 1, …, where they are above 0.

    >>> round(fit_slope(torch.tensor([1.0, 0.5, 0.25, 0.0])), 6)
    -0.693147
    """
    place = (values > 0).nonzero().flatten()
    if len(place) < 2:
        return math.nan
    x, y = place.double() - place.double().mean(), values[place].double().log()
    return float((x * (y - y.mean())).sum() / x.square().sum())


def half_life(slope: float) -> float:
    """Return the steps in which a value that changes by `slope` nats a step halves; inf where it does not fade.

    >>> [round(half_life(slope), 3) for slope in (-0.10536, 0.0, 0.26236)]
    [6.579, inf, inf]
    """
    return math.inf if slope >= 0 else -math.log(2) / slope


def _array(values: Tensor) -> Array:
    return values.double().numpy()

"""Compute every figure of a layer for one batch."""

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from elman.errors import ConfigError
from elman.flow import lags
from elman.flow.adjoints import MOST_NUMBERS, arrivals, jacobians
from elman.flow.bounds import find_bounds
from elman.flow.evidence import Clipping, Evidence
from elman.flow.figures import BatchSample, Checks, Flow, Lyapunov
from elman.flow.gates import look_at_gates
from elman.flow.growth import lyapunov, singular_values
from elman.flow.network import LayerBatch, Sequences, States, read_batch, read_layer
from elman.flow.places import spread
from elman.flow.reach import behavioural_memory, effective_memory
from elman.flow.trajectory import Rows, Track, run_network
from elman.flow.verdict import find_non_finite, judge


@dataclass(frozen=True)
class Limits:
    """Limits on the part of a large batch that is examined; `Flow.sampling` says what is left out.

    Letters: S length of a layer's whole state, R rows, B examples, T steps. Memory is about 8 · B · T · (20 S + R)
    bytes plus 500 MB. Time grows as R · B · T · S² for the map, S³ for each Jacobian. With these limits a layer of
    128 units on 8 examples of 101 steps takes 0.7 s (RNN) to 3 s (LSTM) on one core.

    Attributes:
        rows: of the map, evenly spaced over the steps that have a loss.
        examples: evenly spaced over the batch.
        jacobians: steps whose Jacobian is computed: the last ones of the longest examples. Fewer where S is so large
            that they would take more than 256 MiB.
    """

    rows: int = 128
    examples: int = 8
    jacobians: int = 256

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"flow: {name} is {value!r}.\n  It is a count.\n  Give a whole number from 1.")


@torch.inference_mode(mode=False)
def examine(
    layer: nn.Module,
    x: Sequences,
    grad_output: Sequences | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    initial_state: States | None = None,
    *,
    grad_final: States | None = None,
    sides: Mapping[str, Tensor] | None = None,
    limits: Limits | None = None,
    loss: Callable[[int], float] | None = None,
    needs: int | None = None,
    longer_helps: bool | None = None,
    order_needed: bool = True,
    ledger: Clipping | None = None,
    options: Collection[str] | None = None,
) -> Flow:
    """Compute the figures of a recurrent layer on a batch, in float64, with the layer in evaluation mode.

    Args:
        layer: `elman.nn.Recurrent` of any cell, a drop-in, or torch.nn's RNN, LSTM or GRU. For a layer inside a model,
            :func:`elman.flow.observe` returns these arguments.
        x: (T, B, I), with batch_first (B, T, I), unbatched (T, I), or packed.
        grad_output: dL/d output in the form of the output; its row t is dL_t/d output, L_t the part of the loss that
            passes through the output at t. If it is None, L_t is the output at t along one fixed random direction.
        lengths: real time steps of each example.
        initial_state: as the layer takes it.
        grad_final: dL/d final state in the form of the final state; it belongs to the L_t of the last real step.
        sides: the cell's side inputs by name.
        limits: how much of a large batch is examined.
        loss: returns the loss of the model on the last n steps alone; for the behavioural memory.
        needs: how many steps back the information lies that the data need.
        longer_helps: whether longer context would lower the loss; if it would not, short memory is no fault.
        order_needed: False where a model without memory is known to do as well; then short memory is no fault.
        ledger: the gradients of the training, for the verdict; see :meth:`elman.flow.Ledger.sum_up`.
        options: names of the settings that a recipe has, so that others are not advised; None for a layer alone.

    Raises:
        ConfigError: the layer cannot be examined.
        ShapeError: something does not fit.

    Example:
        >>> import elman
        >>> flow = examine(elman.nn.LSTM(3, 5), torch.ones(7, 2, 3))
        >>> flow.influence["l0"].map.shape, flow.checks["l0"].columns < 1e-12
        ((7, 7), True)
    """
    limits = limits or Limits()
    network = read_layer(layer)
    whole = read_batch(network, x, grad_output, lengths, initial_state, sides or {}, grad_final)
    chosen = spread(whole.x.shape[1], limits.examples)
    if not int(whole.lengths[chosen].max()):  # none of the chosen examples has a step
        chosen = [int(whole.lengths.argmax())]
    examples = whole.take(chosen)
    steps = int(whole.lengths.max())
    tracks = run_network(network, examples)
    finite = find_non_finite(_to_check(network.endings, tracks, examples)) or _find_bad_weights(tracks)
    flow = Flow(network.cell.name, finite=finite)
    if not flow.finite:
        behavioural = None if loss is None else behavioural_memory(loss, steps)
        flow = _look(flow, network.endings, tracks, examples, limits, behavioural)
    if flow.sampling is not None:
        flow = dataclasses.replace(flow, sampling=_describe_sample(flow.sampling, chosen, whole.x.shape[1]))
    known = None if options is None else frozenset(options)
    evidence = Evidence(
        flow, flow.gates, ledger, steps, needs, longer_helps, order_needed, network.state_sizes[0], known
    )
    verdict, line, advice = judge(evidence)
    return dataclasses.replace(flow, verdict=verdict, line=line, advice=advice)


def _look(
    flow: Flow,
    endings: Sequence[str],
    tracks: Sequence[Sequence[Track]],
    examples: LayerBatch,
    limits: Limits,
    behavioural: int | None,
) -> Flow:
    """Compute the figures, or find which gradient is not finite."""
    arriving = arrivals(tracks, endings, examples)
    with_loss = torch.stack([d.abs().amax((1, 2)) for d in arriving.values()]).any(0).nonzero().flatten()
    rows = with_loss[spread(len(with_loss), limits.rows)]
    taken = one_hot(rows, len(examples.x)).sum(0)
    losses = torch.stack([torch.ones_like(taken), taken]).double()[: 1 + (len(rows) < len(with_loss))]
    totals, *sampled = lags.carry_totals(tracks, endings, arriving, losses)
    share = sampled[0] if sampled else totals
    fault = find_non_finite({f"dL/ds of {ending}": one.deltas.numpy() for ending, one in totals.items()})
    if fault:
        return dataclasses.replace(flow, finite=fault)
    maps = lags.carry_rows(tracks, endings, arriving, rows, share)
    flat = dict(zip(endings, (track for layer in tracks for track in layer), strict=True))
    for ending, one in maps.items():
        bad = [n for n, g in zip(flat[ending].names, one.gradients, strict=True) if not g.isfinite().all()]
        if bad:
            return dataclasses.replace(flow, finite=f"dL/d{bad[0]} is not finite")
    for ending, track in flat.items():
        _look_at_gradient(flow, ending, track, totals[ending], maps[ending])
        flow.memory[ending] = effective_memory(flow.influence[ending], flow.lag_shares[ending], behavioural)
        flow.bounds[ending] = find_bounds(track.program, track.parameters)
        flow.gates[ending] = look_at_gates(track)
        sequences = [jacobians(track, part) for part in _last_steps(track, limits.jacobians)]
        flow.singular_values[ending] = singular_values(sequences)
        flow.lyapunov[ending] = lyapunov(sequences)
        flow.checks[ending] = _check(maps[ending], share[ending], flow, ending)
    formed = next(iter(flow.lyapunov.values())).steps
    sampling = BatchSample((), 0, len(rows), len(with_loss), formed, int(examples.lengths.sum()), "")
    return dataclasses.replace(flow, sampling=sampling)


def _look_at_gradient(flow: Flow, ending: str, track: Track, total: lags.Total, one: lags.Map) -> None:
    flow.gradient_norms[ending] = lags.gradient_norms(track, total)
    flow.transport_gain[ending] = lags.transport_gain(track, total)
    flow.influence[ending] = lags.influence(track, one)
    flow.half_life[ending] = lags.half_life(flow.influence[ending].slope)
    flow.lag_shares[ending] = lags.lag_shares(track, one)
    flow.lag90[ending] = flow.lag_shares[ending].lag90
    flow.explicit[ending], flow.implicit[ending] = lags.split_gradient(track, one)


def _to_check(endings: Sequence[str], tracks: Sequence[Sequence[Track]], examples: LayerBatch) -> dict[str, np.ndarray]:
    named = {"x": examples.x.numpy(), "grad_output": examples.d_output.numpy()}
    for ending, track in zip(endings, (t for layer in tracks for t in layer), strict=True):
        named |= {f"the output of {ending}": track.output.numpy()}
        named |= {f"{s} of {ending}": v.numpy() for s, v in zip(track.program.states, track.before, strict=True)}
    return named


def _find_bad_weights(tracks: Sequence[Sequence[Track]]) -> str:
    """Name the first parameter that is not finite: a saturated gate hides it from every state."""
    named = [pair for layer in tracks for track in layer for pair in zip(track.names, track.parameters, strict=True)]
    return next((f"the weights of {name} are not finite" for name, one in named if not one.isfinite().all()), "")


def _last_steps(track: Track, most: int) -> list[Rows]:
    """Choose the steps whose Jacobians are computed: of the longest examples, each in the order of the layer."""
    real = track.valid[..., 0].sum(0)
    left, chosen = min(most, max(2, MOST_NUMBERS // sum(track.sizes) ** 2)), list[Rows]()
    for example in real.argsort(descending=True, stable=True).tolist():
        own = [t for t in track.order if bool(track.valid[t, example, 0])][-left:]
        if not own or (chosen and left < len(chosen[0].times)):
            break
        chosen.append(Rows(torch.tensor(own), torch.full((len(own),), example)))
        left -= len(own)
    return chosen


def _check(one: lags.Map, total: lags.Total, flow: Flow, ending: str) -> Checks:
    size = float(total.deltas.norm())
    columns = float((one.columns - total.deltas).norm()) / (size or 1.0)
    shares = flow.lag_shares[ending]
    gap = abs(float(shares.shares.sum()) - shares.norm) / (shares.norm or 1.0)
    return Checks(columns, gap, _spectrum_error(flow.lyapunov[ending]))


def _spectrum_error(spectrum: Lyapunov) -> float:
    total, expected = float(spectrum.exponents.sum()), spectrum.mean_log_det
    if not (math.isfinite(total) and math.isfinite(expected)):
        return math.nan
    return abs(total - expected) / max(1.0, abs(expected))


def _describe_sample(taken: BatchSample, chosen: Sequence[int], batch: int) -> BatchSample:
    parts = []
    if len(chosen) < batch:
        parts.append(f"{len(chosen)} of {batch} examples")
    if taken.rows < taken.of_rows:
        parts.append(f"the losses of {taken.rows} of {taken.of_rows} steps in the map and the lag shares")
    if taken.jacobian_steps < taken.of_steps:
        parts.append(f"Jacobians of {taken.jacobian_steps} of {taken.of_steps} steps")
    sentence = f"Examined: {'; '.join(parts)}." if parts else ""
    return dataclasses.replace(taken, examples=tuple(chosen), of_examples=batch, sentence=sentence)

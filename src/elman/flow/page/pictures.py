"""Make a section of the report for every figure: a picture, one sentence on this model, and how to read it.

>>> import elman, torch
>>> flow = elman.flow.examine(elman.nn.GRU(3, 5), torch.randn(11, 2, 3))
>>> [section.title for section in draw_figures(flow)][:2]
['Gradient through time', 'Influence of each step on each loss']
"""

import math
from dataclasses import dataclass

import numpy as np

from elman.flow.figures import Flow, Gates, GateUsage, GradientNorms, Influence, LagShares, SingularValues
from elman.flow.page.charts import Bar, Curve, Mark, draw_bars, draw_curves, draw_map
from elman.flow.page.style import HUES
from elman.flow.page.wording import describe_slope, name_layer, write_each, write_number, write_share, write_steps
from elman.flow.reach import Truncation

_MOST_MAPS = 4
_MOST_BARS = 14
_FEW_BELOW, _MANY_ABOVE = 0.1, 0.9


@dataclass(frozen=True)
class Section:
    """One section of a report.

    Attributes:
        title: of the section.
        says: one sentence on this model.
        drawings: SVG.
        how: how to read it, and its source.
        table: rows of cells, the first of them the header; empty for none.
    """

    title: str
    says: str
    drawings: tuple[str, ...]
    how: str
    table: tuple[tuple[str, ...], ...] = ()


def count_steps(flow: Flow) -> int:
    """Return T of the longest example; 0 where the run was not finite."""
    return max((len(one.median) for one in flow.gradient_norms.values()), default=0)


def draw_figures(flow: Flow) -> list[Section]:
    """Draw every figure that was computed; none where the run was not finite."""
    if not flow.gradient_norms:
        return []
    makers = (
        _gradient, _influence, _lag_shares, _transport, _singular_values, _lyapunov, _bounds, _gates, _memory,
    )  # fmt: skip
    return [maker(flow) for maker in makers]


def draw_truncation(truncation: Truncation) -> Section:
    """Make the section on what the window of a training cuts off."""
    lost = [
        (ending, "is 0" if math.isnan(share) else f"loses {write_share(share)} of its norm")
        for ending, share in truncation.lost.items()
    ]
    bars = [Bar(name_layer(ending), (share,), write_share(share)) for ending, share in truncation.lost.items()]
    return Section(
        "Cut by truncation",
        write_each(lost, f"In a window of {truncation.window} steps the gradient of the weights"),
        (draw_bars(bars, most=1.0, title="What the window cuts off"),),
        "Truncated BPTT stops the gradient at the left edge of a window. It is measured here on twice the window: the "
        "norm of the part that comes from before the edge, as a share of the whole gradient, for losses in the second "
        "half. Where it is large, train with a longer window.",
    )


def _gradient(flow: Flow) -> Section:
    several = len(flow.gradient_norms) > 1
    curves = []
    for ending, one in flow.gradient_norms.items():
        at = np.arange(len(one.median), dtype=float)
        band = (None, None) if several else (one.lower, one.upper)
        curves.append(Curve(at, one.median, name_layer(ending), "", *band))
    ends = [(ending, _compare_ends(flow, ending, one)) for ending, one in flow.gradient_norms.items()]
    says = write_each(ends, "The gradient of the loss")
    return Section(
        "Gradient through time",
        says,
        (draw_curves(curves, ("time step", "‖dL/dh‖"), log=True),),
        "The norm of the loss's gradient at the output state of every time step: the median over the batch"
        + ("." if several else ", and the middle half of the examples as a band.")
        + " A flat line is a gradient that reaches early steps unchanged. Where the line falls to the left the "
        "gradient vanishes; where it rises to the left it explodes. If every step has its own loss, each adds to it.",
    )


def _compare_ends(flow: Flow, ending: str, one: GradientNorms) -> str:
    known = one.median[np.isfinite(one.median)]
    losses = len(flow.influence[ending].rows)
    if not known.any():
        return "is 0 at every step"
    if len(known) == 1:
        return "is that of a single step"
    if known[-1] == 0:
        return "does not reach the last step"
    ratio = write_number(float(known[0] / known[-1]))
    several = f", with {losses} steps that have a loss of their own" if losses > 1 else ""
    return f"is at the first step {ratio} times what it is at the last{several}"


def _influence(flow: Flow) -> Section:
    maps: list[str] = []
    curves: list[Curve] = []
    for ending, one in flow.influence.items():
        if len(maps) < _MOST_MAPS:
            title = f"{name_layer(ending)}: influence of each step on each loss"
            axes = ("step of the state, k", "step of the loss, t")
            caption = name_layer(ending) if len(flow.influence) > 1 else ""
            maps.append(draw_map(one.map, one.rows.astype(float), axes, title, caption))
        curves.append(Curve(np.arange(len(one.curve), dtype=float), one.curve, name_layer(ending)))
    sentences = []
    for ending, one in flow.influence.items():
        sentences.append((ending, _describe_influence(one)))
    return Section(
        "Influence of each step on each loss",
        write_each(sentences, "The influence of a state on a later loss"),
        (*maps, draw_curves(curves, ("lag, steps", "share of lag 0"), log=True, marks=[Mark(0.1, "a tenth")])),
        "Map: how strongly the loss of step t (down) depends on the state of step k (across), ‖dL_t/ds_k‖. The wider "
        "the bright band, the longer the memory. Curve: the same by lag, as a share of lag 0, the median over all "
        "rows.",
    )


def _describe_influence(one: Influence) -> str:
    lag, left = one.far
    if not one.curve.any():
        return "is 0: no loss depends on this layer"
    if lag == 0:
        return "cannot be measured over a single step"
    if math.isnan(one.slope):
        return "is 0 from the first step back"
    over = f"over {write_steps(lag)}"
    if one.hardly_changes:
        return f"{describe_slope(one.slope)}; {over} it hardly changes"
    return f"{describe_slope(one.slope)}; {over} " + (
        f"it grows {write_number(left)}-fold" if left > 1 else f"{write_number(left)} of it is left"
    )


def _lag_shares(flow: Flow) -> Section:
    drawings = []
    for ending, one in list(flow.lag_shares.items())[:_MOST_MAPS]:
        if one.norm > 0:
            drawings.append(_draw_shares(ending, one))
    sentences = []
    for ending, one in flow.lag_shares.items():
        explicit = write_share(flow.explicit[ending].share)
        what = f"comes to 90 % from lags up to {one.lag90}; {explicit} of it is from lag 0"
        sentences.append((ending, what if one.norm > 0 else "is 0"))
    return Section(
        "Where dL/dW comes from",
        write_each(sentences, "The gradient of the weights"),
        tuple(drawings),
        "Each step k at which a weight is used adds its part to the gradient of a loss at step t. Stems: the share of "
        "lag t − k in ‖dL/dW‖, which may be negative; line: their sum up to this lag. Lag 0 is the explicit part, the "
        "rest the implicit part, which came through time (Pascanu et al. 2013, eqs 3–5).",
    )


def _draw_shares(ending: str, one: LagShares) -> str:
    shares, lags = one.shares / one.norm, one.lags.astype(float)
    total = np.cumsum(shares)
    beyond = np.nonzero(np.abs(total - 1) > 1e-3)[0]
    end = min(len(lags), max(int(beyond[-1]) + 2 if len(beyond) else 1, 12))
    curves = [
        Curve(lags[:end], shares[:end], "share of a lag", "blue", stems=True),
        Curve(lags[:end], total[:end], f"sum up to a lag, {name_layer(ending)}", "red"),
    ]
    mark = Mark(float(one.lag90), f"90 % at lag {one.lag90}", upright=True)
    low = min(0.0, float(shares[:end].min()), float(total[:end].min()))
    return draw_curves(
        curves, ("lag, steps", "share of ‖dL/dW‖"), marks=[mark], low=low, title=f"Lags, {name_layer(ending)}"
    )


def _transport(flow: Flow) -> Section:
    curves, sentences = [], []
    for ending, one in flow.transport_gain.items():
        fine = np.isfinite(one.gain).any(1)
        median = np.full(len(one.gain), math.nan)
        if fine.any():
            median[fine] = np.nanmedian(one.gain[fine], axis=1)
        curves.append(Curve(np.arange(len(median), dtype=float), median, name_layer(ending)))
        middle = float(np.nanmedian(median)) if fine.any() else math.nan
        what = f"multiplies the gradient's norm by {write_number(middle)}"
        sentences.append((ending, "carries no gradient" if math.isnan(middle) else what))
    omega = ", ".join(write_number(one.omega) for one in flow.transport_gain.values())
    return Section(
        "Transport gain",
        write_each(sentences, "One step back"),
        (draw_curves(curves, ("time step", "gain"), marks=[Mark(1.0, "1: unchanged")], low=0.0),),
        "The factor by which one step back through the Jacobian changes the norm of the gradient, the median over the "
        f"batch. Ω, the sum of (gain − 1)², is {omega} (Pascanu et al. 2013, eq. 9); it is 0 where no step changes the "
        "norm.",
    )


def _singular_values(flow: Flow) -> Section:
    drawings: list[str] = []
    sentences: list[tuple[str, str]] = []
    for ending, one in flow.singular_values.items():
        if len(drawings) < _MOST_MAPS and len(one.lags):
            drawings.append(_draw_spectrum(ending, one))
        largest, lag = float(np.exp(one.logarithms[-1, 0])), int(one.lags[-1])
        kept = float(np.mean(one.logarithms[-1] > math.log(0.1)))
        most = (
            f"shrinks to at most {write_number(largest)}"
            if largest < 1
            else f"grows up to {write_number(largest)}-fold"
        )
        kept_in = f"at least a tenth of it is left in {write_share(kept)} of the directions"
        sentences.append((ending, f"{most} over {write_steps(lag)}; {kept_in}"))
    return Section(
        "Singular values of the Jacobians",
        write_each(sentences, "A small change of the state"),
        tuple(drawings),
        "Singular values of the product of the steps' Jacobians: the factors by which a change of the state is "
        "stretched after this many steps, one for each direction. Where even the largest is far below 1, nothing of "
        "the state is left.",
    )


def _draw_spectrum(ending: str, one: SingularValues) -> str:
    lags, logarithms = one.lags.astype(float), one.logarithms
    count = logarithms.shape[1]
    with np.errstate(over="ignore"):
        values = np.exp(np.clip(logarithms, -700, 700))
    chosen = [("largest", 0), ("upper quarter", count // 4), ("middle", count // 2), ("smallest", count - 1)]
    named = {place: words for words, place in reversed(chosen)}
    curves = [Curve(lags, values[:, place], words) for place, words in sorted(named.items())]
    low = max(1e-16, float(values[values > 0].min()))
    return draw_curves(
        curves, ("lag, steps", "factor"), log=True, marks=[Mark(1.0, "1")], low=low,
        title=f"Singular values, {name_layer(ending)}",
    )  # fmt: skip


def _lyapunov(flow: Flow) -> Section:
    curves, sentences = [], []
    for ending, one in flow.lyapunov.items():
        finite = one.exponents[np.isfinite(one.exponents)]
        curves.append(Curve(np.arange(1.0, len(finite) + 1), finite, name_layer(ending)))
        first = float(one.exponents[0])
        what = f"does not shrink (λ₁ = {write_number(first)})"
        if math.isinf(first):
            what = "is gone after one step (λ₁ = −infinity)"
        elif first < 0:
            what = f"shrinks by a factor of e in {write_steps(one.memory_time)} (λ₁ = {write_number(first)})"
        sentences.append((ending, what))
    return Section(
        "Lyapunov spectrum",
        write_each(sentences, "A difference between two states"),
        (draw_curves(curves, ("direction, slowest first", "λ, nats a step"), marks=[Mark(0.0, "0: unchanged")]),),
        "The long-run rates at which differences of states grow (above 0) or shrink (below 0), one for each direction "
        "of the state (Benettin et al. 1980). −1/λ₁ is the memory time: the slowest difference falls to 1/e in it.",
    )


def _bounds(flow: Flow) -> Section:
    rows = [("layer", "matrix", "radius ρ", "σ₁", "steepest slope γ", "guarantees")]
    sentences = []
    for ending, bounds in flow.bounds.items():
        numbers = [
            (b.member, write_number(b.radius), write_number(b.sigma), write_number(b.gamma), b.guarantee or "nothing")
            for b in bounds
        ]
        rows += [(name_layer(ending), *row) for row in numbers]
        known = [f"{one.guarantee} over long lags, by {one.member}" for one in bounds if one.guarantee]
        what = f"guarantees {'; '.join(known)}" if known else "alone guarantees neither vanishing nor exploding"
        sentences.append((ending, what))
    return Section(
        "Bounds from the weights",
        write_each(sentences, "The hidden-to-hidden part") if flow.bounds and any(flow.bounds.values())
        else "No matrix of this cell multiplies a state, so there is no bound.",
        (),
        "σ₁ is the largest singular value of a matrix, ρ its spectral radius. σ₁·γ under 1 guarantees vanishing; in a "
        "linear cell ρ decides (Pascanu et al. 2013, section 2.1).",
        tuple(rows) if len(rows) > 1 else (),
    )  # fmt: skip


def _gates(flow: Flow) -> Section:
    bars = []
    for ending, gates in flow.gates.items():
        before = f"{name_layer(ending)}: " if len(flow.gates) > 1 else ""
        for gate in gates.gates:
            middle = max(0.0, 1 - gate.below - gate.above)
            bars.append(Bar(before + gate.name, (gate.below, middle, gate.above), _half_life(gate)))
    drawing = draw_bars(
        bars[:_MOST_BARS],
        (f"under {_FEW_BELOW}", "between", f"over {_MANY_ABOVE}"),
        (HUES[0], HUES[2], HUES[1]),
        1.0,
        "Values of the gates",
    )
    sentences = [(ending, _describe_gates(gates)) for ending, gates in flow.gates.items()]
    return Section(
        "Gates and units",
        write_each(sentences, "The state"),
        (drawing,) if bars else (),
        "For each gate the share of its values, over units, steps and examples, that are under 0.1, between, or over "
        "0.9; for a forget gate also the half-life of its state. A unit's gate that is shut, or open, at 95 % of all "
        "steps is stuck and learns slowly, since its slope is near 0 there. A forget gate that always keeps its state "
        "is not counted: that is its purpose. A gate that changes between both ends works.",
    )


def _half_life(gate: GateUsage) -> str:
    if gate.half_life is None or not gate.keeps:
        return ""
    return f"half-life of {gate.keeps}: {write_steps(float(np.median(gate.half_life)))}"


def _describe_gates(gates: Gates) -> str:
    saturated, tanh, dead = gates.saturated, gates.saturated_tanh, gates.dead
    parts = []
    if not math.isnan(saturated):
        parts.append(f"has {write_share(saturated)} of its units' gates stuck")
    if not math.isnan(tanh):
        parts.append(f"has {write_share(tanh)} of its units' tanh nearly always beyond ±0.99")
    if not math.isnan(dead):
        parts.append(f"has {write_share(dead)} of its relu units dead")
    return ", and ".join(parts) or "has no gate, no tanh and no relu that could saturate"


def _memory(flow: Flow) -> Section:
    bars, sentences = [], []
    total = count_steps(flow)
    for ending, one in flow.memory.items():
        before = f"{name_layer(ending)}: " if len(flow.memory) > 1 else ""
        reach = total if one.lag10 is None else one.lag10
        never = "never" if one.lag10 is None else write_steps(one.lag10)
        bars.append(Bar(f"{before}influence under a tenth", (float(reach),), never))
        bars.append(Bar(f"{before}90 % of dL/dW", (float(one.lag90),), write_steps(one.lag90)))
        falls = f"never falls under a tenth within {write_steps(total)}"
        if not flow.influence[ending].curve.any():
            falls = "is 0: no loss depends on this layer"
        elif one.lag10 is not None:
            falls = f"falls under a tenth after {write_steps(one.lag10)} of {total}"
        sentences.append((ending, falls))
    behavioural = next((one.behavioural for one in flow.memory.values() if one.behavioural is not None), None)
    if behavioural is not None:
        bars.append(Bar("loss within 1 %", (float(behavioural),), write_steps(behavioural)))
    last = "" if behavioural is None else f" With a memory of {write_steps(behavioural)} its loss is within 1 %."
    return Section(
        "Effective memory",
        write_each(sentences, "The influence of a state") + last,
        (draw_bars(bars, most=float(max(total, 1)), title="Memory in steps"),),
        f"Three measures of how far back the layer reaches, of {total} steps: the lag at which the median influence "
        "falls under a tenth; the lag within which 90 % of the weights' gradient lies; and, for a trained model, the "
        "shortest memory with which the loss is within 1 % of the loss with all steps.",
    )

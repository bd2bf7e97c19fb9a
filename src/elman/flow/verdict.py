"""Judge a model by its figures and its training, in one verdict (figure 13). The first rule that holds is the verdict.

>>> from elman.flow.evidence import Clipping, Evidence
>>> verdict, reason, advice = judge(Evidence(training=Clipping(hard=0.2, updates=50, median=30.0, suggested=40.0)))
>>> verdict, reason, advice[0]
('EXPLODING', '20% of the updates were clipped by more than tenfold', 'lower the learning rate (--learning-rate)')
"""

from collections.abc import Callable, Mapping

import numpy as np

from elman.flow.advice import advise
from elman.flow.evidence import HARD, Clipping, Evidence, GradientVerdict, write_percent
from elman.flow.figures import Flow, Gates, Influence

NON_FINITE, DEAD, EXPLODING, SATURATED = "NON-FINITE", "DEAD", "EXPLODING", "SATURATED"
VANISHING, SHORT, HEALTHY = "VANISHING", "MEMORY SHORTER THAN THE DATA NEEDS", "HEALTHY"
VERDICTS = (NON_FINITE, DEAD, EXPLODING, SATURATED, VANISHING, SHORT, HEALTHY)

GROWTH, VANISHED, HALF = 0.01, 1e-3, 0.5


def judge(evidence: Evidence) -> tuple[str, str, tuple[str, ...]]:
    """Return the verdict, its reason in one line, and what to try.

    The same rules judge a training by its gradients, a model by its figures, and a trained model by both.
    """
    for verdict, find in _RULES.items():
        reason = find(evidence)
        if reason:
            return verdict, reason, advise(verdict, evidence)
    return HEALTHY, _healthy(evidence), ()


def judge_training(
    training: Clipping, gates: Mapping[str, Gates] | None = None, update: int | None = None
) -> GradientVerdict:
    """Judge a training by its gradients, and by its gates at an update where they are known."""
    gates = gates or {}
    name, line, advice = judge(Evidence(gates=gates, training=training))
    if update is not None and line in (find_dead(gates), find_saturated(gates)):
        line = f"{line}, at update {update:,}"
    if name == EXPLODING:
        line = f"{line}; {training.describe()}"
    return GradientVerdict(name, line, f"Try to {', or to '.join(advice)}" if advice else "")


def _non_finite(evidence: Evidence) -> str:
    training = evidence.training
    if evidence.flow is not None and evidence.flow.finite:
        return evidence.flow.finite
    if training is None:
        return ""
    if training.left_out is not None:
        counted = f"{training.skipped:,} of {training.updates:,} " if training.updates else "some "
        where = f", in {training.broken}" if training.broken else ""
        return (
            f"{counted}updates were left out, since their gradient was not finite; "
            f"the first was update {training.left_out:,}{where}"
        )
    if training.bad_loss is not None:
        return f"the loss is not finite at update {training.bad_loss:,}"
    return ""


def _dead(evidence: Evidence) -> str:
    flow, training = evidence.flow, evidence.training
    if training is not None and training.still:
        if training.lost:
            return f"the loss and its gradient are 0 at each of {training.updates:,} updates: there is nothing to learn"
        return f"the gradient is 0 at most of {training.updates:,} updates"
    silent = [] if flow is None else [ending for ending, shares in flow.lag_shares.items() if shares.norm == 0]
    return find_dead(evidence.gates) or (f"{silent[0]}: no gradient reaches its parameters" if silent else "")


def _exploding(evidence: Evidence) -> str:
    flow = evidence.flow or Flow("")
    for ending, spectrum in flow.lyapunov.items():
        # Over few steps a rate is rough. A state that grows only at first has no late rate above 0; a state that sums
        # (a forget gate near 1) can have one, although its gradient does not grow.
        rate, (lag, grown) = float(spectrum.exponents[0]), flow.influence[ending].far
        if min(rate, spectrum.late) > GROWTH and grown > 1:
            return f"{ending}: changes of the state grow by e^{rate:.3g} a step, the gradient by {grown:.3g} over {lag}"
    hard = 0.0 if evidence.training is None else evidence.training.hard
    return f"{write_percent(hard)} of the updates were clipped by more than tenfold" if hard > HARD else ""


def _saturated(evidence: Evidence) -> str:
    return find_saturated(evidence.gates)


def _vanishing(evidence: Evidence) -> str:
    if evidence.flow is None or evidence.longer_helps is False or not evidence.order_needed:
        return ""
    influence = evidence.flow.influence
    if evidence.used is not None and any(_left_at(one, evidence.used - 1) >= VANISHED for one in influence.values()):
        return ""  # a gradient reaches as far back as the data need
    for ending, one in influence.items():
        lag90, (lag, left) = evidence.flow.lag90[ending], one.far
        if left < VANISHED and lag90 < evidence.steps / 4:
            needed = "" if evidence.used is None else f"; these data need {evidence.used}"
            return (
                f"{ending}: over {_count(lag)} {_write_left(left)} is left{_name_others(influence)}{needed}; "
                f"90 % of dL/dW comes from lags up to {lag90}, of {evidence.steps} steps"
            )
    return ""


def _write_left(left: float) -> str:
    return f"{left:.1e} of the gradient" if left else "nothing of the gradient"


def _left_at(influence: Influence, lag: int) -> float:
    return float(influence.curve[min(max(lag, 0), len(influence.curve) - 1)])


def _name_others(influence: Mapping[str, Influence]) -> str:
    """List the layers and directions in which the gradient does not vanish, in brackets."""
    others = [f"{one.far[1]:.2g} in {name}" for name, one in influence.items() if one.far[1] >= VANISHED]
    return f" ({', '.join(others)})" if others else ""


def _count(steps: int) -> str:
    return f"{steps} step{'' if steps == 1 else 's'}"


def _short(evidence: Evidence) -> str:
    if evidence.needs is None or evidence.flow is None or not evidence.flow.memory:
        return ""
    reach = [evidence.steps if m.lag10 is None else m.lag10 for m in evidence.flow.memory.values()]
    if max(reach) >= evidence.needs:
        return ""
    return f"the gradient falls under 10 % after {max(reach)} steps, and the data ask for {evidence.needs}"


def find_dead(layers: Mapping[str, Gates]) -> str:
    """Describe the first layer in which most relu units are dead; empty where there is none."""
    for name, gates in layers.items():
        if gates.dead > HALF:
            return f"{name}: {write_percent(gates.dead)} of the units are 0 at every step of every example"
    return ""


def find_saturated(layers: Mapping[str, Gates]) -> str:
    """Describe the first layer in which most gates, or tanh, are stuck; empty where there is none."""
    for name, gates in layers.items():
        if gates.saturated > HALF:
            return (
                f"{name}: {write_percent(gates.saturated)} of the units' gates are nearly always under 0.1 or over 0.9"
            )
        if gates.saturated_tanh > HALF:
            return f"{name}: {write_percent(gates.saturated_tanh)} of the units' tanh are nearly always beyond ±0.99"
    return ""


_RULES: dict[str, Callable[[Evidence], str]] = {
    NON_FINITE: _non_finite,
    DEAD: _dead,
    EXPLODING: _exploding,
    SATURATED: _saturated,
    VANISHING: _vanishing,
    SHORT: _short,
}


def _healthy(evidence: Evidence) -> str:
    flow = evidence.flow
    if flow is None:
        return "nothing was measured" if evidence.training is None else evidence.training.describe()
    first = max(float(spectrum.exponents[0]) for spectrum in flow.lyapunov.values())
    faintest = min(flow.influence.values(), key=lambda one: one.far[1])
    lag, left = faintest.far
    if lag == 0:
        return "the sequences have one step, so no gradient travels through time"
    if faintest.hardly_changes:
        return f"λ₁ = {first:+.3g}; over {_count(lag)} the gradient hardly changes"
    if left > 1:
        return f"λ₁ = {first:+.3g}; over {_count(lag)} the gradient grows {left:.3g}-fold"
    if left >= VANISHED:
        return f"λ₁ = {first:+.3g}; over {_count(lag)} {left:.2g} of the gradient is left"
    if not evidence.order_needed:
        reason = "these data do not need it, since the order of the steps does not raise the score"
    elif evidence.used is not None:
        reason = f"these data need {evidence.used}"
    elif evidence.longer_helps is False:
        reason = "longer context does not lower the loss"
    else:
        reason = f"90 % of dL/dW comes from lags up to {max(flow.lag90.values())}, of {evidence.steps} steps"
    return f"the gradient fades to {left:.2g} over {_count(lag)}{_name_others(flow.influence)}; {reason}"


def find_non_finite(named: dict[str, np.ndarray]) -> str:
    """Name the array that is not finite, and its first time step that is not; empty if all are finite.

    Args:
        named: arrays whose first axis is time.

    >>> find_non_finite({"x": np.array([[1.0], [np.inf]])})
    'x is not finite at step 1'
    """
    for name, values in named.items():
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(1)
        if bad.any():
            return f"{name} is not finite at step {int(bad.argmax())}"
    return ""

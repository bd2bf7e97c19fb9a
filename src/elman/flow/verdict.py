"""Sum the figures up in one word, and say what to try (figure 13). The first rule that holds is the verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from elman.flow.figures import Flow, Gates, Influence
from elman.flow.ledger import HARD, Clipping

NON_FINITE, DEAD, EXPLODING, SATURATED = "NON-FINITE", "DEAD", "EXPLODING", "SATURATED"
VANISHING, SHORT, HEALTHY = "VANISHING", "MEMORY SHORTER THAN THE DATA NEEDS", "HEALTHY"
VERDICTS = (NON_FINITE, DEAD, EXPLODING, SATURATED, VANISHING, SHORT, HEALTHY)

GROWTH, VANISHED, HALF = 0.01, 1e-3, 0.5
FAR = 50


@dataclass(frozen=True)
class Known:
    """Hold what a verdict may know beside the figures.

    Attributes:
        steps: T, of the longest example.
        needs: how many steps back lies what the data ask for; None if it is not known.
        longer_helps: whether longer context would lower the loss; None if it is not known. Where it would not, short
            memory is no fault.
        ledger: of the clipping, if there was a training.
    """

    steps: int
    needs: int | None = None
    longer_helps: bool | None = None
    ledger: Clipping | None = None


def judge(flow: Flow, known: Known) -> tuple[str, str, tuple[str, ...]]:
    """Give the verdict, its reason in one line, and what to try."""
    for verdict, find in _RULES.items():
        reason = find(flow, known)
        if reason:
            return verdict, reason, _advise(verdict, flow, known)
    return HEALTHY, _healthy(flow), ()


def _non_finite(flow: Flow, known: Known) -> str:
    ledger = known.ledger
    if not flow.finite and ledger is not None and ledger.left_out is not None:
        return f"the gradient of update {ledger.left_out} is not finite"
    return flow.finite


def _dead(flow: Flow, known: Known) -> str:  # noqa: ARG001
    silent = [ending for ending, shares in flow.lag_shares.items() if shares.norm == 0]
    return find_dead(flow.gates) or (f"{silent[0]}: no gradient reaches its parameters" if silent else "")


def _exploding(flow: Flow, known: Known) -> str:
    for ending, spectrum in flow.lyapunov.items():
        # Over few steps a rate is rough. What grows at first and then dies has none over the later steps; a state that
        # merely sums (a forget gate near 1) can have one, and yet no gradient that grows.
        rate, (lag, grown) = float(spectrum.exponents[0]), _left(flow.influence[ending])
        if min(rate, spectrum.late) > GROWTH and grown > 1:
            return f"{ending}: changes of the state grow by e^{rate:.3g} a step, the gradient by {grown:.2g} over {lag}"
    hard = 0.0 if known.ledger is None else known.ledger.hard
    return f"{hard:.0%} of the updates were clipped by more than tenfold" if hard > HARD else ""


def _saturated(flow: Flow, known: Known) -> str:  # noqa: ARG001
    return find_saturated(flow.gates)


def _vanishing(flow: Flow, known: Known) -> str:
    if known.longer_helps is False:
        return ""
    for ending, one in flow.influence.items():
        lag90, (lag, left) = flow.lag90[ending], _left(one)
        if left < VANISHED and lag90 < known.steps / 4:
            return (
                f"{ending}: over {lag} steps {left:.1e} of the gradient is left; "
                f"90 % of dL/dW comes from the last {lag90 + 1} of {known.steps} steps"
            )
    return ""


def _left(one: Influence) -> tuple[int, float]:
    """Say what is left of the gradient at lag 50, or at the largest lag that was measured."""
    lag = min(FAR, len(one.curve) - 1)
    return lag, float(one.curve[lag])


def _short(flow: Flow, known: Known) -> str:
    if known.needs is None or not flow.memory:
        return ""
    reach = [known.steps if m.lag10 is None else m.lag10 for m in flow.memory.values()]
    if max(reach) >= known.needs:
        return ""
    return f"the gradient falls under 10 % after {max(reach)} steps, and the data ask for {known.needs}"


def find_dead(layers: Mapping[str, Gates]) -> str:
    """Say in which layer most relus are dead; empty where in none."""
    found = ((name, gates.dead) for name, gates in layers.items() if gates.dead > HALF)
    return next((f"{name}: {dead:.0%} of the units are 0 at every step of every example" for name, dead in found), "")


def find_saturated(layers: Mapping[str, Gates]) -> str:
    """Say in which layer most gates, or tanh, are stuck; empty where in none."""
    for name, gates in layers.items():
        if gates.saturated > HALF:
            return f"{name}: {gates.saturated:.0%} of the units' gates are nearly always under 0.1 or over 0.9"
        if gates.saturated_tanh > HALF:
            return f"{name}: {gates.saturated_tanh:.0%} of the units' tanh are nearly always beyond ±0.99"
    return ""


_RULES: dict[str, Callable[[Flow, Known], str]] = {
    NON_FINITE: _non_finite,
    DEAD: _dead,
    EXPLODING: _exploding,
    SATURATED: _saturated,
    VANISHING: _vanishing,
    SHORT: _short,
}


def _healthy(flow: Flow) -> str:
    first = [spectrum.exponents[0] for spectrum in flow.lyapunov.values()]
    lag, left = min((_left(one) for one in flow.influence.values()), key=lambda pair: pair[1])
    return f"λ₁ = {max(first):+.3g}; over {lag} steps {left:.2g} of the gradient is left"


def _advise(verdict: str, flow: Flow, known: Known) -> tuple[str, ...]:
    gated = any(gate.keeps for gates in flow.gates.values() for gate in gates.gates)
    limit = known.ledger.suggested if known.ledger is not None else None
    clip = "clip the gradient's norm" + (f" at {limit:g}" if limit is not None else ", at 1 to begin with")
    remember = (
        "start with a larger forget bias: elman.nn.init.chrono_"
        if gated
        else "start from an orthogonal hidden-to-hidden matrix: elman.nn.init.orthogonal_"
    )
    other = "take a cell that keeps for longer, such as lem" if gated else "take a gated cell: lstm or gru"
    return {
        NON_FINITE: ("lower the learning rate", clip, "look for values in the data that are not finite or huge"),
        DEAD: ("lower the learning rate", "start the biases above 0", "take tanh or leaky_relu for relu"),
        EXPLODING: (clip, "lower the learning rate", "start from an orthogonal hidden-to-hidden matrix"),
        SATURATED: ("scale the input to mean 0 and variance 1", "start with smaller weights", "add weight decay"),
        VANISHING: (remember, other, "give the loss to more steps than the last"),
        SHORT: ("train with a longer window", remember, other),
    }[verdict]


def find_non_finite(named: dict[str, np.ndarray]) -> str:
    """Say which array holds what is not finite, and at which time step first; empty if none does.

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

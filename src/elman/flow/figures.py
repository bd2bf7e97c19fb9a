"""Hold what was seen inside a layer: one dataclass a figure, plain numbers and arrays, and its definition.

Letters: T time, B batch, s the whole state of one layer in one direction, all states of the cell joined, S its length;
L = Σ_t L_t the loss, L_t what passes through the layer's output at step t; D[t, k] = dL_t/ds_k and δ_k = dL/ds_k, total
derivatives; J_t = ds_t/ds_{t−1}. Times count from 0. Arrays are of float64 unless they count.

Figures that belong to one layer in one direction stand in a dict by the ending of its parameters' names: ``l0``,
``l0_reverse``, ``l1``, … from the input upwards.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class GradientNorms:
    """Say how strong the gradient is at every time step: g_k = ‖dL/dh_k‖₂ (figure 1).

    Attributes:
        states: the cell's states.
        norms: (states, T, B), ‖dL/ds_k‖₂ of each state by itself; NaN past an example's end.
        median: (T,), of the first state over the batch.
        lower: (T,), its lower quartile.
        upper: (T,), its upper quartile.
        slope: of ln(median), a straight line through all steps where it is above 0, in nats for each step that the
            gradient travels; below 0 where it vanishes. NaN of fewer than two such steps.
        half_life: ln 2 / |slope|, in steps.
    """

    states: tuple[str, ...]
    norms: Array
    median: Array
    lower: Array
    upper: Array
    slope: float
    half_life: float


@dataclass(frozen=True)
class Influence:
    """Say who hears whom: A[t, k] = ‖D[t, k]‖, the norm over all states and the whole batch (figure 2).

    The columns sum, as vectors, to δ_k. A layer that reads forward has A[t, k] = 0 for k > t.
    What has faded under 1e-250 is 0 from there on.

    Attributes:
        rows: (R,), the steps t of the rows: all, or a sample.
        map: (R, T).
        curve: (lags,), the median over the rows of A[t, t − lag] / A[t, t], for lag 0, 1, …; a reverse direction
            counts k − t. Where less than a row reaches so far back, the curve ends.
        slope: of ln(curve) in nats a lag, as that of :class:`GradientNorms`.
        factor_50: the curve at lag 50; where it is shorter, exp(50 · slope).
        extrapolated: whether it is.
    """

    rows: Counts
    map: Array
    curve: Array
    slope: float
    factor_50: float
    extrapolated: bool


@dataclass(frozen=True)
class LagShares:
    """Say from how far back dL/dW comes (figure 3; Pascanu et al. 2013, eqs 3–5).

    C[t, k] = D[t, k] ∂⁺s_k/∂W, and P(lag) = ⟨Σ_{t−k=lag} C[t, k], g/‖g‖⟩, where g = dL/dW; shares are signed and sum to
    ‖g‖, of all parameters together and of each.

    Attributes:
        lags: t − k; in a reverse direction k − t. Below 0 too where bidirectional layers are stacked.
        shares: (lags,), of all parameters of this layer and direction together.
        norm: ‖g‖ of the rows that were taken.
        by_parameter: the shares of each parameter by its name.
        lag90: the smallest lag whose cumulated share reaches 90 %.
    """

    lags: Counts
    shares: Array
    norm: float
    by_parameter: dict[str, Array]
    lag90: int


@dataclass(frozen=True)
class Part:
    """Hold a part of dL/dW: `explicit` (k = t) or `implicit` (k ≠ t); their sum is dL/dW of the rows that were taken.

    Attributes:
        gradients: by the parameter's name, each of its shape. `to_dict` leaves them out.
        norms: their Frobenius norms.
        share: ⟨part, g⟩ / ‖g‖², of all parameters together; the two shares sum to 1.
    """

    gradients: dict[str, Array]
    norms: dict[str, float]
    share: float


@dataclass(frozen=True)
class TransportGain:
    """Say what one step back does to the gradient: q_k = ‖δ_{k+1} J_{k+1}‖ / ‖δ_{k+1}‖ (figure 4).

    Attributes:
        gain: (T − 1, B); NaN where δ is 0 and past an example's end. A reverse direction steps from k to k + 1.
        omega: Ω = Σ_k (q_k − 1)², the mean over the batch (Pascanu et al. 2013, eq. 9).
    """

    gain: Array
    omega: float


@dataclass(frozen=True)
class SingularValues:
    """Say how far a state's change can be stretched over some lags (figure 5).

    Attributes:
        lags: (n,), numbers of steps.
        logarithms: (n, S), natural logarithms of the singular values of J_t ⋯ J_{t−lag+1}, largest first, the median
            over the sampled steps and examples. −inf is 0. Below −30 under the largest they are not resolved.
        largest: (n,), the largest of all samples, as a number.
        samples: (n,), how many products there were.
    """

    lags: Counts
    logarithms: Array
    largest: Array
    samples: Counts


@dataclass(frozen=True)
class Lyapunov:
    """Say at what rate differences of states grow in the long run (figure 6; Benettin et al. 1980).

    Q_{t+1} R_{t+1} = J_t Q_t with Q = I at first; λ_i = (1/T) Σ ln |R_ii(t)|, the mean over the sampled examples.

    Attributes:
        exponents: (S,), nats a step, largest first; −inf where J is singular.
        late: the first exponent over the second half of the steps, where a passing growth is over.
        mean_log_det: (1/T) Σ ln |det J_t|, which is Σ λ_i.
        memory_time: −1/λ₁ in steps; inf where λ₁ is not below 0.
        steps: how many steps were taken.
    """

    exponents: Array
    late: float
    mean_log_det: float
    memory_time: float
    steps: int


@dataclass(frozen=True)
class Bound:
    """Say what a hidden-to-hidden matrix alone guarantees (figure 7; Pascanu et al. 2013, section 2.1).

    Attributes:
        member: of the cell, ``U.f``.
        radius: ρ, the largest |eigenvalue|; NaN where the matrix is not square.
        sigma: σ₁, the largest singular value.
        gamma: the steepest slope of the function behind the product: 1 for tanh, ¼ for sigmoid; NaN if unknown.
        guarantee: ``vanishing`` where σ₁ γ < 1, of a linear cell where ρ < 1; ``exploding`` of a linear cell where
            ρ > 1; empty where nothing follows, as where a state has another way into the next step.
    """

    member: str
    radius: float
    sigma: float
    gamma: float
    guarantee: str


@dataclass(frozen=True)
class Gate:
    """Say how a gate is used (figure 8). A gate is a sigmoid, or its hard form, of the cell's equations.

    Attributes:
        name: as the equations call it; else ``sigmoid 1``, …
        mean: of its values over units, steps and examples.
        below: share of the values under 0.1.
        above: share over 0.9.
        keeps: the state that it weighs, empty for none: a forget gate.
        half_life: (units,), ln 0.5 / ln f of each unit's mean, in steps, f the weight of the old state: the gate, or
            1 minus it where it overwrites; None where it keeps nothing.
    """

    name: str
    mean: float
    below: float
    above: float
    keeps: str
    half_life: Array | None


@dataclass(frozen=True)
class Gates:
    """Say how gates and units are used (figure 8).

    Attributes:
        gates: in the order of the equations.
        saturated: share of the units' gates that are stuck: under 0.1 at 95 % of all steps and examples, or over 0.9,
            but for a forget gate that always keeps its state: that is what it is for. NaN where there are no gates.
        saturated_tanh: share of the units' tanh that are beyond ±0.99 at 95 % of all steps and examples; NaN where
            there are none.
        dead: share of the units of all relus that are 0 at every step of every example; NaN where there are none.
    """

    gates: tuple[Gate, ...]
    saturated: float
    saturated_tanh: float
    dead: float


@dataclass(frozen=True)
class Memory:
    """Say how far back the layer reaches (figure 9), in steps.

    Attributes:
        lag10: the first lag where the curve of :class:`Influence` is under 10 %; None where it never is.
        lag90: that of :class:`LagShares`.
        behavioural: the fewest last steps with which the loss is within 1 % of that with all; None if no loss was
            given.
    """

    lag10: int | None
    lag90: int
    behavioural: int | None = None


@dataclass(frozen=True)
class Sampling:
    """Say what was taken of a batch that is large.

    Attributes:
        examples: their places in the batch.
        of_examples: B.
        rows: how many rows of the map were taken.
        of_rows: how many steps have a loss.
        jacobian_steps: at how many steps of the examples Jacobians were formed.
        of_steps: how many real steps these examples have.
        sentence: the same in words; empty where all was taken.
    """

    examples: tuple[int, ...]
    of_examples: int
    rows: int
    of_rows: int
    jacobian_steps: int
    of_steps: int
    sentence: str


@dataclass(frozen=True)
class Checks:
    """Say how well the figures agree with each other; each is a relative error, near 1e-15.

    Attributes:
        columns: of Σ_t D[t, k] against δ_k; NaN where rows were sampled.
        shares: of Σ P(lag) against ‖g‖.
        lyapunov: of Σ λ_i against the mean of ln |det J|; NaN where J is singular.
    """

    columns: float
    shares: float
    lyapunov: float


@dataclass(frozen=True)
class Flow:
    """Hold everything that :func:`elman.flow.examine` sees.

    Dicts are by layer and direction, ``l0``, ``l0_reverse``, and so on. Where a state or a gradient is not finite,
    `finite` says where, and the dicts are empty.

    Attributes:
        verdict: NON-FINITE, DEAD, EXPLODING, SATURATED, VANISHING, MEMORY SHORTER THAN THE DATA NEEDS or HEALTHY.
        line: the verdict's reason in one line, with its numbers.
        advice: what to try, the first first; empty where it is healthy.
        finite: empty, or what is not finite and where.
        half_life: ln 2 / |slope of the influence's curve|, in steps.
        sampling: what was taken of the batch.
        checks: how well the figures agree.
        gradient_norms: figure 1, and so on; see there.
    """

    cell: str
    gradient_norms: dict[str, GradientNorms] = field(default_factory=dict)
    influence: dict[str, Influence] = field(default_factory=dict)
    explicit: dict[str, Part] = field(default_factory=dict)
    implicit: dict[str, Part] = field(default_factory=dict)
    lag_shares: dict[str, LagShares] = field(default_factory=dict)
    lag90: dict[str, int] = field(default_factory=dict)
    transport_gain: dict[str, TransportGain] = field(default_factory=dict)
    singular_values: dict[str, SingularValues] = field(default_factory=dict)
    lyapunov: dict[str, Lyapunov] = field(default_factory=dict)
    bounds: dict[str, tuple[Bound, ...]] = field(default_factory=dict)
    gates: dict[str, Gates] = field(default_factory=dict)
    half_life: dict[str, float] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    verdict: str = ""
    line: str = ""
    advice: tuple[str, ...] = ()
    finite: str = ""
    sampling: Sampling | None = None
    checks: dict[str, Checks] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Write all but the weight-sized arrays as lists, strings and numbers; ``inf``, ``-inf``, ``nan`` as text."""
        written: dict[str, Any] = plain(self)
        return written


def plain(value: Any) -> Any:
    """Write a figure as lists, strings and numbers that JSON holds.

    >>> plain(Memory(lag10=None, lag90=3)), plain(math.inf)
    ({'lag10': None, 'lag90': 3, 'behavioural': None}, 'inf')
    """
    if isinstance(value, Part):
        return {"norms": plain(value.norms), "share": plain(value.share)}
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value

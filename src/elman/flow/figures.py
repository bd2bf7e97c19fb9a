"""What can be seen inside a layer: a dataclass for each figure, with its definition; plain numbers and arrays.

Letters: T time, B batch, s the whole state of one layer in one direction, all states of the cell joined, S its length;
L = Σ_t L_t the loss, L_t what passes through the layer's output at step t; D[t, k] = dL_t/ds_k and δ_k = dL/ds_k, total
derivatives; J_t = ds_t/ds_{t−1}. Times count from 0. Arrays are float64, but for counts.

Figures of one layer in one direction are in a dict, whose keys are the endings of its parameters' names: ``l0``,
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
FAR = 50  # the lag, in steps, at which a verdict looks


@dataclass(frozen=True)
class GradientNorms:
    """Norm of the gradient at every time step: g_k = ‖dL/dh_k‖₂ (figure 1).

    Attributes:
        states: the cell's states.
        norms: (states, T, B), ‖dL/ds_k‖₂ of each state alone; NaN past an example's end.
        median: (T,), of the first state over the batch.
        lower: (T,), its lower quartile.
        upper: (T,), its upper quartile.
        slope: of a straight line through ln(median), over all steps where the median is above 0, in nats for each step
            that the gradient travels; below 0 where it vanishes. NaN where there are fewer than two such steps.
        half_life: −ln 2 / slope, in steps; inf where the slope is not below 0.
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
    """Influence of step k on the loss of step t: A[t, k] = ‖D[t, k]‖, over all states and the whole batch (figure 2).

    The columns sum, as vectors, to δ_k. A layer that reads forward has A[t, k] = 0 for k > t.
    Where it falls under 1e-250 it is 0 from there on.

    Attributes:
        rows: (R,), the steps t of the rows: all, or a sample.
        map: (R, T).
        curve: (lags,), the median over the rows of A[t, t − lag] / A[t, t], for lag 0, 1, …; a reverse direction
            counts k − t. The curve ends at the largest lag that any row reaches.
        slope: of ln(curve) in nats a lag, as that of :class:`GradientNorms`.
        factor_50: the curve at lag 50; where it is shorter, exp(50 · slope).
        extrapolated: whether `factor_50` comes from the slope.
    """

    rows: Counts
    map: Array
    curve: Array
    slope: float
    factor_50: float
    extrapolated: bool

    @property
    def far(self) -> tuple[int, float]:
        """Return lag 50, or the largest lag that was measured, and the curve there."""
        lag = min(FAR, len(self.curve) - 1)
        return lag, float(self.curve[lag])

    @property
    def hardly_changes(self) -> bool:
        """Check whether the curve is within 1 % of 1 there."""
        return abs(self.far[1] - 1) < 0.01


@dataclass(frozen=True)
class LagShares:
    """Shares of dL/dW by lag: from how far back it comes (figure 3; Pascanu et al. 2013, eqs 3–5).

    C[t, k] = D[t, k] ∂⁺s_k/∂W, and P(lag) = ⟨Σ_{t−k=lag} C[t, k], g/‖g‖⟩, where g = dL/dW. Shares are signed and sum
    to ‖g‖, for all parameters together and for each of them.

    Attributes:
        lags: t − k; in a reverse direction k − t. Negative ones too where bidirectional layers are stacked.
        shares: (lags,), of all parameters of this layer and direction together.
        norm: ‖g‖ of the rows that were sampled.
        by_parameter: the shares of each parameter by its name.
        lag90: the smallest lag whose cumulated share reaches 90 %.
    """

    lags: Counts
    shares: Array
    norm: float
    by_parameter: dict[str, Array]
    lag90: int


@dataclass(frozen=True)
class GradientPart:
    """The explicit (k = t) or the implicit (k ≠ t) part of dL/dW; their sum is dL/dW of the rows that were sampled.

    Attributes:
        gradients: by the parameter's name, each in the parameter's shape. `to_dict` leaves them out.
        norms: their Frobenius norms.
        share: ⟨part, g⟩ / ‖g‖², of all parameters together; the two shares sum to 1.
    """

    gradients: dict[str, Array]
    norms: dict[str, float]
    share: float


@dataclass(frozen=True)
class TransportGain:
    """Factor by which one step back changes the gradient's norm: q_k = ‖δ_{k+1} J_{k+1}‖ / ‖δ_{k+1}‖ (figure 4).

    Attributes:
        gain: (T − 1, B); NaN where δ is 0 and past an example's end. A reverse direction steps from k to k + 1.
        omega: Ω = Σ_k (q_k − 1)², the mean over the batch (Pascanu et al. 2013, eq. 9).
    """

    gain: Array
    omega: float


@dataclass(frozen=True)
class SingularValues:
    """Singular values of products of Jacobians: how far a change of the state can be stretched (figure 5).

    Attributes:
        lags: (n,), numbers of steps.
        logarithms: (n, S), natural logarithms of the singular values of J_t ⋯ J_{t−lag+1}, largest first, the median
            over the sampled steps and examples. −inf stands for 0. Values over 30 below the largest are not resolved.
        largest: (n,), the largest of all samples, as a number.
        samples: (n,), how many products there were.
    """

    lags: Counts
    logarithms: Array
    largest: Array
    samples: Counts


@dataclass(frozen=True)
class Lyapunov:
    """Lyapunov spectrum: long-run rates at which differences of states grow (figure 6; Benettin et al. 1980).

    Q_{t+1} R_{t+1} = J_t Q_t with Q = I at first; λ_i = (1/T) Σ ln |R_ii(t)|, the mean over the sampled examples.

    Attributes:
        exponents: (S,), nats a step, largest first; −inf where J is singular.
        late: the first exponent over the second half of the steps, when temporary growth is over.
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
    """Bound that follows from a hidden-to-hidden matrix alone (figure 7; Pascanu et al. 2013, section 2.1).

    Attributes:
        member: of the cell, ``U.f``.
        radius: ρ, the largest |eigenvalue|; NaN where the matrix is not square.
        sigma: σ₁, the largest singular value.
        gamma: the steepest slope of the activation after the product: 1 for tanh, ¼ for sigmoid; NaN if unknown.
        guarantee: ``vanishing`` where σ₁ γ < 1, of a linear cell where ρ < 1; ``exploding`` of a linear cell where
            ρ > 1; empty where nothing follows, such as where a state also reaches the next step by another path.
    """

    member: str
    radius: float
    sigma: float
    gamma: float
    guarantee: str


@dataclass(frozen=True)
class GateUsage:
    """Values that one gate takes (figure 8). A gate is a sigmoid, or its hard form, in the cell's equations.

    Attributes:
        name: in the equations; ``sigmoid 1``, … where it has none there.
        mean: of its values over units, steps and examples.
        below: share of the values under 0.1.
        above: share over 0.9.
        keeps: the state that it weighs, if it is a forget gate; else empty.
        half_life: (units,), ln 0.5 / ln f in steps, where f is the unit's mean weight of the old state: the gate, or
            1 minus the gate where it overwrites; inf where that is 1. None where it is no forget gate.
    """

    name: str
    mean: float
    below: float
    above: float
    keeps: str
    half_life: Array | None


@dataclass(frozen=True)
class Gates:
    """Values that the gates and units of a layer take (figure 8).

    Attributes:
        gates: in the order of the equations.
        saturated: share of the units' gates that are stuck: under 0.1, or over 0.9, at 95 % of all steps and examples.
            A forget gate that always keeps its state is not counted: that is its purpose. NaN where there are no gates.
        saturated_tanh: share of the units' tanh that are beyond ±0.99 at 95 % of all steps and examples; NaN where
            there is no tanh.
        dead: share of the relu units that are 0 at every step of every example; NaN where there is no relu.
    """

    gates: tuple[GateUsage, ...]
    saturated: float
    saturated_tanh: float
    dead: float


@dataclass(frozen=True)
class Memory:
    """Effective memory: how far back the layer reaches (figure 9), in steps.

    Attributes:
        lag10: the first lag where the curve of :class:`Influence` is under 10 %; None where it never is.
        lag90: that of :class:`LagShares`.
        behavioural: the smallest number of last steps with which the loss is within 1 % of the loss with all steps;
            None if no loss was given.
    """

    lag10: int | None
    lag90: int
    behavioural: int | None = None


@dataclass(frozen=True)
class BatchSample:
    """Part of a large batch that was examined.

    Attributes:
        examples: their indices in the batch.
        of_examples: B.
        rows: how many rows of the map were computed.
        of_rows: how many steps have a loss.
        jacobian_steps: for how many steps Jacobians were computed.
        of_steps: how many real steps these examples have.
        sentence: the same in words; empty where the whole batch was examined.
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
    """Checks of the figures against each other; each is a relative error, near 1e-15.

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
    """Result of :func:`elman.flow.examine`: every figure, and a verdict.

    Keys of the dicts are layers and directions, ``l0``, ``l0_reverse``, and so on. Where a state or a gradient is not
    finite, `finite` says where, and the dicts are empty.

    Attributes:
        verdict: NON-FINITE, DEAD, EXPLODING, SATURATED, VANISHING, MEMORY SHORTER THAN THE DATA NEEDS or HEALTHY.
        line: the verdict's reason in one line, with its numbers.
        advice: what to try, most promising first; empty where it is healthy.
        finite: empty, or what is not finite and where.
        half_life: −ln 2 / slope of the influence's curve, in steps; inf where the gradient does not fade.
        sampling: which part of the batch was examined.
        checks: how well the figures agree.
        gradient_norms: figure 1; the other dicts hold the figure that their class describes.
    """

    cell: str
    gradient_norms: dict[str, GradientNorms] = field(default_factory=dict)
    influence: dict[str, Influence] = field(default_factory=dict)
    explicit: dict[str, GradientPart] = field(default_factory=dict)
    implicit: dict[str, GradientPart] = field(default_factory=dict)
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
    sampling: BatchSample | None = None
    checks: dict[str, Checks] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Write all but the weight-sized arrays as lists, strings and numbers; ``inf``, ``-inf``, ``nan`` as text."""
        written: dict[str, Any] = plain(self)
        return written

    def _repr_html_(self) -> str:
        """Show the verdict and every figure in a notebook."""
        from elman.flow.page.notebook import show_flow

        return show_flow(self)


def plain(value: Any) -> Any:
    """Write a figure as lists, strings and numbers that JSON holds.

    What is not defined (NaN) is None. An infinite figure is a result, such as the half-life of a gradient that does not
    fade; JSON has no such number, so it is the string `inf` or `-inf`.

    >>> plain(Memory(lag10=None, lag90=3)), plain([math.inf, math.nan])
    ({'lag10': None, 'lag90': 3, 'behavioural': None}, ['inf', None])
    """
    if isinstance(value, GradientPart):
        return {"norms": plain(value.norms), "share": plain(value.share)}
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return repr(value)
    return value

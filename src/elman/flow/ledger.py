"""Keep the books of clipping: for every update its norm, its factor, and who supplied most of it (figure 11).

Everything here is arithmetic on numbers that a training has anyway. A norm that is not finite is flagged and never
clipped: ``torch.nn.utils.clip_grad_norm_`` turns [1, inf, 2] into [0, nan, 0].

>>> entry = enter(7, {"U_l0": 3.0, "W_l0": 4.0}, limit=1.0)
>>> entry.norm, round(entry.factor, 6), entry.parameter, round(entry.share, 6)
(5.0, 0.2, 'W_l0', 0.64)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

HARD = 0.1
"""An update that is clipped by more than tenfold counts as exploding."""


@dataclass(frozen=True)
class Entry:
    """Hold one update.

    Attributes:
        update: its number.
        norm: ‖g‖ of all parameters before clipping.
        factor: what the gradient was multiplied by; NaN where the norm is not finite, and nothing may be applied.
        parameter: the one with the largest norm, or the first that is not finite.
        share: of ‖g‖² that it supplied.
        step: the time step that supplied most of the gradient, where it is known.
    """

    update: int
    norm: float
    factor: float
    parameter: str
    share: float
    step: int | None = None


def clip_factor(norm: float, limit: float | None) -> float:
    """Give min(1, limit / (norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_` has it; NaN if the norm is not finite.

    >>> clip_factor(3.0, None), clip_factor(math.inf, 1.0)
    (1.0, nan)
    """
    if not math.isfinite(norm):
        return math.nan
    return 1.0 if limit is None else min(1.0, limit / (norm + 1e-6))


def enter(
    update: int, norms: Mapping[str, float], limit: float | None = None, step_norms: Sequence[float] | None = None
) -> Entry:
    """Write one update into the books.

    Args:
        update: its number.
        norms: ‖g‖ of each parameter by its name, before clipping.
        limit: the clipping threshold.
        step_norms: ‖dL/dh‖ at every time step, where they are known.
    """
    bad = [name for name, norm in norms.items() if not math.isfinite(norm)]
    norm = math.inf if bad else math.hypot(*norms.values())
    most = bad[0] if bad else max(norms, key=lambda name: norms[name])
    share = math.nan if bad else (norms[most] / norm) ** 2 if norm else 0.0
    step = None if step_norms is None else int(np.nanargmax(np.asarray(step_norms)))
    return Entry(update, norm, clip_factor(norm, limit), most, share, step)


@dataclass(frozen=True)
class Ledger:
    """Sum up the clipping of a training.

    Attributes:
        updates: how many there were.
        clipped: share of them with a factor below 1.
        hard: share of them that were clipped by more than tenfold.
        not_finite: the numbers of the updates whose norm is not finite.
        median: of the finite norms.
        largest: of the finite norms.
        by_parameter: how often each parameter supplied most.
        suggested: a threshold, see :func:`suggest_threshold`; None of no finite norm.
    """

    updates: int
    clipped: float
    hard: float
    not_finite: tuple[int, ...]
    median: float
    largest: float
    by_parameter: dict[str, int]
    suggested: float | None


def sum_up(entries: Sequence[Entry]) -> Ledger:
    """Sum up the entries of a training."""
    count = len(entries) or 1
    norms = [e.norm for e in entries if math.isfinite(e.norm)]
    named: dict[str, int] = {}
    for entry in entries:
        named[entry.parameter] = named.get(entry.parameter, 0) + 1
    return Ledger(
        len(entries),
        sum(e.factor < 1 for e in entries) / count,
        sum(e.factor < HARD for e in entries) / count,
        tuple(e.update for e in entries if not math.isfinite(e.norm)),
        float(np.median(norms)) if norms else math.nan,
        max(norms, default=math.nan),
        dict(sorted(named.items(), key=lambda pair: -pair[1])),
        suggest_threshold(norms),
    )


def suggest_threshold(norms: Sequence[float]) -> float | None:
    """Suggest a clipping threshold from the norms of a training so far.

    The norm that nine of ten updates stay under, but at most ten times the median: Pascanu et al. 2013, section 3.2,
    found half to ten times the usual norm to work. Two digits are enough.

    Args:
        norms: of updates; those that are not finite are left out.

    >>> suggest_threshold([1.0, 1.2, 0.8, 1.1, 900.0]), suggest_threshold([])
    (11.0, None)
    """
    finite = [norm for norm in norms if math.isfinite(norm)]
    if not finite:
        return None
    found = min(float(np.quantile(finite, 0.9)), 10 * float(np.median(finite)))
    return float(f"{found:.2g}")

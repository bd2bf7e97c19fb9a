"""Tell whether one thing scores better than another, from scores of both with the same seeds.

The seeds pair the scores: both saw the same held-out examples there. The mean of the differences has a t-interval
(Student 1908); of several pairs that are looked at together each interval is widened, so that all hold at once with
95 % (Bonferroni; Dunn 1961). A difference is larger than chance where its interval leaves out 0. Fewer than three pairs
of scores tell nothing.

>>> found = compare_paired([0.91, 0.93, 0.92], [0.81, 0.85, 0.83])
>>> round(found.mean, 3), [round(end, 3) for end in found.interval], found.larger
(0.09, [0.065, 0.115], True)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

FEWEST = 3  # pairs of scores that an interval is told from

_DOUBT = 0.05
_EQUAL = 1e-12  # differences whose spread is this share of them are equal but for rounding


@dataclass(frozen=True)
class PairedDifference:
    """The difference of paired scores.

    Attributes:
        count: pairs.
        mean: of the differences; None without pairs.
        interval: where the true mean lies; None where nothing can be told, or all differences are equal.
        larger: whether it is larger than chance; None where nothing can be told.
    """

    count: int
    mean: float | None
    interval: tuple[float, float] | None
    larger: bool | None


def compare_paired(ours: Sequence[float], others: Sequence[float], together: int = 1) -> PairedDifference:
    """Compare paired scores.

    Where all differences are equal, there is no spread to make an interval of; then the exact sign test decides.

    Args:
        ours: scores, N.
        others: scores of the other, N.
        together: how many comparisons are made at once.

    >>> compare_paired([1.0, 2.0], [0.0, 0.0])
    PairedDifference(count=2, mean=1.5, interval=None, larger=None)
    """
    differences = [one - other for one, other in zip(ours, others, strict=True)]
    count, doubt = len(differences), _DOUBT / together
    if not differences:
        return PairedDifference(0, None, None, None)
    mean = fmean(differences)
    if count < FEWEST:
        return PairedDifference(count, mean, None, None)
    spread = stdev(differences)
    if spread <= _EQUAL * abs(mean):
        return PairedDifference(count, mean, None, mean != 0 and 2 ** (1 - count) < doubt)
    half = t_quantile(1 - doubt / 2, count - 1) * spread / math.sqrt(count)
    return PairedDifference(count, mean, (mean - half, mean + half), abs(mean) > half)


def t_quantile(share: float, freedom: int) -> float:
    """Return the number that this share of Student's t distribution lies below.

    Args:
        share: at least 0.5, below 1.
        freedom: the degrees of freedom, at least 1.

    >>> [round(t_quantile(0.975, freedom), 3) for freedom in (1, 2, 9)]
    [12.706, 4.303, 2.262]
    """
    low, high = 0.0, 1.0
    while 0.5 + _inside(high, freedom) / 2 < share:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if 0.5 + _inside(middle, freedom) / 2 < share else (low, middle)
    return high


def _inside(t: float, freedom: int) -> float:
    """Return the probability of a value between -t and t (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    if freedom % 2 == 0:
        term, total = 1.0, 1.0
        for k in range(1, freedom // 2):
            term *= (2 * k - 1) / (2 * k) * square
            total += term
        return sine * total
    term, total = math.cos(angle), 0.0
    for k in range(1, (freedom - 1) // 2 + 1):
        total += term
        term *= 2 * k / (2 * k + 1) * square
    return 2 / math.pi * (angle + sine * total)

"""Find how uncertain a score is by drawing the examples again, with replacement (the bootstrap, Efron 1979).

A corpus score is a function of sums of counts, one row of counts for each example. Examples of one group, such as the
sentences of one speaker, resemble each other, so whole groups are drawn (a cluster bootstrap).

>>> drawn = resample(np.array([[1, 2], [0, 2], [1, 1]]), seed=1)
>>> drawn.shape, interval_of(drawn[:, 0] / drawn[:, 1])
((1000, 2), (0.0, 1.0))
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError

RESAMPLES = 1000

_EDGE = 25  # of so many resamples on either side lies 95 % of them
_AT_ONCE = 50


def resample(counts: ArrayLike, seed: int, groups: Sequence[Hashable] | None = None) -> NDArray[np.float64]:
    """Add up the counts of examples that are drawn with replacement, `RESAMPLES` times.

    Args:
        counts: (N, K), the counts of each example.
        seed: of the draws; the same seed draws the same examples of other counts, as long as N is the same.
        groups: N names; examples of one name are drawn together. None draws each for itself.

    Returns:
        (RESAMPLES, K).

    Raises:
        DataError: there are no examples, or not as many names.
    """
    rows = np.asarray(counts, np.float64)  # sums of counts are exact below 2**53
    if not len(rows) or (groups is not None and len(groups) != len(rows)):
        raise DataError(
            f"There are {len(rows)} examples and {len(rows if groups is None else groups)} groups. Give as many, "
            "at least one."
        )
    if groups is not None:
        numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
        summed = np.zeros((len(numbers), rows.shape[1]))
        np.add.at(summed, [numbers[name] for name in groups], rows)
        rows = summed
    chance, chances = np.random.default_rng(seed), np.full(len(rows), 1 / len(rows))
    parts = [chance.multinomial(len(rows), chances, size=_AT_ONCE) @ rows for _ in range(RESAMPLES // _AT_ONCE)]
    return np.concatenate(parts)


def interval_of(values: ArrayLike) -> tuple[float, float]:
    """Return the interval in which 95 % of the scores of resamples lie."""
    ordered = np.sort(np.asarray(values, np.float64))
    return float(ordered[_EDGE]), float(ordered[-1 - _EDGE])


def p_of(differences: ArrayLike) -> float:
    """Return how probable a difference of the sign not found is, two-sided; 1 where all are 0 (Koehn 2004, section 4).

    Args:
        differences: of two scores, each pair of the same draw.

    >>> p_of([0.5] * 999 + [-0.1]), p_of([0.0] * 1000)
    (0.003996003996003996, 1.0)
    """
    found = np.asarray(differences, np.float64)
    fewer = min(int((found <= 0).sum()), int((found >= 0).sum()))
    # The difference that was measured counts as one draw, so that p is never 0.
    return min(1.0, 2 * (1 + fewer) / (1 + len(found)))

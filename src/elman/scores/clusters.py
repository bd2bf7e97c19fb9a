"""How many independent examples some examples are worth, where those of one group resemble each other.

Ten recordings of one speaker say less of other speakers than one recording of each of ten. The variance of a mean is
that of the sums of groups (a ratio estimator: Cochran 1977, *Sampling Techniques*, section 9.4); its ratio to that of
independent examples is the design effect (Kish 1965). Few groups say little of their own spread, so the width of
Student's t with one degree of freedom less than groups is taken in place of the normal one.

>>> right = [1, 1, 1, 0, 0, 0]
>>> round(independent(right, list("aaabbb")), 2), round(independent(right, list("abcdef")), 2)
(0.02, 2.91)
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

NORMAL_QUANTILE = 1.959963984540054  # of 97.5 %

_T_QUANTILES = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


def independent(values: ArrayLike, groups: Sequence[Hashable]) -> float:
    """Return the number of independent examples whose mean is as uncertain as that of these; 0 for a single group.

    Args:
        values: (N,) of the examples, such as 1 where an answer is right.
        groups: N names; examples of one name are of one group, and None is a group of its own.
    """
    given = np.asarray(values, np.float64)
    numbers: dict[Hashable, int] = {}
    place = [numbers.setdefault(("", at) if name is None else name, len(numbers)) for at, name in enumerate(groups)]
    count, many = len(given), len(numbers)
    if many < 2:
        return 0.0
    apart = given - given.mean()
    sums = np.bincount(place, apart, many)
    alone, together = float(np.square(apart).sum()), float(np.square(sums).sum()) * many / (many - 1)
    # Where all values are equal nothing is known of the spread of groups: each counts once.
    worth = count * alone / together if together > 0 else float(many)
    return min(float(count), worth) * (NORMAL_QUANTILE / t_quantile(many - 1)) ** 2


def t_quantile(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t (beyond 10 degrees: Abramowitz & Stegun 1964, 26.7.5).

    >>> t_quantile(1), round(t_quantile(30), 3)
    (12.7062, 2.042)
    """
    if degrees <= len(_T_QUANTILES):
        return _T_QUANTILES[degrees - 1]
    z = NORMAL_QUANTILE
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + sum(term / degrees**power for power, term in enumerate(terms, start=1))

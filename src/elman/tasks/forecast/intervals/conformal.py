"""Widen or narrow forecast intervals until they contain the promised share of the values of held-out data.

Quantiles of a network are often too close to each other, since it is overconfident on new data. Conformalised quantile
regression (Romano et al. 2019, section 4) measures on other data how far each value lies outside its interval, a
negative distance if inside, and moves both ends outwards by the quantile of these distances at the level. This is done
for each step of the horizon, in the scaled units of the window.

>>> low, high = torch.full((99, 1), -1.0), torch.full((99, 1), 1.0)
>>> right = torch.linspace(-4.9, 4.9, 99)[:, None]
>>> margins(low, high, right, percent=80).round(decimals=6)
tensor([3.])
"""

import math

import torch
from torch import Tensor

_FEWEST = 50  # distances of one step of the horizon; where there are fewer, those of all steps are pooled


def margins(low: Tensor, high: Tensor, right: Tensor, percent: int) -> Tensor:
    """Return how far the ends of intervals move outwards at each step of the horizon, (H,).

    Args:
        low: (N, H) ends of the intervals.
        high: (N, H).
        right: (N, H) actual values; NaN where missing.
        percent: share of the values that the intervals must contain.
    """
    distances = torch.maximum(low - right, right - high)
    together = _quantile(distances.flatten(), percent)
    alone = [_quantile(step, percent, fewest=_FEWEST) for step in distances.T]
    return torch.stack([together if one is None else one for one in alone])  # type: ignore[misc]


def _quantile(distances: Tensor, percent: int, fewest: int = 0) -> Tensor | None:
    """Return the quantile that holds for one more value; the largest distance where there are too few."""
    known = distances[~distances.isnan()]
    if len(known) < fewest:
        return None
    if not len(known):
        return distances.new_zeros(())
    return known.sort().values[rank(len(known), percent) - 1]


def rank(count: int, percent: int) -> int:
    """Return the rank, from 1, of the conformal quantile among `count` errors; the last where the level needs more.

    (Lei et al. 2018, algorithm 2.)

    >>> rank(99, 80), rank(9, 95), rank(99, 55)
    (80, 9, 55)
    """
    return min(math.ceil((count + 1) * percent / 100), count)

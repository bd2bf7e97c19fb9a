"""Calibrate intervals anew by the forecasts of the recent past, as times change.

The margins of :mod:`elman.tasks.forecast.intervals.conformal` are right while errors stay what they were on the
held-out part. A series may become calmer or wilder. So wherever it has enough windows that were not learnt from and
whose outcome is known at an origin, the margins of that origin are those of its latest windows; elsewhere they stay
what they were. Nothing behind an origin is looked at. (Gibbs & Candès 2021 adapt the level instead, with the same aim.)
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.tasks.forecast.intervals.conformal import margins

_RECENT = 1000  # windows
_FEWEST = 50
_PARTS = 8  # of a horizon: so often margins are measured anew

Read = Callable[[NDArray[np.int64]], tuple[Tensor, Tensor]]


def recalibrate(
    read: Read,
    origins: NDArray[np.int64],
    first: Sequence[int],
    stored: Tensor,
    percents: Sequence[int],
) -> Tensor:
    """Return the margins of each origin, (N, levels, H).

    Args:
        read: forecasts from origins: sorted scaled quantiles (M, H, Q), and what came, (M, H), scaled;
            NaN where missing.
        origins: (N, 2) number of a series, first step ahead.
        first: for each series the first origin whose window was not learnt from.
        stored: (levels, H) margins where the recent past is too short, of the outermost interval first.
        percents: the levels in this order.
    """
    levels, horizon = stored.shape
    found = stored.expand(len(origins), levels, horizon).clone()
    for number in np.unique(origins[:, 0]):
        rows = np.flatnonzero(origins[:, 0] == number)
        # Rounded down, so that margins do not depend on which other origins are asked for.
        anchors = _round_down(origins[rows, 1], max(1, horizon // _PARTS))
        low, high = int(anchors.min()) - horizon - _RECENT + 1, int(anchors.max()) - horizon + 1
        past = np.arange(max(first[number], low), high)
        if len(past) < _FEWEST:
            continue
        ahead, right = read(np.stack([np.full(len(past), number), past], axis=1))
        for anchor in np.unique(anchors):
            end = anchor - horizon + 1 - past[0]
            begin = max(0, end - _RECENT)
            if end - begin >= _FEWEST:
                measured = _measure(ahead[begin:end], right[begin:end], percents)
                found[rows[anchors == anchor]] = measured.to(found.dtype)
    return found


def _measure(ahead: Tensor, right: Tensor, percents: Sequence[int]) -> Tensor:
    pairs = enumerate(percents)
    return torch.stack([margins(ahead[:, :, n], ahead[:, :, -1 - n], right, percent) for n, percent in pairs])


def _round_down(numbers: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    return numbers // step * step

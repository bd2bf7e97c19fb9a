"""Recalibrate intervals with the latest forecasts of each series, as its errors change.

The margins of :mod:`elman.tasks.forecast.intervals.conformal` are right while errors are as on the held-out part. They
may become smaller or larger later. So where a series has enough windows after the training part whose actual values
are known at an origin, the margins of that origin are measured on the latest of them; elsewhere the stored margins are
used. No value after an origin is used. (Gibbs & Candès 2021 adapt the level instead, with the same aim.)
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.tasks.forecast.intervals.conformal import margins

_RECENT = 1000  # windows
_FEWEST = 50
_PARTS = 8  # of a horizon; margins are measured once for each

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
        read: returns for origins the sorted scaled quantiles (M, H, Q), and the scaled actual values (M, H);
            NaN where missing.
        origins: (N, 2) number of a series, first step ahead.
        first: for each series the first origin after the training part.
        stored: (levels, H) margins where there are too few windows, of the outermost interval first.
        percents: the levels in this order.
    """
    levels, horizon = stored.shape
    moved = stored.expand(len(origins), levels, horizon).clone()
    for number in np.unique(origins[:, 0]):
        rows = np.flatnonzero(origins[:, 0] == number)
        # Rounded down, so that margins do not depend on the other origins of the call.
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
                moved[rows[anchors == anchor]] = measured.to(moved.dtype)
    return moved


def _measure(ahead: Tensor, right: Tensor, percents: Sequence[int]) -> Tensor:
    pairs = enumerate(percents)
    return torch.stack([margins(ahead[:, :, n], ahead[:, :, -1 - n], right, percent) for n, percent in pairs])


def _round_down(numbers: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    return numbers // step * step

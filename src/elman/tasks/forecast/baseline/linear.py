r"""Forecast every step as a weighted sum of the look-back, the weights found in closed form.

All series and origins share one matrix, as in DLinear and NLinear (Zeng et al. 2023), whose gradient descent converges
to ridge regression (Toner & Darlow 2024). Level and size of a window are removed first: its mean or its last value,
whichever does better on the validation windows, is subtracted, and it is divided by its own deviation. A constant
window stays what it is, and nothing is learnt from it.

>>> wave = np.sin(np.arange(200) * 0.3)
>>> model = LinearForecast.fit([wave[:150]], [(wave[:150], wave[150:155])], lookback=20, horizon=5)
>>> bool(np.abs(model.forecast([wave[:180]]) - wave[180:185]).max() < 1e-3)
True
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from elman.nn.rowwise import linear
from elman.tasks.forecast.baseline.naive import fill_forward
from elman.tasks.forecast.scores import Numbers

_PENALTIES = (1e-6, 1e-4, 1e-2, 0.1, 1.0)
"""Times the mean of the diagonal of the products of the inputs."""
_MOST_WINDOWS = 40_000
_WINDOWS_AT_ONCE = 4096
_FEWEST_STEPS = 2
SMALLEST = 1e-12
"""The deviation, in units of the largest value of a window, that rounding may leave in a constant one."""


@dataclass(frozen=True)
class LinearForecast:
    """A linear forecast.

    Attributes:
        weights: (L + 1, H), the last row for a constant.
        by_mean: whether the mean is subtracted, else the last value.
        penalty: of the ridge regression.
        logarithms: whether logarithms are read and forecast.
    """

    weights: Numbers
    by_mean: bool
    penalty: float
    logarithms: bool = False

    @classmethod
    def fit(
        cls,
        training: Sequence[Numbers],
        validation: Sequence[tuple[Numbers, Numbers]],
        *,
        lookback: int,
        horizon: int,
        logarithms: bool = False,
        most: int = _MOST_WINDOWS,
    ) -> Self | None:
        """Fit by all windows of the training series, or as many as `most` that are evenly spread over them.

        Args:
            training: (T,) each; windows with a missing value are left out.
            validation: histories and actual values, (H,); they choose level and penalty. Without any, the last value
                and the smallest penalty are taken.
            lookback: L, lowered where no series is as long as L + H.
            horizon: H.
            logarithms: read logarithms; all values must be above 0.
            most: windows to learn from.

        Returns:
            The model; None where no series is long enough.
        """
        lookback = min(lookback, max(map(len, training), default=0) - horizon)
        if lookback < _FEWEST_STEPS:
            return None
        if logarithms:
            training = [np.log(series) for series in training]
            validation = [(np.log(history), np.log(future)) for history, future in validation]
        candidates: list[tuple[float, Self]] = []
        for by_mean in (False, True):
            inputs, products = _multiply(_windows(training, lookback + horizon, most), lookback, horizon, by_mean)
            if not inputs.any():
                return None
            values, vectors = np.linalg.eigh(inputs)
            turned = vectors.T @ products
            for penalty in _PENALTIES:
                damped = np.maximum(values, 0) + penalty * float(np.diagonal(inputs).mean())
                model = cls(vectors @ (turned / damped[:, None]), by_mean, penalty, logarithms)
                candidates.append((model._error(validation), model))
        return min(candidates, key=lambda candidate: candidate[0])[1]

    def rounded(self) -> Self:
        """Return the same with weights of float32, as a model file has them."""
        return replace(self, weights=self.weights.astype(np.float32).astype(np.float64))

    def forecast(self, histories: Sequence[Numbers]) -> Numbers:
        """Forecast from histories of any length, (N, H); a short one is padded with its first value."""
        return (
            np.exp(self._forecast([np.log(one) for one in histories])) if self.logarithms else self._forecast(histories)
        )

    def _forecast(self, histories: Sequence[Numbers]) -> Numbers:
        lookback = len(self.weights) - 1
        weights = torch.from_numpy(np.ascontiguousarray(self.weights.T))
        forecasts = np.empty((len(histories), self.weights.shape[1]))
        for first in range(0, len(histories), _WINDOWS_AT_ONCE):
            rows = [_take_last(history, lookback) for history in histories[first : first + _WINDOWS_AT_ONCE]]
            windows = np.stack(rows)
            level, size = _level_and_size(windows, self.by_mean)
            scaled = torch.from_numpy(_with_one((windows - level) / np.where(size > 0, size, 1)))
            forecasts[first : first + len(rows)] = linear(scaled, weights).numpy() * size + level
        return forecasts

    def _error(self, validation: Sequence[tuple[Numbers, Numbers]]) -> float:
        """Return the mean squared error, each window in units of its own deviation."""
        if not validation:
            return 0.0
        error = self._forecast([history for history, _ in validation]) - np.stack([future for _, future in validation])
        lookback = len(self.weights) - 1
        windows = np.stack([_take_last(history, lookback) for history, _ in validation])
        size = _level_and_size(windows, self.by_mean)[1]
        moving = size[:, 0] > 0
        return float(np.nanmean(np.square(error[moving] / size[moving]))) if moving.any() else 0.0


def _multiply(parts: Iterator[Numbers], lookback: int, horizon: int, by_mean: bool) -> tuple[Numbers, Numbers]:
    """Return the products of the inputs with each other, (L + 1, L + 1), and with the targets, (L + 1, H)."""
    inputs = np.zeros((lookback + 1, lookback + 1))
    products = np.zeros((lookback + 1, horizon))
    for windows in parts:
        level, size = _level_and_size(windows[:, :lookback], by_mean)
        moving = size[:, 0] > 0
        past, future, level, size = windows[moving, :lookback], windows[moving, lookback:], level[moving], size[moving]
        scaled = _with_one((past - level) / size)
        inputs += scaled.T @ scaled
        products += scaled.T @ ((future - level) / size)
    return inputs, products


def _windows(training: Sequence[Numbers], length: int, most: int) -> Iterator[Numbers]:
    counts = [max(0, len(series) - length + 1) for series in training]
    stride = max(1, -(-sum(counts) // most))
    for series, count in zip(training, counts, strict=True):
        if not count:
            continue
        windows = sliding_window_view(fill_forward(series), length)
        missing = sliding_window_view(np.isnan(series), length)
        # From the end, so that the latest window is among them.
        chosen = np.arange(count - 1, -1, -stride)
        for first in range(0, len(chosen), _WINDOWS_AT_ONCE):
            rows = chosen[first : first + _WINDOWS_AT_ONCE]
            yield windows[rows[~missing[rows].any(axis=1)]]


def _take_last(history: Numbers, lookback: int) -> Numbers:
    filled = fill_forward(history[-lookback:])
    return np.pad(filled, (lookback - len(filled), 0), mode="edge") if len(filled) < lookback else filled


def _level_and_size(windows: Numbers, by_mean: bool) -> tuple[Numbers, Numbers]:
    """Return what is subtracted from each window, and its deviation, 0 for a constant window: both (N, 1)."""
    level = windows.mean(axis=1, keepdims=True) if by_mean else windows[:, -1:]
    size = windows.std(axis=1, keepdims=True)
    flat = size <= SMALLEST * np.abs(windows).max(axis=1, keepdims=True)
    return level, np.where(flat, 0.0, size)


def _with_one(windows: Numbers) -> Numbers:
    return np.concatenate([windows, np.ones((len(windows), 1))], axis=1)

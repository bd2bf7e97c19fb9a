"""Forecast from many origins of the past, and compare with what came: the model, and what does without recurrence.

An origin is a step at which a forecast begins. From each the model sees what lies before it and nothing else; so do the
baselines (:mod:`elman.tasks.forecast_baselines`), which are fitted on what the model learnt from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series import SeriesSet
from elman.tasks.batches import Told
from elman.tasks.forecast_baselines import ForecastBaseline, Window, fit_baselines
from elman.tasks.forecast_scores import ForecastScores, ForecastTally, mase_scale
from elman.tasks.forecast_windows import SeriesTable
from elman.tasks.trained_forecaster import TrainedForecaster

_AT_ONCE = 512  # windows
_MOST_FITTED = 2000
_ALIKE = 0.01  # errors within a hundredth are called equal


@dataclass(frozen=True)
class Backtest:
    """Hold the scores of a model and of what stands beside it, on the same windows.

    Attributes:
        ours: the model's.
        beside: those of each baseline, by name.
    """

    ours: ForecastScores
    beside: dict[str, ForecastScores]

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**self.ours.to_dict(), "baselines": {name: scores.to_dict() for name, scores in self.beside.items()}}


def backtest(
    model: TrainedForecaster,
    data: SeriesSet,
    baselines: Sequence[ForecastBaseline] = (),
    *,
    every: int = 1,
    latest: int | None = None,
    told: Told | None = None,
) -> Backtest:
    """Forecast from every origin that has a look-back before it and a horizon behind it.

    Args:
        model: what forecasts.
        data: series that it has not learnt from, but for the look-back.
        baselines: what else forecasts.
        every: steps from one origin to the next, counted back from the last.
        latest: so many origins of each series, the latest; all by default.
        told: is told how many windows are done, and of how many.

    Raises:
        DataError: a series is too short for a single origin.
    """
    why = f"a look-back of {model.lookback:,} and a horizon of {model.horizon:,} to compare with"
    data.require_steps(model.lookback + model.horizon, why)
    lengths = [len(one) for one in data.series]
    first = [
        model.lookback if latest is None else max(model.lookback, length - model.horizon - every * (latest - 1))
        for length in lengths
    ]
    table = model.table(data, first)
    origins = table.origins(list(zip(first, lengths, strict=True)), every)
    return measure(model, table, first, origins, baselines, told)


def measure(
    model: TrainedForecaster,
    table: SeriesTable,
    first: Sequence[int],
    origins: NDArray[np.int64],
    baselines: Sequence[ForecastBaseline] = (),
    told: Told | None = None,
) -> Backtest:
    """Forecast from given origins.

    Args:
        model: what forecasts.
        table: the series.
        first: for each series a step behind which nothing is looked at to say how large its errors may be.
        origins: (N, 2), see :meth:`SeriesTable.origins`.
        baselines: what else forecasts.
        told: is told how many windows are done, and of how many.
    """
    season = table.frequency.season
    scales = np.array([mase_scale(one.values[:end], season) for one, end in zip(table.series, first, strict=True)])
    tallies = {name: ForecastTally() for name in ("", *(one.name for one in baselines))}
    for start in range(0, len(origins), _AT_ONCE):
        part = origins[start : start + _AT_ONCE]
        series = part[:, 0]
        actual = table.windows(part)[1].numpy()
        about = {"scale": scales[series], "unit": table.spreads[series]}
        point, intervals = model.ahead(table, part)
        tallies[""].add(actual, point, intervals=intervals, **about)
        histories = [table.series[number].values[:origin] for number, origin in part]
        for one in baselines:
            theirs = one.point(histories)
            tallies[one.name].add(actual, theirs, intervals=one.intervals(histories, theirs), **about)
        if told is not None:
            told(start + len(part), len(origins))
    scores = {name: tally.scores() for name, tally in tallies.items()}
    if (naive := scores.get("Naive2")) is not None:
        scores = {name: one.against(naive) for name, one in scores.items()}
    ours = scores.pop("")
    return Backtest(ours, scores)


def fit_beside(model: TrainedForecaster, table: SeriesTable, ends: Sequence[int]) -> list[ForecastBaseline]:
    """Fit what does without recurrence on what the model learnt from.

    Args:
        model: whose look-back, horizon and levels they share.
        table: the series.
        ends: for each series the first step that is held out; the errors from there on make the intervals.
    """
    lengths = [len(one) for one in table.series]
    origins = thin(table.origins(list(zip(ends, lengths, strict=True))), _MOST_FITTED)
    values = [one.values for one in table.series]
    return fit_baselines(
        [known[:end] for known, end in zip(values, ends, strict=True)],
        [Window(values[n][:at], values[n][at : at + model.horizon]) for n, at in origins],
        horizon=model.horizon,
        lookback=model.lookback,
        season=table.frequency.season,
        levels=model.percents,
    )


def thin(origins: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return windows at equal distances, at most so many."""
    return origins if len(origins) <= most else origins[np.linspace(0, len(origins) - 1, most).round().astype(int)]


def judge_forecasts(found: Backtest) -> str:
    """Write what a score is worth, in a sentence: beside the best that does without recurrence."""
    ours = found.ours.mase if found.ours.mase is not None else found.ours.scaled_mae
    name = "MASE" if found.ours.mase is not None else "scaled MAE"
    if not found.beside:
        return f"{name} {ours:.3f}."
    theirs = {one: scores.mase if name == "MASE" else scores.scaled_mae for one, scores in found.beside.items()}
    best = min(theirs, key=lambda one: theirs[one] or 0.0)
    other = theirs[best] or 0.0
    if abs(ours - other) <= _ALIKE * other:
        return f"{name} {ours:.3f}: the best without recurrence, {best}, does as well ({other:.3f})."
    if ours < other:
        return f"{name} {ours:.3f}, {1 - ours / other:.0%} below the best without recurrence, {best} ({other:.3f})."
    return f"{name} {ours:.3f}: {best}, which does without recurrence, does better ({other:.3f}). Use it."

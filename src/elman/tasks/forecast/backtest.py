"""Forecast from many origins of the past, and compare with what came: the model, and what does without recurrence.

An origin is a step at which a forecast begins. From each the model sees what lies before it and nothing else; so do the
baselines (:mod:`elman.tasks.forecast.baseline.baselines`), which are fitted on what the model learnt from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.series import SeriesSet
from elman.encoders.batches import OnProgress
from elman.flow.places import spread
from elman.renamed import renamed_arguments
from elman.tasks.forecast.baseline.baselines import NAIVE2, ForecastBaseline
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.scores import ForecastScores, ForecastTally, Intervals, Numbers, mase_scale
from elman.tasks.forecast.windows import SeriesTable

Ahead = Callable[[NDArray[np.int64]], tuple[Numbers, Intervals]]
"""Forecast from origins: points, and intervals by level."""

_AT_ONCE = 2048  # windows
_ALIKE = 0.03  # windows overlap, so that errors differ by so much from one stretch of a series to the next


@dataclass(frozen=True)
class Backtest:
    """Hold the scores of a model and of what stands beside it, on the same windows.

    Attributes:
        ours: the model's.
        beside: those of each baseline, by name.
        learnt: how many of the windows reach into the steps that the model learnt from.
    """

    ours: ForecastScores
    beside: dict[str, ForecastScores]
    learnt: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**self.ours.to_dict(), "learnt_from": self.learnt, **self.to_dict_beside()}

    def to_dict_beside(self) -> dict[str, Any]:
        """Write what stands beside it as plain data."""
        return {"baselines": {name: scores.to_dict() for name, scores in self.beside.items()}}


@renamed_arguments(told="on_progress")
def backtest(
    model: TrainedForecaster,
    data: SeriesSet,
    *,
    every: int = 1,
    latest: int | None = None,
    baselines: Sequence[ForecastBaseline] | None = None,
    on_progress: OnProgress | None = None,
) -> Backtest:
    """Forecast from every origin that has a look-back before it and a horizon behind it.

    Where the model learnt to do with a part of the look-back, so do series that are shorter than that.

    Args:
        model: what forecasts.
        data: series; of windows that it has learnt from it is counted how many they are.
        every: steps from one origin to the next, counted back from the last.
        latest: so many origins of each series, the latest; all by default.
        baselines: what else forecasts; by default what was fitted beside the model.
        on_progress: called with (windows done, all of them).

    Raises:
        DataError: a series is too short for a single origin.
    """
    why = f"a look-back of {model.lookback:,} and a horizon of {model.horizon:,} to compare with"
    data.require_steps(model.fewest + model.horizon, why)
    lengths = [len(one) for one in data.series]
    first = [model.lookback if length >= model.lookback + model.horizon else model.fewest for length in lengths]
    if latest is not None:
        reach = model.horizon + every * (latest - 1)
        first = [max(low, length - reach) for low, length in zip(first, lengths, strict=True)]
    table = model.table(data, first)
    origins = table.origins(list(zip(first, lengths, strict=True)), every)
    ours = score(lambda part: model.ahead(table, part), table, first, origins, on_progress)
    beside = model.beside.baselines if baselines is None else baselines
    found = compare(ours, score_beside(beside, table, first, origins))
    return replace(found, learnt=int((origins[:, 1] < np.array(table.unlearnt)[origins[:, 0]]).sum()))


def compare(ours: ForecastScores, beside: Mapping[str, ForecastScores]) -> Backtest:
    """Put scores beside each other, all of them against Naive2."""
    naive = beside.get(NAIVE2)
    if naive is None:
        return Backtest(ours, dict(beside))
    return Backtest(ours.against(naive), {name: one.against(naive) for name, one in beside.items()})


def score(
    ahead: Ahead,
    table: SeriesTable,
    first: Sequence[int],
    origins: NDArray[np.int64],
    on_progress: OnProgress | None = None,
) -> ForecastScores:
    """Score forecasts from given origins.

    Args:
        ahead: forecasts from some of them: points (N, H), and intervals.
        table: the series.
        first: for each series a step behind which nothing is looked at to say how large its errors may be.
        origins: (N, 2), see :meth:`SeriesTable.origins`.
        on_progress: called with (windows done, all of them).

    Raises:
        DataError: there is nothing to compare with.
    """
    season = table.frequency.season
    scales = np.array([mase_scale(one.values[:end], season) for one, end in zip(table.series, first, strict=True)])
    tally = ForecastTally()
    for start in range(0, len(origins), _AT_ONCE):
        part = origins[start : start + _AT_ONCE]
        actual = table.windows(part)[1].numpy()
        point, intervals = ahead(part)
        tally.add(actual, point, scale=scales[part[:, 0]], unit=table.spreads[part[:, 0]], intervals=intervals)
        if on_progress is not None:
            on_progress(start + len(part), len(origins))
    return tally.scores()


def score_beside(
    baselines: Sequence[ForecastBaseline], table: SeriesTable, first: Sequence[int], origins: NDArray[np.int64]
) -> dict[str, ForecastScores]:
    """Score what does without recurrence, by name; as for :func:`score`."""
    return {one.name: score(_ahead_of(one, table), table, first, origins) for one in baselines}


def _ahead_of(baseline: ForecastBaseline, table: SeriesTable) -> Ahead:
    def ahead(origins: NDArray[np.int64]) -> tuple[Numbers, Intervals]:
        histories = [table.series[number].values[:origin] for number, origin in origins]
        point = baseline.point(histories)
        return point, baseline.intervals(histories, point)

    return ahead


def thin(origins: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return windows at equal distances, at most so many."""
    return origins[spread(len(origins), most)]


def say_error(scores: ForecastScores) -> str:
    """Write what forecasts are compared by: MASE, or where it is not defined the error in units of a series."""
    return f"scaled MAE {scores.scaled_mae:.3f}" if scores.mase is None else f"MASE {scores.mase:.3f}"


def judge_forecasts(found: Backtest) -> str:
    """Write what a score is worth, in a sentence: beside the best that does without recurrence."""
    said, ours = say_error(found.ours), _error(found.ours)
    if not found.beside:
        return f"{said}."
    best = min(found.beside, key=lambda name: _error(found.beside[name]))
    other = _error(found.beside[best])
    if abs(ours - other) <= _ALIKE * other:
        return f"{said}: {best}, which does without recurrence, does as well ({other:.3f})."
    if ours < other:
        return f"{said}, {1 - ours / other:.0%} below the best without recurrence, {best} ({other:.3f})."
    return f"{said}: {best}, which does without recurrence, does better ({other:.3f}). Use it."


def say_learnt(found: Backtest) -> str | None:
    """Say that windows were learnt from, which flatters the scores; None where none was."""
    if not found.learnt:
        return None
    return (
        f"{found.learnt:,} of these {found.ours.forecasts:,} forecasts are of steps that the model learnt from. "
        "Give later data, or fewer --origins."
    )


def _error(scores: ForecastScores) -> float:
    return scores.scaled_mae if scores.mase is None else scores.mase

"""Forecast from many origins in the past, and score the model and its baselines against the actual values.

An origin is a step at which a forecast begins. The model sees only the steps before it; so do the baselines
(:mod:`elman.tasks.forecast.baseline.baselines`), which are fitted on the training part.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.series import SeriesSet
from elman.encoders.batches import OnProgress
from elman.flow.places import spread
from elman.phrases import counted, format_score
from elman.renamed import renamed_arguments, warn_of_renamed
from elman.tasks.forecast.baseline.baselines import NAIVE2, ForecastBaseline
from elman.tasks.forecast.blending import ForecastBlend
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.scores import ForecastScores, ForecastTally, Intervals, Numbers, mase_scale
from elman.tasks.forecast.windows import SeriesTable

Ahead = Callable[[NDArray[np.int64]], tuple[Numbers, Intervals]]
"""Forecasts from origins: points, and intervals by level."""

MOST_COMPARED = 2000
"""Windows of the held-out part on which a model is compared with its baselines."""
_AT_ONCE = 2048  # windows
_ALIKE = 0.03  # windows overlap, so errors of equal models differ by so much from one part of a series to the next


@dataclass(frozen=True)
class Backtest:
    """The scores of a model and of its baselines on the same windows.

    Attributes:
        ours: those of the model.
        baselines: those of each baseline, by name.
        learnt: how many of the windows overlap the training part.
    """

    ours: ForecastScores
    baselines: dict[str, ForecastScores]
    learnt: int = 0

    @property
    def beside(self) -> dict[str, ForecastScores]:
        """Return `baselines` under its old name."""
        warn_of_renamed("Backtest.beside", "`baselines`")
        return self.baselines

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**self.ours.to_dict(), "learnt_from": self.learnt, **self.baselines_to_dict()}

    def baselines_to_dict(self) -> dict[str, Any]:
        """Write the scores of the baselines as plain data."""
        return {"baselines": {name: scores.to_dict() for name, scores in self.baselines.items()}}


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
    """Forecast from every origin that has a look-back before it and a horizon after it.

    A model that was trained on padded look-backs pads those of shorter series too.

    Args:
        model: the model.
        data: series; windows that overlap the training part are counted.
        every: steps from one origin to the next, counted back from the last.
        latest: the number of origins of each series, the latest ones; all by default.
        baselines: what to compare with; by default the baselines of the model.
        on_progress: called with (windows done, all of them).

    Raises:
        DataError: a series is too short for a single origin.
    """
    why = f"a look-back of {model.lookback:,} and a horizon of {model.horizon:,} to compare with"
    data.require_steps(model.fewest + model.horizon, why)
    lengths = [len(one) for one in data.series]
    first = first_origins(model, data)
    if latest is not None:
        reach = model.horizon + every * (latest - 1)
        first = [max(low, length - reach) for low, length in zip(first, lengths, strict=True)]
    table = model.table(data, first)
    origins = table.origins(list(zip(first, lengths, strict=True)), every)
    chosen = model.baselines.forecasters if baselines is None else baselines
    parts = iter(divide_progress(on_progress, 1 + len(chosen)))
    ours = score(lambda part: model.ahead(table, part), table, first, origins, next(parts))
    scores = compare(ours, score_baselines(chosen, table, first, origins, parts))
    return replace(scores, learnt=int((origins[:, 1] < np.array(table.unlearnt)[origins[:, 0]]).sum()))


def first_origins(model: TrainedForecaster, data: SeriesSet) -> list[int]:
    """Return for each series the first step to forecast; one that is too short for a whole look-back is padded."""
    whole = model.lookback + model.horizon
    return [model.lookback if len(one) >= whole else model.fewest for one in data.series]


def compare(ours: ForecastScores, baselines: Mapping[str, ForecastScores]) -> Backtest:
    """Collect the scores of a model and its baselines, with OWA where Naive2 is among them."""
    naive = baselines.get(NAIVE2)
    if naive is None:
        return Backtest(ours, dict(baselines))
    return Backtest(ours.against(naive), {name: scores.against(naive) for name, scores in baselines.items()})


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
        first: for each series the step up to which the scale of its errors is measured.
        origins: (N, 2), see :meth:`SeriesTable.origins`.
        on_progress: called with (windows done, all of them).

    Raises:
        DataError: no actual value is known.
    """
    season = table.frequency.season
    scales = np.array([mase_scale(one.values[:end], season) for one, end in zip(table.series, first, strict=True)])
    tally = ForecastTally()
    for start in range(0, len(origins), _AT_ONCE):
        part = origins[start : start + _AT_ONCE]
        actual = table.actual(part)
        point, intervals = ahead(part)
        tally.add(actual, point, scale=scales[part[:, 0]], unit=table.spreads[part[:, 0]], intervals=intervals)
        if on_progress is not None:
            on_progress(start + len(part), len(origins))
    return tally.scores()


def score_baselines(
    baselines: Sequence[ForecastBaseline],
    table: SeriesTable,
    first: Sequence[int],
    origins: NDArray[np.int64],
    progress: Iterable[OnProgress | None] = itertools.repeat(None),
) -> dict[str, ForecastScores]:
    """Score baselines, by name; `progress` has a function for each, other arguments as for :func:`score`."""
    return {
        baseline.name: score(ahead_of(baseline, table), table, first, origins, on_progress)
        for baseline, on_progress in zip(baselines, progress, strict=False)
    }


def divide_progress(on_progress: OnProgress | None, parts: int) -> list[OnProgress | None]:
    """Return functions for equal parts of some work, one behind the other, which report to the one for all of it.

    >>> first, second = divide_progress(print, 2)
    >>> first(1, 3), second(3, 3)
    1 6
    6 6
    (None, None)
    """

    def part(number: int, whole: OnProgress) -> OnProgress:
        return lambda done, total: whole(number * total + done, parts * total)

    return [None if on_progress is None else part(number, on_progress) for number in range(parts)]


def ahead_of(baseline: ForecastBaseline, table: SeriesTable) -> Ahead:
    """Return what forecasts by a baseline, which reads the series up to each origin."""

    def ahead(origins: NDArray[np.int64]) -> tuple[Numbers, Intervals]:
        histories = [table.series[number].values[:origin] for number, origin in origins]
        point = baseline.point(histories)
        return point, baseline.intervals(histories, point)

    return ahead


def thin(origins: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many windows, evenly spread."""
    return origins[spread(len(origins), most)]


def say_error(scores: ForecastScores) -> str:
    """Write the score that forecasts are compared by: MASE, or where it is not defined the scaled MAE."""
    return f"{'scaled MAE' if scores.mase is None else 'MASE'} {format_score(_error(scores))}"


def judge_forecasts(scores: Backtest) -> str:
    """Compare a model with its best baseline, in a sentence."""
    said, ours = say_error(scores.ours), _error(scores.ours)
    if not scores.baselines:
        return f"{said}."
    best = min(scores.baselines, key=lambda name: _error(scores.baselines[name]))
    other = _error(scores.baselines[best])
    if abs(ours - other) <= _ALIKE * other:
        return f"{said}: {best}, which does without recurrence, does as well ({format_score(other)})."
    if ours < other:
        return f"{said}, {1 - ours / other:.0%} below the best without recurrence, {best} ({format_score(other)})."
    return f"{said}: {best}, which does without recurrence, does better ({format_score(other)}). Use it."


def judge_mixed(network: ForecastScores, blend: ForecastBlend) -> str:
    """Write what is mixed into the forecasts of a network, and how good that is alone."""
    alone = f"the network alone has {say_error(network)}."
    if blend.weight == 1:
        return f"Each forecast is {blend.baseline}; {alone}"
    return f"Mixed: {blend.weight:.0%} of each forecast is {blend.baseline}, the rest the network; {alone}"


def say_learnt(scores: Backtest) -> str | None:
    """Warn of windows that overlap the training part, whose scores are too good; None where there are none."""
    if not scores.learnt:
        return None
    return (
        f"{scores.learnt:,} of these {counted(scores.ours.forecasts, 'forecast')} "
        f"{'overlaps' if scores.learnt == 1 else 'overlap'} the training data, so the scores are "
        "too good. Give later data, or fewer --origins."
    )


def _error(scores: ForecastScores) -> float:
    return scores.scaled_mae if scores.mase is None else scores.mase

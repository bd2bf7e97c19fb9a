"""Open a report on a forecaster: its scores beside simpler forecasts, by step of the horizon, and the worst windows.

The windows begin after the training part of their series, where there are some.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.series import SeriesSet
from elman.errors import DataError
from elman.flow.page.answers import Shown, draw_examples
from elman.flow.page.charts import Curve, Mark, draw_curves
from elman.flow.page.pictures import Section
from elman.phrases import counted, format_score, printable
from elman.scores.resampling import interval_of, resample
from elman.tasks.forecast.backtest import Ahead, ahead_of, first_origins, thin
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.scores import Intervals, Numbers, mase_scale
from elman.tasks.forecast.view import open_again
from elman.tasks.forecast.windows import SeriesTable

MOST_WINDOWS = 2000
"""Of the data that are forecast, evenly spread."""

MOST_SHOWN = 6
_FEWEST_BLOCKS = 5  # of windows; fewer say nothing of the spread
_MOST_HISTORY = 120  # steps of a picture
_SEED = 1


@dataclass(frozen=True)
class Answered:
    """Answered from some origins.

    Attributes:
        point: (N, H).
        intervals: by level in percent, low and high, (N, H).
        errors: (N, H) absolute, in units of their series; NaN where no value is known.
        means: (N,) the mean of each.
    """

    point: Numbers
    intervals: Intervals
    errors: Numbers
    means: Numbers


@dataclass(frozen=True)
class ShownWindows:
    """The windows that are shown.

    Attributes:
        data: the series.
        table: as the model reads them.
        origins: (N, 2), see :meth:`SeriesTable.origins`.
        actual: (N, H).
        units: (N,) by which errors are divided.
        measure: the name of such an error.
        said: the windows in words.
        is_new: whether they lie behind the training part.
    """

    data: SeriesSet
    table: SeriesTable
    origins: NDArray[np.int64]
    actual: Numbers
    units: Numbers
    measure: str
    said: str
    is_new: bool

    def forecast(self, ahead: Ahead) -> Answered:
        """Forecast from the origins."""
        point, intervals = ahead(self.origins)
        errors = np.abs(self.actual - point) / self.units[:, None]
        return Answered(point, intervals, errors, np.nanmean(errors, axis=1))


def opening(model: TrainedForecaster, data: Any) -> list[Section]:
    """Make the sections.

    Raises:
        DataError: the series cannot be read, or none is long enough.
    """
    seen = _choose(model, open_again(model, data))
    ours = seen.forecast(lambda part: model.ahead(seen.table, part))
    alone = model.alone()
    others = {} if alone is model else {"its network alone": seen.forecast(lambda part: alone.ahead(seen.table, part))}
    others |= {one.name: seen.forecast(ahead_of(one, seen.table)) for one in model.baselines.forecasters}
    return [_scores(seen, ours, others), _by_step(seen, ours, others), _coverage(seen, ours), _worst(seen, ours)]


def _choose(model: TrainedForecaster, opened: SeriesSet) -> ShownWindows:
    data = model.leave_out_short(opened, to_compare=True)
    first = first_origins(model, data)
    learnt = model.table(data, first).unlearnt
    # As in its training, errors are compared with those of naive forecasts up to the first window.
    after = [max(pair) for pair in zip(first, learnt, strict=True)]
    is_new = any(low + model.horizon <= len(one) for low, one in zip(after, data.series, strict=True))
    begins = after if is_new else first
    table = model.table(data, begins)
    every = table.origins([(low, len(one)) for low, one in zip(begins, data.series, strict=True)])
    if not len(every):
        raise DataError(f"{data.name} has no window with known values before and after its origin. Give other series.")
    origins = thin(every, MOST_WINDOWS)
    season = table.frequency.season
    scales = np.array([mase_scale(one.values[:end], season) for one, end in zip(data.series, begins, strict=True)])
    has_scale = bool(np.isfinite(scales[origins[:, 0]]).all())
    said = f"{counted(len(origins), 'window')} of {counted(len(set(origins[:, 0].tolist())), 'series', 'series')}"
    said += f", evenly spread over {len(every):,}" if len(origins) < len(every) else ""
    if not is_new:
        said += ", of its training part"
    elif begins != first:
        said += ", behind its training part"
    return ShownWindows(
        data,
        table,
        origins,
        table.actual(origins),
        (scales if has_scale else table.spreads)[origins[:, 0]],
        "MASE" if has_scale else "scaled MAE",
        said,
        is_new,
    )


def _scores(seen: ShownWindows, ours: Answered, others: dict[str, Answered]) -> Section:
    levels = sorted(ours.intervals)
    rows = [("forecasts of", seen.measure, "95 % interval", *(f"values in the {level} % interval" for level in levels))]
    for name, one in {"the model": ours, **others}.items():
        low, high = _interval(seen, one) or (np.nan, np.nan)
        within = "–" if np.isnan(low) else f"{format_score(low)} to {format_score(high)}"
        shares = [
            f"{_share_inside(seen, one, level).mean():.0%}" if level in one.intervals else "–" for level in levels
        ]
        rows.append((name, format_score(float(one.means.mean())), within, *shares))
    says = f"On {seen.said}: {seen.measure} {format_score(float(ours.means.mean()))}."
    if not seen.is_new:
        says += " That may be better than on new values."
    how = (
        f"{seen.measure} is the mean error of a forecast, divided by that of repeating the season before; lower is "
        "better. Windows overlap, so the interval is that of whole stretches of a horizon, drawn again (a bootstrap). "
        "On the data of its training the intervals of the model, and what is mixed in, were learnt on these windows."
    )
    return Section("Scores beside simpler forecasts", says, (), how, tuple(rows))


def _interval(seen: ShownWindows, one: Answered) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean error; None where there are too few stretches of a horizon."""
    horizon = one.errors.shape[1]
    blocks = [(int(number), int(origin) // horizon) for number, origin in seen.origins]
    if len(set(blocks)) < _FEWEST_BLOCKS:
        return None
    drawn = resample(np.stack([one.means, np.ones(len(one.means))], axis=1), _SEED, blocks)
    return interval_of(drawn[:, 0] / drawn[:, 1])


def _share_inside(seen: ShownWindows, one: Answered, level: int) -> Numbers:
    """Return the share of the known values that lie in an interval, by step of the horizon, (H,)."""
    low, high = one.intervals[level]
    known = ~np.isnan(seen.actual)
    inside = known & (low <= seen.actual) & (seen.actual <= high)
    share: Numbers = inside.sum(0) / np.maximum(known.sum(0), 1)
    return share


def _by_step(seen: ShownWindows, ours: Answered, others: dict[str, Answered]) -> Section:
    steps = np.arange(1.0, ours.errors.shape[1] + 1)
    mean = _mean_by_step(ours)
    curves = [Curve(steps, mean, "the model", "blue")]
    curves += [Curve(steps, _mean_by_step(one), name, dashed=True) for name, one in others.items()]
    known = np.flatnonzero(~np.isnan(mean))
    ends = [f"{format_score(float(mean[at]))} at step {at + 1}" for at in dict.fromkeys((known[0], known[-1]))]
    says = f"Its mean error is {' and '.join(ends)}, and largest at step {int(np.nanargmax(mean)) + 1}."
    how = f"The mean error at each step of the horizon, in the unit of the {seen.measure}; lower is better."
    drawing = draw_curves(curves, ("step ahead", "error"), low=0.0, title="Errors by step of the horizon")
    return Section("Errors by step of the horizon", says, (drawing,), how)


def _mean_by_step(one: Answered) -> Numbers:
    """Return the mean error at each step, (H,); NaN where no value is known."""
    counts = (~np.isnan(one.errors)).sum(0)
    mean: Numbers = np.where(counts, np.nansum(one.errors, axis=0) / np.maximum(counts, 1), np.nan)
    return mean


def _coverage(seen: ShownWindows, ours: Answered) -> Section:
    steps = np.arange(1.0, ours.errors.shape[1] + 1)
    levels = sorted(ours.intervals)
    shares = {level: _share_inside(seen, ours, level) for level in levels}
    curves = [Curve(steps, 100 * share, f"{level} % interval") for level, share in shares.items()]
    marks = [Mark(float(level), f"{level} %") for level in levels]
    says = "; ".join(
        f"{share.mean():.0%} of the values lie in the {level} % interval" for level, share in shares.items()
    )
    how = "The share of the values in each interval, by step of the horizon; it should follow the dashed line."
    drawing = draw_curves(
        curves, ("step ahead", "% inside"), marks=marks, low=0.0, high=100.0, title="Coverage by step of the horizon"
    )
    return Section("Coverage of the intervals", f"{says}.", (drawing,), how)


def _worst(seen: ShownWindows, ours: Answered) -> Section:
    shown = [
        _draw(seen, ours, place) for place in choose_worst(seen.origins, ours.means, ours.point.shape[1], MOST_SHOWN)
    ]
    how = (
        "The history, the forecast with its widest interval, and what came, by steps from the origin. Of windows that "
        "overlap the worst is shown."
    )
    says = f"The {len(shown)} windows with the largest errors, of {seen.said}."
    return Section("Worst forecasts", says, (draw_examples(shown),), how)


def choose_worst(origins: NDArray[np.int64], errors: Numbers, horizon: int, most: int) -> list[int]:
    """Return the places of the windows with the largest errors, the largest first, of which no two overlap.

    >>> choose_worst(np.array([[0, 5], [0, 6], [0, 9], [1, 6]]), np.array([1.0, 3.0, 2.0, 0.5]), 3, 3)
    [1, 2, 3]
    """
    chosen: list[int] = []
    for place in np.argsort(-errors, kind="stable").tolist():
        series, origin = origins[place]
        if len(chosen) < most and all(
            origins[other][0] != series or abs(origins[other][1] - origin) >= horizon for other in chosen
        ):
            chosen.append(place)
    return chosen


def _draw(seen: ShownWindows, ours: Answered, place: int) -> Shown:
    number, origin = (int(one) for one in seen.origins[place])
    series, horizon = seen.data.series[number], ours.point.shape[1]
    before = min(origin, max(3 * horizon, 24), _MOST_HISTORY)
    history, ahead = np.arange(-float(before), 0.0), np.arange(float(horizon))
    low, high = ours.intervals[max(ours.intervals)]
    curves = [
        Curve(history, series.values[origin - before : origin], "history", "green"),
        Curve(ahead, ours.point[place], f"forecast, {max(ours.intervals)} % interval", "blue", low[place], high[place]),
        Curve(ahead, seen.actual[place], "what came", "red", dashed=True),
    ]
    moment = seen.data.frequency.timestamps(series.start, origin + 1)[-1]
    name = printable(series.name)
    drawing = draw_curves(curves, ("steps from the origin", name[:24]), title=f"{name} from {origin}", width=560)
    says = f"{name}: {seen.measure} {format_score(float(ours.means[place]))}"
    return Shown(f"from {seen.data.say_time(series, moment)}", says, drawing=drawing)

"""Draw forecasts: the end of each history, the forecast after it, and its intervals, wider ones in lighter colours.

>>> draw_forecasts(model.forecast(data), "forecast.png", lookback=model.lookback)   # doctest: +SKIP
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Protocol

import numpy as np

from elman.data.series.frequency import Moments
from elman.data.series.series import Series
from elman.flow.places import spread
from elman.scores.picture_files import drawable_name, figure_file, installed_fonts
from elman.tasks.forecast.scores import Numbers

MOST_DRAWN = 12
"""Series in one picture, evenly spread over all."""

_COLUMNS = 3
_INCHES_OF_ONE = (9.0, 4.0)
_INCHES_OF_MANY = (4.2, 2.6)
_HORIZONS_BEFORE = 3  # of history, at least
_FEWEST_BEFORE = 24
_HISTORY, _AHEAD, _CAME = "0.25", "#0b6bb5", "#c4540a"  # distinct for colour-blind readers, and in print
_SHADES = ("#d3e4f2", "#a6c9e5", "#7fb0da")  # of intervals, the widest first; narrower ones share the last


class Drawn(Protocol):
    """A forecast to draw: a series, the (H,) times and points ahead, and by level the (H,) ends of intervals."""

    @property
    def series(self) -> Series:
        """The series with its history."""

    @property
    def times(self) -> Moments:
        """Times of the steps ahead."""

    @property
    def point(self) -> Numbers:
        """Point forecasts."""

    @property
    def intervals(self) -> Mapping[int, tuple[Numbers, Numbers]]:
        """Ends of intervals, by level in percent."""


def draw_forecasts(
    forecasts: Sequence[Drawn],
    path: str | PathLike[str],
    *,
    lookback: int,
    came: Sequence[Numbers] | None = None,
) -> None:
    """Draw forecasts into a file; an existing file is replaced.

    Of more than 12 series 12 are drawn, evenly spread; the title names the number of all.

    Args:
        forecasts: what to draw.
        path: ends in .png, .svg or .pdf.
        lookback: steps of the history that the model read; as many are drawn, at least three horizons.
        came: the actual values of each series, (H,), NaN where missing.

    Raises:
        ConfigError: `path` has another ending.
        ElmanError: the file cannot be written.
    """
    shown = spread(len(forecasts), MOST_DRAWN)
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    width, height = _INCHES_OF_ONE if len(shown) == 1 else (_INCHES_OF_MANY[0] * columns, _INCHES_OF_MANY[1] * rows)
    fonts = installed_fonts()
    with figure_file(path, (width, height + 0.4)) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).flat
        for position, number in enumerate(shown):
            _draw_one(panels[position], forecasts[number], lookback, None if came is None else came[number])
            panels[position].set_title(
                drawable_name(forecasts[number].series.name, fonts, f"series {number + 1}"), fontsize=10
            )
        for empty in list(panels)[len(shown) :]:
            empty.set_axis_off()
        handles, labels = panels[0].get_legend_handles_labels()
        more = f"{len(shown)} of {len(forecasts):,} series" if len(shown) < len(forecasts) else None
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
        if more:
            figure.suptitle(more, fontsize=10)


def _draw_one(axes: Any, drawn: Drawn, lookback: int, came: Numbers | None) -> None:
    values, ahead = drawn.series.values, drawn.times
    shown = min(len(values), max(lookback, _HORIZONS_BEFORE * len(ahead), _FEWEST_BEFORE))
    times = _history_times(drawn.series, ahead)[-shown:]
    if drawn.series.offsets is not None:
        ahead, times = (drawn.series.offsets.localize(part) for part in (ahead, times))
    values = values[-shown:]
    axes.plot(times, values, color=_HISTORY, linewidth=1.2, label="history")
    _mark_alone(axes, times, values, _HISTORY)
    # From the last value, so that there is no gap in the line.
    joined = np.concatenate([times[-1:], ahead])
    levels = sorted(drawn.intervals, reverse=True)
    for position, level in enumerate(levels):
        low, high = (np.concatenate([values[-1:], edge]) for edge in drawn.intervals[level])
        axes.fill_between(
            joined, low, high, color=_SHADES[min(position, len(_SHADES) - 1)], linewidth=0, label=f"{level} % interval"
        )
    axes.plot(joined, np.concatenate([values[-1:], drawn.point]), color=_AHEAD, linewidth=1.6, label="forecast")
    if came is not None:
        axes.plot(ahead, came, color=_CAME, linewidth=1.2, linestyle="--", label="what came")
        _mark_alone(axes, ahead, came, _CAME)
    axes.axvline(times[-1], color="0.8", linewidth=0.8, zorder=0)
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if times.dtype.kind == "M":
        _write_dates(axes)


def _history_times(series: Series, ahead: Moments) -> Moments:
    """Return times of the history for drawing: evenly spaced from its start to the first step ahead."""
    if ahead.dtype.kind != "M":
        return np.linspace(int(series.start), int(ahead[0]), len(series) + 1)[:-1]
    start = np.datetime64(series.start, "us").astype(np.int64)  # type: ignore[call-overload]
    return np.linspace(start, ahead[0].astype(np.int64), len(series) + 1)[:-1].astype("datetime64[us]")


def _mark_alone(axes: Any, times: Moments, values: Numbers, colour: str) -> None:
    """Mark values between two missing ones, which no line shows."""
    missing = np.isnan(np.concatenate([[np.nan], values, [np.nan]]))
    alone = ~missing[1:-1] & missing[:-2] & missing[2:]
    axes.plot(times[alone], values[alone], ".", color=colour, markersize=3)


def _write_dates(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_fontsize(8)

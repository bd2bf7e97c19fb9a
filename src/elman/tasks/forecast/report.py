"""Describe series before a training: their number, lengths, values, season, and what looks wrong.

>>> import numpy as np
>>> from elman.data.series.frequency import Frequency
>>> from elman.data.series.series import Series, SeriesColumns
>>> empty = np.empty((4, 0))
>>> one = Series("sales", np.array([1.0, np.nan, 2.0, 1.0]), 0, empty, empty, {}, "sales.csv", "sales.csv line 5")
>>> columns = SeriesColumns(("sales",), Frequency("step", 1, 2))
>>> for line in report_series(SeriesSet("sales.csv", [one], columns, ())).lines():
...     print(line)
1 series of 4 steps: steps without times, a season of 2 that no series shows
steps 0 to 3
values from 1 to 2, mean 1.333, standard deviation 0.4714
missing values: sales 1 (25%)
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from elman.data.series.series import Series, SeriesSet
from elman.phrases import counted, format_near, format_share, name_some
from elman.tasks.forecast.baseline.naive import is_seasonal

_MOST_NAMED = 5
_ZEROS = 0.3  # share of zeros above which they are reported
_FAR = 10.0  # interquartile ranges outside of the quartiles
_WIDE = 1000.0  # ratio of the mean sizes of series above which it is reported


@dataclass(frozen=True)
class SeriesReport:
    """A description of series.

    Attributes:
        series: their number.
        shortest: steps of the shortest.
        median: median of their steps, the lower one of two.
        longest: steps of the longest.
        frequency: in words.
        seasons: in words; empty without any.
        seasonal: the number of series with a significant season, the shortest one, at 90 % confidence; None without
            any.
        first: the first time of all.
        last: the last time of all with a value.
        numbers: minimum, mean, maximum and standard deviation of all values.
        sizes: the smallest and the largest mean size of a series.
        missing: by series, how many values are missing between its first and its last.
        constant: the series whose value never changes.
        zeros: the share of values that are 0.
        far: outliers, in words.
        past: names of the covariates that end with the values.
        known: names of those that are known ahead.
        static: names of those that do not change.
        ahead: how many steps covariates are known beyond the values, for the series where it is fewest.
    """

    series: int
    shortest: int
    median: int
    longest: int
    frequency: str
    seasons: str
    seasonal: int | None
    first: str
    last: str
    numbers: tuple[float, float, float, float]
    sizes: tuple[float, float]
    missing: Mapping[str, int]
    constant: tuple[str, ...]
    zeros: float
    far: tuple[str, ...]
    past: tuple[str, ...]
    known: tuple[str, ...]
    static: tuple[str, ...]
    ahead: int

    def lines(self) -> list[str]:
        """Write it for a terminal: the description, then what looks wrong."""
        deviation = self.numbers[3]
        least, mean, most = (format_near(number, deviation) for number in self.numbers[:3])
        amount = f"{self.series:,} series of {_span(self.shortest, self.median, self.longest)}: {self.frequency}"
        return [
            amount + (f", {self.seasons}{self._seasonal()}" if self.seasons else ""),
            f"{'steps ' if self.first.isdecimal() else ''}{self.first} to {self.last}",
            f"values from {least} to {most}, mean {mean}, standard deviation {deviation:.4g}",
            *self._covariates(),
            *self._warnings(),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def _seasonal(self) -> str:
        if self.seasonal is None or self.seasonal == self.series:
            return ""
        return " that no series shows" if not self.seasonal else f" that {self.seasonal:,} of them show"

    def _covariates(self) -> list[str]:
        ahead = f", {counted(self.ahead, 'step')} beyond the values"
        parts = (
            ("known ahead", self.known, ahead),
            ("known up to the last value", self.past, ""),
            ("constant in a series", self.static, ""),
        )
        return [f"covariates {kind}: {name_some(names, _MOST_NAMED)}{more}" for kind, names, more in parts if names]

    def _warnings(self) -> list[str]:
        lines = []
        if self.missing:
            total = self.longest if self.series == 1 else 0
            counts = [
                f"{name} {n:,}" + (f" ({format_share(n / total)})" if total else "") for name, n in self.missing.items()
            ]
            lines.append(f"missing values: {name_some(counts, _MOST_NAMED)}")
        if self.constant:
            lines.append(f"never changing: {name_some(self.constant, _MOST_NAMED)}")
        if self.zeros >= _ZEROS:
            lines.append(f"{self.zeros:.0%} of the values are 0: sMAPE means little for such series")
        if self.far:
            lines.append(f"far from all others: {name_some(self.far, _MOST_NAMED)}")
        small, large = self.sizes
        if small and large > _WIDE * small:
            lines.append(f"mean sizes of the series go from {small:.3g} to {large:.3g}: the largest dominate MSE")
        return lines


def report_series(data: SeriesSet) -> SeriesReport:
    """Describe all series."""
    frequency, series = data.frequency, data.series
    lengths = sorted(map(len, series))
    values = np.concatenate([one.values[~np.isnan(one.values)] for one in series])
    sizes = [float(np.nanmean(np.abs(one.values))) for one in series]
    ends = [frequency.timestamps(one.start, len(one))[-1] for one in series]
    first = int(np.argmin(np.array([one.start for one in series])))
    last = int(np.argmax(np.array(ends)))
    missing = {one.name: int(np.isnan(one.values).sum()) for one in series}
    columns = data.columns
    return SeriesReport(
        series=len(series),
        shortest=lengths[0],
        median=lengths[(len(lengths) - 1) // 2],
        longest=lengths[-1],
        frequency=frequency.describe(),
        seasons=frequency.describe_seasons(),
        seasonal=sum(is_seasonal(one.values, frequency.season) for one in series) if frequency.season > 1 else None,
        first=data.say_time(series[first], series[first].start),
        last=data.say_time(series[last], ends[last]),
        numbers=(float(values.min()), float(values.mean()), float(values.max()), float(values.std())),
        sizes=(min(sizes), max(sizes)),
        missing={name: count for name, count in missing.items() if count},
        constant=tuple(one.name for one in series if np.nanmin(one.values) == np.nanmax(one.values)),
        zeros=float((values == 0).mean()),
        far=tuple(outlier for one in series for outlier in _far_values(one, data)),
        past=columns.names(columns.past),
        known=columns.names(columns.known),
        static=columns.static,
        ahead=min(len(one.known) - len(one) for one in series) if columns.known else 0,
    )


def _far_values(series: Series, data: SeriesSet) -> list[str]:
    """Name the worst outlier of a series, if it is ten interquartile ranges outside of the quartiles."""
    low, high = np.nanpercentile(series.values, (25, 75))
    beyond = np.fmax(low - series.values, series.values - high)
    at = int(np.nanargmax(beyond))
    if high == low or beyond[at] <= _FAR * (high - low):
        return []
    when = data.say_time(series, data.frequency.timestamps(series.start, at + 1)[-1])
    return [f"{series.name} {format_near(series.values[at], high - low)} at {when}"]


def _span(shortest: int, median: int, longest: int) -> str:
    if shortest == longest:
        return f"{longest:,} steps"
    return f"{shortest:,} to {longest:,} steps, half at most {median:,}"

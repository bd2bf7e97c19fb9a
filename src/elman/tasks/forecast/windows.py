"""Cut series into windows, a look-back and a horizon, and yield them in batches.

All series are concatenated into a few flat arrays, so that a batch is a lookup; a window is the number of its series
and the step at which its forecast begins, its origin.

>>> from elman.data.series.frequency import Frequency
>>> from elman.data.series.series import Numbers, Series
>>> sales = Series("sales", np.arange(9.0), 0, np.zeros((9, 0)), np.zeros((9, 0)), {}, "sales.csv", "sales.csv line 10")
>>> table = SeriesTable([sales], Frequency("step", 1, season=1), Reading(3, 2, {"sales": 2.6}, {"sales": 0.8}))
>>> origins = table.origins([(3, 9)])
>>> origins.tolist()
[[0, 3], [0, 4], [0, 5], [0, 6], [0, 7]]
>>> windows, ahead = table.windows(origins[:2])
>>> windows.history.tolist(), ahead.tolist()
([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [[3.0, 4.0], [4.0, 5.0]])
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.plain import read_plain
from elman.data.series.frequency import Frequency
from elman.data.series.series import Numbers, Series
from elman.errors import DataError
from elman.phrases import abbreviate
from elman.tasks.forecast.calendar import CYCLES, encode_cycles
from elman.tasks.forecast.covariates import Covariates
from elman.tasks.forecast.logarithms import require_positive
from elman.tasks.forecast.module import Windows
from elman.tasks.forecast.settings import MOST_STEPS
from elman.vocabulary.growth import Growth


@dataclass(frozen=True)
class Reading:
    """How series become numbers; a part of the model.

    Attributes:
        lookback: L, steps that are read.
        horizon: H, steps that are forecast.
        spreads: the standard deviation of each series in training, by name; their order numbers the series, from 1.
        scales: the usual movement of each of them within a look-back, see :func:`measure_scale`.
        unlearnt: the time of the first step after the training part of each of them, as text.
        cycles: of the calendar, see :mod:`elman.tasks.forecast.calendar`.
        covariates: the scales of covariates.
        padded: how many steps of a look-back may lie before the first of a series, as missing values.
        logarithms: whether values are read as logarithms, and `scales` are those of logarithms.
    """

    lookback: int
    horizon: int
    spreads: Mapping[str, float]
    scales: Mapping[str, float]
    unlearnt: Mapping[str, str] = field(default_factory=dict)
    cycles: tuple[str, ...] = ()
    covariates: Covariates = field(default_factory=Covariates)
    padded: int = 0
    logarithms: bool = False

    def __post_init__(self) -> None:
        steps = (
            1 <= self.lookback <= MOST_STEPS and 1 <= self.horizon <= MOST_STEPS and 0 <= self.padded < self.lookback
        )
        above = all(size > 0 for size in (*self.spreads.values(), *self.scales.values()))
        if not steps or not above or any(cycle not in CYCLES for cycle in self.cycles):
            raise DataError(
                f"A model reads and forecasts 1 to {MOST_STEPS:,} steps of series whose scales are above 0; this one "
                "has other values. Train it again."
            )

    @property
    def fewest(self) -> int:
        """Return the fewest steps of a series before a forecast."""
        return self.lookback - self.padded

    def grown(self, found: "Reading", further: Collection[str], growth: Growth) -> "Reading":
        """Return this reading with the series that another has besides; those that it knows keep their scale.

        Args:
            found: the reading of other data, of the same sizes.
            further: the series of which more was learnt from before than of these data.
            growth: counts what is new.
        """
        growth.join("series", tuple(self.spreads), tuple(found.spreads))
        growth.keep("series that are known keep their scale")
        later = {name: one for name, one in found.spreads.items() if name not in further}
        spreads = {**self.spreads, **later}
        scales = {**found.scales, **self.scales}
        return replace(
            self,
            spreads=spreads,
            scales={name: scales[name] for name in spreads},
            unlearnt={**self.unlearnt, **{name: found.unlearnt[name] for name in later}},
            covariates=self.covariates.grown(found.covariates, growth),
            padded=max(self.padded, found.padded),
        )

    def read(self, values: Numbers) -> Numbers:
        """Return values as the module reads them."""
        return np.log(values) if self.logarithms else values

    def restore(self, numbers: Numbers) -> Numbers:
        """Return what the module forecasts in the units of the series."""
        return np.exp(numbers) if self.logarithms else numbers

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "lookback": self.lookback,
            "horizon": self.horizon,
            "names": list(self.spreads),
            "spreads": list(self.spreads.values()),
            "scales": list(self.scales.values()),
            "unlearnt": dict(self.unlearnt),
            "cycles": list(self.cycles),
            "covariates": self.covariates.to_dict(),
            "padded": self.padded,
            "logarithms": self.logarithms,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Reading":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing, of another kind, or out of range.
        """
        written = read_plain(_Written, data, "reading")
        if len(set(written.names)) != len(written.names):
            raise DataError("Two series of this model have one name. Train the model again.")
        spreads = dict(zip(written.names, written.spreads, strict=True))
        scales = dict(zip(written.names, written.scales, strict=True))
        return cls(
            written.lookback,
            written.horizon,
            spreads,
            scales,
            written.unlearnt,
            written.cycles,
            written.covariates,
            written.padded,
            written.logarithms,
        )


@dataclass(frozen=True)
class _Written:
    """The fields that `Reading.to_dict` writes; one list of names serves both spreads and scales."""

    lookback: int
    horizon: int
    names: tuple[str, ...]
    spreads: tuple[float, ...]
    scales: tuple[float, ...]
    unlearnt: Mapping[str, str]
    cycles: tuple[str, ...]
    covariates: Covariates
    padded: int = 0
    logarithms: bool = False


class SeriesTable:
    """Series as the module reads them, with room for one horizon after their ends.

    Where the reading is padded, missing values precede them, so that a look-back may be longer than a series.

    Args:
        series: what to read.
        frequency: of their steps.
        reading: how they become numbers.
        until: for a series that was not in training, the step up to which its scale is measured; its end by default.

    Attributes:
        spreads: (series,) the standard deviation of each.
        scales: (series,) the usual movement of each within a look-back.
        unlearnt: for each series the first origin after the training part.
    """

    def __init__(
        self, series: Sequence[Series], frequency: Frequency, reading: Reading, until: Sequence[int] | None = None
    ) -> None:
        self.series, self.frequency, self.reading = series, frequency, reading
        horizon, covariates, padded = reading.horizon, reading.covariates, reading.padded
        self._lengths = [len(one) for one in series]
        sizes = [length + horizon for length in self._lengths]
        befores = np.cumsum([0, *(padded + size for size in sizes[:-1])])
        self._starts = (befores + padded).astype(np.int64)
        values = [np.pad(one.values, (padded, horizon), constant_values=np.nan) for one in series]
        for one in series if reading.logarithms else ():
            require_positive(one, frequency)
        self._actual = np.concatenate(values)
        self._values = torch.from_numpy(reading.read(self._actual))
        self._past = _join(covariates.past, [covariates.scale_past(one, horizon) for one in series], padded)
        self._known = _join(covariates.known, [covariates.scale_known(one, horizon) for one in series], padded)
        self._static = torch.from_numpy(np.stack([covariates.describe(one) for one in series]))
        cycles = [
            encode_cycles(frequency, one.start, size, reading.cycles) for one, size in zip(series, sizes, strict=True)
        ]
        self._calendar = _join(len(reading.cycles), cycles, padded)
        numbers = {name: number for number, name in enumerate(reading.spreads, 1)}
        self._numbers = torch.tensor([numbers.get(one.name, 0) for one in series])
        ends = self._lengths if until is None else until
        measured = [one.values[:end] for one, end in zip(series, ends, strict=True)]
        self.spreads = np.array(
            [reading.spreads.get(one.name) or measure_spread(part) for one, part in zip(series, measured, strict=True)]
        )
        self.scales = np.array(
            [
                reading.scales.get(one.name) or measure_scale(reading.read(part), reading.lookback)
                for one, part in zip(series, measured, strict=True)
            ]
        )
        self.unlearnt = [max(reading.fewest, self._find_unlearnt(one)) for one in series]

    def _find_unlearnt(self, series: Series) -> int:
        """Return the first step after the training part; 0 in a new series, the end where it is unknown."""
        end_of_training = self.reading.unlearnt.get(series.name)
        if end_of_training is None:
            return 0
        try:
            time: Any = (int if self.frequency.unit == "step" else _read_time)(end_of_training)
        except ValueError:
            raise DataError(
                f"This model file is damaged: {abbreviate(end_of_training)!r} is no time of the series "
                f"{abbreviate(series.name)!r}. Train the model again."
            ) from None
        if self.frequency.unit == "step":
            end = max(0, (time - int(series.start)) // self.frequency.count)
            return end if self._was_in_training(series, end) else 0
        if time <= series.start:
            return 0
        step = int(self.frequency.positions(np.array([time]), series.start)[0])
        return len(series) if step < 0 else step

    def _was_in_training(self, series: Series, end: int) -> bool:
        """Tell whether a series counted from 0 is that of the same name in training: every series is counted so."""
        spread = self.reading.spreads[series.name]
        return int(series.start) != 0 or math.isclose(measure_spread(series.values[:end]), spread, rel_tol=1e-9)

    def origins(self, ranges: Sequence[tuple[int, int]], every: int = 1) -> NDArray[np.int64]:
        """List the windows whose whole horizon lies in a range of steps of their series, with enough steps before it.

        Args:
            ranges: for each series the first step that may be forecast, and the step after the last.
            every: steps from one window to the next; the last of a range is always among them.

        Returns:
            (N, 2) the number of a series in this table, and the first step ahead. A window is left out if all values
            of its horizon or of its look-back are missing.
        """
        windows = []
        for number, (low, high) in enumerate(ranges):
            first, last = max(low, self.reading.fewest), high - self.reading.horizon
            steps = np.arange(last, first - 1, -every)[::-1]
            windows.append(np.stack([np.full(len(steps), number), steps], axis=1))
        origins = np.concatenate(windows).astype(np.int64)
        return origins[self._has_values(origins)] if len(origins) else origins

    def _has_values(self, origins: NDArray[np.int64]) -> NDArray[np.bool_]:
        known = np.concatenate([[0], np.cumsum(~np.isnan(self._actual))])
        at = self._places(origins)[:, 0]
        before = known[at] - known[at - self.reading.lookback]
        return (before > 0) & (known[at + self.reading.horizon] > known[at])

    def ends(self) -> NDArray[np.int64]:
        """Return the windows after the last value of each series, (N, 2)."""
        return np.stack([np.arange(len(self.series)), np.array(self._lengths)], axis=1).astype(np.int64)

    def windows(self, origins: NDArray[np.int64]) -> tuple[Windows, Tensor]:
        """Return windows, and what is ahead of them as it is read, (B, H); NaN where missing."""
        numbers = torch.from_numpy(origins[:, 0])
        at = torch.from_numpy(self._places(origins))
        behind = at + torch.arange(-self.reading.lookback, 0)
        ahead = at + torch.arange(self.reading.horizon)
        whole = torch.cat([behind, ahead], dim=1)
        return (
            Windows(
                history=self._values[behind],
                usual=torch.from_numpy(self.scales)[numbers],
                past=None if self._past is None else self._past[behind],
                known=None if self._known is None else self._known[whole],
                calendar=None if self._calendar is None else self._calendar[whole],
                static=self._static[numbers] if self._static.shape[1] else None,
                series=self._numbers[numbers],
            ),
            self._values[ahead],
        )

    def histories(self, origins: NDArray[np.int64]) -> Numbers:
        """Return the look-backs, (B, L), in the units of the series; NaN where missing."""
        behind: Numbers = self._actual[self._places(origins) + np.arange(-self.reading.lookback, 0)]
        return behind

    def actual(self, origins: NDArray[np.int64]) -> Numbers:
        """Return the actual values ahead, (B, H), in the units of the series; NaN where missing."""
        ahead: Numbers = self._actual[self._places(origins) + np.arange(self.reading.horizon)]
        return ahead

    def _places(self, origins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where in the flat arrays each window begins to forecast, (B, 1)."""
        return (self._starts[origins[:, 0]] + origins[:, 1])[:, None]

    def batches(self, origins: NDArray[np.int64], size: int) -> Iterator[tuple[Windows, Tensor]]:
        """Yield windows in order, so many at a time."""
        for start in range(0, len(origins), size):
            yield self.windows(origins[start : start + size])


def measure_spread(values: NDArray[np.float64]) -> float:
    """Return the standard deviation of the known values of a series; 1 where it is constant.

    >>> measure_spread(np.array([1.0, np.nan, 3.0])), measure_spread(np.array([5.0, 5.0]))
    (1.0, 1.0)
    """
    known = values[~np.isnan(values)]
    spread = float(known.std()) if len(known) else 0.0
    return spread if spread > 0 else 1.0


def measure_scale(values: NDArray[np.float64], lookback: int) -> float:
    """Return the usual movement of a series within a look-back: the root mean variance of its windows of L steps.

    >>> round(measure_scale(np.arange(100.0), 3), 6), round(measure_spread(np.arange(3.0)), 6)
    (0.816497, 0.816497)
    """
    known = ~np.isnan(values)
    spread = measure_spread(values)
    moved = np.where(known, (values - np.nanmean(values)) / spread, 0.0) if known.any() else np.zeros(len(values))
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (known, moved, moved**2)]
    steps = min(lookback, len(values))
    count, total, squares = (one[steps:] - one[:-steps] for one in sums)
    full = count > 1
    variance = (squares[full] / count[full] - (total[full] / count[full]) ** 2).clip(min=0)
    scale = float(np.sqrt(variance.mean())) if full.any() else 0.0
    return spread * scale if scale > 0 else spread


def _join(width: int, rows: Sequence[NDArray[np.float32]], padded: int) -> Tensor | None:
    return torch.from_numpy(np.concatenate([np.pad(one, ((padded, 0), (0, 0))) for one in rows])) if width else None


def _read_time(text: str) -> np.datetime64:
    time = np.datetime64(text, "us")
    if np.isnat(time):
        raise ValueError
    return time

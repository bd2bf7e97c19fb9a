"""Describe the distance between the steps of a series: seconds to weeks, business days, months to years.

A month has no fixed number of days, so time is counted in steps: `timestamps` returns the times of steps from a start.

>>> monthly = Frequency("month", 1, season=12, day=31)
>>> monthly.timestamps(np.datetime64("2024-01-31", "us"), 3).astype("datetime64[D]").tolist()[1:]
[datetime.date(2024, 2, 29), datetime.date(2024, 3, 31)]
>>> monthly.describe()
'monthly'
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.plain import read_plain
from elman.errors import DataError

Moment = np.datetime64 | int
"""A time, as datetime64[us], or the number of a step where steps are counted."""
Moments = NDArray[Any]
"""Times as datetime64[us], or int64 where steps are counted."""

MICROSECONDS = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
    "week": 604_800_000_000,
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
UNITS = ("step", *MICROSECONDS, "business day", *MONTHS)
WITHOUT_CALENDAR = ("step", "microsecond", "millisecond", "second")
"""Units for which the calendar has no season."""

_NAMES = {
    "hour": "hourly",
    "day": "daily",
    "week": "weekly",
    "month": "monthly",
    "quarter": "quarterly",
    "year": "yearly",
}
_DAY = np.timedelta64(1, "D")
_MOST = 10**9  # units of a step, and steps of a season


@dataclass(frozen=True)
class Frequency:
    """The distance between two steps.

    Attributes:
        unit: one of `UNITS`; `step` where there are no times.
        count: how many units a step has.
        season: how many steps make a season; 1 where there is none.
        day: of the month, for months, quarters and years: 31 is the last of each, 0 any.
        longer: the steps of longer seasons, ascending, such as 168 beside a day of 24 hours.
    """

    unit: str
    count: int
    season: int
    day: int = 1
    longer: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        whole = self.unit in UNITS and 1 <= self.count <= _MOST and 1 <= self.season <= _MOST and 0 <= self.day <= 31
        seasons = (1, *self.seasons, _MOST)
        if not whole or (self.longer and any(low >= high for low, high in pairwise(seasons))):
            raise DataError(f"{self} is no frequency that this program knows. Train the model again.")

    @property
    def step(self) -> tuple[str, int]:
        """Return unit and count."""
        return self.unit, self.count

    @property
    def seasons(self) -> tuple[int, ...]:
        """Return the steps of all seasons, ascending; none where there is no season."""
        return (self.season, *self.longer) if self.season > 1 or self.longer else ()

    def with_seasons(self, seasons: Sequence[int]) -> "Frequency":
        """Return the same steps with other seasons, ascending; none of them for no season."""
        season, *longer = seasons or (1,)
        return replace(self, season=season, longer=tuple(longer))

    def describe_seasons(self) -> str:
        """Write the seasons for a sentence: `a season of 7`, `seasons of 24 and 168`; nothing without one."""
        written = [f"{season:,}" for season in self.seasons]
        if not written:
            return ""
        several = f"seasons of {', '.join(written[:-1])} and {written[-1]}"
        return several if len(written) > 1 else f"a season of {written[0]}"

    def describe(self) -> str:
        """Return one to three words: `hourly`, `every 15 minutes`, `business days`."""
        if self.count == 1:
            return {"step": "steps without times", "business day": "business days"}.get(
                self.unit, _NAMES.get(self.unit, f"every {self.unit}")
            )
        return f"every {self.count:,} {self.unit}s"

    def timestamps(self, start: Moment, count: int) -> Moments:
        """Return the times of the steps from `start` on.

        Args:
            start: of the first.
            count: how many.

        Returns:
            (count,) datetime64[us], or int64 where steps are counted.
        """
        steps = np.arange(count, dtype=np.int64) * self.count
        if self.unit == "step":
            return int(start) + steps
        first: Any = start
        if self.unit in MICROSECONDS:
            return first + (steps * MICROSECONDS[self.unit]).astype("timedelta64[us]")
        of_day = first - first.astype("datetime64[D]")
        if self.unit == "business day":
            return (
                np.busday_offset(first.astype("datetime64[D]"), steps, roll="forward").astype("datetime64[us]") + of_day
            )
        return self._days(first.astype("datetime64[M]") + steps * MONTHS[self.unit]) + of_day

    def positions(self, times: Moments, start: Moment) -> NDArray[np.int64]:
        """Count the steps from `start` to each time; −1 where a time is between steps.

        Args:
            times: (N,) as `timestamps` gives them.
            start: of step 0.
        """
        if self.unit == "step":
            steps, rest = np.divmod(times.astype(np.int64) - int(start), self.count)
            return np.where(rest == 0, steps, -1)
        first: Any = start
        if self.unit in MICROSECONDS:
            apart = (times - first).astype(np.int64)
            steps, rest = np.divmod(apart, self.count * MICROSECONDS[self.unit])
            return np.where(rest == 0, steps, -1)
        days, of_day = times.astype("datetime64[D]"), first - first.astype("datetime64[D]")
        if self.unit == "business day":
            units = np.busday_count(first.astype("datetime64[D]"), days)
            fitting = np.is_busday(days)
        else:
            months = times.astype("datetime64[M]")
            units = (months - first.astype("datetime64[M]")).astype(np.int64) // MONTHS[self.unit]
            units = np.where(
                (months - first.astype("datetime64[M]")).astype(np.int64) % MONTHS[self.unit] == 0, units, -1
            )
            fitting = (self._days(months) == days) | (self.day == 0)
        steps, rest = np.divmod(units, self.count)
        return np.where((rest == 0) & fitting & (times - days == of_day) & (units >= 0), steps, -1)

    def say(self, moment: Moment) -> str:
        """Write a time as short as the frequency allows: `2024-01-31`, `2024-01-31 13:00:00`, `17`."""
        if self.unit == "step":
            return str(int(moment))
        time: Any = moment
        written = str(time.astype("datetime64[us]").item())
        return written.removesuffix(" 00:00:00") if self.unit in _WHOLE_DAYS else written

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        plain = asdict(self)
        if not self.longer:
            del plain["longer"]  # as in models of one season
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Frequency":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing or of another kind, or the unit is unknown.
        """
        return read_plain(cls, data, "frequency")

    def _days(self, months: Moments) -> Moments:
        first = months.astype("datetime64[D]")
        last = (months + 1).astype("datetime64[D]") - _DAY
        return np.minimum(first + max(self.day - 1, 0) * _DAY, last).astype("datetime64[us]")


_WHOLE_DAYS = ("day", "week", "business day", *MONTHS)

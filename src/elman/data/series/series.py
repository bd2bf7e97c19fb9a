"""Declare what is read from tables of series: values with their covariates, on the steps of one frequency.

>>> daily = Frequency("day", 1, season=7)
>>> columns = SeriesColumns(targets=("sales",), frequency=daily, time="date")
>>> SeriesColumns.from_dict(columns.to_dict()) == columns
True
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.plain import read_plain
from elman.data.series.frequency import Frequency, Moment
from elman.data.series.notation import Offsets, TimeNotation
from elman.data.tables.numbers import NumberDialect
from elman.errors import DataError
from elman.phrases import counted

Numbers = NDArray[np.float64]

LARGEST = 1e100
"""Beyond it, and below one over it, the squares of errors overflow or underflow."""


@dataclass(frozen=True)
class Series:
    """One series of T steps, with covariates that are known F steps beyond.

    Attributes:
        name: the value of the id column, or the name of the column in a wide table.
        values: (T,) NaN where missing; the first and the last are not.
        start: of the first step: datetime64[us], or an int where steps are counted.
        past: (T, P) covariates that are known up to the end of the values; NaN where missing.
        known: (T + F, K) covariates that are known F steps beyond; NaN where missing, never behind T.
        static: covariates that do not change, by column.
        where: names the series in messages, such as `sales.csv, column sales`.
        last: names the row of the last step of `known`, or of the values, such as `sales.csv line 731`.
        offsets: the UTC offsets of its times; None where they have none.
    """

    name: str
    values: Numbers
    start: Moment
    past: Numbers
    known: Numbers
    static: Mapping[str, str | float]
    where: str
    last: str
    offsets: Offsets | None = None

    def __post_init__(self) -> None:
        for numbers in (self.values, self.past, self.known):
            large = numbers[np.abs(numbers) > LARGEST]
            if large.size:
                raise DataError(
                    f"{self.where}: the number {large.flat[0]:g} is beyond {LARGEST:g}, and its square overflows. "
                    "Write the numbers in a larger unit."
                )
        known = self.values[~np.isnan(self.values)]
        if known.size and 0 < known.max() - known.min() < 1 / LARGEST:
            raise DataError(f"{self.where}: all numbers are within {1 / LARGEST:g}. Write them in a smaller unit.")

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class SeriesColumns:
    """The roles of columns; a model stores them, so that new files are read in the same way.

    Attributes:
        targets: the columns to forecast.
        frequency: of the steps.
        time: the column of times, or the first of several; None where rows are counted.
        id: the columns whose values identify the series of a long table; empty for a wide table.
        past: covariates that end with the values.
        known: covariates that are known beyond.
        static: covariates of a whole series.
        levels: the values of each covariate that is text; it becomes a 0 or 1 for each of them.
        fill_gaps: whether missing times become missing values.
        clock: further columns that are a part of the time.
        numbers: how the numbers of a column are written, where it is not as programs do.
        sideways: whether each row of a table is a series, see :mod:`elman.data.series.sideways`.
    """

    targets: tuple[str, ...]
    frequency: Frequency
    time: str | None = None
    id: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fill_gaps: bool = False
    clock: tuple[str, ...] = ()
    numbers: Mapping[str, NumberDialect] = field(default_factory=dict)
    sideways: bool = False

    @property
    def times(self) -> tuple[str, ...]:
        """Return all columns of times."""
        return (self.time, *self.clock) if self.time else ()

    def names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the numbers that covariates become, such as `price`, `holiday=Easter`."""
        return tuple(
            f"{column}={level}" if level else column for column in columns for level in self.levels.get(column, ("",))
        )

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        levels = {column: list(values) for column, values in self.levels.items()}
        if not self.clock:
            del plain["clock"]  # as in models of one column
        if not self.numbers:
            del plain["numbers"]
        if not self.sideways:
            del plain["sideways"]
        return {**plain, "frequency": self.frequency.to_dict(), "levels": levels}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SeriesColumns":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing or of another kind, or the frequency is none that this program knows.
        """
        return read_plain(cls, data, "columns")


@dataclass(frozen=True)
class SeriesSet:
    """All series of some files.

    Attributes:
        name: used in messages.
        series: in the order in which they first appear.
        columns: the roles of the columns.
        notes: every inference, in sentences for the user.
        notation: how the table writes times; None where rows are counted.
    """

    name: str
    series: Sequence[Series]
    columns: SeriesColumns
    notes: Sequence[str]
    notation: TimeNotation | None = None

    def __len__(self) -> int:
        return len(self.series)

    @property
    def frequency(self) -> Frequency:
        """Return the frequency of the steps, the same for all series."""
        return self.columns.frequency

    def write_time(self, series: Series, moment: Moment) -> dict[str, str]:
        """Write a time of a series as the table writes it, by column; counted rows are in the column `step`."""
        if self.notation is not None:
            return self.notation.write(moment, series.offsets)
        return {self.columns.time or "step": self.frequency.say(moment)}

    def say_time(self, series: Series, moment: Moment) -> str:
        """Write a time of a series in one text."""
        return " ".join(self.write_time(series, moment).values())

    def require_steps(self, steps: int, why: str) -> None:
        """Check that every series has enough steps.

        Args:
            steps: the fewest.
            why: the reason, such as `a look-back of 14 and a horizon of 7`.

        Raises:
            DataError: one is shorter.
        """
        for series in self.series:
            if len(series) < steps:
                raise DataError(
                    f"{series.last}: {series.name} has {_say_steps(len(series))}, and {why} needs {steps:,}. "
                    "Add earlier rows, or ask for less."
                )

    def leave_out_short(self, fewest: Sequence[int], why: str) -> "SeriesSet":
        """Return the series that have enough steps, with a note that counts the others and names the first.

        Args:
            fewest: steps that each must have.
            why: the reason, as for :meth:`require_steps`.

        Raises:
            DataError: none has enough.
        """
        short = [(series, steps) for series, steps in zip(self.series, fewest, strict=True) if len(series) < steps]
        if not short:
            return self
        if len(short) == len(self):
            self.require_steps(min(fewest), why)
        first, steps = short[0]
        note = (
            f"Left out as too short: {len(short):,} of {len(self):,} series. The first, {first.name}, has "
            f"{_say_steps(len(first))}, and {why} needs {steps:,}."
        )
        left_out = {id(series) for series, _ in short}
        kept = [series for series in self.series if id(series) not in left_out]
        return replace(self, series=kept, notes=[*self.notes, note])

    def require_known(self, horizon: int) -> None:
        """Check that known covariates reach beyond every series.

        Args:
            horizon: how many steps.

        Raises:
            DataError: they end earlier.
        """
        for series in self.series if self.columns.known else ():
            ahead = len(series.known) - len(series)
            if ahead < horizon:
                needed = self.say_time(series, self.frequency.timestamps(series.start, len(series) + horizon)[-1])
                named = f"{', '.join(self.columns.known)} of {series.name}"
                raise DataError(
                    f"{series.last}: {named} is known {_say_steps(ahead)} beyond the last value, and a forecast of "
                    f"{horizon:,} needs it up to {needed}. Add rows with an empty {self.columns.targets[0]}, or "
                    "forecast fewer steps."
                )


def _say_steps(count: int) -> str:
    return counted(count, "step")

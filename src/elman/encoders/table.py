"""Turn a row of numbers, dates and categories into one step: numbers standardised, categories one-hot.

A number that is missing is 0 and has an indicator if any was missing in training; a category that was not in training,
or is missing, is all zeros. A date is seven numbers: the day since 1970, and the sine and cosine of the time of day, of
the day of the week and of the day of the year, so that the last hour of a day stands beside the first.

>>> from elman.encoders.settings import InputSettings
>>> columns = Columns({"size": "number", "colour": "category"})
>>> rows = [Example({"size": 1.0, "colour": "red"}, 0, "line 1"), Example({"size": 3.0, "colour": "blue"}, 0, "line 2")]
>>> learn_table(columns, rows, InputSettings()).encode(rows[1])
tensor([[1., 1., 0.]])
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from elman.data.dataset import Columns, Example
from elman.data.plain import as_pairs
from elman.data.tables.spellings import number_values
from elman.encoders.fronts import FramesFront, Suggestions
from elman.encoders.scaling import Moments, Scaling
from elman.encoders.settings import InputSettings
from elman.errors import DataError
from elman.vocabulary.tally import Tally, require_different

# Of a column with more, the most frequent ones are kept.
_MOST_CATEGORIES = 1000
DAY = 86_400
"""Seconds."""
PERIODS = ((0.0, 1.0), (3.0, 7.0), (0.0, 365.2425))
"""Of a day, a week and a year, in days: what is added to the day since 1970, which was a Thursday, and the length."""
_OF_A_DATE = 1 + 2 * len(PERIODS)
_LARGEST = 1e100  # whose square is a number


@dataclass(frozen=True)
class TableEncoder:
    """An encoder of the rows of a table.

    Attributes:
        numbers: the columns of numbers.
        scaling: theirs.
        categories: the columns of categories, each with those that were in training.
        dates: the columns of dates; each is seven numbers behind those of `numbers`.
    """

    numbers: tuple[str, ...]
    scaling: Scaling
    categories: Mapping[str, tuple[str, ...]]
    dates: tuple[str, ...] = ()
    kind: ClassVar[str] = "table"
    units: ClassVar[bool] = False
    ordered: ClassVar[tuple[str, ...]] = ("categories",)

    def __post_init__(self) -> None:
        for column, known in self.categories.items():
            require_different(known, f"values of {column}")
        if len(self.numbers) + _OF_A_DATE * len(self.dates) != len(self.scaling.means) or not self.size:
            raise DataError("The encoder of tables in this model has no columns, or no scale for one. Train it again.")

    @property
    def size(self) -> int:
        """Count the numbers of a step, D."""
        return self.scaling.size + sum(map(len, self.categories.values()))

    def labels(self) -> list[tuple[str, ...]]:
        """Return what each number of a step stands for: a number or date, its indicator, or a value of a category."""
        columns: list[tuple[str, ...]] = [(str(place),) for place in range(self.scaling.size)]
        return [*columns, *((column, value) for column, known in self.categories.items() for value in known)]

    @property
    def front(self) -> FramesFront:
        """Describe the layers that can read the frames."""
        return FramesFront(self.size)

    @property
    def suggested(self) -> Suggestions:
        """Suggest the defaults."""
        return Suggestions()

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        return {column: number_values(known) for column, known in self.categories.items()}

    def encode(self, example: Example) -> Tensor:
        """Encode a row as one step, (1, D).

        Raises:
            DataError: a number is infinite.
        """
        parts = [self.scaling.apply(_numbers_of(example, self.numbers, self.dates))]
        for column, places in self._places.items():
            part = torch.zeros(1, len(self.categories[column]))
            place = places.get(example.values[column])
            if place is not None:
                part[0, place] = 1.0
            parts.append(part)
        return torch.cat(parts, dim=1)

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:  # noqa: ARG002
        """Leave a row unchanged."""
        return steps

    def describe(self) -> str:
        """Describe in one line what is read."""
        columns = len(self.numbers) + len(self.categories) + len(self.dates)
        missing = f", {len(self.scaling.indicated)} with missing values" if self.scaling.indicated else ""
        return f"rows of {columns} column{'s' if columns > 1 else ''}{missing}; {self.size:,} numbers in one step"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "kind": self.kind,
            "numbers": list(self.numbers),
            "scaling": self.scaling.to_dict(),
            "categories": as_pairs(self.categories),
            **({"dates": list(self.dates)} if self.dates else {}),
        }


def learn_table(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> TableEncoder:  # noqa: ARG001
    """Measure the numbers and dates, and count the categories of the training rows.

    Raises:
        DataError: a number is infinite, or no column holds anything.
    """
    numbers = tuple(column for column, kind in columns.inputs.items() if kind == "number")
    tallies = {column: Tally() for column, kind in columns.inputs.items() if kind == "category"}
    dates = tuple(column for column, kind in columns.inputs.items() if kind == "date")
    moments = Moments(len(numbers) + _OF_A_DATE * len(dates))
    for example in examples:
        moments.add(_numbers_of(example, numbers, dates))
        for column, tally in tallies.items():
            value = example.values[column]
            tally.add([value] if value else [])
    categories = {column: tally.most(_MOST_CATEGORIES, 1) for column, tally in tallies.items()}
    if not numbers and not dates and not any(categories.values()):
        raise DataError(f"The columns {', '.join(columns.inputs)} are empty in all rows. Name others with input.")
    return TableEncoder(numbers, moments.scaling(), categories, dates)


def _numbers_of(example: Example, columns: tuple[str, ...], dates: tuple[str, ...]) -> Any:
    row = np.array([[example.values[column] for column in columns]], dtype=np.float64)
    large = np.abs(row[0]) > _LARGEST
    if large.any():
        column = columns[int(large.argmax())]
        raise DataError(
            f"{example.where}: the number in {column} is infinite or beyond {_LARGEST:g}. Mend it, or leave it empty."
        )
    return np.hstack([row, *(_parts_of(example.values[column]) for column in dates)])


def _parts_of(seconds: float) -> Any:
    """Return the seven numbers of a date, (1, 7), from its seconds since 1970."""
    day = seconds / DAY
    turns = np.array([(day + first) / length for first, length in PERIODS]) * 2 * np.pi
    return np.array([[day, *np.sin(turns), *np.cos(turns)]])

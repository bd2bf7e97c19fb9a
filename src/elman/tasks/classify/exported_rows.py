"""Numbers, dates and categories of one row in the file of a classifier: all of the input, or beside a sequence.

Numbers and dates are given as they are and scaled for each network inside, where a date becomes its seven numbers. The
categories of a file are those of all networks.

>>> from elman.encoders.scaling import Scaling
>>> row = RowColumns([TableEncoder((), Scaling((), ()), {"c": ("x", "y")})], "encoder")
>>> row.encode({"categories": torch.tensor([[1], [-1]])}, 0).tolist()
[[0.0, 1.0], [0.0, 0.0]]
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.dataset import Example
from elman.data.tables.spellings import number_values
from elman.encoders.scaling import Scaling
from elman.encoders.table import DAY, PERIODS, TableEncoder
from elman.export.graph import DOUBLE, FLOAT, INT64, GraphWriter, Port
from elman.export.models import Feeds
from elman.export.pieces import write_scaling

_MISSING = 0.1  # of the numbers of a comparison
_LATEST = 3e9  # seconds after 1970, of the dates of a comparison


class RowColumns:
    """The numbers, dates and categories of one row.

    Args:
        encoders: of each network.
        part: the part of the card that describes them.

    Attributes:
        encoder: the one that the card describes.
    """

    def __init__(self, encoders: Sequence[TableEncoder], part: str) -> None:
        first = encoders[0]
        categories = {c: join_names(one.categories[c] for one in encoders) for c in first.categories}
        self._encoders, self._part = encoders, part
        self.encoder = replace(first, categories=categories)

    @property
    def ports(self) -> list[Port]:
        """The inputs of the file."""
        own = self.encoder
        listed = {"numbers": own.numbers, "dates": own.dates, "categories": own.categories}
        return [
            Port(name, ("batch", len(columns)), INT64 if name == "categories" else DOUBLE)
            for name, columns in listed.items()
            if columns
        ]

    @property
    def reads(self) -> dict[str, str]:
        """A sentence for each input."""
        own = self.encoder
        return {
            "numbers": f"{', '.join(own.numbers)}, as they are; NaN where one is missing",
            "dates": f"{', '.join(own.dates)}, in seconds since 1970 as a clock on the wall shows them, "
            "without a UTC offset; NaN where one is missing. Inside each is its day since 1970, and sine and cosine of "
            "the time of day, of the day of the week and of the day of the year",
            "categories": f"for {', '.join(own.categories)}: the place in `{self._part}`, -1 for any other value",
        }

    def write(self, writer: GraphWriter, number: int) -> str:
        """Write what a network reads of rows, (B, F)."""
        own, rows, parts = self._encoders[number], [], []
        if own.numbers:
            rows.append("numbers")
        rows += [_write_date(writer, place) for place in range(len(own.dates))]
        if rows:
            whole = rows[0] if len(rows) == 1 else writer.add("Concat", *rows, axis=1)
            parts.append(write_scaling(writer, whole, own.scaling))
        for column, (name, known) in enumerate(own.categories.items()):
            places = writer.constant(self._places(name, known))
            # The place of -1 is the last one, which is no category of the network.
            chosen = writer.add("Gather", "categories", writer.indices(column), axis=1)
            chosen = writer.add("Gather", places, writer.add("Max", chosen, writer.constant(np.int64(-1))))
            same = writer.add("Equal", chosen, writer.indices(*range(len(known))))
            parts.append(writer.add("Cast", same, to=FLOAT))
        return parts[0] if len(parts) == 1 else writer.add("Concat", *parts, axis=1)

    def encode(self, feeds: Mapping[str, Tensor], number: int) -> Tensor:
        """Encode rows as the encoder of a network does, (B, F)."""
        own, rows = self._encoders[number], []
        for row in range(len(feeds[self.ports[0].name])):
            given = {port.name: feeds[port.name][row].tolist() for port in self.ports}
            values: dict[str, Any] = dict(zip(own.numbers, given.get("numbers", ()), strict=True))
            values |= zip(own.dates, given.get("dates", ()), strict=True)
            for (name, known), place in zip(self.encoder.categories.items(), given.get("categories", ()), strict=True):
                values[name] = known[place] if place >= 0 else ""
            rows.append(own.encode(Example(values, None, "an example")))
        return torch.cat(rows)

    def draw(self, random: np.random.Generator) -> Feeds:
        """Draw two rows to compare with."""
        own, feeds = self.encoder, Feeds()
        if own.numbers:
            count = len(own.numbers)
            scaling = Scaling(own.scaling.means[:count], own.scaling.deviations[:count])
            feeds["numbers"] = draw_numbers(random, (2, count), scaling)
        if own.dates:
            dates = random.uniform(-_LATEST, _LATEST, (2, len(own.dates)))
            feeds["dates"] = np.where(random.random(dates.shape) < _MISSING, np.nan, dates)
        if own.categories:
            counts = map(len, own.categories.values())
            feeds["categories"] = np.stack([random.integers(-1, max(count, 1), 2) for count in counts], 1)
        return feeds

    def _places(self, name: str, known: Sequence[str]) -> np.ndarray:
        """Return the place that a network has for each category of the file, and -1 behind them."""
        own = number_values(known)
        return np.array([*(own.get(value, -1) for value in self.encoder.categories[name]), -1], np.int64)


def join_names(vocabularies: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Join vocabularies: the first, then of each what is new."""
    return tuple(dict.fromkeys(name for names in vocabularies for name in names))


def draw_numbers(random: np.random.Generator, shape: tuple[int, ...], scaling: Scaling) -> np.ndarray:
    """Draw numbers (…, D) of the mean and deviation of a scaling; some are missing."""
    numbers = random.standard_normal(shape) * scaling.deviations + scaling.means
    return np.where(random.random(shape) < _MISSING, np.nan, numbers)


def _write_date(writer: GraphWriter, place: int) -> str:
    """Write the seven numbers of a column of dates, (B, 7)."""
    add, constant = writer.add, writer.constant
    seconds = add("Gather", "dates", writer.indices(place), axis=1)
    day = add("Div", seconds, constant(np.float64(DAY)))
    first, length = (constant(np.array(column, np.float64)) for column in zip(*PERIODS, strict=True))
    turns = add("Div", add("Add", day, first), length)
    angles = add("Mul", turns, constant(np.float64(2 * np.pi)))
    return add("Concat", day, add("Sin", angles), add("Cos", angles), axis=1)

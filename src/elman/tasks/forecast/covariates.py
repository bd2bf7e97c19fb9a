"""Scale the covariates of series: past, known and static ones.

Means and deviations are those of the training part. A missing value becomes 0, which is the mean.

>>> from elman.data.series.series import Series
>>> def shop(price, town):
...     prices = np.array(price)[:, None]
...     return Series("a", np.arange(2.0), 0, np.zeros((2, 0)), prices, {"town": town}, "shop.csv", "shop.csv line 3")
>>> learnt = Covariates.learn([shop([1.0, 2.0, 3.0], "Bern"), shop([1.0, 2.0, 3.0], "Ulm")], [2, 2])
>>> learnt.scale_known(shop([1.0, 2.0, 3.0], "Ulm"), 1).tolist()
[[-1.0], [1.0], [3.0]]
>>> learnt.describe(shop([1.0, 2.0, 3.0], "Ulm")).tolist()
[0.0, 1.0]
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from elman.data.plain import as_pairs, read_plain
from elman.data.series.series import Series
from elman.errors import DataError
from elman.vocabulary.growth import Growth


@dataclass(frozen=True)
class Covariates:
    """The scales of covariates.

    Attributes:
        past_center, past_spread: of each past covariate.
        known_center, known_spread: of each that is known ahead.
        numbers: center and spread of each static number, by column.
        levels: the values of each static text, by column.
    """

    past_center: tuple[float, ...] = ()
    past_spread: tuple[float, ...] = ()
    known_center: tuple[float, ...] = ()
    known_spread: tuple[float, ...] = ()
    numbers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ordered: ClassVar[tuple[str, ...]] = ("numbers", "levels")

    def __post_init__(self) -> None:
        spreads = (*self.past_spread, *self.known_spread, *(spread for _, spread in self.numbers.values()))
        paired = len(self.past_center) == len(self.past_spread) and len(self.known_center) == len(self.known_spread)
        if not paired or not all(spread > 0 for spread in spreads):
            raise DataError("A covariate of this model has no spread above 0. Train the model again.")

    @classmethod
    def learn(cls, series: Sequence[Series], ends: Sequence[int]) -> "Covariates":
        """Measure covariates up to the end of the training part of each series."""
        past = _measure([one.past[:end] for one, end in zip(series, ends, strict=True)])
        known = _measure([one.known[:end] for one, end in zip(series, ends, strict=True)])
        columns = list(series[0].static)
        kinds = {name: {type(one.static[name]) for one in series} for name in columns}
        levels = {
            name: tuple(sorted({str(one.static[name]) for one in series})) for name in columns if str in kinds[name]
        }
        numbers = {
            name: _measure_one(np.array([float(one.static[name]) for one in series]))
            for name in columns
            if name not in levels
        }
        return cls(*past, *known, numbers, levels)

    def grown(self, found: "Covariates", growth: Growth) -> "Covariates":
        """Return these scales with the values of static texts that others have besides.

        Args:
            found: those of other series.
            growth: counts what is new.

        Raises:
            DataError: a covariate is text in one and a number in the other.
        """
        for name in self.levels.keys() ^ found.levels.keys():
            kinds = ("text", "a number") if name in self.levels else ("a number", "text")
            raise DataError(
                f"The static covariate {name} is {kinds[0]} for the model, and here {kinds[1]}. Give the same."
            )
        levels = {
            name: growth.join(f"value of {name}", known, found.levels.get(name, ()))
            for name, known in self.levels.items()
        }
        return replace(self, levels=levels)

    def static_labels(self) -> list[tuple[str, ...]]:
        """Return what each number of :meth:`describe` stands for."""
        return [
            *((name,) for name in self.numbers),
            *((name, one) for name, known in self.levels.items() for one in known),
        ]

    @property
    def past(self) -> int:
        """Return P."""
        return len(self.past_center)

    @property
    def known(self) -> int:
        """Return K."""
        return len(self.known_center)

    @property
    def static(self) -> int:
        """Return V."""
        return len(self.numbers) + sum(map(len, self.levels.values()))

    def scale_past(self, series: Series, room: int) -> NDArray[np.float32]:
        """Return (T + room, P); steps after the end are 0."""
        return _scale(series.past, self.past_center, self.past_spread, len(series) + room)

    def scale_known(self, series: Series, room: int) -> NDArray[np.float32]:
        """Return (T + room, K); 0 where values are not known."""
        return _scale(series.known, self.known_center, self.known_spread, len(series) + room)

    def describe(self, series: Series) -> NDArray[np.float32]:
        """Return (V,): static numbers, then static texts one-hot; a text that was not in training has no 1."""
        scaled = [(float(series.static[name]) - center) / spread for name, (center, spread) in self.numbers.items()]
        chosen = [float(str(series.static[name]) == level) for name, known in self.levels.items() for level in known]
        return np.array(np.nan_to_num([*scaled, *chosen]), dtype=np.float32).reshape(-1)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**asdict(self), "numbers": as_pairs(self.numbers), "levels": as_pairs(self.levels)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Covariates":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing or of another kind, or a covariate has no spread above 0.
        """
        return read_plain(cls, data, "covariates")


def _measure(parts: Sequence[NDArray[np.float64]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    measured = [_measure_one(column) for column in np.concatenate(parts).T]
    return tuple(center for center, _ in measured), tuple(spread for _, spread in measured)


def _measure_one(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 1.0
    spread = float(known.std())
    return float(known.mean()), spread if spread > 0 and math.isfinite(spread) else 1.0


def _scale(
    rows: NDArray[np.float64], center: Sequence[float], spread: Sequence[float], steps: int
) -> NDArray[np.float32]:
    scaled = np.zeros((steps, len(center)), dtype=np.float32)
    scaled[: len(rows)] = np.nan_to_num((rows[:steps] - np.array(center)) / np.array(spread))
    return scaled

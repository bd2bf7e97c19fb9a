"""Turn a series of numbers into standardised steps; a missing number is 0, with an indicator of 1.

>>> from elman.encoders.settings import InputSettings
>>> example = Example({"x": np.array([[1.0], [3.0]], np.float32)}, "a", "line 1")
>>> learn_series(Columns({"x": "series"}), [example], InputSettings()).encode(example)
tensor([[-1.],
        [ 1.]])
"""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.dataset import Columns, Example
from elman.encoders.fronts import FramesFront, Suggestions
from elman.encoders.limit import Limit
from elman.encoders.scaling import Moments, Scaling
from elman.encoders.settings import InputSettings
from elman.errors import DataError


@dataclass(frozen=True)
class SeriesEncoder:
    """An encoder of series.

    Attributes:
        column: the column.
        scaling: of its D numbers.
        limit: how many steps are read.
        sides: what each step carries behind its numbers, by name: the unit of times between steps, in which they are
            given on; None for what is given on as it is.
    """

    column: str
    scaling: Scaling
    limit: Limit
    sides: Mapping[str, float | None] = field(default_factory=dict)
    kind: ClassVar[str] = "series"
    units: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not all(unit is None or unit > 0 for unit in self.sides.values()):
            raise DataError("A side input of this model has a unit that is not above 0. Train the model again.")

    @property
    def front(self) -> FramesFront:
        """Describe the layers that can read the frames."""
        return FramesFront(self.scaling.size)

    @property
    def suggested(self) -> Suggestions:
        """Suggest the defaults."""
        return Suggestions()

    def encode(self, example: Example) -> Tensor:
        """Standardise a series, (T, D and the indicators and what the steps carry).

        Raises:
            DataError: it has no steps, another number of columns than in training, or an infinite number.
        """
        size = len(self.scaling.means)
        steps = _steps_of(example, self.column, size + len(self.sides), len(self.sides))[: self.limit.most]
        if not self.sides:
            return self.scaling.apply(steps)
        units = [self.sides[name] or 1.0 for name in sorted(self.sides)]
        carried = torch.from_numpy((steps[:, size:] / np.array(units)).astype(np.float32))
        return torch.cat([self.scaling.apply(steps[:, :size]), carried], dim=1)

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:  # noqa: ARG002
        """Leave a series unchanged: which changes would keep its class is not known."""
        return steps

    def describe(self) -> str:
        """Describe in one line what is read."""
        size, missing = len(self.scaling.means), len(self.scaling.indicated)
        with_missing = f", {missing} with missing values" if missing else ""
        numbers = f"{size} number{'s' if size > 1 else ''} a step"
        units = [f"; {name} in units of {unit:.4g}, its median" for name, unit in sorted(self.sides.items()) if unit]
        return f"series of {numbers}{with_missing}{self.limit.describe()}{''.join(units)}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "kind": self.kind,
            "column": self.column,
            "scaling": self.scaling.to_dict(),
            "limit": self.limit.to_dict(),
            **({"sides": dict(self.sides)} if self.sides else {}),
        }


def learn_series(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> SeriesEncoder:
    """Measure the numbers of the training series.

    Raises:
        DataError: there is none, one is empty or has an infinite number, or two have different numbers a step; or none
            has two steps, and times between steps are read.
    """
    (column,) = columns.inputs
    names = sorted(columns.sides)
    gaps = {at: array("f") for at, name in enumerate(names) if columns.sides[name].gaps}
    moments: Moments | None = None
    size, longest = None, 0
    for example in examples:
        steps = _steps_of(example, column, size, len(names))
        if moments is None:
            size = steps.shape[1]
            moments = Moments(size - len(names))
        own = steps.shape[1] - len(names)
        moments.add(steps[:, :own])
        longest = max(longest, len(steps))
        for at, apart in gaps.items():
            apart.frombytes(steps[1:, own + at].astype(np.float32).tobytes())
    if moments is None:
        raise DataError("There is no series to learn from. Give data with examples.")
    sides = {name: _unit_of(name, gaps[at]) if at in gaps else None for at, name in enumerate(names)}
    return SeriesEncoder(column, moments.scaling(), Limit(settings.max_length, longest), sides)


def _unit_of(name: str, apart: "array[float]") -> float:
    """Return the unit of times between steps: their median in training."""
    if not apart:
        raise DataError(f"Each series has one step, so no time between steps can be {name}. Give longer ones.")
    return float(np.median(np.frombuffer(apart, np.float32).astype(np.float64)))


def _steps_of(example: Example, column: str, size: int | None, sides: int = 0) -> NDArray[np.float32]:
    steps: NDArray[np.float32] = example.values[column]
    if not steps.size:
        raise DataError(f"{example.where} has no steps. Remove it, or check how its data are read.")
    if size is not None and steps.shape[1] != size:
        raise DataError(
            f"{example.where} has {steps.shape[1] - sides} numbers a step, and the first series to learn from has "
            f"{size - sides}. "
            "Give all of them the same columns."
        )
    infinite = np.isinf(steps).any(axis=1)
    if infinite.any():
        raise DataError(
            f"{example.where}: step {int(infinite.argmax())} (from 0) has an infinite number. Mend it, or leave it out."
        )
    return steps

"""Turn a series of numbers into standardised steps; a missing number is 0, with an indicator of 1.

>>> from elman.encoders.settings import InputSettings
>>> example = Example({"x": np.array([[1.0], [3.0]], np.float32)}, "a", "line 1")
>>> learn_series(Columns({"x": "series"}), [example], InputSettings()).encode(example)
tensor([[-1.],
        [ 1.]])
"""

from collections.abc import Iterable
from dataclasses import dataclass
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
    """

    column: str
    scaling: Scaling
    limit: Limit
    kind: ClassVar[str] = "series"
    units: ClassVar[bool] = False

    @property
    def front(self) -> FramesFront:
        """Describe the layers that can read the frames."""
        return FramesFront(self.scaling.size)

    @property
    def suggested(self) -> Suggestions:
        """Suggest the defaults."""
        return Suggestions()

    def encode(self, example: Example) -> Tensor:
        """Standardise a series, (T, D and the indicators).

        Raises:
            DataError: it has no steps, another number of columns than in training, or an infinite number.
        """
        steps = _steps_of(example, self.column, len(self.scaling.means))
        return self.scaling.apply(steps[: self.limit.most])

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:  # noqa: ARG002
        """Leave a series unchanged: which changes would keep its class is not known."""
        return steps

    def describe(self) -> str:
        """Describe in one line what is read."""
        size, missing = len(self.scaling.means), len(self.scaling.indicated)
        with_missing = f", {missing} with missing values" if missing else ""
        numbers = f"{size} number{'s' if size > 1 else ''} a step"
        return f"series of {numbers}{with_missing}{self.limit.describe()}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "kind": self.kind,
            "column": self.column,
            "scaling": self.scaling.to_dict(),
            "limit": self.limit.to_dict(),
        }


def learn_series(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> SeriesEncoder:
    """Measure the numbers of the training series.

    Raises:
        DataError: there is none, one is empty or has an infinite number, or two have different numbers a step.
    """
    (column,) = columns.inputs
    moments: Moments | None = None
    size, longest = None, 0
    for example in examples:
        steps = _steps_of(example, column, size)
        if moments is None:
            size = steps.shape[1]
            moments = Moments(size)
        moments.add(steps)
        longest = max(longest, len(steps))
    if moments is None:
        raise DataError("There is no series to learn from. Give data with examples.")
    return SeriesEncoder(column, moments.scaling(), Limit(settings.max_length, longest))


def _steps_of(example: Example, column: str, size: int | None) -> NDArray[np.float32]:
    steps: NDArray[np.float32] = example.values[column]
    if not steps.size:
        raise DataError(f"{example.where} has no steps. Remove it, or check how its data are read.")
    if size is not None and steps.shape[1] != size:
        raise DataError(
            f"{example.where} has {steps.shape[1]} numbers a step, and the first series to learn from has {size}. "
            "Give all of them the same columns."
        )
    infinite = np.isinf(steps).any(axis=1)
    if infinite.any():
        raise DataError(
            f"{example.where}: step {int(infinite.argmax())} (from 0) has an infinite number. Mend it, or leave it out."
        )
    return steps

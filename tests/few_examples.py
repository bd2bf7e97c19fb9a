"""Make small sets of encoded examples: a dataset in memory, an encoder that passes on what it is given, a frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.dataset import Columns, Example
from elman.encoders.batches import EncodedSet
from elman.encoders.targets import Targets


@dataclass
class Listed:
    """A dataset of examples in memory."""

    values: Sequence[Any]
    targets: Sequence[Any]
    columns: Columns
    name: str = "some.csv"
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> Example:
        value = self.values[index]
        values = value if isinstance(value, dict) else dict.fromkeys(self.columns.inputs, value)
        return Example(values, self.targets[index], f"{self.name} line {index + 1}")


class Frame:
    """The part of a data frame that is used: named columns."""

    def __init__(self, rows: NDArray[Any], columns: Sequence[str]) -> None:
        self.rows, self.columns = rows, columns

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.rows, dtype)


class AsGiven:
    """Encode a text as the code points of its letters, arrays and tensors as they are."""

    def encode(self, example: Example) -> Tensor:
        value = next(iter(example.values.values()))
        if isinstance(value, str):
            return torch.tensor([[ord(letter)] for letter in value])
        return torch.as_tensor(value)

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:
        return steps


def encoded(
    values: Sequence[Any], answers: Sequence[Any], targets: Targets, columns: Columns, **options: Any
) -> EncodedSet:
    """Encode values whose answers are known."""
    name = options.pop("name", "some.csv")
    dataset = Listed(values, answers, columns, name)
    return EncodedSet(dataset, range(len(values)), AsGiven(), targets.encode(answers), **options)

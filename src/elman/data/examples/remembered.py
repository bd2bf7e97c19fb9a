"""Remember examples that were read, as long as memory lasts: before training each is looked at several times.

>>> from elman.data.examples.values import open_values
>>> dataset = Remembered(open_values(["so good"], Columns({"text": "text"})))
>>> dataset[0] is dataset[0]
True
>>> dataset.forget()
"""

import sys
from collections.abc import Sequence
from typing import Any

from elman.data.dataset import Columns, Dataset, Example, Sound

_MOST_BYTES = 256 * 2**20
_BYTES_OF_AN_EXAMPLE = 600  # that its objects take besides their values


class Remembered:
    """Give the examples of a dataset; see :class:`elman.data.Dataset`.

    Args:
        dataset: where they come from.
        most_bytes: how much memory they may take.
    """

    def __init__(self, dataset: Dataset, most_bytes: int = _MOST_BYTES) -> None:
        self.name: str = dataset.name
        self.columns: Columns = dataset.columns
        self.notes: Sequence[str] = dataset.notes
        self._dataset = dataset
        self._left = most_bytes
        self._kept: dict[int, Example] = {}

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int, /) -> Example:
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        example = self._dataset[index]
        size = _BYTES_OF_AN_EXAMPLE + sum(map(_size, example.values.values()))
        if size <= self._left:
            self._kept[index] = example
            self._left -= size
        return example

    def forget(self) -> None:
        """Let go of all, and keep no more."""
        self._kept.clear()
        self._left = 0


def _size(value: Any) -> int:
    if isinstance(value, Sound):
        return value.samples.nbytes
    return int(getattr(value, "nbytes", 0)) or sys.getsizeof(value)

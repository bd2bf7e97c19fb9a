"""Read all examples of a dataset in one pass: their targets, missing values and duplicates.

Values are kept up to a bound of memory, so that fitting and encoding need not read the files again; the others are read
a second time on access.

>>> from elman.data.dataset import Columns
>>> from elman.data.examples.values import open_values
>>> columns = Columns({"text": "text"}, "label", "category")
>>> survey = Survey(open_values(["so good", "", "so good"], columns, ["yes", "no", "no"]))
>>> survey.targets, survey.missing, bool(survey.prints[0] == survey.prints[2])
(['yes', 'no', 'no'], {'text': 1}, True)
>>> [example.values["text"] for example in survey.read([0, 1])]
['so good', '']
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import gt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Dataset, Example, Sound, read_examples
from elman.data.examples.fingerprints import Fingerprints
from elman.data.examples.texts import Texts
from elman.errors import DataError

_MOST_BYTES = 256 * 2**20
_BYTES_OF_A_PLACE = 8  # in a list
_BYTES_OF_AN_OBJECT = 120  # that an array, or sound, takes besides its numbers
_LONGEST_NAME, _MOST_NAMES = 40, 2**16  # of texts that are looked for among those before
_KEPT_AS: dict[str, Callable[[], Any]] = {"text": Texts, "number": lambda: array("d"), "date": lambda: array("d")}
_NEVER_MISSING = ("sound", "image")


class Survey:
    """The result of one pass over a dataset.

    Args:
        dataset: where examples come from.
        most_bytes: memory for the values that are kept.
        on_progress: called with (done, total).

    Attributes:
        dataset: as given.
        targets: of each example.
        groups: of each.
        weights: of each.
        missing: the number of missing values (an empty text, a NaN) of each column that has some.
        kept: the number of examples, from the first, whose values are kept.
        prints: (N,) a fingerprint of the inputs of each, see :mod:`elman.data.examples.fingerprints`.

    Raises:
        DataError: an example cannot be read, or has no target.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        most_bytes: int = _MOST_BYTES,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.dataset = dataset
        self.targets: list[Any] = []
        self.groups: list[str | None] = []
        self.weights: list[float] = []
        kinds = dataset.columns.inputs
        self._values: dict[str, Any] = {name: _KEPT_AS.get(kind, list)() for name, kind in kinds.items()}
        self.kept, self._left = 0, most_bytes
        self._same: dict[str, str] = {}
        self._places: list[str] | None = None if hasattr(dataset, "where") else []
        self._missing = dict.fromkeys((name for name, kind in kinds.items() if kind not in _NEVER_MISSING), 0)
        self._prints, self._fingerprint = bytearray(), Fingerprints(kinds)
        texts = dataset.read_texts() if hasattr(dataset, "read_texts") else None
        if texts is not None:
            for inputs, targets, groups in texts:
                self._add_texts(inputs, targets, groups)
                if on_progress is not None:
                    on_progress(len(self), len(dataset))
        for example in read_examples(dataset, range(len(dataset))) if texts is None else ():
            self._add(example)
            if on_progress is not None:
                on_progress(len(self), len(dataset))
        self.missing = {name: count for name, count in self._missing.items() if count}
        self.prints: NDArray[np.uint64] = np.frombuffer(bytes(self._prints), "<u8")

    def __len__(self) -> int:
        return len(self.targets)

    def where(self, index: int) -> str:
        """Return the place of an example for messages."""
        where: str = self.dataset.where(index) if self._places is None else self._places[index]  # type: ignore[attr-defined]
        return where

    def read(self, indices: Sequence[int]) -> "Chosen":
        """Return examples a second time; those whose values were not kept are read from their files."""
        return Chosen(self, indices)

    def _add(self, example: Example) -> None:
        target = example.target
        if target is None or target != target:
            raise DataError(f"{example.where} has no target. Give it one, or leave the example out.")
        self.targets.append(self._intern(target))
        self.groups.append(self._intern(example.group))
        self.weights.append(example.weight)
        if self._places is not None:
            self._places.append(example.where)
        for name in self._missing:
            self._missing[name] += _is_missing(example.values[name])
        self._prints += self._fingerprint(example.values)
        if self._left > 0:
            self.kept += 1
            for name, kept in self._values.items():
                value = example.values[name]
                if isinstance(kept, Texts):
                    self._left -= kept.extend([value])
                else:
                    kept.append(self._intern(value))
                    self._left -= _size_of(value)

    def _add_texts(self, inputs: list[list[str]], targets: list[str], groups: list[str | None]) -> None:
        self.targets += map(self._intern, targets)
        self.groups += map(self._intern, groups)
        self.weights += [1.0] * len(targets)
        for name, texts in zip(self._missing, inputs, strict=True):
            self._missing[name] += sum(map(_is_missing, texts))
        self._prints += self._fingerprint.of_texts(inputs)
        if self._left > 0:
            self.kept += len(targets)
            self._left -= sum(kept.extend(texts) for kept, texts in zip(self._values.values(), inputs, strict=True))

    def _intern(self, value: Any) -> Any:
        """Return the same object for equal short texts."""
        if not isinstance(value, str) or len(value) > _LONGEST_NAME or len(self._same) > _MOST_NAMES:
            return value
        return self._same.setdefault(value, value)

    def remember(self, index: int) -> Example:
        """Return an example whose values are kept."""
        return _Remembered(self, index, {name: kept[index] for name, kept in self._values.items()})

    def texts(self) -> Texts | None:
        """Return the texts that are kept, if one column of text is the only input; else None."""
        values = list(self._values.values())
        return values[0] if len(values) == 1 and isinstance(values[0], Texts) else None


class Chosen:
    """Some examples of a survey.

    Args:
        survey: of a dataset.
        indices: which.
    """

    def __init__(self, survey: Survey, indices: Sequence[int]) -> None:
        self._survey, self._indices = survey, indices

    def __iter__(self) -> Iterator[Example]:
        """Yield the examples one after the other.

        Raises:
            DataError: one cannot be read again.
        """
        kept = self._survey.kept
        for is_kept, some in groupby(self._indices, lambda index: index < kept):
            if is_kept:
                yield from map(self._survey.remember, some)
            else:
                yield from read_examples(self._survey.dataset, list(some))

    @property
    def weights(self) -> list[float]:
        """The weight of each."""
        return [self._survey.weights[index] for index in self._indices]

    def split(self) -> tuple[Texts, Sequence[int], "Chosen"] | None:
        """Split ascending examples into kept texts and the others; None unless one column of text is the only input.

        Returns:
            All texts that are kept, the indices of those among these examples, and the remaining examples.
        """
        texts, indices = self._survey.texts(), self._indices
        if texts is None or any(map(gt, indices, islice(indices, 1, None))):
            return None
        first = bisect_left(indices, self._survey.kept)
        return texts, indices[:first], Chosen(self._survey, indices[first:])


class _Remembered(Example):
    """An example whose values are kept; its other attributes are looked up on access."""

    _survey: Survey
    _index: int

    def __init__(self, survey: Survey, index: int, values: Mapping[str, Any]) -> None:
        vars(self).update(values=values, _survey=survey, _index=index)

    @property
    def target(self) -> Any:
        return self._survey.targets[self._index]

    @property
    def where(self) -> str:
        return self._survey.where(self._index)

    @property
    def group(self) -> str | None:
        return self._survey.groups[self._index]

    @property
    def weight(self) -> float:
        return self._survey.weights[self._index]


def _size_of(value: Any) -> int:
    if isinstance(value, float):
        return _BYTES_OF_A_PLACE
    if isinstance(value, str):
        return sys.getsizeof(value) + _BYTES_OF_A_PLACE
    numbers = value.samples if isinstance(value, Sound) else value
    return int(numbers.nbytes) + _BYTES_OF_AN_OBJECT


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value or value.isspace()
    return value != value if isinstance(value, float) else bool(np.isnan(value).any())

"""Keep encoded examples in memory, up to a limit: frames as they are, units as row numbers of a table.

Texts repeat their words, and each word is a row of numbers: its own, and those of its letters. So each row is kept
once, in a table, and an example is kept as the numbers of its rows.

>>> from elman.encoders.settings import InputSettings
>>> from elman.encoders.words import learn_words
>>> from elman.data.dataset import Columns
>>> examples = [Example({"text": text}, None, "line 1") for text in ("so good", "so bad")]
>>> kept = KeptUnits(learn_words(Columns({"text": "text"}), examples, InputSettings(unit="word")), most_bytes=1000)
>>> [kept.add(example) for example in examples], kept.steps(1).tolist()
([2, 2], [[3, 5, 3, 0, 0], [4, 7, 6, 4, 0]])
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from elman.data.dataset import Example
from elman.data.examples.survey import Chosen

_BYTES_OF_A_TENSOR = 600  # overhead of an object, without its numbers
_BYTES_OF_A_ROW = 300  # overhead of a word in the look-up table, without the numbers of its row
_BYTES_OF_AN_EXAMPLE = 8
_BYTES_OF_A_NUMBER = 4


class UnitRows(Protocol):
    """A growing table with a row for each distinct unit; row 0 is padding."""

    def number(self, example: Example) -> Sequence[int]:
        """Return the row numbers of the steps of an example."""

    def __len__(self) -> int: ...

    def table(self) -> Tensor:
        """Return the rows so far, (V, K) int32."""


class KeptUnits:
    """Encoded examples of units.

    Args:
        encoder: gives the rows, `encoder.rows()`.
        most_bytes: most memory that they may take.
    """

    def __init__(self, encoder: Any, most_bytes: int) -> None:
        self._encoder, self._left = encoder, most_bytes
        self._rows: UnitRows = encoder.rows()
        self._places, self._starts = array("i"), array("q", [0])

    def __len__(self) -> int:
        return len(self._starts) - 1

    def add(self, example: Example) -> int:
        """Encode an example, keep it if there is room, and return its number of steps."""
        if self._left < 0:
            return len(self._encoder.encode(example))
        before = len(self._rows)
        places = self._rows.number(example)
        self._left -= _BYTES_OF_A_NUMBER * len(places) + _BYTES_OF_AN_EXAMPLE
        self._left -= _BYTES_OF_A_ROW * (len(self._rows) - before)
        if self._left >= 0:
            self._places.extend(places)
            self._starts.append(len(self._places))
        return len(places)

    def add_all(self, examples: Iterable[Example]) -> tuple[list[int], Iterable[Example]]:
        """Encode at once all texts that are already split; return their numbers of steps, and the other examples.

        If not all of these texts fit in memory, none is encoded here.
        """
        split = examples.split() if isinstance(examples, Chosen) else None
        number_texts = getattr(self._rows, "number_texts", None)
        if split is None or not len(split[1]) or number_texts is None:
            return [], examples
        texts, indices, rest = split
        before, left = len(self._rows), self._left - _BYTES_OF_AN_EXAMPLE * len(indices)
        parts = number_texts(texts, indices)
        left -= _BYTES_OF_A_ROW * (len(self._rows) - before)
        places, lengths = array("i"), array("q")
        for some, each in parts if parts is not None else ():
            places.frombytes(some.tobytes())
            lengths.frombytes(each.tobytes())
            if left < _BYTES_OF_A_NUMBER * len(places):
                return [], examples
        if parts is None:
            return [], examples
        self._left = left - _BYTES_OF_A_NUMBER * len(places)
        self._places, self._starts = places, array("q", accumulate(lengths, initial=0))
        return lengths.tolist(), rest

    def places(self, index: int) -> Tensor:
        """Return the row numbers of the steps of an example, (T,) int32."""
        return self._flat[self._starts[index] : self._starts[index + 1]]

    def steps(self, index: int) -> Tensor:
        """Return the steps of an example, (T, K) int32."""
        return self._table[self.places(index)]

    def pad(self, indices: Sequence[int]) -> Tensor:
        """Return the steps of some examples, zeros behind their ends, (T, B, K) int32."""
        return self._table[pad_sequence([self.places(index) for index in indices])]

    @cached_property
    def _flat(self) -> Tensor:
        return torch.frombuffer(self._places, dtype=torch.int32)

    @cached_property
    def _table(self) -> Tensor:
        return self._rows.table()


class KeptFrames:
    """Encoded examples of frames; see :class:`KeptUnits`."""

    def __init__(self, encoder: Any, most_bytes: int) -> None:
        self._encoder, self._left = encoder, most_bytes
        self._kept: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, example: Example) -> int:
        """Encode an example, keep it if there is room, and return its number of steps."""
        steps: Tensor = self._encoder.encode(example)

        self._left -= steps.numel() * steps.element_size() + _BYTES_OF_A_TENSOR
        if self._left >= 0:
            self._kept.append(steps)
        return len(steps)

    def add_all(self, examples: Iterable[Example]) -> tuple[list[int], Iterable[Example]]:
        """Leave all examples to :meth:`add`."""
        return [], examples

    def steps(self, index: int) -> Tensor:
        """Return the steps of an example, (T, D) float32."""
        return self._kept[index]

    def pad(self, indices: Sequence[int]) -> Tensor:
        """Return the steps of some examples, zeros behind their ends, (T, B, D) float32."""
        return pad_sequence([self._kept[index] for index in indices])

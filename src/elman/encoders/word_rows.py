"""Spell each word of many texts once: it becomes a row of a table, and a text the places of its rows.

Row 0 is padding, and row 1 what stands between two columns.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.dataset import Example
from elman.data.examples.texts import Texts
from elman.encoders.limit import Limit
from elman.vocabulary.pieces import Pieces, count_each, in_parts, split_units

_BETWEEN, _FIRST = 1, 2


class _Speller(Protocol):
    """What a :class:`elman.encoders.words.WordsEncoder` is asked for."""

    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def unit(self) -> str: ...
    @property
    def limit(self) -> Limit: ...
    def spell(self, unit: str | None) -> list[int]: ...


class WordRows:
    """The rows of words that have come so far, each spelled once; see :class:`elman.encoders.kept.UnitRows`.

    Args:
        encoder: spells them.
    """

    def __init__(self, encoder: _Speller) -> None:
        self._encoder = encoder
        between = encoder.spell(None)
        self._size = len(between)
        self._table = array("i", [0] * self._size + between)
        self._places: dict[str, int] = {}
        self._pieces = Pieces(self._places_of)

    def __len__(self) -> int:
        return len(self._places) + _FIRST

    def number(self, example: Example) -> list[int]:
        """Return the rows of the units of a text; what stands between two columns, or in an empty one, is one too."""
        found: list[int] = []
        for index, column in enumerate(self._encoder.columns):
            found += [_BETWEEN] * (index > 0)
            text = example.values[column]
            parts = text.split() if self._encoder.unit == "word" else text
            found += chain.from_iterable(map(self._pieces.__getitem__, parts))
        return (found or [_BETWEEN])[: self._encoder.limit.most]

    def number_texts(
        self, texts: Texts, indices: Sequence[int]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]] | None:
        """Do the same with many texts of one column, some at a time; None where units are no words.

        Args:
            texts: of which pieces are known.
            indices: which, ascending.

        Returns:
            The rows of some texts, one text behind the other, and how many each has.
        """
        if self._encoder.unit != "word":
            return None
        used = np.zeros(len(texts.pieces), bool)
        for part in in_parts(indices):
            used[texts.numbers_of(part)[0]] = True
        sizes, places = np.zeros(len(used), np.int64), array("i")
        for piece in used.nonzero()[0].tolist():
            found = self._places_of(texts.pieces[piece])
            sizes[piece] = len(found)
            places.extend(found)
        flat, begins = np.array(places, np.int32), np.cumsum(sizes) - sizes
        return (self._spread(*texts.numbers_of(part), flat, begins, sizes) for part in in_parts(indices))

    def _spread(
        self,
        numbers: NDArray[np.int32],
        counts: NDArray[np.int64],
        flat: NDArray[np.int32],
        begins: NDArray[np.int64],
        sizes: NDArray[np.int64],
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Put the rows of the words of each piece in its place."""
        lengths, own = count_each(numbers, counts, sizes), sizes[numbers]
        step = np.arange(int(own.sum())) - np.repeat(np.cumsum(own) - own, own)
        rows = flat[np.repeat(begins[numbers], own) + step]
        empty = (lengths == 0).nonzero()[0]
        rows = np.insert(rows, (np.cumsum(lengths) - lengths)[empty], _BETWEEN)
        lengths[empty] = 1
        most = self._encoder.limit.most
        if most is not None:
            rows = rows[np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths) < most]
            lengths = np.minimum(lengths, most)
        return rows, lengths

    def table(self) -> Tensor:
        """Return the rows so far, (V, 1 + width) int32."""
        return torch.frombuffer(bytearray(self._table), dtype=torch.int32).view(-1, self._size)

    def _places_of(self, piece: str) -> tuple[int, ...]:
        return tuple(self._place(unit) for unit in split_units(piece, self._encoder.unit))

    def _place(self, unit: str) -> int:
        place = self._places.setdefault(unit, len(self))
        if place == len(self._table) // self._size:
            self._table.extend(self._encoder.spell(unit))
        return place

"""Spell each distinct word of many texts once: a word becomes a row of a table, and a text a list of row numbers.

Row 0 is padding, and row 1 the separator between two columns.
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
    """The part of a :class:`elman.encoders.words.WordsEncoder` that is needed here."""

    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def unit(self) -> str: ...
    @property
    def limit(self) -> Limit: ...
    def spell(self, unit: str | None) -> list[int]: ...


class WordRows:
    """The rows of the words met so far, each spelled once; see :class:`elman.encoders.kept.UnitRows`.

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
        """Return the row numbers of a text; the separator between columns is a row too, and stands for no text."""
        rows: list[int] = []
        for index, column in enumerate(self._encoder.columns):
            rows += [_BETWEEN] * (index > 0)
            text = example.values[column]
            parts = text.split() if self._encoder.unit == "word" else text
            rows += chain.from_iterable(map(self._pieces.__getitem__, parts))
        return (rows or [_BETWEEN])[: self._encoder.limit.most]

    def number_texts(
        self, texts: Texts, indices: Sequence[int]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]] | None:
        """Return the row numbers of many texts of one column, some texts at a time; None where units are no words.

        Args:
            texts: texts that are already split.
            indices: of the texts, ascending.

        Returns:
            The row numbers of some texts, one text after the other, and how many each has.
        """
        if self._encoder.unit != "word":
            return None
        used = np.zeros(len(texts.pieces), bool)
        for part in in_parts(indices):
            used[texts.numbers_of(part)[0]] = True
        sizes, places = np.zeros(len(used), np.int64), array("i")
        for piece in used.nonzero()[0].tolist():
            own = self._places_of(texts.pieces[piece])
            sizes[piece] = len(own)
            places.extend(own)
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
        """Replace each piece by the row numbers of its words."""
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

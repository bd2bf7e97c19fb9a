"""Spell each word of many texts once: it becomes a row of a table, and a text the places of its rows.

Row 0 is padding, and row 1 what stands between two columns.
"""

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor

from elman.data.dataset import Example
from elman.encoders.limit import Limit
from elman.vocabulary.pieces import Pieces, split_units

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

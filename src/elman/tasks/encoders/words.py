"""Turn text into numbered words with their letters beside them, or into numbered characters.

A word is numbered without regard to capitals; its letters keep them, and tell apart the words that are not known. The
text of several columns is joined.

>>> from elman.tasks.input_settings import InputSettings
>>> columns = Columns({"text": "text"})
>>> encoder = learn_words(columns, [Example({"text": "so bad"}, "no", "line 1")], InputSettings())
>>> encoder.encode(Example({"text": "So good"}, None, "line 2")).tolist()
[[4, 1, 6, 0], [1, 1, 6, 6]]
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from elman.data.dataset import Columns, Example
from elman.errors import DataError
from elman.tasks.encoders.units import BETWEEN, FIRST, UNKNOWN, Tally, join, number, read_units, tell_cut
from elman.tasks.input_settings import TEXT_UNITS, InputSettings
from elman.tasks.words import END, MOST_WORDS, RARE_IN_LONG_TEXTS, split_words

# More letters tell hardly any two words apart.
_MOST_LETTERS = 16
_MOST_CHARACTERS = 10_000


@dataclass(frozen=True)
class WordsEncoder:
    """Read text.

    Attributes:
        columns: the columns, in their order.
        unit: `word` or `character`.
        known: the words or characters that have a number.
        letters: the letters that have one; none if words are read without.
        width: letters of a word that are read, at most.
        max_length: units that are read, at most; None for all.
        longest: units of the longest text in training.
    """

    columns: tuple[str, ...]
    unit: str
    known: tuple[str, ...]
    letters: tuple[str, ...]
    width: int
    max_length: int | None
    longest: int
    kind: ClassVar[str] = "text"
    units: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.unit not in TEXT_UNITS or not self.columns or not self.known or (self.width < 1 and self.letters):
            raise DataError("The encoder of text in this model has no units that this program knows. Train it again.")

    @property
    def front(self) -> dict[str, Any]:
        """Say what a model needs to know to read the units."""
        letters = len(self.letters) + FIRST if self.letters else 0
        return {"kind": "units", "units": len(self.known) + FIRST, "letters": letters}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return number(self.known)

    @cached_property
    def _letter_numbers(self) -> dict[str, int]:
        return number(self.letters)

    def encode(self, example: Example) -> Tensor:
        """Number the units of a text, (T, 1 + width), or (T, 1) without letters; an empty text is one step."""
        units = join([_split(example.values[column], self.unit) for column in self.columns])[: self.max_length]
        return torch.from_numpy(np.array([self._row(unit) for unit in units], dtype=np.int64))

    def _row(self, unit: str | None) -> list[int]:
        width = self.width if self.letters else 0
        if unit is None:
            return [BETWEEN] + [0] * width
        own = self._numbers.get(_fold(unit, self.unit), UNKNOWN)
        letters = [self._letter_numbers.get(letter, UNKNOWN) for letter in unit[:width]]
        return [own, *letters, *[0] * (width - len(letters))]

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:  # noqa: ARG002
        """Leave text as it is."""
        return steps

    def describe(self) -> str:
        """Say in one line what is read."""
        beside = "; letters beside them" if self.letters else ""
        return f"{self.unit}s, {len(self.known):,} known{beside}{tell_cut(self.longest, self.max_length)}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "kind": self.kind,
            "columns": list(self.columns),
            "unit": self.unit,
            "known": list(self.known),
            "letters": list(self.letters),
            "width": self.width,
            "max_length": self.max_length,
            "longest": self.longest,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "WordsEncoder":
        """Read what :meth:`to_dict` wrote."""
        known, letters = read_units(data, "known"), read_units(data, "letters")
        rest = {name: data[name] for name in ("unit", "width", "max_length", "longest")}
        return cls(columns=tuple(data["columns"]), known=known, letters=letters, **rest)


def learn_words(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> WordsEncoder:
    """Count the words, or characters, and letters of the training texts.

    Raises:
        DataError: no unit is left to know.
    """
    words, letters = Tally(), Tally()
    longest = width = 0
    for example in examples:
        parts = [_split(example.values[column], settings.unit) for column in columns.inputs]
        longest = max(longest, len(join(parts)))
        for part in parts:
            words.add([_fold(unit, settings.unit) for unit in part])
            letters.add("".join(part))  # type: ignore[arg-type]
            width = max(width, *map(len, part), 0)
    characters = settings.unit == "character"
    least = settings.min_count or (1 if characters or words.total < RARE_IN_LONG_TEXTS else 2)
    most = _MOST_CHARACTERS if characters else (settings.vocabulary or MOST_WORDS) - FIRST
    known = words.most(most, least)
    if not known:
        found = f"no word occurs {least} times: lower min_count" if words.total else "are empty: give texts with words"
        raise DataError(f"The texts to learn from, of {' and '.join(columns.inputs)}, {found}.")
    beside = letters.most(_MOST_CHARACTERS, 1) if settings.letters and not characters else ()
    width = min(width, _MOST_LETTERS)
    return WordsEncoder(tuple(columns.inputs), settings.unit, known, beside, width, settings.max_length, longest)


def _split(text: str, unit: str) -> list[str]:
    return list(text) if unit == "character" else [word for word in split_words(text) if word != END]


def _fold(unit: str, kind: str) -> str:
    return unit if kind == "character" else unit.lower()

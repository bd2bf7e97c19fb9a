"""Turn text into numbered words, each with its letters, or into numbered characters.

Words that differ in capitals alone have one number; letters keep their case, and distinguish unknown words. The text of
several columns is joined.

>>> from elman.encoders.settings import InputSettings
>>> columns = Columns({"text": "text"})
>>> encoder = learn_words(columns, [Example({"text": "so bad"}, "no", "line 1")], InputSettings(unit="word"))
>>> encoder.encode(Example({"text": "So good"}, None, "line 2")).tolist()
[[4, 1, 6, 0], [1, 1, 6, 6]]
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from elman.data.dataset import Columns, Example
from elman.data.examples.survey import Chosen
from elman.encoders.fronts import Suggestions, UnitsFront
from elman.encoders.limit import Limit
from elman.encoders.settings import TEXT_UNITS, InputSettings
from elman.encoders.word_rows import WordRows
from elman.errors import DataError
from elman.vocabulary.pieces import TextCounts, count_each, fold, in_parts
from elman.vocabulary.tally import BETWEEN, DROPPED, FIRST, UNKNOWN, number, number_letters, require_different
from elman.vocabulary.words import MOST_WORDS, RARE_IN_LONG_TEXTS

# More letters distinguish hardly any two words.
_MOST_LETTERS = 16
_MOST_CHARACTERS = 10_000
_FEW_WORDS = 2.5
# Thai and Lao, Burmese, Khmer, kana, Han: scripts that put no spaces between words.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class WordsEncoder:
    """An encoder of text.

    Attributes:
        columns: the columns, in their order.
        unit: `word` or `character`.
        known: the words or characters that have a number.
        letters: the letters that have one; none if words are read without.
        width: letters of a word that are read, at most.
        limit: how many steps are read.
    """

    columns: tuple[str, ...]
    unit: str
    known: tuple[str, ...]
    letters: tuple[str, ...]
    width: int
    limit: Limit
    kind: ClassVar[str] = "text"
    units: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_different(self.known, "known")
        require_different(self.letters, "letters")
        if (
            self.unit not in TEXT_UNITS
            or not self.columns
            or not self.known
            or not bool(self.letters) <= self.width <= _MOST_LETTERS
        ):
            raise DataError("The encoder of text in this model has no units that this program knows. Train it again.")

    @property
    def front(self) -> UnitsFront:
        """Describe the layers that can read the units."""
        return UnitsFront(len(self.known) + FIRST, len(self.letters) + FIRST if self.letters else 0)

    @property
    def suggested(self) -> Suggestions:
        """Suggest dropout on the input, where units are words."""
        return Suggestions(dropout=DROPPED if self.unit == "word" else 0.0)

    @property
    def ngrams(self) -> str | None:
        """Say what n-grams are made of, see :mod:`elman.tasks.classify.baseline.ngrams`; None where none are read."""
        if self.unit == "character":
            return "units"
        return "letters" if self.letters else None

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return number(self.known)

    @cached_property
    def _letter_numbers(self) -> dict[str, int]:
        return number(self.letters)

    def encode(self, example: Example) -> Tensor:
        """Number the units of a text, (T, 1 + width), or (T, 1) without letters; an empty text is one step."""
        rows = self.rows()
        places = rows.number(example)
        return rows.table()[places].long()

    def rows(self) -> WordRows:
        """Return an empty table of words; see :class:`elman.encoders.kept.UnitRows`."""
        return WordRows(self)

    def spell(self, unit: str | None) -> list[int]:
        """Return the numbers of a word or character, and of its letters; None is the separator between columns."""
        width = self.width if self.letters else 0
        if unit is None:
            return [BETWEEN] + [0] * width
        own = self._numbers.get(fold(unit, self.unit), UNKNOWN)
        return [own, *number_letters(unit[:width], self._letter_numbers, width)]

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:  # noqa: ARG002
        """Leave text unchanged."""
        return steps

    def describe(self) -> str:
        """Describe in one line what is read."""
        letters = "; letters beside them" if self.letters else ""
        return f"{self.unit}s, {len(self.known):,} known{letters}{self.limit.describe()}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "kind": self.kind,
            "columns": list(self.columns),
            "unit": self.unit,
            "known": list(self.known),
            "letters": list(self.letters),
            "width": self.width,
            "limit": self.limit.to_dict(),
        }


def learn_words(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> WordsEncoder:
    """Count the words and the characters of the training texts, and choose between them if the settings do not.

    Characters are read where texts have few words, or no spaces between words, as in Chinese.

    Raises:
        DataError: no unit is left to know.
    """
    counts = TextCounts()
    longest = dict.fromkeys(TEXT_UNITS, 1)
    texts, rest = _count_kept(examples, counts, longest)
    for example in rest:
        texts += 1
        read = [example.values[column] for column in columns.inputs]
        between = len(read) - 1
        longest["word"] = max(longest["word"], sum(map(counts.add, read)) + between)
        longest["character"] = max(longest["character"], sum(map(len, read)) + between)
    counts.finish()
    words, characters = counts.words, counts.characters
    unspaced = sum(count for letter, count in characters.items() if _UNSPACED.match(letter))
    of_words = (settings.vocabulary, settings.min_count) != (None, None)
    short = words.total < _FEW_WORDS * texts or 2 * unspaced > characters.total
    unit = settings.unit or ("character" if short and not of_words else "word")
    least = settings.min_count or (1 if unit == "character" or words.total < RARE_IN_LONG_TEXTS else 2)
    most = _MOST_CHARACTERS if unit == "character" else (settings.vocabulary or MOST_WORDS) - FIRST
    known = (characters if unit == "character" else words).most(most, least)
    if not known:
        fault = f"no word occurs {least} times: lower min_count" if words.total else "are empty: give texts with words"
        raise DataError(f"The texts to learn from, of {' and '.join(columns.inputs)}, {fault}.")
    letters = [letter for letter in characters.most(_MOST_CHARACTERS, 1) if not letter.isspace()]
    known_letters = tuple(letters) if settings.letters and unit == "word" else ()
    limit = Limit(settings.max_length, longest[unit])
    return WordsEncoder(tuple(columns.inputs), unit, known, known_letters, min(counts.width, _MOST_LETTERS), limit)


def _count_kept(
    examples: Iterable[Example], counts: TextCounts, longest: dict[str, int]
) -> tuple[int, Iterable[Example]]:
    """Count at once all texts that are already split; return how many there were, and the other examples."""
    split = examples.split() if isinstance(examples, Chosen) else None
    words = counts.add_texts(*split[:2]) if split and len(split[1]) else None
    if split is None or words is None:
        return 0, examples
    texts, indices, rest = split
    lengths = np.array(list(map(len, texts.pieces)), np.int64) + 1
    for part in in_parts(indices):
        letters = count_each(*texts.numbers_of(part), lengths) - 1
        longest["character"] = max(longest["character"], int(letters.max()))
    longest["word"] = max(longest["word"], int(words.max()))
    return len(indices), rest

"""The numbers of both sides of a pair.

Units are those of the language model: characters, words or subwords. Two numbers follow them: the end of a text, which
also stands before every target, and an unknown unit. Both sides may share one vocabulary, so that a name that is copied
is the same number on both.

>>> encoder = learn_pair_encoder(["ab", "b"], ["ba", "a"], unit="character", size=None, separate=False)
>>> encoder.source.encode("abc"), encoder.target.decode([1, 2])
([1, 2, 4], 'ab')
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from elman.errors import DataError
from elman.vocabulary.characters import Characters
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.vocabulary import Vocabulary, learn_vocabulary, read_vocabulary

LOST = "\ufffd"
"""Stands for an unknown character, and for bytes that are no character."""

_SIZE = 8000
_PAIRS_A_SUBWORD = 2  # fewer pairs have fewer subwords that are worth an embedding
_FEWEST = 300


@dataclass(frozen=True)
class Side:
    """The numbers of one side.

    Attributes:
        vocabulary: numbers the units, from 0.
    """

    vocabulary: Vocabulary

    @property
    def end(self) -> int:
        """Return the number of the end of a text."""
        return len(self.vocabulary)

    @property
    def unknown(self) -> int:
        """Return the number of what is unknown."""
        return len(self.vocabulary) + 1 if self.vocabulary.unknown is None else self.vocabulary.unknown

    @property
    def size(self) -> int:
        """Return how many numbers there are."""
        return len(self.vocabulary) + 2

    @cached_property
    def unwritten(self) -> tuple[int, ...]:
        """Return the numbers that stand in no target: line ends, and those that stand for nothing."""
        vocabulary = self.vocabulary
        if isinstance(vocabulary, Characters):
            return tuple(vocabulary.numbers[one] for one in "\n" if one in vocabulary.numbers)
        return (*vocabulary.encode("\n").tolist(), self.size - 1)

    def encode(self, text: str, *, is_begun: bool = False) -> list[int]:
        """Return the numbers of a text, or of what follows the begin of one."""
        if isinstance(self.vocabulary, Characters):
            known = self.vocabulary.numbers
            return [known.get(character, self.unknown) for character in text]
        numbers: list[int] = self.vocabulary.encode(text if is_begun else self.spaced(text)).tolist()
        return numbers

    def spaced(self, text: str) -> str:
        """Return a text as its subwords are cut: a word at its start is the same subword as within it."""
        return f" {text}" if self._is_subword else text

    def decode(self, units: Iterable[int]) -> str:
        """Return the text of numbers; an unknown character shows as a replacement character.

        A model that has learnt little may write a number that stands for no word or subword; it is left out.
        """
        if isinstance(self.vocabulary, Characters):
            return "".join(LOST if unit == self.unknown else self.vocabulary.decode([unit]) for unit in units)
        units = [unit for unit in units if unit < len(self.vocabulary)]
        return self.vocabulary.decode(units).removeprefix(" " if self._is_subword else "")

    def show(self, unit: int) -> str:
        """Write one unit, for a picture."""
        special = {self.end: "⏹", self.unknown: "<unk>"}
        return special.get(unit) or self.vocabulary.show(unit)

    @property
    def _is_subword(self) -> bool:
        return isinstance(self.vocabulary, Subwords)


@dataclass(frozen=True)
class PairEncoder:
    """The numbers of sources and targets.

    Attributes:
        source, target: of each side.
        shared: whether both are the same.
    """

    source: Side
    target: Side
    shared: bool

    def describe(self) -> str:
        """Say what is known, for the report."""
        unit = self.source.vocabulary.unit
        if self.shared:
            return f"{len(self.source.vocabulary):,} {unit}s for both sides"
        return f"{len(self.source.vocabulary):,} {unit}s of sources, {len(self.target.vocabulary):,} of targets"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        sides = [self.source] if self.shared else [self.source, self.target]
        return {"vocabularies": [side.vocabulary.to_dict() for side in sides]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PairEncoder":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: it has neither one vocabulary nor two.
        """
        sides = [Side(read_vocabulary(one)) for one in data["vocabularies"]]
        if len(sides) not in (1, 2):
            raise DataError(f"A translation model has one vocabulary or two, not {len(sides)}. Train it again.")
        return cls(sides[0], sides[-1], len(sides) == 1)


def learn_pair_encoder(
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    unit: str,
    size: int | None,
    separate: bool,
    tokenized: bool = False,
) -> PairEncoder:
    """Learn the vocabularies of pairs.

    Args:
        sources: to learn from.
        targets: the same.
        unit: `character`, `word` or `subword`.
        size: most units to know.
        separate: give each side a vocabulary of its own.
        tokenized: a word is what lies between spaces.
    """
    if size is None and unit == Subwords.unit:
        size = min(_SIZE, max(_FEWEST, len(sources) // _PAIRS_A_SUBWORD))
    sides = [
        Side(
            learn_vocabulary(
                "".join(f" {text}\n" if unit == Subwords.unit else text + "\n" for text in texts),
                unit,
                size=size,
                tokenized=tokenized,
            )
        )
        for texts in ([sources, targets] if separate else [[*sources, *targets]])
    ]
    return PairEncoder(sides[0], sides[-1], not separate)

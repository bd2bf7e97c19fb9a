"""The numbers of texts that a model writes unit by unit: those of a vocabulary, then two of its own.

The two are the end of a text, which also stands before every target, and an unknown unit.

>>> from elman.vocabulary.characters import Characters
>>> side = Side(Characters.of("ab"))
>>> side.encode("abc"), side.end, side.decode([1, 0])
([0, 1, 3], 2, 'ba')
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property

from elman.vocabulary.characters import Characters
from elman.vocabulary.growth import Growth
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.vocabulary import Vocabulary, grow_vocabulary, list_units

LOST = "\ufffd"
"""Stands for an unknown character, and for bytes that are no character."""


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

    def grown(self, found: "Side", growth: Growth, what: str = "") -> "Side":
        """Return this side with the units that another has besides; see :func:`grow_vocabulary`."""
        return Side(grow_vocabulary(self.vocabulary, found.vocabulary, growth, what))

    def labels(self) -> list[Hashable]:
        """Return what each number stands for: a unit, and behind all of them the end and what is unknown."""
        return [*list_units(self.vocabulary), ("end",), ("unknown",)]

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

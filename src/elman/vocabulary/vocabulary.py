"""Turn a text into numbers and back, in the unit that a model reads: characters, words or subwords.

The three kinds have one interface (:class:`Vocabulary`), so that training, sampling and beam search handle numbers
alone. `learn_vocabulary` makes one from a text, `read_vocabulary` reads it from a model file.

>>> vocabulary = learn_vocabulary("please stay at home", "word")
>>> vocabulary.encode("stay home").tolist(), len(vocabulary)
([5, 3], 6)
>>> read_vocabulary(vocabulary.to_dict()) == vocabulary
True
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from torch import Tensor

from elman.data.plain import read_plain
from elman.errors import DataError
from elman.vocabulary.characters import Characters
from elman.vocabulary.growth import Growth
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.words import SPECIAL, Words

_KINDS: dict[str, Any] = {kind.unit: kind for kind in (Characters, Words, Subwords)}


class Vocabulary(Protocol):
    """A numbering of the units of a text.

    Attributes:
        unit: `character`, `word` or `subword`.
    """

    unit: ClassVar[str]

    @property
    def unknown(self) -> int | None:
        """The number of the unknown unit; None where there is none."""

    @property
    def ends_lines(self) -> bool:
        """Whether a model of these units may write a line end."""

    def __len__(self) -> int: ...

    def encode(self, text: str, /) -> Tensor:
        """Turn a text into the numbers (N,) of its units, int64; an unknown word becomes `<unk>`."""

    def encode_prompt(self, text: str, /) -> Tensor:
        """Turn a prompt into numbers (N,), N ≥ 1; an unknown unit raises DataError."""

    def decode(self, numbers: Iterable[int], /) -> str:
        """Turn numbers back into a text."""

    def speller(self, prompt: str, /) -> Callable[[int], str]:
        """Return a function that maps each next number to the text that it adds to the prompt."""

    def show(self, number: int, /) -> str:
        """Write one unit so that it is visible in a list."""

    def length_of_first(self, text: str, /) -> int:
        """Return the length of the first unit of a text, in characters."""

    def count_unknown(self, numbers: Tensor, /) -> int:
        """Count the unknown units."""

    def to_dict(self) -> dict[str, Any]:
        """Write the vocabulary as plain data."""


def learn_vocabulary(
    text: str, unit: str, *, size: int | None = None, min_count: int | None = None, tokenized: bool = False
) -> Vocabulary:
    """Make the vocabulary of a text.

    Args:
        text: what the model is trained on.
        unit: `character`, `word` or `subword`.
        size: most units to know; ignored for characters.
        min_count: how often a word must occur to be known.
        tokenized: a word is what lies between spaces.
    """
    if unit == Words.unit:
        return Words.of(text, size=size, min_count=min_count, tokenized=tokenized)
    if unit == Subwords.unit:
        return Subwords.of(text, size=size)
    return Characters.of(text)


def grow_vocabulary(known: Vocabulary, found: Vocabulary, growth: Growth, what: str = "") -> Vocabulary:
    """Return a vocabulary with the units that another of its kind has besides; subwords can write every text.

    Words keep their numbers; characters are numbered in their order, so :func:`list_units` says where each is now.

    Args:
        known: that of a model.
        found: that of other texts.
        growth: counts what is new.
        what: the texts in a word, such as `source`; empty where there are no others.
    """
    kind = f"{what} {known.unit}".strip()
    if isinstance(known, Words) and isinstance(found, Words):
        first = len(SPECIAL)
        words = (*SPECIAL, *growth.join(kind, known.words[first:], found.words[first:]))
        counts: Counter[str] = Counter()
        for one in (known, found):
            counts.update(dict(zip(one.words, one.counts, strict=True)))
        return replace(known, words=words, counts=tuple(counts[word] for word in words))
    if isinstance(known, Characters) and isinstance(found, Characters):
        return Characters.of("".join(growth.join(kind, known.characters, found.characters)))
    growth.keep("its subwords write the text")
    return known


def list_units(vocabulary: Vocabulary) -> Sequence[str | int]:
    """Return what each number of a vocabulary stands for, no two alike: a word, a character, the number of a subword.

    >>> list_units(learn_vocabulary("abba", "character"))
    'ab'
    """
    match vocabulary:
        case Words():
            return vocabulary.words
        case Characters():
            return vocabulary.characters
    return range(len(vocabulary))


def fixed_by_vocabulary(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the options that a vocabulary has been made with, where a training goes on from its model."""
    size = {"vocabulary": len(vocabulary)} if isinstance(vocabulary, Subwords) else {}
    tokenized = {"tokenized": vocabulary.tokenized} if isinstance(vocabulary, Words) else {}
    return {"unit": vocabulary.unit, **size, **tokenized}


def read_vocabulary(data: Mapping[str, Any]) -> Vocabulary:
    """Read what `to_dict` wrote.

    Raises:
        DataError: the data are no vocabulary.
    """
    unit = data.get("unit")
    if not isinstance(unit, str) or unit not in _KINDS:
        raise DataError(f"A vocabulary of {repr(unit)[:30]} is unknown. There are: {', '.join(_KINDS)}.")
    return read_plain(_KINDS[unit], {name: one for name, one in data.items() if name != "unit"}, "vocabulary")

"""Turn a text into numbers and back, in the unit that a model reads: characters, words or subwords.

The three kinds have one interface (:class:`Vocabulary`), so that training, sampling and beam search handle numbers
alone. `learn_vocabulary` makes one from a text, `read_vocabulary` reads it from a model file.

>>> vocabulary = learn_vocabulary("please stay at home", "word")
>>> vocabulary.encode("stay home").tolist(), len(vocabulary)
([5, 3], 6)
>>> read_vocabulary(vocabulary.to_dict()) == vocabulary
True
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol

from torch import Tensor

from elman.data.plain import read_plain
from elman.errors import DataError
from elman.vocabulary.characters import Characters
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.words import Words

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


def read_vocabulary(data: Mapping[str, Any]) -> Vocabulary:
    """Read what `to_dict` wrote.

    Raises:
        DataError: the data are no vocabulary.
    """
    unit = data.get("unit")
    if not isinstance(unit, str) or unit not in _KINDS:
        raise DataError(f"A vocabulary of {repr(unit)[:30]} is unknown. There are: {', '.join(_KINDS)}.")
    return read_plain(_KINDS[unit], {name: one for name, one in data.items() if name != "unit"}, "vocabulary")

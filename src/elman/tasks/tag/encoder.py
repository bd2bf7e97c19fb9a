"""Turn the words of a sentence into numbers: each word in lower case, and its letters as they are.

Of a long word the first and the last letters are read: endings are more informative than the middle. The values of
further columns, and the shape and the ending of a word, are numbered as well.

>>> encoder = learn_tag_encoder([("So", "good"), ("so", "bad")], letters=True, min_count=1)
>>> encoder.known, encoder.encode(["so", "What"]).tolist()
(('so', 'bad', 'good'), [[3, 9, 3, 0, 0], [1, 1, 1, 6, 1]])
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any, Self

import torch
from torch import Tensor

from elman.data.plain import read_plain
from elman.data.sentences.sentence import Sentence
from elman.errors import DataError
from elman.phrases import name_some
from elman.tasks.tag.sides import WordSide, read_word_sides
from elman.vocabulary.growth import Growth
from elman.vocabulary.tally import FIRST, UNKNOWN, Tally, number, number_letters, require_different

_MOST_WORDS = 200_000
_MOST_LETTERS = 10_000
_WIDTH = 24  # letters
_MOST_VALUES = 10_000
_ENDING = 3  # letters
_SHAPES = ("lower", "Capital", "CAPITALS", "mIxed", "digits", "with digits", "mark")


@dataclass(frozen=True)
class TagEncoder:
    """The numbers of known words and letters.

    Attributes:
        known: the words that have a number, in lower case, most frequent first.
        counts: how often each occurs in the training sentences.
        letters: the letters that have a number; none if letters are not read.
        width: most letters of a word that are read.
        columns: the names of further columns that are read beside each word.
        values: the values that have a number, of each column; behind those, shapes and endings, if they are read.
        shapes: whether the shape and the ending of a word are read.
        sides: the columns of side inputs, which stand behind those that are numbered.
    """

    known: tuple[str, ...]
    counts: tuple[int, ...]
    letters: tuple[str, ...]
    width: int
    columns: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    shapes: bool = False
    sides: Mapping[str, WordSide] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(side.unit is None or side.unit > 0 for side in self.sides.values()):
            raise DataError("A side input of this model has a unit that is not above 0. Train the model again.")
        for values in self.values:
            require_different(values, "values")
        if len(self.values) != len(self.columns) + 2 * self.shapes:
            raise DataError("The columns that this model reads beside words are damaged. Train it again.")
        require_different(self.known, "known")
        require_different(self.letters, "letters")
        if not self.known or len(self.counts) != len(self.known) or not bool(self.letters) <= self.width <= _WIDTH:
            raise DataError("The encoder of words in this model is damaged. Train it again.")

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of word numbers, and of letter numbers; 0 where letters are not read."""
        return len(self.known) + FIRST, len(self.letters) + FIRST if self.letters else 0

    @property
    def further_sizes(self) -> list[int]:
        """The numbers of each column that is read beside the words."""
        return [len(values) + FIRST for values in self.values]

    @property
    def all_columns(self) -> list[str]:
        """List the columns that are read beside each word; those of side inputs are the last."""
        return [*self.columns, *(side.column for _, side in sorted(self.sides.items()))]

    @cached_property
    def _value_numbers(self) -> list[dict[str, int]]:
        return [number(values) for values in self.values]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return number(self.known)

    @cached_property
    def _letter_numbers(self) -> dict[str, int]:
        return number(self.letters)

    def knows(self, word: str) -> bool:
        """Return whether a word has a number."""
        return word.lower() in self._numbers

    def encode(self, words: Sequence[str]) -> Tensor:
        """Number T words and their letters, (T, 1 + width) int64, or (T, 1) without letters."""
        return torch.tensor([self.spell(word) for word in words], dtype=torch.int64)

    def spell(self, word: str, further: Sequence[str] = ()) -> list[int]:
        """Return the numbers of a word, of its letters, and of what is read beside it; as many for every word.

        Args:
            word: any.
            further: its values in the further columns.
        """
        seen = [*further, *_shape_and_ending(word)] if self.shapes else further
        numbered = [known.get(value, UNKNOWN) for known, value in zip(self._value_numbers, seen, strict=True)]
        return [*self._spell(word), *numbered]

    def require_further(self, sentence: Sentence) -> None:
        """Check that a sentence has the columns that are read beside each word, and no others.

        Raises:
            DataError: it has not.
        """
        found = {len(values) for values in sentence.further} or {0}
        columns = self.all_columns
        if found != {len(columns)}:
            read = f"{name_some(columns)} beside each word" if columns else "words alone"
            raise DataError(
                f"{sentence.where}: the model reads {read}, and here {name_some([str(n) for n in sorted(found)])} "
                "values are beside a word. Give each word as in training."
            )

    def without_sides(self, sentence: Sentence) -> Sentence:
        """Return a sentence without the values of side inputs."""
        if not self.sides:
            return sentence
        return replace(sentence, further=tuple(row[: len(row) - len(self.sides)] for row in sentence.further))

    def carried(self, sentence: Sentence, before: Sequence[tuple[str, ...]] = ()) -> Tensor | None:
        """Return what the words of a sentence carry, (T, S); see :func:`elman.tasks.tag.sides.read_word_sides`.

        Raises:
            DataError: a value is wrong.
        """
        return read_word_sides(self.sides, sentence, before) if self.sides else None

    def require_known(self, sentences: Sequence[Sentence], name: str) -> None:
        """Check that some value of each column beside the words is known: else it is another column.

        Raises:
            DataError: none is.
        """
        for index, column in enumerate(self.columns):
            values = {further[index] for sentence in sentences for further in sentence.further}
            if values and not values & self._value_numbers[index].keys():
                raise DataError(
                    f"{name}: no value of the column {column} beside the words is known to the model: "
                    f"{name_some(sorted(values), 4)}. Give the columns of its training data."
                )

    def _spell(self, word: str) -> list[int]:
        own = self._numbers.get(word.lower(), UNKNOWN)
        if not self.letters:
            return [own]
        half = self.width // 2
        shown = word if len(word) <= self.width else word[: self.width - half] + word[len(word) - half :]
        return [own, *number_letters(shown, self._letter_numbers, self.width)]

    def describe(self) -> str:
        """Return a line that describes the input."""
        columns = [f"{name} ({len(values):,} values)" for name, values in zip(self.columns, self.values, strict=False)]
        further = ["letters"] * bool(self.letters) + columns + ["capitals, digits and endings"] * self.shapes
        known = f"words, {len(self.known):,} known" + (f"; {', '.join(further)} beside them" if further else "")
        return known + "".join(f"; {side.describe(name)}" for name, side in sorted(self.sides.items()))

    def learn_further(
        self, columns: Sequence[str], values: Iterable[Sequence[Sequence[str]]], *, shapes: bool
    ) -> "TagEncoder":
        """Return an encoder that reads further columns too.

        Args:
            columns: their names.
            values: of each training sentence, (T,) the values of each word.
            shapes: whether the shape and the ending of a word are read; endings that two known words or more have.
        """
        counts = [Counter[str]() for _ in columns]
        for sentence in values if columns else ():
            for own in sentence:
                for count, value in zip(counts, own, strict=True):
                    count[value] += 1
        learnt = [tuple(value for value, _ in count.most_common(_MOST_VALUES)) for count in counts]
        if shapes:
            endings = Counter(_shape_and_ending(word)[1] for word in self.known)
            learnt += [_SHAPES, tuple(sorted(ending for ending, count in endings.items() if count > 1))]
        return replace(self, columns=tuple(columns), values=tuple(learnt), shapes=shapes)

    def grown(self, found: Self, growth: Growth) -> Self:
        """Return this encoder with the words and letters that another knows besides.

        What is read beside a word stays: the size of its embedding follows from how many values there are.

        Args:
            found: that of other sentences.
            growth: counts what is new.
        """
        known = growth.join("word", self.known, found.known)
        letters = growth.join("letter", self.letters, found.letters) if self.letters else ()
        own, other = (Counter(dict(zip(one.known, one.counts, strict=True))) for one in (self, found))
        if any(set(there) - set(kept) for kept, there in zip(self.values, found.values, strict=False)):
            growth.keep("what is new beside the words is read as unknown")
        return replace(self, known=known, counts=tuple((own + other)[word] for word in known), letters=letters)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "known": list(self.known),
            "counts": list(self.counts),
            "letters": list(self.letters),
            "width": self.width,
            **({"columns": list(self.columns), "values": [list(one) for one in self.values]} if self.values else {}),
            **({"shapes": True} if self.shapes else {}),
            **({"sides": {name: asdict(side) for name, side in self.sides.items()}} if self.sides else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: the words or letters are invalid.
        """
        return read_plain(cls, data, "encoder")


def learn_tag_encoder(sentences: Iterable[Sequence[str]], *, letters: bool, min_count: int) -> TagEncoder:
    """Count the words and letters of the training sentences.

    Args:
        sentences: the words of each.
        letters: whether letters are read.
        min_count: how often a word must occur to be known.

    Raises:
        DataError: no word occurs so often.
    """
    words, spelt = Counter[str](), Counter[str]()
    width = 1
    for word, count in Counter(chain.from_iterable(sentences)).items():
        words[word.lower()] += count
        for letter in word:
            spelt[letter] += count
        width = max(width, len(word))
    alphabet = Tally()
    alphabet.add_counts(spelt)
    ranked = sorted(words.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_WORDS]
    known = [(word, count) for word, count in ranked if count >= min_count]
    if not known:
        raise DataError(f"No word of the training sentences occurs {min_count} times. Lower min_count.")
    return TagEncoder(
        tuple(word for word, _ in known),
        tuple(count for _, count in known),
        alphabet.most(_MOST_LETTERS, 1) if letters else (),
        min(width, _WIDTH),
    )


def _shape_and_ending(word: str) -> tuple[str, str]:
    """Return how a word is written, and its last letters.

    >>> [_shape_and_ending(word) for word in ("running", "Bonn", "UN", "42", "3rd", "iPod", "--")][:3]
    [('lower', 'ing'), ('Capital', 'onn'), ('CAPITALS', 'un')]
    """
    if any(map(str.isdigit, word)):
        shape = "with digits" if any(map(str.isalpha, word)) else "digits"
    elif not any(map(str.isalpha, word)):
        shape = "mark"
    elif word.islower() or not any(map(str.isupper, word)):
        shape = "lower"
    elif word.isupper() and len(word) > 1:
        shape = "CAPITALS"
    else:
        shape = "Capital" if word[0].isupper() and not any(map(str.isupper, word[1:])) else "mIxed"
    return shape, word[-_ENDING:].lower()

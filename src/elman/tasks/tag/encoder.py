"""Turn the words of a sentence into numbers: each word in lower case, and its letters as they are.

Of a long word the first and the last letters are read: endings are more informative than the middle.

>>> encoder = learn_tag_encoder([("So", "good"), ("so", "bad")], letters=True, min_count=1)
>>> encoder.known, encoder.encode(["so", "What"]).tolist()
(('so', 'bad', 'good'), [[3, 9, 3, 0, 0], [1, 1, 1, 6, 1]])
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Self

import torch
from torch import Tensor

from elman.data.plain import read_plain
from elman.errors import DataError
from elman.vocabulary.tally import FIRST, UNKNOWN, Tally, number, number_letters, require_different

_MOST_WORDS = 200_000
_MOST_LETTERS = 10_000
_WIDTH = 24  # letters


@dataclass(frozen=True)
class TagEncoder:
    """The numbers of known words and letters.

    Attributes:
        known: the words that have a number, in lower case, most frequent first.
        counts: how often each occurs in the training sentences.
        letters: the letters that have a number; none if letters are not read.
        width: most letters of a word that are read.
    """

    known: tuple[str, ...]
    counts: tuple[int, ...]
    letters: tuple[str, ...]
    width: int

    def __post_init__(self) -> None:
        require_different(self.known, "known")
        require_different(self.letters, "letters")
        if not self.known or len(self.counts) != len(self.known) or not bool(self.letters) <= self.width <= _WIDTH:
            raise DataError("The encoder of words in this model is damaged. Train it again.")

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of word numbers, and of letter numbers; 0 where letters are not read."""
        return len(self.known) + FIRST, len(self.letters) + FIRST if self.letters else 0

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

    def spell(self, word: str) -> list[int]:
        """Return the numbers of a word and of its letters, 1 + width for every word."""
        own = self._numbers.get(word.lower(), UNKNOWN)
        if not self.letters:
            return [own]
        half = self.width // 2
        shown = word if len(word) <= self.width else word[: self.width - half] + word[len(word) - half :]
        return [own, *number_letters(shown, self._letter_numbers, self.width)]

    def describe(self) -> str:
        """Return a line that describes the input."""
        return f"words, {len(self.known):,} known" + ("; letters beside them" if self.letters else "")

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "known": list(self.known),
            "counts": list(self.counts),
            "letters": list(self.letters),
            "width": self.width,
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

"""Split texts into words or characters fast: pieces between spaces repeat, so each is split once.

>>> counts = TextCounts()
>>> counts.add("so good, so bad"), counts.add("So!")
(5, 2)
>>> counts.finish()
>>> counts.words.most(2, least=1), counts.characters.total, counts.width
(('so', '!'), 18, 4)
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.examples.texts import Texts
from elman.vocabulary.tally import MOST_COUNTED, Tally
from elman.vocabulary.words import END, split_words

_AT_ONCE = 2**16
_MOST_PIECES, _LONGEST_PIECE = 2**17, 40  # of the cache


def split_units(text: str, unit: str) -> list[str]:
    """Split a text into its words, without line ends, or its characters.

    >>> split_units("so good!", "word")
    ['so', 'good', '!']
    """
    return list(text) if unit == "character" else [word for word in split_words(text) if word != END]


def fold(text: str, unit: str) -> str:
    """Return a word without its capitals, a character as it is."""
    return text if unit == "character" else text.lower()


class Pieces(dict[str, tuple[Any, ...]]):
    """A cache of pieces between spaces and what they are split into; few pieces of a text are new."""

    def __init__(self, split: Callable[[str], tuple[Any, ...]]) -> None:
        super().__init__()
        self._split = split

    def __missing__(self, piece: str) -> tuple[Any, ...]:
        parts = self._split(piece)
        if len(self) >= _MOST_PIECES:
            self.clear()
        if len(piece) <= _LONGEST_PIECE:
            self[piece] = parts
        return parts


class TextCounts:
    """Counts of the words and characters of texts.

    The same pieces between spaces repeat, so pieces are counted first, and split into words later, many at once. The
    counts equal those of a :class:`Tally` that counts text by text, also where it drops rare words.
    """

    def __init__(self) -> None:
        self.words, self.characters = Tally(), Tally()
        self.width = 0
        self._pieces = Pieces(lambda piece: tuple(split_units(piece, "word")))
        self._waiting = Counter[str]()
        self._texts: list[str] = []
        self._letters = 0

    def add(self, text: str) -> int:
        """Count a text, and return how many words it has."""
        pieces = text.split()
        self._waiting.update(pieces)
        self._texts.append(text)
        self._letters += len(text)
        if self._letters > MOST_COUNTED // 8 or len(self.words) > MOST_COUNTED // 2:
            self._count_characters()
            # Each word has at least one letter, so the waiting pieces have too few words to exceed what a tally holds.
            if sum(map(len, self._waiting)) > MOST_COUNTED // 4 or len(self.words) > MOST_COUNTED // 2:
                self._count_words()
        return sum(map(len, map(self._pieces.__getitem__, pieces)))

    def add_texts(self, texts: Texts, indices: Sequence[int]) -> NDArray[np.int64] | None:
        """Count some texts at once; return None, and count nothing, if a tally would drop words of them.

        Args:
            texts: split into pieces.
            indices: which, ascending.

        Returns:
            How many words each has.
        """
        pieces = texts.pieces
        counts, sizes = np.zeros(len(pieces), np.int64), np.zeros(len(pieces), np.int64)
        for part in in_parts(indices):
            counts += np.bincount(texts.numbers_of(part)[0], minlength=len(pieces))
        there = counts.nonzero()[0]
        folded, width = Counter[str](), 0
        for place, count in zip(there.tolist(), counts[there].tolist(), strict=True):
            words = split_units(pieces[place], "word")
            sizes[place] = len(words)
            for word in words:
                folded[fold(word, "word")] += count
                width = max(width, len(word))
        if len(folded) > MOST_COUNTED:
            return None
        self.width = max(self.width, width)
        self.words.add_counts(folded)
        for part in in_parts(there):
            some = [pieces[place] for place in part]
            self._add_characters(some, np.repeat(counts[part], list(map(len, some))))
        self.characters.add_counts({" ": int(counts.sum()) - len(indices)})
        return np.concatenate([count_each(*texts.numbers_of(part), sizes) for part in in_parts(indices)])

    def finish(self) -> None:
        """Count the waiting pieces and texts."""
        self._count_characters()
        self._count_words()

    def _count_words(self) -> None:
        folded = Counter[str]()
        for piece, count in self._waiting.items():
            for word in self._pieces[piece]:
                folded[fold(word, "word")] += count
                self.width = max(self.width, len(word))
        self.words.add_counts(folded)
        self._waiting.clear()

    def _count_characters(self) -> None:
        self._add_characters(self._texts, None)
        self._texts.clear()
        self._letters = 0

    def _add_characters(self, texts: Sequence[str], weights: NDArray[np.int64] | None) -> None:
        points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        # With weights these are float64, exact up to 2^53.
        counts = np.bincount(points, weights)
        there = counts.nonzero()[0]
        self.characters.add_counts(dict(zip(map(chr, there.tolist()), map(int, counts[there]), strict=True)))


def in_parts(indices: Sequence[int] | NDArray[np.int64]) -> Iterator[Any]:
    """Cut indices into parts that are processed together, which bounds memory."""
    return (indices[first : first + _AT_ONCE] for first in range(0, len(indices), _AT_ONCE))


def count_each(numbers: NDArray[np.int32], counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum the sizes of the pieces of each text.

    Args:
        numbers: of the pieces of some texts, concatenated.
        counts: how many pieces each text has, at least one.
        sizes: of each piece, by its number.
    """
    summed: NDArray[np.int64] = np.add.reduceat(sizes[numbers], np.cumsum(counts) - counts)
    return summed

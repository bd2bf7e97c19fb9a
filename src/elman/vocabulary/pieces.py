"""Take texts apart into words or characters fast: what stands between two spaces comes again and again.

>>> counts = TextCounts()
>>> counts.add("so good, so bad"), counts.add("So!")
(5, 2)
>>> counts.finish()
>>> counts.words.most(2, least=1), counts.characters.total, counts.width
(('so', '!'), 18, 4)
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from elman.vocabulary.tally import MOST_COUNTED, Tally
from elman.vocabulary.words import END, split_words

_MOST_PIECES, _LONGEST_PIECE = 2**17, 40  # that are held at once


def split_units(text: str, unit: str) -> list[str]:
    """Take a text apart into its words, without line ends, or its characters.

    >>> split_units("so good!", "word")
    ['so', 'good', '!']
    """
    return list(text) if unit == "character" else [word for word in split_words(text) if word != END]


def fold(one: str, unit: str) -> str:
    """Return a word without its capitals, a character as it is."""
    return one if unit == "character" else one.lower()


class Pieces(dict[str, tuple[Any, ...]]):
    """What stands between two spaces, and what becomes of it; a text has few that were not there before."""

    def __init__(self, take_apart: Callable[[str], tuple[Any, ...]]) -> None:
        super().__init__()
        self._take_apart = take_apart

    def __missing__(self, piece: str) -> tuple[Any, ...]:
        found = self._take_apart(piece)
        if len(self) >= _MOST_PIECES:
            self.clear()
        if len(piece) <= _LONGEST_PIECE:
            self[piece] = found
        return found


class TextCounts:
    """Count the words and the characters of texts.

    Texts come in the same pieces between spaces again and again, so that pieces are counted first, and their words now
    and then. The counts are those of a :class:`Tally` that is given text by text, even where it lets words go.
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
            # Each word has a letter: those that wait are too few for the words to become more than are held.
            if sum(map(len, self._waiting)) > MOST_COUNTED // 4 or len(self.words) > MOST_COUNTED // 2:
                self._count_words()
        return sum(map(len, map(self._pieces.__getitem__, pieces)))

    def finish(self) -> None:
        """Count what waits for it."""
        self._count_characters()
        self._count_words()

    def _count_words(self) -> None:
        found = Counter[str]()
        for piece, count in self._waiting.items():
            for word in self._pieces[piece]:
                found[fold(word, "word")] += count
                self.width = max(self.width, len(word))
        self.words.add_counts(found)
        self._waiting.clear()

    def _count_characters(self) -> None:
        points = np.frombuffer("".join(self._texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        counts = np.bincount(points)
        there = counts.nonzero()[0]
        self.characters.add_counts(dict(zip(map(chr, there.tolist()), counts[there].tolist(), strict=True)))
        self._texts.clear()
        self._letters = 0

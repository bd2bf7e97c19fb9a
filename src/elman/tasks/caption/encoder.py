"""The numbers of captions and pictures.

A caption is read and written in lower case, as words of letters, digits and apostrophes: what several people write of
one picture differs in full stops and capitals, which nothing in the picture decides.

>>> encoder = CaptionEncoder(learn_words(["A dog runs.", "a dog"], None, None), None, 3)
>>> encoder.words.encode(tidy("A dog!")), encoder.words.decode([2, 3])
([2, 3], 'a dog')
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from elman.data.plain import read_plain
from elman.encoders.pictures.encoder import PictureEncoder
from elman.errors import DataError
from elman.vocabulary.growth import Growth
from elman.vocabulary.side import Side
from elman.vocabulary.vocabulary import read_vocabulary
from elman.vocabulary.words import RARE_IN_LONG_TEXTS, Words

MOST_WORDS = 1000
"""Of a caption: a search that finds no end goes on for so many."""

_OTHER = re.compile(r"[^\w']+|_")
_FEWEST_TIMES = 3


@dataclass(frozen=True)
class CaptionEncoder:
    """The numbers of captions, and what becomes of pictures.

    Attributes:
        words: numbers those of captions.
        pictures: what becomes of a picture.
        longest: words of the longest caption that the model writes.
    """

    words: Side
    pictures: PictureEncoder
    longest: int

    @property
    def unwritten(self) -> tuple[int, ...]:
        """Return the numbers that stand in no caption: line ends and the unknown word."""
        return (*self.words.unwritten, self.words.unknown)

    def encode(self, caption: str) -> list[int]:
        """Return the numbers of a caption."""
        return self.words.encode(tidy(caption))

    def describe(self) -> str:
        """Say what is known, for the report."""
        return f"{len(self.words.vocabulary) - 2:,} words; {self.pictures.describe()}"

    def grown(self, found: "CaptionEncoder", growth: Growth) -> "CaptionEncoder":
        """Return this encoder with the words that another knows besides; pictures keep their scale.

        Args:
            found: that of other captions.
            growth: counts what is new.

        Raises:
            DataError: their pictures have another size.
        """
        if self.pictures.size != found.pictures.size:
            raise DataError(
                f"These are {found.pictures.describe()}, and the model reads {self.pictures.describe()}. Give such "
                "pictures, or train a new model."
            )
        growth.keep("pictures are scaled as there")
        return replace(self, words=self.words.grown(found.words, growth), longest=max(self.longest, found.longest))

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            "words": self.words.vocabulary.to_dict(),
            "pictures": self.pictures.to_dict(),
            "longest": self.longest,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "CaptionEncoder":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: it is no encoder.
        """
        words, longest = read_vocabulary(data["words"]), data["longest"]
        is_whole = isinstance(words, Words) and words.tokenized
        if not is_whole or not isinstance(longest, int) or not 1 <= longest <= MOST_WORDS:
            raise DataError("A model that captions has words and a longest caption. Train it again.")
        return cls(Side(words), read_plain(PictureEncoder, data["pictures"], "encoder of pictures"), longest)


def tidy(caption: str) -> str:
    """Write a caption as it is learnt and scored: words in lower case, with a space between two.

    >>> tidy("Two children -- one in RED -- play.")
    'two children one in red play'
    """
    return " ".join(_OTHER.sub(" ", caption.lower()).split())


def learn_words(captions: Sequence[str], size: int | None, min_count: int | None) -> Side:
    """Learn the words of captions.

    Args:
        captions: to learn from.
        size: most words to know.
        min_count: how often a word must occur; by default three times, in few captions once.

    Raises:
        DataError: no word occurs often enough.
    """
    text = "".join(f"{tidy(caption)}\n" for caption in captions)
    least = (1 if text.count(" ") < RARE_IN_LONG_TEXTS else _FEWEST_TIMES) if min_count is None else min_count
    return Side(Words.of(text, size=None if size is None else size + 2, min_count=least, tokenized=True))

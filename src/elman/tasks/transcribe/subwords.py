"""The subwords that a transcriber writes: those of a text, without the bytes that no transcript has.

The space before a word belongs to its first subword, also before the first word of a text, so that a word is cut in the
same way wherever it stands.

>>> spoken = learn_subwords(["so good", "so so"] * 9, size=None)
>>> [spoken.vocabulary.show(spoken.kept[number]) for number in spoken.encode("good")]
['␣good']
>>> spoken.decode(spoken.encode("so  good")), len(spoken) < 20
('so good', True)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from elman.vocabulary.subwords import Subwords

_SPACE = b" "
_FEWEST, _MOST = 300, 1000
_UTTERANCES_A_SUBWORD = 4  # fewer utterances have fewer subwords that are heard often enough


@dataclass(frozen=True)
class SpokenSubwords:
    """The subwords that a transcriber writes, by numbers from 0.

    Attributes:
        vocabulary: all subwords, with all bytes.
        kept: the numbers there of those that are written.
    """

    vocabulary: Subwords
    kept: tuple[int, ...]

    @classmethod
    def of(cls, learnt: str, characters: str) -> "SpokenSubwords":
        """Keep the subwords of transcripts.

        Args:
            learnt: the subwords, as :class:`elman.vocabulary.subwords.Subwords` has them.
            characters: those of the transcripts.

        Raises:
            DataError: they are not subwords that elman learns.
        """
        vocabulary = Subwords(learnt)
        there = set(_SPACE + characters.encode())
        kept = (number for number in range(len(vocabulary)) if there.issuperset(vocabulary.spell(number)))
        return cls(vocabulary, tuple(kept))

    def __len__(self) -> int:
        return len(self.kept)

    @cached_property
    def spelling(self) -> list[bytes]:
        """Return the bytes of each."""
        return [self.vocabulary.spell(number) for number in self.kept]

    @property
    def space(self) -> int:
        """Return the number of the space alone."""
        return self.spelling.index(_SPACE)

    @cached_property
    def begins(self) -> frozenset[int]:
        """Return the numbers of those with which a word begins."""
        space = self.space
        return frozenset(n for n, one in enumerate(self.spelling) if one.startswith(_SPACE) and n != space)

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text; bytes that are not written are left out."""
        cut = self.vocabulary.encode(f" {text}").tolist() if text else []
        return [self._numbers[number] for number in cut if number in self._numbers]

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of numbers, single spaces between words; bytes that are no character show as one."""
        return " ".join(b"".join(self.spelling[number] for number in numbers).decode(errors="replace").split())

    def show(self, number: int) -> str:
        """Write one so that its space is visible."""
        return self.vocabulary.show(self.kept[number])

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {number: place for place, number in enumerate(self.kept)}


def learn_subwords(texts: Sequence[str], size: int | None) -> SpokenSubwords:
    """Learn subwords from transcripts.

    Args:
        texts: the transcripts to learn from.
        size: most subwords, the 256 bytes included; None takes a quarter of the number of texts, from 300 to 1000.

    Raises:
        ConfigError: `size` has no room for the bytes.
    """
    if size is None:
        size = min(_MOST, max(_FEWEST, len(texts) // _UTTERANCES_A_SUBWORD))
    vocabulary = Subwords.of("".join(f" {text}\n" for text in texts), size=size)
    return SpokenSubwords.of(vocabulary.learnt, "".join(sorted(set("".join(texts)))))

"""A source and its target, and a set of them.

>>> pair = Pair("ein Hund", "a dog", "pets.tsv line 1")
>>> len(PairSet("pets.tsv", [pair]))
1
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """A text and what is to be written for it.

    Attributes:
        source: the text.
        target: what is written for it.
        where: the file and line of the source.
        line: the line in its file, or in both parallel files, from 1; 0 where the pair is from no file.
    """

    source: str
    target: str
    where: str
    line: int = 0


@dataclass(frozen=True)
class PairSet:
    """Pairs of texts.

    Attributes:
        name: what messages call the data.
        pairs: in their order.
        notes: what was inferred, in sentences for the user.
        left_out: the places, from 0, that pairs with an empty side had among all.
    """

    name: str
    pairs: Sequence[Pair]
    notes: Sequence[str] = ()
    left_out: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.pairs)

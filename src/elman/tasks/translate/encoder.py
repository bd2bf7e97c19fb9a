"""The numbers of both sides of a pair.

Units are those of the language model: characters, words or subwords, with two numbers behind them
(:mod:`elman.vocabulary.side`). Both sides may share one vocabulary, so that a name that is copied is the same number on
both.

>>> encoder = learn_pair_encoder(["ab", "b"], ["ba", "a"], unit="character", size=None, separate=False)
>>> encoder.source.encode("abc"), encoder.target.decode([1, 2])
([1, 2, 4], 'ab')
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elman.errors import DataError
from elman.vocabulary.growth import Growth
from elman.vocabulary.side import Side
from elman.vocabulary.subwords import Subwords
from elman.vocabulary.vocabulary import learn_vocabulary, read_vocabulary

_SIZE = 8000
_PAIRS_A_SUBWORD = 2  # fewer pairs have fewer subwords that are worth an embedding
_FEWEST = 300


@dataclass(frozen=True)
class PairEncoder:
    """The numbers of sources and targets.

    Attributes:
        source, target: of each side.
        shared: whether both are the same.
    """

    source: Side
    target: Side
    shared: bool

    def describe(self) -> str:
        """Say what is known, for the report."""
        unit = self.source.vocabulary.unit
        if self.shared:
            return f"{len(self.source.vocabulary):,} {unit}s for both sides"
        return f"{len(self.source.vocabulary):,} {unit}s of sources, {len(self.target.vocabulary):,} of targets"

    def grown(self, found: "PairEncoder", growth: Growth) -> "PairEncoder":
        """Return this encoder with the units that another knows besides.

        Args:
            found: that of other pairs, of the same kind.
            growth: counts what is new.
        """
        if self.shared:
            side = self.source.grown(found.source, growth)
            return PairEncoder(side, side, True)
        return PairEncoder(
            self.source.grown(found.source, growth, "source"), self.target.grown(found.target, growth, "target"), False
        )

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        sides = [self.source] if self.shared else [self.source, self.target]
        return {"vocabularies": [side.vocabulary.to_dict() for side in sides]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PairEncoder":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: it has neither one vocabulary nor two.
        """
        sides = [Side(read_vocabulary(one)) for one in data["vocabularies"]]
        if len(sides) not in (1, 2):
            raise DataError(f"A translation model has one vocabulary or two, not {len(sides)}. Train it again.")
        return cls(sides[0], sides[-1], len(sides) == 1)


def learn_pair_encoder(
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    unit: str,
    size: int | None,
    separate: bool,
    tokenized: bool = False,
) -> PairEncoder:
    """Learn the vocabularies of pairs.

    Args:
        sources: to learn from.
        targets: the same.
        unit: `character`, `word` or `subword`.
        size: most units to know.
        separate: give each side a vocabulary of its own.
        tokenized: a word is what lies between spaces.
    """
    if size is None and unit == Subwords.unit:
        size = min(_SIZE, max(_FEWEST, len(sources) // _PAIRS_A_SUBWORD))
    sides = [
        Side(
            learn_vocabulary(
                "".join(f" {text}\n" if unit == Subwords.unit else text + "\n" for text in texts),
                unit,
                size=size,
                tokenized=tokenized,
            )
        )
        for texts in ([sources, targets] if separate else [[*sources, *targets]])
    ]
    return PairEncoder(sides[0], sides[-1], not separate)

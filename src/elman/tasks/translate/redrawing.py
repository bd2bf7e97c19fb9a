"""Draw the subwords of the pairs again for each epoch, see :mod:`elman.vocabulary.subword_dropout`.

>>> from elman.data.pairs.pair import Pair
>>> from elman.tasks.translate.encoder import learn_pair_encoder
>>> pairs = [Pair("stay at home", "bleib zu Hause", "")] * 3
>>> sides = [pair.source for pair in pairs], [pair.target for pair in pairs]
>>> encoder = learn_pair_encoder(*sides, unit="subword", size=300, separate=False)
>>> redrawn = RedrawnPairs(EncodedPairs(pairs, encoder, longest=50), encoder, 0.3)
>>> chance = torch.Generator().manual_seed(1)
>>> [redrawn.epoch(chance).sources.tolist() for _ in range(2)]
[[6, 7, 9], [8, 8, 6]]
"""

import random

import torch

from elman.tasks.translate.batches import EncodedPairs
from elman.tasks.translate.encoder import PairEncoder
from elman.vocabulary.side import Side
from elman.vocabulary.subword_dropout import SubwordDropout
from elman.vocabulary.subwords import Subwords


class RedrawnPairs:
    """The pairs of a training, whose subwords are other ones in each epoch.

    Args:
        pairs: to learn from.
        encoder: of subwords.
        probability: of leaving out a merge.
    """

    def __init__(self, pairs: EncodedPairs, encoder: PairEncoder, probability: float) -> None:
        self._pairs, self._encoder = pairs, encoder
        self._source = _draws_of(encoder.source, probability)
        self._target = self._source if encoder.shared else _draws_of(encoder.target, probability)
        self._sources = [self._source.split(encoder.source.spaced(pair.source)) for pair in pairs.pairs]
        self._targets = [self._target.split(encoder.target.spaced(pair.target)) for pair in pairs.pairs]

    def epoch(self, chance: torch.Generator) -> EncodedPairs:
        """Return the pairs with subwords that are drawn anew."""
        drawn = random.Random(int(torch.randint(2**62, (), generator=chance)))  # noqa: S311 - the same subwords must come back
        sources = [self._source.draw(words, drawn) for words in self._sources]
        targets = [self._target.draw(words, drawn) for words in self._targets]
        return EncodedPairs(self._pairs.pairs, self._encoder, self._pairs.longest, (sources, targets))


def _draws_of(side: Side, probability: float) -> SubwordDropout:
    assert isinstance(side.vocabulary, Subwords)
    return SubwordDropout(side.vocabulary, probability)

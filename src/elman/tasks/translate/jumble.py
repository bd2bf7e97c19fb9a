"""Make pairs from plain sentences: the words of a sentence in random order, and in their own.

>>> [pair] = jumble([Pair("", "I am at home", "line 1")], tokenized=False, chance=random.Random(1))
>>> pair.source, pair.target
('home I at am', 'I am at home')
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from elman.data.pairs.pair import Pair, PairSet
from elman.phrases import counted, name_some
from elman.vocabulary.words import split_words

_MOST_NAMED = 10


def leave_out_long(data: PairSet, tokenized: bool, longest: int) -> PairSet:
    """Leave out sentences that have too many words; a part of a sentence has no order of its own.

    Args:
        data: sentences, as targets.
        tokenized: a word is what lies between spaces.
        longest: most words.
    """
    fits = [len(split_words(pair.target, tokenized)) <= longest for pair in data.pairs]
    if all(fits):
        return data
    long = [pair.where for pair, fit in zip(data.pairs, fits, strict=True) if not fit]
    are, named = "is" if len(long) == 1 else "are", name_some(long, _MOST_NAMED)
    note = f"{counted(len(long), 'sentence')} of more than {longest:,} words {are} left out: {named}"
    return PairSet(data.name, [pair for pair, fit in zip(data.pairs, fits, strict=True) if fit], [*data.notes, note])


def jumble(pairs: Sequence[Pair], tokenized: bool, chance: random.Random) -> Iterator[Pair]:
    """Yield pairs whose source is their target with its words in random order.

    Args:
        pairs: sentences, as targets.
        tokenized: a word is what lies between spaces.
        chance: draws the orders.
    """
    for pair in pairs:
        words = split_words(pair.target, tokenized)
        chance.shuffle(words)
        yield replace(pair, source=" ".join(words))

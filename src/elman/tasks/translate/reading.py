"""Read the pairs of a training: those to learn from and those held out, and both as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from elman.data.pairs.opening import open_pairs
from elman.data.pairs.pair import Pair, PairSet
from elman.data.text import Source, as_sources
from elman.tasks.translate.batches import EncodedPairs
from elman.tasks.translate.encoder import PairEncoder, learn_pair_encoder
from elman.tasks.translate.settings import TranslateSettings
from elman.training.splits import default_share, split

_MOST_HELD_OUT = 1000


@dataclass(frozen=True)
class Split:
    """The pairs, divided into those to learn from and those held out."""

    data: PairSet
    learn: list[Pair]
    hold: list[Pair]


@dataclass(frozen=True)
class Parts:
    """The pairs as the training sees them."""

    split: Split
    encoder: PairEncoder
    training: EncodedPairs
    held_out: EncodedPairs


def read_pairs(data: Source | Sequence[Source] | PairSet, settings: TranslateSettings) -> Split:
    """Read pairs, and divide them. All pairs of one source are on the same side.

    Raises:
        DataError: the data cannot be read, or there are too few.
    """
    if not isinstance(data, PairSet):
        data = open_pairs(as_sources(data), source=settings.source, target=settings.target)
    pairs = list(data.pairs)
    if settings.validation_data is not None:
        paths = [part.strip() for part in settings.validation_data.split(",")]
        columns = {} if len(paths) > 1 else {"source": settings.source, "target": settings.target}
        return Split(data, pairs, list(open_pairs(paths, **columns).pairs))
    share = min(default_share(len(pairs)), _MOST_HELD_OUT / len(pairs))
    share = share if settings.validation is None else settings.validation
    groups = [pair.source for pair in pairs]
    alone = len(set(groups)) == len(groups)
    chosen = split([None] * len(pairs), share=share, seed=settings.seed, groups=None if alone else groups)
    learn, hold = ([pairs[index] for index in part] for part in chosen)
    return Split(data, learn, hold)


def encode_pairs(split: Split, settings: TranslateSettings) -> Parts:
    """Learn the vocabularies from the pairs to learn from, and encode all of them."""
    encoder = learn_pair_encoder(
        [pair.source for pair in split.learn],
        [pair.target for pair in split.learn],
        unit=settings.unit,
        size=settings.vocabulary,
        separate=settings.separate,
    )
    training, held_out = (EncodedPairs(part, encoder, settings.longest) for part in (split.learn, split.hold))
    return Parts(split, encoder, training, held_out)

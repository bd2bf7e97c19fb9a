"""Read the pairs of a training: those to learn from and those held out, and both as numbers."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from elman.data.pairs.opening import open_pairs
from elman.data.pairs.pair import Pair, PairSet
from elman.data.pairs.suspects import check_suspects, find_suspects, save_suspects
from elman.data.text import Source, as_sources
from elman.errors import ConfigError, DataError
from elman.phrases import abbreviate
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
    paths = [] if settings.validation_data is None else [part.strip() for part in settings.validation_data.split(",")]
    if not all(paths):
        raise ConfigError(
            f"validation_data is {settings.validation_data!r}. Name a table, or two files with a comma between."
        )
    files = [] if isinstance(data, PairSet) else as_sources(data)
    table = None if settings.suspects is None else check_suspects(settings.suspects, [*files, *paths])
    if not isinstance(data, PairSet):
        data = open_pairs(files, source=settings.source, target=settings.target)
    pairs = list(data.pairs)
    if table is not None:
        save_suspects(find_suspects(pairs), table)
        note = f"the pairs that look wrong by their texts are in {table}, until the model has judged them"
        data = dataclasses.replace(data, notes=[*data.notes, note])
    if paths:
        columns = {} if len(paths) > 1 else {"source": settings.source, "target": settings.target}
        return Split(data, pairs, list(open_pairs(paths, **columns).pairs))
    share = min(default_share(len(pairs)), _MOST_HELD_OUT / len(pairs))
    share = share if settings.validation is None else settings.validation
    groups = [pair.source for pair in pairs]
    if len(set(groups)) == 1:
        raise DataError(
            f"{data.name} has one source alone, {abbreviate(groups[0])!r}, so none can be held out. Add pairs with "
            "others, or give --validation-data."
        )
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

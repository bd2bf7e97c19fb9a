"""Read the pairs of a training: those to learn from and those held out, and both as numbers."""

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from elman.data.pairs.opening import open_pairs, open_sentences
from elman.data.pairs.pair import Pair, PairSet
from elman.data.pairs.suspects import check_suspects, find_suspects, save_suspects
from elman.data.text import Source, as_sources
from elman.errors import ConfigError, DataError
from elman.models.ordering import MOST_WORDS
from elman.phrases import abbreviate
from elman.tasks.translate.batches import EncodedPairs
from elman.tasks.translate.encoder import PairEncoder, learn_pair_encoder
from elman.tasks.translate.jumble import jumble, leave_out_long
from elman.tasks.translate.model import TrainedTranslator
from elman.tasks.translate.settings import TranslateSettings
from elman.training.pretrained import Pretrained
from elman.training.splits import default_share, split
from elman.vocabulary.vectors import WordVectors, read_vectors
from elman.vocabulary.words import Words

COLUMNS = ("source_column", "target_column")
"""What a model's metrics call the columns that its training was given."""

_MOST_HELD_OUT = 1000
_SEED = 1  # of the orders that a trained model is measured on


@dataclass(frozen=True)
class Split:
    """The pairs, divided into those to learn from and those held out; jumbled: the sources are their targets' words."""

    data: PairSet
    learn: list[Pair]
    hold: list[Pair]
    jumbled: bool = False


@dataclass(frozen=True)
class Parts:
    """The pairs as the training sees them; `wanted` units were asked for."""

    split: Split
    encoder: PairEncoder
    training: EncodedPairs
    held_out: EncodedPairs
    wanted: int | None = None
    vectors: WordVectors | None = None


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
    if settings.jumble:
        data = _read_sentences(data, settings)
    elif not isinstance(data, PairSet):
        data = open_pairs(files, source=settings.source, target=settings.target)
    pairs = list(data.pairs)
    if table is not None:
        save_suspects(find_suspects(pairs), table)
        note = f"the pairs that look wrong by their texts are in {table}, until the model has judged them"
        data = dataclasses.replace(data, notes=[*data.notes, note])
    if paths:
        if settings.jumble:
            return _jumble(Split(data, pairs, list(_read_sentences(paths, settings).pairs)), settings)
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
    found = Split(data, learn, hold)
    return _jumble(found, settings) if settings.jumble else found


def read_pairs_again(trained: TrainedTranslator, paths: Sequence[Source]) -> PairSet:
    """Read pairs to measure a trained model on, or for one that puts words in order sentences, which are jumbled.

    A table is read by the columns that the training was given.

    Raises:
        DataError: the data cannot be read.
    """
    if not trained.orders:
        given = [trained.metrics.get(name) for name in COLUMNS] if len(paths) == 1 else [None, None]
        source, target = (name if isinstance(name, str) else None for name in given)
        return open_pairs(list(paths), source=source, target=target)
    words = cast("Words", trained.encoder.target.vocabulary)
    data = leave_out_long(open_sentences(list(paths)), words.tokenized, MOST_WORDS)
    chance = random.Random(_SEED)  # noqa: S311 - the same orders must come back
    return PairSet(data.name, list(jumble(data.pairs, words.tokenized, chance)), data.notes)


def _read_sentences(data: Source | Sequence[Source] | PairSet, settings: TranslateSettings) -> PairSet:
    if isinstance(data, PairSet):
        raise DataError(f"{data.name} holds pairs, and jumble makes pairs from a text. Give the path of a text.")
    return leave_out_long(open_sentences(as_sources(data)), settings.tokenized, settings.longest)


def _jumble(found: Split, settings: TranslateSettings) -> Split:
    """Jumble both parts, each by numbers of its own: what is learnt from does not depend on what is held out."""
    learn, hold = (
        list(jumble(pairs, settings.tokenized, random.Random(settings.seed)))  # noqa: S311 - the same must come back
        for pairs in (found.learn, found.hold)
    )
    return Split(found.data, learn, hold, jumbled=True)


def encode_pairs(
    split: Split, settings: TranslateSettings, pretrained: Pretrained[TrainedTranslator] | None = None
) -> Parts:
    """Learn the vocabularies from the pairs to learn from, and encode all of them."""
    encoder = learn_pair_encoder(
        [] if settings.jumble else [pair.source for pair in split.learn],  # the words of targets, each counted once
        [pair.target for pair in split.learn],
        unit=settings.unit,
        size=settings.vocabulary,
        separate=settings.separate,
        tokenized=settings.tokenized,
    )
    if pretrained is not None:
        encoder = pretrained.model.encoder.grown(encoder, pretrained.growth)
    vectors = None if settings.vectors is None else _read_vectors(settings.vectors, encoder, settings)
    training, held_out = (EncodedPairs(part, encoder, settings.longest) for part in (split.learn, split.hold))
    return Parts(split, encoder, training, held_out, settings.vocabulary, vectors)


def _read_vectors(path: str, encoder: PairEncoder, settings: TranslateSettings) -> WordVectors:
    """Read vectors of the words of sources, and of targets where both share a vocabulary.

    Raises:
        ConfigError: no words are read, or another size of the embedding was requested.
        DataError: the file cannot be read.
    """
    words = encoder.source.vocabulary
    if not isinstance(words, Words):
        raise ConfigError(
            f"vectors are of words, and the unit is the {words.unit}. Give --unit word, or drop the option."
        )
    vectors = read_vectors(path, words.words[2:])  # behind the end of a line and the unknown word
    vectors.check_size(settings.embedding, None)
    return vectors

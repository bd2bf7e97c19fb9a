"""Read the sentences of a training, hold some out, and encode both parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from elman.data.sentences.opening import TaggedSet, open_tagged
from elman.data.sentences.sentence import Sentence
from elman.data.text import Source, as_sources
from elman.errors import DataError
from elman.tasks.tag.batches import EncodedSentences
from elman.tasks.tag.encoder import TagEncoder, learn_tag_encoder
from elman.tasks.tag.model import TrainedTagger, hash_sentence
from elman.tasks.tag.settings import TagSettings
from elman.tasks.tag.sides import learn_word_sides
from elman.tasks.tag.targets import TagTargets
from elman.training.pretrained import Pretrained
from elman.training.splits import default_share, split
from elman.vocabulary.vectors import WordVectors, read_vectors

Before = Pretrained[TrainedTagger] | None
"""The model that a training goes on from."""


@dataclass(frozen=True)
class Split:
    """Sentences, divided into those to learn from and those held out; copies of the former are left out."""

    data: TaggedSet
    learn: list[Sentence]
    hold: list[Sentence]
    targets: TagTargets
    left_out: int = 0


@dataclass(frozen=True)
class Parts:
    """The encoded sentences of a training."""

    split: Split
    encoder: TagEncoder
    training: EncodedSentences
    held_out: EncodedSentences
    vectors: WordVectors | None = None

    @property
    def targets(self) -> TagTargets:
        """The tags and labels that may be predicted."""
        return self.split.targets


def read_sentences(
    data: Source | Sequence[Source] | TaggedSet, settings: TagSettings, pretrained: Before = None
) -> Split:
    """Read sentences, and divide them into those to learn from and those held out.

    Raises:
        DataError: a sentence cannot be read, there are too few, or those held out have no labels and the others have.
    """
    if not isinstance(data, TaggedSet):
        words, tags = settings.words, settings.tags
        if pretrained is not None and not any((words, tags, settings.beside)):
            data = open_tagged(as_sources(data), like=pretrained.model.layout)
        else:
            further = settings.further()
            data = open_tagged(as_sources(data), words=words, tags=tags, label=settings.label, further=further)
    if pretrained is not None:
        data = _fit(data, pretrained)
    sentences = list(data.sentences)
    if settings.validation_data is not None:
        paths = [part.strip() for part in settings.validation_data.split(",")]
        learn, hold = sentences, list(open_tagged(paths, like=data.layout).sentences)
    else:
        share = default_share(len(sentences)) if settings.validation is None else settings.validation
        hashes = [hash_sentence(sentence) for sentence in sentences]
        chosen = split([None] * len(sentences), share=share, seed=settings.seed, hashes=hashes)
        learn, hold = ([sentences[index] for index in part] for part in chosen)
    labelled = data.layout.label is not None
    if labelled and any(sentence.label is None for sentence in hold):
        raise DataError(f"{settings.validation_data} has no labels, and {data.name} has. Give it some.")
    checked = sentences if settings.validation_data is None else [*learn, *hold]
    targets = TagTargets.learn(learn, labelled=labelled, scheme=settings.scheme, checked=checked)
    if pretrained is not None:
        targets = pretrained.model.targets.grown(targets, pretrained.growth)
    left_out = len(sentences) - len(learn) - len(hold) if settings.validation_data is None else 0
    return Split(data, learn, hold, targets, left_out)


def _fit(data: TaggedSet, pretrained: Pretrained[TrainedTagger]) -> TaggedSet:
    """Refuse sentences without what a model reads or answers, and leave out labels that it does not answer."""
    model = pretrained.model
    if not model.targets.labels:
        return replace(data, layout=replace(data.layout, label=None))
    if data.layout.label is None or all(sentence.label is None for sentence in data.sentences):
        raise DataError(f"{data.name} has no labels of sentences, and {pretrained.name} answers with some. Give them.")
    return data


def encode_sentences(split: Split, settings: TagSettings, pretrained: Before = None) -> Parts:
    """Build the encoder from the sentences to learn from, and encode all of them."""
    encoder = learn_tag_encoder(
        (sentence.words for sentence in split.learn), letters=settings.letters, min_count=settings.min_count
    )
    names, sources = split.data.layout.further_names, settings.sides()
    carried = {name: source for name, source in sources.items() if source.constant is None}
    encoder = replace(encoder, sides=learn_word_sides(carried, names, split.learn))
    values = (encoder.without_sides(sentence).further for sentence in split.learn)
    encoder = encoder.learn_further(names[: len(names) - len(carried)], values, shapes=settings.shapes)
    if pretrained is not None:
        encoder = pretrained.model.encoder.grown(encoder, pretrained.growth)
    vectors = None if settings.vectors is None else read_vectors(settings.vectors, encoder.known)
    if vectors is not None:
        vectors.check_size(settings.embedding, TagSettings.embedding)
    training, held_out = (EncodedSentences(part, encoder, split.targets) for part in (split.learn, split.hold))
    return Parts(split, encoder, training, held_out, vectors)

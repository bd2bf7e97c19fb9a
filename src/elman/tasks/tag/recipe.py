"""Train a model that gives every word of a sentence a tag: the recipe behind `elman train tag`.

Tags are parts of speech, names or slots: any column of a file. Where tags mark chunks (`B-LOC`, `I-LOC`, `O`), they are
chosen together by a CRF and scored as conlleval does; a label of the whole sentence, such as an intent, is learnt
together with them. The vocabularies of words and letters are those of the training sentences, and the weights that tag
the held-out sentences best are kept.

>>> from elman.tasks import tag
>>> model = tag.train("english.conllu", output="english.elman.safetensors")     # doctest: +SKIP
>>> model.predict([["the", "dog", "barks"]])                                    # doctest: +SKIP
[['DET', 'NOUN', 'VERB']]
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from elman.encoders.batches import draw_batches
from elman.expr import Cell
from elman.nn.rows import take
from elman.phrases import counted
from elman.scores.measured import Measured
from elman.tasks.tag.baseline import TagBaseline, train_tag_baseline
from elman.tasks.tag.batches import answer_sentences
from elman.tasks.tag.model import TrainedTagger, build_module, hash_sentence, load, score_answers
from elman.tasks.tag.module import drop_words
from elman.tasks.tag.reading import Parts, Split, encode_sentences, read_sentences
from elman.tasks.tag.report import report_tags
from elman.tasks.tag.scores import TagScores
from elman.tasks.tag.settings import NO_SCHEME, TagSettings
from elman.tasks.tag.space import ENCODED_BY, tag_space
from elman.tasks.tag.verdict import compare as compare_with
from elman.tasks.tag.verdict import score_baseline
from elman.training.allowance import baseline_seconds
from elman.training.attempt import Validated, choose_batch, choose_epochs
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.outcome import Outcome
from elman.training.pretrained import Axis, Pretrained
from elman.training.progress import SENTENCE, Progress
from elman.training.recipe import Recipe
from elman.training.search import Space
from elman.training.start import refuse_giants, start
from elman.vocabulary.tally import FIRST

__all__ = ["RECIPE", "load", "train"]

_UPDATES = 5000
_OWN = ("embedding", "letter_embedding", "letter_hidden", "input_dropout")

Baselines = tuple[TagBaseline, TagScores, TagScores]


class TagRecipe(Recipe[Split, Parts, Baselines, TagSettings, TrainedTagger]):
    """The recipe of taggers."""

    settings = TagSettings
    encoded_by = ENCODED_BY

    def read(
        self, data: Any, settings: TagSettings, quiet: bool, pretrained: Pretrained[TrainedTagger] | None = None
    ) -> Split:
        """Read the sentences, and hold some out."""
        return read_sentences(data, settings, pretrained)

    def encode(
        self, split: Split, settings: TagSettings, quiet: bool, pretrained: Pretrained[TrainedTagger] | None = None
    ) -> Parts:
        """Build the encoder, and encode all sentences."""
        return encode_sentences(split, settings, pretrained)

    def fixed(self, model: TrainedTagger, settings: TagSettings) -> dict[str, Any]:
        """Return the options of the layers, and what is read and answered."""
        encoder = model.encoder
        further = ",".join(encoder.columns) if settings.beside else None
        return {
            **super().fixed(model, settings),
            "direction": "both" if model.configuration["bidirectional"] else "forward",
            "letters": bool(encoder.letters),
            "shapes": encoder.shapes,
            "scheme": model.targets.scheme or NO_SCHEME,
            "label": model.layout.label if model.targets.labels else None,
            "beside": further,
        }

    def axes(self, model: TrainedTagger) -> list[Axis]:
        """Return what words, letters, tags and labels stand for."""
        encoder, targets = model.encoder, model.targets
        return [
            Axis("embedding", [*range(FIRST), *encoder.known]),
            Axis("speller.embedding", [*range(FIRST), *encoder.letters]),
            Axis("readout", targets.tags),
            Axis("chain", targets.tags),
            Axis("label", targets.labels),
        ]

    def unit(self, parts: Parts) -> str:
        """Return the unit of progress, a sentence."""
        return SENTENCE

    def report(self, parts: Parts) -> Iterator[str]:
        """Describe the data."""
        yield from parts.split.data.notes
        yield from report_tags(
            parts.training, parts.held_out, parts.encoder, parts.targets, parts.split.left_out
        ).lines()
        if parts.vectors is not None:
            yield parts.vectors.describe()

    def compare(self, parts: Parts, settings: TagSettings, progress: Progress, parameters: int) -> Baselines:
        """Train a network that sees one word at a time, and count the most frequent tag of each word."""
        learn, hold = ([*map(parts.encoder.without_sides, some)] for some in (parts.split.learn, parts.split.hold))
        targets = parts.targets
        seconds = baseline_seconds(settings.seconds())
        baseline = train_tag_baseline(learn, targets, seed=settings.seed, seconds=seconds)
        network, usual = score_baseline(baseline, hold, targets)
        progress.note(f"without recurrence, {baseline.what}: validation {network.measure} {network.said()}")
        progress.note(f"the most frequent tag of each word: {usual.said()}")
        return baseline, network, usual

    def space(self, given: Mapping[str, Any], parts: Parts, settings: TagSettings) -> Space:
        """Return the settings that a search may choose."""
        return tag_space(given, choose_batch(len(parts.training), settings.batch))

    def build(
        self,
        cell: Cell,
        sizes: Mapping[str, int] | None,
        parts: Parts,
        settings: TagSettings,
        baseline: Baselines | None,
    ) -> TrainedTagger:
        """Build the layers, with a CRF where tags mark chunks."""
        configuration = {
            **settings.layers_of(sizes),
            **{name: getattr(settings, name) for name in _OWN},
            "bidirectional": settings.direction == "both",
            "crf": parts.targets.scheme is not None if settings.crf is None else settings.crf,
        }
        if parts.vectors is not None:
            configuration["embedding"] = parts.vectors.size
        with refuse_giants(settings.hidden):
            module = build_module(cell, parts.encoder, parts.targets, configuration)
        if parts.vectors is not None:
            parts.vectors.fill(module.embedding.weight, [*[None] * FIRST, *parts.encoder.known])
        for layer in module.layers_that_recur:
            start(layer, settings.init, settings.forget_bias, settings.chrono)
        return TrainedTagger(
            module=module,
            layout=parts.split.data.layout,
            encoder=parts.encoder,
            targets=parts.targets,
            configuration=configuration,
        )

    def fit(
        self, model: TrainedTagger, parts: Parts, settings: TagSettings, progress: Progress, validated: Validated
    ) -> Outcome:
        """Train on padded batches of sentences of similar length."""
        training, held_out = parts.training, parts.held_out
        batch = choose_batch(len(training), settings.batch)
        updates = settings.count_updates(math.ceil(len(training) / batch))
        settings = choose_epochs(settings, updates, updates=_UPDATES)
        trainer = Trainer(model.module, settings, progress)
        progress.note(
            f"{model.parameters:,} parameters; an epoch is {counted(updates, 'update')} of "
            f"{counted(batch * settings.accumulate, 'sentence')}"
        )
        counts = torch.tensor([0.0] * FIRST + [float(count) for count in parts.encoder.counts])
        feed = Feed(
            lambda chance: list(draw_batches(training.lengths, batch, chance)),
            torch.Generator().manual_seed(settings.seed),
        )
        to_device = trainer.fabric.to_device

        def losses() -> Iterator[tuple[Tensor, int]]:
            for chosen in feed.epoch():
                few = training.batch(chosen)
                steps = drop_words(few.steps, counts, settings.word_dropout, feed.chance)
                with trainer.share(len(chosen)):
                    lengths = to_device(take(few.lengths))
                    output = trainer.module(to_device(take(steps, 1)), lengths, to_device(take(few.carried, 1)))
                    loss = model.module.loss(output, to_device(take(few.tags, 1)), to_device(take(few.labels)), lengths)
                yield loss, len(chosen)

        def validate() -> Measured:
            answers = answer_sentences(model.module, held_out)
            scores = score_answers(answers, held_out.sentences, model.encoder, model.targets)
            return _measure(scores, answers.loss)

        cost = int(held_out.lengths.sum()) / int(training.lengths.sum()) * updates
        return trainer.fit(losses, updates, validate, validated, validation_cost=cost, feed=feed)

    def count(self, model: TrainedTagger, parts: Parts) -> dict[str, Any]:
        """Return the numbers of sentences."""
        return {"validation_sentences": len(parts.held_out), "training_sentences": len(parts.training)}

    def hash_learnt(self, parts: Parts) -> Iterator[int]:
        """Hash the words of each training sentence."""
        return (hash_sentence(sentence) for sentence in parts.training.sentences)

    def hash_held_out(self, parts: Parts) -> Iterator[int]:
        """Hash the words of each sentence held out."""
        return (hash_sentence(sentence) for sentence in parts.held_out.sentences)

    def judge(
        self, model: TrainedTagger, parts: Parts, settings: TagSettings, baseline: Baselines | None
    ) -> dict[str, Any]:
        """Score the model, and compare it with the baselines."""
        return compare_with(model, parts.held_out, baseline, settings.seed)


def _measure(scores: TagScores, loss: float) -> Measured:
    """Return the measure by which the best weights are chosen: the score of tags, or the mean with that of labels."""
    written = f"{scores.measure} {scores.quality:.2%}"
    if scores.label_accuracy is None:
        return Measured(loss, scores.quality, written)
    return Measured(loss, (scores.quality + scores.label_accuracy) / 2, f"{written}, label {scores.label_accuracy:.1%}")


RECIPE = TagRecipe()
train = RECIPE.train

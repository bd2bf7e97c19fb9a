"""Train a model that writes a text for a text: the recipe behind `elman train translate`.

Translation, transliteration, normalising: whatever stands on two sides of a pair. Nothing in it knows languages. The
vocabularies are learnt from the pairs that are not held out; the weights whose greedy translations of the held-out
sources are best are the ones that stay.

>>> from elman.tasks import translate
>>> model = translate.train(["train.de", "train.en"], output="train.elman.safetensors")     # doctest: +SKIP
>>> model.predict(["ein Hund"])                                                             # doctest: +SKIP
['a dog']
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from elman.data.pairs.suspects import save_suspects
from elman.expr import Cell
from elman.nn.rows import take
from elman.phrases import counted
from elman.scores.measured import Measured
from elman.scores.translations import BLEU, EXACT, quick_bleu, require_sacrebleu
from elman.tasks.translate.baseline import TranslationBaselines, train_baselines
from elman.tasks.translate.batches import NOTHING, EncodedPairs
from elman.tasks.translate.model import TrainedTranslator, build_module, hash_pair, load, mean_loss
from elman.tasks.translate.reading import COLUMNS, Parts, Split, encode_pairs, read_pairs
from elman.tasks.translate.redrawing import RedrawnPairs
from elman.tasks.translate.report import report_pairs
from elman.tasks.translate.settings import TranslateSettings
from elman.tasks.translate.space import ENCODED_BY, RATE, translate_space
from elman.tasks.translate.suspicion import judge_pairs
from elman.tasks.translate.verdict import compare as compare_with
from elman.tasks.translate.verdict import write_all
from elman.training.allowance import baseline_seconds, seconds_of
from elman.training.attempt import FEWEST_EPOCHS, Validated, choose_epochs
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.outcome import Outcome
from elman.training.pretrained import Axis, Pretrained
from elman.training.progress import SENTENCE, Progress
from elman.training.recipe import Recipe
from elman.training.search import Space
from elman.training.start import refuse_giants, start
from elman.vocabulary.vocabulary import fixed_by_vocabulary
from elman.vocabulary.words import Words

__all__ = ["RECIPE", "load", "train"]

_UPDATES = 6000
_SMALLEST_BATCH, _BATCH, _FEWEST_BATCHES = 8, 64, 32
_OWN = ("embedding", "attention", "heads", "second_attention", "wait", "input_feeding")
_STEPS_A_UNIT = 3  # greedy search reads a unit in about the time of so many in training


class TranslateRecipe(Recipe[Split, Parts, TranslationBaselines, TranslateSettings, TrainedTranslator]):
    """The recipe of models that write a text for a text."""

    settings = TranslateSettings
    rate = RATE
    cell: ClassVar[str] = "gru"
    encoded_by = ENCODED_BY

    def read(
        self,
        data: Any,
        settings: TranslateSettings,
        quiet: bool,
        pretrained: Pretrained[TrainedTranslator] | None = None,
    ) -> Split:
        """Read the pairs, and hold some out."""
        require_sacrebleu()
        return read_pairs(data, settings)

    def encode(
        self,
        split: Split,
        settings: TranslateSettings,
        quiet: bool,
        pretrained: Pretrained[TrainedTranslator] | None = None,
    ) -> Parts:
        """Learn the vocabularies, and encode all pairs."""
        return encode_pairs(split, settings, pretrained)

    def fixed(self, model: TrainedTranslator, settings: TranslateSettings) -> dict[str, Any]:
        """Return the options of the layers and the vocabularies."""
        found = {**super().fixed(model, settings), **fixed_by_vocabulary(model.encoder.target.vocabulary)}
        if model.orders:
            return {**found, "jumble": True}
        direction = "both" if model.configuration["bidirectional"] else "forward"
        return {**found, "jumble": False, "direction": direction, "separate": not model.encoder.shared}

    def axes(self, model: TrainedTranslator) -> list[Axis]:
        """Return what the units of both sides stand for."""
        source, target = model.encoder.source.labels(), model.encoder.target.labels()
        return [Axis("source_embedding", source), Axis("target_embedding", target), Axis("bias", target)]

    def unit(self, parts: Parts) -> str:
        """Count pairs."""
        return SENTENCE

    def report(self, parts: Parts) -> Iterator[str]:
        """Say what there is to learn from."""
        yield from parts.split.data.notes
        yield from report_pairs(parts)
        if parts.vectors is not None:
            yield parts.vectors.describe()

    def compare(
        self, parts: Parts, settings: TranslateSettings, progress: Progress, parameters: int
    ) -> TranslationBaselines:
        """Copy sources, look for the nearest ones, and train attention without recurrence."""
        training = parts.training
        passes, budget = _choose_epochs(training, settings).epochs, settings.seconds()
        if settings.updates is not None:
            passes = math.ceil(settings.updates / _updates_per_epoch(training, settings))
        # Forward and twice back, every parameter is multiplied for each unit.
        work = seconds_of(3 * parameters * int(training.targets.sum()) * passes) if isinstance(passes, int) else None
        found = train_baselines(
            training,
            parts.held_out,
            parts.encoder,
            measure=_measure(settings),
            seed=settings.seed,
            parameters=parameters,
            seconds=baseline_seconds(budget, work or budget or 0.0),
            bags=settings.jumble,
        )
        progress.note(f"{found.what}: validation {found.network.said()}")
        progress.note(
            f"the source copied: {found.copied.said()}; the target of the nearest training source: "
            f"{found.nearest.said()}"
        )
        return found

    def space(self, given: Mapping[str, Any], parts: Parts, settings: TranslateSettings) -> Space:
        """Say what a search may choose."""
        return translate_space(given, choose_batch(len(parts.training), settings.batch))

    def build(
        self,
        cell: Cell,
        sizes: Mapping[str, int] | None,
        parts: Parts,
        settings: TranslateSettings,
        baseline: TranslationBaselines | None,
    ) -> TrainedTranslator:
        """Build the layers; those that wait for no end read forward."""
        direction = settings.direction or ("both" if settings.wait is None else "forward")
        configuration = {
            **settings.layers_of(sizes),
            **{name: getattr(settings, name) for name in _OWN},
            "bidirectional": direction == "both",
            "bag": settings.jumble,
        }
        if parts.vectors is not None:
            configuration["embedding"] = parts.vectors.size
        with refuse_giants(settings.hidden):
            module = build_module(cell, parts.encoder, configuration)
        if parts.vectors is not None:
            table = module.target_embedding if module.source_embedding is None else module.source_embedding
            words = cast("Words", parts.encoder.source.vocabulary).words
            parts.vectors.fill(table.weight, words, 1 / math.sqrt(parts.vectors.size))
        for layer in module.layers():
            start(layer, settings.init, settings.forget_bias, settings.chrono)
        return TrainedTranslator(module=module, encoder=parts.encoder, configuration=configuration)

    def fit(
        self,
        model: TrainedTranslator,
        parts: Parts,
        settings: TranslateSettings,
        progress: Progress,
        validated: Validated,
    ) -> Outcome:
        """Train on padded batches of pairs of about one length."""
        training, held_out = parts.training, parts.held_out
        batch, updates = choose_batch(len(training), settings.batch), _updates_per_epoch(training, settings)
        settings = _choose_epochs(training, settings)
        trainer = Trainer(model.module, settings, progress)
        progress.note(
            f"{model.parameters:,} parameters; an epoch is {counted(updates, 'update')} of "
            f"{counted(batch * settings.accumulate, 'pair')}"
        )
        redrawn = RedrawnPairs(training, parts.encoder, settings.bpe_dropout) if settings.bpe_dropout else None

        def draw(chance: torch.Generator) -> list[tuple[EncodedPairs, list[int]]]:
            pairs = training if redrawn is None else redrawn.epoch(chance)
            return [(pairs, chosen) for chosen in pairs.draw(batch, chance)]

        feed = Feed(draw, torch.Generator().manual_seed(settings.seed))
        to_device = trainer.fabric.to_device

        def losses() -> Iterator[tuple[Tensor, int]]:
            for pairs, chosen in feed.epoch():
                few = pairs.batch(chosen)
                sampled = settings.scheduled_sampling * run.share()
                with trainer.share(len(chosen)):
                    source, lengths = to_device(take(few.source, 1)), to_device(take(few.lengths))
                    read, written = to_device(take(few.read, 1)), to_device(take(few.written, 1))
                    loss = trainer.module(
                        source, lengths, read, written, settings.label_smoothing, sampled, settings.coverage_loss
                    )
                yield loss, int((few.written != NOTHING).sum())

        def validate() -> Measured:
            loss = mean_loss(model.module, held_out)
            if settings.judge == "loss":
                return Measured(loss)
            texts, references = write_all(model, held_out), [pair.target for pair in held_out.pairs]
            if settings.judge == "bleu":
                score = quick_bleu(texts, references)
                return Measured(loss, score, f"BLEU {score:.1f}")
            exact = sum(one == other for one, other in zip(texts, references, strict=True)) / len(texts)
            return Measured(loss, exact, f"exact {exact:.1%}")

        units = (1 if settings.judge == "loss" else 1 + _STEPS_A_UNIT) * int(held_out.targets.sum())
        cost = units / int(training.targets.sum()) * updates
        run = trainer.begin(updates, cost)
        return trainer.go_on(run, losses, validate, validated, feed)

    def count(self, model: TrainedTranslator, parts: Parts) -> dict[str, Any]:
        """Return how many pairs there were."""
        return {"validation_pairs": len(parts.held_out), "training_pairs": len(parts.training)}

    def hash_learnt(self, parts: Parts) -> Iterator[int]:
        """Hash each training pair."""
        return (hash_pair(pair, parts.split.jumbled) for pair in parts.training.pairs)

    def hash_held_out(self, parts: Parts) -> Iterator[int]:
        """Hash each pair held out."""
        return (hash_pair(pair, parts.split.jumbled) for pair in parts.held_out.pairs)

    def judge(
        self,
        model: TrainedTranslator,
        parts: Parts,
        settings: TranslateSettings,
        baseline: TranslationBaselines | None,
    ) -> dict[str, Any]:
        """Score the model, and compare it with the baselines."""
        if settings.suspects is not None:
            own = [parts.training] if settings.validation_data else [parts.training, parts.held_out]
            save_suspects(judge_pairs(model, own, parts.split.data.pairs), Path(settings.suspects))
        columns = dict(zip(COLUMNS, (settings.source, settings.target), strict=True))
        return {**columns, **compare_with(model, parts.held_out, baseline, _measure(settings), settings.seed)}


def _measure(settings: TranslateSettings) -> str:
    return EXACT if settings.judge == "exact" else BLEU


def _updates_per_epoch(training: EncodedPairs, settings: TranslateSettings) -> int:
    return settings.count_updates(math.ceil(len(training) / choose_batch(len(training), settings.batch)))


def _choose_epochs(training: EncodedPairs, settings: TranslateSettings) -> TranslateSettings:
    return choose_epochs(settings, _updates_per_epoch(training, settings), updates=_UPDATES, fewest=FEWEST_EPOCHS)


def choose_batch(pairs: int, requested: int | None) -> int:
    """Return how many pairs an update has: as requested, or 64 unless an epoch would have fewer than 32 updates.

    >>> choose_batch(10_000, None), choose_batch(640, None), choose_batch(640, 50)
    (64, 20, 50)
    """
    if requested is not None:
        return requested
    return min(_BATCH, max(_SMALLEST_BATCH, pairs // _FEWEST_BATCHES))


RECIPE = TranslateRecipe()
train = RECIPE.train

"""Train a language model on a text: the recipe behind `elman train generate`.

The text is cut into B parallel streams, the streams into windows of T steps. Each window is one update: the gradient
of truncated BPTT stops at its left edge, the state is carried across. The end of the text is held out, or
validation data are given; the weights with the lowest validation loss are kept. A folder of classes is read in the same
way, with the class of each unit.

>>> from elman.tasks import generate
>>> model = generate.train("book.txt", hidden=256, epochs=20, output="book.elman.safetensors")  # doctest: +SKIP
>>> model = generate.load("book.elman.safetensors")                                                    # doctest: +SKIP
>>> print("".join(model.generate("Once ", length=200)))                                                # doctest: +SKIP
"""

import contextlib
import math
import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from elman.errors import ConfigError
from elman.expr import Cell
from elman.expr.roles import hidden_to_hidden
from elman.models.finite import without_infinite
from elman.models.learnt import LearntExamples
from elman.nn import activation_penalty, temporal_activation_penalty
from elman.nn.rows import part_of, spread, take
from elman.nn.states import detach, of_each
from elman.phrases import bits, counted
from elman.tasks.generate.baseline import TextBaseline, judge_text, train_text_baseline
from elman.tasks.generate.corpus import hash_passages
from elman.tasks.generate.model import TrainedModel, build_module, load
from elman.tasks.generate.reading import Parts, Split, encode_texts, read_texts
from elman.tasks.generate.scores import mean_loss, perplexity
from elman.tasks.generate.settings import Settings
from elman.tasks.generate.space import ENCODED_BY, search_space
from elman.training.allowance import baseline_seconds
from elman.training.attempt import Validated
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.outcome import Outcome, describe_outcome
from elman.training.pretrained import Axis, Pretrained
from elman.training.progress import Moment, Progress
from elman.training.recipe import Recipe
from elman.training.search import Space
from elman.training.start import refuse_giants, start
from elman.training.windows import Streams, first_windows, truncation_windows
from elman.vocabulary.vocabulary import fixed_by_vocabulary, list_units

__all__ = ["RECIPE", "load", "train"]

_BATCH = 32
_WINDOWS_PER_STREAM = 4
_VALIDATION_STEPS_PER_STREAM = 1000
_SAMPLES_PER_RUN = 5
_CHARACTER_EMBEDDING = 64
_OWN = ("locked", "input_dropout", "embedding_dropout", "weight_dropout")
_SAMPLE_LENGTHS = {"character": 240, "word": 50, "subword": 80}


class GenerateRecipe(Recipe[Split, Parts, TextBaseline, Settings, TrainedModel]):
    """The recipe of language models."""

    settings = Settings
    encoded_by = ENCODED_BY
    few_equal = 0.05  # of the lines, which ordinary text has in its training part too

    def read(
        self, data: Any, settings: Settings, quiet: bool, pretrained: Pretrained[TrainedModel] | None = None
    ) -> Split:
        """Read the text, and hold a part out."""
        return read_texts(data, settings, pretrained)

    def encode(
        self, split: Split, settings: Settings, quiet: bool, pretrained: Pretrained[TrainedModel] | None = None
    ) -> Parts:
        """Build the vocabulary, and encode the text."""
        return encode_texts(split, settings, pretrained)

    def fixed(self, model: TrainedModel, settings: Settings) -> dict[str, Any]:
        """Return the options of the layers, the units and the name of the classes."""
        given = {"given": model.configuration["given"]} if model.classes else {}
        return {**super().fixed(model, settings), "given": None, **given, **fixed_by_vocabulary(model.vocabulary)}

    def axes(self, model: TrainedModel) -> list[Axis]:
        """Return what units and classes stand for."""
        units = list_units(model.vocabulary)
        return [*(Axis(name, units) for name in ("embedding", "readout", "bias")), Axis("given", model.classes)]

    def unit(self, parts: Parts) -> str:
        """Return the unit: character, word or subword."""
        return parts.vocabulary.unit

    def report(self, parts: Parts) -> Iterator[str]:
        """Describe the data."""
        vocabulary, training, held_out = parts.vocabulary, parts.training, parts.held_out
        units = f"{vocabulary.unit}s"
        apart = f"the last {len(held_out):,}" if parts.split.cut else f"{len(held_out):,} more"
        classes = f" in {len(parts.classes)} classes" if parts.classes else ""
        known = "different" if vocabulary.unknown is None else "known"
        yield (
            f"{len(training) + len(held_out) * parts.split.cut:,} {units}{classes}, "
            f"{len(vocabulary):,} {known}; {apart} are held out for validation"
        )
        unknown = vocabulary.count_unknown(training.numbers)
        if unknown:
            yield f"{unknown / len(training):.1%} of the words to train on are <unk>"
        overlap = LearntExamples.of(self.hash_learnt(parts)).compare(hash_passages(parts.split.held_out.text))
        if overlap.estimate > self.few_equal * overlap.count:
            yield (
                f"{overlap.estimate:,} of the {counted(overlap.count, 'line')} held out "
                f"{'is' if overlap.estimate == 1 else 'are'} in the text to train on too, so the "
                "validation loss is lower than on other text"
            )

    def compare(self, parts: Parts, settings: Settings, progress: Progress, parameters: int) -> TextBaseline | None:
        """Train the n-gram model, and score it on the held-out part."""
        held = parts.held_out.numbers
        if not len(held):
            return None
        batch = _validation_batch(len(held))
        baseline = train_text_baseline(
            parts.training.numbers,
            held,
            size=len(parts.vocabulary),
            unit=parts.vocabulary.unit,
            predicted=(len(held) - 1) // batch * batch,
            classes=bool(parts.classes),
            seconds=baseline_seconds(settings.seconds()),
        )
        progress.note(f"without recurrence, {baseline.what}: validation {baseline.said}")
        return baseline

    def space(self, given: Mapping[str, Any], parts: Parts, settings: Settings) -> Space:
        """Return the settings that a search may choose.

        Raises:
            ConfigError: nothing is held out.
        """
        if not len(parts.held_out):
            raise ConfigError(
                "search compares settings by what is held out, and validation is 0. Leave it out, or drop search."
            )
        return search_space(given, settings, len(parts.training), _choose_batch(len(parts.training), settings))

    def build(
        self,
        cell: Cell,
        sizes: Mapping[str, int] | None,
        parts: Parts,
        settings: Settings,
        baseline: TextBaseline | None,
    ) -> TrainedModel:
        """Build the layers, with the embedding of each unit."""
        configuration = _configure(cell, sizes, parts, settings)
        try:
            with refuse_giants(settings.hidden):
                module = build_module(cell, len(parts.vocabulary), configuration)
        except ConfigError as error:
            if settings.preset is None or hidden_to_hidden(cell.graph):
                raise
            raise ConfigError(f"preset {settings.preset} does not fit cell {cell.name}. {error}") from None
        start(module.recurrent, settings.init, settings.forget_bias, settings.chrono)
        return TrainedModel(module=module, vocabulary=parts.vocabulary, configuration=configuration)

    def fit(
        self, model: TrainedModel, parts: Parts, settings: Settings, progress: Progress, validated: Validated
    ) -> Outcome:
        """Train by truncated BPTT on windows of parallel streams, and show samples during the training."""
        trainer = Trainer(model.module, settings, progress)
        read, held = parts.training.on(trainer.fabric), parts.held_out.on(trainer.fabric)
        streams = Streams(read.numbers, _choose_batch(len(read), settings), read.given)
        updates = _count_updates(streams, settings)
        progress.note(
            f"{model.parameters:,} parameters; an epoch is {counted(updates, 'update')} of "
            f"{counted(streams.batch, 'stream')} × "
            f"{counted(min(settings.window, streams.steps) * settings.accumulate, 'step')}"
        )
        if streams.steps < settings.window:
            short = f"{streams.steps} steps, fewer than the window of {settings.window}"
            progress.note(f"each of the {streams.batch} streams has {short}")
        feed, samples = feed_windows(streams, settings), _Samples(settings)

        def losses() -> Iterator[tuple[Tensor, int]]:
            return window_losses(trainer.module, streams, settings, feed, trainer.share)

        def validate() -> float:
            return mean_loss(trainer.module, held.numbers, _validation_batch(len(held)), held.given)

        def show(outcome: Outcome, moment: Moment, improved: bool) -> None:
            validated(outcome, moment, improved)
            if samples.wanted(moment) and math.isfinite(outcome.history[-1].validation_loss):
                length, given = _SAMPLE_LENGTHS[model.vocabulary.unit], next(iter(model.classes), None)
                progress.sample(lambda: "".join(model.generate(length=length, seed=settings.seed, given=given)))

        cost = len(held) / (streams.batch * settings.window * settings.accumulate)
        return trainer.fit(losses, updates, validate if len(held) else None, show, validation_cost=cost, feed=feed)

    def count(self, model: TrainedModel, parts: Parts) -> dict[str, Any]:
        """Return the numbers of units."""
        units = f"{model.vocabulary.unit}s"
        return {f"validation_{units}": len(parts.held_out), f"training_{units}": len(parts.training)}

    def hash_learnt(self, parts: Parts) -> Iterator[int]:
        """Hash each passage of the training text."""
        return hash_passages(parts.split.training.text)

    def hash_held_out(self, parts: Parts) -> Iterator[int]:
        """Hash each passage of the text held out."""
        return hash_passages(parts.split.held_out.text)

    def describe(self, model: TrainedModel, parts: Parts, outcome: Outcome) -> dict[str, Any]:
        """Return the metrics of the training, with the perplexity and the bits per character."""
        measured = outcome.best_loss if math.isfinite(outcome.best_loss) else None
        in_bits = model.vocabulary.unit == "character" and measured is not None
        return {
            "validation_loss": measured,
            "perplexity": None if measured is None else without_infinite(perplexity(measured)),
            **self.count(model, parts),
            "window": parts.window,
            **describe_outcome(outcome),
            **({"bits_per_character": bits(measured)} if in_bits and measured is not None else {}),
        }

    def judge(
        self,
        model: TrainedModel,
        parts: Parts,
        settings: Settings,
        baseline: TextBaseline | None,
    ) -> dict[str, Any]:
        """Compare the loss with that of the n-gram model."""
        if baseline is None:
            return {}
        loss = model.metrics["validation_loss"]
        verdict = {} if loss is None else {"verdict": judge_text(loss, baseline)}
        return {"baseline": baseline.to_dict(), **verdict}


def _configure(cell: Cell, sizes: Mapping[str, int] | None, parts: Parts, settings: Settings) -> dict[str, Any]:
    """Return the options of the module; open ones depend on the unit and the cell."""
    characters = settings.unit == "character"
    tied = not characters if settings.tied is None else settings.tied
    embedding = settings.embedding
    if embedding is None:
        first = cell.states[0]
        output = {"hidden": settings.hidden, **(sizes or {})}.get(cell.state_size(first), settings.hidden)
        embedding = output if tied or not characters else _CHARACTER_EMBEDDING
    return {
        "embedding": embedding,
        **settings.layers_of(sizes),
        "tied": tied,
        "classes": list(parts.classes),
        "given": (settings.given or parts.split.name) if parts.classes else "",
        **{name: getattr(settings, name) for name in _OWN},
    }


def feed_windows(streams: Streams, settings: Settings) -> "Feed[random.Random, range]":
    """Cut streams into windows anew in every epoch; `shift_windows` draws the length of the first one."""

    def draw(chance: random.Random) -> list[range]:
        first = chance.choice(first_windows(streams.steps, settings.window)) if settings.shift_windows else None
        return truncation_windows(streams.steps, settings.window, first)

    return Feed(draw, random.Random(settings.seed))  # noqa: S311 - the same windows must come back


def window_losses(
    module: nn.Module,
    streams: Streams,
    settings: Settings,
    feed: "Feed[random.Random, range] | None" = None,
    share: Callable[[int], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
) -> Iterator[tuple[Tensor, int]]:
    """Read all streams once: yield the training loss of each window, and the number of units of which it is the mean.

    The first window starts from the zero state; each later one from the final state of the window before, detached. The
    loss is the mean cross entropy in nats, with label smoothing and the penalties on activations of the settings (AR
    and TAR of Merity et al. 2017).

    Args:
        module: a `LanguageModel`, or one that a training library has wrapped.
        streams: of the training part.
        settings: the window, and the terms of the loss.
        feed: cuts the windows, and carries the state.
        share: computes the rows of this process, see :meth:`elman.training.loop.Trainer.share`.
    """
    feed = feed_windows(streams, settings) if feed is None else feed
    for steps in feed.epoch():
        inputs, targets, given = streams.window(steps.start, steps.stop)
        with share(streams.batch):
            carried = None if feed.carried is None else of_each(feed.carried, partial(take, axis=1))
            given, own = take(given, 1), take(targets, 1)
            loss, state, dropped, output = module(
                take(inputs, 1), carried, given=given, targets=own, label_smoothing=settings.label_smoothing
            )
            if settings.activation_penalty:
                loss = loss + settings.activation_penalty * activation_penalty(dropped)
            if settings.temporal_penalty:
                loss = loss + settings.temporal_penalty * temporal_activation_penalty(output)
            loss, feed.carried = part_of(loss), of_each(detach(state), spread)
        yield loss, targets.numel()


def _count_updates(streams: Streams, settings: Settings) -> int:
    """Return the number of updates of an epoch; shifted windows do not change it."""
    first = first_windows(streams.steps, settings.window)[0] if settings.shift_windows else None
    return settings.count_updates(len(truncation_windows(streams.steps, settings.window, first)))


def _validation_batch(held: int) -> int:
    """Return the number of streams of the held-out units."""
    return max(1, (held - 1) // _VALIDATION_STEPS_PER_STREAM)


def _choose_batch(units: int, settings: Settings) -> int:
    """Return B: the setting, or 32, or fewer where the streams of a short text would be shorter than four windows."""
    if settings.batch is None:
        return max(1, min(_BATCH, (units - 1) // (settings.window * _WINDOWS_PER_STREAM)))
    return settings.batch


class _Samples:
    """The choice of validations after which a sample is shown: every n-th, or at each fifth of the run."""

    def __init__(self, settings: Settings) -> None:
        self._every = settings.sample_every
        self._seen = 0
        self._next_share = 0.0

    def wanted(self, moment: Moment) -> bool:
        self._seen += 1
        if self._every is not None:
            return self._every > 0 and self._seen % self._every == 0
        if moment.share < self._next_share:
            return False
        self._next_share = math.floor(moment.share * _SAMPLES_PER_RUN + 1) / _SAMPLES_PER_RUN
        return True


RECIPE = GenerateRecipe()
train = RECIPE.train

"""Train a model that gives one answer for a whole sequence: the recipe of `elman train classify`.

The sequence is a text, a series of numbers, a row of a table, sound, an image or a genome; the answer is a class,
several labels, or a number. A part of the examples is held out, the same share of each class. The vocabulary, the
scales and all else that turns examples into numbers is learnt from the other part alone. The weights with the lowest
log loss on the held-out part are kept. Of few examples, a network for each fold holds out another part, and the mean of
all of them answers.

>>> from elman.tasks import classify
>>> model = classify.train("reviews.csv", target="label", output="reviews.elman.safetensors")  # doctest: +SKIP
>>> model.predict(["what a film"])                                                             # doctest: +SKIP
['pos']
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from elman.encoders.batches import answer, draw_batches
from elman.encoders.encoder import Encoder
from elman.encoders.fronts import Units
from elman.encoders.image import ImageEncoder
from elman.encoders.letters import LettersEncoder
from elman.encoders.sound import Features, SoundEncoder
from elman.encoders.table import TableEncoder
from elman.encoders.words import WordsEncoder
from elman.expr import Cell
from elman.models.learnt import LearntExamples
from elman.nn import Recurrent, init
from elman.nn.rows import part_of, take
from elman.phrases import counted
from elman.scores.measured import Measured
from elman.tasks.classify.baseline.linear import train_baseline
from elman.tasks.classify.judging import ClassifierFit, Compared, judge_fits, score_fit
from elman.tasks.classify.member import FoldMember
from elman.tasks.classify.model import TrainedClassifier, build_module, load
from elman.tasks.classify.reading import Parts, Split, divide_examples, encode_examples, read_examples
from elman.tasks.classify.report import report_data
from elman.tasks.classify.scoring import score_outputs
from elman.tasks.classify.settings import ClassifySettings
from elman.tasks.classify.space import ENCODED_BY, choose_rate, search_space
from elman.training.allowance import baseline_seconds
from elman.training.attempt import FEWEST_EPOCHS, Validated, choose_batch, choose_epochs
from elman.training.feed import Feed
from elman.training.folding import Fit
from elman.training.loop import Trainer
from elman.training.outcome import Outcome
from elman.training.pretrained import Axis, Pretrained
from elman.training.progress import EXAMPLE, Progress
from elman.training.recipe import Recipe
from elman.training.search import Space
from elman.training.start import refuse_giants, start
from elman.vocabulary.tally import FIRST

__all__ = ["RECIPE", "load", "train"]

_OWN = ("pooling", "embedding", "input_dropout", "word_dropout")


class ClassifyRecipe(Recipe[Split, Parts, Compared, ClassifySettings, TrainedClassifier]):
    """The recipe of models that answer a sequence with a class, labels or a number."""

    settings = ClassifySettings
    encoded_by = ENCODED_BY

    def read(
        self,
        data: Any,
        settings: ClassifySettings,
        quiet: bool,
        pretrained: Pretrained[TrainedClassifier] | None = None,
    ) -> Split:
        """Read the examples, and hold some out."""
        return read_examples(data, settings, quiet, pretrained)

    def encode(
        self,
        split: Split,
        settings: ClassifySettings,
        quiet: bool,
        pretrained: Pretrained[TrainedClassifier] | None = None,
    ) -> Parts:
        """Learn the encoder, and encode all examples."""
        return encode_examples(split, settings, quiet, pretrained)

    def networks(self, model: TrainedClassifier) -> list[TrainedClassifier]:
        """Return the network of each fold, with what it reads."""
        return [
            dataclasses.replace(
                model,
                module=one.module,
                encoder=one.encoder,
                targets=one.targets,
                covariates=one.covariates,
                baseline=None,
                others=(),
            )
            for one in model.members
        ]

    def fixed(self, model: TrainedClassifier, settings: ClassifySettings) -> dict[str, Any]:
        """Return the options of the layers, the columns and the encoder."""
        columns, encoder = model.columns, model.encoder
        inputs = {name.partition(":")[0] for name in settings.columns()}
        named = {name: getattr(columns, name) for name in ("target", "id", "group") if getattr(columns, name)}
        return {
            **super().fixed(model, settings),
            "direction": "both" if model.configuration["bidirectional"] else "forward",
            "pooling": model.module.pooling,
            "input": settings.input if inputs == set(columns.inputs) else ",".join(columns.inputs),
            "target_kind": model.targets.kind,
            **named,
            **_fixed_by_encoder(encoder, settings),
        }

    def axes(self, model: TrainedClassifier) -> list[Axis]:
        """Return what units, letters, numbers of a table and classes stand for."""
        axes = [Axis("readout", model.targets.classes)] if model.targets.classes else []
        encoder = model.encoder
        if isinstance(encoder, WordsEncoder | LettersEncoder):
            (embedding,) = (
                f"{name}.embedding" for name, part in model.module.named_modules() if isinstance(part, Units)
            )
            axes.append(Axis(embedding, [*range(FIRST), *encoder.known]))
        if isinstance(encoder, WordsEncoder):
            axes.append(Axis("front.letters", [*range(FIRST), *encoder.letters]))
        if isinstance(encoder, TableEncoder):
            axes.append(Axis("recurrent", encoder.labels()))
        if model.covariates is not None:
            pooled = model.module.recurrent.output_size
            axes.append(Axis("joint", [*range(pooled), *model.covariates.labels()]))
        return axes

    def usual_rate(self, settings: ClassifySettings, parts: Parts) -> float:
        """Return the rate that suits the kind of input."""
        return choose_rate(settings, parts.encoder.suggested)

    def unit(self, parts: Parts) -> str:
        """Count examples."""
        return EXAMPLE

    def report(self, parts: Parts) -> Iterator[str]:
        """Yield a description of the data, a line each."""
        yield from parts.notes
        yield from report_data(
            _describe_read(parts),
            parts.targets,
            parts.training,
            parts.held_out,
            prints=parts.prints,
            missing=parts.missing,
            left_out=parts.left_out,
            folded="text" in parts.columns.inputs.values(),
            group=parts.columns.group,
            folds=parts.folds,
        ).lines()
        if parts.vectors is not None:
            yield parts.vectors.describe()

    def compare(self, parts: Parts, settings: ClassifySettings, progress: Progress, parameters: int) -> Compared:
        """Train the non-recurrent baseline on the same features, and score it on the held-out part."""
        units = parts.encoder.describe().partition(",")[0] if parts.encoder.units else None
        units = f"{units} and columns" if units and parts.covariates else units
        baseline = train_baseline(
            parts.training,
            parts.held_out,
            parts.targets,
            within=parts.within,
            units=units,
            select=settings.select,
            seed=settings.seed,
            seconds=baseline_seconds(settings.seconds()),
            places=getattr(parts.encoder, "places", 0),
            complements=getattr(parts.encoder, "complements", ()),
            ngrams=parts.encoder.ngrams if isinstance(parts.encoder, WordsEncoder) else None,
        )
        held_out = parts.held_out
        outputs = baseline.outputs(held_out)
        score = score_outputs(parts.targets, outputs, held_out.targets, held_out.weights, held_out.groups)
        progress.note(f"without recurrence, {baseline.what}: validation {score.measure} {score.said()}")
        return baseline, score

    def space(self, given: Mapping[str, Any], parts: Parts, settings: ClassifySettings) -> Space:
        """Return the search space for this kind of input."""
        batch = choose_batch(len(parts.training), settings.batch)
        encoder = parts.encoder
        return search_space(given, parts.columns, encoder.front, encoder.suggested, parts.longest, batch)

    def build(
        self,
        cell: Cell,
        sizes: Mapping[str, int] | None,
        parts: Parts,
        settings: ClassifySettings,
        baseline: Compared | None,
    ) -> TrainedClassifier:
        """Build the layers behind the front that the encoder needs."""
        encoder, columns = parts.encoder, parts.columns
        configuration = {
            **settings.layers_of(sizes),
            **{name: getattr(settings, name) for name in _OWN},
            "bidirectional": (settings.direction or encoder.suggested.direction) == "both",
        }
        if parts.vectors is not None:
            configuration["embedding"] = parts.vectors.size
        with refuse_giants(settings.hidden):
            module = build_module(cell, encoder, parts.targets, configuration, parts.covariates)
        if parts.vectors is not None and isinstance(encoder, WordsEncoder):
            parts.vectors.fill(cast("Units", module.front).embedding.weight, [*[None] * FIRST, *encoder.known])
        memory = _choose_memory(settings, module.recurrent, encoder)
        start(module.recurrent, settings.init, settings.forget_bias, memory)
        return TrainedClassifier(
            module=module,
            columns=columns,
            encoder=encoder,
            targets=parts.targets,
            covariates=parts.covariates,
            configuration=configuration,
        )

    def fit(
        self,
        model: TrainedClassifier,
        parts: Parts,
        settings: ClassifySettings,
        progress: Progress,
        validated: Validated,
    ) -> Outcome:
        """Train on padded batches of examples of similar length."""
        training, held_out, targets = parts.training, parts.held_out, parts.targets
        batch = choose_batch(len(training), settings.batch)
        updates, suggested = settings.count_updates(math.ceil(len(training) / batch)), parts.encoder.suggested
        settings = choose_epochs(settings, updates, fewest=suggested.epochs or FEWEST_EPOCHS)
        trainer = Trainer(model.module, settings, progress)
        progress.note(
            f"{model.parameters:,} parameters; an epoch is {counted(updates, 'update')} of "
            f"{counted(batch * settings.accumulate, 'example')}"
        )
        feed = Feed(
            lambda chance: list(draw_batches(training.lengths, batch, chance)),
            torch.Generator().manual_seed(settings.seed),
        )
        to_device = trainer.fabric.to_device

        def losses() -> Iterator[tuple[Tensor, int]]:
            for chosen in feed.epoch():
                few = training.batch(chosen, augment=feed.chance if settings.augment else None)
                with trainer.share(len(chosen)):
                    given = [take(few.steps, 1), take(few.lengths)]
                    given += [] if few.covariates is None else [take(few.covariates)]
                    outputs = trainer.module(*map(to_device, given))
                    right, weights = to_device(take(few.targets)), to_device(take(few.weights))
                    loss = part_of(targets.training_loss(outputs, right, settings.label_smoothing, weights))
                yield loss, len(chosen)

        def validate() -> Measured:
            outputs = answer(trainer.module, held_out)
            return targets.measure(outputs, held_out.targets, held_out.weights, settings.select)

        steps = int(held_out.lengths.sum()) / int(training.lengths.sum()) * len(training)
        cost = steps / (batch * settings.accumulate)
        keep_all = parts.folds > 1
        return trainer.fit(losses, updates, validate, validated, validation_cost=cost, feed=feed, keep_all=keep_all)

    def count(self, model: TrainedClassifier, parts: Parts) -> dict[str, Any]:
        """Return how many examples there were."""
        return {"validation_examples": len(parts.held_out), "training_examples": len(parts.training)}

    def hash_learnt(self, parts: Parts) -> Iterable[int]:
        """Return the fingerprints of the training examples: of folds, those of all examples."""
        return parts.prints[0] if parts.folds == 1 else np.concatenate(parts.prints)  # type: ignore[return-value]

    def hash_held_out(self, parts: Parts) -> Iterable[int]:
        """Return the fingerprints of the examples held out: of folds, those of all examples."""
        return self.hash_learnt(parts) if parts.folds > 1 else parts.prints[1]  # type: ignore[return-value]

    def judge(
        self, model: TrainedClassifier, parts: Parts, settings: ClassifySettings, baseline: Compared | None
    ) -> dict[str, Any]:
        """Score the model, and compare it with the baseline and with its own answers to steps in random order."""
        return self.judge_all(model, [Fit(model, parts, baseline, Outcome())], settings)

    def judge_all(
        self, model: TrainedClassifier, fits: Sequence[ClassifierFit], settings: ClassifySettings
    ) -> dict[str, Any]:
        """Score the networks on what each has not seen."""
        return judge_fits(model, fits, settings.seed, settings.alone)

    def divide(
        self, split: Split, settings: ClassifySettings, pretrained: Pretrained[TrainedClassifier] | None = None
    ) -> list[Split]:
        """Divide the examples into folds, if they are requested or few."""
        return divide_examples(split, settings, pretrained)

    def join(self, fits: Sequence[ClassifierFit]) -> TrainedClassifier:
        """Put the networks of all folds into one model, whose answer is their mean."""
        first = fits[0].model
        if len(fits) == 1:
            if fits[0].parts.folds == 1:
                return first
            # The time may end here, or an interruption; then what the fold held out is not learnt.
            return dataclasses.replace(first, learnt=LearntExamples.of(fits[0].parts.prints[0]))
        others = tuple(
            FoldMember(fit.model.module.eval(), fit.model.encoder, fit.model.targets, covariates=fit.model.covariates)
            for fit in fits[1:]
        )
        return dataclasses.replace(first, others=others)

    def describe_fold(self, fit: ClassifierFit) -> str:
        """Write the scores of a network and of its baseline on what they have not seen."""
        ours, other = score_fit(fit)
        score = f"{ours.measure} {ours.said()}"
        if other is not None and fit.baseline is not None:
            score += f", {fit.baseline[0].what} {other.said()}"
        return f"{score} on {counted(len(fit.parts.held_out), 'example')} that it has not seen"


def _describe_read(parts: Parts) -> str:
    """Describe in one line what is read of an example."""
    if parts.covariates is None:
        return parts.encoder.describe()
    others = parts.covariates.describe().removeprefix("rows of ").replace(" in one step", "")
    return f"{parts.encoder.describe()}; beside them {others}"


def _fixed_by_encoder(encoder: Encoder, settings: ClassifySettings) -> dict[str, Any]:
    """Return the options that an encoder has been made with."""
    found: dict[str, Any] = {"max_length": encoder.limit.most} if hasattr(encoder, "limit") else {}
    if hasattr(encoder, "convolution"):
        found["convolution"] = encoder.convolution
    match encoder:
        case WordsEncoder():
            found["unit"] = encoder.unit
            if encoder.unit == "word":
                found["letters"] = bool(encoder.letters)
        case LettersEncoder():
            found |= {"kmer": encoder.kmer, "both_strands": encoder.both_strands}
        case SoundEncoder():
            found |= {name: getattr(encoder.features, name) for name in Features.__dataclass_fields__ if name != "rate"}
            found["normalise"] = "recording" if encoder.centred else "training"
        case ImageEncoder():
            # Images that are smaller than `longest_side` keep their size.
            found |= {"read": encoder.read, "longest_side": max(*encoder.size[:2], settings.longest_side)}
    return found


def _choose_memory(settings: ClassifySettings, layer: Recurrent, encoder: Encoder) -> int | None:
    """Return the most steps of memory for the chrono initialisation: as given, else as suggested for this input."""
    wanted = encoder.suggested.memory
    free = settings.chrono is None and settings.forget_bias is None and settings.init == "uniform"
    return wanted if free and wanted is not None and init.remembers(layer) else settings.chrono


RECIPE = ClassifyRecipe()
train = RECIPE.train

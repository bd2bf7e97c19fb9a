"""Train a model that writes a caption for a picture: the recipe behind `elman train caption`.

The words are learnt from the captions that are not held out; an update reads some pictures with all their captions. The
weights whose greedy captions of the held-out pictures are best are the ones that stay.

>>> from elman.tasks import caption
>>> model = caption.train("captions.csv", images="photos", backbone="efficientnet-lite0")     # doctest: +SKIP
>>> model.predict(["beach.jpg"])                                                              # doctest: +SKIP
['two children are playing in the sand']
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from elman.encoders.pictures import efficientnet
from elman.encoders.pictures.encoder import CONVOLUTION
from elman.expr import Cell
from elman.phrases import counted
from elman.scores.captions import CIDER
from elman.scores.cider import score_cider
from elman.scores.measured import Measured
from elman.scores.ngrams import bleu_counts, bleu_of
from elman.scores.translations import has_sacrebleu, require_sacrebleu
from elman.tasks.caption.baseline import CaptionBaselines, score_baselines
from elman.tasks.caption.batches import NOTHING, EncodedCaptions
from elman.tasks.caption.model import TrainedCaptioner, build_module, hash_pictures, load, mean_loss
from elman.tasks.caption.reading import COLUMNS, Parts, Split, encode_captions, read_captions, report_captions
from elman.tasks.caption.settings import CaptionSettings
from elman.tasks.caption.space import RATE, caption_space
from elman.tasks.caption.verdict import compare as compare_with
from elman.tasks.caption.verdict import write_all
from elman.training.attempt import FEWEST_EPOCHS, Validated, choose_epochs
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.outcome import Outcome
from elman.training.pretrained import Axis, Pretrained
from elman.training.progress import SENTENCE, Progress
from elman.training.recipe import Recipe
from elman.training.search import Space
from elman.training.start import refuse_giants, start

__all__ = ["RECIPE", "load", "train"]

_UPDATES = 1500
_CAPTIONS, _FEWEST_BATCHES = 64, 16
_OWN = ("embedding", "attention", "heads", "second_attention", "input_dropout")
_STEPS_A_WORD = 3  # greedy search reads a word in about the time of so many in training


class CaptionRecipe(Recipe[Split, Parts, CaptionBaselines, CaptionSettings, TrainedCaptioner]):
    """The recipe of models that caption."""

    settings = CaptionSettings
    rate = RATE

    def read(
        self, data: Any, settings: CaptionSettings, quiet: bool, pretrained: Pretrained[TrainedCaptioner] | None = None
    ) -> Split:
        """Read captions and pictures, and hold some out."""
        if settings.select == "bleu":
            require_sacrebleu("caption")
        return read_captions(data, settings)

    def encode(
        self,
        split: Split,
        settings: CaptionSettings,
        quiet: bool,
        pretrained: Pretrained[TrainedCaptioner] | None = None,
    ) -> Parts:
        """Learn the words and the scales, and encode everything."""
        return encode_captions(split, settings, quiet, pretrained)

    def fixed(self, model: TrainedCaptioner, settings: CaptionSettings) -> dict[str, Any]:
        """Return the options of the layers and of the pictures."""
        pictures = model.encoder.pictures
        read = {"side": pictures.side} if pictures.reads_photos else {}
        backbone = pictures.reader if pictures.reader == efficientnet.NAME else None
        return {**super().fixed(model, settings), "backbone": backbone, **read}

    def axes(self, model: TrainedCaptioner) -> list[Axis]:
        """Return what words stand for."""
        words = model.encoder.words.labels()
        return [Axis("target_embedding", words), Axis("bias", words)]

    def unit(self, parts: Parts) -> str:
        """Count captions."""
        return SENTENCE

    def report(self, parts: Parts) -> Iterator[str]:
        """Say what there is to learn from."""
        yield from report_captions(parts)

    def compare(
        self, parts: Parts, settings: CaptionSettings, progress: Progress, parameters: int
    ) -> CaptionBaselines | None:
        """Score the best constant caption, and those of the nearest training pictures."""
        found = score_baselines(parts.training, parts.held_out)
        progress.note(f"the best constant caption, {found.text!r}: validation {found.constant.said()}")
        progress.note(f"the caption of the nearest training picture: validation {found.nearest.said()}")
        return found

    def space(self, given: Mapping[str, Any], parts: Parts, settings: CaptionSettings) -> Space:
        """Return the settings that a search may choose."""
        return caption_space(given, choose_batch(parts.training, settings.batch))

    def build(
        self,
        cell: Cell,
        sizes: Mapping[str, int] | None,
        parts: Parts,
        settings: CaptionSettings,
        baseline: CaptionBaselines | None,
    ) -> TrainedCaptioner:
        """Build the layers."""
        configuration = {**settings.layers_of(sizes), **{name: getattr(settings, name) for name in _OWN}}
        with refuse_giants(settings.hidden):
            module = build_module(cell, parts.encoder, configuration)
        for layer in module.layers():
            start(layer, settings.init, settings.forget_bias, settings.chrono)
        return TrainedCaptioner(module=module, encoder=parts.encoder, configuration=configuration)

    def fit(
        self,
        model: TrainedCaptioner,
        parts: Parts,
        settings: CaptionSettings,
        progress: Progress,
        validated: Validated,
    ) -> Outcome:
        """Train on batches of pictures with all their captions."""
        training, held_out = parts.training, parts.held_out
        batch = choose_batch(training, settings.batch)
        updates = settings.count_updates(math.ceil(len(training) / batch))
        settings = choose_epochs(settings, updates, updates=_UPDATES, fewest=FEWEST_EPOCHS)
        trainer = Trainer(model.module, settings, progress)
        progress.note(
            f"{model.parameters:,} parameters; an epoch is {counted(updates, 'update')} of "
            f"{counted(batch * settings.accumulate, 'picture')}"
        )
        feed = Feed(lambda chance: list(training.draw(batch, chance)), torch.Generator().manual_seed(settings.seed))
        mirrors = settings.augment and parts.encoder.pictures.reader == CONVOLUTION
        to_device, judge = trainer.fabric.to_device, choose_judge(settings)

        def losses() -> Iterator[tuple[Tensor, int]]:
            for chosen in feed.epoch():
                few = training.batch(chosen, feed.chance if mirrors else None)
                with trainer.share(len(chosen)):
                    loss = trainer.module(*map(to_device, few.taken()), settings.label_smoothing)
                yield loss, int((few.written != NOTHING).sum())

        def validate() -> Measured:
            loss = mean_loss(model.module, held_out)
            if judge == "loss":
                return Measured(loss)
            texts = write_all(model, held_out)
            if judge == "cider":
                score = sum(score_cider(texts, held_out.references)) / len(texts)
                return Measured(loss, score, f"{CIDER} {score:.1f}")
            score = bleu_of(bleu_counts(texts, held_out.references, tokenized=True).sum(0))
            return Measured(loss, score, f"BLEU-4 {score:.1f}")

        words = int(held_out.lengths.sum()) + (0 if judge == "loss" else _STEPS_A_WORD * 12 * len(held_out))
        run = trainer.begin(updates, words / int(training.lengths.sum()) * updates)
        return trainer.go_on(run, losses, validate, validated, feed)

    def count(self, model: TrainedCaptioner, parts: Parts) -> dict[str, Any]:
        """Return how many pictures and captions there were."""
        return {
            "validation_pictures": len(parts.held_out),
            "training_pictures": len(parts.training),
            "training_captions": len(parts.training.lengths),
        }

    def hash_learnt(self, parts: Parts) -> Iterable[int]:
        """Hash each training picture."""
        return hash_pictures(parts.training)

    def hash_held_out(self, parts: Parts) -> Iterable[int]:
        """Hash each picture held out."""
        return hash_pictures(parts.held_out)

    def judge(
        self,
        model: TrainedCaptioner,
        parts: Parts,
        settings: CaptionSettings,
        baseline: CaptionBaselines | None,
    ) -> dict[str, Any]:
        """Score the model, and compare it with captions that need no network."""
        columns = dict(zip(COLUMNS, (settings.image_column, settings.caption_column), strict=True))
        return {**columns, **compare_with(model, parts.held_out, baseline, settings.seed)}


def choose_judge(settings: CaptionSettings) -> str:
    """Return what chooses the best weights: as requested, else CIDEr-D, or the loss where scores are not measured."""
    return settings.select or ("cider" if has_sacrebleu() else "loss")


def choose_batch(training: EncodedCaptions, requested: int | None) -> int:
    """Return how many pictures an update has: as requested, or so many that they have 64 captions.

    An epoch has at least 16 updates, if there are as many pictures.
    """
    if requested is not None:
        return requested
    each = len(training.lengths) / len(training)
    return max(1, min(round(_CAPTIONS / each), len(training) // _FEWEST_BATCHES))


RECIPE = CaptionRecipe()
train = RECIPE.train

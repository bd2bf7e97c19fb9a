"""Train a model that writes down what is said: the recipe behind `elman train transcribe`.

The network is trained with CTC (Graves et al. 2006), so transcripts need no times. The weights whose greedy transcripts
of the held-out utterances have the fewest wrong characters are the ones that stay.

A network under CTC first learns to write nothing but blanks, and may stay there for long (the plateau): until it has
left it, patience does not count, and sounds are not varied.

>>> from elman.tasks import transcribe
>>> model = transcribe.train("digits.csv", output="digits.elman.safetensors")     # doctest: +SKIP
>>> model.predict(["one.wav"])                                                    # doctest: +SKIP
['seven two']
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from elman.expr import Cell
from elman.nn.rows import part_of, take
from elman.phrases import counted
from elman.scores.errors import has_jiwer, score_errors
from elman.scores.measured import Measured
from elman.tasks.transcribe.answering import measure_delay, write_texts
from elman.tasks.transcribe.baseline import SpeechBaselines, train_baselines
from elman.tasks.transcribe.model import TrainedTranscriber, build_module, load
from elman.tasks.transcribe.module import SUBSAMPLING
from elman.tasks.transcribe.reading import Parts, Split, encode_speech, read_speech, report_speech
from elman.tasks.transcribe.settings import TranscribeSettings
from elman.tasks.transcribe.space import RATE, transcribe_space
from elman.tasks.transcribe.verdict import compare as compare_with
from elman.training.allowance import baseline_seconds
from elman.training.attempt import FEWEST_EPOCHS, Validated, choose_epochs
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.outcome import Outcome
from elman.training.pretrained import Axis, Pretrained
from elman.training.progress import EXAMPLE, Progress
from elman.training.recipe import Recipe
from elman.training.search import Space
from elman.training.start import refuse_giants, start
from elman.vocabulary.vocabulary import fixed_by_vocabulary

__all__ = ["RECIPE", "load", "train"]

_UPDATES, _MOST_EPOCHS = 10_000, 200  # varied anew each time, an utterance can be heard often
_SMALLEST_BATCH, _BATCH, _FEWEST_BATCHES = 4, 16, 32
_OWN = ("channels", "input_dropout")
_LEFT = 0.5  # of the entropy of the units: who knows no sound needs all of it to write one


class TranscribeRecipe(Recipe[Split, Parts, SpeechBaselines, TranscribeSettings, TrainedTranscriber]):
    """The recipe of transcribers."""

    settings = TranscribeSettings
    rate = RATE

    def read(
        self,
        data: Any,
        settings: TranscribeSettings,
        quiet: bool,
        pretrained: Pretrained[TrainedTranscriber] | None = None,
    ) -> Split:
        """Read the utterances, and hold some out."""
        return read_speech(data, settings, quiet)

    def encode(
        self,
        split: Split,
        settings: TranscribeSettings,
        quiet: bool,
        pretrained: Pretrained[TrainedTranscriber] | None = None,
    ) -> Parts:
        """Learn the characters, and encode all utterances."""
        return encode_speech(split, settings, quiet, pretrained)

    def fixed(self, model: TrainedTranscriber, settings: TranscribeSettings) -> dict[str, Any]:
        """Return the options of the layers, of the frames and of the units."""
        encoder = model.encoder
        features, subwords = encoder.features, encoder.subwords
        frames = {} if features is None else {name: getattr(features, name) for name in ("mels", "frame", "hop")}
        return {
            **super().fixed(model, settings),
            "direction": "both" if model.configuration["bidirectional"] else "forward",
            "streaming": encoder.running is not None,
            # A configuration counts steps.
            "look_ahead": None if encoder.running is None else model.module.steps_ahead * SUBSAMPLING,
            "deltas": encoder.deltas,
            **frames,
            **({"unit": "character"} if subwords is None else fixed_by_vocabulary(subwords.vocabulary)),
        }

    def axes(self, model: TrainedTranscriber) -> list[Axis]:
        """Return what units stand for."""
        return [Axis("readout", model.encoder.labels())]

    def unit(self, parts: Parts) -> str:
        """Count utterances."""
        return EXAMPLE

    def report(self, parts: Parts) -> Iterator[str]:
        """Say what there is to learn from."""
        yield from report_speech(parts)
        if not has_jiwer():
            yield (
                "jiwer is not installed, so errors are not counted, and the weights of the lowest loss stay. "
                "Install it: pip install 'elman[transcribe]'."
            )

    def compare(
        self, parts: Parts, settings: TranscribeSettings, progress: Progress, parameters: int
    ) -> SpeechBaselines | None:
        """Train a network of convolutions, and count the most frequent transcript; nothing where jiwer is missing."""
        if not has_jiwer():
            return None
        seconds = baseline_seconds(settings.seconds())
        found = train_baselines(parts.training, parts.held_out, parts.encoder, seed=settings.seed, seconds=seconds)
        progress.note(f"without recurrence, {found.what}: validation {found.network.said()}")
        progress.note(f"always the most frequent transcript: {found.usual.said()}")
        return found

    def space(self, given: Mapping[str, Any], parts: Parts, settings: TranscribeSettings) -> Space:
        """Return the settings that a search may choose."""
        return transcribe_space(given, choose_batch(len(parts.training), settings.batch))

    def build(
        self,
        cell: Cell,
        sizes: Mapping[str, int] | None,
        parts: Parts,
        settings: TranscribeSettings,
        baseline: SpeechBaselines | None,
    ) -> TrainedTranscriber:
        """Build the layers."""
        configuration = {
            **settings.layers_of(sizes),
            **{name: getattr(settings, name) for name in _OWN},
            "bidirectional": settings.bidirectional,
            "look_ahead": parts.look_ahead,
        }
        with refuse_giants(settings.hidden):
            module = build_module(cell, parts.encoder, configuration)
        for layer in module.layers_that_recur:
            start(layer, settings.init, settings.forget_bias, settings.chrono)
        return TrainedTranscriber(module=module, encoder=parts.encoder, configuration=configuration)

    def fit(
        self,
        model: TrainedTranscriber,
        parts: Parts,
        settings: TranscribeSettings,
        progress: Progress,
        validated: Validated,
    ) -> Outcome:
        """Train on padded batches of utterances of about one length."""
        training, held_out = parts.training, parts.held_out
        batch = choose_batch(len(training), settings.batch)
        updates = settings.count_updates(math.ceil(len(training) / batch))
        settings = choose_epochs(settings, updates, updates=_UPDATES, fewest=FEWEST_EPOCHS, most=_MOST_EPOCHS)
        trainer = Trainer(model.module, settings, progress)
        progress.note(
            f"{model.parameters:,} parameters; an epoch is {counted(updates, 'update')} of "
            f"{counted(batch * settings.accumulate, 'utterance')}"
        )
        feed = Feed(lambda chance: list(training.draw(batch, chance)), torch.Generator().manual_seed(settings.seed))
        to_device = trainer.fabric.to_device
        low = _LEFT * entropy(training.texts)

        def losses() -> Iterator[tuple[Tensor, int]]:
            for chosen in feed.epoch():
                is_varied = settings.augment and run.counts.counted > 0
                few = training.batch(chosen, augment=feed.chance if is_varied else None)
                with trainer.share(len(chosen)):
                    log_p, lengths = trainer.module(to_device(take(few.frames, 1)), to_device(take(few.lengths)))
                    texts = [few.texts[at] for at in take(torch.arange(len(chosen))).tolist()]
                    loss = part_of(model.module.loss(log_p, lengths, texts))
                yield loss, len(chosen)

        def validate() -> Measured:
            texts, loss = write_texts(model.module, held_out, model.encoder)
            # By what is learnt from: what is held out must not decide how a training goes on.
            is_early = run.counts.counted == 0 and run.outcome.training_loss >= low
            if not is_early and run.counts.counted == 0:
                varied = "; sounds are varied from here on" if settings.augment else ""
                progress.note(f"update {run.outcome.updates}: the model writes more than blanks{varied}")
            if not has_jiwer():
                return Measured(loss, is_early=is_early)
            rate = score_errors(texts, held_out.transcripts, unit="character").rate
            assert rate is not None
            return Measured(loss, 1 - rate, f"CER {rate:.1%}", is_early=is_early)

        run = trainer.begin(updates, int(held_out.lengths.sum()) / int(training.lengths.sum()) * updates)
        outcome = trainer.go_on(run, losses, validate, validated, feed)
        model.encoder = dataclasses.replace(model.encoder, delay=measure_delay(model.module, training))
        return outcome

    def count(self, model: TrainedTranscriber, parts: Parts) -> dict[str, Any]:
        """Return the numbers of utterances."""
        return {"validation_utterances": len(parts.held_out), "training_utterances": len(parts.training)}

    def hash_learnt(self, parts: Parts) -> Iterable[int]:
        """Return the hashes of the training utterances."""
        return parts.training.hashes  # type: ignore[return-value]

    def hash_held_out(self, parts: Parts) -> Iterable[int]:
        """Return the hashes of the utterances held out."""
        return parts.held_out.hashes  # type: ignore[return-value]

    def judge(
        self,
        model: TrainedTranscriber,
        parts: Parts,
        settings: TranscribeSettings,
        baseline: SpeechBaselines | None,
    ) -> dict[str, Any]:
        """Score the model, and compare it with the baselines."""
        columns = {"audio_column": settings.audio, "text_column": settings.text, "speaker_column": settings.speaker}
        if not has_jiwer():
            return columns
        return {**columns, **compare_with(model, parts.held_out, baseline, settings.seed)}


def choose_batch(utterances: int, requested: int | None) -> int:
    """Return how many utterances an update has: as requested, or 16 unless an epoch would have fewer than 32 updates.

    >>> choose_batch(10_000, None), choose_batch(200, None), choose_batch(200, 50)
    (16, 6, 50)
    """
    if requested is not None:
        return requested
    return min(_BATCH, max(_SMALLEST_BATCH, utterances // _FEWEST_BATCHES))


def entropy(texts: Sequence[Sequence[int]]) -> float:
    """Return the entropy of the units of some texts, in nats a unit: the loss of who knows how often each is written.

    >>> round(entropy([[1, 2], [2, 1]]), 3)
    0.693
    """
    counts = Counter(unit for text in texts for unit in text)
    total = sum(counts.values())
    return -sum(count / total * math.log(count / total) for count in counts.values())


RECIPE = TranscribeRecipe()
train = RECIPE.train

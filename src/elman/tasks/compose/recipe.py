"""Train a model of music: the recipe behind `elman train compose`.

A model reads frame after frame of a piece, and learns how likely each next frame is. Pieces are transposed anew in
every epoch. The weights with the lowest loss on the pieces held out are kept.

>>> from elman.tasks import compose
>>> model = compose.train("songs", output="songs.elman.safetensors")     # doctest: +SKIP
>>> model.compose(bars=8, seed=1).frames[:2]                             # doctest: +SKIP
((72, 64, 48), (200, 192, 176))
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from elman.expr import Cell
from elman.nn.rows import part_of
from elman.phrases import counted
from elman.scores.measured import Measured
from elman.tasks.compose.baseline import MusicBaselines, describe, train_baselines
from elman.tasks.compose.batches import EncodedMusic
from elman.tasks.compose.model import TrainedComposer, load
from elman.tasks.compose.module import build_module
from elman.tasks.compose.reading import Parts, Split, encode_music, hash_piece, read_music
from elman.tasks.compose.scores import measure_music
from elman.tasks.compose.settings import ComposeSettings
from elman.tasks.compose.space import compose_space
from elman.tasks.compose.verdict import compare as compare_with
from elman.training.allowance import baseline_seconds
from elman.training.attempt import FEWEST_EPOCHS, Validated, choose_epochs
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.outcome import Outcome
from elman.training.pretrained import Axis, Pretrained
from elman.training.progress import FRAME, Progress
from elman.training.recipe import Recipe
from elman.training.search import Space
from elman.training.start import refuse_giants, start

__all__ = ["RECIPE", "load", "train"]

_UPDATES, _MOST_EPOCHS = 2000, 400
_BATCH, _SMALLEST_BATCH, _FEWEST_BATCHES = 16, 4, 12
_OWN = ("embedding", "note_hidden", "notes")


class ComposeRecipe(Recipe[Split, Parts, MusicBaselines, ComposeSettings, TrainedComposer]):
    """The recipe of models of music."""

    settings = ComposeSettings

    def read(
        self, data: Any, settings: ComposeSettings, quiet: bool, pretrained: Pretrained[TrainedComposer] | None = None
    ) -> Split:
        """Read the pieces, and hold some out."""
        return read_music(data, settings, pretrained)

    def encode(
        self,
        split: Split,
        settings: ComposeSettings,
        quiet: bool,
        pretrained: Pretrained[TrainedComposer] | None = None,
    ) -> Parts:
        """Number the frames of all pieces."""
        return encode_music(split)

    def fixed(self, model: TrainedComposer, settings: ComposeSettings) -> dict[str, Any]:
        """Return the options of the layers, and what is read of the pieces."""
        music = model.music
        read = {"grid": music.grid, "track": music.track, "drums": music.drums, "given": music.given or None}
        return {**super().fixed(model, settings), **read}

    def axes(self, model: TrainedComposer) -> list[Axis]:
        """Return what classes stand for."""
        return [Axis("embedding.given", model.music.classes)]

    def unit(self, parts: Parts) -> str:
        """Return the unit of the loss, a frame."""
        return FRAME

    def report(self, parts: Parts) -> Iterator[str]:
        """Describe the data."""
        yield from parts.split.data.notes
        layout, held_out = parts.layout, parts.held_out
        classes = f"; {layout.given} is one of {', '.join(layout.classes)}" if layout.classes else ""
        copies = f" ({counted(parts.split.left_out, 'copy', 'copies')} left out)" if parts.split.left_out else ""
        yield (
            f"{counted(len(parts.training), 'piece')} to learn from, {len(held_out)} held out with "
            f"{int(held_out.lengths.sum()):,} frames{copies}{classes}"
        )

    def compare(
        self, parts: Parts, settings: ComposeSettings, progress: Progress, parameters: int
    ) -> MusicBaselines | None:
        """Count notes, and train a network without recurrence over frames."""
        model = self._configure(parts, settings, None)
        seconds = baseline_seconds(settings.seconds())
        found = train_baselines(
            parts.training,
            parts.held_out,
            model,
            transpose=settings.moved,
            seed=settings.seed,
            seconds=seconds,
        )
        for line in describe(found):
            progress.note(line)
        return found

    def space(self, given: Mapping[str, Any], parts: Parts, settings: ComposeSettings) -> Space:
        """Return the settings that a search may choose."""
        return compose_space(given, choose_batch(parts.training, settings))

    def build(
        self,
        cell: Cell,
        sizes: Mapping[str, int] | None,
        parts: Parts,
        settings: ComposeSettings,
        baseline: MusicBaselines | None,
    ) -> TrainedComposer:
        """Build the layers."""
        configuration = self._configure(parts, settings, sizes)
        with refuse_giants(settings.hidden):
            module = build_module(cell, configuration)
        for layer in module.layers_that_recur:
            start(layer, settings.init, settings.forget_bias, settings.chrono)
        return TrainedComposer(module=module, music=parts.layout, configuration=configuration)

    def _configure(self, parts: Parts, settings: ComposeSettings, sizes: Mapping[str, int] | None) -> dict[str, Any]:
        return {
            **settings.layers_of(sizes),
            **{name: getattr(settings, name) for name in _OWN},
            "kinds": parts.layout.kinds,
            "classes": len(parts.layout.classes),
        }

    def fit(
        self,
        model: TrainedComposer,
        parts: Parts,
        settings: ComposeSettings,
        progress: Progress,
        validated: Validated,
    ) -> Outcome:
        """Train on windows of pieces, which are transposed."""
        training, held_out = parts.training, parts.held_out
        batch = choose_batch(training, settings)
        count = len(training.windows(settings.window))
        updates = settings.count_updates(math.ceil(count / batch))
        settings = choose_epochs(settings, updates, updates=_UPDATES, fewest=FEWEST_EPOCHS, most=_MOST_EPOCHS)
        trainer = Trainer(model.module, settings, progress)
        progress.note(
            f"{model.parameters:,} parameters; an epoch is {counted(updates, 'update')} of "
            f"{counted(batch * settings.accumulate, 'window')}"
        )
        feed = Feed(
            lambda chance: training.draw(settings.window, batch, chance), torch.Generator().manual_seed(settings.seed)
        )
        to_device = trainer.fabric.to_device

        def losses() -> Iterator[tuple[Tensor, int]]:
            for windows in feed.epoch():
                shifts = training.draw_shifts(windows, settings.moved, feed.chance)
                few = training.batch(windows, shifts)
                with trainer.share(len(windows)):
                    own = few.taken()
                    frames = own.lengths.sum()
                    loss = part_of(-trainer.module(*map(to_device, own)).sum() / int(frames), frames)
                yield loss, int(few.lengths.sum())

        def validate() -> Measured:
            scores = measure_music(model.module, held_out, predict=False)
            return Measured(scores.nats)

        cost = int(held_out.lengths.sum()) / int(training.lengths.sum()) * updates
        return trainer.fit(losses, updates, validate, validated, validation_cost=cost, feed=feed)

    def count(self, model: TrainedComposer, parts: Parts) -> dict[str, Any]:
        """Return the numbers of pieces and frames."""
        return {
            "validation_pieces": len(parts.held_out),
            "training_pieces": len(parts.training),
            "training_frames": int(parts.training.lengths.sum()),
        }

    def hash_learnt(self, parts: Parts) -> Iterator[int]:
        """Hash each training piece."""
        return (hash_piece(piece) for piece in parts.training.pieces)

    def hash_held_out(self, parts: Parts) -> Iterator[int]:
        """Hash each piece held out."""
        return (hash_piece(piece) for piece in parts.held_out.pieces)

    def judge(
        self, model: TrainedComposer, parts: Parts, settings: ComposeSettings, baseline: MusicBaselines | None
    ) -> dict[str, Any]:
        """Score the model, and compare it with the baselines."""
        return compare_with(model, parts.held_out, baseline)


def choose_batch(music: EncodedMusic, settings: ComposeSettings) -> int:
    """Return how many windows an update has: as requested, or 16, fewer where an epoch has few windows."""
    if settings.batch is not None:
        return settings.batch
    return min(_BATCH, max(_SMALLEST_BATCH, len(music.windows(settings.window)) // _FEWEST_BATCHES))


RECIPE = ComposeRecipe()
train = RECIPE.train

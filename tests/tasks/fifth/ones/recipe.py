"""Train a model that counts the ones in a sequence."""

import dataclasses
import math
from collections.abc import Iterator

import torch
from elman.tasks.ones.model import TrainedCounter, load
from elman.tasks.ones.module import Counter
from elman.tasks.ones.reading import Parts, encode, read_lines
from elman.tasks.ones.settings import OnesSettings
from torch import Tensor
from torch.nn.functional import mse_loss

from elman.data.text import as_sources
from elman.models.layers import Layers
from elman.scores.measured import Measured
from elman.training.attempt import choose_epochs
from elman.training.feed import Feed
from elman.training.loop import Trainer
from elman.training.progress import EXAMPLE
from elman.training.recipe import Recipe
from elman.training.search import Between, Choice
from elman.training.start import start

__all__ = ["RECIPE", "load", "train"]

BATCH = 8


class OnesRecipe(Recipe[list[str], Parts, float, OnesSettings, TrainedCounter]):
    """The recipe of models that count."""

    settings = OnesSettings
    cell = "gru"

    def read(self, data, settings, quiet, pretrained=None):
        """Read the lines."""
        return read_lines(as_sources(data))

    def encode(self, split, settings, quiet, pretrained=None):
        """Hold the last lines out."""
        return Parts(encode(split[: -settings.held_out]), encode(split[-settings.held_out :]))

    def unit(self, parts):
        """Count examples."""
        return EXAMPLE

    def report(self, parts):
        """Say how many sequences there are."""
        yield f"{parts.training[0].shape[1]} sequences of 0 and 1, {parts.held_out[0].shape[1]} held out"

    def compare(self, parts, settings, progress, parameters):
        """Say always the mean."""
        error = float((parts.held_out[1] - parts.training[1].mean()).square().mean().sqrt())
        progress.note(f"always the mean: RMSE {error:.2f}")
        return error

    def space(self, given, parts, settings):
        """Search sizes."""
        space = {"hidden": Between(settings.hidden, 4, 32), "layers": Choice(settings.layers, (1, 2))}
        return {name: row for name, row in space.items() if name not in given}

    def build(self, cell, sizes, parts, settings, baseline):
        """Build the layers."""
        configuration = settings.layers_of(sizes)
        module = Counter(cell, Layers.take(configuration)[0])
        start(module.recurrent, settings.init, settings.forget_bias, settings.chrono)
        return TrainedCounter(module=module, reading={"digits": ["0", "1"]}, configuration=configuration)

    def fit(self, model, parts, settings, progress, validated):
        """Lower the mean square of the error."""
        steps, counts = parts.training
        updates = settings.count_updates(math.ceil(len(counts) / BATCH))
        trainer = Trainer(model.module, dataclasses.replace(choose_epochs(settings, updates), patience=99), progress)
        feed = Feed(
            lambda chance: torch.randperm(len(counts), generator=chance).split(BATCH),
            torch.Generator().manual_seed(settings.seed),
        )

        def losses() -> Iterator[tuple[Tensor, int]]:
            for chosen in feed.epoch():
                yield mse_loss(trainer.module(steps[:, chosen]), counts[chosen]), len(chosen)

        def validate() -> Measured:
            with torch.no_grad():
                loss = float(mse_loss(trainer.module(parts.held_out[0]), parts.held_out[1]))
            return Measured(loss, said=f"RMSE {math.sqrt(loss):.2f}")

        return trainer.fit(losses, updates, validate, validated)

    def count(self, model, parts):
        """Return how many sequences there were."""
        return {"training_sequences": len(parts.training[1]), "validation_sequences": len(parts.held_out[1])}

    def judge(self, model, parts, settings, baseline):
        """Score the answers."""
        with torch.no_grad():
            ours = float((model.module(parts.held_out[0]) - parts.held_out[1]).square().mean().sqrt())
        other = {} if baseline is None else {"baseline": {"rmse": baseline}}
        return {"validation": {"rmse": ours}, **other, "verdict": f"RMSE {ours:.2f}"}


RECIPE = OnesRecipe()
train = RECIPE.train

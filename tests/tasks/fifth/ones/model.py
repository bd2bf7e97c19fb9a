"""A trained model that counts ones, and its file."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from elman.tasks.ones.module import Counter
from elman.tasks.ones.reading import encode

from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.layers import Layers
from elman.models.trained import Trained, load_trained, restore_module


@dataclass(kw_only=True)
class TrainedCounter(Trained):
    """A trained model that counts ones."""

    task: ClassVar[str] = "ones"
    part_names: ClassVar[tuple[str, ...]] = ("reading",)
    module: Counter
    reading: dict[str, Any]

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return its own parts of the model file."""
        return {"reading": self.reading}

    def predict(self, lines: list[str]) -> list[int]:
        """Count the ones of sequences."""
        with torch.no_grad():
            return self.module.eval()(encode(lines)[0]).round().int().tolist()


def load(path: str) -> TrainedCounter:
    """Read a model file."""
    return load_trained(path, TrainedCounter, _read)


def _read(file: ModelFile) -> TrainedCounter:
    cell = Cell.from_dict(file.cell)
    module = restore_module(
        file, Counter, file.configuration, lambda: Counter(cell, Layers.take(file.configuration)[0])
    )
    return TrainedCounter.of_file(file, module, reading=file.parts["reading"])

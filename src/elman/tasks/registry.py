"""Name every recipe once: one line here and one folder beside it make a recipe.

The folders have the same files inside, so that a line needs little more than a name. Nothing is loaded before it is
asked for, so that `elman --help` loads no torch:

    __init__.py   offers train and load
    settings.py   COMMANDS, see :class:`~elman.tasks.contract.Commands`; without torch
    commands.py   what the commands ask of a model, see :mod:`elman.tasks.contract`
    view.py       view, which shows a model at work
    estimator.py  the estimators that the line names

>>> [recipe.name for recipe in RECIPES]
['generate', 'classify', 'tag', 'forecast']
>>> find("tag").estimators
('Tagger',)
"""

import importlib
from dataclasses import dataclass
from os import PathLike
from typing import Any

from elman.tasks.contract import Commands


@dataclass(frozen=True)
class Entry:
    """A recipe by name, and what its folder holds.

    Attributes:
        name: of its folder in `elman.tasks`, of its command, and of its task in model files.
        estimators: the classes that its `estimator.py` offers.
    """

    name: str
    estimators: tuple[str, ...] = ()

    def part(self, file: str, name: str) -> Any:
        """Load a file of its folder, and return what has this name there."""
        return getattr(importlib.import_module(f"elman.tasks.{self.name}.{file}"), name)

    def train(self, *data: Any, **options: Any) -> Any:
        """Train one of its models, as `elman.tasks.NAME.train`."""
        return self._folder.train(*data, **options)

    def load(self, path: str | PathLike[str]) -> Any:
        """Read the file of one of its models, as `elman.tasks.NAME.load`."""
        return self._folder.load(path)

    @property
    def _folder(self) -> Any:
        return importlib.import_module(f"elman.tasks.{self.name}")

    @property
    def commands(self) -> Commands:
        """Return what the commands say of it."""
        found: Commands = self.part("settings", "COMMANDS")
        return found


RECIPES = (
    Entry("generate"),
    Entry("classify", estimators=("Classifier", "Regressor")),
    Entry("tag", estimators=("Tagger",)),
    Entry("forecast", estimators=("Forecaster",)),
)


def find(task: str) -> Entry | None:
    """Return the recipe whose models are for a task; None where there is none."""
    return next((recipe for recipe in RECIPES if recipe.name == task), None)

"""The list of recipes: a recipe is one line here and one folder in `elman.tasks`.

All folders have the same files, so a line needs little more than a name. Files are loaded when they are used, so that
`elman --help` loads no torch:

    __init__.py   train and load
    settings.py   COMMANDS, see :class:`~elman.tasks.contract.Commands`; without torch
    commands.py   the work of the commands, see :mod:`elman.tasks.contract`
    view.py       view, which prepares a model and some data for `elman inspect`
    estimator.py  the estimators that the line names
    exported.py   the model as graphs of ONNX, see :mod:`elman.tasks.exporting`; where its models are exported
    served.py     serve, which the server calls, see :mod:`elman.tasks.serving`; where its models are served
    opening.py    sections on the answers to some data, which open a report, see :mod:`elman.tasks.inspection`
    page.py       the model as a page, see :mod:`elman.tasks.web`; where its models become pages

>>> [recipe.name for recipe in RECIPES]
['generate', 'classify', 'tag', 'forecast', 'translate', 'transcribe', 'caption', 'compose']
>>> find("tag").estimators
('Tagger',)
"""

import importlib
import importlib.util
from dataclasses import dataclass
from os import PathLike
from typing import Any

from elman.errors import DataError
from elman.tasks.contract import Commands


@dataclass(frozen=True)
class Entry:
    """A recipe: its name, and access to the files of its folder.

    Attributes:
        name: of its folder in `elman.tasks`, of its command, and of its task in model files.
        estimators: the classes that its `estimator.py` offers.
    """

    name: str
    estimators: tuple[str, ...] = ()

    def part(self, file: str, name: str) -> Any:
        """Load a file of its folder, and return the object of this name in it."""
        return getattr(importlib.import_module(f"elman.tasks.{self.name}.{file}"), name)

    def has(self, file: str) -> bool:
        """Return whether its folder has a file that not every recipe has."""
        return importlib.util.find_spec(f"elman.tasks.{self.name}.{file}") is not None

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
        """Return the help texts and options of its commands."""
        commands: Commands = self.part("settings", "COMMANDS")
        return commands


RECIPES = (
    Entry("generate"),
    Entry("classify", estimators=("Classifier", "Regressor")),
    Entry("tag", estimators=("Tagger",)),
    Entry("forecast", estimators=("Forecaster",)),
    Entry("translate", estimators=("Translator",)),
    Entry("transcribe", estimators=("Transcriber",)),
    Entry("caption", estimators=("Captioner",)),
    Entry("compose"),
)


def load_model(path: str | PathLike[str]) -> Any:
    """Read the file of a model of any recipe, see :func:`elman.load`."""
    return recipe_of(path).load(path)


def recipe_of(path: str | PathLike[str]) -> Entry:
    """Return the recipe of a model file, by the task in its header.

    Raises:
        DataError: there is no such file, it is not a model, or there is no recipe for its task.
    """
    from elman.models.file import task_of

    task = task_of(path)
    recipe = find(task)
    if recipe is None:
        known = ", ".join(recipe.name for recipe in RECIPES)
        raise DataError(
            f"{path} is a model for {task[:20]!r}, and this version of elman has recipes for {known}. "
            "Use the version of elman that wrote it, or train it again."
        )
    return recipe


def find(task: str) -> Entry | None:
    """Return the recipe of a task; None where there is none."""
    return next((recipe for recipe in RECIPES if recipe.name == task), None)

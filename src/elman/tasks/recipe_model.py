"""The base of the models of all recipes: how they look in a notebook, and their report.

>>> import tempfile
>>> from elman.tasks import Classifier
>>> texts, labels = ["good film", "bad film"] * 9, ["pos", "neg"] * 9
>>> model = Classifier(hidden=5, epochs=1, folds=1).fit(texts, labels).model_
>>> "<td>parameters</td>" in model._repr_html_()
True
"""

from dataclasses import dataclass
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, Any

from elman.data.held import hold
from elman.errors import DataError
from elman.flow.page.notebook import write_block
from elman.flow.page.pictures import Section
from elman.flow.page.sections import write_table
from elman.flow.page.training_pictures import draw_training
from elman.models.trained import Trained
from elman.models.training_record import read_record
from elman.training.ending import describe_training

if TYPE_CHECKING:
    from elman.tasks.inspection import Inspected

_COUNTED = ("training_", "validation_")


@dataclass(kw_only=True)
class RecipeModel(Trained):
    """A trained model of a recipe."""

    def report(self, data: Any, length: int | None = None) -> "Inspected":
        """Look at the model on some data: its answers, how its gradient flows, and what its predictions depend on.

        It is the page of `elman inspect --html`: an object that a notebook shows, and whose `save` writes the page. The
        model is run on the data, which takes some seconds.

        Args:
            data: like those of its training: a path, several, a data frame, or what the readers of its task return.
            length: time steps of a text to look at; of models of text alone.

        Raises:
            DataError: the data cannot be read, or do not fit the model.
            ConfigError: `length` is given, and the examples have lengths of their own.
        """
        from elman.tasks.inspection import inspect_trained

        name = f"a model for {self.task}" if self.kept is None else self.kept.name
        return inspect_trained(self, as_data(data), name, length)

    def _repr_html_(self) -> str:
        """Show what the model is, and what was measured in its training; nothing is computed anew."""
        cell = self.module.recurrent.cell
        sections = [Section("Equations of a step", cell.doc, (cell._repr_html_(),), "")]
        try:
            rows, training = describe(self), read_record(self.metrics).training
        except Exception:  # noqa: BLE001 - metrics of a forged file may be anything, and a notebook shows the rest
            rows, training = [*_identify(self), ("training", "its record is damaged; train the model again")], None
        sections += [] if training is None else draw_training(training)
        options = [("option", "value"), *((name, str(value)) for name, value in sorted(self.configuration.items()))]
        sections.append(Section("Options", "What its layers were built from.", (), "", tuple(options)))
        head = f"<h3>{escape(self.task)}: {escape(shape_of(self))}</h3>{write_table([('model', ''), *rows])}"
        return write_block(head, sections, "report(data).save(FILE)")


def describe(model: Trained) -> list[tuple[str, str]]:
    """Return rows on what a model is: a label and a text each."""
    from elman.tasks.registry import find

    rows = _identify(model)
    if not model.metrics:
        return [*rows, ("training", "none yet")]
    if learnt := _describe_data(model):
        rows.append(("learnt from", learnt))
    recipe = find(model.task)
    assert recipe is not None
    rows += recipe.part("commands", "summarise")(model)
    rows.append(("training", describe_training(model)))
    rows += [] if model.kept is None else [("file", str(model.kept))]
    return rows


def _identify(model: Trained) -> list[tuple[str, str]]:
    return [("task", model.task), ("cell", shape_of(model)), ("parameters", f"{model.parameters:,}")]


def as_data(given: Any) -> Any:
    """Return data as views read them: a list of sources, or a data set that is open already.

    Raises:
        DataError: these are values, of which no reader knows what they are.
    """
    held = hold(given)
    if isinstance(held, str | PathLike):
        return [held]
    if isinstance(held, list | tuple) and held and all(isinstance(one, str | PathLike) for one in held):
        return list(held)
    if type(held).__module__.partition(".")[0] == "elman":
        return held
    raise DataError(
        f"The data are of type {type(given).__name__}. Give a path, a list of paths, a data frame, or what a reader of "
        "elman.data returns."
    )


def shape_of(model: Trained) -> str:
    """Write the cell, and how many layers of which size there are."""
    layer = model.module.recurrent
    ways = " in both directions" if layer.bidirectional else ""
    return f"{layer.cell.name}, {layer.num_layers} × {layer.hidden_size}{ways}"


def _describe_data(model: Trained) -> str:
    """Write how many examples it learnt from, and how many were held out, by what its task counts."""
    found = [
        (key.removeprefix(start), start, value)
        for start in _COUNTED
        for key, value in model.metrics.items()
        if key.startswith(start) and isinstance(value, int)
    ]
    parts = [f"{value:,} {unit}{' held out' if start == _COUNTED[1] else ''}" for unit, start, value in found]
    return ", ".join(parts)

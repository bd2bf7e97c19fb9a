"""Look inside a trained model, or a cell that is not trained yet: the work of `elman inspect`.

>>> from elman import cells
>>> inspected = inspect_cell(cells.elman, input_size=3, hidden=5, length=61)
>>> inspected.flow.verdict, inspected.subject.name
('VANISHING', 'elman, untrained')
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from elman.errors import ConfigError, DataError, ElmanError
from elman.expr import Cell
from elman.flow import Flow, Limits, examine, observe
from elman.flow.figures import plain
from elman.flow.page.mattered import Mattered
from elman.flow.page.notebook import write_block
from elman.flow.page.pictures import Section, draw_figures
from elman.flow.page.report import Subject, write_report
from elman.flow.page.sections import write_table, write_verdict
from elman.flow.page.tables import figure_rows
from elman.flow.page.training_pictures import Training
from elman.flow.reach import Truncation, behavioural_memory, cut_by_truncation
from elman.models.file import task_of
from elman.models.training_record import read_record
from elman.models.view import MOST_STEPS, View
from elman.nn import Recurrent
from elman.paths import check_path
from elman.tasks.recipe_model import describe, shape_of
from elman.tasks.registry import Entry, find
from elman.writing import write_whole

_BATCH = 4
_MAP_WORK = 1e11  # multiplications for the map, some seconds on one core
_JACOBIAN_WORK = 4e10
_LEARNT = 0.9  # of the loss with one step; the loss with all steps must be lower


@dataclass(frozen=True)
class Inspected:
    """The result of a look inside a model or a cell.

    Attributes:
        flow: the figures and the verdict.
        subject: the name and facts of the model or cell.
        training: the record of its training; None if it was not trained, or its file has no record.
        mattered: attributions of some predictions.
        truncation: the gradient that the window of its training cuts off; None where there is no window.
        opening: sections on the task of the model: what it is, its scores, its worst answers; of a cell none.
    """

    flow: Flow
    subject: Subject
    training: Training | None = None
    mattered: Sequence[Mattered] = ()
    truncation: Truncation | None = None
    opening: Sequence[Section] = ()

    def report(self) -> str:
        """Return it as one page of HTML."""
        return write_report(self.flow, self.subject, self.training, self.mattered, self.truncation, self.opening)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page to a file, whole or not at all; an existing file is replaced.

        Raises:
            ElmanError: the file cannot be written.
        """
        target = check_path(path, "the report")
        try:
            write_whole(target, self.report().encode())
        except OSError as error:
            raise ElmanError(f"{target} cannot be written: {error.strerror}. Choose another place.") from None

    def _repr_html_(self) -> str:
        """Show it in a notebook: the task, the verdict, and all that fits of the page, folded."""
        facts = f"<p class=facts>{escape(' · '.join(self.subject.facts))}</p>"
        task = "".join(f"<p>{escape(one.says)}</p>{write_table(one.table)}" for one in self.opening[:1])
        head = f"<h3>{escape(self.subject.name)}</h3>{facts}{task}{write_verdict(self.flow)}"
        figures = write_table(figure_rows(self.flow))
        sections = [*self.opening[1:], *draw_figures(self.flow)]
        return write_block(head + figures, sections, "save(FILE)", len(self.opening) - 1)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        facts = {"name": self.subject.name, "parameters": self.subject.parameters, "facts": list(self.subject.facts)}
        return {**facts, **self.flow.to_dict(), "truncation": plain(self.truncation)}

    def rows(self) -> list[tuple[str, ...]]:
        """Return the rows of a table of figures: a name, then a value for each layer and direction."""
        return figure_rows(self.flow)


def inspect_cell(
    cell: Cell,
    *,
    input_size: int | None = None,
    hidden: int = 128,
    length: int = 200,
    layers: int = 1,
    sizes: Mapping[str, int] | None = None,
    seed: int = 1,
) -> Inspected:
    """Look inside an untrained layer on standard normal input, with the gradient of the sum of its outputs.

    Args:
        cell: the equations.
        input_size: I; 64 if it is None, or `hidden` where the equations ask for it.
        hidden: H.
        length: T.
        layers: L.
        sizes: sizes that the cell leaves open.
        seed: of the weights and the input.

    Raises:
        ConfigError: a size is below 1.
        CellError, ShapeError: sizes are missing, or do not fit the cell.
    """
    for name, value in (("length", length), ("hidden", hidden), ("layers", layers)):
        if value < 1:
            raise ConfigError(f"{name} is {value}; it must be at least 1.")
    entry = (hidden if cell.ties else 64) if input_size is None else input_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = Recurrent(cell, entry, hidden, layers, sizes=sizes).double()
        x = torch.randn(length, _BATCH, entry, dtype=torch.float64)
    sides = {name: x.new_ones(length, _BATCH) for name in cell.sides}
    flow = examine(layer, x, sides=sides, limits=choose_limits(layer, length))
    given = f"; {', '.join(sides)} is 1 at every step" if sides else ""
    fact = f"{_BATCH} sequences of {length} steps of standard normal numbers{given}"
    return Inspected(flow, Subject.of(layer, f"{cell.name}, untrained", [fact]))


def inspect_model(
    path: str | PathLike[str], data: Sequence[str], length: int | None = None, explain: bool = True
) -> Inspected:
    """Look inside the model of a file on some data.

    Args:
        path: of its file.
        data: like those of its training.
        length: time steps of a text to look at.
        explain: also look at its answers, and compute attributions of a few predictions, which takes some seconds.

    Raises:
        DataError: the model or the data cannot be read, or do not fit each other.
        ConfigError: there is nothing to look at for a model of this task.
    """
    task = task_of(path)
    recipe = find(task)
    _check_length(recipe, length)
    if recipe is None:
        raise ConfigError(f"{path} is a model for {task!r}, and there is nothing to look at for it.")
    return inspect_trained(recipe.load(path), data, Path(path).name, length, explain)


def inspect_trained(model: Any, data: Any, name: str, length: int | None = None, explain: bool = True) -> Inspected:
    """Look inside a trained model on some data.

    Args:
        model: the model.
        data: like those of its training, as `view` of its recipe reads them.
        name: of the model, for the head of a page.
        length: time steps of a text to look at.
        explain: also look at its answers, and compute attributions of a few predictions, which takes some seconds.

    Raises:
        DataError: the data cannot be read, or do not fit the model; or the record of its training is damaged.
        ConfigError: a length is given, and the examples have lengths of their own.
    """
    recipe = find(model.task)
    assert recipe is not None
    _check_length(recipe, length)
    usual = recipe.commands.length
    make = recipe.part("view", "view")
    view: View = make(model, data) if usual is None else make(model, data, usual if length is None else length)
    try:
        measured = read_record(view.metrics)
    except DataError as error:
        raise DataError(f"{name} is damaged: {error}") from None
    # A tagger reads letters before words; a forecaster takes a second step, behind its look-back.
    seen = next(one for one in observe(view.module, view.loss) if one["layer"] is view.layer)
    longest = int(seen["lengths"].max()) if seen.get("lengths") is not None else len(seen["x"])
    flow = examine(
        **seen,
        limits=choose_limits(view.layer, longest),
        loss=view.loss_with_memory,
        longer_helps=_does_longer_help(view, longest),
        order_needed=view.metrics.get("order_needed") is not False,
        ledger=measured.clipping,
        options=[field.name for field in fields(recipe.commands.settings)],
    )
    origin = view.metrics.get("from_model")
    went_on = [] if origin is None else [f"went on from {origin['name']}"]
    facts = [shape_of(model), *view.facts, *went_on, f"looked at on {view.what}"]
    explained = view.explain() if explain and flow.gradient_norms else []
    subject = Subject.of(view.layer, name, facts)
    cut = _cut(seen, measured.window) if flow.gradient_norms else None
    opening = _open_with_task(recipe, model, data) if explain else ()
    return Inspected(flow, subject, measured.training, explained, cut, opening)


def _check_length(recipe: Entry | None, length: int | None) -> None:
    if length is not None and (recipe is None or recipe.commands.length is None):
        raise ConfigError("length is given, and each example has its own. Drop it.")


def _open_with_task(recipe: Entry, model: Any, data: Any) -> list[Section]:
    """Make the sections on the task of a model: what was measured in its training, then its answers to these data."""
    head, *rows = describe(model)
    says = model.metrics.get("verdict") or next((text for label, text in rows if label == "validation"), "")
    how = "The scores are those of its training, on what was held out; intervals hold for 95 % of such samples."
    table = (head, *((label, text) for label, text in rows if text != says or label))
    task = Section("The task", says, (), how, table)
    return [task, *(recipe.part("opening", "opening")(model, data) if recipe.has("opening") else ())]


def _cut(seen: Mapping[str, Any], window: int | None) -> Truncation | None:
    """Measure the gradient that the window cuts off, on the last steps: twice the length of the window."""
    if window is None:
        return None
    window = min(window, len(seen["x"]) // 2)
    given = {name: seen[name] for name in ("x", "grad_output")} | (seen.get("sides") or {})
    last = {name: one[len(one) - 2 * window :] for name, one in given.items()}
    x, upstream = last.pop("x"), last.pop("grad_output")
    return cut_by_truncation(seen["layer"], x, window, upstream, sides=last) if window else None


def choose_limits(layer: Recurrent, length: int) -> Limits:
    """Choose how much is looked at, so that memory and time are bounded for sequences of any length.

    >>> from elman import cells
    >>> choose_limits(Recurrent(cells.lstm, 64, 128), 10_000)
    Limits(rows=76, examples=2, jacobians=256)
    """
    state = sum(layer.state_sizes)
    examples = max(1, min(8, MOST_STEPS // length))
    rows = max(8, min(128, int(_MAP_WORK / (examples * length * state**2))))
    jacobians = max(16, min(256, int(_JACOBIAN_WORK / state**3)))
    return Limits(rows, examples, jacobians)


def _does_longer_help(view: View, longest: int) -> bool | None:
    """Return whether the model's loss still falls when it remembers more than half of the steps.

    None for a model that has learnt nothing from the steps before the last: whether they matter is then unknown.
    """
    whole = view.loss_with_memory(longest)
    least = view.loss_with_memory(1) if math.isnan(view.constant_loss) else view.constant_loss
    if not (math.isfinite(whole) and whole < least - (1 - _LEARNT) * abs(least)):
        return None
    return behavioural_memory(view.loss_with_memory, longest) > longest // 2

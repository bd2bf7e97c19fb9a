"""Draw how a training went: its losses, the norm of its gradient, and what clipping left of it.

>>> rows = [[1, 2.0, 3.0, 3.0, 0.33, "W", 0], [2, 1.0, 0.5, 0.5, 1.0, "W", 0]]
>>> [section.title for section in draw_training(Training(rows=rows, line="fine"))]
['Loss in training', 'Clipping ledger']
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.flow.charts import Bar, Curve, Mark, draw_bars, draw_curves
from elman.flow.pictures import Section
from elman.flow.wording import percent, say

_MOST_PARAMETERS = 8


@dataclass(frozen=True)
class Training:
    """Hold what is known of a training.

    Attributes:
        rows: of the ledger: the last update of a line, its loss, mean norm, largest norm, smallest factor, the
            parameter that supplied most, and how many updates were left out; None where a number is not finite.
        history: of each validation the update, the training loss and the validation loss.
        supplied: how often each parameter supplied most of the gradient.
        line: the ledger's verdict in words.
        limit: the clipping threshold, if one is known.
    """

    rows: Sequence[Sequence[Any]] = ()
    history: Sequence[Sequence[Any]] = ()
    supplied: Sequence[tuple[str, int]] = ()
    line: str = ""
    limit: float | None = None


def draw_training(training: Training) -> list[Section]:
    """Make the sections on a training; those of which nothing is known are left out."""
    return [*_losses(training), *_ledger(training)]


def _losses(training: Training) -> list[Section]:
    curves = []
    if training.rows:
        curves.append(Curve(_column(training.rows, 0), _column(training.rows, 1), "training", "blue"))
    if training.history:
        curves.append(
            Curve(_column(training.history, 0), _column(training.history, 2), "validation", "red", dashed=True)
        )
    if not curves:
        return []
    known = curves[-1].y[np.isfinite(curves[-1].y)]
    says = "No loss was finite."
    if len(known):
        what, best = ("validation" if training.history else "training"), int(np.nanargmin(curves[-1].y))
        says = f"The {what} loss was lowest, {say(float(known.min()))}, at update {int(curves[-1].x[best]):,}."
    how = "The mean loss over updates, in the unit that the model lowers. Where the two lines part, it learns by heart."
    return [Section("Loss in training", says, (draw_curves(curves, ("update", "loss")),), how)]


def _ledger(training: Training) -> list[Section]:
    rows = training.rows
    if not rows:
        return []
    at, mean, largest, factor = (_column(rows, i) for i in (0, 2, 3, 4))
    marks = [] if training.limit is None else [Mark(training.limit, f"clipped above {training.limit:g}")]
    curves = [
        Curve(at, mean, "mean of some updates", "blue"),
        Curve(at, largest, "largest of them", "red", dashed=True),
    ]
    drawings = [draw_curves(curves, ("update", "‖dL/dW‖"), log=True, marks=marks, title="Norm of the gradient")]
    kept = Curve(at, factor, "factor", "purple")
    drawings.append(draw_curves([kept], ("update", "smallest factor"), low=0.0, high=1.0, title="What clipping left"))
    total = sum(count for _, count in training.supplied) or 1
    bars = [Bar(name, (count / total,), percent(count / total)) for name, count in training.supplied[:_MOST_PARAMETERS]]
    drawings += [draw_bars(bars, title="Which parameter supplied most")] if bars else []
    out = sum(int(row[6]) for row in rows)
    left_out = f" {out:,} updates were left out, since their gradient was not finite." if out else ""
    how = (
        "For every update the norm of the gradient before clipping, what clipping multiplied it by (1: nothing; 0: "
        "the update was left out), and in which share of the updates each parameter supplied most of it. A long "
        "training is summed up: each point stands for some updates."
    )
    return [Section("Clipping ledger", f"{training.line}.{left_out}", tuple(drawings), how)]


def _column(rows: Sequence[Sequence[Any]], place: int) -> np.ndarray:
    return np.array([math.nan if row[place] is None else float(row[place]) for row in rows])

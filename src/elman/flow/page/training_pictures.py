"""Draw a training: its losses, the norm of its gradient, and how far it was clipped.

>>> rows = [[1, 2.0, 3.0, 3.0, 0.33, "W", 0], [2, 1.0, 0.5, 0.5, 1.0, "W", 0]]
>>> [section.title for section in draw_training(Training(rows=rows, line="fine"))]
['Loss in training', 'Clipping ledger']
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.flow.page.charts import Bar, Curve, Mark, draw_bars, draw_curves
from elman.flow.page.pictures import Section
from elman.flow.page.wording import write_number, write_share
from elman.phrases import counted

_MOST_PARAMETERS = 8


@dataclass(frozen=True)
class Training:
    """Record of a training, for the pictures of a page.

    Attributes:
        rows: of the ledger: the last update of a line, its loss, mean norm, largest norm, smallest factor, the
            parameter with the largest part of the gradient, how many updates were skipped, and the time step with the
            largest part where it is known; None where a number is not finite.
        history: of each validation the update, the training loss and the validation loss.
        supplied: how often each parameter had the largest part of the gradient.
        line: the ledger's verdict in words.
        limit: the clipping threshold, if one is known.
        glances: at some updates, each with `update` and `layers`; for each layer and direction by its name `at` (time
            steps) and `norms` (of the gradient at them), `step` (with the largest part), and the shares of gates, tanh
            and units that are stuck: `saturated`, `saturated_tanh`, `dead`.
    """

    rows: Sequence[Sequence[Any]] = ()
    history: Sequence[Sequence[Any]] = ()
    supplied: Sequence[tuple[str, int]] = ()
    line: str = ""
    limit: float | None = None
    glances: Sequence[Mapping[str, Any]] = ()


def draw_training(training: Training) -> list[Section]:
    """Make the sections on a training, without those that have no data."""
    return [*_losses(training), *_ledger(training), *_glances(training)]


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
        says = f"The {what} loss was lowest, {write_number(float(known.min()))}, at update {int(curves[-1].x[best]):,}."
    how = "The mean loss over updates. Where the validation loss rises and the training loss falls, the model overfits."
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
    bars = [
        Bar(name, (count / total,), write_share(count / total)) for name, count in training.supplied[:_MOST_PARAMETERS]
    ]
    drawings += [draw_bars(bars, title="Which parameter supplied most")] if bars else []
    out = sum(int(row[6]) for row in rows)
    why = "left out, since the gradient was not finite."
    left_out = f" {counted(out, 'update was', 'updates were')} {why}" if out else ""
    how = (
        "For every update the norm of the gradient before clipping, what clipping multiplied it by (1: nothing; 0: "
        "the update was left out), and in which share of the updates each parameter supplied most of it. A long "
        "training is summed up: each point stands for some updates."
    )
    return [Section("Clipping ledger", f"{training.line}.{left_out}", tuple(drawings), how)]


def _glances(training: Training) -> list[Section]:
    seen = training.glances
    if not seen:
        return []
    names = list(seen[-1]["layers"])
    chosen = [seen[i] for i in sorted({0, len(seen) // 2, len(seen) - 1})]
    drawings = []
    for name in names:
        curves: list[Curve] = []
        for glance, hue in zip(chosen, ("blue", "purple", "red"), strict=False):
            if (one := glance["layers"].get(name)) is not None:  # a layer may rest in some updates
                label = ("" if curves else f"{name}, ") + f"update {glance['update']:,}"
                curves.append(Curve(np.array(one["at"], float), _numbers(one["norms"]), label, hue))
        title = f"Gradient at every step, {name}"
        drawings.append(draw_curves(curves, ("time step", "‖dL/dh‖"), log=True, title=title))
    at = np.array([glance["update"] for glance in seen], float)
    stuck = []
    for key, what, hue in _STUCK:
        worst = [max((one[key] for one in g["layers"].values() if one[key] is not None), default=None) for g in seen]
        if any(worst):
            stuck.append(Curve(at, _numbers(worst), f"{what} that are stuck", hue))
    if stuck:
        title = "Share of units that are stuck, in the layer where most are"
        drawings.append(draw_curves(stuck, ("update", "share"), low=0.0, high=1.0, title=title))
    last = {name: one for name, one in seen[-1]["layers"].items() if one["share"] is not None}
    most = max(last, key=lambda name: last[name]["share"], default=None)
    known = {word for key, word, _ in _STUCK for g in seen for one in g["layers"].values() if one[key] is not None}
    never = f"; no {' and no '.join(word for _, word, _ in _STUCK if word in known)} was stuck" if known else ""
    says = f"Looked at {len(seen)} times{'' if stuck else never}.".replace("gates was", "gate was")
    if most is not None:
        says += (
            f" At update {seen[-1]['update']:,} the state of time step {last[most]['step']} supplied "
            f"{write_share(last[most]['share'])} of the gradient of {most}."
        )
    how = (
        "What the loss sends back to the state of every time step (the median of a few examples), early, half-way and "
        "late in the training: a line that falls to the left says that early steps learn little. A gate is stuck that "
        "is nearly always shut or open, a tanh that is nearly always at an end, a relu that is always 0; of several "
        "layers the one with most is drawn."
    )
    return [Section("The gradient inside, as the training went", says, tuple(drawings), how)]


_STUCK = (("saturated", "gates", "blue"), ("saturated_tanh", "tanh", "purple"), ("dead", "relu", "red"))


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values])


def _column(rows: Sequence[Sequence[Any]], place: int) -> np.ndarray:
    return _numbers([row[place] for row in rows])

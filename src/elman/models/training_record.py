"""What was measured in a training, read and checked from the metrics of a model file.

>>> read_record({"updates": 7}).training is None
True
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from elman.data.plain import read_plain
from elman.errors import DataError
from elman.flow import Clipping
from elman.flow.page.training_pictures import Training

_Number = float | None
_Validation = tuple[int, _Number, _Number]
_Line = tuple[int, _Number, _Number, _Number, _Number, str | None, int, int | None]


@dataclass(frozen=True)
class _Gradient:
    """The figures of the ledger for a whole training."""

    updates: int
    clipped_tenfold: int
    first_left_out: int | None
    suggested_clip_norm: float | None
    parameters: tuple[str, ...]
    supplied_most: tuple[int, ...]
    line: str
    clip_norm: float | None
    clipped: int = 0
    left_out: int = 0
    median_norm: float | None = None


@dataclass(frozen=True)
class _Layer:
    """The figures of one layer and direction in a glance."""

    at: tuple[int, ...]
    norms: tuple[_Number, ...]
    half_life: float | None
    step: int | None
    share: float | None
    saturated: float | None
    saturated_tanh: float | None
    dead: float | None


@dataclass(frozen=True)
class _Glance:
    """A glance at one update."""

    update: int
    layers: Mapping[str, _Layer]


@dataclass(frozen=True)
class _Metrics:
    """The metrics that are read."""

    gradient: _Gradient
    ledger: tuple[_Line, ...]
    history: tuple[_Validation, ...]
    glances: tuple[_Glance, ...] = ()
    window: int | None = None


@dataclass(frozen=True)
class TrainingRecord:
    """What was measured in a training.

    Attributes:
        training: losses and gradient over its updates; None where the metrics have none.
        clipping: how often the gradient was clipped; None where no update was made.
        window: of truncated BPTT; None where there was none.
    """

    training: Training | None = None
    clipping: Clipping | None = None
    window: int | None = None


def read_record(metrics: Mapping[str, Any]) -> TrainingRecord:
    """Read the metrics of a model.

    Raises:
        DataError: a figure is missing or of another kind.
    """
    if not metrics.get("gradient"):
        return TrainingRecord(window=read_plain(_Window, _pick(_Window, metrics), "metrics").window)
    figures = read_plain(
        _Metrics, {**_pick(_Metrics, metrics), "gradient": _pick(_Gradient, metrics["gradient"])}, "metrics"
    )
    gradient = figures.gradient
    layers = [layer for glance in figures.glances for layer in glance.layers.values()]
    counts = [gradient.updates, gradient.clipped_tenfold, *gradient.supplied_most]
    paired = len(gradient.parameters) == len(gradient.supplied_most)
    if not paired or min(counts) < 0 or any(len(layer.at) != len(layer.norms) for layer in layers):
        raise DataError("The metrics of this model do not fit each other. Train the model again.")
    clipping = _sum_up(figures) if gradient.updates else None
    training = Training(
        rows=figures.ledger,
        history=figures.history,
        supplied=list(zip(gradient.parameters, gradient.supplied_most, strict=True)),
        line="no update was done" if clipping is None else clipping.describe(),
        limit=gradient.clip_norm,
        glances=metrics.get("glances", ()),
    )
    return TrainingRecord(training, clipping, figures.window)


def _sum_up(metrics: _Metrics) -> Clipping:
    """Sum up the gradients of a training, as :meth:`elman.flow.Ledger.sum_up` does."""
    gradient, rows = metrics.gradient, metrics.ledger
    bad = [row[0] for row in rows if row[1] is None and not row[6]]
    bad += [update for update, _, loss in metrics.history if loss is None]
    most = zip(gradient.parameters, gradient.supplied_most, strict=True)
    return Clipping(
        hard=gradient.clipped_tenfold / gradient.updates,
        left_out=gradient.first_left_out,
        suggested=gradient.suggested_clip_norm,
        updates=gradient.updates,
        skipped=gradient.left_out,
        clipped=gradient.clipped,
        median=gradient.median_norm,
        limit=gradient.clip_norm,
        broken=next((row[5] or "" for row in rows if row[6]), ""),
        supplier=next(((name, count / gradient.updates) for name, count in most if count), None),
        bad_loss=min(bad, default=None),
        lost=bool(rows) and all(row[1] == 0 for row in rows),
    )


@dataclass(frozen=True)
class _Window:
    """The only metric that is read where no gradient was measured."""

    window: int | None = None


def _pick(kind: type, data: Any) -> Any:
    """Return the entries that a class declares; others are not read."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in data.items() if name in names} if isinstance(data, Mapping) else data

"""Describe how long a training took, and why it ended."""

from typing import Any

from elman.phrases import format_duration

_ENDED = {
    "epochs": "all epochs done",
    "updates": "all updates done",
    "last update": "ended after the last update as given",
    "patience": "ended because it no longer got better",
    "time budget": "ended by the time budget",
    "interrupted": "interrupted",
}


def describe_training(model: Any) -> str:
    """Describe the training of a model; of one that was read from a file its updates alone.

    >>> from types import SimpleNamespace
    >>> describe_training(SimpleNamespace(metrics={"updates": 70}, stopped="epochs", seconds=83.0))
    '70 updates in 1:23, all epochs done'
    """
    folds = model.metrics.get("folds")
    updates = f"{model.metrics['updates']} updates"
    if folds:
        updates = f"{sum(fold['updates'] for fold in folds)} updates of {len(folds)} networks"
    if model.stopped is None:
        return updates
    if model.stopped == "ended before":
        return f"{updates}; it had ended before, and nothing was trained now"
    return f"{updates} in {format_duration(model.seconds)}, {_ENDED[str(model.stopped)]}"

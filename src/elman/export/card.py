"""The card of a trained model: what it is, what it scored beside simpler models, and what nobody has stated.

Neither dates nor paths are in it, as in model files.

>>> from types import SimpleNamespace
>>> import elman
>>> module = SimpleNamespace(recurrent=elman.nn.GRU(3, 5))
>>> facts = {"configuration": {}, "metrics": {"updates": 7}, "versions": {}}
>>> model = SimpleNamespace(task="tag", module=module, parameters=9, **facts)
>>> module.recurrent.cell = elman.cells.gru
>>> card = describe_model(model, [("validation", "accuracy 90 %")])
>>> card["task"], card["cell"], card["scores"], card["licence"]
('tag', 'gru', ['validation: accuracy 90 %'], None)
"""

from collections.abc import Iterable
from typing import Any

from elman.models.finite import without_infinite
from elman.version import __version__

_OWN_WORDS = {"gradient", "verdict", "validation"}  # they are among the scores, or said by the verdict


def describe_model(model: Any, scores: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the card of a model of any task.

    Args:
        model: a trained model, see :class:`elman.models.trained.Trained`.
        scores: rows of a label and a text each, as they are shown after a training.
    """
    cell, metrics = model.module.recurrent.cell, model.metrics
    measured = {name: value for name, value in metrics.items() if isinstance(value, int | float | str)}
    return {
        "elman": __version__,
        "task": model.task,
        "cell": cell.name,
        "equations": cell.equations(),
        "parameters": model.parameters,
        "configuration": model.configuration,
        "trained_with": dict(model.versions),
        "scores": [": ".join(filter(None, row)) for row in scores],
        "verdict_on_the_gradient": (metrics.get("gradient") or {}).get("verdict"),
        "measured": without_infinite({name: v for name, v in measured.items() if name not in _OWN_WORDS}),
        "licence": None,
        "limits": "The scores are those of data like the training data; nothing is known of others.",
    }

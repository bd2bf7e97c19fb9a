"""Train a model of any recipe for a row of the table of scores."""

import time
from pathlib import Path
from types import ModuleType
from typing import Any

_LONG = ("history", "ledger", "glances")
"""What a model records of each of its updates, which no row needs."""


def train_row(
    name: str, recipe: ModuleType, data: Any, scratch: Path, seed: int, given: dict[str, Any], **chosen: Any
) -> tuple[Any, dict[str, Any]]:
    """Train a model, and return it with what every row says of it.

    Args:
        name: of the row.
        recipe: the module of the recipe, such as `elman.tasks.tag`.
        data: what is learnt from.
        scratch: a folder to write to.
        seed: of the training.
        given: the options of whoever measures; they are in the row.
        chosen: those of the row, which `given` overrides.
    """
    start = time.perf_counter()
    output = scratch / f"{name}.elman.safetensors"
    model = recipe.train(data, output=output, force=True, **{**chosen, **given, "seed": seed})
    return model, {
        "name": name,
        "seed": seed,
        "options": given,
        "parameters": model.parameters,
        "seconds": time.perf_counter() - start,
        "metrics": {key: value for key, value in model.metrics.items() if key not in _LONG},
    }

"""Begin and end a training as every recipe does: how layers start, what counts as a result, what is written about it.

>>> finite(float("inf")) is None, finite(0.5)
(True, 0.5)
"""

import contextlib
import math
import platform
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

import elman
from elman.errors import ConfigError, ElmanError
from elman.flow.ledger import GradientVerdict
from elman.nn import Recurrent, init
from elman.tasks.outcome import Outcome


def start(layer: Recurrent, how: str, forget_bias: float | None, chrono: int | None) -> None:
    """Give recurrent layers the weights that they start with, in place; see the settings of these names."""
    if how != "uniform":
        {"xavier": init.xavier_, "orthogonal": init.orthogonal_, "identity": init.identity_}[how](layer)
    if forget_bias is not None:
        init.forget_bias_(layer, forget_bias)
    if chrono is not None:
        init.chrono_(layer, chrono)


@contextlib.contextmanager
def refuse_giants(hidden: int) -> Iterator[None]:
    """Say what to do where a module of some hidden size does not fit in memory.

    Raises:
        ConfigError: it does not.
    """
    try:
        yield
    except (RuntimeError, TypeError, OverflowError) as error:
        if "memory" not in str(error) and "verflow" not in str(error):
            raise
        raise ConfigError(f"A model of hidden size {hidden} does not fit in memory. Use a smaller one.") from None


def require_result(module: nn.Module, outcome: Outcome) -> None:
    """Refuse to call untrained or broken weights a model.

    Raises:
        KeyboardInterrupt: nothing was learnt before the training was interrupted.
        ElmanError: a weight is not finite.
    """
    if outcome.stopped == "interrupted" and outcome.updates == 0:
        raise KeyboardInterrupt
    if not all(bool(p.isfinite().all()) for p in module.parameters()):
        raise ElmanError(
            f"Training diverged: after {outcome.updates} updates the weights are not finite, so no model is written. "
            "Try a lower --learning-rate."
        )


def describe_outcome(outcome: Outcome) -> dict[str, Any]:
    """Return what a model file keeps about its training; neither times nor paths."""
    return {
        "training_loss": finite(outcome.training_loss),
        "epoch": outcome.epoch,
        "updates": outcome.updates,
        "best_update": outcome.best_update,
        "skipped_updates": outcome.skipped,
        "gradient": {**outcome.ledger.to_dict(), **_write_verdict(outcome.judge_gradient())},
        "ledger": outcome.ledger.rows(),
        "glances": [seen.to_dict() for seen in outcome.glances.seen],
        "history": [[one.update, finite(one.training_loss), finite(one.validation_loss)] for one in outcome.history],
    }


def _write_verdict(verdict: GradientVerdict) -> dict[str, str]:
    return {"verdict": verdict.name, "line": verdict.line, "advice": verdict.advice}


def finite(value: float) -> float | None:
    """Write a number that JSON has no word for as nothing."""
    return value if math.isfinite(value) else None


def versions() -> dict[str, str]:
    """Return what a model was trained with."""
    return {"elman": elman.__version__, "torch": str(torch.__version__), "python": platform.python_version()}

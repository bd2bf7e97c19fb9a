"""What a training measured, and how it ended.

>>> outcome = Outcome(best=Measured(0.5, score=0.9))
>>> Measured(0.4, score=0.8).better_than(outcome.best), outcome.best_loss
(False, 0.5)
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from elman.errors import ElmanError
from elman.flow.evidence import GradientVerdict
from elman.flow.ledger import Ledger
from elman.flow.verdict import judge_training
from elman.models.finite import without_infinite
from elman.scores.measured import Measured
from elman.training.glances import Glances


@dataclass(frozen=True)
class Validation:
    """The result of one validation: losses in nats a unit, and the score if there is one."""

    epoch: int
    update: int
    training_loss: float
    validation_loss: float
    score: float | None = None


_PLAIN = ("stopped", "epoch", "updates", "planned", "best_update", "training_loss", "skipped", "seconds")


@dataclass
class Outcome:
    """The results of a training.

    Attributes:
        stopped: `epochs`, `updates`, `last update`, `patience`, `time budget` or `interrupted`.
        epoch: the epoch that it stopped in, from 1.
        updates: number of updates done.
        planned: number of updates at the end, if nothing ends it before; None where time alone ends it.
        best_update: the update whose weights were kept.
        training_loss: running mean of the training loss at the end, in nats.
        skipped: updates left out because their gradient was not finite.
        seconds: wall time.
        best: what the validation of that update measured; None before the first.
        history: every validation, in order.
        ledger: figures of the gradient of every update.
        glances: figures of it in some updates, step by step.
        snapshots: the weights at validations by their updates, where they are kept, see
            :mod:`elman.training.snapshots`.
    """

    stopped: str = "epochs"
    epoch: int = 1
    updates: int = 0
    planned: int | None = None
    best_update: int = 0
    training_loss: float = math.nan
    skipped: int = 0
    seconds: float = 0.0
    best: Measured | None = None
    history: list[Validation] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    glances: Glances = field(default_factory=lambda: Glances(nn.Module()))
    snapshots: dict[int, dict[str, Tensor]] = field(default_factory=dict)

    @property
    def best_loss(self) -> float:
        """The validation loss of the weights that were kept; infinity before the first validation."""
        return math.inf if self.best is None else self.best.loss

    def judge_gradient(self) -> GradientVerdict:
        """Judge the training by the gradients and losses of all updates, and by the gates at the last glance."""
        validations = [(one.update, one.validation_loss) for one in self.history]
        update = self.glances.seen[-1].update if self.glances.seen else None
        return judge_training(self.ledger.sum_up(validations), self.glances.last_gates(), update)

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "best": None if self.best is None else asdict(self.best),
            "history": [asdict(one) for one in self.history],
            "ledger": self.ledger.state_dict(),
            "glances": self.glances.state_dict(),
            "snapshots": {str(update): weights for update, weights in self.snapshots.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; ledger and glances stay those of the same module."""
        for name in _PLAIN:
            setattr(self, name, state[name])
        self.best = None if state["best"] is None else Measured(**state["best"])
        self.history = [Validation(**one) for one in state["history"]]
        self.ledger.load_state_dict(state["ledger"])
        self.glances.load_state_dict(state["glances"])
        self.snapshots = {int(update): weights for update, weights in state["snapshots"].items()}


def require_result(module: nn.Module, outcome: Outcome) -> None:
    """Refuse weights that are untrained or not finite.

    Raises:
        KeyboardInterrupt: the training was interrupted before its first update.
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
    """Return what a model file keeps of its training, without times and paths."""
    return {
        "training_loss": without_infinite(outcome.training_loss),
        "epoch": outcome.epoch,
        "updates": outcome.updates,
        "best_update": outcome.best_update,
        "skipped_updates": outcome.skipped,
        "gradient": {**outcome.ledger.to_dict(), **_write_verdict(outcome.judge_gradient())},
        "ledger": outcome.ledger.rows(),
        "glances": [seen.to_dict() for seen in outcome.glances.seen],
        "history": [
            [one.update, without_infinite(one.training_loss), without_infinite(one.validation_loss)]
            for one in outcome.history
        ],
    }


def _write_verdict(verdict: GradientVerdict) -> dict[str, str]:
    return {"verdict": verdict.name, "line": verdict.line, "advice": verdict.advice}

"""Hold what a training measured on its way, and how it ended.

>>> outcome = Outcome(best=Measured(0.5, score=0.9))
>>> Measured(0.4, score=0.8).better_than(outcome.best), outcome.best_loss
(False, 0.5)
"""

import math
from dataclasses import dataclass, field

from torch import nn

from elman.flow.ledger import GradientVerdict, Ledger
from elman.flow.verdict import VERDICTS
from elman.tasks.glances import Glances


@dataclass(frozen=True)
class Measured:
    """Hold what one validation measured.

    Attributes:
        loss: the mean loss; the lower the better.
        score: what the best weights are chosen by, the higher the better, the loss where two are equal; None where the
            loss alone decides.
        said: how the score is shown, such as `accuracy 87.5%`.
    """

    loss: float
    score: float | None = None
    said: str = ""

    def better_than(self, other: "Measured | None") -> bool:
        """Say whether these weights are to be kept instead; a loss that is not finite is never better.

        >>> Measured(0.5, score=0.9).better_than(Measured(0.4, score=0.8))
        True
        """
        if not math.isfinite(self.loss):
            return False
        return other is None or (self.score or 0.0, -self.loss) > (other.score or 0.0, -other.loss)


@dataclass(frozen=True)
class Validation:
    """Hold what was known after one validation: losses in nats a unit, and the score if there is one."""

    epoch: int
    update: int
    training_loss: float
    validation_loss: float
    score: float | None = None


@dataclass
class Outcome:
    """Say how a run went.

    Attributes:
        stopped: `epochs`, `patience`, `time budget` or `interrupted`.
        epoch: the epoch that it stopped in, from 1.
        updates: number of updates done.
        best_update: the update whose weights were kept.
        training_loss: running mean of the training loss at the end, in nats.
        skipped: updates left out because their gradient was not finite.
        seconds: wall time.
        best: what the validation of that update measured; None before the first.
        history: every validation, in order.
        ledger: what is known of the gradient of every update.
        glances: what was seen of it in some of them, step by step.
    """

    stopped: str = "epochs"
    epoch: int = 1
    updates: int = 0
    best_update: int = 0
    training_loss: float = math.nan
    skipped: int = 0
    seconds: float = 0.0
    best: Measured | None = None
    history: list[Validation] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    glances: Glances = field(default_factory=lambda: Glances(nn.Module()))

    @property
    def best_loss(self) -> float:
        """Return the validation loss of the weights that were kept, infinity before the first."""
        return math.inf if self.best is None else self.best.loss

    def judge_gradient(self) -> GradientVerdict:
        """Judge the gradient by the ledger of all updates and by what was seen in some; the worse verdict counts."""
        kept, seen = self.ledger.verdict(), self.glances.verdict()
        return kept if seen is None or VERDICTS.index(kept.name) <= VERDICTS.index(seen.name) else seen

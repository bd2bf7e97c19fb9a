"""The weights of a fold at its validations, of which those that are kept are chosen when the others have ended too.

What scores a network must not choose it. So all folds are trained to their end, and each network is kept as it was at
the share of the training that is best in the *other* folds: where the mean of their validation losses is the lowest, or
that of their scores the highest. Between two validations of a fold its loss is on the straight line between them, and
after its last one it stays. A fold without another one is kept at its own best validation, as where there are no folds.

Weights take memory, so each training keeps at most 16: where there are more, every other one is forgotten.

>>> from elman.training.outcome import Validation
>>> early, late = Outcome(planned=40), Outcome(planned=20)
>>> early.history = [Validation(1, update, 0.0, loss) for update, loss in ((10, 0.3), (20, 0.4), (40, 0.5))]
>>> late.history = [Validation(1, update, 0.0, loss) for update, loss in ((10, 0.5), (20, 0.2))]
>>> early.snapshots = {10: {}, 20: {}, 40: {}}
>>> choose_update(early, [late])
40
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from elman.scores.measured import Measured
from elman.training.outcome import Outcome

_MOST = 16
_NEVER = 1e30  # in place of a loss that is not finite


def take_snapshot(module: nn.Module, outcome: Outcome) -> None:
    """Keep the present weights with the outcome."""
    weights = {name: value.detach().clone() for name, value in module.state_dict().items()}
    outcome.snapshots[outcome.updates] = weights
    if len(outcome.snapshots) > _MOST:
        outcome.snapshots = {update: outcome.snapshots[update] for update in list(outcome.snapshots)[::2]}


def choose_update(outcome: Outcome, others: Sequence[Outcome]) -> int:
    """Return the update whose weights a fold keeps.

    Args:
        outcome: of its training.
        others: those of other folds.
    """
    updates = list(outcome.snapshots)
    if not others or not updates:
        return outcome.best_update
    shares = np.array(updates) / _length(outcome)
    losses = np.mean([_between(one, shares, [seen.validation_loss for seen in one.history]) for one in others], 0)
    scores = np.mean([_between(one, shares, [-(seen.score or 0.0) for seen in one.history]) for one in others], 0)
    return updates[int(np.lexsort((losses, scores))[0])]


def keep_snapshot(module: nn.Module, outcome: Outcome, update: int) -> None:
    """Give the weights of an update back to the module, and say in the outcome that they are the ones that are kept."""
    if update not in outcome.snapshots:
        return
    module.load_state_dict(outcome.snapshots[update])
    seen = next(one for one in outcome.history if one.update == update)
    outcome.best_update, outcome.best = update, Measured(seen.validation_loss, seen.score)


def _length(outcome: Outcome) -> int:
    """Return how many updates are the whole training; where time alone ends it, those that there were."""
    return outcome.planned or outcome.updates


def _between(outcome: Outcome, shares: NDArray[np.float64], values: Sequence[float]) -> NDArray[np.float64]:
    """Return what the validations of a training measured, at shares of it."""
    at = np.array([seen.update for seen in outcome.history]) / _length(outcome)
    finite: NDArray[np.float64] = np.interp(shares, at, np.nan_to_num(values, nan=_NEVER, posinf=_NEVER))
    return finite

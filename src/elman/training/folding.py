"""Train a model for each fold, one after the other, in the time that there is for all of them.

Each learns from other examples, and the other folds choose how long (see :mod:`elman.training.snapshots`), so its score
on the fold that it has not seen is honest. The answer is that of all models together, see
:meth:`elman.training.recipe.Recipe.join`.

A time budget is for all folds: the first is trained in any case, another one is begun while there is time left, and one
that the end of the time cuts off is left out.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from elman.training.outcome import Outcome
from elman.training.progress import Progress
from elman.training.ranks import agree

M = TypeVar("M")
P = TypeVar("P")
B = TypeVar("B")


@dataclass(frozen=True)
class Fit(Generic[M, P, B]):
    """A trained model with the data that it learnt from.

    Attributes:
        model: the model.
        parts: its encoded data.
        baseline: the non-recurrent baseline that learnt from the same; None where there is none.
        outcome: what its training measured.
    """

    model: M
    parts: P
    baseline: B | None
    outcome: Outcome


@dataclass(frozen=True)
class Folded(Generic[M, P, B]):
    """The folds that were trained to their end.

    Attributes:
        fits: one a fold, in order.
        stopped: how the training ended, as an outcome says it.
        seconds: how long all of it took.
        metrics: what else is kept of it.
    """

    fits: Sequence[Fit[M, P, B]]
    stopped: str
    seconds: float = 0.0
    metrics: Mapping[str, Any] = field(default_factory=dict)


def train_folds(
    train_one: Callable[[int, float | None], Fit[M, P, B]],
    count: int,
    *,
    seconds: float | None,
    equally: bool,
    progress: Progress,
    trained: Callable[[Sequence[Fit[M, P, B]]], Any],
) -> Folded[M, P, B]:
    """Train the folds, as many as there is time for.

    Args:
        train_one: trains the fold of a number in at most so many seconds; None is no limit.
        count: how many folds there are.
        seconds: the time for all of them; None is no limit.
        equally: whether each gets the same share of it, instead of all that is left.
        progress: receives notes.
        trained: called with those that are trained, after each.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed before there was anything to keep.
    """
    start = time.perf_counter()
    fits: list[Fit[M, P, B]] = []
    for number in range(count):
        left = None if seconds is None else agree(seconds - (time.perf_counter() - start))
        if number and left is not None and left <= 0:
            return _end(fits, count, "time budget", progress)
        budget = left if left is None or not equally else left / (count - number)
        try:
            fit = train_one(number, None if budget is None else max(0.1, budget))
        except KeyboardInterrupt:
            if not fits:
                raise
            return _end(fits, count, "interrupted", progress)
        cut_off = fit.outcome.stopped == "interrupted" or (fit.outcome.stopped == "time budget" and not equally)
        if not fits or not cut_off:
            fits.append(fit)
            trained(fits)
        if cut_off:
            return _end(fits, count, fit.outcome.stopped, progress)
    return Folded(fits, fits[-1].outcome.stopped)


def _end(fits: list[Fit[M, P, B]], count: int, why: str, progress: Progress) -> Folded[M, P, B]:
    reason = "interrupted" if why == "interrupted" else "the time budget is over"
    have = f"the mean of {len(fits)} networks answers, of {count} folds"
    held_out = "these held out"
    if len(fits) == 1:
        have, held_out = f"1 network answers, of {count} folds", "it held out, which chose its weights as well"
    progress.note(f"{reason}: {have}, and its score is that of the examples that {held_out}")
    return Folded(fits, why)

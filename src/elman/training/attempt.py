"""Train one model of a recipe, or several with other settings, and keep the best on disk during the training.

A recipe builds a model for its data and fits it. This file does what is the same for all recipes: it sets the seed,
writes the model whenever a validation was the best so far, divides the time budget among trials, and encodes the data
once for all trials that encode them in the same way.
"""

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, TypeVar

import torch

from elman.models.trained import Trained
from elman.scores.measured import Measured
from elman.training.keeping import Keeper
from elman.training.outcome import Outcome, require_result
from elman.training.progress import Moment, Progress, QuietProgress
from elman.training.ranks import agree
from elman.training.resuming import current
from elman.training.search import Space, Trial, search_settings
from elman.training.settings import TrainingSettings

M = TypeVar("M", bound=Trained)
P = TypeVar("P")
S = TypeVar("S", bound=TrainingSettings)

Validated = Callable[[Outcome, Moment, bool], None]
Hear = Callable[[Outcome, Moment, bool, Mapping[str, int]], None]

_OF_TRIAL = 0.05  # of the time of a trial measures how fast its updates are, where time decides how many there are
_PLANNED = 0.9  # of the updates that the rest would suffice for
_UPDATES = 2000
FEWEST_EPOCHS, _MOST_EPOCHS = 5, 60
_SMALLEST_BATCH, _BATCH = 8, 32
_FEWEST_BATCHES = 32


@dataclasses.dataclass(frozen=True)
class Attempt(Generic[P, S, M]):
    """How a recipe trains one model.

    Attributes:
        build: builds a model for encoded data.
        fit: trains it; see :meth:`elman.training.recipe.Recipe.fit`.
        describe: returns what a model keeps of an outcome as its metrics.
        keeper: writes the best model so far.
        hear: receives every validation, with the trial of a search that it is of.
    """

    build: Callable[[P, S], M]
    fit: Callable[[M, P, S, Progress, Validated], Outcome]
    describe: Callable[[M, P, Outcome], dict[str, Any]]
    keeper: Keeper
    hear: Hear

    def once(self, parts: P, settings: S, progress: Progress, trial: Trial | None = None) -> tuple[M, Outcome]:
        """Train one model; the same seed and settings give the same one, alone and as a trial.

        Raises:
            KeyboardInterrupt: it was interrupted before there was anything to keep.
            ElmanError: the training diverged.
        """
        torch.manual_seed(settings.seed)
        model = self.build(parts, settings)

        def validated(outcome: Outcome, moment: Moment, improved: bool) -> None:
            best = outcome.best
            first = trial is None or best is None or best.better_than(trial.best)
            if improved and first and self.keeper.target is not None:
                model.metrics = self.describe(model, parts, outcome)
                self.keeper.keep(model, progress)
            else:
                self.keeper.try_again(progress)
            self.hear(outcome, moment, improved, {} if trial is None else {"trial": trial.number + 1})
            if trial is not None and best is not None:
                trial.hear(moment.share, best)

        outcome = self.fit(model, parts, settings, progress, validated)
        require_result(model.module, outcome)
        return model, outcome

    def search(
        self,
        space: Space,
        encode: Callable[[S], P],
        parts: P,
        *,
        trials: int,
        given: Mapping[str, Any],
        settings: S,
        encoded_by: Collection[str],
        progress: Progress,
    ) -> tuple[M, Outcome, P]:
        """Train with several settings, and return the model that is best on the held-out examples.

        Its metrics say which options train it again, without a search: with these, the same updates make the same
        weights, bit for bit, however fast the machine is.

        Args:
            space: what may be chosen.
            encode: encodes the data as settings say.
            parts: the data as the given settings encode them.
            trials: how many.
            given: the options that the caller chose.
            settings: the settings that these make.
            encoded_by: the options that change how data are encoded.
            progress: shows it.

        Raises:
            ConfigError, ElmanError, KeyboardInterrupt: as for :func:`elman.training.search.search_settings`.
        """
        plain = {name: row.default for name, row in space.items() if name in encoded_by}
        encoded = {tuple(plain.values()): parts}

        def train_with(trial: Trial) -> tuple[tuple[M, Outcome, P, dict[str, Any]], Measured | None]:
            options = {**given, **trial.options}
            key = tuple(options.get(name, default) for name, default in plain.items())
            if key not in encoded:
                encoded[key] = encode(settings.of(options))
            if is_auto := settings.epochs == "auto":
                updates = self._plan(encoded[key], settings.of(options), trial)
                options = {**options, "epochs": None, "updates": updates}
            left = agree(trial.seconds_left())
            budget = None if left is None else f"{left:.1f}s"
            chosen = settings.of({**options, "time_budget": budget})
            model, outcome = self.once(encoded[key], chosen, trial.progress, trial)
            trial.interrupted = outcome.stopped == "interrupted"
            counted: dict[str, Any] = {} if left is None else {"time_budget": None}
            if is_auto:  # a trial that went on has the number of its beginning
                counted |= {"epochs": None, "updates": outcome.planned}
            if outcome.stopped in ("time budget", "interrupted"):
                counted["last_update"] = max(1, outcome.history[-1].update if outcome.history else 1)
            return (model, outcome, encoded[key], counted), outcome.best

        left, resumer = settings.seconds(), current()
        if left is not None and resumer is not None:
            left = max(0.1, left - resumer.earlier)
        best = search_settings(train_with, space, trials=trials, seconds=left, seed=settings.seed, progress=progress)
        model, outcome, parts, counted = best.result
        outcome.stopped = "interrupted" if best.interrupted else outcome.stopped
        chosen = {**best.options, **counted}
        model.metrics = {"search": {"trials": len(best.tried), "chosen": chosen, "tried": best.described()}}
        return model, outcome, parts

    def _plan(self, parts: P, settings: S, trial: Trial) -> int:
        """Return how many updates there is time for in a trial, after measuring a few of them."""
        left = agree(trial.seconds_left())
        assert left is not None, "epochs are auto, and there is a time budget"
        short = dataclasses.replace(settings, time_budget=f"{max(0.1, _OF_TRIAL * left):.1f}s")
        torch.manual_seed(short.seed)
        measured = self.fit(self.build(parts, short), parts, short, QuietProgress(), lambda *_: None)
        if measured.stopped == "interrupted":
            raise KeyboardInterrupt
        rest = agree(trial.seconds_left()) or 0.0
        return max(1, math.floor(_PLANNED * measured.updates / measured.seconds * rest))


def choose_batch(examples: int, requested: int | None) -> int:
    """Return the batch size: as requested, or 32 unless an epoch would then have fewer than 32 updates.

    >>> choose_batch(10_000, None), choose_batch(400, None), choose_batch(400, 50)
    (32, 12, 50)
    """
    if requested is not None:
        return requested
    return min(_BATCH, max(_SMALLEST_BATCH, examples // _FEWEST_BATCHES))


def choose_epochs(
    settings: S,
    updates_per_epoch: int,
    *,
    updates: int = _UPDATES,
    fewest: int = FEWEST_EPOCHS,
    most: int = _MOST_EPOCHS,
) -> S:
    """Choose the number of epochs: as requested; else about 2000 updates, but each example is seen 5 to 60 times.

    Args:
        settings: where they have neither `epochs` nor `updates`, epochs are chosen.
        updates_per_epoch: as :meth:`TrainingSettings.count_updates` counts them.
        updates: how many there should be in all.
        fewest: how often each example is seen at least.
        most: how often at most.
    """
    if settings.epochs is not None or settings.updates is not None:
        return settings
    epochs = min(max(round(updates / updates_per_epoch), fewest), most)
    return dataclasses.replace(settings, epochs=epochs)

"""Fit the models of one training: a single one, those of a search, or one for each fold.

For each, a non-recurrent baseline is trained on the same examples before it, unless nothing is compared.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.expr import Cell
from elman.models.learnt import LearntExamples
from elman.training.attempt import Attempt, Validated
from elman.training.folding import Fit, Folded, train_folds
from elman.training.keeping import Keeper
from elman.training.outcome import Outcome
from elman.training.pretrained import RATE, Pretrained, copy_known, join_learnt
from elman.training.progress import Moment, PartProgress, Progress, QuietProgress
from elman.training.ranks import agree
from elman.training.resuming import current
from elman.training.run_log import RunLog
from elman.training.search import Between, Space
from elman.training.settings import TrainingSettings
from elman.training.snapshots import choose_update, keep_snapshot

if TYPE_CHECKING:
    from elman.training.recipe import Recipe


_OF_A_FOLD = 1.25  # of the time of a trial: a fold is scored as well, and the machine may have become slower


@dataclass(frozen=True)
class Fitting:
    """What all models of a training have in common.

    Attributes:
        recipe: of the task.
        cell: the equations.
        sizes: sizes that the cell leaves open.
        keeper: writes the best model so far.
        progress: receives training events.
        compared: the number of parameters that a baseline is compared with; None trains no baseline.
        log: receives every validation.
        pretrained: the model that the training goes on from; None for a training from the start.
    """

    recipe: "Recipe[Any, Any, Any, Any, Any]"
    cell: Cell
    sizes: Mapping[str, int] | None
    keeper: Keeper
    progress: Progress
    compared: int | None
    log: RunLog
    pretrained: Pretrained[Any] | None = None

    def alone(self, parts: Any, settings: Any) -> Folded[Any, Any, Any]:
        """Train one model."""
        baseline = self._compare(parts, settings, self.progress)
        attempt = self._attempt(baseline, self.keeper, self._sample(parts))
        model, outcome = attempt.once(parts, settings, self.progress)
        return Folded([Fit(model, parts, baseline, outcome)], outcome.stopped, outcome.seconds)

    def search(
        self, split: Any, folds: Sequence[Any], parts: Any, settings: Any, options: Mapping[str, Any], trials: int
    ) -> Folded[Any, Any, Any]:
        """Train with several settings on one split, and with the best of them on the folds, if there are any.

        Args:
            split: the data, divided once.
            folds: the data, divided for each fold.
            parts: the split, encoded as the settings say.
            settings: those that the given options make.
            options: the given ones.
            trials: how many settings.
        """
        begun, is_folded = time.perf_counter(), len(folds) > 1
        seconds = settings.seconds()
        baseline = None if is_folded else self._compare(parts, settings, self.progress)
        if is_folded and seconds is not None:  # a fold has the updates of a trial, and more time for them
            settings = _within(settings, seconds * trials / (trials + _OF_A_FOLD * len(folds)))
        model, outcome, parts = self._attempt(baseline, self.keeper, self._sample(parts)).search(
            self._space(options, parts, settings),
            lambda other: self.recipe.encode(split, other, True, self.pretrained),
            parts,
            trials=trials,
            given=options,
            settings=settings,
            encoded_by=self.recipe.encoded_by,
            progress=self.progress,
        )
        facts = model.metrics["search"]
        if not is_folded or outcome.stopped == "interrupted":
            if is_folded:
                facts["chosen"]["folds"] = 1  # the model is that of a trial
            return Folded([Fit(model, parts, baseline, outcome)], outcome.stopped, outcome.seconds, {"search": facts})
        best = self.recipe.settings.of({**options, **facts["chosen"]})
        if seconds is not None:
            best = _within(best, max(0.1, agree(seconds - (time.perf_counter() - begun))))
        parts = self.recipe.encode(folds[0], best, True, self._member(0))
        found = self.folds(folds, parts, best, begun=False)
        if found.stopped in ("time budget", "interrupted"):
            facts["folds"] = {"trained": len(found.fits), "wanted": len(folds)}
        return dataclasses.replace(found, metrics={"search": facts})

    def folds(self, folds: Sequence[Any], parts: Any, settings: Any, begun: bool = True) -> Folded[Any, Any, Any]:
        """Train a model for each fold.

        Args:
            folds: the data, divided for each fold.
            parts: the first of them, encoded.
            settings: of the training.
            begun: whether the first model is written at its validations; else the file stays until it is trained.
        """
        start, seconds, resumer = time.perf_counter(), settings.seconds(), current()
        if seconds is not None and resumer is not None:
            seconds = max(0.1, seconds - resumer.earlier)
        ends, learnt = None if seconds is None else start + seconds, self._sample(parts)

        def train_one(number: int, left: float | None) -> Fit[Any, Any, Any]:
            own = settings if left is None else _within(settings, left)
            these = parts if number == 0 else self.recipe.encode(folds[number], own, True, self._member(number))
            shown = PartProgress(self.progress, "fold", number, len(folds), start, ends)
            baseline = self._compare(these, own, QuietProgress())
            keeper = self.keeper if begun and number == 0 else Keeper(None, force=False)
            model, outcome = self._attempt(baseline, keeper, learnt, number + 1).once(these, own, shown)
            return Fit(model, these, baseline, outcome)

        def trained(fits: Sequence[Fit[Any, Any, Any]]) -> None:
            for fit in fits:
                others = [one.outcome for one in fits if one is not fit]
                keep_snapshot(fit.model.module, fit.outcome, choose_update(fit.outcome, others))
            joined = self.recipe.join(fits)
            joined.metrics = self.describe(joined, fits[0].parts, fits[0].outcome)
            self.keeper.keep(joined, self.progress)

        found = train_folds(
            train_one,
            len(folds),
            seconds=seconds,
            equally=settings.epochs == "auto",
            progress=self.progress,
            trained=trained,
        )
        for number, fit in enumerate(found.fits, 1):
            fit.outcome.snapshots.clear()
            self.progress.note(f"fold {number} of {len(folds)}: {self.recipe.describe_fold(fit)}")
        return dataclasses.replace(found, seconds=time.perf_counter() - start)

    def _compare(self, parts: Any, settings: Any, progress: Progress) -> Any:
        return None if self.compared is None else self.recipe.compare(parts, settings, progress, self.compared)

    def _sample(self, parts: Any) -> LearntExamples | None:
        """Draw the sample of training examples that a model keeps."""
        hashes = self.recipe.hash_learnt(parts)
        return None if hashes is None else LearntExamples.of(hashes)

    def _attempt(
        self, baseline: Any, keeper: Keeper, learnt: LearntExamples | None, fold: int | None = None
    ) -> Attempt[Any, Any, Any]:
        pretrained = self._member(0 if fold is None else fold - 1)

        def build(parts: Any, settings: Any) -> Any:
            model = self.recipe.build(self.cell, self.sizes, parts, settings, baseline)
            model.learnt = learnt
            if pretrained is not None:
                before, axes = pretrained.model, self.recipe.axes
                if settings.precision == "64":
                    model.module.double()  # the copy of a model in 64 bits is exact
                copy_known(before.module, model.module, axes(before), axes(model))
                model.learnt = join_learnt(learnt, before.learnt)
            return model

        def fit(model: Any, parts: Any, settings: Any, progress: Progress, validated: Validated) -> Outcome:
            rate = self.recipe.usual_rate(settings, parts)
            if settings.learning_rate is None and pretrained is not None:
                rate *= RATE
            return self.recipe.fit(model, parts, dataclasses.replace(settings, learning_rate=rate), progress, validated)

        def hear(outcome: Outcome, moment: Moment, improved: bool, trial: Mapping[str, int]) -> None:
            self.log.hear(outcome, moment, improved, trial if fold is None else {"fold": fold})

        return Attempt(build, fit, self.describe, keeper, hear)

    def describe(self, model: Any, parts: Any, outcome: Outcome) -> dict[str, Any]:
        """Return what a model keeps of its training, and of the model that it went on from."""
        return {
            **self.recipe.describe(model, parts, outcome),
            **({} if self.pretrained is None else self.pretrained.facts()),
        }

    def _member(self, number: int) -> Pretrained[Any] | None:
        return None if self.pretrained is None else self.pretrained.member(number)

    def _space(self, options: Mapping[str, Any], parts: Any, settings: Any) -> Space:
        """Return what a search may choose; where it goes on from a model, the rates are a share of the usual ones."""
        space = dict(self.recipe.space(options, parts, settings))
        rate = space.get("learning_rate")
        if self.pretrained is not None and isinstance(rate, Between):
            space["learning_rate"] = Between(RATE * rate.default, RATE * rate.low, RATE * rate.high, log=rate.log)
        return space


def _within(settings: TrainingSettings, seconds: float) -> Any:
    return dataclasses.replace(settings, time_budget=f"{seconds:.1f}s")

"""Be a recipe: what is particular to a task, in ten methods; :meth:`Recipe.train` is the same for all tasks.

A training reads its data once, encodes them as the settings say, says what there is to learn from, trains what stands
beside the recurrent model, then builds and fits that (once, or with several settings in a search), and judges it. What
a recipe's methods pass to each other is theirs: `Split` is the data, divided and not yet encoded, `Parts` the data as
the training sees them, `Baseline` what does without recurrence, with its scores.

A recipe stands in `elman.tasks.NAME.recipe` and has a row in `elman.tasks.registry`.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from os import PathLike
from typing import Any, ClassVar, Generic, TypeVar

import torch

from elman import cells
from elman.expr import Cell
from elman.models.trained import Trained
from elman.training.attempt import Attempt, Validated
from elman.training.keeping import Keeper
from elman.training.outcome import Outcome, describe_outcome
from elman.training.progress import Progress, show_progress
from elman.training.search import Space, require_optuna
from elman.training.settings import TrainingSettings

Split = TypeVar("Split")
Parts = TypeVar("Parts")
Baseline = TypeVar("Baseline")
S = TypeVar("S", bound=TrainingSettings)
M = TypeVar("M", bound=Trained)


class Recipe(ABC, Generic[Split, Parts, Baseline, S, M]):
    """Train models for one task.

    Attributes:
        settings: the class of its settings.
        cell: the one that is trained where none is named.
        encoded_by: the options of a search that change how data are encoded.
    """

    settings: type[S]
    cell: ClassVar[str] = "lstm"
    encoded_by: ClassVar[Collection[str]] = ()

    def train(
        self,
        data: Any,
        *,
        cell: str | Cell | None = None,
        sizes: Mapping[str, int] | None = None,
        output: str | PathLike[str] | None = None,
        force: bool = False,
        quiet: bool = False,
        search: int | None = None,
        compare: bool = True,
        **options: Any,
    ) -> M:
        """Train a model.

        Ctrl-C ends the training and returns the best model so far, with `stopped` set to `interrupted`.

        Args:
            data: one or many paths, or what the task's reader gives; see the chapter of the task.
            cell: the name of a cell, `FILE.py:NAME`, or a cell; None for the one that the recipe chooses.
            sizes: sizes that the cell leaves open, such as `{"h": 64}` for the projected LSTM.
            output: where to keep the model; it is written whenever a validation was the best so far, and at the end.
            force: replace `output` if it is a model. That stays until the training has ended; if it is interrupted, the
                new one is beside it, as `NAME.interrupted.elman.safetensors`.
            quiet: show no progress on standard error.
            search: try so many settings, the given ones first, and keep the model that does best on what is held out.
                What is given stays as it is; a time budget is for all of them together. Needs optuna.
            compare: train what does without recurrence as well, to say what the model is worth.
            **options: the rows of the task's settings, whose names and defaults they are.

        Raises:
            ConfigError: an option is unknown or outside its range, or options contradict each other or the cell.
            DataError: the data cannot be read, or are too few; `output` is taken or cannot be written.
            CellError: the cell is unknown, or its equations do not hold together.
            ElmanError: the gradient stayed non-finite; or the model could not be written to `output`, and the message
                says where it is instead.
        """
        settings = self.settings.of(options)
        if search is not None:
            require_optuna()
        keeper = Keeper(output, force)
        named = self.cell if cell is None else cell
        chosen = cells.find(named) if isinstance(named, str) else named
        with keeper, torch.random.fork_rng(devices=[]):
            split = self.read(data, settings, quiet)
            parts = self.encode(split, settings, quiet)
            # What does not fit each other is told before anything is shown, or trained beside the model.
            self.build(chosen, sizes, parts, settings, None)
            with show_progress(quiet, self.unit(parts)) as progress:
                for line in self.report(parts):
                    progress.note(line)
                baseline = self.compare(parts, settings, progress) if compare else None

                attempt = Attempt(
                    lambda parts, settings: self.build(chosen, sizes, parts, settings, baseline),
                    self.fit,
                    self.describe,
                    keeper,
                )
                if search is None:
                    del split  # nothing is encoded again, and what is kept for that takes memory
                    model, outcome = attempt.once(parts, settings, progress)
                else:
                    model, outcome, parts = attempt.search(
                        self.space(options, parts, settings),
                        lambda other: self.encode(split, other, quiet=True),
                        parts,
                        trials=search,
                        given=options,
                        settings=settings,
                        encoded_by=self.encoded_by,
                        progress=progress,
                    )
            model.module.eval()
            model.stopped, model.seconds = outcome.stopped, outcome.seconds
            model.metrics = {**model.metrics, **self.describe(model, parts, outcome)}
            model.metrics = {**model.metrics, **self.judge(model, parts, settings, baseline)}
            keeper.finish(model)
        return model

    @abstractmethod
    def read(self, data: Any, settings: S, quiet: bool) -> Split:
        """Read the data once, and divide them into what is learnt from and what is held out.

        Raises:
            DataError: they cannot be read, or are too few.
        """

    @abstractmethod
    def encode(self, split: Split, settings: S, quiet: bool) -> Parts:
        """Turn the data into numbers; what that takes is learnt from the part to learn from alone.

        Raises:
            DataError: an example cannot be encoded.
        """

    @abstractmethod
    def unit(self, parts: Parts) -> str:
        """Say what is counted while the training goes on, see :mod:`elman.training.progress`."""

    @abstractmethod
    def report(self, parts: Parts) -> Iterable[str]:
        """Say what there is to learn from, a line each."""

    @abstractmethod
    def compare(self, parts: Parts, settings: S, progress: Progress) -> Baseline | None:
        """Train what does without recurrence, and score it on what is held out; None where nothing can be compared."""

    @abstractmethod
    def space(self, given: Mapping[str, Any], parts: Parts, settings: S) -> Space:
        """Say which options a search may choose; those that somebody gave are not among them."""

    @abstractmethod
    def build(
        self, cell: Cell, sizes: Mapping[str, int] | None, parts: Parts, settings: S, baseline: Baseline | None
    ) -> M:
        """Build a model with its first weights.

        Raises:
            ConfigError: settings and cell do not fit each other, or the model does not fit in memory.
        """

    @abstractmethod
    def fit(self, model: M, parts: Parts, settings: S, progress: Progress, validated: Validated) -> Outcome:
        """Train a model.

        Args:
            model: what :meth:`build` made.
            parts: the data.
            settings: how.
            progress: what the user sees of it.
            validated: to be given to :meth:`elman.training.loop.Trainer.fit`.
        """

    @abstractmethod
    def count(self, model: M, parts: Parts) -> dict[str, Any]:
        """Return what a model keeps about how much it was trained on."""

    @abstractmethod
    def judge(self, model: M, parts: Parts, settings: S, baseline: Baseline | None) -> dict[str, Any]:
        """Score a trained model on what is held out, and say what that is worth; it knows its :meth:`describe`."""

    def describe(self, model: M, parts: Parts, outcome: Outcome) -> dict[str, Any]:
        """Return what a model keeps of its training."""
        best = outcome.best
        return {
            "validation_loss": None if best is None else best.loss,
            **self.count(model, parts),
            **describe_outcome(outcome),
        }

"""The base class of recipes: a task has ten methods of its own; :meth:`Recipe.train` is the same for all tasks.

A training reads its data once, encodes them as the settings say, reports what it learns from, trains the non-recurrent
baseline, builds and fits the recurrent model (once, with several settings in a search, or once for each fold), and
scores it. Three types are the recipe's own: `Split` is the data, divided and not yet encoded; `Parts` is the encoded
data; `Baseline` is the non-recurrent baseline with its scores.

A recipe stands in `elman.tasks.NAME.recipe` and has a row in `elman.tasks.registry`.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch

from elman import cells
from elman.data.held import hold
from elman.errors import ConfigError
from elman.expr import Cell
from elman.models.trained import Trained, current_versions
from elman.paths import check_path
from elman.phrases import counted
from elman.training.attempt import Validated
from elman.training.fingerprint import fingerprint
from elman.training.fitting import Fitting
from elman.training.folding import Fit
from elman.training.optimizers import peak_rate
from elman.training.outcome import Outcome, describe_outcome
from elman.training.pretrained import Axis, Pretrained, fixed_by, read_pretrained, settle, validating_first
from elman.training.progress import Progress, show_progress
from elman.training.ranks import Ranks, agree, is_first, joined
from elman.training.resumable import ENDED, find_ended, resumable
from elman.training.run_log import Callback, RunLog, name_data
from elman.training.search import Space, require_optuna
from elman.training.settings import TrainingSettings

Split = TypeVar("Split")
Parts = TypeVar("Parts")
Baseline = TypeVar("Baseline")
S = TypeVar("S", bound=TrainingSettings)
M = TypeVar("M", bound=Trained)


class Recipe(ABC, Generic[Split, Parts, Baseline, S, M]):
    """A recipe: how models for one task are trained.

    Attributes:
        settings: the class of its settings.
        cell: the default cell.
        rate: the default learning rate of adam and adamw; None where it is the usual one.
        encoded_by: the options of a search that change how data are encoded.
        few_equal: the share of what is held out that is learnt from as well in ordinary data, such as short lines.
    """

    settings: type[S]
    cell: ClassVar[str] = "lstm"
    rate: ClassVar[float | None] = None
    encoded_by: ClassVar[Collection[str]] = ()
    few_equal: ClassVar[float] = 0.0

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
        resume: bool = False,
        from_model: str | PathLike[str] | Trained | None = None,
        log: str | PathLike[str] | None = None,
        callbacks: Sequence[Callback] = (),
        **options: Any,
    ) -> M:
        """Train a model.

        Ctrl-C ends the training and returns the best model so far, with `stopped` set to `interrupted`.

        Args:
            data: one or many paths, a data frame, or examples in Python; see the chapter of the task.
            cell: the name of a cell, `FILE.py:NAME`, or a cell; None for the default of the recipe.
            sizes: sizes that the cell leaves open, such as `{"h": 64}` for the projected LSTM.
            output: the file of the model, written whenever a validation was the best so far, and at the end.
            force: replace `output` if it is a model. The old model stays until the training has ended; if that is
                interrupted, the new one is in the same folder as `NAME.interrupted.elman.safetensors`.
            quiet: show no progress on standard error.
            search: try so many settings, first the defaults, and keep the model that is best on the held-out data.
                Options that are given are not changed; a time budget is for all trials, and folds, together. Needs
                optuna.
            compare: also train the non-recurrent baseline, and compare the model with it.
            resume: go on from the checkpoint beside `output`, which a training writes every 30 seconds and removes at
                its end; the result is the same as without a break, bit for bit. Without a checkpoint the training
                begins; where it has ended, its model is read and returned.
            from_model: go on from a model of this task, a file or a trained model, which stays as it is unless it is
                also the output. It decides the cell, the layers and how data are read; words, classes and the like
                that the new data have are added to those that it knows. The weights that validate best are kept, and
                those that it begins with are among them.
            log: a file that gets a line of JSON at each validation, one before the first and one at the end, see
                :mod:`elman.training.run_log`. One that is there is refused, unless `force` replaces it or `resume` goes
                on with it.
            callbacks: functions that are called with each validation, as the log writes it, in the first process. An
                exception ends the training, and is raised as it is (an `ElmanError` in a trial of a search ends that
                trial alone); KeyboardInterrupt ends it as Ctrl-C does.
            **options: the options of the task, see its settings for names and defaults.

        Raises:
            ConfigError: an option is unknown or outside its range, or options contradict each other or the cell.
            DataError: the data cannot be read, or are too few; `output` is taken or cannot be written; the checkpoint
                beside it is damaged or of another training, or `resume` was not given.
            CellError: the cell is unknown, or its equations are wrong.
            ElmanError: the gradient stayed non-finite; or the model cannot be written to `output`, and the message says
                where it is instead.
        """
        data = hold(data)
        if isinstance(data, str | PathLike) and data != "-":
            check_path(data, "the data")
        if from_model is None:
            self.settings.of(options)
        if search is not None:
            require_optuna()
        with joined() as together:
            given = data if isinstance(data, list | tuple) else [data]
            if together is not None and any(isinstance(one, str) and one == "-" for one in given):
                raise ConfigError("Several processes cannot all read standard input. Put the data into a file.")
            pretrained = None
            if from_model is not None:
                pretrained = read_pretrained(from_model, self.name, self.load, self.networks, together)
            return self._train(
                data,
                pretrained,
                options,
                cell,
                sizes,
                output=output,
                force=force,
                quiet=quiet or not is_first(),
                search=search,
                compare=compare,
                resume=resume,
                log=RunLog(log, callbacks, force=force, resume=resume) if is_first() else RunLog(),
                together=together,
            )

    def _train(
        self,
        data: Any,
        pretrained: Pretrained[M] | None,
        options: Mapping[str, Any],
        cell: str | Cell | None,
        sizes: Mapping[str, int] | None,
        *,
        output: str | PathLike[str] | None,
        force: bool,
        quiet: bool,
        search: int | None,
        compare: bool,
        resume: bool,
        log: RunLog,
        together: Ranks | None,
    ) -> M:
        """Train a model, alone or together with other processes; see :meth:`train`."""
        wanted = cells.find(cell) if isinstance(cell, str) else cell
        if pretrained is None:
            chosen = cells.find(self.cell) if wanted is None else wanted
        else:
            options = settle(self, pretrained, options, wanted, sizes)
            chosen, sizes = pretrained.cell, pretrained.model.configuration.get("sizes")
        settings = self.settings.of(options)
        start = None if pretrained is None else pretrained.sha256
        ended = find_ended(output, start) if resume and is_first() else None
        ended = None if (named := agree(ended and str(ended))) is None else Path(named)
        if ended is not None:
            kept = self.load(ended)
            kept.stopped, kept.kept = ENDED, ended
            return kept
        identity: dict[str, Any] = {
            "cell": chosen.to_dict(),
            "sizes": dict(sizes or {}),
            "search": search,
            "compare": compare,
        }
        if pretrained is not None:
            identity["from_model"] = pretrained.sha256
        saving = resumable(output, data, settings, identity, resume=resume, force=force, quiet=quiet)
        with log, saving as keeper, torch.random.fork_rng(devices=[]), validating_first(pretrained):
            split = self.read(data, settings, quiet, pretrained)
            folds = self.divide(split, settings, pretrained)
            first = split if search is not None or len(folds) == 1 else folds[0]
            parts = self.encode(first, settings, quiet, pretrained)
            # Options that contradict each other are refused before anything is shown or trained.
            planned = self.build(chosen, sizes, parts, settings, None)
            if together is not None:
                together.require_equal("options", [identity, asdict(settings), current_versions()])
                together.require_equal("data", [fingerprint(data), list(self.report(parts)), planned.parameters])
            with show_progress(quiet, self.unit(parts)) as progress:
                lines = list(self.report(parts))
                if pretrained is not None:
                    lines.append(pretrained.describe(len(folds)))
                    lines += self.warn_of_learnt(pretrained, parts)
                for line in lines:
                    progress.note(line)
                facts = {
                    "task": planned.task,
                    "data": name_data(data),
                    "read": lines,
                    **identity,
                    **({} if pretrained is None else pretrained.facts()),
                    "cell": chosen.name,
                    "output": None if output is None else str(output),
                    "options": asdict(settings),
                    "parameters": planned.parameters,
                }
                log.begin(facts, progress)
                compared = planned.parameters if compare else None
                fitting = Fitting(self, chosen, sizes, keeper, progress, compared, log, pretrained)
                if search is not None:
                    found = fitting.search(split, folds, parts, settings, options, search)
                elif len(folds) > 1:
                    found = fitting.folds(folds, parts, settings)
                else:
                    del split, folds  # nothing is encoded again, and the data take memory
                    found = fitting.alone(parts, settings)
            model: M = self.join(found.fits)
            model.module.eval()
            model.stopped, model.seconds = found.stopped, found.seconds
            model.metrics = {**found.metrics, **fitting.describe(model, found.fits[0].parts, found.fits[0].outcome)}
            model.metrics = {**model.metrics, **self.judge_all(model, found.fits, settings)}
            keeper.finish(model)
            log.end(model)
        return model

    @property
    def name(self) -> str:
        """The task, as model files name it."""
        return type(self).__module__.split(".")[-2]

    def load(self, path: str | PathLike[str]) -> M:
        """Read the file of one of its models, by the function that stands beside every recipe."""
        model: M = importlib.import_module(type(self).__module__).load(path)
        return model

    def networks(self, model: M) -> Sequence[M]:
        """Return each network of a model as a model of its own, which a fold goes on from."""
        return [model]

    def fixed(self, model: M, settings: S) -> dict[str, Any]:  # noqa: ARG002 - for those that override it
        """Return the options that a model decides where a training goes on from it, with its values.

        Args:
            model: the model.
            settings: those that are given; of an option that has several fitting values it is returned.
        """
        return fixed_by(model.configuration, self.settings)

    def axes(self, model: M) -> Sequence[Axis]:  # noqa: ARG002 - for those that override it
        """Return what the rows of weights stand for that may grow where a training goes on from a model."""
        return []

    def usual_rate(self, settings: S, parts: Parts) -> float:  # noqa: ARG002 - for those that override it
        """Return the peak of the learning rate: as given, or the default."""
        own = self.rate if settings.optimizer in ("adam", "adamw") else None
        return settings.learning_rate or own or peak_rate(settings)

    def warn_of_learnt(self, pretrained: Pretrained[M], parts: Parts) -> Iterable[str]:
        """Say how much of what is held out the model that a training goes on from has learnt from."""
        hashes, learnt = self.hash_held_out(parts), pretrained.model.learnt
        if learnt is None or hashes is None:
            return
        overlap = learnt.compare(hashes)
        if overlap.estimate > self.few_equal * overlap.count:
            were = "was" if overlap.estimate == 1 else "were"
            yield (
                f"{overlap.estimate:,} of the {counted(overlap.count, 'example')} held out {were} learnt from by "
                f"{pretrained.name}, so the scores are too good"
            )

    def divide(
        self,
        split: Split,
        settings: S,  # noqa: ARG002 - for those that override it
        pretrained: Pretrained[M] | None = None,  # noqa: ARG002
    ) -> Sequence[Split]:
        """Divide the data into folds, for a model each; where there are none, return the split alone."""
        return [split]

    def join(self, fits: Sequence[Fit[M, Parts, Baseline]]) -> M:
        """Return the model that answers: that of a single fit, or one that holds the models of several folds."""
        return fits[0].model

    def describe_fold(self, fit: Fit[M, Parts, Baseline]) -> str:
        """Write the score of a model on its fold."""
        return "" if fit.outcome.best is None else fit.outcome.best.said

    def judge_all(self, model: M, fits: Sequence[Fit[M, Parts, Baseline]], settings: S) -> dict[str, Any]:
        """Score a model that may have been joined; see :meth:`judge`."""
        return self.judge(model, fits[0].parts, settings, fits[0].baseline)

    @abstractmethod
    def read(self, data: Any, settings: S, quiet: bool, pretrained: Pretrained[M] | None = None) -> Split:
        """Read the data once, and divide them into training and held-out data.

        Args:
            data: of the training.
            settings: of the training.
            quiet: show no progress.
            pretrained: the model that the training goes on from; its columns are read.

        Raises:
            DataError: they cannot be read, are too few, or are not what the model reads.
        """

    @abstractmethod
    def encode(self, split: Split, settings: S, quiet: bool, pretrained: Pretrained[M] | None = None) -> Parts:
        """Turn the data into numbers; vocabularies and scales come from the training part alone.

        Args:
            split: the data.
            settings: of the training.
            quiet: show no progress.
            pretrained: the model that the training goes on from; its scales stay, and its vocabulary grows.

        Raises:
            DataError: an example cannot be encoded, or is not what the model reads.
        """

    @abstractmethod
    def unit(self, parts: Parts) -> str:
        """Return the unit of the loss, see :mod:`elman.training.progress`."""

    @abstractmethod
    def report(self, parts: Parts) -> Iterable[str]:
        """Describe the data to learn from, in lines."""

    @abstractmethod
    def compare(self, parts: Parts, settings: S, progress: Progress, parameters: int) -> Baseline | None:
        """Train the non-recurrent baseline and score it on the held-out data; None where there is none.

        Args:
            parts: the data.
            settings: of the training.
            progress: receives its notes.
            parameters: how many the model will have, unless a search changes that.
        """

    @abstractmethod
    def space(self, given: Mapping[str, Any], parts: Parts, settings: S) -> Space:
        """Return the options that a search may choose, without those that are given."""

    @abstractmethod
    def build(
        self, cell: Cell, sizes: Mapping[str, int] | None, parts: Parts, settings: S, baseline: Baseline | None
    ) -> M:
        """Build a model with its initial weights.

        Raises:
            ConfigError: settings and cell do not fit each other, or the model does not fit in memory.
        """

    @abstractmethod
    def fit(self, model: M, parts: Parts, settings: S, progress: Progress, validated: Validated) -> Outcome:
        """Train a model.

        Args:
            model: from :meth:`build`.
            parts: the data.
            settings: of the training.
            progress: receives training events.
            validated: passed to :meth:`elman.training.loop.Trainer.fit`.
        """

    @abstractmethod
    def count(self, model: M, parts: Parts) -> dict[str, Any]:
        """Return the sizes of the data that a model was trained on, as a model keeps them."""

    @abstractmethod
    def judge(self, model: M, parts: Parts, settings: S, baseline: Baseline | None) -> dict[str, Any]:
        """Score a trained model on the held-out data, and compare it with the baseline.

        The metrics of the model already hold what :meth:`describe` returns.
        """

    def hash_learnt(self, parts: Parts) -> Iterable[int] | None:  # noqa: ARG002 - for those that override it
        """Return the hashes of the training examples, by which the model recognises them; None to keep none."""
        return None

    def hash_held_out(self, parts: Parts) -> Iterable[int] | None:  # noqa: ARG002 - for those that override it
        """Return the hashes of the examples held out, by which a model knows those that it has learnt from."""
        return None

    def describe(self, model: M, parts: Parts, outcome: Outcome) -> dict[str, Any]:
        """Return what a model keeps of its training."""
        best = outcome.best
        return {
            "validation_loss": None if best is None else best.loss,
            **self.count(model, parts),
            **describe_outcome(outcome),
        }

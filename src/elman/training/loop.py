"""Train a module: the loop that all recipes share.

A recipe yields losses, one or a few per update; this loop does the rest. It makes the updates (backward, clipping,
optimiser, schedule), validates now and then, keeps the best weights, and stops after the last epoch, when patience or
the time budget runs out, or at Ctrl-C. At the end the module always has the best weights.

>>> import torch
>>> from elman.training.progress import QuietProgress
>>> _ = torch.manual_seed(1)
>>> line = nn.Linear(1, 1)
>>> trainer = Trainer(line, TrainingSettings(epochs=1, learning_rate=0.1), QuietProgress())
>>> x = torch.linspace(-1, 1, 8)[:, None]
>>> outcome = trainer.fit(lambda: (((trainer.module(x) - 2 * x).square().mean(), 8) for _ in range(500)), 500)
>>> outcome.stopped, round(line.weight.item(), 1)
('epochs', 2.0)
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor, nn

from elman.errors import ConfigError, ElmanError
from elman.flow.ledger import DIVERGED_AFTER, clip_factor, gradient_norms
from elman.scores.measured import Measured
from elman.training import ranks
from elman.training.averaging import NON_MONOTONE, is_worse_than_long_ago
from elman.training.feed import Feed
from elman.training.optimizers import build_optimizer, peak_rate
from elman.training.outcome import Outcome, Validation
from elman.training.pretrained import validates_first
from elman.training.progress import Moment, Progress
from elman.training.resuming import CheckpointedRun, current
from elman.training.run import Run
from elman.training.settings import TrainingSettings
from elman.training.snapshots import take_snapshot
from elman.training.stopping import interrupted, updating, waiting

_FABRIC_PRECISION = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed"}
_BAD_UPDATES_ALLOWED = 10
_ROUNDING = 1e-9
_MOST_CHANGE = 0.05  # of a gradient by bfloat16, without a word; an update of a batch differs more from the next
_ADVICE = "Try a lower --learning-rate, or a lower --clip-norm."


class Trainer:
    """A module on its device in its precision, with its optimiser.

    Args:
        module: the module to train, in place.
        settings: of the training.
        progress: receives training events.

    Attributes:
        module: the module to call; it converts its inputs to the right precision.
        optimizer: updates its weights.
        fabric: the device and precision.

    Raises:
        ConfigError: the device or the precision does not exist here.
    """

    def __init__(self, module: nn.Module, settings: TrainingSettings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self._raw, self._together, self._keeps_all = module, ranks.current(), False
        precision: Any = _FABRIC_PRECISION[settings.precision]
        try:
            self.fabric = Fabric(
                accelerator=settings.device, devices=ranks.devices(settings.device), precision=precision
            )
        except (RuntimeError, ValueError) as error:
            reason = str(error).split(". ")[0].splitlines()[0]
            raise ConfigError(
                f"Cannot train on {settings.device} in {settings.precision}: {reason}. Use --device cpu."
            ) from None
        by_norm = settings.clip_value is None
        self._limit = (1.0 if settings.clip_norm is None else settings.clip_norm) if by_norm else None
        self._rate = peak_rate(settings)
        wrapped, self.optimizer = self.fabric.setup(module, build_optimizer(module, settings))
        # In 64 bits the wrapper would round what the module returns to 32.
        self.module: nn.Module = module if settings.precision == "64" else wrapped

    def share(self, rows: int) -> contextlib.AbstractContextManager[Any]:
        """Compute those rows of a batch that this process has; all of them, where it trains alone.

        Args:
            rows: of the batch.
        """
        return contextlib.nullcontext() if self._together is None else self._together.share(rows)

    def fit(
        self,
        losses: Callable[[], Iterator[tuple[Tensor, int]]],
        updates_per_epoch: int,
        validate: Callable[[], float | Measured] | None = None,
        validated: Callable[[Outcome, Moment, bool], None] | None = None,
        validation_cost: float = 0.0,
        feed: Feed[Any, Any] | None = None,
        keep_all: bool = False,
    ) -> Outcome:
        """Train until something ends it; the module then holds the best weights.

        Args:
            losses: one epoch: yields the mean loss of each batch in nats, and of how many units it is the mean.
                `accumulate` of them, at the end of an epoch fewer, make one update. Of a batch that processes share
                it is the part of this one, computed within :meth:`share`, and the units are those of all.
            updates_per_epoch: `settings.count_updates` of how many it yields.
            validate: returns the validation loss in nats, or with it the score that chooses the best weights; None
                keeps the last weights.
            validated: called after each validation with the outcome so far, the present moment, and whether it was
                the best. The module then has the weights that were validated.
            validation_cost: how many updates predict as many units as one validation does. At least ten times as
                many updates, or those of an epoch, are made between two validations.
            feed: what `losses` reads from; with it the training is a part of checkpoints, where a command writes them
                (see :mod:`elman.training.resuming`).
            keep_all: keep the weights of all validations with the outcome, see :mod:`elman.training.snapshots`.

        Raises:
            ConfigError: the schedule or the optimiser needs validations, and there are none.
            ElmanError: the gradient was not finite many times in a row.
        """
        self._keeps_all = keep_all
        return self.go_on(self.begin(updates_per_epoch, validation_cost), losses, validate, validated, feed)

    def begin(self, updates_per_epoch: int, validation_cost: float = 0.0) -> Run:
        """Return a new run; the state of an earlier one may be loaded into it.

        Args:
            updates_per_epoch: as for :meth:`fit`.
            validation_cost: as for :meth:`fit`.
        """
        run = Run(self._raw, self.settings, updates_per_epoch, validation_cost, self._limit)
        if self._together is not None:
            run.agree(0.0)
        return run

    def go_on(
        self,
        run: Run,
        losses: Callable[[], Iterator[tuple[Tensor, int]]],
        validate: Callable[[], float | Measured] | None = None,
        validated: Callable[[Outcome, Moment, bool], None] | None = None,
        feed: Feed[Any, Any] | None = None,
    ) -> Outcome:
        """Continue a run until something ends it, as :meth:`fit` does.

        Args:
            run: from :meth:`begin`. If its state was loaded, those of module and optimizer were as well.
            losses: as for :meth:`fit`; the first call yields what is left of the present epoch, maybe nothing.
            validate: as for :meth:`fit`.
            validated: as for :meth:`fit`.
            feed: as for :meth:`fit`.

        Raises:
            ConfigError, ElmanError: as for :meth:`fit`.
        """
        if validate is None:
            self._check_no_validation_is_needed()
        place = self._place(run, feed)
        if place is None and self._together is None:
            return self._go_on(run, losses, validate, validated, None)
        if self._together is not None:
            self._together.match(self._raw)
        try:
            with updating():
                if place is None or not place.restore(validated, self.progress):
                    self._go_on(run, losses, validate, validated, place)
        except Exception as error:
            if place is not None:
                place.fail(error)
            raise
        if place is not None:
            place.end()
        return run.outcome

    def _place(self, run: Run, feed: Feed[Any, Any] | None) -> CheckpointedRun | None:
        resumer = current()
        return None if resumer is None or feed is None else resumer.begin(self._raw, self.optimizer, run, feed)

    def _go_on(
        self,
        run: Run,
        losses: Callable[[], Iterator[tuple[Tensor, int]]],
        validate: Callable[[], float | Measured] | None,
        validated: Callable[[Outcome, Moment, bool], None] | None,
        place: CheckpointedRun | None,
    ) -> Outcome:
        if run.updates is None:
            self.progress.note(
                f"epochs auto: the learning rate falls over the time budget of {self.settings.time_budget}, so the "
                "model depends on how fast this machine is"
            )
        try:
            if validate is not None and validates_first() and not run.outcome.updates and not run.outcome.history:
                self._validate(validate, run, validated, place)
            for group in self._updates(losses, run):
                self._update(group, run)
                if validate is not None and run.wants_validation():
                    self._validate(validate, run, validated, place)
                if place is not None:
                    place.pause(self.progress)
        except KeyboardInterrupt:
            run.outcome.stopped = "interrupted"
        finally:
            run.outcome.glances.close()
        if run.best is not None:
            self._raw.load_state_dict(run.best)
        else:
            if run.average is not None:
                run.average.apply()
            run.outcome.best_update = run.outcome.updates
        run.outcome.seconds = run.elapsed()
        if run.outcome.stopped == "time budget" and run.updates is not None:
            self.progress.note(
                f"the time budget ended the training after {run.share():.0%} of its {run.updates:,} updates; give it "
                "more, fewer epochs, or epochs auto, which fits the learning rate to the time"
            )
        return run.outcome

    def _check_no_validation_is_needed(self) -> None:
        if self.settings.optimizer == "asgd" or self.settings.schedule == "plateau":
            name = "optimiser asgd" if self.settings.optimizer == "asgd" else "schedule plateau"
            raise ConfigError(
                f"The {name} waits for validations, and nothing is held out for them. Hold out some data."
            )

    def _updates(
        self, losses: Callable[[], Iterator[tuple[Tensor, int]]], run: Run
    ) -> Iterator[Iterator[tuple[Tensor, int]]]:
        """Yield the losses of each update, one at a time, so that only one graph is in memory."""
        while not run.over():
            if run.counts.epoch_read:
                run.outcome.epoch, run.counts.epoch_read = run.outcome.epoch + 1, False
            self.module.train()
            epoch = self._read(losses, run)
            while (first := self._first_loss(epoch, run)) is not None:
                yield itertools.chain([first], itertools.islice(epoch, self.settings.accumulate - 1))
                if run.over():
                    return

    def _read(self, losses: Callable[[], Iterator[tuple[Tensor, int]]], run: Run) -> Iterator[tuple[Tensor, int]]:
        """Yield the losses of an epoch, and record its end, which an update with fewer than `accumulate` reaches."""
        yield from losses()
        run.counts.epoch_read = True

    def _first_loss(self, epoch: Iterator[tuple[Tensor, int]], run: Run) -> tuple[Tensor, int] | None:
        """Compute the first loss of the next update, after preparing a glance if one is due."""
        if ranks.is_first():
            run.outcome.glances.prepare(run.outcome.updates)
        return next(epoch, None)

    def _update(self, group: Iterator[tuple[Tensor, int]], run: Run) -> None:
        rate = self._rate * run.schedule()
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        self.optimizer.zero_grad()
        loss, count = self._backward(group, run)
        norms = gradient_norms(self._raw)
        norm, factor = math.hypot(*norms), 1.0
        step = run.outcome.glances.take(run.outcome.updates + 1, fine=math.isfinite(norm))
        self._warn_of_rounding(run)
        if math.isfinite(norm):
            factor = self._clip(norm)
            self.optimizer.step()
            if run.average is not None:
                run.average.add()
        run.outcome.ledger.enter(loss, norms, factor, step)
        if not math.isfinite(norm):
            self._skip(run)
        elif run.outcome.ledger.diverged():
            raise ElmanError(
                f"Training diverged: the loss is {loss:.3g}, and has been over a hundred times that of the start for "
                f"{DIVERGED_AFTER} updates, the last of them update {run.outcome.updates + 1}; most of the gradient "
                f"is that of {run.outcome.ledger.supplier()}. {_ADVICE}"
            )
        run.count(loss, norm, count)
        self.progress.update(run.moment())
        if self._together is not None and self._together.news.interrupted:
            raise KeyboardInterrupt

    def _backward(self, group: Iterator[tuple[Tensor, int]], run: Run) -> tuple[float, int]:
        """Compute the gradient of the mean loss of a group; return that mean and its number of units.

        Losses are weighted relative to the first one, since the sum of the counts is not known before the last.
        """
        total, count, first = 0.0, 0, 0
        for loss, units in group:
            first = first or units
            self.fabric.backward(loss * (units / first))
            total += float(loss.detach()) * units
            count += units
        if count != first:
            for parameter in self._raw.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(first / count)
        if self._together is not None:
            self._together.add_gradients(self._raw)
            due = (resumer := current()) is not None and resumer.is_due()
            news = self._together.exchange(total, run.watch(), interrupted(), waiting() or 0, due)
            run.agree(news.seconds)
            total = news.loss
        return total / count, count

    def _clip(self, norm: float) -> float:
        """Clip the gradient; return its norm after clipping as a share of the norm before."""
        if self.settings.clip_value is not None:
            self.fabric.clip_gradients(self.module, self.optimizer, clip_val=self.settings.clip_value)
            return gradient_norm(self._raw) / norm if norm else 1.0
        assert self._limit is not None
        if norm > self._limit:
            self.fabric.clip_gradients(self.module, self.optimizer, max_norm=self._limit)
        return clip_factor(norm, self._limit)

    def _warn_of_rounding(self, run: Run) -> None:
        """Say once where bfloat16 changes a gradient by much."""
        changes, run.outcome.glances.changes = run.outcome.glances.changes, {}
        for name, change in changes.items():
            if change > _MOST_CHANGE:
                layer: Any = self._raw.get_submodule(name)
                self.progress.note(
                    f"In bf16 the gradient of {name or 'the layer'} ({layer.cell.name}) changes by {change:.0%}, so "
                    "it may learn less. --precision 32 computes it in full."
                )

    def _skip(self, run: Run) -> None:
        at = run.outcome.updates + 1
        name = next(
            (n for n, p in self._raw.named_parameters() if p.grad is not None and not p.grad.isfinite().all()), None
        )
        where = f"the gradient of {name}" if name else "the norm of the gradient (each entry is finite)"
        before = f" The last norm that was finite is {run.outcome.ledger.last_norm:.3g}."
        broken = self._find_broken()
        if broken is not None:
            raise ElmanError(
                f"Training diverged: at update {at} the weights of {broken} are not finite.{before} {_ADVICE}"
            )
        run.outcome.skipped += 1
        run.counts.bad_in_a_row += 1
        if (bad := run.counts.bad_in_a_row) > _BAD_UPDATES_ALLOWED:
            raise ElmanError(
                f"Training cannot go on: {where} has not been finite for {bad} updates, the last of them "
                f"update {at}.{before} {_ADVICE}"
            )
        self.progress.note(f"update {at} left out: {where} is not finite")

    def _find_broken(self) -> str | None:
        """Return the name of the first parameter that is not finite."""
        return next((name for name, p in self._raw.named_parameters() if not p.isfinite().all()), None)

    def _validate(
        self,
        validate: Callable[[], float | Measured],
        run: Run,
        validated: Callable[[Outcome, Moment, bool], None] | None,
        place: CheckpointedRun | None,
    ) -> None:
        outcome, start = run.outcome, run.elapsed()
        with run.average.applied() if run.average is not None else contextlib.nullcontext():
            self.module.eval()
            measured = self._measure(validate).steadied([one.validation_loss for one in outcome.history])
            self.module.train()
            improved = measured.better_than(outcome.best)
            if improved and (broken := self._find_broken()) is not None:
                improved = False
                self.progress.note(f"update {outcome.updates}: not kept, the weights of {broken} are not finite")
            if improved:  # kept before anything slow happens: Ctrl-C may come at any moment
                run.best = {name: value.detach().clone() for name, value in self._raw.state_dict().items()}
                outcome.best_update, outcome.best = outcome.updates, measured
            outcome.history.append(
                Validation(outcome.epoch, outcome.updates, outcome.training_loss, measured.loss, measured.score)
            )
            if self._keeps_all and self._find_broken() is None:
                take_snapshot(self._raw, outcome)
            rate: float = self.optimizer.param_groups[0]["lr"]
            moment = replace(run.moment(), learning_rate=rate)
            self.progress.validation(moment, measured.loss, improved, measured.said)
            if place is not None:
                place.hear(outcome, moment)
            if validated is not None:
                validated(outcome, moment, improved)
        if self._together is not None:
            run.agree(self._together.broadcast(run.watch()))
            run.draw_like(self._together.broadcast(run.chance()))
        run.count_validation(improved, measured.is_early, run.elapsed() - start)
        losses = [one.validation_loss for one in outcome.history]
        if self.settings.optimizer == "asgd" and run.average is None and is_worse_than_long_ago(losses):
            self._start_averaging(run)
        if run.waited() >= self.settings.patience - _ROUNDING:
            run.end("patience")

    def _measure(self, validate: Callable[[], float | Measured]) -> Measured:
        """Validate; where processes train together, the first one does."""
        if self._together is not None and not self._together.is_first:
            return Measured(**self._together.broadcast({}))
        result = validate()
        measured = result if isinstance(result, Measured) else Measured(result)
        if self._together is not None:
            self._together.broadcast(asdict(measured))
        return measured

    def _start_averaging(self, run: Run) -> None:
        run.start_averaging()
        run.counts.better_at = run.share()
        self.progress.note(
            f"update {run.outcome.updates}: worse than more than {NON_MONOTONE} validations ago; from here on the "
            "weights are averaged"
        )


def gradient_norm(module: nn.Module) -> float:
    """Return the Euclidean norm of all gradients of a module; not finite if one entry is not.

    >>> import torch
    >>> layer = nn.Linear(1, 1)
    >>> layer.weight.grad, layer.bias.grad = torch.tensor([[3.0]]), torch.tensor([4.0])
    >>> gradient_norm(layer)
    5.0
    """
    return math.hypot(*gradient_norms(module))

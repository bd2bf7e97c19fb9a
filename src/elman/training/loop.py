"""Train a module: the loop that all recipes share.

A recipe yields losses, one or a few an update; this loop does what is the same for everyone. It follows the gradient
(backward, clipping, optimiser, schedule), looks at the validation loss every so often, keeps the best weights, and
stops after the last epoch, when patience or the time budget runs out, or when somebody presses Ctrl-C. In each case the
best weights are the ones that stay.

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
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from elman.errors import ConfigError, ElmanError
from elman.flow.ledger import DIVERGED_AFTER, Ledger, clip_factor, gradient_norms
from elman.scores.measured import Measured
from elman.training.averaging import WeightAverage
from elman.training.glances import Glances
from elman.training.outcome import Outcome, Validation
from elman.training.progress import Moment, Progress
from elman.training.settings import TrainingSettings

_FABRIC_PRECISION = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed"}
LEARNING_RATE = {"adam": 4e-3, "adamw": 4e-3, "sgd": 0.5, "asgd": 10.0}
# What decays is the weight times rate and decay: 0.01 at asgd's rate of 10 would leave nothing. (Merity et al. 2018)
_WEIGHT_DECAY = {"adam": 0.0, "adamw": 0.01, "sgd": 0.01, "asgd": 1.2e-6}
_DECAY = 0.5

_WARM_UP_UPDATES = 50
_LAST_LEARNING_RATE = 0.02  # as a share of the peak
_DEFAULT_UPDATES = 3000
_VALIDATE_AT_LEAST_EVERY = 250
_VALIDATE_AT_MOST_EVERY = 50
_TRAINING_PER_VALIDATION = 10  # how many times a validation's work is done in training before the next
_NON_MONOTONE = 5  # n of Merity et al. 2018, algorithm 1
_BAD_UPDATES_ALLOWED = 10
_LOSS_MEMORY = 0.98  # of the running mean that is shown
_ADVICE = "Try a lower --learning-rate, or a lower --clip-norm."


class Trainer:
    """Hold a module on its device in its precision, and train it.

    Args:
        module: what is trained, in place.
        settings: how.
        progress: what the user sees of it.

    Raises:
        ConfigError: the device or the precision does not exist here.
    """

    def __init__(self, module: nn.Module, settings: TrainingSettings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self._raw = module
        precision: Any = _FABRIC_PRECISION[settings.precision]
        try:
            self.fabric = Fabric(accelerator=settings.device, devices=1, precision=precision)
        except (RuntimeError, ValueError) as error:
            reason = str(error).split(". ")[0].splitlines()[0]
            raise ConfigError(
                f"Cannot train on {settings.device} in {settings.precision}: {reason}. Use --device cpu."
            ) from None
        by_norm = settings.clip_value is None
        self._limit = (1.0 if settings.clip_norm is None else settings.clip_norm) if by_norm else None
        self._rate = settings.learning_rate or LEARNING_RATE[settings.optimizer]
        self.module, self._optimizer = self.fabric.setup(module, self._build_optimizer(module))

    def fit(
        self,
        losses: Callable[[], Iterator[tuple[Tensor, int]]],
        updates_per_epoch: int,
        validate: Callable[[], float | Measured] | None = None,
        validated: Callable[[Outcome, Moment, bool], None] | None = None,
        validation_cost: float = 0.0,
    ) -> Outcome:
        """Train until something ends it; the module then holds the best weights.

        Args:
            losses: one epoch: yields the mean loss of each batch in nats, and of how many units it is the mean.
                `accumulate` of them, at the end of an epoch fewer, make one update.
            updates_per_epoch: `settings.count_updates` of how many it yields.
            validate: returns the validation loss in nats, or with it the score that chooses the best weights; None
                keeps the last weights.
            validated: is called after each validation with the outcome so far, how far the run is, and whether it
                was the best. The module then holds the weights that were validated.
            validation_cost: how many updates predict as many units as one validation does. Ten times as many are
                done between two validations, or as many as an epoch has.

        Raises:
            ConfigError: the schedule or the optimiser needs validations, and there are none.
            ElmanError: the gradient was not finite many times in a row.
        """
        if validate is None:
            self._check_that_none_is_missed()
        run = _Run(self.settings, updates_per_epoch, validation_cost)
        run.outcome.ledger = Ledger([name for name, _ in self._raw.named_parameters()], self._limit)
        run.outcome.glances = Glances(self._raw)
        try:
            for group in self._endless(losses, run):
                self._update(group, run)
                if validate is None or not run.wants_validation():
                    continue
                self._validate(validate, run, validated)
                if run.outcome.stopped == "patience":
                    break
        except KeyboardInterrupt:
            run.outcome.stopped = "interrupted"
        finally:
            run.outcome.glances.close()
        if run.best is not None:
            self._raw.load_state_dict(run.best)
        else:
            run.outcome.best_update = run.outcome.updates
        run.outcome.seconds = run.elapsed()
        return run.outcome

    def _check_that_none_is_missed(self) -> None:
        if self.settings.optimizer == "asgd" or self.settings.schedule == "plateau":
            name = "optimiser asgd" if self.settings.optimizer == "asgd" else "schedule plateau"
            raise ConfigError(
                f"The {name} waits for validations, and nothing is held out for them. Hold out some data."
            )

    def _endless(
        self, losses: Callable[[], Iterator[tuple[Tensor, int]]], run: "_Run"
    ) -> Iterator[Iterator[tuple[Tensor, int]]]:
        """Yield the losses of each update. They are made when asked for: one graph lives at a time."""
        while not run.over():
            self.module.train()
            epoch = losses()
            while (first := self._next_loss(epoch, run)) is not None:
                yield itertools.chain([first], itertools.islice(epoch, self.settings.accumulate - 1))
                if run.over():
                    return
            run.outcome.epoch += 1

    def _next_loss(self, epoch: Iterator[tuple[Tensor, int]], run: "_Run") -> tuple[Tensor, int] | None:
        """Run forward for the next update, and keep what passes if it is to be looked at."""
        run.outcome.glances.prepare(run.outcome.updates)
        return next(epoch, None)

    def _update(self, group: Iterator[tuple[Tensor, int]], run: "_Run") -> None:
        rate = self._rate * run.schedule()
        for parameters in self._optimizer.param_groups:
            parameters["lr"] = rate
        self._optimizer.zero_grad()
        loss, count = self._backward(group)
        norms = gradient_norms(self._raw)
        norm, factor = math.hypot(*norms), 1.0
        step = run.outcome.glances.take(run.outcome.updates + 1, fine=math.isfinite(norm))
        if math.isfinite(norm):
            factor = self._clip(norm)
            self._optimizer.step()
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

    def _backward(self, group: Iterator[tuple[Tensor, int]]) -> tuple[float, int]:
        """Leave the gradient of the mean loss of a group; return that mean, and of how many units it is.

        The weights are relative to the first loss, since the sum of the counts is not known before the last.
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
        return total / count, count

    def _clip(self, norm: float) -> float:
        """Return what is left of the gradient's length, as a share."""
        if self.settings.clip_value is not None:
            self.fabric.clip_gradients(self.module, self._optimizer, clip_val=self.settings.clip_value)
            return gradient_norm(self._raw) / norm if norm else 1.0
        assert self._limit is not None
        if norm > self._limit:
            self.fabric.clip_gradients(self.module, self._optimizer, max_norm=self._limit)
        return clip_factor(norm, self._limit)

    def _skip(self, run: "_Run") -> None:
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
        run.bad_in_a_row += 1
        run.outcome.skipped += 1
        if run.bad_in_a_row > _BAD_UPDATES_ALLOWED:
            raise ElmanError(
                f"Training cannot go on: {where} has not been finite for {run.bad_in_a_row} updates, the last of them "
                f"update {at}.{before} {_ADVICE}"
            )
        self.progress.note(f"update {at} left out: {where} is not finite")

    def _find_broken(self) -> str | None:
        """Name the first parameter that is not finite."""
        return next((name for name, p in self._raw.named_parameters() if not p.isfinite().all()), None)

    def _validate(
        self,
        validate: Callable[[], float | Measured],
        run: "_Run",
        validated: Callable[[Outcome, Moment, bool], None] | None,
    ) -> None:
        outcome, start = run.outcome, run.elapsed()
        with run.average.applied() if run.average is not None else contextlib.nullcontext():
            self.module.eval()
            found = validate()
            measured = found if isinstance(found, Measured) else Measured(found)
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
            moment = run.moment()
            self.progress.validation(moment, measured.loss, improved, measured.said)
            if validated is not None:
                validated(outcome, moment, improved)
        run.hear(improved, run.elapsed() - start)
        if self.settings.optimizer == "asgd" and run.average is None and run.got_worse():
            self._start_averaging(run)
        if run.worse_in_a_row >= self.settings.patience and not run.over():
            outcome.stopped = "patience"

    def _start_averaging(self, run: "_Run") -> None:
        run.average = WeightAverage(self._raw)
        run.worse_in_a_row = 0
        self.progress.note(
            f"update {run.outcome.updates}: worse than more than {_NON_MONOTONE} validations ago; from here on the "
            "weights are averaged"
        )

    def _build_optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        parameters, name = module.parameters(), self.settings.optimizer
        decay = _WEIGHT_DECAY[name] if self.settings.weight_decay is None else self.settings.weight_decay
        if name == "adam":
            return torch.optim.Adam(parameters, lr=self._rate)
        if name == "adamw":
            return torch.optim.AdamW(parameters, lr=self._rate, weight_decay=decay)
        return torch.optim.SGD(parameters, lr=self._rate, momentum=0.9 if name == "sgd" else 0.0, weight_decay=decay)


class _Run:
    """Count updates and time, and know from both how far a run is."""

    def __init__(self, settings: TrainingSettings, updates_per_epoch: int, validation_cost: float) -> None:
        self.outcome = Outcome()
        self.best: dict[str, Tensor] | None = None
        self.average: WeightAverage | None = None
        self.bad_in_a_row = 0
        self.worse_in_a_row = 0
        self._budget = settings.seconds()
        epochs = settings.epochs
        if epochs is None and self._budget is None:
            epochs = max(1, round(_DEFAULT_UPDATES / updates_per_epoch))
        self.updates = None if epochs is None else epochs * updates_per_epoch
        self._settings = settings
        self._epoch = updates_per_epoch
        self._between = min(math.ceil(_TRAINING_PER_VALIDATION * validation_cost), updates_per_epoch)
        self._every = max(min(max(updates_per_epoch, _VALIDATE_AT_MOST_EVERY), _VALIDATE_AT_LEAST_EVERY), self._between)
        self._validation_cost = validation_cost
        self._validation_seconds: float | None = None
        self._over = False
        self._decays = 0
        self._start = time.perf_counter()
        self._tenths = 0
        self._validated = 0
        self._units = 0
        self._weight = 0.0
        self._mean = 0.0
        self._norm = 0.0

    def elapsed(self) -> float:
        return time.perf_counter() - self._start

    def share(self) -> float:
        """Return how much of the run is done, by updates or by time, whichever is further."""
        by_updates = 0.0 if self.updates is None else self.outcome.updates / self.updates
        by_time = 0.0 if self._budget is None else self.elapsed() / (self._budget - self._reserve())
        return min(1.0, max(by_updates, by_time))

    def over(self) -> bool:
        return self._over

    def _look_whether_it_is_over(self) -> None:
        # Once an update and once a validation: a clock asked twice could end a run whose end is not validated.
        if self.updates is not None and self.outcome.updates >= self.updates:
            self.outcome.stopped, self._over = "epochs", True
        elif self._budget is not None and self.elapsed() >= self._budget - self._reserve():
            self.outcome.stopped, self._over = "time budget", True

    def _reserve(self) -> float:
        """Return the seconds of the budget that are kept for the validation at the end, at most half of it.

        The last one says how long it takes; before the first it is a forward pass, a third of the work of an update.
        """
        assert self._budget is not None
        seconds = self._validation_seconds
        if seconds is None:
            seconds = self.elapsed() / max(1, self.outcome.updates) * self._validation_cost / 3
        return min(seconds, self._budget / 2)

    def schedule(self) -> float:
        """Return the learning rate as a share of its peak."""
        name, decay = self._settings.chosen_schedule(), self._settings.decay or _DECAY
        if name == "step":  # Zaremba et al. 2014, section 4.1
            return decay ** max(0, self.outcome.epoch - (self._settings.decay_from or 0))
        if name == "plateau":
            return decay**self._decays
        warm = min(1.0, (self.outcome.updates + 1) / _WARM_UP_UPDATES)
        if name == "constant":
            return warm if self._settings.optimizer in ("adam", "adamw") else 1.0
        cosine = 0.5 * (1 + math.cos(math.pi * self.share()))
        return warm * (_LAST_LEARNING_RATE + (1 - _LAST_LEARNING_RATE) * cosine)

    def hear(self, improved: bool, seconds: float) -> None:
        """Count a validation that was, or was not, the best so far, and remember how long it took."""
        self._validation_seconds = seconds
        self._look_whether_it_is_over()
        self.worse_in_a_row = 0 if improved else self.worse_in_a_row + 1
        self._decays += not improved

    def got_worse(self) -> bool:
        """Say whether the last validation is worse than the best of those more than n before it.

        This starts the averaging of Merity et al. 2018, algorithm 1.
        """
        losses = [one.validation_loss for one in self.outcome.history]
        long_ago = [loss for loss in losses[: -_NON_MONOTONE - 1] if not math.isnan(loss)]
        return bool(long_ago) and losses[-1] > min(long_ago)

    def count(self, loss: float, norm: float, units: int) -> None:
        self.outcome.updates += 1
        self._units += units
        self._norm = norm
        if math.isfinite(norm):
            self.bad_in_a_row = 0
        if math.isfinite(loss):
            self._weight = _LOSS_MEMORY * self._weight + 1 - _LOSS_MEMORY
            self._mean = _LOSS_MEMORY * self._mean + (1 - _LOSS_MEMORY) * loss
            self.outcome.training_loss = self._mean / self._weight
        self._look_whether_it_is_over()

    def wants_validation(self) -> bool:
        """Say whether it is time.

        Where validations steer the training that is after each epoch, elsewhere after so many updates and at each tenth
        of a time budget; and always at the end.
        """
        if self._settings.optimizer == "asgd" or self._settings.chosen_schedule() in ("step", "plateau"):
            return self.outcome.updates % self._epoch == 0 or self.over()
        tenths = math.floor(10 * self.share()) if self._budget is not None else 0
        since = self.outcome.updates - self._validated
        due = since >= self._every or (tenths > self._tenths and since >= self._between) or self.over()
        if due:
            self._tenths, self._validated = tenths, self.outcome.updates
        return due

    def moment(self) -> Moment:
        share, elapsed = self.share(), self.elapsed()
        return Moment(
            epoch=self.outcome.epoch,
            update=self.outcome.updates,
            share=share,
            seconds_left=elapsed * (1 - share) / share if share > 0 else None,
            loss=self.outcome.training_loss,
            units_per_second=self._units / elapsed,
            gradient_norm=self._norm,
        )


def gradient_norm(module: nn.Module) -> float:
    """Return the Euclidean norm of all gradients of a module together; not finite if one entry is not.

    >>> layer = nn.Linear(1, 1)
    >>> layer.weight.grad, layer.bias.grad = torch.tensor([[3.0]]), torch.tensor([4.0])
    >>> gradient_norm(layer)
    5.0
    """
    return math.hypot(*gradient_norms(module))

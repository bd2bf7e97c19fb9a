"""Train a module: the loop that all recipes share.

A recipe yields losses, one an update; this loop does what is the same for everyone. It follows the gradient
(backward, clipping, optimiser, schedule), looks at the validation loss every so often, keeps the best weights, and
stops after the last epoch, when patience or the time budget runs out, or when somebody presses Ctrl-C. In each case the
best weights are the ones that stay.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from elman.errors import ConfigError, ElmanError
from elman.tasks.progress import Moment, Progress
from elman.tasks.settings import TrainingSettings

_FABRIC_PRECISION = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed"}
_LEARNING_RATE = {"adam": 4e-3, "adamw": 4e-3, "sgd": 0.5}

_WARM_UP_UPDATES = 50
_LAST_LEARNING_RATE = 0.02  # as a share of the peak
_DEFAULT_UPDATES = 3000
_VALIDATE_AT_LEAST_EVERY = 250
_VALIDATE_AT_MOST_EVERY = 50
_BAD_UPDATES_ALLOWED = 10
_LOSS_MEMORY = 0.98  # of the running mean that is shown


@dataclass(frozen=True)
class Validation:
    """Hold what was known after one validation: losses in nats a character."""

    epoch: int
    update: int
    training_loss: float
    validation_loss: float


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
        history: every validation, in order.
    """

    stopped: str = "epochs"
    epoch: int = 1
    updates: int = 0
    best_update: int = 0
    training_loss: float = math.nan
    skipped: int = 0
    seconds: float = 0.0
    history: list[Validation] = field(default_factory=list)

    @property
    def best_loss(self) -> float:
        """Return the lowest validation loss, infinity before the first."""
        return min((v.validation_loss for v in self.history if not math.isnan(v.validation_loss)), default=math.inf)


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
        self._rate = settings.learning_rate or _LEARNING_RATE[settings.optimizer]
        self.module, self._optimizer = self.fabric.setup(module, self._build_optimizer(module))

    def fit(
        self,
        losses: Callable[[], Iterator[tuple[Tensor, int]]],
        updates_per_epoch: int,
        validate: Callable[[], float] | None = None,
        validated: Callable[[Outcome, Moment, bool], None] | None = None,
    ) -> Outcome:
        """Train until something ends it; the module then holds the best weights.

        Args:
            losses: one epoch: yields the mean loss of each update in nats, and of how many characters it is the mean.
            updates_per_epoch: how many it yields.
            validate: returns the validation loss in nats; None keeps the last weights.
            validated: is called after each validation with the outcome so far, how far the run is, and whether it
                was the best.

        Raises:
            ElmanError: the gradient was not finite many times in a row.
        """
        run = _Run(self.settings, updates_per_epoch)
        try:
            for loss, count in self._endless(losses, run):
                self._update(loss, count, run)
                if validate is None or not run.wants_validation():
                    continue
                self._validate(validate, run, validated)
                if run.outcome.stopped == "patience":
                    break
        except KeyboardInterrupt:
            run.outcome.stopped = "interrupted"
        if run.best is not None:
            self._raw.load_state_dict(run.best)
        else:
            run.outcome.best_update = run.outcome.updates
        run.outcome.seconds = run.elapsed()
        return run.outcome

    def _endless(self, losses: Callable[[], Iterator[tuple[Tensor, int]]], run: "_Run") -> Iterator[tuple[Tensor, int]]:
        while not run.over():
            self.module.train()
            for loss in losses():
                yield loss
                if run.over():
                    return
            run.outcome.epoch += 1

    def _update(self, loss: Tensor, count: int, run: "_Run") -> None:
        rate = self._rate * run.schedule()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad()
        self.fabric.backward(loss)
        norm = gradient_norm(self._raw)
        if math.isfinite(norm):
            self._clip(norm)
            self._optimizer.step()
        else:
            self._skip(run)
        run.count(float(loss.detach()), norm, count)
        self.progress.update(run.moment())

    def _clip(self, norm: float) -> None:
        if self.settings.clip_value is not None:
            self.fabric.clip_gradients(self.module, self._optimizer, clip_val=self.settings.clip_value)
            return
        limit = 1.0 if self.settings.clip_norm is None else self.settings.clip_norm
        if norm > limit:
            self.fabric.clip_gradients(self.module, self._optimizer, max_norm=limit)

    def _skip(self, run: "_Run") -> None:
        at = run.outcome.updates + 1
        name = next(
            (n for n, p in self._raw.named_parameters() if p.grad is not None and not p.grad.isfinite().all()), None
        )
        where = f"the gradient of {name}" if name else "the norm of the gradient (each entry is finite)"
        run.bad_in_a_row += 1
        run.outcome.skipped += 1
        if run.bad_in_a_row > _BAD_UPDATES_ALLOWED:
            raise ElmanError(
                f"Training cannot go on: {where} has not been finite for {run.bad_in_a_row} updates, the last of them "
                f"update {at}. Try a lower --learning-rate, or a lower --clip-norm."
            )
        self.progress.note(f"update {at} left out: {where} is not finite")

    def _validate(
        self,
        validate: Callable[[], float],
        run: "_Run",
        validated: Callable[[Outcome, Moment, bool], None] | None,
    ) -> None:
        self.module.eval()
        loss = validate()
        self.module.train()
        outcome = run.outcome
        improved = loss < outcome.best_loss
        if improved:  # kept before anything slow happens: Ctrl-C may come at any moment
            run.best = {name: value.detach().clone() for name, value in self._raw.state_dict().items()}
            outcome.best_update = outcome.updates
        outcome.history.append(Validation(outcome.epoch, outcome.updates, outcome.training_loss, loss))
        moment = run.moment()
        self.progress.validation(moment, loss, improved)
        if validated is not None:
            validated(outcome, moment, improved)
        run.worse_in_a_row = 0 if improved else run.worse_in_a_row + 1
        if run.worse_in_a_row >= self.settings.patience and not run.over():
            outcome.stopped = "patience"

    def _build_optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        parameters, decay = module.parameters(), self.settings.weight_decay
        if self.settings.optimizer == "adam":
            return torch.optim.Adam(parameters, lr=self._rate)
        if self.settings.optimizer == "sgd":
            return torch.optim.SGD(parameters, lr=self._rate, momentum=0.9, weight_decay=decay)
        return torch.optim.AdamW(parameters, lr=self._rate, weight_decay=decay)


class _Run:
    """Count updates and time, and know from both how far a run is."""

    def __init__(self, settings: TrainingSettings, updates_per_epoch: int) -> None:
        self.outcome = Outcome()
        self.best: dict[str, Tensor] | None = None
        self.bad_in_a_row = 0
        self.worse_in_a_row = 0
        self._budget = settings.seconds()
        epochs = settings.epochs
        if epochs is None and self._budget is None:
            epochs = max(1, round(_DEFAULT_UPDATES / updates_per_epoch))
        self.updates = None if epochs is None else epochs * updates_per_epoch
        self._every = min(max(updates_per_epoch, _VALIDATE_AT_MOST_EVERY), _VALIDATE_AT_LEAST_EVERY)
        self._start = time.perf_counter()
        self._tenths = 0
        self._validated = 0
        self._characters = 0
        self._weight = 0.0
        self._mean = 0.0
        self._norm = 0.0

    def elapsed(self) -> float:
        return time.perf_counter() - self._start

    def share(self) -> float:
        """Return how much of the run is done, by updates or by time, whichever is further."""
        by_updates = 0.0 if self.updates is None else self.outcome.updates / self.updates
        by_time = 0.0 if self._budget is None else self.elapsed() / self._budget
        return min(1.0, max(by_updates, by_time))

    def over(self) -> bool:
        if self.updates is not None and self.outcome.updates >= self.updates:
            self.outcome.stopped = "epochs"
            return True
        if self._budget is not None and self.elapsed() >= self._budget:
            self.outcome.stopped = "time budget"
            return True
        return False

    def schedule(self) -> float:
        """Return the learning rate as a share of its peak: a linear warm-up, then half a cosine."""
        warm = min(1.0, (self.outcome.updates + 1) / _WARM_UP_UPDATES)
        cosine = 0.5 * (1 + math.cos(math.pi * self.share()))
        return warm * (_LAST_LEARNING_RATE + (1 - _LAST_LEARNING_RATE) * cosine)

    def count(self, loss: float, norm: float, characters: int) -> None:
        self.outcome.updates += 1
        self._characters += characters
        self._norm = norm
        if math.isfinite(norm):
            self.bad_in_a_row = 0
        if math.isfinite(loss):
            self._weight = _LOSS_MEMORY * self._weight + 1 - _LOSS_MEMORY
            self._mean = _LOSS_MEMORY * self._mean + (1 - _LOSS_MEMORY) * loss
            self.outcome.training_loss = self._mean / self._weight

    def wants_validation(self) -> bool:
        """Say whether it is time: so many updates since the last, at each tenth of a time budget, and at the end."""
        tenths = math.floor(10 * self.share()) if self._budget is not None else 0
        due = self.outcome.updates - self._validated >= self._every or tenths > self._tenths or self.over()
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
            characters_per_second=self._characters / elapsed,
            gradient_norm=self._norm,
        )


def gradient_norm(module: nn.Module) -> float:
    """Return the Euclidean norm of all gradients of a module together; not finite if one entry is not.

    >>> layer = nn.Linear(1, 1)
    >>> layer.weight.grad, layer.bias.grad = torch.tensor([[3.0]]), torch.tensor([4.0])
    >>> gradient_norm(layer)
    5.0
    """
    norms = [torch.linalg.vector_norm(p.grad) for p in module.parameters() if p.grad is not None]
    return float(torch.linalg.vector_norm(torch.stack(norms))) if norms else 0.0

"""The state of a training, from which it follows what comes next.

A run counts updates, units and seconds, keeps the best weights, and decides when to validate and when to end. All of it
is in its state dict, as plain data: with the states of the module, the optimiser and the feed, a new run continues from
the end of an update as if the training had never stopped.

>>> run = Run(nn.Linear(1, 1), TrainingSettings(epochs=2), updates_per_epoch=100)
>>> for _ in range(150):
...     run.count(loss=1.0, norm=1.0, units=8)
>>> again = Run(nn.Linear(1, 1), TrainingSettings(epochs=2), updates_per_epoch=100)
>>> again.load_state_dict(run.state_dict())
>>> again.share()
0.75
"""

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from elman.flow.ledger import Ledger
from elman.training.alike import find_unlike
from elman.training.averaging import WeightAverage
from elman.training.glances import Glances
from elman.training.outcome import Outcome
from elman.training.progress import Moment
from elman.training.schedule import share_of_peak
from elman.training.settings import TrainingSettings

_DEFAULT_UPDATES = 3000
_VALIDATE_AT_LEAST_EVERY = 250
_VALIDATE_AT_MOST_EVERY = 50
_TRAINING_PER_VALIDATION = 10  # the work between two validations, as a multiple of that of a validation
_LOSS_MEMORY = 0.98  # of the running mean that is shown
_LEAST_BUDGET = 0.1  # seconds


@dataclass
class Counts:
    """The counts of a run that are not part of its outcome.

    Attributes:
        over: whether the run has ended.
        epoch_read: whether the end of the epoch was reached; a full last update leaves that open.
        bad_in_a_row: consecutive updates that were skipped because their gradient was not finite.
        counted: validations that did not come too early to tell.
        better_at: the share of the run that was done at the best validation, or when averaging began.
        decays: validations that were not the best.
        tenths: tenths of the run that had passed at the last validation, where time alone ends it.
        validated: the update of the last validation.
        validation_seconds: how long that took; None before the first.
        units: how many were read.
        weight: sum of the weights in the running mean of the loss; it approaches 1.
        mean: weighted sum of the losses in that mean.
        norm: norm of the last gradient, before clipping.
    """

    over: bool = False
    epoch_read: bool = False
    bad_in_a_row: int = 0
    counted: int = 0
    better_at: float = 0.0
    decays: int = 0
    tenths: int = 0
    validated: int = 0
    validation_seconds: float | None = None
    units: int = 0
    weight: float = 0.0
    mean: float = 0.0
    norm: float = 0.0


class Stopwatch:
    """A stopwatch for the seconds of a run.

    Args:
        before: the seconds of earlier parts of the run.
    """

    def __init__(self, before: float = 0.0) -> None:
        self._before, self._start = before, time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds of all parts, this one included."""
        return self._before + (time.perf_counter() - self._start)


class Run:
    """A training that may be saved and continued.

    Args:
        module: the module that is trained.
        settings: of the training.
        updates_per_epoch: number of updates in an epoch.
        validation_cost: how many updates predict as many units as one validation does.
        limit: the norm above which gradients are clipped; None where they are not clipped by norm.

    Attributes:
        outcome: what was measured so far.
        best: the weights of the best validation so far; None before the first.
        average: the mean of the weights, once averaging has begun: at once with `average`, later with asgd.
        counts: the other counts.
    """

    def __init__(
        self,
        module: nn.Module,
        settings: TrainingSettings,
        updates_per_epoch: int,
        validation_cost: float = 0.0,
        limit: float | None = None,
    ) -> None:
        ledger = Ledger([name for name, _ in module.named_parameters()], limit)
        self.outcome = Outcome(ledger=ledger, glances=Glances(module, rounds=settings.precision == "bf16"))
        self.best: dict[str, Tensor] | None = None
        self._module, self._settings = module, settings
        self.average: WeightAverage | None = None
        if settings.average is not None:
            self.start_averaging()
        self.counts = Counts()
        self._budget = settings.seconds()
        self.outcome.planned = settings.updates
        if settings.updates is None and settings.epochs != "auto":
            epochs = settings.epochs or max(1, round(_DEFAULT_UPDATES / updates_per_epoch))
            self.outcome.planned = epochs * updates_per_epoch
        self._epoch = updates_per_epoch
        self._between = min(math.ceil(_TRAINING_PER_VALIDATION * validation_cost), updates_per_epoch)
        self._every = max(min(max(updates_per_epoch, _VALIDATE_AT_MOST_EVERY), _VALIDATE_AT_LEAST_EVERY), self._between)
        self._validation_cost = validation_cost
        self._stopwatch = Stopwatch()
        self._agreed: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the state as numbers, strings, lists, dicts with names, and tensors.

        It includes torch's default generators, which dropout draws from. As in torch, tensors are not copied.
        """
        return {
            "outcome": self.outcome.state_dict(),
            "counts": asdict(self.counts),
            "seconds": self.elapsed(),
            "budget": self._budget,
            "best": self.best,
            "average": None if self.average is None else self.average.state_dict(),
            "chance": self.chance(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; the stopwatch starts, and torch's default generators are set.

        Args:
            state: of a run with equal arguments; in a search it may have planned another number of updates.

        Raises:
            ValueError: it has planned none, or this run has no plan; or it has weights of another module.
        """
        planned = state["outcome"]["planned"]
        if (planned is None) != (self.updates is None) or (planned is not None and planned < 1):
            raise ValueError(f"run.outcome.planned is {planned}, where this training plans {self.updates}")
        for weights in state["outcome"]["snapshots"].values():
            if (unlike := find_unlike(weights, self._module.state_dict(), "run.outcome.snapshots")) is not None:
                raise ValueError(unlike)
        self.outcome.load_state_dict(state["outcome"])
        self.counts = Counts(**state["counts"])
        self.best = state["best"]
        self.average = None
        if state["average"] is not None:
            self.start_averaging().load_state_dict(state["average"])
        self.draw_like(state["chance"])
        self._stopwatch = Stopwatch(state["seconds"])
        self._agreed = None if self._agreed is None else float(state["seconds"])
        # A fold or a trial that goes on is given what is left of all, without the seconds that it has taken itself.
        if self._budget is not None:
            self._budget = max(_LEAST_BUDGET, float(state["budget"]))

    def start_averaging(self) -> WeightAverage:
        """Average the weights from here on."""
        self.average = WeightAverage(self._module, self._settings.average or 1.0)
        return self.average

    def _generators(self) -> dict[str, Any]:
        """Return the modules of torch with its default generators: for the CPU and the module's device."""
        others = {p.device.type for p in self._module.parameters()} - {"cpu"}
        return {"cpu": torch, **{name: getattr(torch, name) for name in sorted(others)}}

    def chance(self) -> dict[str, Tensor]:
        """Return the states of torch's default generators."""
        return {name: torch_of.get_rng_state() for name, torch_of in self._generators().items()}

    def draw_like(self, chance: dict[str, Tensor]) -> None:
        """Restore what :meth:`chance` returned."""
        for name, torch_of in self._generators().items():
            torch_of.set_rng_state(chance[name])

    @property
    def updates(self) -> int | None:
        """The number of updates at the end; None where time alone ends the run."""
        return self.outcome.planned

    def watch(self) -> float:
        """Return how many seconds the run has taken, by the watch of this process."""
        return self._stopwatch.seconds()

    def agree(self, seconds: float) -> None:
        """Let the run have taken so many seconds until the next call; processes that train together agree on them."""
        self._agreed = seconds

    def elapsed(self) -> float:
        """Return how many seconds the run has taken."""
        return self.watch() if self._agreed is None else self._agreed

    def share(self) -> float:
        """Return how much of the run is done: of its updates; of the time budget where time alone ends it."""
        return min(1.0, self._share_of_budget() if self.updates is None else self.outcome.updates / self.updates)

    def waited(self) -> float:
        """Return the share of the run since the best validation, or since averaging began."""
        return self.share() - self.counts.better_at

    def _share_of_budget(self) -> float:
        return 0.0 if self._budget is None else self.elapsed() / (self._budget - self._reserve())

    def over(self) -> bool:
        """Return whether the run has ended."""
        return self.counts.over

    def end(self, reason: str) -> None:
        """End the run; the first reason is kept."""
        if not self.counts.over:
            self.outcome.stopped, self.counts.over = reason, True

    def _check_end(self) -> None:
        # Read the time once per update and once per validation: a second reading could end a run without a validation.
        done, last = self.outcome.updates, self._settings.last_update
        if self.updates is not None and done >= self.updates:
            self.end("epochs" if self._settings.updates is None else "updates")
        elif last is not None and done >= last:
            self.end("last update")
        elif self._budget is not None and self.elapsed() >= self._budget - self._reserve():
            self.end("time budget")

    def _reserve(self) -> float:
        """Return the seconds of the budget that are reserved for the last validation, at most half of it.

        The estimate is the time of the previous one; before the first, a third of an update, which is a forward pass.
        """
        assert self._budget is not None
        seconds = self.counts.validation_seconds
        if seconds is None:
            seconds = self.elapsed() / max(1, self.outcome.updates) * self._validation_cost / 3
        return min(seconds, self._budget / 2)

    def schedule(self) -> float:
        """Return the learning rate as a share of its peak."""
        done = self.outcome
        return share_of_peak(
            self._settings, updates=done.updates, epoch=done.epoch, share=self.share(), decays=self.counts.decays
        )

    def count(self, loss: float, norm: float, units: int) -> None:
        """Count an update: its loss, the norm of its gradient before clipping, and its number of units."""
        counts = self.counts
        self.outcome.updates += 1
        counts.units += units
        counts.norm = norm
        if math.isfinite(norm):
            counts.bad_in_a_row = 0
        if math.isfinite(loss):
            counts.weight = _LOSS_MEMORY * counts.weight + 1 - _LOSS_MEMORY
            counts.mean = _LOSS_MEMORY * counts.mean + (1 - _LOSS_MEMORY) * loss
            self.outcome.training_loss = counts.mean / counts.weight
        self._check_end()

    def count_validation(self, improved: bool, is_early: bool, seconds: float) -> None:
        """Count a validation: whether it was the best so far or came too early to tell, and how long it took."""
        self.counts.validation_seconds = seconds
        self._check_end()
        is_worse = not (improved or is_early)
        self.counts.counted += not is_early
        self.counts.decays += is_worse
        if not is_worse:
            self.counts.better_at = self.share()

    def wants_validation(self) -> bool:
        """Return whether a validation is due.

        Where validations control the training, one is due after each epoch; elsewhere after a number of updates, and
        where time alone ends the run at each tenth of it; and always at the end.
        """
        counts, done = self.counts, self.outcome.updates
        if self._settings.optimizer == "asgd" or self._settings.chosen_schedule() in ("step", "plateau"):
            return done % self._epoch == 0 or counts.over
        tenths = math.floor(10 * self.share()) if self.updates is None else 0
        since = done - counts.validated
        due = since >= self._every or (tenths > counts.tenths and since >= self._between) or counts.over
        if due:
            counts.tenths, counts.validated = tenths, done
        return due

    def moment(self) -> Moment:
        """Return the moment that progress shows."""
        # Whichever ends it first.
        of_last = self.outcome.updates / (self._settings.last_update or math.inf)
        share, elapsed = min(1.0, max(self.share(), self._share_of_budget(), of_last)), self.elapsed()
        return Moment(
            epoch=self.outcome.epoch,
            update=self.outcome.updates,
            share=share,
            seconds_left=elapsed * (1 - share) / share if share > 0 else None,
            loss=self.outcome.training_loss,
            units_per_second=self.counts.units / elapsed if elapsed > 0 else 0.0,  # the clock may be coarse
            gradient_norm=self.counts.norm,
            seconds=elapsed,
        )

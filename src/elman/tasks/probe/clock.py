"""The clock of an examination: time budgets, the time left, and the progress line.

>>> clock = ExamClock((10, 20), ProbeSettings(updates=100, time_budget="1h"), candidates=2)
>>> clock.begin(0), clock.count(10), clock.is_over()
(None, None, False)
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from elman.tasks.probe.settings import ProbeSettings
from elman.training.progress import EXAMPLE, Moment


@dataclass(frozen=True)
class ExamMoment(Moment):
    """The progress of an examination; the loss is the mean error of the last updates."""

    goal: float = 0.0

    def pieces(self, unit: str = EXAMPLE) -> list[str]:
        """Return the parts of the progress line, the most important first."""
        time_left, _, _, *rest = super().pieces(unit)
        return [time_left, self.part, f"error {self.loss:.3g}, goal {self.goal:g}", *rest[:-1]]


class ExamClock:
    """The clock of an examination: the time budget of each candidate, and an estimate of the time left.

    The work of an update is its number of time steps; the time of a step is the mean so far.

    Args:
        lengths: the lengths that every candidate has to solve.
        settings: of the examination.
        candidates: how many there are.
    """

    def __init__(self, lengths: Sequence[int], settings: ProbeSettings, candidates: int) -> None:
        self._lengths, self._settings, self._candidates = lengths, settings, candidates
        self._budget = settings.seconds()
        self._start = time.perf_counter()
        self._deadline = math.inf
        self._number = self._place = self._updates = self._all_updates = self._steps = 0
        self._finished: list[int] = []  # updates of each length that is done

    def begin(self, number: int) -> None:
        """Begin with a candidate, which has an equal share of the time left."""
        self._number = number
        if self._budget is not None:
            left = self._budget - self.elapsed()
            self._deadline = self.elapsed() + left / (self._candidates - number)

    def reach(self, place: int) -> None:
        """Begin with a length."""
        self._place, self._updates = place, 0

    def finish(self) -> None:
        """Finish a length."""
        self._finished.append(self._updates)

    def count(self, length: int) -> None:
        """Count one update."""
        self._updates += 1
        self._all_updates += 1
        self._steps += length

    def elapsed(self) -> float:
        """Return the seconds since the examination began."""
        return time.perf_counter() - self._start

    def is_over(self) -> bool:
        """Return whether the candidate's time is over."""
        return self.elapsed() >= self._deadline

    def seconds_left(self) -> float:
        """Estimate the time left, if further lengths take as many updates as those so far."""
        usual = sum(self._finished) / len(self._finished) if self._finished else self._settings.updates
        # A length that takes longer than usual is expected to take twice its updates so far.
        expected = usual if self._updates < usual else min(2 * self._updates, self._settings.updates)
        updates_left = expected - self._updates
        after = sum(self._lengths[self._place + 1 :]) + sum(self._lengths) * (self._candidates - self._number - 1)
        steps = updates_left * self._lengths[self._place] + after * usual
        left = steps * self.elapsed() / max(1, self._steps)
        return left if self._budget is None else min(left, max(0.0, self._budget - self.elapsed()))

    def share(self) -> float:
        """Return the share of the time that is over, 0 to 1."""
        elapsed = self.elapsed()
        return elapsed / max(1e-9, elapsed + self.seconds_left())

    def examples_per_second(self) -> float:
        """Return the training examples a second; the time of tests is included."""
        return self._all_updates * self._settings.batch / max(1e-9, self.elapsed())

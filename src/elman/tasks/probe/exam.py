"""Hold what an examination of memories has found: each network, each length, each error.

>>> gru = Result("gru", [Rung(10, 0.0008, True, 500, 2.0, 3521), Rung(20, 0.02, False, 5000, 9.0, 3521)], "not solved")
>>> gru.longest, gru.solved
(10, False)
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from elman.models.finite import without_infinite
from elman.tasks.probe.problems import Problem
from elman.tasks.probe.settings import ProbeSettings


@dataclass(frozen=True)
class Rung:
    """Say how one network did at one length.

    Attributes:
        length: T.
        error: on examples drawn for the test, in the measure of the problem.
        solved: whether that is at most the goal.
        updates: how many it was trained for at this length.
        seconds: how long that took, tests included.
        parameters: how many numbers it learns.
    """

    length: int
    error: float
    solved: bool
    updates: int
    seconds: float
    parameters: int


@dataclass
class Result:
    """Say how one network did.

    Attributes:
        name: the cell, or `feed-forward`.
        rungs: the lengths that it was trained at, the shortest first.
        ended: `solved`, `not solved`, `not finite`, `time budget`; `interrupted` until one of these is known.
        error_at_longest: its error at the longest length that was asked for, where it was not trained at it: with the
            weights that it had in the end. None where that means nothing.
    """

    name: str
    rungs: list[Rung] = field(default_factory=list)
    ended: str = "interrupted"
    error_at_longest: float | None = None

    @property
    def longest(self) -> int | None:
        """Return the longest length that it solved; None if it solved none."""
        return max((rung.length for rung in self.rungs if rung.solved), default=None)

    @property
    def solved(self) -> bool:
        """Say whether it solved every length."""
        return self.ended == "solved"

    @property
    def updates(self) -> int:
        """Count its updates at all lengths."""
        return sum(rung.updates for rung in self.rungs)

    @property
    def seconds(self) -> float:
        """Add up its time at all lengths."""
        return sum(rung.seconds for rung in self.rungs)


@dataclass
class Exam:
    """Hold a whole examination.

    Attributes:
        problem: what was asked.
        lengths: those that were to be solved, growing.
        settings: how networks were trained.
        results: one for each network, in the order of the examination; fewer if it was interrupted.
        interrupted: whether somebody pressed Ctrl-C.
    """

    problem: Problem
    lengths: tuple[int, ...]
    settings: ProbeSettings
    results: list[Result] = field(default_factory=list)
    interrupted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        return {
            "task": self.problem.name,
            "measure": self.problem.measure,
            "goal": self.problem.goal,
            "guess": self.problem.guess,
            "lengths": list(self.lengths),
            "settings": asdict(self.settings),
            "interrupted": self.interrupted,
            "results": [_plain(result) for result in self.results],
        }


def _plain(result: Result) -> dict[str, Any]:
    at_longest = result.error_at_longest
    return {
        "name": result.name,
        "longest": result.longest,
        "ended": result.ended,
        "updates": result.updates,
        "seconds": round(result.seconds, 3),
        "error_at_longest": None if at_longest is None else without_infinite(at_longest),
        "rungs": [
            {**asdict(r), "error": without_infinite(r.error), "seconds": round(r.seconds, 3)} for r in result.rungs
        ],
    }

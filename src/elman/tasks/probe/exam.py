"""The results of an examination of memories: the error of each network at each length.

>>> rungs = [Rung(10, 0.0008, True, 500, 2.0, 3521), Rung(20, 0.02, False, 5000, 9.0, 3521)]
>>> gru = Result("gru", 1, rungs, "not solved")
>>> gru.longest, gru.solved
(10, False)
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from elman.models.finite import without_infinite
from elman.tasks.probe.problems import Problem
from elman.tasks.probe.settings import ProbeSettings


@dataclass(frozen=True)
class Rung:
    """The result of one network at one length.

    Attributes:
        length: T.
        error: on test examples, in the measure of the problem.
        solved: whether the error is at most the goal.
        updates: the number of updates at this length.
        seconds: the duration of these, tests included.
        parameters: the number of parameters.
    """

    length: int
    error: float
    solved: bool
    updates: int
    seconds: float
    parameters: int


@dataclass
class Result:
    """The result of one network.

    Attributes:
        name: the cell, `feed-forward`, or `last 3 steps` for one that reads so many.
        seed: of its training.
        rungs: the lengths that it was trained at, the shortest first.
        ended: `solved`, `not solved`, `not finite`, `time budget`; `interrupted` until one of these is known.
        error_at_longest: its error, with its final weights, at the longest length that was requested, where it was not
            trained at that length; None where it was, or cannot read that length.
    """

    name: str
    seed: int
    rungs: list[Rung] = field(default_factory=list)
    ended: str = "interrupted"
    error_at_longest: float | None = None

    @property
    def longest(self) -> int | None:
        """Return the longest length that it solved; None if it solved none."""
        return max((rung.length for rung in self.rungs if rung.solved), default=None)

    @property
    def solved(self) -> bool:
        """Return whether it solved every length."""
        return self.ended == "solved"

    @property
    def updates(self) -> int:
        """Count its updates at all lengths."""
        return sum(rung.updates for rung in self.rungs)

    @property
    def seconds(self) -> float:
        """Sum its time at all lengths."""
        return sum(rung.seconds for rung in self.rungs)


@dataclass
class Exam:
    """A whole examination.

    Attributes:
        problem: the problem.
        lengths: the lengths to solve, ascending.
        settings: the settings of the training.
        results: one for each network and seed, in the order of the examination; fewer if it was interrupted.
        interrupted: whether the user pressed Ctrl-C.
    """

    problem: Problem
    lengths: tuple[int, ...]
    settings: ProbeSettings
    results: list[Result] = field(default_factory=list)
    interrupted: bool = False

    def by_name(self) -> dict[str, list[Result]]:
        """Return the results of each network, one for each seed."""
        names = dict.fromkeys(result.name for result in self.results)
        return {name: [result for result in self.results if result.name == name] for name in names}

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


def describe_longest(results: Iterable[Result]) -> str:
    """Write the longest length that a network solved, with several seeds from the least to the most.

    >>> describe_longest([Result("gru", 1, [Rung(10, 0.0008, True, 500, 2.0, 3521)]), Result("gru", 2)])
    'none to 10'
    """
    least, *_, most = sorted(result.longest or 0 for result in results for _ in range(2))
    words = [f"{length:,}" if length else "none" for length in dict.fromkeys((least, most))]
    return " to ".join(words)


def _plain(result: Result) -> dict[str, Any]:
    at_longest = result.error_at_longest
    return {
        "name": result.name,
        "seed": result.seed,
        "longest": result.longest,
        "ended": result.ended,
        "updates": result.updates,
        "seconds": round(result.seconds, 3),
        "error_at_longest": None if at_longest is None else without_infinite(at_longest),
        "rungs": [
            {**asdict(r), "error": without_infinite(r.error), "seconds": round(r.seconds, 3)} for r in result.rungs
        ],
    }

"""Measure memories: train networks on a problem at growing lengths, and find the longest length that each solves.

A network starts at a length of 10. Once it solves that (its error on test examples is at most the goal), it goes on to
20, 50, 100 and so on, up to the requested length, with its weights and its current learning rate; the first length that
it does not solve ends its examination. A feed-forward network that reads the whole window at once is the baseline; some
problems have others, which read the last steps alone.

Every update has new examples, so the mean error of the last updates estimates the error on unseen examples. Once it is
low enough, or the updates are used up, a test decides.

>>> exam = probe(["gru"], task="order", length=10, hidden=8, quiet=True, seed=3)
>>> [(result.name, result.longest) for result in exam.results]
[('gru', 10), ('feed-forward', 10)]
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from elman import cells as zoo
from elman.errors import ConfigError, ElmanError
from elman.expr import Cell
from elman.tasks.probe.clock import ExamClock, ExamMoment
from elman.tasks.probe.exam import Exam, Result, Rung
from elman.tasks.probe.networks import CellReader, WindowReader, count_parameters, manual_seed
from elman.tasks.probe.problems import PROBLEMS, Problem
from elman.tasks.probe.settings import TASKS, ProbeSettings
from elman.training.progress import EXAMPLE, Progress, QuietProgress, show_progress

FEED_FORWARD = "feed-forward"

_EVERY = 50  # updates whose errors are averaged
_CLOSE = 2.0  # times the goal: a mean error below this starts the test
_TESTED = 1000  # examples
_AT_ONCE = 125
_LAST_RATE = 0.1
_BAD_UPDATES_ALLOWED = 10
_TRAINING, _TESTING, _CONFIRMING = range(3)  # purposes of a random generator


def probe(
    cells: Sequence[str] = (),
    *,
    task: str = "adding",
    length: int = 200,
    sizes: Mapping[str, int] | None = None,
    quiet: bool = False,
    **options: Any,
) -> Exam:
    """Examine cells, and a feed-forward network as a baseline.

    Ctrl-C ends it; the results so far are returned.

    Args:
        cells: names of the zoo, or `FILE.py:NAME`; without any, those of the task.
        task: `adding`, `copy`, `order`, `recall` or `sentence`; see :mod:`elman.tasks.probe.problems`.
        length: the longest length to be solved.
        sizes: sizes that equations leave open, for the cells that have them; those not given are the number of units.
        quiet: show no progress.
        **options: rows of :class:`~elman.tasks.probe.settings.ProbeSettings`.

    Raises:
        ConfigError: an option has a value that cannot work, or a cell is named twice.
        CellError: a cell does not exist.
        ShapeError: a cell cannot read the inputs of the task.
    """
    settings = ProbeSettings.of(options)
    problem = _find_problem(task)
    settings = replace(settings, seeds=settings.seeds or problem.seeds)
    exam = Exam(problem, lengths_up_to(length, settings.start, problem), settings)
    candidates = _candidates(cells or problem.cells, problem, settings, sizes or {})
    with show_progress(quiet, EXAMPLE) as progress:
        clock = ExamClock(exam.lengths, settings, len(candidates))
        for name, sides in {one.name: one.sides for one in candidates if one.sides}.items():
            progress.note(f"{name} reads {', '.join(sides)} besides its input: 1 at every step")
        try:
            for number, candidate in enumerate(candidates):
                clock.begin(number)
                exam.results.append(Result(candidate.name, candidate.seed))
                _Examination(exam, candidate, clock, progress).run()
        except KeyboardInterrupt:
            exam.interrupted = True
    return exam


def train_fully(
    cell: str | Cell,
    *,
    task: str,
    length: int,
    seed: int,
    sizes: Mapping[str, int] | None = None,
    **options: Any,
) -> tuple[Problem, Rung]:
    """Train one network at one length by all its updates, also where it would count as solved, and test it.

    Args:
        cell: a name of the zoo, `FILE.py:NAME`, or a cell.
        task: as for :func:`probe`.
        length: of all sequences.
        seed: of its weights, and of the examples, which are the same for every cell.
        sizes: as for :func:`probe`.
        **options: as for :func:`probe`.

    Raises:
        ConfigError, CellError, ShapeError: as for :func:`probe`.
        ElmanError: its gradients were not finite.
    """
    settings = replace(ProbeSettings.of(options), seed=seed, seeds=1, start=length)
    problem = _find_problem(task)
    exam = Exam(problem, lengths_up_to(length, length, problem), settings)
    found = zoo.find(cell) if isinstance(cell, str) else cell
    (candidate,) = _build_readers({found.name: found}, problem, settings, settings.all_seeds(), sizes or {})
    clock = ExamClock(exam.lengths, settings, 1)
    clock.begin(0)
    exam.results.append(Result(candidate.name, seed))
    _Examination(exam, candidate, clock, QuietProgress(), until_solved=False).run()
    (rung,) = exam.results[0].rungs
    if exam.results[0].ended == "not finite":
        raise ElmanError(f"Training diverged: after {rung.updates} updates the gradients were not finite.")
    return problem, rung


def _find_problem(task: str) -> Problem:
    if task not in PROBLEMS:
        raise ConfigError(f"task is {task!r}; it must be one of {', '.join(TASKS)}.")
    return PROBLEMS[task]


def lengths_up_to(longest: int, start: int | None, problem: Problem) -> tuple[int, ...]:
    """List the lengths of an examination: 10, 20, 50, 100 and so on, from the first to the longest.

    Raises:
        ConfigError: the longest is below the first, or the first is too short for the problem.

    >>> lengths_up_to(600, None, PROBLEMS["adding"])
    (10, 20, 50, 100, 200, 500, 600)
    """
    first = min(longest, max(problem.first, problem.shortest)) if start is None else start
    if first < problem.shortest:
        raise ConfigError(f"A length of {first} has no room for {problem.name}. Take {problem.shortest} or more.")
    if longest < first:
        raise ConfigError(f"length is {longest} and start is {first}. Lengths grow from start to length.")
    steps = (m * 10**e for e in itertools.count() for m in (1, 2, 5))
    between = itertools.takewhile(lambda step: step < longest, steps)
    return tuple(sorted({first, *(step for step in between if step > first), longest}))


@dataclass(frozen=True)
class _Candidate:
    """A network to be examined: how it is built for a length, and whether its weights carry over to the next length."""

    name: str
    seed: int
    build: Callable[[int], nn.Module]
    carried: bool
    sides: tuple[str, ...] = ()


def _candidates(
    cells: Sequence[str], problem: Problem, settings: ProbeSettings, sizes: Mapping[str, int]
) -> list[_Candidate]:
    """List all networks, each with all its seeds."""
    hidden, seeds = settings.hidden, settings.all_seeds()
    for name in cells:
        if cells.count(name) > 1:
            raise ConfigError(f"{name} is named {cells.count(name)} times. Name each cell once.")
    found = _build_readers({name: zoo.find(name) for name in cells}, problem, settings, seeds, sizes)
    for read in problem.windows:
        name = f"last {read} steps" if read > 1 else "last step"
        found += [_Candidate(name, seed, _fixed(problem, read, hidden), carried=True) for seed in seeds]
    whole = [_Candidate(FEED_FORWARD, s, lambda at: WindowReader(problem, at, hidden), carried=False) for s in seeds]
    return found + whole


def _fixed(problem: Problem, read: int, hidden: int) -> Callable[[int], nn.Module]:
    return lambda _: WindowReader(problem, read, hidden)


def _build_readers(
    cells: Mapping[str, Cell], problem: Problem, settings: ProbeSettings, seeds: range, sizes: Mapping[str, int]
) -> list[_Candidate]:
    """Build all networks first, so that an invalid cell is refused before another has trained for minutes."""
    for size in sizes:
        if not any(size in cell.open_sizes for cell in cells.values()):
            raise ConfigError(f"No cell of {', '.join(cells)} leaves the size {size} open. Drop it.")
    readers = []
    for name, cell in cells.items():
        own = {size: number for size, number in sizes.items() if size in cell.open_sizes}
        for seed in seeds:
            torch.manual_seed(seed)
            readers.append(replace(_carry(name, seed, CellReader(cell, problem, settings, own)), sides=cell.sides))
    return readers


def _carry(name: str, seed: int, reader: nn.Module) -> _Candidate:
    return _Candidate(name, seed, lambda _: reader, carried=True)


class _Examination:
    """The examination of one candidate at growing lengths; it writes into the last result of the exam."""

    def __init__(
        self, exam: Exam, candidate: _Candidate, clock: ExamClock, progress: Progress, until_solved: bool = True
    ) -> None:
        self.until_solved = until_solved
        self.problem, self.settings, self.lengths = exam.problem, exam.settings, exam.lengths
        self.candidate, self.clock, self.progress = candidate, clock, progress
        self.result = exam.results[-1]

    def run(self) -> None:
        """Train at growing lengths until one is not solved."""
        module = optimizer = None
        for place, length in enumerate(self.lengths):
            if module is None or optimizer is None or not self.candidate.carried:
                torch.manual_seed(self.candidate.seed)
                module = self.candidate.build(length)
                optimizer = torch.optim.Adam(module.parameters(), lr=self.settings.learning_rate)
            self.clock.reach(place)
            rung, ended = self._climb(module, optimizer, length)
            self.clock.finish()
            self.result.rungs.append(rung)
            self.progress.note(self._describe(rung))
            if not rung.solved:
                self.result.ended = ended
                if self.candidate.carried and length < self.lengths[-1]:
                    self.result.error_at_longest = self._test(module, self.lengths[-1], _CONFIRMING)
                return
        self.result.ended = "solved"

    def _climb(self, module: nn.Module, optimizer: torch.optim.Optimizer, length: int) -> tuple[Rung, str]:
        """Train at one length; return the result, and the reason for the end if it is not solved."""
        start, done, ended = time.perf_counter(), 0, "not solved"
        error = math.inf
        for done, running in self._train(module, optimizer, length):
            over = done >= self.settings.updates
            if math.isnan(running):
                over, ended = True, "not finite"
            elif self.clock.is_over():
                over, ended = True, "time budget"
            if over or (self.until_solved and running <= _CLOSE * self.problem.goal):
                error = self._test(module, length, _TESTING)
                # The first test is repeated until it succeeds, perhaps by luck; so a second test must confirm it.
                if self.until_solved and error <= self.problem.goal:
                    error = self._test(module, length, _CONFIRMING)
            if over or error <= self.problem.goal:
                break
        solved = error <= self.problem.goal
        return Rung(length, error, solved, done, time.perf_counter() - start, count_parameters(module)), ended

    def _train(self, module: nn.Module, optimizer: torch.optim.Optimizer, length: int) -> Iterator[tuple[int, float]]:
        """Update without end; yield the number of updates, and the mean error of the latest, every 50 updates.

        It yields NaN after too many non-finite gradients in a row, and at once when the time is over.
        """
        problem, settings = self.problem, self.settings
        drawn, bad, errors = manual_seed(self.candidate.seed, length, _TRAINING), 0, []
        first, last = optimizer.param_groups[0]["lr"], _LAST_RATE * settings.learning_rate
        for done in itertools.count(1):
            examples = problem.draw(length, settings.batch, drawn)
            for group in optimizer.param_groups:
                group["lr"] = first + (last - first) * (done - 1) / settings.updates
            optimizer.zero_grad()
            outputs = module(examples.inputs)
            problem.loss(outputs, examples.answers).backward()
            norm = float(nn.utils.clip_grad_norm_(module.parameters(), settings.clip_norm))
            bad = 0 if math.isfinite(norm) else bad + 1
            if not bad:
                optimizer.step()
            errors.append(problem.error(outputs.detach(), examples.answers))
            self.clock.count(length)
            self.progress.update(self._moment(length, done, sum(errors) / len(errors), norm))
            if bad > _BAD_UPDATES_ALLOWED:
                yield done, math.nan
            if len(errors) == _EVERY or done >= settings.updates or self.clock.is_over():
                yield done, sum(errors) / len(errors)
                errors = []

    @torch.no_grad()
    def _test(self, module: nn.Module, length: int, purpose: int) -> float:
        """Return the error on test examples, the same for every network."""
        drawn, total = manual_seed(self.candidate.seed, length, purpose), 0.0
        for _ in range(_TESTED // _AT_ONCE):
            examples = self.problem.draw(length, _AT_ONCE, drawn)
            total += self.problem.error(module(examples.inputs), examples.answers)
        return total * _AT_ONCE / _TESTED

    def _moment(self, length: int, update: int, error: float, norm: float) -> ExamMoment:
        return ExamMoment(
            epoch=1,
            update=update,
            share=self.clock.share(),
            seconds_left=self.clock.seconds_left(),
            loss=error,
            units_per_second=self.clock.examples_per_second(),
            gradient_norm=norm,
            part=f"{self._named()} at {length}",
            goal=self.problem.goal,
        )

    def _describe(self, rung: Rung) -> str:
        outcome = "solved" if rung.solved else "not solved"
        return (
            f"{self._named()} at {rung.length}: {outcome}, {self.problem.measure} {rung.error:.3g} "
            f"after {rung.updates:,} updates"
        )

    def _named(self) -> str:
        only = len(self.settings.all_seeds()) == 1
        return self.candidate.name if only else f"{self.candidate.name}, seed {self.candidate.seed},"

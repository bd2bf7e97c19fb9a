"""The results of a comparison of cells: every training, a row for each cell, and the differences.

>>> trainings = [CellTraining(cell, seed, 0.8 + good + seed / 100, 9, 50, 1.0) for seed in (1, 2) for cell, good in
...              (("gru", 0.1), ("elman", 0.0))]
>>> result = Comparison("classify", ("gru", "elman"), (1, 2), "accuracy", False, trainings)
>>> [(row.cell, round(row.mean, 3), round(row.deviation, 4)) for row in result.rows()]
[('gru', 0.915, 0.0071), ('elman', 0.815, 0.0071)]
>>> [(one.cell, one.other, round(one.mean, 3), one.larger) for one in result.differences()]
[('gru', 'elman', 0.1, None)]
"""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, stdev
from typing import Any

from elman.scores.paired import compare_paired


@dataclass(frozen=True)
class CellTraining:
    """One training.

    Attributes:
        cell: its name.
        seed: of initial weights, the order of batches, and the held-out part where the recipe draws one.
        score: on the held-out part; None where there is none.
        parameters: the number of parameters.
        updates: the number of updates.
        seconds: the duration, reading of the data and scoring included.
        failed: why there is no score; empty where there is one.
    """

    cell: str
    seed: int
    score: float | None
    parameters: int
    updates: int
    seconds: float
    failed: str = ""


@dataclass(frozen=True)
class CellScores:
    """The scores of a cell over the seeds.

    Attributes:
        cell: its name.
        count: trainings with a score.
        failed: trainings without.
        mean: of the scores; None without any.
        deviation: the standard deviation of the scores (divided by N - 1); None of fewer than two.
        parameters: of one training, the most where seeds differ; their vocabularies may.
        updates: of one training, the most.
        seconds: the mean duration of a training.
    """

    cell: str
    count: int
    failed: int
    mean: float | None
    deviation: float | None
    parameters: int
    updates: int
    seconds: float


@dataclass(frozen=True)
class CellDifference:
    """How much higher a cell scores than another, over the seeds that both were trained with.

    Attributes:
        cell: its name.
        other: the name of the other.
        count: seeds.
        mean: of the differences, cell minus other; None without seeds.
        interval: see :class:`~elman.scores.paired.PairedDifference`.
        larger: whether it is larger than chance; None where that cannot be told: fewer than three seeds, or a training
            without a score.
    """

    cell: str
    other: str
    count: int
    mean: float | None
    interval: tuple[float, float] | None
    larger: bool | None


@dataclass
class Comparison:
    """A comparison of cells.

    Attributes:
        task: the recipe, or the problem with its length.
        cells: their names, in the order given.
        seeds: all that were requested.
        measure: the name of the score; empty until the first training has one.
        lower: whether a lower score is better.
        trainings: in the order of the trainings: all cells with the first seed, then with the next.
        interrupted: whether the user pressed Ctrl-C before the last.
    """

    task: str
    cells: tuple[str, ...]
    seeds: tuple[int, ...]
    measure: str = ""
    lower: bool = False
    trainings: list[CellTraining] = field(default_factory=list)
    interrupted: bool = False

    def of(self, cell: str) -> list[CellTraining]:
        """Return the trainings of a cell, one for each seed."""
        return [training for training in self.trainings if training.cell == cell]

    def scores(self, cell: str) -> dict[int, float]:
        """Return the scores of a cell by their seeds."""
        return {training.seed: training.score for training in self.of(cell) if training.score is not None}

    def rows(self) -> list[CellScores]:
        """Return a row for each cell that was trained at least once."""
        return [_sum_up(cell, trained) for cell in self.cells if (trained := self.of(cell))]

    def differences(self) -> list[CellDifference]:
        """Compare each cell with each behind it; all intervals hold together with 95 %."""
        pairs = list(itertools.combinations(self.cells, 2))
        return [self._differ(cell, other, len(pairs)) for cell, other in pairs]

    def _differ(self, cell: str, other: str, together: int) -> CellDifference:
        ours, theirs = self.scores(cell), self.scores(other)
        both = [seed for seed in self.seeds if seed in ours and seed in theirs]
        found = compare_paired([ours[seed] for seed in both], [theirs[seed] for seed in both], together)
        # Leaving out the seeds where one of them diverged would flatter it.
        if any(training.failed for training in (*self.of(cell), *self.of(other))):
            return CellDifference(cell, other, found.count, found.mean, None, None)
        return CellDifference(cell, other, found.count, found.mean, found.interval, found.larger)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        return {
            "task": self.task,
            "measure": self.measure,
            "better": "lower" if self.lower else "higher",
            "seeds": list(self.seeds),
            "interrupted": self.interrupted,
            "cells": [asdict(row) for row in self.rows()],
            "differences": [asdict(difference) for difference in self.differences()],
            "trainings": [asdict(training) for training in self.trainings],
        }


def _sum_up(cell: str, trained: Sequence[CellTraining]) -> CellScores:
    scores = [training.score for training in trained if training.score is not None]
    return CellScores(
        cell,
        len(scores),
        len(trained) - len(scores),
        fmean(scores) if scores else None,
        stdev(scores) if len(scores) > 1 else None,
        max(training.parameters for training in trained),
        max(training.updates for training in trained),
        fmean(training.seconds for training in trained),
    )

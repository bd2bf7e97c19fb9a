"""Beam search over what a model may write, for every task that writes one unit after the other.

A *writer* is a model as a search sees it: a step takes the last unit of each beginning, and says how likely every unit
is to follow. Of all beginnings of one source the K best are kept (the beam); one that writes the end is finished, and
ranked by

    ln P / length^α + β Σ_s ln min(Σ_t a_ts, 1)

with the length penalty α (Wu et al. 2016, section 7, write ((5 + length)/6)^α) and, over the steps s of a source, the
coverage penalty β on what attention a has not looked at (the same section). The search of a source ends when none of
its beginnings can still beat the worst that is kept, however long it may become: probabilities only fall, so ln P now,
over the longest length that is allowed, bounds what can come. What greedy search writes is always among the candidates.
Sources share nothing but calls of the model, so that an answer is the same alone and in any batch.

>>> import torch
>>> class Coin(Writer):
...     '''Writes 1 or the end (0) with the same chance.'''
...     def begin(self, sources):
...         return torch.full((sources, 2), 0.5).log(), ()
...     def step(self, units, state):
...         return torch.full((len(units), 2), 0.5).log(), ()
...     def select(self, state, rows):
...         return ()
>>> [[best]] = search(Coin(), 1, end=0, longest=[3], beam=Beam(2, length_penalty=0.0))
>>> best.units, round(best.log_probability, 3)
([], -0.693)
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.decoding.bags import BagOrder, write_bags
from elman.decoding.constraints import NONE, Constraints
from elman.decoding.continuations import Beginnings, Continuations, find_groups, rank, rank_in_banks
from elman.decoding.likeliest import find_likeliest, keep_only
from elman.decoding.sampling import Sampling
from elman.decoding.writer import Writer
from elman.errors import ConfigError

__all__ = ["WIDEST_BEAM", "Beam", "Hypothesis", "Writer", "search", "write_greedily"]

WIDEST_BEAM = 512


@dataclass(frozen=True)
class Beam:
    """How a search ranks, and how many beginnings it keeps.

    Attributes:
        width: K, 1 to 512; 1 is greedy search.
        best: how many hypotheses a source gets, at most K.
        length_penalty: α, 0 or more; 0 ranks by probability, 1 by that of a unit.
        coverage_penalty: β, 0 or more; needs a writer with attention.

    Raises:
        ConfigError: a value is outside its range.
    """

    width: int = 5
    best: int = 1
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.width <= WIDEST_BEAM:
            raise ConfigError(f"The beam is {self.width}. Use a whole number from 1 to {WIDEST_BEAM}.")
        if not 1 <= self.best <= self.width:
            raise ConfigError(
                f"{self.best} hypotheses of each source are wanted from a beam of {self.width}. "
                f"Use a whole number from 1 to {self.width}, or a wider beam."
            )
        for name, value in (("length", self.length_penalty), ("coverage", self.coverage_penalty)):
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"The {name} penalty is {value}. Use 0 or a number above it.")

    def score(self, log_probability: float, length: int, coverage: float = 0.0) -> float:
        """Rank a hypothesis of a length, its end counted."""
        return log_probability / length**self.length_penalty + self.coverage_penalty * coverage


@dataclass(frozen=True)
class Hypothesis:
    """What a search has written for a source.

    Attributes:
        units: their numbers, without the end.
        log_probability: the sum of ln P over the units and the end.
        score: what it is ranked by.
        attention: (length, steps of the source), what each unit and the end looked at; None without attention.
    """

    units: list[int]
    log_probability: float
    score: float
    attention: Tensor | None = None


def search(
    writer: Writer,
    sources: int,
    *,
    end: int,
    longest: Sequence[int],
    beam: Beam | None = None,
    constraints: Constraints = NONE,
    sampling: Sampling | None = None,
    randomness: Sequence[torch.Generator] = (),
) -> list[list[Hypothesis]]:
    """Find likely hypotheses for each source, or draw some.

    Args:
        writer: the model, which knows the sources by their order.
        sources: S.
        end: the number of the end.
        longest: of each source, the most units before the end; then the end is written, whatever its probability. A
            bag is written whole.
        beam: how to search; `Beam()` unless given.
        constraints: what must, may and may not be written.
        sampling: how to draw `beam.best` hypotheses of each source instead; None searches.
        randomness: of each source, what it is drawn with.

    Returns:
        For each source at most `beam.best` hypotheses, the best first. There is none where the constraints leave
        nothing to write.

    Raises:
        ConfigError: phrases are required of what is drawn.
    """
    beam = beam or Beam()
    if sampling is not None and (constraints.required or constraints.bags):
        raise ConfigError("What is drawn cannot be required to hold a phrase or a bag. Drop one of the two.")
    if constraints.bags:
        orders = write_bags(writer, constraints.bags, end=end, width=beam.width)
        return [[_as_hypothesis(one, beam) for one in of[: beam.best]] for of in orders]
    with torch.no_grad():
        if sampling is not None:
            return _SampledRun(writer, end, list(longest), beam, constraints, sampling, randomness).run(sources)
        return _SearchRun(writer, end, list(longest), beam, constraints).run(sources)


@torch.no_grad()
def write_greedily(writer: Writer, *, end: int, longest: int, constraints: Constraints = NONE) -> Iterator[int]:
    """Yield what greedy search writes for one source, each unit as soon as it is chosen.

    Args:
        writer: the model, see :func:`search`, as for the rest.
        end: the number of the end.
        longest: the most units before the end.
        constraints: what may not be written.

    Returns:
        The units and the end; the end is missing where nothing could be written.
    """
    run = _SearchRun(writer, end, [longest], Beam(1), constraints)
    for rows in run.steps(1):
        yield from rows.unit.tolist()
    yield from [end for _ in run.finished[0]]


def _as_hypothesis(order: BagOrder, beam: Beam) -> Hypothesis:
    score = beam.score(order.log_probability, 1 + len(order.units))
    return Hypothesis(order.units, order.log_probability, score)


class _Finished(NamedTuple):
    """What has ended: its score, ln P, the number of its units, and the row to which the end was added."""

    score: float
    total: float
    length: int
    row: int


class _SearchRun:
    """The beginnings of all sources as rows of a batch, and the steps that led to them."""

    def __init__(self, writer: Writer, end: int, longest: list[int], beam: Beam, constraints: Constraints) -> None:
        self._writer, self._end, self._beam, self._constraints = writer, end, beam, constraints
        self._longest = np.array(longest, dtype=np.int64)
        # Of K beginnings, as many may end as go on; one is followed by its likeliest unit alone.
        self._most = 1 if beam.width == 1 and not constraints.required else 2 * beam.width
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []  # behind the first: what each row continues, and its unit
        self._looks: list[Tensor] = []  # of every step, what each row looked at
        self._covered: Tensor | None = None  # (R, steps of a source), all attention so far
        self._coverage: list[float] = []  # of every row

    def run(self, sources: int) -> list[list[Hypothesis]]:
        """Search all sources."""
        for _ in self.steps(sources):
            pass
        return [[self._write(source, one) for one in found] for source, found in enumerate(self.finished)]

    def steps(self, sources: int) -> Iterator[Beginnings]:
        """Search all sources, and yield the beginnings that go on after each step; `finished` has the others."""
        self.finished: list[list[_Finished]] = [[] for _ in range(sources)]
        self._bar = np.full(sources, -np.inf)  # the score that one more hypothesis of a source has to exceed
        chances, state = self._writer.begin(sources)
        numbers, every = np.arange(sources), np.ones(sources, dtype=bool)
        marks = [self._constraints.begin(s) for s in range(sources)] if self._constraints.are_marked else []
        rows = Beginnings(numbers, np.zeros(sources), every, every, marks, numbers, numbers)
        for length in range(1 + max(self._longest.tolist(), default=-1)):
            self._look(self._writer.attention(state), rows)
            self._restrict(chances, rows, length)
            rows = self._extend(rows, chances, length)
            yield rows
            if not rows.unit.size:
                break
            self._steps.append((rows.before, rows.unit))
            before, units = (torch.from_numpy(each).to(chances.device) for each in self._steps[-1])
            chances, state = self._writer.step(units, self._writer.select(state, before))

    def _look(self, attention: Tensor | None, rows: Beginnings) -> None:
        """Keep what the last step looked at."""
        if attention is None:
            return
        self._looks.append(attention)
        if not self._beam.coverage_penalty:
            return
        device = attention.device
        before = 0.0 if self._covered is None else self._covered[torch.from_numpy(rows.before).to(device)]
        self._covered = attention + before
        lengths = self._writer.lengths[torch.from_numpy(rows.source).to(device)]
        behind = torch.arange(attention.shape[1], device=device) >= lengths[:, None]
        least = torch.finfo(attention.dtype).tiny
        shares = self._covered.clamp(least, 1.0).masked_fill(behind, 1.0).double().log()
        # Added up one after the other, so that padding changes nothing.
        self._coverage = shares.cumsum(1)[:, -1].tolist()

    def _restrict(self, chances: Tensor, rows: Beginnings, length: int) -> None:
        """Give what may not follow a probability of 0."""
        constraints, end = self._constraints, self._end
        if constraints.forbidden:
            chances[:, list(constraints.forbidden)] = -torch.inf
        for number, mark in enumerate(rows.marks):
            allowed = constraints.allowed(mark)
            if allowed is not None:
                keep_only(chances[number], allowed)
            chances[number, constraints.refused(mark)] = -torch.inf
            if not constraints.may_end(mark):
                chances[number, end] = -torch.inf
        for number in np.flatnonzero(length >= self._longest[rows.source]).tolist():
            keep_only(chances[number], [end])

    def _extend(self, rows: Beginnings, chances: Tensor, length: int) -> Beginnings:
        """Choose the beginnings of the next step, and finish those that end."""
        values, likeliest = find_likeliest(chances, min(self._most, chances.shape[1]))
        totals, units = values.double().cpu().numpy() + rows.total[:, None], likeliest.cpu().numpy()
        first, group = find_groups(rows.source)
        if self._constraints.required:
            found = rank_in_banks(
                rows,
                totals,
                units,
                group,
                self._beam.width,
                chances=chances,
                constraints=self._constraints,
                end=self._end,
            )
        else:
            found = rank(rows, totals, units, first, group, self._beam.width, self._most)
        leader = rows.is_greedy.nonzero()[0]
        for of, its in zip(found, (totals[leader, 0], leader, units[leader, 0]), strict=True):
            of[group[leader], -1] = its
        return self._choose(rows, rows.source[first], found, length)

    def _choose(self, rows: Beginnings, sources: np.ndarray, found: Continuations, length: int) -> Beginnings:
        """Keep the best continuations of every source, and greedy's own; finish those that end among the first K.

        Args:
            rows: the beginnings.
            sources: (S,) those that go on.
            found: what may follow them.
            length: how many units are written.
        """
        (total, row, unit), width = found, self._beam.width
        exists = total > -np.inf
        is_greedy = exists & exists[:, -1:] & (row == row[:, -1:]) & (unit == unit[:, -1:])
        ends = exists & (unit == self._end)
        finished = ends & ~is_greedy
        finished[:, width:] = False
        finished[:, -1] = ends[:, -1]
        for place in zip(*finished.nonzero(), strict=True):
            self._finish(int(sources[place[0]]), float(total[place]), int(row[place]), length)
        live = exists & ~ends
        goes_on = live[:, -1].copy()
        live[:, -1] = False
        live &= live.cumsum(1) <= width
        live[:, -1] = goes_on & ~(live & is_greedy).any(1)
        most = (1.0 + self._longest[sources]) ** self._beam.length_penalty
        live &= (np.where(live, total, -np.inf).max(1) / most > self._bar[sources])[:, None]
        new = live.nonzero()
        return self._go_on(rows, row[new], unit[new], total[new], is_greedy[new], new[1] < live.shape[1] - 1)

    def _go_on(
        self,
        rows: Beginnings,
        before: np.ndarray,
        unit: np.ndarray,
        total: np.ndarray,
        is_greedy: np.ndarray,
        is_kept: np.ndarray,
    ) -> Beginnings:
        follow = self._constraints.follow
        pairs = zip(before.tolist(), unit.tolist(), strict=True) if rows.marks else ()
        marks = [follow(rows.marks[row], one) for row, one in pairs]
        return Beginnings(rows.source[before], total, is_greedy, is_kept, marks, before, unit)

    def _finish(self, source: int, total: float, row: int, length: int) -> None:
        """Rank a hypothesis among those of its source."""
        coverage = self._coverage[row] if self._coverage else 0.0
        found, best = self.finished[source], self._beam.best
        found.append(_Finished(self._beam.score(total, length + 1, coverage), total, length, row))
        found.sort(key=lambda finished: -finished.score)
        del found[best:]
        if len(found) == best:
            self._bar[source] = found[-1].score

    def _write(self, source: int, finished: _Finished) -> Hypothesis:
        """Collect the units of a hypothesis, and what they looked at."""
        row, units = finished.row, list[int]()
        path = [row]
        for before, unit in reversed(self._steps[: finished.length]):
            units.append(int(unit[row]))
            row = int(before[row])
            path.append(row)
        attention = None
        if self._looks:
            steps = int(self._writer.lengths[source])
            looks = zip(self._looks, reversed(path), strict=False)
            attention = torch.stack([look[row, :steps] for look, row in looks])
        return Hypothesis(units[::-1], finished.total, finished.score, attention)


class _SampledRun(_SearchRun):
    """Hypotheses that are drawn, each for itself: every beginning is continued by one unit."""

    def __init__(
        self,
        writer: Writer,
        end: int,
        longest: list[int],
        beam: Beam,
        constraints: Constraints,
        sampling: Sampling,
        randomness: Sequence[torch.Generator],
    ) -> None:
        super().__init__(writer, end, longest, beam, constraints)
        self._sampling, self._randomness = sampling, randomness

    def _extend(self, rows: Beginnings, chances: Tensor, length: int) -> Beginnings:
        """Draw a unit for each beginning; the first for as many as are wanted."""
        chances, drawn = chances.cpu(), list[tuple[int, int, float]]()
        for row in [*range(len(chances))] * (self._beam.best if length == 0 else 1):
            own, source = chances[row], int(rows.source[row])
            if own.amax() == -torch.inf:
                continue
            unit = self._sampling.draw(own, self._randomness[source])
            total = float(rows.total[row]) + float(own[unit])
            if unit == self._end:
                self._finish(source, total, row, length)
            else:
                drawn.append((row, unit, total))
        rows_drawn, units, totals = (np.array([one[n] for one in drawn], kind) for n, kind in enumerate("qqd"))
        every = np.ones(len(drawn), dtype=bool)
        return self._go_on(rows, rows_drawn, units, totals, ~every, every)

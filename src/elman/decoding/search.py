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

import itertools
import math
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.decoding.bags import BagOrder, BagWriter, write_bags
from elman.decoding.constraints import NONE, Constraints, ConstraintState
from elman.decoding.likeliest import find_likeliest, keep_only
from elman.decoding.sampling import Sampling
from elman.errors import ConfigError

WIDEST_BEAM = 512


class Writer(BagWriter):
    """A model that writes one unit after the other, as a search sees it. States may be anything that it understands.

    Attributes:
        lengths: (S,) int64, the steps of each source, where :meth:`attention` is given.
    """

    lengths: Tensor

    @abstractmethod
    def begin(self, sources: int) -> tuple[Tensor, Any]:
        """Return ln P of the first unit for each source, (S, V), and the state of each."""

    @abstractmethod
    def step(self, units: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read the last unit of each beginning, (R,) int64; return ln P of the next, (R, V), and the new state.

        The search may write into the ln P that it was given.
        """

    def attention(self, state: Any) -> Tensor | None:  # noqa: ARG002
        """Return what the step that led to a state looked at, (R, steps of the source); None without attention."""
        return None

    def begin_among(self, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, Any]:
        """Begin sources whose bags say what may be written; a writer that can do with less overrides it."""
        chances, state = self.begin(len(wanted))
        return _choose_wanted(chances, wanted, may_follow), state

    def step_among(self, units: Tensor, state: Any, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, Any]:
        """Read the last unit of each beginning of a bag; a writer that can do with less overrides it."""
        chances, new = self.step(units, state)
        return _choose_wanted(chances, wanted, may_follow), new


def _choose_wanted(chances: Tensor, wanted: Tensor, may_follow: Tensor) -> Tensor:
    rows = chances.view(len(wanted), may_follow.shape[1], -1)
    return rows.gather(2, wanted[:, None].expand(may_follow.shape)).double()


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


def _as_hypothesis(order: BagOrder, beam: Beam) -> Hypothesis:
    score = beam.score(order.log_probability, 1 + len(order.units))
    return Hypothesis(order.units, order.log_probability, score)


@dataclass(slots=True, eq=False)
class _Beginning:
    """What is written of a source so far.

    Attributes:
        source: its number.
        total: ln P.
        mark: how far it is in the constraints.
        is_greedy: whether it is what greedy search writes.
        is_kept: whether it is one of the K; greedy's own is followed also where it is not.
        before: the beginning that it continues.
        unit: its last unit.
        row: where it is among all rows of its step.
    """

    source: int
    total: float
    mark: ConstraintState
    is_greedy: bool
    is_kept: bool
    before: "_Beginning | None" = None
    unit: int = -1
    row: int = 0

    def path(self) -> list["_Beginning"]:
        """List all beginnings from the empty one to this."""
        found, one = [self], self
        while one.before is not None:
            one = one.before
            found.append(one)
        return found[::-1]


class _Continuation(NamedTuple):
    """A unit behind a beginning, and ln P of both."""

    total: float
    before: _Beginning
    unit: int


class _Finished(NamedTuple):
    """What has ended: its score, the continuation by the end, and the length with the end."""

    score: float
    last: _Continuation
    length: int


class _SearchRun:
    """The beginnings of all sources as rows of a batch, those of a source side by side, the best first."""

    def __init__(self, writer: Writer, end: int, longest: list[int], beam: Beam, constraints: Constraints) -> None:
        self._writer, self._end, self._longest, self._beam, self._constraints = writer, end, longest, beam, constraints
        # Of K beginnings, as many may end as go on; one is followed by its likeliest unit alone.
        self._most = 1 if beam.width == 1 and not constraints.required else 2 * beam.width
        self._looks: list[Tensor] = []  # of every step, what each row looked at
        self._covered: Tensor | None = None  # (R, steps of a source), all attention so far
        self._coverage: list[float] = []  # of every row

    def run(self, sources: int) -> list[list[Hypothesis]]:
        """Search all sources."""
        self._finished: list[list[_Finished]] = [[] for _ in range(sources)]
        chances, state = self._writer.begin(sources)
        rows = [_Beginning(s, 0.0, self._constraints.begin(s), True, True, row=s) for s in range(sources)]
        for length in range(1 + max(self._longest, default=-1)):
            self._look(self._writer.attention(state), rows)
            self._restrict(chances, rows, length)
            rows = self._extend(rows, chances, length)
            if not rows:
                break
            device = chances.device
            self._chosen = torch.tensor([row.before.row for row in rows if row.before is not None], device=device)
            units = torch.tensor([row.unit for row in rows], device=device)
            chances, state = self._writer.step(units, self._writer.select(state, self._chosen))
        return [[self._write(source, one) for one in found] for source, found in enumerate(self._finished)]

    def _look(self, attention: Tensor | None, rows: list[_Beginning]) -> None:
        """Keep what the last step looked at."""
        if attention is None:
            return
        self._looks.append(attention)
        if not self._beam.coverage_penalty:
            return
        before = 0.0 if self._covered is None else self._covered[self._chosen]
        self._covered = attention + before
        lengths = self._writer.lengths[torch.tensor([row.source for row in rows], device=attention.device)]
        behind = torch.arange(attention.shape[1], device=attention.device) >= lengths[:, None]
        least = torch.finfo(attention.dtype).tiny
        shares = self._covered.clamp(least, 1.0).masked_fill(behind, 1.0).double().log()
        # Added up one after the other, so that padding changes nothing.
        self._coverage = shares.cumsum(1)[:, -1].tolist()

    def _restrict(self, chances: Tensor, rows: list[_Beginning], length: int) -> None:
        """Give what may not follow a probability of 0."""
        constraints, end = self._constraints, self._end
        if constraints.forbidden:
            chances[:, list(constraints.forbidden)] = -torch.inf
        for number, row in enumerate(rows) if constraints.are_marked else ():
            allowed = constraints.allowed(row.mark)
            if allowed is not None:
                keep_only(chances[number], allowed)
            chances[number, constraints.refused(row.mark)] = -torch.inf
            if not constraints.may_end(row.mark):
                chances[number, end] = -torch.inf
        for number, row in enumerate(rows):
            if length >= self._longest[row.source]:
                keep_only(chances[number], [end])

    def _extend(self, rows: list[_Beginning], chances: Tensor, length: int) -> list[_Beginning]:
        """Choose the beginnings of the next step, and finish those that end."""
        values, units = find_likeliest(chances, min(self._most, chances.shape[1]))
        before = torch.tensor([row.total for row in rows], dtype=torch.float64, device=chances.device)
        totals = values.double() + before[:, None]
        table, numbers = totals.cpu().numpy(), units.tolist()
        new: list[_Beginning] = []
        for source, group in itertools.groupby(rows, key=lambda row: row.source):
            own = list(group)
            few = slice(own[0].row, own[-1].row + 1)
            live = self._choose(source, self._rank(own, table[few], numbers[few], chances), length)
            finished = self._finished[source]
            if len(finished) >= self._beam.best:
                most = (1 + self._longest[source]) ** self._beam.length_penalty
                if all(row.total / most <= finished[self._beam.best - 1].score for row in live):
                    continue
            new += live
        for number, row in enumerate(new):
            row.row = number
        return new

    def _rank(
        self, rows: list[_Beginning], totals: np.ndarray, units: list[list[int]], chances: Tensor
    ) -> tuple[list[_Continuation], _Continuation | None]:
        """Return what may follow the beginnings of a source, the likeliest first, and what follows greedy's own.

        Args:
            rows: the beginnings, those that are kept first.
            totals: (rows, n) ln P with the likeliest units, those of a row descending.
            units: these units.
            chances: (R, V) of all units.
        """
        across, greedy = totals.shape[1], None
        for row, total, likeliest in zip(rows, totals, units, strict=True):
            if row.is_greedy and total[0] > -math.inf:
                greedy = _Continuation(float(total[0]), row, likeliest[0])
        kept = sum(row.is_kept for row in rows)
        order = np.argsort(-totals[:kept], axis=None, kind="stable")
        if not self._constraints.required:
            order = order[: self._most]
        found = [
            _Continuation(total, rows[index // across], units[index // across][index % across])
            for index, total in zip(order.tolist(), totals.ravel()[order].tolist(), strict=True)
            if total > -math.inf
        ]
        return (self._in_banks(found, rows[:kept], units, chances) if self._constraints.required else found), greedy

    def _choose(
        self, source: int, ranked: tuple[list[_Continuation], _Continuation | None], length: int
    ) -> list[_Beginning]:
        """Keep the best continuations of a source, and greedy's own; finish those that end among the first K."""
        (candidates, greedy), live = ranked, list[_Continuation]()
        for rank, one in enumerate(candidates):
            if one.unit == self._end:
                if rank < self._beam.width and one != greedy:
                    self._finish(source, one, length)
            elif len(live) < self._beam.width:
                live.append(one)
        new = [self._go_on(one, one == greedy, True) for one in live]
        if greedy is not None and greedy.unit == self._end:
            self._finish(source, greedy, length)
        elif greedy is not None and greedy not in live:
            new.append(self._go_on(greedy, True, False))
        return new

    def _in_banks(
        self, found: list[_Continuation], rows: list[_Beginning], units: list[list[int]], chances: Tensor
    ) -> list[_Continuation]:
        """Add what required phrases need; let those with few and those with many of their units share the beam.

        (Dynamic beam allocation: Post & Vilar 2018, section 3.)
        """
        for row, likeliest in zip(rows, units, strict=False):
            for needed in set(self._constraints.needed(row.mark)) - set(likeliest):
                total = row.total + float(chances[row.row, needed])
                found += [_Continuation(total, row, needed)] * (total > -math.inf)
        found.sort(key=lambda one: -one.total)
        required = self._constraints.count_required(rows[0].mark) if rows else 0
        banks: dict[int, list[_Continuation]] = defaultdict(list)
        for one in found if required else ():
            met = required if one.unit == self._end else self._constraints.count_met(self._mark_of(one))
            banks[met].append(one)
        share = max(1, self._beam.width // (required + 1))
        first = [one for met in sorted(banks, reverse=True) for one in banks[met][:share]]
        taken = set(map(id, first))
        return [*first, *(one for one in found if id(one) not in taken)]

    def _mark_of(self, one: _Continuation) -> ConstraintState:
        return self._constraints.follow(one.before.mark, one.unit)

    def _go_on(self, one: _Continuation, is_greedy: bool, is_kept: bool) -> _Beginning:
        mark = self._mark_of(one)
        return _Beginning(one.before.source, one.total, mark, is_greedy, is_kept, one.before, one.unit)

    def _finish(self, source: int, one: _Continuation, length: int) -> None:
        """Rank a hypothesis among those of its source."""
        coverage = self._coverage[one.before.row] if self._coverage else 0.0
        found = self._finished[source]
        found.append(_Finished(self._beam.score(one.total, length + 1, coverage), one, length + 1))
        found.sort(key=lambda finished: -finished.score)
        del found[self._beam.best :]

    def _write(self, source: int, finished: _Finished) -> Hypothesis:
        """Collect the units of a hypothesis, and what they looked at."""
        path = finished.last.before.path()
        attention = None
        if self._looks:
            steps = int(self._writer.lengths[source])
            attention = torch.stack([self._looks[step][row.row] for step, row in enumerate(path)])[:, :steps]
        return Hypothesis([row.unit for row in path[1:]], finished.last.total, finished.score, attention)


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

    def _extend(self, rows: list[_Beginning], chances: Tensor, length: int) -> list[_Beginning]:
        """Draw a unit for each beginning; the first for as many as are wanted."""
        chances, new = chances.cpu(), list[_Beginning]()
        for row in rows * self._beam.best if length == 0 else rows:
            own = chances[row.row]
            if own.amax() == -torch.inf:
                continue
            unit = self._sampling.draw(own, self._randomness[row.source])
            one = _Continuation(row.total + float(own[unit]), row, unit)
            if unit == self._end:
                self._finish(row.source, one, length)
            else:
                new.append(self._go_on(one, False, True))
        for number, row in enumerate(new):
            row.row = number
        return new

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
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elman.decoding.constraints import NONE, Constraints, ConstraintState
from elman.errors import ConfigError

WIDEST_BEAM = 512


class Writer(ABC):
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
        """Read the last unit of each beginning, (R,) int64; return ln P of the next, (R, V), and the new state."""

    @abstractmethod
    def select(self, state: Any, rows: Tensor) -> Any:
        """Return the states of some beginnings, (n,) int64, in this order; one may be there several times."""

    def attention(self, state: Any) -> Tensor | None:  # noqa: ARG002
        """Return what the step that led to a state looked at, (R, steps of the source); None without attention."""
        return None


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
) -> list[list[Hypothesis]]:
    """Find likely hypotheses for each source.

    Args:
        writer: the model, which knows the sources by their order.
        sources: S.
        end: the number of the end.
        longest: of each source, the most units before the end; then the end is written, whatever its probability.
        beam: how to search; `Beam()` unless given.
        constraints: what must, may and may not be written.

    Returns:
        For each source at most `beam.best` hypotheses, the best first. There is none where the constraints leave
        nothing to write.
    """
    with torch.no_grad():
        return _SearchRun(writer, end, list(longest), beam or Beam(), constraints).run(sources)


@dataclass(slots=True)
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


@dataclass(frozen=True, slots=True)
class _Continuation:
    """A unit behind a beginning.

    Attributes:
        total: ln P of both.
        before: the beginning.
        unit: the unit.
        is_greedy: whether greedy search writes it.
    """

    total: float
    before: _Beginning
    unit: int
    is_greedy: bool


class _SearchRun:
    """The beginnings of all sources as rows of a batch, those of a source side by side, the best first."""

    def __init__(self, writer: Writer, end: int, longest: list[int], beam: Beam, constraints: Constraints) -> None:
        self._writer, self._end, self._longest, self._beam, self._constraints = writer, end, longest, beam, constraints
        self._looks: list[Tensor] = []  # of every step, what each row looked at
        self._covered: Tensor | None = None  # (R, steps of a source), all attention so far

    def run(self, sources: int) -> list[list[Hypothesis]]:
        """Search all sources."""
        self._finished: list[list[Hypothesis]] = [[] for _ in range(sources)]
        chances, state = self._writer.begin(sources)
        rows = [_Beginning(s, 0.0, self._constraints.begin(s), True, True, row=s) for s in range(sources)]
        for length in range(1 + max(self._longest, default=-1)):
            self._look(self._writer.attention(state), rows)
            rows = self._extend(rows, self._restrict(chances, rows, length), length)
            if not rows:
                break
            device = chances.device
            self._chosen = torch.tensor([row.before.row for row in rows if row.before is not None], device=device)
            units = torch.tensor([row.unit for row in rows], device=device)
            chances, state = self._writer.step(units, self._writer.select(state, self._chosen))
        return [found[: self._beam.best] for found in self._finished]

    def _look(self, attention: Tensor | None, rows: list[_Beginning]) -> None:
        """Keep what the last step looked at."""
        if attention is None:
            return
        self._looks.append(attention)
        before = 0.0 if self._covered is None else self._covered[self._chosen]
        self._covered = attention + before
        lengths = self._writer.lengths[torch.tensor([row.source for row in rows], device=attention.device)]
        behind = torch.arange(attention.shape[1], device=attention.device) >= lengths[:, None]
        least = torch.finfo(attention.dtype).tiny
        shares = self._covered.clamp(least, 1.0).masked_fill(behind, 1.0).double().log()
        # Added up one after the other, so that padding changes nothing.
        self._coverage = shares.cumsum(1)[:, -1].tolist()

    def _restrict(self, chances: Tensor, rows: list[_Beginning], length: int) -> Tensor:
        """Give what may not follow a probability of 0."""
        constraints, end = self._constraints, self._end
        chances = chances.clone()
        chances[:, list(constraints.forbidden)] = -torch.inf
        for number, row in enumerate(rows):
            allowed = [end] if length >= self._longest[row.source] else constraints.allowed(row.mark, end)
            if allowed is not None:
                kept = chances[number, allowed]
                chances[number] = -torch.inf
                chances[number, allowed] = kept
            if not constraints.may_end(row.mark):
                chances[number, end] = -torch.inf
        return chances

    def _extend(self, rows: list[_Beginning], chances: Tensor, length: int) -> list[_Beginning]:
        """Choose the beginnings of the next step, and finish those that end."""
        new: list[_Beginning] = []
        for source, candidates in self._candidates(rows, chances).items():
            live = self._choose(source, candidates, length)
            finished = self._finished[source]
            if len(finished) >= self._beam.best:
                most = (1 + self._longest[source]) ** self._beam.length_penalty
                if all(row.total / most <= finished[self._beam.best - 1].score for row in live):
                    continue
            new += live
        for number, row in enumerate(new):
            row.row = number
        return new

    def _candidates(self, rows: list[_Beginning], chances: Tensor) -> dict[int, list[_Continuation]]:
        """Return what may follow the beginnings of each source, the likeliest first."""
        values, units = chances.topk(min(2 * self._beam.width, chances.shape[1]), dim=1)
        only_greedy = self._beam.width == 1 and not self._constraints.required
        found: dict[int, list[_Continuation]] = defaultdict(list)
        for row, chance, unit in zip(rows, values.double().tolist(), units.tolist(), strict=True):
            pairs = dict(zip(unit, chance, strict=True))
            for needed in self._constraints.needed(row.mark):
                pairs.setdefault(needed, float(chances[row.row, needed]))
            for rank, (one, log_p) in enumerate(pairs.items()):
                is_greedy = row.is_greedy and rank == 0
                if log_p > -math.inf and (is_greedy or (row.is_kept and not only_greedy)):
                    found[row.source].append(_Continuation(row.total + log_p, row, one, is_greedy))
        for candidates in found.values():
            candidates.sort(key=lambda one: -one.total)
        return found

    def _choose(self, source: int, candidates: list[_Continuation], length: int) -> list[_Beginning]:
        """Keep the best candidates of a source, and greedy's own; finish those that end among the first K."""
        live: list[_Continuation] = []
        for rank, one in enumerate(self._in_banks([c for c in candidates if c.before.is_kept])):
            if one.unit == self._end:
                if rank < self._beam.width or one.is_greedy:
                    self._finish(source, one, length)
            elif len(live) < self._beam.width:
                live.append(one)
        kept = [self._go_on(one, True) for one in live]
        for one in candidates:
            if one.is_greedy and one not in live:
                if one.unit != self._end:
                    kept.append(self._go_on(one, False))
                elif not one.before.is_kept:
                    self._finish(source, one, length)
        return kept

    def _in_banks(self, candidates: list[_Continuation]) -> Iterator[_Continuation]:
        """Order candidates so that those with few and those with many units of required phrases share the beam.

        (Dynamic beam allocation: Post & Vilar 2018, section 3.) Without required phrases their order stays.
        """
        required = self._constraints.count_required(candidates[0].before.mark) if candidates else 0
        if not required:
            yield from candidates
            return
        banks: dict[int, list[_Continuation]] = defaultdict(list)
        for one in candidates:
            met = required if one.unit == self._end else self._constraints.count_met(self._mark_of(one))
            banks[met].append(one)
        share = max(1, self._beam.width // (required + 1))
        first = [one for met in sorted(banks, reverse=True) for one in banks[met][:share]]
        taken = set(map(id, first))
        yield from first
        yield from (one for one in candidates if id(one) not in taken)

    def _mark_of(self, one: _Continuation) -> ConstraintState:
        return self._constraints.follow(one.before.mark, one.unit)

    def _go_on(self, one: _Continuation, is_kept: bool) -> _Beginning:
        return _Beginning(
            one.before.source, one.total, self._mark_of(one), one.is_greedy, is_kept, one.before, one.unit
        )

    def _finish(self, source: int, one: _Continuation, length: int) -> None:
        """Rank a hypothesis among those of its source."""
        coverage = self._coverage[one.before.row] if self._looks else 0.0
        score = self._beam.score(one.total, length + 1, coverage)
        path = one.before.path()
        units = [row.unit for row in path[1:]]
        found = self._finished[source]
        looks = [self._looks[step][row.row] for step, row in enumerate(path)] if self._looks else []
        steps = int(self._writer.lengths[source]) if looks else 0
        attention = torch.stack(looks)[:, :steps] if looks else None
        found.append(Hypothesis(units, one.total, score, attention))
        found.sort(key=lambda hypothesis: -hypothesis.score)
        del found[self._beam.best :]

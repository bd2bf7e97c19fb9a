"""Rank what may follow the beginnings of all sources of a search, together.

>>> numbers, every = np.arange(2), np.ones(2, dtype=bool)
>>> rows = Beginnings(numbers, np.array([-1.0, -2.0]), every, every, [], numbers, numbers)
>>> totals, units = np.array([[-1.5, -1.7], [-2.1, -2.9]]), np.array([[4, 5], [6, 4]])
>>> rank(rows, totals, units, *find_groups(np.zeros(2)), width=2, most=3).unit[:, :-1].tolist()
[[4, 5, 6]]
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import numpy as np
from torch import Tensor

from elman.decoding.constraints import Constraints, ConstraintState


@dataclass(slots=True)
class Beginnings:
    """What is written of all sources so far, a row for each beginning.

    Those of a source stand side by side: the K that are kept, the best first, and behind them greedy search's own where
    it is none of these.

    Attributes:
        source: (R,) the number of the source.
        total: (R,) float64, ln P.
        is_greedy: (R,) whether it is what greedy search writes.
        is_kept: (R,) whether it is one of the K.
        marks: how far each is in the constraints; empty where none depends on what is written.
        before: (R,) the row of the step before that it continues.
        unit: (R,) int64, its last unit.
    """

    source: np.ndarray
    total: np.ndarray
    is_greedy: np.ndarray
    is_kept: np.ndarray
    marks: list[ConstraintState]
    before: np.ndarray
    unit: np.ndarray


class Continuations(NamedTuple):
    """Units behind beginnings of S sources that go on, (S, n + 1): the likeliest first, and behind them greedy's own.

    Attributes:
        total: ln P of both, -inf where there is none.
        row: of the beginning.
        unit: the unit.
    """

    total: np.ndarray
    row: np.ndarray
    unit: np.ndarray


def find_groups(source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of each source, (S,), and which of the S each row belongs to, (R,)."""
    is_first = np.ones(len(source), dtype=bool)
    np.not_equal(source[1:], source[:-1], out=is_first[1:])
    return is_first.nonzero()[0], is_first.cumsum() - 1


def rank(
    rows: Beginnings, totals: np.ndarray, units: np.ndarray, first: np.ndarray, group: np.ndarray, width: int, most: int
) -> Continuations:
    """Return the likeliest that may follow the beginnings of each source that are kept, with room for greedy's own.

    Args:
        rows: the beginnings.
        totals: (R, n) ln P with the likeliest units, those of a row descending.
        units: these units.
        first: (S,) the first row of each source.
        group: (R,) which of the S each row belongs to.
        width: of the beam.
        most: continuations of a source.
    """
    kept, across = rows.is_kept.nonzero()[0], totals.shape[1]
    owner = group[kept]
    table = np.full((len(first), width, across), -np.inf)
    table[owner, kept - first[owner]] = totals[kept]
    flat = table.reshape(len(first), -1)
    order = (-flat).argsort(axis=1, kind="stable")[:, :most]
    total, row, unit = (np.empty((len(first), order.shape[1] + 1), dtype=kind) for kind in "dqq")
    total[:, :-1], total[:, -1] = np.take_along_axis(flat, order, 1), -np.inf
    # Behind the last row there is nothing, whose total is -inf.
    row[:, :-1], row[:, -1] = np.minimum(first[:, None] + order // across, len(totals) - 1), 0
    unit[:, :-1], unit[:, -1] = units[row[:, :-1], order % across], 0
    return Continuations(total, row, unit)


class _Continuation(NamedTuple):
    """A unit behind a beginning: ln P of both, the row of the beginning, and the unit."""

    total: float
    row: int
    unit: int


def rank_in_banks(
    rows: Beginnings,
    totals: np.ndarray,
    units: np.ndarray,
    group: np.ndarray,
    width: int,
    *,
    chances: Tensor,
    constraints: Constraints,
    end: int,
) -> Continuations:
    """Rank as :func:`rank`; what brings required phrases further is there too, and shares the beam.

    Args:
        rows: the beginnings.
        totals: (R, n) ln P with the likeliest units.
        units: these units.
        group: (R,) which of the S sources each row belongs to.
        width: of the beam.
        chances: (R, V) ln P of every unit.
        constraints: with required phrases.
        end: the number of the end.
    """
    found: list[list[_Continuation]] = [[] for _ in range(int(group[-1]) + 1)]
    for row in rows.is_kept.nonzero()[0].tolist():
        given, before = units[row].tolist(), float(rows.total[row])
        own = list(map(_Continuation, totals[row].tolist(), repeat(row), given))
        needed = set(constraints.needed(rows.marks[row])) - set(given)
        own += [_Continuation(before + float(chances[row, unit]), row, unit) for unit in needed]
        found[group[row]] += [one for one in own if one.total > -math.inf]
    for one in found:
        one.sort(key=lambda continuation: -continuation.total)
    shared = [_share_beam(one, rows.marks, constraints, end, width) for one in found]
    most = max(map(len, shared)) + 1
    padded = [[*one, *[_Continuation(-math.inf, 0, 0)] * (most - len(one))] for one in shared]
    return Continuations(*(np.array([[one[n] for one in of] for of in padded], kind) for n, kind in enumerate("dqq")))


def _share_beam(
    found: list[_Continuation], marks: Sequence[ConstraintState], constraints: Constraints, end: int, width: int
) -> list[_Continuation]:
    """Put first the likeliest few of every number of required units that are written.

    (Dynamic beam allocation: Post & Vilar 2018, section 3.)
    """
    required = constraints.count_required(marks[found[0].row]) if found else 0
    if not required:
        return found
    banks: dict[int, list[_Continuation]] = defaultdict(list)
    for one in found:
        is_end = one.unit == end
        met = required if is_end else constraints.count_met(constraints.follow(marks[one.row], one.unit))
        banks[met].append(one)
    share = max(1, width // (required + 1))
    first = [one for met in sorted(banks, reverse=True) for one in banks[met][:share]]
    taken = set(first)
    return [*first, *(one for one in found if one not in taken)]

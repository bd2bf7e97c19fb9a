"""Prefix beam search: find the texts of the largest score (Hannun et al. 2014; Graves & Jaitly 2014, section 3.2).

At every frame the K best beginnings of a text are kept, each with the probability of its paths that end with a blank,
and of those that end with its last unit: a unit that is repeated needs a blank before it. What greedy reading gives is
always a candidate. At the end ln P of each candidate is summed over all its paths, also those that the search has left
out, so that a score does not depend on the width. Sources share nothing but calls of the language model.

>>> rows = np.log([[[0.6, 0.4]], [[0.6, 0.4]]])
>>> [[(one.units, round(one.log_probability, 3)) for one in found] for found in search_texts(rows, best=2)]
[[([1], -0.446), ([], -1.022)]]
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.decoding.ctc.lattice import Alignment, align, log_probability
from elman.decoding.ctc.outputs import Rows, split_sources
from elman.decoding.ctc.preferences import NO_PREFERENCES, Preferences, TextState
from elman.decoding.search import WIDEST_BEAM
from elman.errors import ConfigError


@dataclass(frozen=True)
class FoundText:
    """A text that a search has found.

    Attributes:
        units: their numbers.
        log_probability: ln P of CTC, over all paths.
        score: what it is ranked by, see :mod:`elman.decoding.ctc.preferences`.
        alignment: its likeliest path: when each unit is written, and how surely.
    """

    units: list[int]
    log_probability: float
    score: float
    alignment: Alignment


def search_texts(
    log_probabilities: Any,
    lengths: Any = None,
    *,
    preferences: Preferences = NO_PREFERENCES,
    width: int = 16,
    best: int = 1,
    least: float = 1e-4,
) -> list[list[FoundText]]:
    """Find the best texts of each source.

    Args:
        log_probabilities: (T, B, V), see :func:`elman.decoding.ctc.outputs.split_sources`.
        lengths: (B,) the frames of each source; None where all have T.
        preferences: what is added to ln P, and the number of the blank.
        width: K, 1 to 512.
        best: how many texts a source gets, at most K.
        least: units of a smaller probability are not considered at a frame; 0 considers all.

    Returns:
        For each source at most `best` texts, the best first. There is none where a closed vocabulary leaves none.

    Raises:
        ConfigError: `width`, `best` or `least` is outside its range.
        ShapeError: see :func:`elman.decoding.ctc.outputs.split_sources`.
        ElmanError: see there.
    """
    if not 1 <= width <= WIDEST_BEAM:
        raise ConfigError(f"The beam is {width}. Use a whole number from 1 to {WIDEST_BEAM}.")
    if not 1 <= best <= width:
        raise ConfigError(f"{best} texts are wanted from a beam of {width}. Use 1 to {width}, or a wider beam.")
    if not 0 <= least < 1:
        raise ConfigError(f"The least probability is {least}. Use 0 or a number above it and below 1.")
    sources = split_sources(log_probabilities, lengths, preferences.blank)
    size = sources[0].shape[1]
    empty, gains = preferences.begin(size)
    beams = [_SourceBeam(rows, _Prefix(None, -1, 0.0, empty, gains), preferences, width, least) for rows in sources]
    for time in range(max(map(len, sources))):
        new = [prefix for beam in beams if time < len(beam.rows) for prefix in beam.step(time)]
        if new:
            states = [prefix.parent.state for prefix in new]
            added = preferences.extend(states, [prefix.unit for prefix in new], size)
            for prefix, (state, own, late) in zip(new, added, strict=True):
                prefix.state, prefix.gains, prefix.is_new = state, own, False
                prefix.score += late
    return [beam.finish(best) for beam in beams]


class _Prefix:
    """A beginning of a text. It has one object as long as it, or what continues it, is in the beam.

    Attributes:
        parent: the beginning without its last unit; itself for the empty one.
        unit: its last unit; -1 of the empty one.
        score: what preferences have added so far.
        state: how far it has come in the preferences.
        gains: what each unit adds behind it, (V,).
        is_new: whether the preferences do not know it yet.
        is_kept: whether it is in the beam.
        children: what continues it, by the next unit.
    """

    __slots__ = ("children", "gains", "is_kept", "is_new", "parent", "score", "state", "unit")

    def __init__(
        self, parent: "_Prefix | None", unit: int, score: float, state: TextState, gains: NDArray[np.float64]
    ) -> None:
        self.parent = self if parent is None else parent
        self.unit, self.score, self.state, self.gains = unit, score, state, gains
        self.is_new, self.is_kept = parent is not None, parent is None
        self.children: dict[int, _Prefix] = {}

    def follow(self, unit: int) -> "_Prefix":
        """Return the beginning with one more unit."""
        child = self.children.get(unit)
        if child is None:
            score = self.score + float(self.gains[unit])
            child = self.children[unit] = _Prefix(self, unit, score, self.state, self.gains)
        return child

    def forget(self) -> None:
        """Forget it, and all before it that nothing in the beam continues."""
        one = self
        while not one.is_kept and not one.children and one.parent is not one:
            one.parent.children.pop(one.unit, None)
            one = one.parent

    def text(self) -> list[int]:
        """List its units."""
        found, one = [], self
        while one.parent is not one:
            found.append(one.unit)
            one = one.parent
        return found[::-1]


class _SourceBeam:
    """The beam of one source.

    Args:
        rows: (T, V) ln P.
        root: the empty beginning.
        preferences: see :func:`search_texts`.
        width: K.
        least: the least probability of a unit.
    """

    def __init__(self, rows: Rows, root: _Prefix, preferences: Preferences, width: int, least: float) -> None:
        self.rows, self._width, self._blank = rows, width, preferences.blank
        self._least = math.log(least) if least else -math.inf
        self._is_closed = bool(preferences.only)
        self._prefixes = [root]
        self._with_blank, self._with_unit = np.zeros(1), np.full(1, -np.inf)
        self._path = rows.argmax(axis=1).tolist()
        self._greedy = 0  # the row of what greedy reading gives; -1 where the closed vocabulary does not have it

    def step(self, time: int) -> list[_Prefix]:
        """Read one frame; return the beginnings that the preferences do not know yet."""
        row, prefixes, count = self.rows[time], self._prefixes, len(self._prefixes)
        units = self._units_at(time)
        last = np.array([prefix.unit for prefix in prefixes])
        gains = np.array([prefix.gains for prefix in prefixes])
        scores = np.array([prefix.score for prefix in prefixes])
        total = np.logaddexp(self._with_blank, self._with_unit)
        with_blank = total + row[self._blank]
        with_unit = self._with_unit + np.where(last < 0, -np.inf, row[last])
        longer = np.where(last[:, None] == units, self._with_blank[:, None], total[:, None]) + row[units]
        joined = self._join(units, with_unit, longer)
        stay = np.logaddexp(with_blank, with_unit) + scores
        go_on = np.where(joined, -np.inf, longer + gains[:, units]) + scores[:, None]
        kept = self._choose(np.concatenate([stay, go_on.ravel()]), gains, units, time)
        self._replace(kept, units)
        self._with_unit = np.concatenate([with_unit, longer.ravel()])[kept]
        self._with_blank = np.array([with_blank[place] if place < count else -np.inf for place in kept])
        return [prefix for prefix in self._prefixes if prefix.is_new]

    def _replace(self, kept: list[int], units: NDArray[np.int64]) -> None:
        """Put what is kept into the beam: places below K stay, the others are continuations."""
        before, count, known = self._prefixes, len(self._prefixes), units.tolist()
        self._prefixes = []
        for place in kept:
            if place < count:
                self._prefixes.append(before[place])
            else:
                number, column = divmod(place - count, len(known))
                self._prefixes.append(before[number].follow(known[column]))
        for prefix in before:
            prefix.is_kept = False
        for prefix in self._prefixes:
            prefix.is_kept = True
        for prefix in before:
            prefix.forget()

    def finish(self, best: int) -> list[FoundText]:
        """Rank the candidates that may end here."""
        ends = [prefix for prefix in self._prefixes if prefix.gains[self._blank] > -np.inf]
        texts = [prefix.text() for prefix in ends]
        found = []
        for prefix, text, log_p in zip(ends, texts, log_probability(self.rows, texts, self._blank), strict=True):
            score = log_p + prefix.score + float(prefix.gains[self._blank])
            if score > -math.inf:
                found.append((-score, text, log_p))
        return [
            FoundText(text, log_p, -worth, align(self.rows, text, self._blank))
            for worth, text, log_p in sorted(found)[:best]
        ]

    def _units_at(self, time: int) -> NDArray[np.int64]:
        """Return the units that are considered at a frame: likely ones, and what greedy reading takes."""
        likely = self.rows[time] > self._least
        likely[self._path[time]] = True
        likely[self._blank] = False
        return np.flatnonzero(likely)

    def _join(
        self, units: NDArray[np.int64], with_unit: NDArray[np.float64], longer: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Add to beginnings in the beam the paths that now become them; return which continuations these were."""
        joined = np.zeros(longer.shape, bool)
        rows = {id(prefix): row for row, prefix in enumerate(self._prefixes)}
        columns = {unit: column for column, unit in enumerate(units.tolist())}
        for row, prefix in enumerate(self._prefixes):
            before, column = rows.get(id(prefix.parent)), columns.get(prefix.unit)
            if before is not None and column is not None:
                with_unit[row] = np.logaddexp(with_unit[row], longer[before, column])
                joined[before, column] = True
        return joined

    def _choose(
        self, ranks: NDArray[np.float64], gains: NDArray[np.float64], units: NDArray[np.int64], time: int
    ) -> list[int]:
        """Return the places of the K best, of greedy's own, and of the best that may end."""
        count = len(self._prefixes)
        least = np.partition(ranks, -self._width)[-self._width] if len(ranks) > self._width else -np.inf
        among = np.flatnonzero((ranks >= least) & (ranks > -np.inf))
        kept: list[int] = among[np.argsort(-ranks[among], kind="stable")[: self._width]].tolist()
        greedy = self._follow_greedily(units, time)
        if greedy >= 0 and ranks[greedy] > -np.inf and greedy not in kept:
            kept.append(greedy)
        self._greedy = kept.index(greedy) if greedy in kept else -1
        if self._is_closed:
            may_end = np.where(gains[:, self._blank] > -np.inf, ranks[:count], -np.inf)
            whole = int(may_end.argmax())
            if may_end[whole] > -np.inf and whole not in kept:
                kept.append(whole)
        return kept

    def _follow_greedily(self, units: NDArray[np.int64], time: int) -> int:
        """Return the place of what greedy reading gives with this frame."""
        unit, before = self._path[time], self._path[time - 1] if time else self._blank
        if self._greedy < 0 or unit in (self._blank, before):
            return self._greedy
        child = self._prefixes[self._greedy].children.get(unit)
        known = [row for row, prefix in enumerate(self._prefixes) if prefix is child]
        if known:
            return known[0]
        column = int(np.searchsorted(units, unit))
        return len(self._prefixes) + self._greedy * len(units) + column

"""Sum over all paths of a text, and align a text with the frames (Graves et al. 2006, section 4.1; Viterbi 1967).

The states of a text u₁ … u_L are ∅ u₁ ∅ u₂ … u_L ∅, with blanks ∅. A path moves from a state to itself or to the next,
and past a blank between two different units; it begins in the first two states and ends in the last two.

>>> rows = np.log([[0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.5, 0.2, 0.3], [0.1, 0.1, 0.8]])
>>> [(one.unit, one.first, one.behind) for one in align(rows, [1, 2]).units]
[(1, 0, 2), (2, 3, 4)]
"""

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elman.data.speech.checks import count_frames
from elman.decoding.ctc.outputs import Rows
from elman.errors import DataError

MOST_CELLS = 2**36
"""Frames times states of an alignment: about ten minutes of work on one core; an hour of speech has a seventh."""

Scores = NDArray[np.float64]
"""ln P of the likeliest path to each state."""

_BLOCK = 512
"""Frames between two that ln P is kept of: an hour of speech takes some hundred megabytes."""

_STAY, _STEP, _SKIP = range(3)
_NEVER = -1e300


@dataclass(frozen=True)
class AlignedUnit:
    """A unit, or a word of several, with the frames at which it is written.

    Attributes:
        units: its numbers.
        first: the first frame.
        behind: the frame behind the last one.
        confidence: the geometric mean of the probabilities of its units at the frames where they are written.
    """

    units: tuple[int, ...]
    first: int
    behind: int
    confidence: float

    @property
    def unit(self) -> int:
        """The first of its units."""
        return self.units[0]


@dataclass(frozen=True)
class Alignment:
    """The likeliest path of a text.

    Attributes:
        log_probability: ln P of the path, at most that of the text.
        units: the units of the text in their order.
    """

    log_probability: float
    units: tuple[AlignedUnit, ...]

    def words(self, space: int, begins: Container[int] = ()) -> list[AlignedUnit]:
        """Join the units of each word.

        Args:
            space: the number of the unit between two words.
            begins: the numbers of units with which a word begins, because they have the space before it.
        """
        found: list[list[AlignedUnit]] = [[]]
        for one in self.units:
            if one.unit == space or one.unit in begins:
                found.append([])
            if one.unit != space:
                found[-1].append(one)
        return [join(parts) for parts in found if parts]


def log_probability(rows: Rows, texts: Sequence[Sequence[int]], blank: int = 0) -> list[float]:
    """Return ln P of some texts, each the sum over all its paths.

    Args:
        rows: (T, V) ln P at each frame.
        texts: the units of each.
        blank: the number of the blank.
    """
    if not texts:
        return []
    states, skips = _states_of(texts, blank)
    ends = np.array([2 * len(text) for text in texts])
    alpha = np.full(states.shape, -np.inf)
    alpha[:, :2] = rows[0, states[:, :2]]
    ways = np.full((3, *states.shape), -np.inf)
    barred = np.where(skips, 0.0, -np.inf)
    for row in rows[1:]:
        ways[_STAY] = alpha
        ways[_STEP, :, 1:] = alpha[:, :-1]
        np.add(alpha[:, :-2], barred, out=ways[_SKIP, :, 2:])
        # A finite number, so that a state without a way to it gets ln 0 and not NaN.
        largest = np.maximum(ways.max(axis=0), _NEVER)
        with np.errstate(divide="ignore"):
            alpha = np.log(np.exp(ways - largest).sum(axis=0)) + largest + row[states]
    texts_in_order = np.arange(len(texts))
    last = np.where(ends > 0, alpha[texts_in_order, ends - 1], -np.inf)
    totals: list[float] = np.logaddexp(alpha[texts_in_order, ends], last).tolist()
    return totals


def align(rows: Rows, text: Sequence[int], blank: int = 0) -> Alignment:
    """Find the likeliest path of a text (forced alignment).

    Of equally likely paths the one is taken that comes to its last states earlier.

    Args:
        rows: (T, V) ln P at each frame, such as :func:`elman.decoding.ctc.outputs.split_sources` gives.
        text: its units.
        blank: the number of the blank.

    Raises:
        DataError: the text is too long for the frames, its probability is 0, or there are more frames times states than
            `MOST_CELLS`.
    """
    [states], [skips] = _states_of([text], blank)
    if len(rows) * len(states) > MOST_CELLS:
        raise DataError(
            f"{len(text):,} units and {len(rows):,} frames are too many to align at once. Cut the sound at its pauses."
        )
    best = np.full(len(states), -np.inf)
    best[:2] = rows[0, states[:2]]
    kept = []
    for first in range(0, len(rows), _BLOCK):
        kept.append(best)
        for _, best_here in _advance(best, rows[first + 1 : first + 1 + _BLOCK], states, skips):
            best = best_here
    state = 2 * len(text)
    if text and best[state - 1] > best[state]:
        state -= 1
    if best[state] == -np.inf:
        needed = count_frames(text)
        why = f"it needs {needed:,} frames, and there are {len(rows):,}" if needed > len(rows) else "it is impossible"
        raise DataError(f"A text of {len(text):,} units cannot be aligned with its sound: {why}. Check both.")
    path = _trace(kept, state, rows, states, skips)
    return Alignment(float(best[state]), _units_on(path, rows, text))


def _states_of(texts: Sequence[Sequence[int]], blank: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the unit of each state, (N, S), and whether the state two before, S − 2 of them, leads to it."""
    states = np.full((len(texts), 1 + 2 * max(1, *map(len, texts))), blank, np.int64)
    for number, text in enumerate(texts):
        states[number, 1 : 2 * len(text) : 2] = text
    return states, (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])


def _advance(
    best: Scores, rows: Rows, states: NDArray[np.int64], skips: NDArray[np.bool_]
) -> Iterator[tuple[Scores, Scores]]:
    """Yield, for each frame, ln P of the ways into each state before it, (3, S), and of the likeliest path to it."""
    ways = np.full((3, len(states)), -np.inf)
    for row in rows:
        ways[_STAY] = best
        ways[_STEP, 1:] = best[:-1]
        ways[_SKIP, 2:] = np.where(skips, best[:-2], -np.inf)
        best = ways.max(axis=0) + row[states]
        yield ways, best


def _trace(
    kept: Sequence[Scores], state: int, rows: Rows, states: NDArray[np.int64], skips: NDArray[np.bool_]
) -> list[int]:
    """Return the state at each frame of the likeliest path to a state at the last frame.

    The moves of a block of frames are found again from ln P at its first frame, backwards from the last block: a path
    passes two states a frame at most, so only the states are needed that lead to where the path leaves the block.
    """
    path = [state]
    for number in range(len(kept) - 1, -1, -1):
        own = rows[number * _BLOCK + 1 : number * _BLOCK + 1 + _BLOCK]
        low = max(0, state - 2 * len(own))
        near = slice(low, state + 1)
        found = _advance(kept[number][near], own, states[near], skips[low : max(low, state - 1)])
        for move in reversed([ways.argmax(axis=0) for ways, _ in found]):
            state -= int(move[state - low])
            path.append(state)
    return path[::-1]


def _units_on(path: Sequence[int], rows: Rows, text: Sequence[int]) -> tuple[AlignedUnit, ...]:
    states = np.array(path)
    found = []
    for number, unit in enumerate(text):
        first, behind = (int(np.searchsorted(states, 2 * number + 1, side)) for side in ("left", "right"))
        found.append(AlignedUnit((unit,), first, behind, math.exp(rows[first:behind, unit].mean())))
    return tuple(found)


def join(parts: Sequence[AlignedUnit]) -> AlignedUnit:
    """Join units that follow each other to one, from the first frame of all to the last."""
    units = tuple(one.unit for one in parts)
    frames = sum(one.behind - one.first for one in parts)
    total = sum((one.behind - one.first) * math.log(one.confidence) for one in parts)
    return AlignedUnit(units, parts[0].first, parts[-1].behind, math.exp(total / frames))

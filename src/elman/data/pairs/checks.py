"""Find pairs of texts that look wrong, from their texts alone.

The *fit* of a pair is how far the ratio of its lengths is from the usual one: |ln(target / source) − median|, lengths
in characters. A line that one side has lost moves all pairs behind it; where a later line is lost on the other side,
they fit again, so that neither the numbers of lines nor the last pairs show it; :func:`find_shifts` does.

>>> find_reversed([*[Pair("a dog", "ein Hund", "")] * 50, Pair("ein Hund", "a dog", "")])
[50]
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from statistics import median

from elman.data.pairs.pair import Pair

_FEWEST = 60  # pairs, of fewer nothing is known
_MOVES = (0, 1, -1, 2, -2)  # lines by which targets may have moved; at equal costs, the first
_CHANGE = 8.0  # nats; a line that is lost makes a pair cost about 0.2 more, until another line is
_ODD = 1.6  # ln of a ratio of 5


def find_identical(pairs: Sequence[Pair]) -> list[int]:
    """Find the pairs whose target is their source."""
    return [number for number, pair in enumerate(pairs) if pair.source.strip() == pair.target.strip()]


def find_repeated(pairs: Sequence[Pair]) -> list[int]:
    """Find the pairs that stood there before."""
    seen: set[tuple[str, str]] = set()
    found = []
    for number, pair in enumerate(pairs):
        both = pair.source.strip(), pair.target.strip()
        if both in seen:
            found.append(number)
        seen.add(both)
    return found


def find_odd_lengths(pairs: Sequence[Pair]) -> list[int]:
    """Find the pairs whose lengths do not fit each other: the ratio is more than five times the usual one."""
    fits = fit_lengths(pairs)
    return [number for number, fit in enumerate(fits) if fit > _ODD]


def find_reversed(pairs: Sequence[Pair]) -> list[int]:
    """Find the pairs whose sides look exchanged: each side has the words of the other side of the other pairs."""
    sides = [Counter[str](), Counter[str]()]
    for pair in pairs:
        for side, text in zip(sides, (pair.source, pair.target), strict=True):
            side.update(set(text.split()))
    totals = [sum(side.values()) for side in sides]

    def lean(text: str) -> float:
        """Return the mean of ln P(word | source side) − ln P(word | target side), the pair itself counted out."""
        words = set(text.split())
        scores = [
            math.log((sides[0][word] + 0.1) / (totals[0] + 1)) - math.log((sides[1][word] + 0.1) / (totals[1] + 1))
            for word in words
        ]
        return sum(scores) / max(1, len(scores))

    return [number for number, pair in enumerate(pairs) if lean(pair.source) < -1 and lean(pair.target) > 1]


def find_shifts(pairs: Sequence[Pair]) -> list[tuple[int, int, int]]:
    """Find stretches of pairs that fit better with the targets of other lines.

    Every pair takes the target of a line near it; the cheapest sequence of these moves is found, where a pair costs
    what it does not fit and a change of the move costs as much as many pairs (the algorithm of Viterbi).

    Returns:
        For each stretch its first pair, the first behind it, and by how many lines its targets are to be moved.
    """
    if len(pairs) < _FEWEST:
        return []
    fits = {by: fit_lengths(pairs, by) for by in _MOVES}
    costs, before = dict.fromkeys(_MOVES, 0.0), []
    for number in range(len(pairs)):
        cheapest = min(_MOVES, key=lambda by: costs[by])
        change = costs[cheapest] + _CHANGE
        came = {by: by if costs[by] <= change else cheapest for by in _MOVES}
        costs = {by: min(costs[by], change) + fits[by][number] for by in _MOVES}
        before.append(came)
    by = min(_MOVES, key=lambda move: costs[move])
    path = []
    for came in reversed(before):
        path.append(by)
        by = came[by]
    stretches = [(by, list(of)) for by, of in itertools.groupby(enumerate(path[::-1]), key=lambda pair: pair[1])]
    return [(of[0][0], of[-1][0] + 1, by) for by, of in stretches if by]


def fit_lengths(pairs: Sequence[Pair], by: int = 0) -> list[float]:
    """Return how badly the lengths of each source and of the target `by` lines further fit each other, 0 the best."""
    usual = median(_ratio(pair.source, pair.target) for pair in pairs)
    last = len(pairs) - 1
    return [
        abs(_ratio(pair.source, pairs[min(max(number + by, 0), last)].target) - usual)
        for number, pair in enumerate(pairs)
    ]


def _ratio(source: str, target: str) -> float:
    return math.log((1 + len(target)) / (1 + len(source)))

r"""Predict a text from counts of n-grams, with interpolated modified Kneser-Ney smoothing.

The probability of a unit w depends on the n-1 units before it, its context. Every count c is discounted by D(c), and
the mass that this frees goes to the model of order n-1, whose context lacks the first unit (Chen &
Goodman 1999, "An empirical study of smoothing techniques for language modeling", section 3):

    p_n(w | context) = (c(context w) - D(c)) / Σ_v c(context v)  +  left(context) · p_(n-1)(w | shorter context)

In the highest order the count of an n-gram is how often it occurs, in lower orders how many different units precede it.
The lowest order is 1/V for each of V units, so that no unit is impossible. An n-gram is stored as one number, made of
its context's number and its last unit, so that the vocabulary may have any size.

:func:`score_orders` predicts a text with the model of each order; :class:`Ngrams` keeps one model for a search.

>>> learnt, text = np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1])
>>> [(a.order, a.counts, a.probabilities.round(3).tolist()) for a in score_orders(learnt, text, size=3, most=2)]
[(1, 3, [0.417, 0.333]), (2, 6, [0.333, 0.5])]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elman.decoding.histories import Chances, Histories, History

Units = NDArray[np.int64]
Shares = NDArray[np.float64]

_FALLBACK = (0.5, 1.0, 1.5)  # KenLM's, where the counts of counts give no valid discounts


@dataclass(frozen=True)
class Order:
    """The predictions of one order for a text.

    Attributes:
        order: n.
        probabilities: (N,) of each unit of the text, given those before it.
        counts: how many counts the model keeps, those of the orders below it included.
    """

    order: int
    probabilities: Shares
    counts: int


@dataclass(frozen=True)
class _Level:
    """The n-grams of one order, and their places in a text.

    Attributes:
        contexts: (K,) the number of each n-gram's context.
        known: how many contexts there are.
        before: (M,) the number of the context of each unit that has n-1 units before it; -1 where it was never counted.
        at: (M,) the number of the n-gram that ends with such a unit; -1 likewise.
        below: (N,) the probability of each unit of the text by the next lower order.
    """

    contexts: Units
    known: int
    before: Units
    at: Units
    below: Shares

    def probabilities(self, counts: Units) -> Shares:
        """Return the probability of each unit of the text, given the count of each n-gram."""
        shares, left = _smooth(self.contexts, self.known, counts)
        shares_of_text = self.below.copy()
        tail = shares_of_text[len(shares_of_text) - len(self.at) :]
        seen = np.where(self.at >= 0, shares[self.at], 0.0)
        tail[:] = np.where(self.before >= 0, seen + left[self.before] * tail, tail)
        return shares_of_text


def score_orders(learnt: Units, text: Units, size: int, most: int) -> Iterator[Order]:
    """Count n-grams, and predict a text with the model of each order in turn.

    The counts of only two orders are in memory at a time.

    Args:
        learnt: units that are counted.
        text: (N,) units that are predicted; the first has no context.
        size: V, how many units there are.
        most: the highest order; orders above the length of `learnt` are left out.
    """
    begun_in_text, kept, level = np.zeros(len(text) + 1, np.int64), 0, None
    for one in _count(learnt, size, most):
        below = np.full(len(text), 1 / size) if level is None else level.probabilities(one.below)
        before = begun_in_text[:-1]
        at = _find(before * size + text[one.order - 1 :], one.grams)
        level = _Level(one.grams // size, one.contexts, before, at, below)
        begun_in_text, kept = at, kept + len(one.grams)
        yield Order(one.order, level.probabilities(one.counts), kept)


@dataclass(frozen=True)
class _Counted:
    """The n-grams of one order.

    Attributes:
        order: n.
        grams: (K,) the number of each, in ascending order.
        contexts: how many contexts there are: the n-grams of the next lower order, numbered by their place.
        counts: (K,) how often each occurs.
        below: how many different units precede each n-gram of the next lower order; none below the lowest.
    """

    order: int
    grams: Units
    contexts: int
    counts: Units
    below: Units


def _count(learnt: Units, size: int, most: int) -> Iterator[_Counted]:
    """Count the n-grams of each order in turn."""
    begun, known = np.zeros(len(learnt) + 1, np.int64), 1
    for order in range(1, min(most, len(learnt)) + 1):
        # The n-grams of the next lower order, numbered by where they begin, are the contexts of this order.
        grams, number, counts = np.unique(
            begun[:-1] * size + learnt[order - 1 :], return_inverse=True, return_counts=True
        )
        somewhere = np.empty(len(grams), np.int64)
        somewhere[number] = np.arange(len(number))
        yield _Counted(order, grams, known, counts, np.bincount(begun[1:][somewhere], minlength=known))
        begun, known = number, len(grams)


class Ngrams(Histories):
    """The n-gram model of one order, kept for a search.

    Args:
        learnt: units that are counted, at least one.
        size: V, how many units there are.
        most: the order, or the length of `learnt` where that is less.

    Attributes:
        empty: the history without a unit.
        counts: how many counts it keeps.
    """

    def __init__(self, learnt: Units, size: int, most: int) -> None:
        self._size, self.counts = size, 0
        # Of each order: its n-grams, where those of each context begin, their shares, and what each context leaves.
        self._orders: list[tuple[Units, Units, Shares, Shares]] = []
        before: _Counted | None = None
        for one in _count(learnt, size, most):
            if before is not None:
                self._keep(before, one.below)
            before = one
        assert before is not None
        self._keep(before, before.counts)
        self.empty = self._open([0])

    def read(self, histories: Sequence[History], units: Sequence[int]) -> list[History]:
        """Read one unit behind each of some histories."""
        found = []
        for history, unit in zip(histories, units, strict=True):
            contexts = [0]
            # A context of which the last units were never counted was not counted either.
            for context, (grams, *_) in zip(history.state, self._orders[:-1], strict=False):
                place = int(np.searchsorted(grams, context * self._size + unit))
                if place == len(grams) or grams[place] != context * self._size + unit:
                    break
                contexts.append(place)
            found.append(self._open(contexts))
        return found

    def _open(self, contexts: list[int]) -> History:
        return History(contexts, self._chances(contexts))

    def _chances(self, contexts: list[int]) -> Chances:
        """Return ln P of each unit, by the number of the context of each order."""
        found = np.full(self._size, 1 / self._size)
        for context, (grams, starts, shares, left) in zip(contexts, self._orders, strict=False):
            own = slice(starts[context], starts[context + 1])
            found *= left[context]
            found[grams[own] - context * self._size] += shares[own]
        return np.log(found)

    def _keep(self, one: _Counted, counts: Units) -> None:
        shares, left = _smooth(one.grams // self._size, one.contexts, counts)
        starts = np.searchsorted(one.grams, np.arange(one.contexts + 1) * self._size)
        self._orders.append((one.grams, starts, shares, left))
        self.counts += len(one.grams)


def _smooth(contexts: Units, known: int, counts: Units) -> tuple[Shares, Shares]:
    """Return the discounted share of each n-gram in its context, and the mass that each context leaves.

    Args:
        contexts: (K,) the number of each n-gram's context.
        known: how many contexts there are.
        counts: (K,) of each n-gram.
    """
    taken = discounts(counts)[np.minimum(counts, 3)]
    # No unit precedes the first context of the text, so it may have no count in a lower order.
    total = np.bincount(contexts, counts, known)
    left = np.where(total > 0, np.bincount(contexts, taken, known) / np.maximum(total, 1), 1.0)
    return (counts - taken) / np.maximum(total, 1)[contexts], left


def discounts(counts: Units) -> Shares:
    """Return the discounts of the counts 0, 1, 2, and 3 or more (Chen & Goodman 1999, equation 26).

    Args:
        counts: how often each n-gram of an order was counted.

    >>> discounts(np.repeat([1, 2, 3, 4], [8, 4, 2, 1])).tolist()
    [0.0, 0.5, 1.25, 2.0]
    """
    one, two, three, four = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].tolist()
    chosen: tuple[float, ...] = _FALLBACK
    if one and two and three and four:
        share = one / (one + 2 * two)
        own = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
        chosen = own if min(own) > 0 else _FALLBACK
    return np.array([0.0, *chosen])


def _find(keys: Units, grams: Units) -> Units:
    """Return the index of each key in a sorted list of n-grams; -1 where it is missing, or extends a missing one."""
    place = np.minimum(np.searchsorted(grams, keys), len(grams) - 1)
    return np.where(grams[place] == keys, place, -1)

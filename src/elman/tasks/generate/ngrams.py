r"""Predict a text from counts of n-grams, with interpolated modified Kneser-Ney smoothing.

The probability of a unit w follows from the n-1 units before it, its context. Every count c is discounted by D(c), and
what that leaves over of a context goes to the model of order n-1, whose context is shorter by its first unit (Chen &
Goodman 1999, "An empirical study of smoothing techniques for language modeling", section 3):

    p_n(w | context) = (c(context w) - D(c)) / Σ_v c(context v)  +  left(context) · p_(n-1)(w | shorter context)

In the highest order an n-gram counts as often as it occurs, in those below as often as there are different units before
it. Below all stands 1/V for each of V units, so that none is impossible. An n-gram is kept as one number, of its
context's number and its last unit, so that a vocabulary may be of any size.

>>> learnt, text = np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1])
>>> [(one.order, one.counts, one.probabilities.round(3).tolist()) for one in score_orders(learnt, text, size=3, most=2)]
[(1, 3, [0.417, 0.333]), (2, 6, [0.333, 0.5])]
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Units = NDArray[np.int64]
Shares = NDArray[np.float64]

_FALLBACK = (0.5, 1.0, 1.5)  # KenLM's, where no discounts follow from the counts of counts


@dataclass(frozen=True)
class Order:
    """What the model of one order makes of a text.

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
    """The n-grams of one order, and where they stand in a text.

    Attributes:
        contexts: (K,) the number of each n-gram's context.
        known: how many contexts there are.
        before: (M,) the number of the context of each unit that has n-1 units before it, the last ones of the text; -1
            where it was never counted.
        at: (M,) that of the n-gram which such a unit ends.
        below: (N,) the probability of each unit of the text by the order below.
    """

    contexts: Units
    known: int
    before: Units
    at: Units
    below: Shares

    def probabilities(self, counts: Units) -> Shares:
        """Predict the text by so many occurrences of each n-gram."""
        taken = discounts(counts)[np.minimum(counts, 3)]
        # A context at the very start of the text has nothing before it, so that it may have no count in a lower order.
        total = np.bincount(self.contexts, counts, self.known)
        left = np.where(total > 0, np.bincount(self.contexts, taken, self.known) / np.maximum(total, 1), 1.0)
        shares = (counts - taken) / np.maximum(total, 1)[self.contexts]
        found = self.below.copy()
        tail = found[len(found) - len(self.at) :]
        seen = np.where(self.at >= 0, shares[self.at], 0.0)
        tail[:] = np.where(self.before >= 0, seen + left[self.before] * tail, tail)
        return found


def score_orders(learnt: Units, text: Units, size: int, most: int) -> Iterator[Order]:
    """Count n-grams, and predict a text by them, with the model of each order in turn.

    The counts of two orders are held at a time, so that memory does not grow with the order.

    Args:
        learnt: units that are counted.
        text: (N,) units that are predicted; before the first of them stands nothing.
        size: V, how many units there are.
        most: the highest order; n-grams longer than what is learnt from are left out.
    """
    begun, begun_in_text = np.zeros(len(learnt) + 1, np.int64), np.zeros(len(text) + 1, np.int64)
    known, kept, level = 1, 0, None
    for order in range(1, min(most, len(learnt)) + 1):
        # The numbers of the n-grams of the order below are by where they begin: those are the contexts now.
        grams, number, counts = np.unique(
            begun[:-1] * size + learnt[order - 1 :], return_inverse=True, return_counts=True
        )
        if level is None:
            below = np.full(len(text), 1 / size)
        else:
            somewhere = np.empty(len(grams), np.int64)
            somewhere[number] = np.arange(len(number))
            below = level.probabilities(np.bincount(begun[1:][somewhere], minlength=known))
        before = begun_in_text[:-1]
        at = _find(before * size + text[order - 1 :], grams)
        level = _Level(grams // size, known, before, at, below)
        begun, begun_in_text, known, kept = number, at, len(grams), kept + len(grams)
        yield Order(order, level.probabilities(counts), kept)


def discounts(counts: Units) -> Shares:
    """Return what is taken off a count of 0, 1, 2, and 3 or more (Chen & Goodman 1999, equation 26).

    Args:
        counts: how often each n-gram of an order was counted.

    >>> discounts(np.repeat([1, 2, 3, 4], [8, 4, 2, 1])).tolist()
    [0.0, 0.5, 1.25, 2.0]
    """
    one, two, three, four = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].tolist()
    found: tuple[float, ...] = _FALLBACK
    if one and two and three and four:
        share = one / (one + 2 * two)
        own = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
        found = own if min(own) > 0 else _FALLBACK
    return np.array([0.0, *found])


def _find(keys: Units, grams: Units) -> Units:
    """Number n-grams as in a sorted list of them; -1 for what is not there, as is all that goes on from a -1."""
    place = np.minimum(np.searchsorted(grams, keys), len(grams) - 1)
    return np.where(grams[place] == keys, place, -1)

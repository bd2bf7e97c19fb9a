r"""Predict a text from counts of n-grams, with interpolated modified Kneser-Ney smoothing.

The probability of a unit w depends on the n-1 units before it, its context. Every count c is discounted by D(c), and
the mass that this frees goes to the model of order n-1, whose context lacks the first unit (Chen &
Goodman 1999, "An empirical study of smoothing techniques for language modeling", section 3):

    p_n(w | context) = (c(context w) - D(c)) / Σ_v c(context v)  +  left(context) · p_(n-1)(w | shorter context)

In the highest order the count of an n-gram is how often it occurs, in lower orders how many different units precede it.
The lowest order is 1/V for each of V units, so that no unit is impossible. An n-gram is stored as one number, made of
its context's number and its last unit, so that the vocabulary may have any size.

>>> learnt, text = np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1])
>>> [(a.order, a.counts, a.probabilities.round(3).tolist()) for a in score_orders(learnt, text, size=3, most=2)]
[(1, 3, [0.417, 0.333]), (2, 6, [0.333, 0.5])]
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        taken = discounts(counts)[np.minimum(counts, 3)]
        # No unit precedes the first context of the text, so it may have no count in a lower order.
        total = np.bincount(self.contexts, counts, self.known)
        left = np.where(total > 0, np.bincount(self.contexts, taken, self.known) / np.maximum(total, 1), 1.0)
        shares = (counts - taken) / np.maximum(total, 1)[self.contexts]
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
    begun, begun_in_text = np.zeros(len(learnt) + 1, np.int64), np.zeros(len(text) + 1, np.int64)
    known, kept, level = 1, 0, None
    for order in range(1, min(most, len(learnt)) + 1):
        # The n-grams of the next lower order, numbered by where they begin, are the contexts of this order.
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

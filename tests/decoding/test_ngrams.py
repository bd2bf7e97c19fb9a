"""N-grams: the probabilities of Chen & Goodman's equations, which sum to 1 whatever stands before."""

import math
from collections import Counter

import numpy as np
import pytest

from elman.decoding.ngrams import Ngrams, discounts, score_orders

ORDERS = 5
MANY = 1_000_003


def draw(count, units, seed):
    """Draw a text in which few units are frequent, and one is never used."""
    drawn = np.random.default_rng(seed).zipf(1.3, count)
    return np.minimum(drawn, units - 1) - 1


class Slow:
    """The same model of one order, from the equations: dictionaries, sets, one n-gram after the other."""

    def __init__(self, learnt, order, units):
        self.units = units
        self.levels = []
        for length in range(1, order + 1):
            places = range(len(learnt) - length + 1)
            if length == order:
                counts = Counter(tuple(learnt[i : i + length]) for i in places)
            else:
                before = {(learnt[i - 1], *learnt[i : i + length]) for i in places if i}
                counts = Counter(gram[1:] for gram in before)
            n = Counter(counts.values())
            y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0
            taken = [j - (j + 1) * y * n[j + 1] / n[j] if n[j] and n[j + 1] else -1 for j in (1, 2, 3)]
            self.levels.append((counts, taken if min(taken) > 0 else [0.5, 1.0, 1.5]))

    def probability(self, context, unit):
        if len(context) > len(self.levels) - 1:
            return self.probability(context[1:], unit)
        counts, taken = self.levels[len(context)]
        shorter = self.probability(context[1:], unit) if context else 1 / self.units
        same = [count for gram, count in counts.items() if gram[:-1] == context]
        if not same:
            return shorter
        off = [taken[min(count, 3) - 1] for count in same]
        count = counts[(*context, unit)]
        own = count - taken[min(count, 3) - 1] if count else 0
        return (own + sum(off) * shorter) / sum(same)


@pytest.mark.parametrize(("count", "units"), [(211, 7), (1009, 23), (211, MANY), (3, 7)])
def test_every_probability_is_that_of_the_equations(count, units):
    learnt, text = draw(count, min(units, 23), 1).tolist(), draw(53, min(units, 31), 2).tolist()
    for one in score_orders(np.array(learnt), np.array(text), units, ORDERS):
        slow = Slow(learnt, one.order, units)
        expected = [slow.probability(tuple(text[max(0, t - one.order + 1) : t]), text[t]) for t in range(53)]
        assert one.probabilities == pytest.approx(expected, rel=1e-12)
        lengths = range(1, one.order + 1)
        assert one.counts == sum(len({tuple(learnt[i : i + n]) for i in range(count - n + 1)}) for n in lengths)
    assert one.order == min(ORDERS, count)


def test_both_kinds_of_discounts_are_among_those_that_are_compared():
    counts = [np.unique(draw(1009, 23, 1), return_counts=True)[1]]
    pairs = draw(1009, 23, 1)[:-1] * 23 + draw(1009, 23, 1)[1:]
    counts.append(np.unique(pairs, return_counts=True)[1])
    assert [discounts(one).tolist() == [0.0, 0.5, 1.0, 1.5] for one in counts] == [True, False]


@pytest.mark.parametrize("units", [5, 13])
def test_probabilities_sum_to_one_after_any_context(units):
    learnt = draw(307, units, 3)
    known, new = learnt[100:105].tolist(), [units - 1] * 5
    contexts = [known[:n] for n in range(6)] + [new, new[:2] + known[:3], known[:3] + new[:2], learnt[:5].tolist()]
    for context in contexts:
        totals = np.zeros(ORDERS)
        for unit in range(units):
            scored = score_orders(learnt, np.array([*context, unit]), units, ORDERS)
            totals += [one.probabilities[-1] for one in scored]
        assert totals == pytest.approx([1.0] * ORDERS, abs=1e-12)


def test_what_was_never_seen_is_possible():
    for one in score_orders(np.array([0, 0, 0]), np.array([1, 2, 0, 1]), 3, ORDERS):
        assert one.probabilities.min() > 0


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ([8, 4, 2, 1], [0.5, 1.25, 2.0]),
        ([20, 10, 5, 5], [0.5, 1.25, 1.0]),
        ([8, 4, 2, 0], [0.5, 1.0, 1.5]),
        ([0, 4, 2, 1], [0.5, 1.0, 1.5]),
        ([9, 3, 7, 1], [0.5, 1.0, 1.5]),
    ],
    ids=["all known", "many of four", "none of four", "none of one", "a discount below 0"],
)
def test_discounts_follow_from_counts_of_counts(counted, expected):
    counts = np.repeat([1, 2, 3, 4, 9], [*counted, 3])
    assert discounts(counts).tolist() == [0.0, *expected]


def test_a_text_of_one_unit_and_an_empty_one_are_scored():
    learnt = draw(101, 7, 5)
    for length in (0, 1):
        for one in score_orders(learnt, learnt[:length], 7, ORDERS):
            assert len(one.probabilities) == length


def test_a_pattern_is_learnt_to_the_length_of_its_context():
    learnt = np.array([0, 1, 0, 2] * 50)
    losses = [-math.log(one.probabilities[-1]) for one in score_orders(learnt, np.array([0, 2, 0, 1]), 3, 3)]
    assert losses[0] > losses[1] > 0.5 > 0.1 > losses[2]


@pytest.mark.parametrize("order", [1, 2, 5, 300])
def test_a_model_that_is_kept_has_the_probabilities_of_the_one_that_is_scored(order):
    learnt, text = draw(211, 11, 1), draw(53, 12, 2)
    model = Ngrams(learnt, 13, order)
    *_, expected = score_orders(learnt, text, 13, order)
    assert model.counts == expected.counts
    history, found = model.empty, []
    for unit in text.tolist():
        assert np.exp(history.chances).sum() == pytest.approx(1.0, abs=1e-12)
        found.append(math.exp(history.chances[unit]))
        [history] = model.extend([(history, unit)])
    assert found == pytest.approx(expected.probabilities.tolist(), rel=1e-12)

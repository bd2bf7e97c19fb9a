"""What examples of groups are worth: against simulated groups, and against independent examples."""

import numpy as np
import pytest
import torch

from elman.scores.classes import score_classes, score_labels, score_numbers
from elman.scores.clusters import independent, t_quantile
from elman.scores.share import wilson_interval


def test_examples_of_groups_of_one_are_worth_what_they_are():
    right = np.arange(4001) % 3 == 0
    assert independent(right, list(range(4001))) == pytest.approx(4001, rel=2e-3)
    assert independent(right, [None] * 4001) == independent(right, list(range(4001)))


def test_copies_of_examples_add_nothing():
    drawn = np.random.default_rng(3)
    right = drawn.random(53) < 0.7
    alone = independent(right, list(range(53)))
    assert independent(np.repeat(right, 7), np.repeat(np.arange(53), 7).tolist()) == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize("groups", [2, 3, 7, 23])
def test_the_interval_holds_the_truth_of_new_groups(groups):
    """Groups differ in how easy they are; the mean over all of them is to be in 95 % of the intervals."""
    drawn, size, held, plain = np.random.default_rng(groups), 31, 0, 0
    names = np.repeat(np.arange(groups), size).tolist()
    for _ in range(400):
        easy = drawn.beta(4, 2, groups)  # of mean 2/3
        right = drawn.random((groups, size)) < easy[:, None]
        share = float(right.mean())
        low, high = wilson_interval(share, independent(right.ravel(), names))
        held += low <= 2 / 3 <= high
        low, high = wilson_interval(share, right.size)
        plain += low <= 2 / 3 <= high
    assert 0.91 < held / 400 <= 1.0
    assert plain / 400 < 0.8


def test_a_single_group_says_nothing_of_others():
    assert independent([1, 0, 1], ["a", "a", "a"]) == 0
    assert wilson_interval(0.7, 0) == (0.0, 1.0)


def test_groups_without_any_mistake_count_once_each():
    found = independent(np.ones(40), [f"g{at % 4}" for at in range(40)])
    assert found == pytest.approx(4 * (1.959964 / 3.1824) ** 2, rel=1e-4)


def test_quantiles_are_those_of_tables():
    published = {1: 12.706, 5: 2.571, 10: 2.228, 11: 2.201, 20: 2.086, 60: 2.000, 1000: 1.962}
    for degrees, quantile in published.items():
        assert t_quantile(degrees) == pytest.approx(quantile, abs=6e-4)


def test_scores_of_groups_differ_in_their_intervals_alone():
    torch.manual_seed(1)
    targets, outputs = torch.randint(0, 3, (60,)), torch.randn(60, 3).softmax(1)
    groups = [f"g{at // 20}" for at in range(60)]
    plain = score_classes(targets, outputs, ["a", "b", "c"])
    grouped = score_classes(targets, outputs, ["a", "b", "c"], groups=groups)
    assert (grouped.accuracy, grouped.confusion, grouped.count) == (plain.accuracy, plain.confusion, 60)
    assert grouped.worth == independent((outputs.argmax(1) == targets).double(), groups)
    assert grouped.interval == wilson_interval(plain.accuracy, grouped.worth) != plain.interval
    assert "independent" not in plain.to_dict()
    assert grouped.to_dict()["independent"] == grouped.worth
    labels = torch.nn.functional.one_hot(targets, 3)
    exact = ((outputs > 0.5) == labels).all(1)
    assert score_labels(labels, outputs, ["a", "b", "c"], groups=groups).worth == independent(exact.double(), groups)
    numbers = score_numbers(targets.double(), outputs[:, 0].double(), groups=groups)
    assert numbers.independent == independent((targets - outputs[:, 0].double()).square(), groups)
    assert not score_numbers(targets.double(), outputs[:, 0].double(), groups=["a"] * 60).differs(1e9)

"""The calibration error is that of sums by hand, and a steady loss is neither luck nor a bad measurement."""

import math

import pytest
import torch

from elman.scores.calibration import BINS, reliability_of
from elman.scores.classes import score_classes, score_labels
from elman.scores.measured import Measured


def error_by_hand(answers):
    """Sum over bins what the mean probability and the share of right answers differ by; (sure, right, weight) each."""
    total, error = sum(weight for *_, weight in answers), 0.0
    for number in range(BINS):
        own = [one for one in answers if min(int(one[0] * BINS), BINS - 1) == number]
        error += abs(sum(w * (p - r) for p, r, w in own)) / total
    return error


@pytest.mark.parametrize("weighted", [False, True])
def test_the_calibration_error_of_classes_is_that_of_the_predicted_class(weighted):
    drawn = torch.Generator().manual_seed(3)
    shares = (3 * torch.randn(61, 5, generator=drawn, dtype=torch.float64)).softmax(1)
    targets = torch.randint(5, (61,), generator=drawn)
    weights = torch.rand(61, generator=drawn, dtype=torch.float64) + 0.2 if weighted else None
    rows = zip(shares.tolist(), targets.tolist(), [1.0] * 61 if weights is None else weights.tolist(), strict=True)
    by_hand = error_by_hand([(max(row), row.index(max(row)) == true, w) for row, true, w in rows])
    assert reliability_of(targets, shares, weights).error == pytest.approx(by_hand, rel=1e-12)
    scores = score_classes(targets, shares, tuple("abcde"), weights)
    assert scores.to_dict()["calibration_error"] == pytest.approx(by_hand, rel=1e-12)


def test_the_calibration_error_of_labels_is_that_of_every_decision():
    shares = torch.tensor([[0.9, 0.3], [0.55, 0.02], [0.7, 0.98]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    decisions = [(0.9, True, 1), (0.7, False, 1), (0.55, False, 1), (0.98, True, 1), (0.7, True, 1), (0.98, True, 1)]
    found = score_labels(targets, shares, ("a", "b")).to_dict()
    assert found["calibration_error"] == pytest.approx(error_by_hand(decisions), rel=1e-12)
    assert "reliability" not in found


def test_a_lucky_validation_counts_as_those_beside_it_and_a_bad_one_is_never_kept():
    losses, kept, best = [0.9, 0.50, 0.49, 0.20, 0.52, 0.47, 0.46, 3.0, 0.44], [], None
    for at, loss in enumerate(losses):
        measured = Measured(loss, is_noisy=True).steadied(losses[:at])
        if measured.better_than(best):
            best = measured
            kept.append(at)
    assert kept[-1] == 8, "the last one, whose neighbours are good as well"
    assert 7 not in kept, "an outlier stands between two good ones"
    assert Measured(0.2).steadied([0.5, 0.5]) == Measured(0.2), "many examples say by themselves how good weights are"
    assert not Measured(math.nan, is_noisy=True).steadied([0.5]).better_than(None)
    assert Measured(0.4, is_noisy=True).steadied([math.inf, math.nan]).compared == 0.4

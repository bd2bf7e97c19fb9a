"""Calibrated intervals contain the promised share; the margin is the quantile of the theorem."""

import math

import pytest
import torch

from elman.tasks.forecast.intervals.conformal import margins

H = 3


def test_the_margin_is_the_value_of_the_rank_that_the_theorem_names():
    # Romano et al. 2019, equation 8: of n distances the ⌈(n + 1) · level⌉-th.
    right = torch.arange(1.0, 59.0)[:, None]
    low, high = torch.full((58, 1), -100.0), torch.zeros(58, 1)
    for percent in (10, 50, 80, 90):
        assert margins(low, high, right, percent).tolist() == [math.ceil(59 * percent / 100)]
    assert margins(low, high, right, 99).tolist() == [58.0]  # the 59th of 58: the largest


@pytest.mark.parametrize("percent", [50, 80, 95])
def test_intervals_that_were_far_too_narrow_or_too_wide_cover_new_values(percent):
    drawn = torch.Generator().manual_seed(percent)
    deviation = torch.tensor([0.5, 1.0, 4.0])
    learnt, new = (torch.randn(4000, H, generator=drawn) * deviation for _ in range(2))
    for width in (0.01, 9.0):
        low, high = torch.full((4000, H), -width), torch.full((4000, H), width)
        by = margins(low, high, learnt, percent)
        inside = ((new >= low - by) & (new <= high + by)).float().mean(dim=0)
        # Four standard errors of a share of 4000, twice: of the margin and of the count.
        assert inside.tolist() == pytest.approx([percent / 100] * H, abs=4 * math.sqrt(2 * 0.25 / 4000))


def test_missing_values_are_left_out_and_few_distances_are_pooled():
    right = torch.arange(1.0, 41.0).reshape(20, 2)
    zero = torch.zeros(20, 2)
    together = margins(zero, zero, right, 80)
    assert together.tolist() == [math.ceil(41 * 0.8)] * 2
    right = torch.cat([right, torch.full((80, 2), math.nan)])
    zero = torch.zeros(100, 2)
    assert margins(zero, zero, right, 80).tolist() == together.tolist()
    right[40:, 1] = 7.0  # 80 known at the second step, and still 20 at the first
    assert margins(zero, zero, right, 80)[1] == sorted([*range(2, 41, 2), *[7] * 60])[math.ceil(81 * 0.8) - 1]


def test_without_a_value_the_margin_is_zero():
    assert margins(torch.zeros(2, 1), torch.ones(2, 1), torch.full((2, 1), math.nan), 80).tolist() == [0.0]

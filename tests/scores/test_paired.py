"""Paired scores: intervals against tables of Student's t, and what cannot be told."""

import math

import pytest

from elman.scores.paired import compare_paired, t_quantile

# Abramowitz and Stegun 1964, table 26.10; of two degrees of freedom the closed form x·√(2 / (1 - x²)), x = 2·share - 1.
TABLE = [
    (0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 3, 3.182), (0.975, 4, 2.776), (0.975, 5, 2.571), (0.975, 10, 2.228),
    (0.975, 30, 2.042), (0.995, 7, 3.499), (0.9, 6, 1.440), (1 - 0.05 / 6, 2, 7.649), (0.5, 3, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("share", "freedom", "expected"), TABLE)
def test_quantiles_are_those_of_the_tables(share, freedom, expected):
    assert t_quantile(share, freedom) == pytest.approx(expected, abs=5e-4)


def test_an_interval_is_that_computed_by_hand():
    found = compare_paired([2.0, 5.0, 8.0], [1.0, 3.0, 5.0])
    half = 4.302653 / math.sqrt(3)
    assert (found.count, found.mean, found.larger) == (3, 2.0, False)
    assert found.interval == pytest.approx((2 - half, 2 + half), abs=1e-5)
    assert compare_paired([12.0, 15.0, 18.0], [1.0, 3.0, 5.0]).larger is True
    assert compare_paired([1.0, 3.0, 5.0], [12.0, 15.0, 18.0]).larger is True


def test_several_comparisons_at_once_have_wider_intervals():
    one, three = (compare_paired([7.0, 8.5, 9.0], [1.0, 2.0, 4.0], together) for together in (1, 3))
    widths = [found.interval[1] - found.interval[0] for found in (one, three)]
    assert widths[1] / widths[0] == pytest.approx(7.6488 / 4.302653, abs=1e-4)


def test_equal_scores_are_never_larger_and_equal_differences_are_judged_by_the_sign_test():
    for count in (3, 7, 19):
        scores = [0.1 * number for number in range(count)]
        assert compare_paired(scores, scores).larger is False
    assert compare_paired([0.3] * 5, [0.1] * 5).larger is False  # 2 · 2**-5 = 0.0625
    assert compare_paired([0.3] * 6, [0.1] * 6).larger is True  # 0.03125
    assert compare_paired([0.3] * 6, [0.1] * 6, together=3).larger is False


def test_fewer_than_three_pairs_tell_nothing():
    assert compare_paired([], []).mean is None
    for count in (1, 2):
        found = compare_paired([9.0] * count, [1.0] * count)
        assert (found.mean, found.interval, found.larger) == (8.0, None, None)

"""Seasons are found in values that have one, and only there."""

import numpy as np
import pytest

from elman.data.series.seasonality import find_season


@pytest.mark.parametrize("season", [2, 3, 7, 12, 24, 52])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_a_known_season_is_found(season, noise):
    drawn = np.random.default_rng(season)
    steps = np.arange(13 * season + 5)
    course = drawn.normal(size=season)
    values = course[steps % season] + 0.02 * steps + noise * drawn.normal(size=len(steps))
    assert find_season([values]) == season
    values[drawn.integers(len(values), size=season)] = np.nan
    assert find_season([values]) == season


def test_a_smooth_season_is_not_mistaken_for_its_double():
    steps = np.arange(400)
    assert find_season([np.sin(steps / 24 * 2 * np.pi), 5 + np.cos(steps / 24 * 2 * np.pi)]) == 24


def test_no_season_is_found_in_values_without_one():
    drawn = np.random.default_rng(0)
    assert [find_season([drawn.normal(size=n).cumsum()]) for n in (5, 40, 200, 600)] == [1, 1, 1, 1]
    assert [find_season([drawn.normal(size=n)]) for n in (5, 40, 200, 600)] == [1, 1, 1, 1]
    for values in (np.arange(99.0), np.full(99, 3.0), np.exp(np.arange(99) / 9), np.full(50, np.nan), np.empty(0)):
        assert find_season([values]) == 1


def test_a_few_short_series_do_not_hide_the_season_of_the_others():
    values = np.tile([1.0, 5, 2, 2], 20)
    assert find_season([values, values[:6], values[3:]]) == 4

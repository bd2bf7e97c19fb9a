"""Sizes that were not requested follow from the data; requested ones stay."""

import pytest

from elman.errors import ConfigError
from elman.tasks.forecast.settings import ForecastSettings
from elman.tasks.forecast.sizes import RequestedSizes, Sizes, choose_sizes


@pytest.mark.parametrize(
    ("season", "lengths", "horizon", "lookback", "segment"),
    [
        pytest.param(7, [730], 14, 56, 14, id="daily, two years"),
        pytest.param(24, [2000, 9000], 24, 96, 24, id="hourly"),
        pytest.param(12, [96], 12, 48, 12, id="monthly, eight years"),
        pytest.param(52, [104], 13, 71, 13, id="weekly, two years"),
        pytest.param(1, [64, 500], 8, 32, 8, id="no season"),
        pytest.param(4, [20], 2, 8, 2, id="quarterly, five years"),
        pytest.param(1440, [50_000], 96, 512, 48, id="minutes"),
    ],
)
def test_sizes_follow_from_season_and_length(season, lengths, horizon, lookback, segment):
    found = choose_sizes(RequestedSizes(), season=season, lengths=lengths)
    assert (found.horizon, found.lookback, found.segment) == (horizon, lookback, segment)
    assert all(steps <= length for steps, length in zip(found.fewest(found.past), lengths, strict=True))
    assert found.fewest(found.lookback)[lengths.index(max(lengths))] <= max(lengths)


def test_one_short_series_does_not_change_the_sizes():
    usual = choose_sizes(RequestedSizes(), season=7, lengths=[300] * 9)
    assert (usual.horizon, usual.lookback) == (14, 56)
    for short in (9, 60):
        found = choose_sizes(RequestedSizes(), season=7, lengths=[300] * 4 + [short] + [300] * 5)
        assert (found.horizon, found.lookback, found.segment) == (14, 56, 14)
    # As in M4 Weekly: the shortest has 80 weeks, most have several hundred.
    weekly = choose_sizes(RequestedSizes(horizon=13), season=52, lengths=[80, 93, *range(300, 2500, 20)])
    assert weekly.lookback == 104


def test_sizes_fit_the_series_that_a_requested_horizon_leaves():
    assert choose_sizes(RequestedSizes(horizon=30), season=1, lengths=[40] * 6 + [400] * 3).lookback == 120


def test_requested_sizes_stay():
    assert choose_sizes(RequestedSizes(9, 31, 4, 20), season=7, lengths=[100, 200]) == Sizes(9, 31, 4, (20, 20))


def test_many_series_hold_out_their_last_horizon_alone():
    assert choose_sizes(RequestedSizes(horizon=13), season=1, lengths=[93] * 99).held_out == (18,) * 99
    assert choose_sizes(RequestedSizes(horizon=13), season=1, lengths=[93] * 100).held_out == (13,) * 100


def test_a_segment_is_an_even_part_of_the_horizon():
    found = [
        choose_sizes(RequestedSizes(horizon, 720), season=24, lengths=[9000]).segment
        for horizon in (48, 49, 96, 100, 720)
    ]
    assert found == [48, 25, 48, 34, 48]


@pytest.mark.parametrize("levels", ["", "80,", "0", "100", "80.5", "80;90", "1,2,3,4,5,6,7,8,9,10"])
def test_levels_are_percentages(levels):
    with pytest.raises(ConfigError, match="it must be percentages from 1 to 99"):
        ForecastSettings(levels=levels)


def test_a_quantile_stands_at_each_end_of_each_interval():
    settings = ForecastSettings(levels="95, 50,50")
    assert settings.percents() == (50, 95)
    assert settings.quantiles() == pytest.approx((0.025, 0.25, 0.5, 0.75, 0.975))


def test_less_than_a_horizon_cannot_be_held_out():
    with pytest.raises(ConfigError, match="validation is 6 and horizon is 7"):
        ForecastSettings(horizon=7, validation=6)

"""Naive forecasts, against published figures: R's decomposition of the classic series of airline passengers."""

import numpy as np
import pytest

from elman.tasks.forecast.baseline.naive import (
    fill_forward,
    forecast_naive,
    forecast_naive2,
    forecast_seasonal_naive,
    is_seasonal,
    seasonal_figure,
)

NAN = np.nan
PASSENGERS = np.array(
    [
        *(112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118),
        *(115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140),
        *(145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166),
        *(171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194),
        *(196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201),
        *(204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229),
        *(242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278),
        *(284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271, 306),
        *(315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336),
        *(340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337),
        *(360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405),
        *(417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432),
    ],
    dtype=np.float64,
)
"""Thousands a month, 1949 to 1960 (Box & Jenkins 1976, series G)."""

FACTORS = (
    *(0.9102304, 0.8836253, 1.0073663, 0.9759060, 0.9813780, 1.1127758),
    *(1.2265555, 1.2199110, 1.0604919, 0.9217572, 0.8011781, 0.8988244),
)
"""What `decompose(AirPassengers, "multiplicative")$figure` prints in R."""

SUMMANDS = (
    *(-24.748737, -36.188131, -2.241162, -8.036616, -4.506313, 35.402778),
    *(63.830808, 62.823232, 16.520202, -20.642677, -53.593434, -28.619949),
)
"""What `decompose(AirPassengers)$figure` prints in R."""


def test_the_seasonal_figure_is_that_of_r():
    np.testing.assert_allclose(seasonal_figure(PASSENGERS, 12, factors=True), FACTORS, atol=5e-8)
    np.testing.assert_allclose(seasonal_figure(PASSENGERS, 12, factors=False), SUMMANDS, atol=5e-7)


def test_naive2_puts_the_season_back_on_the_last_value():
    [found] = forecast_naive2([PASSENGERS], 15, season=12)
    expected = PASSENGERS[-1] / FACTORS[-1] * np.resize(FACTORS, 15)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    [found] = forecast_naive2([PASSENGERS[:-5]], 4, season=12)
    expected = PASSENGERS[-6] / (own := seasonal_figure(PASSENGERS[:-5], 12, factors=True))[6] * own[7:11]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_naive2_adds_the_season_where_values_are_not_all_above_0():
    [found] = forecast_naive2([PASSENGERS - 300], 12, season=12)
    np.testing.assert_allclose(found, PASSENGERS[-1] - 300 - SUMMANDS[-1] + np.array(SUMMANDS), atol=1e-6)


def test_naive2_is_naive_where_there_is_no_season():
    values = np.random.default_rng(3).normal(100, 5, size=300)
    assert not is_seasonal(values, 7)
    np.testing.assert_array_equal(forecast_naive2([values], 5, season=7), forecast_naive([values], 5))
    np.testing.assert_array_equal(forecast_naive2([PASSENGERS], 5, season=1), np.full((1, 5), 432.0))


def test_the_test_for_a_season_is_that_of_the_m4_competition():
    drawn = np.random.default_rng(4)
    for values, season in [(PASSENGERS, 12), (PASSENGERS, 5), *((drawn.normal(size=40), 4) for _ in range(300))]:
        centred = values - values.mean()
        lags = [float(np.dot(centred[k:], centred[: len(centred) - k]) / np.dot(centred, centred)) for k in range(20)]
        limit = 1.645 * np.sqrt((1 + 2 * sum(r * r for r in lags[1:season])) / len(values))
        assert is_seasonal(values, season) == (abs(lags[season]) > limit)
    spikes = np.tile(np.eye(12)[4], 3)
    assert is_seasonal(spikes, 12)
    assert not is_seasonal(spikes[:35], 12), "three seasons are needed"
    assert not is_seasonal(np.full(50, 2.0), 7)


def test_naive_repeats_the_last_known_value():
    histories = [np.array([1.0, 5.0]), np.array([2.0, NAN, NAN]), np.array([NAN])]
    np.testing.assert_array_equal(forecast_naive(histories, 2), [[5, 5], [2, 2], [0, 0]])


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([9, 1, 2, 3], [1, 2, 3, 1, 2]),
        ([1, 2, 3, 4, NAN, 6], [4, 2, 6, 4, 2]),
        ([NAN, 2, 3, NAN, 5, 6], [6, 5, 6, 6, 5]),
        ([7, 8], [8, 8, 8, 8, 8]),
        ([1, 2, 3, 4, 5, 6, NAN], [5, 6, 4, 5, 6]),  # not whole seasons
    ],
)
def test_seasonal_naive_repeats_the_last_season_and_looks_back_for_what_is_missing(history, expected):
    found = forecast_seasonal_naive([np.array(history, float)], 5, season=3)
    np.testing.assert_array_equal(found, [expected])


def test_missing_values_do_not_move_the_season():
    values = np.tile([10.0, 20, 30, 25], 12)
    holes = values.copy()
    holes[[5, 6, 20, 47]] = NAN
    [found] = forecast_naive2([holes], 6, season=4)
    np.testing.assert_allclose(found, [10, 20, 30, 25, 10, 20])
    np.testing.assert_array_equal(fill_forward(np.array([NAN, NAN])), [0, 0])

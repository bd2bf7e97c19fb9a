"""Scores of forecasts, against loops that follow the definitions letter by letter."""

import dataclasses
import json
import math

import numpy as np
import pytest

from elman.errors import DataError, ShapeError
from elman.tasks.forecast.scores import ForecastTally, mase_scale

N, H = 11, 7


@pytest.fixture
def drawn():
    random = np.random.default_rng(5)
    actual = np.abs(random.normal(3, 2, (N, H)))
    point = actual + random.normal(0, 1, (N, H))
    reach = random.uniform(0, 2, (N, H))
    actual[2, 3:5] = actual[7, 0] = np.nan
    actual[4] = np.nan
    actual[5, 1] = point[5, 1] = 0.0
    scale = random.uniform(0.5, 2, N)
    scale[[1, 6]] = np.nan
    return actual, point, scale, random.uniform(0.5, 3, N), {80: (point - reach, point + reach)}


def tally(actual, point, scale, unit, intervals=None):
    made = ForecastTally()
    made.add(actual, point, scale=scale, unit=unit, intervals=intervals)
    return made.scores()


def flatten(scores):
    for value in scores.values():
        yield from value.values() if isinstance(value, dict) else [value]


def by_the_definitions(actual, point, scale, unit, intervals):
    squares, sizes, scaled, inside, widths, smapes, mases = [], [], [], [], [], [], []
    for row in range(N):
        relative, absolute = [], []
        for step in range(H):
            y, f = actual[row, step], point[row, step]
            if math.isnan(y):
                continue
            low, high = intervals[80][0][row, step], intervals[80][1][row, step]
            squares.append((y - f) ** 2)
            sizes.append(abs(y - f))
            scaled.append((y - f) / unit[row])
            inside.append(low <= y <= high)
            widths.append((high - low) / unit[row])
            relative.append(200 * abs(y - f) / (abs(y) + abs(f)) if y or f else 0.0)
            absolute.append(abs(y - f))
        if relative:
            smapes.append(sum(relative) / len(relative))
            if not math.isnan(scale[row]):
                mases.append(sum(absolute) / len(absolute) / scale[row])
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    return {
        "forecasts": len(smapes),
        "mse": mean(squares),
        "mae": mean(sizes),
        "scaled_mse": mean([value**2 for value in scaled]),
        "scaled_mae": mean([abs(value) for value in scaled]),
        "smape": mean(smapes),
        "mase": mean(mases),
        "coverage": {80: mean(inside)},
        "width": {80: mean(widths)},
    }


def test_scores_are_those_of_their_definitions(drawn):
    scores = tally(*drawn)
    for name, expected in by_the_definitions(*drawn).items():
        assert getattr(scores, name) == pytest.approx(expected, rel=1e-12), name
    assert scores.owa is None


def test_batches_add_up(drawn):
    actual, point, scale, unit, intervals = drawn
    made = ForecastTally()
    for part in (slice(0, 3), slice(3, 4), slice(4, N)):
        ends = {level: (low[part], high[part]) for level, (low, high) in intervals.items()}
        made.add(actual[part], point[part], scale=scale[part], unit=unit[part], intervals=ends)
    flat = [list(flatten(scores.to_dict())) for scores in (made.scores(), tally(*drawn))]
    assert flat[0] == pytest.approx(flat[1])


def test_owa_is_the_mean_of_two_ratios_and_1_for_naive2_itself(drawn):
    actual, point, scale, unit, _ = drawn
    ours, naive2 = tally(actual, point, scale, unit), tally(actual, point + 1, scale, unit)
    expected = (ours.smape / naive2.smape + ours.mase / naive2.mase) / 2
    assert ours.against(naive2).owa == pytest.approx(expected)
    assert naive2.against(naive2).owa == 1.0
    perfect = tally(actual, actual, scale, unit)
    assert ours.against(perfect).owa is None


@pytest.mark.parametrize(("shift", "kept"), [(0.0, True), (-1.0, False), (-100.0, True)])
def test_smape_and_owa_are_left_out_where_values_lie_on_both_sides_of_0(drawn, shift, kept):
    actual, point, scale, unit, _ = drawn
    scores = tally(actual + shift, point + shift, scale, unit)
    assert (scores.smape is not None) == kept
    assert (scores.against(dataclasses.replace(scores, smape=1.0)).owa is not None) == kept
    # In one forecast, or in two that are far apart.
    made = ForecastTally()
    for sign in (1, 1, -1):
        made.add(sign * np.abs(actual), point, scale=scale, unit=unit)
    assert made.scores().smape is None


def test_mase_is_left_out_where_no_series_has_a_scale(drawn):
    actual, point, _, unit, intervals = drawn
    scores = tally(actual, point, np.full(N, np.nan), unit, intervals)
    assert scores.mase is None
    assert scores.against(scores).owa is None
    assert json.loads(json.dumps(scores.to_dict()))["coverage"]["80"] == scores.coverage[80]


@pytest.mark.parametrize("season", [1, 4])
def test_the_scale_is_the_mean_change_over_a_season_within_the_history(season):
    history = np.array([3.0, 1, 4, 1, 5, np.nan, 2, 6, 5])
    changes = [abs(history[t] - history[t - season]) for t in range(season, 9)]
    assert mase_scale(history, season) == pytest.approx(np.nanmean(changes))


@pytest.mark.parametrize("history", [[2.0], [2.0, 2.0, 2.0], [], [1.0, np.nan, 3.0]])
def test_a_history_without_change_has_no_scale(history):
    assert math.isnan(mase_scale(np.array(history), 1))


def test_shapes_that_do_not_fit_and_nothing_to_score_are_refused():
    ones = np.ones((3, 5))
    with pytest.raises(ShapeError):
        tally(ones, np.ones((3, 4)), np.ones(3), np.ones(3))
    with pytest.raises(ShapeError):
        tally(ones, ones, np.ones(4), np.ones(3))
    with pytest.raises(ShapeError):
        tally(ones, ones, np.ones(3), np.ones(3), {80: (ones, ones[:2])})
    with pytest.raises(DataError):
        tally(ones * np.nan, ones, np.ones(3), np.ones(3))


def test_a_scale_in_which_errors_are_no_number_gives_no_mase():
    tally = ForecastTally()
    tally.add(np.ones((1, 2)), np.zeros((1, 2)), scale=np.array([1e-320]), unit=np.ones(1))
    scores = tally.scores()
    assert (scores.mase, scores.scaled_mae) == (None, 1.0)
    assert scores.against(scores).owa is None

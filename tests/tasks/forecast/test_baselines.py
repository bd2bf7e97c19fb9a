"""Baselines of forecasting: ridge regression against torch's least squares, intervals against their definition."""

import numpy as np
import torch

from elman.tasks.forecast.baseline import linear
from elman.tasks.forecast.baseline.baselines import (
    LINEAR,
    NAIVE,
    NAIVE2,
    SEASONAL,
    ValidationWindow,
    fit_baselines,
    usual_change,
)
from elman.tasks.forecast.baseline.linear import LinearForecast

NAN = np.nan


def autoregressive(count, seed, level=50.0):
    drawn = np.random.default_rng(seed)
    values = [0.0, 0.0]
    for noise in drawn.normal(size=count):
        values.append(1.2 * values[-1] - 0.5 * values[-2] + noise)
    return np.array(values[2:]) + level


def windows(values, first, horizon, every=1):
    return [
        ValidationWindow(values[:k], values[k : k + horizon]) for k in range(first, len(values) - horizon + 1, every)
    ]


def test_the_linear_forecast_is_ridge_regression_on_windows_without_level_and_size():
    series = [autoregressive(90, 1), autoregressive(61, 2, -7.0)]
    # At rest, the mean of a window says where noise will be, and the last value does not.
    rest = [(np.array([0.0, 1, 0, 1, 0, 1, 9]), np.full(3, 0.5))]
    found = [LinearForecast.fit(series, held, lookback=7, horizon=3) for held in ([], rest)]
    assert [model.by_mean for model in found] == [False, True]
    rows = torch.cat([torch.from_numpy(one).unfold(0, 10, 1) for one in series])
    past, future = rows[:, :7], rows[:, 7:]
    for model in found:
        level = past.mean(1, keepdim=True) if model.by_mean else past[:, -1:]
        size = past.std(1, correction=0, keepdim=True)
        inputs = torch.cat([(past - level) / size, torch.ones(len(past), 1, dtype=torch.float64)], 1)
        damping = model.penalty * (inputs.T @ inputs).diagonal().mean()
        stacked = torch.cat([inputs, damping.sqrt() * torch.eye(8, dtype=torch.float64)])
        aims = torch.cat([(future - level) / size, torch.zeros(8, 3, dtype=torch.float64)])
        expected = torch.linalg.lstsq(stacked, aims).solution
        np.testing.assert_allclose(model.weights, expected.numpy(), atol=1e-9)
        window = torch.from_numpy(series[1][-7:])
        level = window.mean() if model.by_mean else window[-1]
        size = window.std(correction=0)
        said = torch.cat([(window - level) / size, torch.ones(1, dtype=torch.float64)]) @ expected * size + level
        np.testing.assert_allclose(model.forecast([series[1]])[0], said.numpy(), rtol=1e-9)


def test_of_many_windows_the_latest_is_learnt_from(monkeypatch):
    monkeypatch.setattr(linear, "_MOST_WINDOWS", 4)
    # All is flat but the end of the last window, which says that a look-back of 0, 0, 1 goes on with 2.
    model = LinearForecast.fit([np.array([0.0] * 19 + [1.0, 2.0])], [], lookback=3, horizon=1)
    assert model.forecast([np.array([0.0, 0.0, 1.0])])[0, 0] > 1.5


def test_the_linear_forecast_finds_a_line_and_a_wave():
    steps = np.arange(300.0)
    values = 3 + 0.5 * steps + 4 * np.sin(steps * 0.7)
    model = LinearForecast.fit([values[:250]], [(values[:240], values[240:250])], lookback=12, horizon=10)
    np.testing.assert_allclose(model.forecast([values[:280]])[0], values[280:290], atol=1e-2)


def test_windows_with_a_missing_value_are_left_out_of_learning_and_filled_in_forecasting():
    values = autoregressive(80, 3)
    holes = values.copy()
    holes[[20, 60]] = NAN
    model = LinearForecast.fit([holes], [], lookback=5, horizon=2)
    kept = [values[:20], values[21:60], values[61:]]
    expected = LinearForecast.fit(kept, [], lookback=5, horizon=2)
    np.testing.assert_allclose(model.weights, expected.weights, rtol=1e-9)
    ends = np.append(values[:40], [NAN, NAN])
    np.testing.assert_array_equal(model.forecast([ends]), model.forecast([np.append(values[:40], [values[39]] * 2)]))


def test_a_short_history_is_preceded_by_its_first_value_and_a_constant_one_goes_on():
    model = LinearForecast.fit([autoregressive(80, 4)], [], lookback=5, horizon=2)
    np.testing.assert_array_equal(model.forecast([np.array([3.0, 4.0])]), model.forecast([np.array([3.0, 3, 3, 3, 4])]))
    flat = model.forecast([np.full(9, 7.0)])
    assert np.abs(flat - 7).max() < 0.5


def test_the_look_back_is_lowered_to_what_there_is_and_without_enough_there_is_no_linear_forecast():
    short = autoregressive(12, 5)
    assert len(LinearForecast.fit([short], [], lookback=30, horizon=4).weights) == 8 + 1
    assert LinearForecast.fit([short], [], lookback=30, horizon=11) is None
    assert LinearForecast.fit([np.full(30, NAN)], [], lookback=5, horizon=2) is None
    fitted = fit_baselines([short], [], horizon=11, lookback=30, season=1)
    assert [one.name for one in fitted] == [NAIVE, NAIVE2]


def test_all_baselines_are_fitted_in_order_and_forecast_all_histories():
    values = autoregressive(120, 6)
    fitted = fit_baselines([values[:80]], windows(values, 80, 5), horizon=5, lookback=8, season=7, levels=(50, 80))
    assert [one.name for one in fitted] == [NAIVE, SEASONAL, NAIVE2, LINEAR]
    histories = [values[:k] for k in (1, 3, 9, 80, 120)]
    for one in fitted:
        point = one.point(histories)
        intervals = one.intervals(histories, point)
        assert point.shape == (5, 5)
        assert np.isfinite(point).all()
        assert list(intervals) == [50, 80]
        (low, high), (lower, higher) = intervals[50], intervals[80]
        assert ((lower <= low) & (low <= point) & (point <= high) & (high <= higher)).all()


def test_an_interval_reaches_as_far_as_the_share_of_errors_that_its_level_asks_for():
    values = autoregressive(200, 7)
    held = windows(values, 100, 3)[:74]
    [naive, *_] = fit_baselines([values[:100]], held, horizon=3, lookback=8, season=1, levels=(68, 81))
    errors = np.array([np.abs(one.future - one.history[-1]) / np.abs(np.diff(one.history[-8:])).mean() for one in held])
    ordered = np.sort(errors, axis=0)
    np.testing.assert_allclose(naive.reach[68], ordered[51 - 1])  # 75 · 0.68 is 51, in floating point a little more
    np.testing.assert_allclose(naive.reach[81], ordered[61 - 1])


def test_four_of_five_new_values_lie_within_the_intervals_of_every_baseline():
    values = autoregressive(6000, 8)
    held, new = windows(values[:3000], 1000, 4), windows(values, 3100, 4)
    for one in fit_baselines([values[:1000]], held, horizon=4, lookback=6, season=3, levels=(80,)):
        histories = [window.history for window in new]
        low, high = one.intervals(histories, one.point(histories))[80]
        actual = np.stack([window.future for window in new])
        inside = ((low <= actual) & (actual <= high)).mean(axis=0)
        assert ((inside > 0.76) & (inside < 0.84)).all(), (one.name, inside)


def test_few_errors_are_taken_together_and_without_any_there_is_no_interval():
    values = autoregressive(60, 9)
    [naive, *_] = fit_baselines([values[:40]], windows(values, 40, 3, 4), horizon=3, lookback=5, season=1)
    assert len(set(naive.reach[80])) == 1
    [naive, *_] = fit_baselines([values[:40]], [], horizon=3, lookback=5, season=1)
    assert naive.reach == {}
    unknown = [ValidationWindow(values[:40], np.full(3, NAN)), ValidationWindow(values[:41], np.array([1.0, NAN, NAN]))]
    [naive, *_] = fit_baselines([values[:40]], unknown, horizon=3, lookback=5, season=1)
    assert np.isfinite(naive.reach[80]).all()


def test_the_usual_change_of_a_history_that_rests_is_that_of_all_of_it():
    assert usual_change(np.array([1.0, 3.0, 2.0]), 9) == 1.5
    assert usual_change(np.array([1.0, 4.0, 4.0, 4.0]), 2) == 1.0
    assert usual_change(np.array([4.0, 4.0]), 2) == usual_change(np.array([4.0]), 2) == 0.0

"""Digits follow the spread of a series and not its level: outputs, scores, reports and baselines."""

import dataclasses

import numpy as np
import pytest

from elman.data.series.seasonality import find_season
from elman.tasks import forecast
from elman.tasks.forecast.backtest import backtest, judge_forecasts
from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.tasks.forecast.report import report_series
from elman.tasks.forecast.scores import ForecastTally
from elman.tasks.forecast.steps import describe_steps
from forecastable import draw_values, make_series, make_set

SMALL = {
    "horizon": 4, "lookback": 11, "hidden": 13, "batch": 16, "epochs": 12, "learning_rate": 0.02, "dropout": 0.0,
    "validation": 20, "quiet": True,
}  # fmt: skip


def series_at(level: float, scale: float):
    return make_set(make_series(level + scale * draw_values(90, level=0.0)))


@pytest.fixture(scope="module")
def usual():
    """Train once on values around 0; tests read it and do not change it."""
    return forecast.train(series_at(0.0, 1.0), **SMALL)


@pytest.mark.parametrize(
    ("level", "scale"),
    [(2e9, 100.0), (-7e12, 1000.0), (1.0, 1e-9), (0.0, 1e-9), (0.0, 1e30), (0.0, 1.0)],
)
def test_forecasts_are_written_as_finely_as_the_model_forecasts(usual, level, scale):
    data = series_at(level, scale)
    model = dataclasses.replace(usual, reading=dataclasses.replace(usual.reading, scales={}, spreads={}))
    [one] = model.forecast(data)
    written = np.array([row["forecast"] for row in describe_steps(one)])
    unit = scale * draw_values(90, level=0.0).std()
    rounding = 1e-6 * unit + 4 * np.spacing(abs(level) + unit)
    np.testing.assert_allclose(written, one.point, rtol=0, atol=rounding)
    assert written.std() == pytest.approx(one.point.std(), rel=1e-4)
    if level == 0.0:
        assert all(len(repr(float(number)).split("e")[0]) <= 12 for number in written), "few digits are noise"


def test_a_level_changes_neither_forecasts_nor_scores():
    models = [forecast.train(series_at(level, 100.0), **SMALL) for level in (0.0, 2e9)]
    validations = [model.metrics["validation"] for model in models]
    for name in ("mse", "mae", "scaled_mae", "mase"):
        assert validations[1][name] == pytest.approx(validations[0][name], rel=1e-3), name
    baselines = [model.metrics["baselines"] for model in models]
    for name in ("naive", "seasonal naive", "linear"):
        assert baselines[1][name]["mae"] == pytest.approx(baselines[0][name]["mae"], rel=1e-3), name
    points = [
        model.forecast(series_at(level, 100.0))[0].point - level
        for model, level in zip(models, (0.0, 2e9), strict=True)
    ]
    np.testing.assert_allclose(points[1], points[0], atol=1.0)


def test_errors_far_below_the_level_are_scored_in_float64():
    actual = 2e9 + np.arange(12.0).reshape(3, 4)
    tally = ForecastTally()
    tally.add(actual, actual + 0.25, scale=np.ones(3), unit=np.ones(3), intervals={80: (actual, actual + 0.5)})
    scores = tally.scores()
    assert (scores.mse, scores.mae, scores.mase, scores.coverage[80]) == (0.0625, 0.25, 0.25, 1.0)
    assert scores.smape == pytest.approx(100 * 0.25 / 2e9, rel=1e-6)


@pytest.mark.parametrize("mase", [4e-4, 0.0])
def test_a_score_of_zero_is_written_only_where_it_is_zero(usual, mase):
    scores = backtest(usual, series_at(0.0, 1.0))
    best = dataclasses.replace(scores, ours=dataclasses.replace(scores.ours, mase=mase), baselines={})
    assert judge_forecasts(best) == ("MASE 0.0004." if mase else "MASE 0.000.")


def test_a_report_shows_how_values_of_a_high_level_differ():
    lines = report_series(series_at(2e9, 100.0)).lines()
    values = 2e9 + 100.0 * draw_values(90, level=0.0)
    said = next(line for line in lines if line.startswith("values from"))
    least, most = (float(said.split()[place].strip(",")) for place in (2, 4))
    assert least == pytest.approx(values.min(), abs=values.std() / 100)
    assert most == pytest.approx(values.max(), abs=values.std() / 100)


@pytest.mark.parametrize("level", [0.0, 2e9, -7e12])
def test_a_season_is_found_at_every_level(level):
    course = np.tile([0.0, 300.0, 900.0, 400.0, -200.0], 20)
    assert find_season([level + course + np.random.default_rng(1).normal(0, 30, 100)]) == 5
    assert find_season([level + np.arange(100.0)]) == 1


def test_the_linear_baseline_is_the_same_at_every_level():
    values = draw_values(90, level=0.0)
    low, high = (LinearForecast.fit([level + values], [], lookback=7, horizon=3) for level in (0.0, 2e9))
    np.testing.assert_allclose(high.weights, low.weights, atol=1e-4)

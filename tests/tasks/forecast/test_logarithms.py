"""Values that are read as logarithms: the forecasts are those of a model of the logarithms, exp of each."""

import numpy as np
import pytest

from elman.errors import DataError
from elman.tasks import forecast
from elman.tasks.forecast.backtest import backtest
from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.tasks.forecast.logarithms import prefers_logarithms
from forecastable import make_series, make_set

H, L = 3, 7
SMALL = {"horizon": H, "lookback": L, "hidden": 5, "batch": 8, "epochs": 2, "validation": 11, "quiet": True}


def growing(steps: int, seed: int = 1) -> np.ndarray:
    drawn = np.random.default_rng(seed)
    waves = np.array([0.0, 0.4, 1.3, 0.7, -0.6])[np.arange(steps) % 5]
    return np.exp(2 + 0.01 * np.arange(steps) + waves + drawn.normal(0, 0.1, steps))


@pytest.fixture(scope="module")
def both():
    values = [growing(61), growing(53, 2) * 40]
    plain = make_set(*(make_series(one, name) for one, name in zip(values, "ab", strict=True)))
    logarithms = make_set(*(make_series(np.log(one), name) for one, name in zip(values, "ab", strict=True)))
    return (
        (forecast.train(plain, scale="log", **SMALL), plain),
        (forecast.train(logarithms, scale="linear", **SMALL), logarithms),
    )


def test_a_forecast_of_logarithms_is_the_exp_of_that_of_a_model_of_logarithms(both, tmp_path):
    (model, data), (other, read) = both
    model.save(tmp_path / "m.elman.safetensors")
    for one in (model, forecast.load(tmp_path / "m.elman.safetensors")):
        for found, right in zip(one.forecast(data), other.forecast(read), strict=True):
            np.testing.assert_allclose(found.point, np.exp(right.point), rtol=1e-5)
            np.testing.assert_allclose(found.intervals[80], np.exp(right.intervals[80]), rtol=1e-5)


def test_errors_are_measured_in_the_units_of_the_series(both):
    (model, data), _ = both
    found = backtest(model, data, latest=1).ours
    [one, two] = data.series
    table = model.table(data)
    point, _ = model.ahead(table, np.array([[0, 61 - H], [1, 53 - H]]))
    right = np.stack([one.values[-H:], two.values[-H:]])
    assert found.mse == pytest.approx(np.square(point - right).mean())
    assert found.smape == pytest.approx((200 * np.abs(point - right) / (point + right)).mean())


def test_the_linear_baseline_reads_logarithms_too(both):
    (model, data), (other, read) = both
    [linear], [theirs] = ([b for b in m.baselines.forecasters if b.name == "linear"] for m in (model, other))
    found, right = linear.point([data.series[0].values]), theirs.point([read.series[0].values])
    np.testing.assert_allclose(found, np.exp(right), rtol=1e-9)


def test_a_value_without_a_logarithm_is_refused_with_its_time(both):
    (model, data), _ = both
    values = data.series[0].values.copy()
    values[31] = 0.0
    spoilt = make_set(make_series(values, "a"), data.series[1])
    with pytest.raises(DataError, match=r"t\.csv, column a: the value at 2024-03-29 is 0, and logarithms are read"):
        model.forecast(spoilt)
    with pytest.raises(DataError, match="train with --scale linear"):
        forecast.train(spoilt, scale="log", **SMALL)


def test_logarithms_are_taken_where_errors_are_relative():
    sizes = {"horizon": H, "lookback": L, "season": 5}
    waves = 2 * np.array([0.0, 0.4, 1.3, 0.7, -0.6])[np.arange(200) % 5]
    noisy = np.exp(waves + np.random.default_rng(2).normal(0, 0.4, 200))
    assert prefers_logarithms([noisy], **sizes)
    drawn = np.random.default_rng(1)
    level = 300 + 40 * np.array([0.0, 0.4, 1.3, 0.7, -0.6])[np.arange(200) % 5] + drawn.normal(0, 9, 200)
    assert not prefers_logarithms([level], **sizes)
    assert not prefers_logarithms([noisy, -noisy], **sizes)
    assert not prefers_logarithms([noisy[: 2 * H + L - 1]], **sizes)


def test_a_linear_forecast_of_logarithms_follows_growth():
    series = 3 * 1.05 ** np.arange(60.0)
    model = LinearForecast.fit([series[:40]], [(series[:40], series[40:45])], lookback=6, horizon=5, logarithms=True)
    np.testing.assert_allclose(model.forecast([series[:50]])[0], series[50:55], rtol=1e-3)

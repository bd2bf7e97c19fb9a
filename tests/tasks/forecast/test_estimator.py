"""The forecaster follows scikit-learn's conventions, and reads series in the usual containers."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from elman.errors import ConfigError, DataError
from elman.tasks import Forecaster, forecast
from few_examples import Frame
from forecastable import SEASON, draw_values

H, L = 4, 11
SMALL = {
    "horizon": H, "lookback": L, "hidden": 13, "batch": 16, "epochs": 60, "learning_rate": 0.02, "dropout": 0.0,
    "validation": 20,
}  # fmt: skip
QUICK = {**SMALL, "epochs": 1}


@pytest.fixture(scope="module")
def learnt():
    """Learn one series once; tests read it and do not change it."""
    return Forecaster(**SMALL).fit(draw_values(90))


def test_the_season_is_found_and_what_follows_is_forecast(learnt):
    assert learnt.model_.columns.frequency.season == SEASON
    truth = draw_values(90 + H)[-H:]
    point, ends = learnt.predict(), learnt.predict_interval()
    assert point.shape == (H,)
    assert ends.shape == (H, 2)
    assert np.abs(point - truth).mean() < 1.5
    assert (ends[:, 0] < point).all()
    assert (point < ends[:, 1]).all()


def test_other_series_are_forecast_as_well(learnt):
    truth = draw_values(60 + H, seed=5, level=900.0)
    assert np.abs(learnt.predict(truth[:60]) - truth[60:]).mean() < 1.5
    np.testing.assert_array_equal(learnt.predict([truth[:60]])[0], learnt.predict(truth[:60]))


def test_the_score_is_the_skill_against_repeating_the_last_value(learnt):
    values = draw_values(60, seed=6)
    at = np.arange(L, 60 - H + 1)
    ours = np.mean([np.abs(learnt.predict(values[:k]) - values[k : k + H]) for k in at])
    naive = np.mean([np.abs(values[k - 1] - values[k : k + H]) for k in at])
    assert learnt.score(values) == pytest.approx(1 - ours / naive, rel=1e-4)
    assert learnt.score(values) > 0.5


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(np.stack([draw_values(70), draw_values(70, 2)], axis=1), id="columns"),
        pytest.param([draw_values(70), draw_values(64, 2).tolist()], id="a list"),
        pytest.param({"a": draw_values(70), "b": draw_values(61, 2)}, id="by name"),
        pytest.param(Frame(np.stack([draw_values(70), draw_values(70, 2)], axis=1), ["a", "b"]), id="a frame"),
    ],
)
def test_several_series_are_learnt_by_one_model(given):
    model = Forecaster(**QUICK).fit(given)
    assert model.predict().shape == (2, H)
    assert model.predict_interval(level=80).shape == (2, H, 2)
    assert list(model.model_.reading.spreads) == (["a", "b"] if isinstance(given, (dict, Frame)) else ["0", "1"])


def test_parameters_are_those_of_scikit_learn(learnt):
    model = Forecaster(hidden=8, levels="50,80")
    assert repr(model) == "Forecaster(hidden=8, levels='50,80')"
    assert clone(model).get_params() == model.get_params()
    assert clone(learnt).get_params() == learnt.get_params()
    assert not hasattr(clone(learnt), "model_")
    assert "target" not in model.get_params()
    assert model.set_params(hidden=9).hidden == 9
    with pytest.raises(ConfigError, match="Forecaster has no parameter 'units'"):
        model.set_params(units=3)
    with pytest.raises(TypeError, match="units"):
        Forecaster(units=3)


def test_a_forecaster_is_pickled_and_saved(learnt, tmp_path):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(learnt)).predict(), learnt.predict())
    learnt.save(tmp_path / "m")
    assert forecast.load(tmp_path / "m").horizon == H


def test_wrong_input_is_refused(learnt):
    with pytest.raises(ConfigError, match="has learnt nothing yet"):
        Forecaster().predict()
    with pytest.raises(ConfigError, match="y is given"):
        Forecaster().fit(draw_values(90), draw_values(90))
    with pytest.raises(ConfigError, match="level is 95"):
        learnt.predict_interval(level=95)
    with pytest.raises(DataError, match="series 0 is not all numbers"):
        learnt.predict([["a", "b"]])
    with pytest.raises(DataError, match=r"series 0 is an array \(3, 2\)"):
        learnt.predict([np.zeros((3, 2))])
    with pytest.raises(DataError, match="a look-back of 11 needs 11"):
        learnt.predict(draw_values(10))
    with pytest.raises(DataError, match="no series"):
        learnt.predict({})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sales.csv", "X is one text, 'sales.csv'"),
        (b"1,2", "X is bytes"),
        (Path("sales.csv"), "X is the path 'sales.csv'"),
        (7, "X is a single value, 7"),
        ({1.0, 2.0}, "X is a set"),
        (["a.csv", "b.csv"], "series 0 is not all numbers"),
        (np.arange(60).astype("datetime64[D]"), "series 0 holds times, and a series is numbers"),
        ({"y": draw_values(60), "day": np.arange(60).astype("datetime64[D]")}, "series day holds times"),
        (np.zeros((60, 2, 2)), "series 0 is an array"),
        (np.where(np.arange(60) == 3, np.inf, 1.0), "finite numbers"),
    ],
)
def test_what_is_no_series_is_refused_in_fit_and_in_predict(learnt, given, message):
    warnings.simplefilter("ignore", UserWarning)
    for call in (Forecaster(**QUICK).fit, learnt.predict, learnt.score):
        with pytest.raises(DataError, match=message):
            call(given)


def test_masked_values_are_missing_and_generators_are_read_once():
    values = draw_values(90)
    holes = values.copy()
    holes[[7, 40]] = np.nan
    masked = np.ma.masked_array(values, np.isnan(holes))
    points = [Forecaster(**QUICK).fit(given).predict() for given in (holes, masked, (value for value in holes))]
    np.testing.assert_array_equal(points[1], points[0])
    np.testing.assert_array_equal(points[2], points[0])


def test_series_that_were_named_are_matched_by_name_in_any_order_and_never_by_position():
    two = np.stack([draw_values(70), draw_values(70, 2, 900.0)], axis=1)
    model = Forecaster(**QUICK).fit(Frame(two, ["a", "b"]))
    points = model.predict(Frame(two, ["a", "b"]))
    for given in (Frame(two[:, ::-1], ["b", "a"]), {"b": two[:, 1], "a": two[:, 0]}):
        np.testing.assert_allclose(model.predict(given), points[::-1], rtol=1e-6)
    with pytest.warns(UserWarning, match="X does not have names of series, and this Forecaster was fitted with names"):
        unnamed = model.predict(two)
    np.testing.assert_array_equal(unnamed, model.predict(Frame(two, ["c", "d"])))
    assert not np.allclose(unnamed, points, rtol=1e-5)


def test_one_column_is_one_series():
    values = draw_values(70)
    model = Forecaster(**QUICK).fit(values[:, None])
    assert model.predict().shape == (1, H)
    np.testing.assert_allclose(model.predict()[0], Forecaster(**QUICK).fit(values).predict())


def test_a_path_given_to_a_trained_model_is_refused(learnt):
    with pytest.raises(DataError, match="of type str, and a model forecasts a SeriesSet"):
        learnt.model_.forecast("sales.csv")

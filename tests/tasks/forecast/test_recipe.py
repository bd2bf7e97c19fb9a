"""The recipe: a model beats naive forecasts, uses no value after an origin, and is the same when loaded."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import torch

from elman.data.series.frequency import Frequency
from elman.data.series.opening import open_series
from elman.errors import ConfigError, DataError
from elman.tasks import forecast
from elman.tasks.forecast.backtest import backtest, judge_forecasts
from elman.tasks.forecast.scores import mase_scale
from forecastable import DAILY, SEASON, draw_values, make_series, make_set, write_sales
from forged import forge

H, L = 4, 11
SMALL = {
    "horizon": H, "lookback": L, "hidden": 13, "batch": 16, "epochs": 6, "learning_rate": 0.02, "dropout": 0.0,
    "validation": 20, "quiet": True,
}  # fmt: skip


def two_series(steps: int = 90):
    return make_set(
        make_series(draw_values(steps, 1), "sales"), make_series(draw_values(steps - 7, 2, 500.0) * 30, "visits")
    )


@pytest.fixture(scope="module")
def trained():
    """Train one small model of two series; tests read it and do not change it."""
    return forecast.train(two_series(), **{**SMALL, "epochs": 50})


def test_a_model_beats_naive_forecasts_and_the_verdict_says_so(trained):
    metrics = trained.metrics
    assert list(metrics["baselines"]) == ["naive", "seasonal naive", "Naive2", "linear"]
    assert (
        metrics["validation"]["mase"]
        < metrics["baselines"]["seasonal naive"]["mase"]
        < metrics["baselines"]["naive"]["mase"]
    )
    assert metrics["validation"]["owa"] < 1
    assert metrics["verdict"].startswith(f"MASE {metrics['validation']['mase']:.3f}")
    assert metrics["training_windows"] == (70 - L - H + 1) + (63 - L - H + 1)
    assert metrics["validation_windows"] == 2 * (20 - H + 1)
    assert metrics["validation"]["coverage"]["80"] >= 0.75  # of a mixture, calibrated on other forecasts


def test_a_forecast_goes_on_where_a_series_ends(trained):
    data = two_series()
    found = trained.forecast(data)
    for one, series, seed in zip(found, data.series, (1, 2), strict=True):
        assert one.times.tolist() == DAILY.timestamps(series.start, len(series) + H)[-H:].tolist()
        truth = draw_values(len(series) + H, seed, (50.0, 500.0)[seed - 1])[-H:] * (1, 30)[seed - 1]
        assert np.abs(one.point - truth).mean() < 0.5 * mase_scale(series.values, 1)
        low, high = one.intervals[80]
        assert (low < one.point).all()
        assert (one.point < high).all()


def test_a_forecast_does_not_depend_on_training_mode_and_keeps_it(trained):
    data, expected = two_series(), trained.forecast(two_series())
    trained.module.train()
    try:
        for one, other in zip(trained.forecast(data), expected, strict=True):
            assert np.array_equal(one.point, other.point)
        assert trained.module.training
    finally:
        trained.module.eval()


def test_no_value_after_an_origin_is_used(trained):
    data = two_series()
    changed = [dataclasses.replace(one, values=one.values.copy()) for one in data.series]
    for one in changed:
        one.values[60:] = 1e6
    origins = np.array([[0, 60], [1, 60]])
    ours, theirs = (trained.ahead(trained.table(these), origins) for these in (data, make_set(*changed)))
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1][80], theirs[1][80])


def test_a_backtest_scores_every_requested_origin(trained):
    data = two_series()
    found = backtest(trained, data, every=3, latest=2)
    errors, relative = [], []
    for number, one in enumerate(data.series):
        first = len(one) - H - 3
        for at in (first, first + 3):
            point = trained.ahead(trained.table(data), np.array([[number, at]]))[0][0]
            error = np.abs(one.values[at : at + H] - point)
            errors.append(error.mean() / mase_scale(one.values[:first], SEASON))
            relative.append((200 * error / (np.abs(point) + np.abs(one.values[at : at + H]))).mean())
    assert found.ours.forecasts == 4
    assert found.ours.mase == pytest.approx(np.mean(errors), rel=1e-5)
    assert found.ours.smape == pytest.approx(np.mean(relative), rel=1e-5)
    assert list(found.baselines) == ["naive", "seasonal naive", "Naive2", "linear"]
    assert backtest(trained, data, latest=None).ours.forecasts == 90 - L - H + 1 + 83 - L - H + 1


def test_a_model_and_its_baselines_are_the_same_when_loaded(trained, tmp_path):
    trained.save(tmp_path / "m")
    loaded = forecast.load(tmp_path / "m")
    data = two_series()
    for ours, theirs in zip(trained.forecast(data), loaded.forecast(data), strict=True):
        np.testing.assert_array_equal(ours.point, theirs.point)
        np.testing.assert_array_equal(ours.intervals[80], theirs.intervals[80])
    ours, theirs = backtest(trained, data), backtest(loaded, data)
    assert ours.ours == theirs.ours
    for name, scores in ours.baselines.items():
        assert theirs.baselines[name].mase == pytest.approx(scores.mase, rel=1e-5), name
        assert theirs.baselines[name].width[80] == pytest.approx(scores.width[80], rel=1e-5), name
    assert loaded.metrics == json.loads(json.dumps(trained.metrics))


def test_old_names_of_the_baselines_warn_and_work(trained):
    with pytest.warns(DeprecationWarning, match=r"TrainedForecaster\.beside is now `baselines`"):
        assert trained.beside is trained.baselines
    with pytest.warns(DeprecationWarning, match=r"FittedBaselines\.baselines is now `forecasters`"):
        assert trained.baselines.baselines is trained.baselines.forecasters
    scores = backtest(trained, two_series(), latest=1)
    with pytest.warns(DeprecationWarning, match=r"Backtest\.beside is now `baselines`"):
        assert scores.beside is scores.baselines


def test_the_same_seed_gives_the_same_file(tmp_path):
    for name in ("a", "b", "c"):
        forecast.train(two_series(), output=tmp_path / name, **{**SMALL, "epochs": 1, "seed": 2 if name == "c" else 1})
    first, second, third = ((tmp_path / name).read_bytes() for name in ("a", "b", "c"))
    assert first == second != third


@pytest.mark.parametrize("decode", ["direct", "recursive"])
def test_other_decodings_and_cells_learn(decode):
    settings = {**SMALL, "epochs": 40, "cell": {"direct": "lstm", "recursive": "gru"}[decode]}
    model = forecast.train(two_series(), decode=decode, segment=2, **settings)
    assert model.metrics["validation"]["mase"] < 0.3 * model.metrics["baselines"]["naive"]["mase"]


def test_without_a_comparison_there_is_none():
    model = forecast.train(two_series(), compare=False, **{**SMALL, "epochs": 1})
    assert model.metrics["baselines"] == {}
    assert model.metrics["verdict"] == f"MASE {model.metrics['validation']['mase']:.3f}."
    assert list(backtest(model, two_series()).baselines) == []


def test_a_covariate_that_is_known_ahead_is_used():
    drawn = np.random.default_rng(4)
    offers = (drawn.random(160 + H) < 0.3).astype(float)
    sales = make_series(20 + 10 * offers[:160] + drawn.normal(0, 0.5, 160), known=offers[:, None])
    data = make_set(sales, known=("offer",))
    settings = {**SMALL, "epochs": 25, "validation": 30}
    with_offers = forecast.train(data, compare=False, **settings)
    without = forecast.train(make_set(make_series(sales.values)), compare=False, **settings)
    assert with_offers.metrics["validation"]["mae"] < 0.3 * without.metrics["validation"]["mae"]
    [ahead] = with_offers.forecast(data)
    np.testing.assert_allclose(ahead.point, 20 + 10 * offers[160:], atol=2.5)
    short = dataclasses.replace(sales, known=sales.known[: 160 + H - 1])
    with pytest.raises(DataError, match="is known 3 steps beyond the last value, and a forecast of 4 needs it"):
        with_offers.forecast(make_set(short, known=("offer",)))


def test_missing_values_are_learnt_from_and_forecast_over():
    values = draw_values(120)
    values[np.random.default_rng(1).random(120) < 0.2] = np.nan
    values[[0, -1]] = 50.0
    model = forecast.train(make_set(make_series(values)), **{**SMALL, "epochs": 15})
    assert model.configuration["missing"]
    [ahead] = model.forecast(make_set(make_series(values)))
    assert np.isfinite(ahead.point).all()
    assert model.metrics["validation"]["mase"] < model.metrics["baselines"]["naive"]["mase"]


def test_a_series_that_was_not_in_training_is_forecast(trained):
    new = make_series(draw_values(40, 9, -3e5), "new")
    [ahead] = trained.forecast(make_set(new))
    truth = draw_values(40 + H, 9, -3e5)[-H:]
    assert np.abs(ahead.point - truth).mean() < mase_scale(new.values, 1)


def test_a_search_keeps_the_best(tmp_path):
    model = forecast.train(two_series(), search=3, output=tmp_path / "m", **{**SMALL, "epochs": 2})
    tried = model.metrics["search"]["tried"]
    assert len(tried) == 3
    assert model.metrics["validation_loss"] == min(one["loss"] for one in tried if one["loss"] is not None)
    assert forecast.load(tmp_path / "m").metrics["search"] == json.loads(json.dumps(model.metrics["search"]))


def test_a_table_is_read_as_requested(tmp_path):
    path = write_sales(tmp_path / "t.csv", columns=2)
    model = forecast.train(path, target="sales", calendar=True, **{**SMALL, "epochs": 1})
    assert list(model.reading.spreads) == ["sales"]
    assert model.reading.cycles == ("week",)
    assert [one.series.name for one in model.forecast(open_series(path, like=model.columns))] == ["sales"]
    both = forecast.train(path, **{**SMALL, "epochs": 1})
    assert list(both.reading.spreads) == ["sales", "visits"]
    assert both.reading.cycles == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": np.full(90, 3.0)}, r"t\.csv, column sales: the series is always 3 in its training part"),
        (
            {"values": draw_values(34)},
            "a look-back of 11 and a horizon of 4, to learn and to validate on apart, needs 35",
        ),
    ],
    ids=["constant", "too short"],
)
def test_what_cannot_be_learnt_from_is_refused(change, said):
    series = dataclasses.replace(make_series(draw_values(90)), **change)
    series = make_series(series.values)
    with pytest.raises(DataError, match=said):
        forecast.train(make_set(series), **SMALL)


def shops(*lengths: int):
    return make_set(*(make_series(draw_values(steps, n), f"shop {n}") for n, steps in enumerate(lengths, 1)))


BRIEF = {"hidden": 7, "epochs": 1, "dropout": 0.0}


def test_one_short_series_is_left_out_and_changes_no_size(capsys):
    data = shops(300, 300, 9, 300)
    model = forecast.train(data, **BRIEF)
    assert (model.horizon, model.lookback) == (10, 40)  # as without it
    assert list(model.reading.spreads) == ["shop 1", "shop 2", "shop 4"]
    said = "Left out as too short: 1 of 4 series. The first, shop 3, has 9 steps, and "
    assert said in " ".join(capsys.readouterr().err.split())
    with pytest.raises(DataError, match="shop 3 has 9 steps, and a look-back of 40 needs 40"):
        model.forecast(data)
    left = model.leave_out_short(data)
    assert left.notes[-1].startswith(said)
    assert [one.series.name for one in model.forecast(left)] == list(model.reading.spreads)


def test_a_series_shorter_than_the_look_back_is_padded(tmp_path):
    data = shops(120, 120, 33)
    settings = {**SMALL, "horizon": 4, "lookback": 30, "validation": 8, "epochs": 60}
    model = forecast.train(data, output=tmp_path / "m", **settings)
    assert model.configuration["missing"]
    # Four steps of past are enough; the series have 112, 112 and 25 to learn from.
    assert model.metrics["training_windows"] == 2 * (112 - 8 + 1) + (25 - 8 + 1)
    assert model.metrics["validation_windows"] == 3 * (8 - 4 + 1)
    assert model.metrics["validation"]["mase"] < model.metrics["baselines"]["naive"]["mase"]
    loaded = forecast.load(tmp_path / "m")
    short = make_series(draw_values(9, 7), "new")
    for ours, theirs in zip(model.forecast(make_set(short)), loaded.forecast(make_set(short)), strict=True):
        np.testing.assert_array_equal(ours.point, theirs.point)
        assert np.abs(ours.point - draw_values(9 + H, 7)[-H:]).mean() < 6
    found = backtest(loaded, shops(120, 120, 33))
    assert found.ours.forecasts == 2 * (120 - 30 - 4 + 1) + (33 - 8 + 1)
    with pytest.raises(DataError, match="has 3 steps, and a look-back of 30, of which 4 must be there, needs 4"):
        loaded.forecast(make_set(make_series(draw_values(3), "new")))


def test_a_look_back_that_no_series_has_is_refused():
    said = "{} has {} steps, and a look-back of 500 and a horizon of 4, to learn and to validate on apart, needs 524"
    for lengths, named in (((90,), ("shop 1", 90)), ((90, 120, 30), ("shop 2", 120))):
        with pytest.raises(DataError, match=said.format(*named)):
            forecast.train(shops(*lengths), **{**SMALL, "lookback": 500})


def test_data_of_another_frequency_are_refused(trained):
    data = two_series()
    hourly = dataclasses.replace(data, columns=dataclasses.replace(data.columns, frequency=Frequency("hour", 1, 24)))
    with pytest.raises(DataError, match="has steps that are hourly, and the model learnt from steps that are daily"):
        trained.forecast(hourly)


def test_too_few_steps_to_forecast_from_are_refused(trained):
    with pytest.raises(DataError, match=r"sales has 10 steps, and a look-back of 11 needs 11"):
        trained.forecast(make_set(make_series(draw_values(10))))
    with pytest.raises(DataError, match="needs 15"):
        backtest(trained, make_set(make_series(draw_values(14))))


def test_an_unknown_option_is_refused():
    with pytest.raises(ConfigError, match=r"There is no option 'horizn'\. Did you mean horizon\?"):
        forecast.train(two_series(), horizn=3)


def test_a_damaged_file_is_refused(trained, tmp_path):
    trained.save(tmp_path / "m")
    for part, key, value in (
        ("reading", "horizon", 9),
        ("configuration", "hidden", 10**6),
        ("configuration", "segment", 0),
        ("configuration", "quantiles", [0.1, 0.9, 0.5]),
        ("configuration", "quantiles", [0.1, 0.5]),
        ("reading", "lookback", 10**9),
        ("reading", "padded", 10**6),
        ("reading", "scales", [1.0, 0.0]),
        ("reading", "cycles", ["moon"]),
        ("reading", "names", ["sales", "sales"]),
        ("columns", "past", ["price"]),
        ("columns", "static", ["town"]),
        ("columns", "time", ""),
        ("columns", "time", None),
        ("columns", "frequency", {"unit": "day", "count": 10**12, "season": 5, "day": 1}),
    ):
        shutil.copy(tmp_path / "m", tmp_path / "broken")
        forge(tmp_path / "broken", lambda header, weights, part=part, change={key: value}: header[part].update(change))
        with pytest.raises(DataError, match="is damaged"):
            forecast.load(tmp_path / "broken")


def test_the_verdict_names_the_best_without_recurrence(trained):
    found = backtest(trained, two_series())
    better = {name: dataclasses.replace(one, mase=found.ours.mase / 2) for name, one in found.baselines.items()}
    assert "does better" in judge_forecasts(dataclasses.replace(found, baselines=better))
    alike = {"naive": dataclasses.replace(found.ours, mase=found.ours.mase * 1.001)}
    assert "naive, which does without recurrence, does as well" in judge_forecasts(
        dataclasses.replace(found, baselines=alike)
    )
    undefined = dataclasses.replace(found.ours, mase=None)
    assert judge_forecasts(dataclasses.replace(found, ours=undefined, baselines={})).startswith("scaled MAE ")


def test_double_precision_is_kept(tmp_path):
    forecast.train(two_series(), output=tmp_path / "m", precision="64", **{**SMALL, "epochs": 1})
    loaded = forecast.load(tmp_path / "m")
    assert loaded.module.embed.weight.dtype == torch.float64
    assert math.isfinite(loaded.forecast(two_series())[0].point[0])

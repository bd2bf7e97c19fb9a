"""A baseline that helps is mixed into the forecasts of a network, and nothing else is."""

import dataclasses

import numpy as np
import onnxruntime
import pytest
import torch

from elman import export
from elman.errors import ConfigError, DataError
from elman.tasks import forecast
from elman.tasks.exporting import export_model
from elman.tasks.forecast.backtest import judge_mixed
from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.tasks.forecast.blending import ForecastBlend, draw_parts, learn
from elman.tasks.forecast.judging import _cross, _HeldOut
from elman.tasks.forecast.recipe import RECIPE
from elman.tasks.forecast.scores import ForecastScores
from elman.tasks.forecast.view import view
from forecastable import SEASON, draw_values, make_series, make_set
from forged import forge

H, L = 4, 11
BARELY = {
    "horizon": H, "lookback": L, "hidden": 7, "batch": 64, "epochs": 1, "dropout": 0.0, "validation": 40, "quiet": True,
}  # fmt: skip


def walks(steps: int = 211, number: int = 1, lowest: float = 50.0):
    """Make random walks with a season, which the last season forecasts well."""
    found = []
    for seed in range(number):
        drawn = np.random.default_rng(seed)
        season = np.array([0.0, 8.0, -5.0, 3.0, -6.0])[np.arange(steps) % SEASON]
        found.append(make_series(lowest + season + drawn.normal(0, 0.4, steps).cumsum(), f"s{seed}"))
    return make_set(*found)


@pytest.fixture(scope="module")
def mixed():
    """Train a network for a moment: the baseline does most of the work. Tests read it and do not change it."""
    model = forecast.train(walks(number=3), **BARELY, scale="linear")
    assert model.blend is not None
    return model


@pytest.mark.parametrize("share", [0.0, 0.35, 1.0])
def test_the_share_that_is_right_is_found(share):
    drawn = torch.Generator().manual_seed(3)
    median = torch.randn(307, H, generator=drawn).cumsum(1)
    network = median[:, :, None] + torch.tensor([-1.0, 0.0, 1.0])
    good, bad = (torch.randn(307, H, generator=drawn) * 3 for _ in range(2))
    right = (1 - share) * median + share * good + 0.01 * torch.randn(307, H, generator=drawn)
    right[5, 1] = torch.nan
    origins = np.stack([np.arange(307), np.full(307, 9)], axis=1)
    found = learn(network, right, {"linear": bad, "naive": good}, origins)
    assert found == (("naive", share) if share else None)


def test_the_weight_is_its_posterior_mean_so_that_few_windows_move_it_less():
    drawn = torch.Generator().manual_seed(3)
    right = torch.randn(60, H, generator=drawn)
    network, baseline = (right + size * torch.randn(60, H, generator=drawn) for size in (1.0, 0.5))
    of_many = np.stack([np.arange(60), np.full(60, 8)], axis=1)
    of_few = np.stack([np.zeros(60, np.int64), np.arange(60) % 12], axis=1)  # three horizons do not overlap
    worse = right + 3 * torch.randn(60, H, generator=drawn)
    weights = np.arange(21) / 20
    found = []
    for count, origins in ((60, of_many), (3, of_few)):
        errors = [float(((1 - w) * network + w * baseline - right).abs().mean()) for w in weights]
        chances = np.array([(errors[0] / one) ** count for one in errors]) * np.array([20.0, *[1.0] * 20])
        expected = round(20 * float(chances @ weights / chances.sum())) / 20
        assert learn(network[:, :, None], right, {"linear": worse, "naive": baseline}, origins) == ("naive", expected)
        found.append(expected)
    assert 0 < found[1] < found[0]
    assert learn(network[:, :, None], right, {"naive": network + 9}, of_many) is None


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_each_forecast_is_the_weighted_mean_of_two(scale):
    data = walks(number=3)
    model = forecast.train(data, **BARELY, scale=scale)
    share, name = model.blend.weight, model.blend.baseline
    (baseline,) = (one for one in model.baselines.forecasters if one.name == name)
    read, restore = (np.log, np.exp) if scale == "log" else (np.asarray, np.asarray)
    for ours, network, series in zip(model.forecast(data), model.alone().forecast(data), data.series, strict=True):
        other = baseline.point([series.values[-L:]])[0]
        expected = restore((1 - share) * read(network.point) + share * read(other))
        np.testing.assert_allclose(ours.point, expected, rtol=2e-6)
        low, high = ours.intervals[80]
        assert (low < ours.point).all()
        assert (ours.point < high).all()


def test_an_answer_is_never_much_worse_than_the_baseline_it_could_repeat(mixed):
    metrics = mixed.metrics
    best = min(one["mase"] for one in metrics["baselines"].values())
    assert metrics["network"]["mase"] > 1.3 * best  # the network alone is bad
    assert metrics["validation"]["mase"] < 1.03 * best
    assert metrics["validation"]["coverage"]["80"] == pytest.approx(0.8, abs=0.05)
    assert judge_mixed(ForecastScores(**metrics["network"]), mixed.blend) in metrics["verdict"]


def test_the_verdict_says_which_does_how_much():
    network = ForecastScores(9, 1.0, 1.0, 1.0, 1.0, None, 2.5, None, {}, {})
    assert judge_mixed(network, ForecastBlend("naive", 0.35)) == (
        "Mixed: 35% of each forecast is naive, the rest the network; the network alone has MASE 2.500."
    )
    assert judge_mixed(network, ForecastBlend("linear", 1.0)) == (
        "Each forecast is linear; the network alone has MASE 2.500."
    )


def test_a_mixture_is_the_same_alone_in_a_batch_and_when_loaded(mixed, tmp_path):
    data = walks(number=3)
    mixed.save(tmp_path / "m")
    loaded = forecast.load(tmp_path / "m")
    assert loaded.blend == mixed.blend
    together = mixed.forecast(data)
    for number, one in enumerate(together):
        [single] = mixed.forecast(make_set(data.series[number]))
        again = loaded.forecast(data)[number]
        for other in (single, again):
            np.testing.assert_array_equal(one.point, other.point)
            np.testing.assert_array_equal(one.intervals[80], other.intervals[80])


def test_linear_forecasts_are_the_same_alone_and_in_a_batch():
    drawn = np.random.default_rng(2)
    linear = LinearForecast(drawn.normal(size=(L + 1, H)), by_mean=True, penalty=0.1)
    histories = list(drawn.normal(size=(37, L + 3)))
    np.testing.assert_array_equal(linear.forecast(histories)[20:21], linear.forecast(histories[20:21]))


def test_a_constant_look_back_stays_what_it_is():
    drawn = np.random.default_rng(2)
    series = [drawn.normal(size=97), np.full(97, 3e-9)]
    series[1][50:53] = 4e9
    linear = LinearForecast.fit(series, [(one[:90], one[90:94]) for one in series], lookback=L, horizon=H)
    np.testing.assert_array_equal(linear.forecast([series[1]]), [[3e-9] * H])
    without = LinearForecast.fit(series[:1], [(series[0][:90], series[0][90:94])], lookback=L, horizon=H)
    before = [one[:49] for one in (series[0][:49], series[1])]
    again = LinearForecast.fit([series[0], before[1]], [(series[0][:90], series[0][90:94])], lookback=L, horizon=H)
    np.testing.assert_array_equal(without.weights, again.weights)


@pytest.mark.parametrize("number", [1, 7])
def test_what_a_window_is_scored_with_is_learnt_on_others(number):
    """Values of one part are changed: the mixture of that part stays what it was."""
    data = walks(number=number)
    options = {name: value for name, value in BARELY.items() if name != "quiet"}
    settings = RECIPE.settings.of({**options, "scale": "linear"})
    parts = RECIPE.encode(data, settings, True)
    model = forecast.train(data, **BARELY, scale="linear").alone()
    held_out, places = _HeldOut.of(model, parts, alone=False), draw_parts(parts.hold)
    right = held_out.right + 1e3 * torch.from_numpy(places == 2)[:, None]
    poisoned = dataclasses.replace(held_out, right=right)
    clean, other = (_cross(model, parts, one, parts.hold)(parts.hold) for one in (held_out, poisoned))
    same = (clean[0] == other[0]).all(axis=1) & (clean[1][80][0] == other[1][80][0]).all(axis=1)
    assert same.tolist() == (places == 2).tolist()
    assert sorted(set(places.tolist())) == [0, 1, 2, 3, 4]
    if number > 5:  # a series is in one part
        assert all(len(set(places[parts.hold[:, 0] == one].tolist())) == 1 for one in range(number))


def test_alone_leaves_the_baseline_out_and_the_network_is_the_same(mixed):
    data = walks(number=3)
    lonely = forecast.train(data, **BARELY, scale="linear", alone=True)
    assert lonely.blend is None
    for one, other in zip(lonely.forecast(data), mixed.alone().forecast(data), strict=True):
        np.testing.assert_array_equal(one.point, other.point)
        np.testing.assert_array_equal(one.intervals[80], other.intervals[80])
    assert lonely.metrics["validation"] == mixed.metrics["network"]


@pytest.mark.parametrize(
    "change",
    [
        {"baseline": "Naive2"}, {"baseline": "seasonal naive 9"}, {"weight": 0.0}, {"weight": 1.5}, {"weight": "1"},
    ],
)  # fmt: skip
def test_a_forged_mixture_is_refused(mixed, change, tmp_path):
    mixed.save(tmp_path / "m.elman.safetensors")
    forge(tmp_path / "m.elman.safetensors", lambda entry, _: entry["blend"].update(change))
    with pytest.raises(DataError, match=r"mixture|mixes in|blend"):
        forecast.load(tmp_path / "m.elman.safetensors")


@pytest.mark.parametrize("name", ["naive", "seasonal naive", "linear"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_an_exported_mixture_gives_the_same_quantiles(name, scale, tmp_path):
    data = walks(number=2)
    trained = forecast.train(data, **BARELY, scale=scale)
    margins = torch.rand(1, H)
    model = dataclasses.replace(trained, blend=ForecastBlend(name, 0.45), blended_margins=margins)
    model.save(tmp_path / "m.elman.safetensors")
    export_model(tmp_path / "m.elman.safetensors", tmp_path / "m.onnx")
    assert f"mixed with the {name} forecast" in export.read_card(tmp_path / "m.onnx")["holds"]
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    flat = np.full(L, 50.0)
    table = model.table(
        make_set(*(make_series(np.r_[draw_values(30), one], "new") for one in (flat, draw_values(L, 4))))
    )
    windows = table.windows(table.ends())[0]
    feeds = {
        "history": table.histories(table.ends()),
        "usual": windows.usual.numpy(),
        "series": np.zeros(2, np.int64),
    }
    wanted = {one.name for one in session.get_inputs()}
    [found] = session.run(["forecast"], {key: value for key, value in feeds.items() if key in wanted})
    point, intervals = model.ahead(table, table.ends())
    low, high = intervals[80]
    np.testing.assert_allclose(found, np.stack([low, point, high], axis=2), rtol=1e-5)


def test_what_cannot_be_exported_is_refused_and_the_network_is_written(mixed, tmp_path):
    mixed.save(tmp_path / "m.elman.safetensors")
    with pytest.raises(ConfigError, match=r"not that of one network alone, and a page takes one. Add --alone"):
        export_model(tmp_path / "m.elman.safetensors", tmp_path / "m.html")
    export_model(tmp_path / "m.elman.safetensors", tmp_path / "m.html", alone=True)
    holes = make_set(*(dataclasses.replace(one, values=one.values.copy()) for one in walks(number=3).series))
    for one in holes.series:
        one.values[::17] = np.nan
    missing = forecast.train(holes, **BARELY, scale="linear")
    assert missing.blend is not None
    missing.save(tmp_path / "n.elman.safetensors")
    with pytest.raises(ConfigError, match=r"fills in missing values, and ONNX has no operator for it. Add --alone"):
        export_model(tmp_path / "n.elman.safetensors", tmp_path / "n.onnx")
    export_model(tmp_path / "n.elman.safetensors", tmp_path / "n.onnx", alone=True)


def test_the_inspector_says_that_it_explains_the_network_alone(mixed):
    data = walks(number=3)
    for model, said in ((mixed, "is forecast by the network alone to be"), (mixed.alone(), "is forecast to be")):
        explained = view(model, data).explain()
        assert explained
        assert all(said in one.answer for one in explained)


def test_without_a_comparison_nothing_is_mixed_in():
    model = forecast.train(walks(number=3), **BARELY, scale="linear", compare=False)
    assert model.blend is None
    assert "network" not in model.metrics

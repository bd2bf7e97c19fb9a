"""Several seasons: they are found, their lags are read, and baselines repeat each."""

import dataclasses

import numpy as np
import pytest
import torch

from elman.data.series.frequency import Frequency
from elman.data.series.opening import open_series
from elman.data.series.seasonality import find_longer_season
from elman.data.series.seasons import find_seasons
from elman.errors import ConfigError, DataError
from elman.tasks import forecast
from elman.tasks.forecast.baseline.fitted import FittedBaselines
from elman.tasks.forecast.lags import SeasonalLags
from elman.tasks.forecast.settings import DECODINGS, ForecastSettings
from elman.tasks.forecast.sizes import RequestedSizes, choose_sizes
from forecastable import make_series, make_set

DAY = np.array([0.0, 3.0, 9.0, 4.0, -2.0])
WEEK = np.array([0.0, 0.0, 2.0])  # days of a week of 15 steps


def draw(steps: int, seed: int = 1, noise: float = 0.3) -> np.ndarray:
    at = np.arange(steps)
    return 50 + DAY[at % 5] + WEEK[at // 5 % 3] + np.random.default_rng(seed).normal(0, noise, steps)


def test_a_week_is_found_beside_a_day_and_only_where_there_is_one():
    assert find_seasons([draw(200)]) == (5, 15)
    assert find_seasons([draw(200), draw(200, 2)[4:]], held_out=9) == (5, 15)
    alone = 50 + DAY[np.arange(300) % 5] + np.random.default_rng(3).normal(0, 0.3, 300)
    assert find_seasons([alone]) == (5,)
    assert find_longer_season([alone + np.random.default_rng(4).normal(0, 2, 300).cumsum()], 5) == 1
    assert find_longer_season([draw(200)], 5, [10]) == 1  # a week that is none
    assert find_seasons([np.random.default_rng(5).normal(0, 1, 300).cumsum()]) == ()


@pytest.mark.parametrize("values", [np.full(99, 3.0), np.tile(DAY, 20), np.full(50, np.nan), np.empty(0)])
def test_no_longer_season_is_found_where_nothing_is_left_to_explain(values):
    assert find_longer_season([values], 5) == 1


def write_hours(path, values):
    hours = np.datetime64("2024-01-01T00") + np.arange(len(values))
    path.write_text(
        "time,load\n" + "".join(f"{hour}:00,{value:.3f}\n" for hour, value in zip(hours, values, strict=True))
    )
    return path


def test_a_week_of_hours_is_found_in_values_and_a_requested_season_stays(tmp_path):
    at = np.arange(24 * 7 * 8)
    noise = np.random.default_rng(1).normal(0, 0.2, len(at))
    daily = np.sin(at / 24 * 2 * np.pi) + noise
    path = write_hours(tmp_path / "a.csv", daily + (at // 24 % 7 > 4))
    found = open_series(path)
    assert found.frequency.seasons == (24, 168)
    assert "Times are in time: hourly, seasons of 24 and 168." in found.notes
    assert open_series(path, season=24).frequency.seasons == (24,)
    assert open_series(path, season=[48, 12]).frequency.seasons == (12, 48)
    assert open_series(path, season=1).frequency.seasons == ()
    assert open_series(write_hours(tmp_path / "b.csv", daily)).frequency.seasons == (24,)
    with pytest.raises(ConfigError, match="season cannot have 1 steps beside others"):
        open_series(path, season=[1, 24])


def test_seasons_are_steps_with_commas():
    assert ForecastSettings(season="24, 168").seasons() == (24, 168)
    assert ForecastSettings(season=[24, 168]).seasons() == (24, 168)
    assert (ForecastSettings(season=7).seasons(), ForecastSettings().seasons()) == ((7,), None)
    for wrong in ("24,", "0", "a", "-3", "1.5", ""):
        with pytest.raises(ConfigError, match="it must be steps"):
            ForecastSettings(season=wrong)


def test_a_frequency_keeps_its_seasons():
    hourly = Frequency("hour", 1, 24).with_seasons((24, 168))
    assert Frequency.from_dict(hourly.to_dict()) == hourly
    assert "longer" not in Frequency("hour", 1, 24).to_dict()
    for longer in ((12,), (24,), (48, 30)):
        with pytest.raises(DataError, match="is no frequency"):
            dataclasses.replace(hourly, longer=longer)


def test_a_lookback_covers_three_of_the_longest_season():
    def lookback(longer, length):
        return choose_sizes(RequestedSizes(), season=24, longer=longer, lengths=[length]).lookback

    assert [lookback(longer, 9000) for longer in ((), (168,), (168, 720))] == [96, 504, 2160]
    assert lookback((168,), 300) == 300 - 300 // 5 - 24


def test_lags_are_the_last_values_at_the_phase_of_each_step():
    lags = SeasonalLags([3, 7], lookback=17, horizon=5, segment=2, hidden=4)
    assert lags.back == ((3, 1), (3, 2), (3, 3), (7, 1), (7, 2))
    x = np.random.default_rng(1).normal(size=(2, 17))
    found = lags(torch.from_numpy(x)).numpy()
    read_less = lags(torch.from_numpy(x[:, 8:])).numpy()
    for step in range(5):
        for at, (season, back) in enumerate(lags.back):
            place = [place for place in range(17) if (17 + step - place) % season == 0][-back]
            np.testing.assert_array_equal(found[:, step, at], x[:, place])
            np.testing.assert_array_equal(read_less[:, step, at], x[:, place] if place >= 8 else np.zeros(2))


@pytest.mark.parametrize("decode", DECODINGS)
def test_a_model_of_two_seasons_begins_with_their_mean_and_is_the_same_when_loaded(decode, tmp_path):
    steps = 120
    data = make_set(make_series(draw(steps), "a"), make_series(draw(steps, 2) * 30, "b"))
    frequency = data.columns.frequency.with_seasons((5, 15))
    data = dataclasses.replace(data, columns=dataclasses.replace(data.columns, frequency=frequency))
    model = forecast.train(
        data, horizon=7, segment=3, hidden=5, batch=16, epochs=1, decode=decode, scale="linear", alone=True, quiet=True
    )
    assert (model.lookback, model.configuration["seasons"]) == (45, [5, 15])
    found = model.forecast(data)
    model.save(tmp_path / "m.elman.safetensors")
    again = forecast.load(tmp_path / "m.elman.safetensors").forecast(data)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.point, other.point)
    with torch.no_grad():
        model.module.readout.weight.zero_()
        model.module.readout.bias.zero_()
        model.module.lags.weight.copy_(torch.tensor([0.5, 0, 0, 0.5, 0, 0]))
    for one, series in zip(model.forecast(data), data.series, strict=True):
        values = series.values
        mean = [(values[120 + h - 5 * (h // 5 + 1)] + values[120 + h - 15]) / 2 for h in range(7)]
        np.testing.assert_allclose(one.point, mean, rtol=1e-5)


def test_seasonal_naive_repeats_each_season():
    values = draw(90)
    found = FittedBaselines.fit([values], [], horizon=4, lookback=30, season=5, longer=[15], levels=(80,))
    assert [one.name for one in found.forecasters] == [
        "naive", "seasonal naive", "seasonal naive 15", "Naive2", "linear"
    ]  # fmt: skip
    short, long = (one.point([values])[0] for one in found.forecasters[1:3])
    np.testing.assert_array_equal(short, values[-5:-1])
    np.testing.assert_array_equal(long, values[-15:-11])

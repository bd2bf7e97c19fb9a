"""Windows hold the values of their steps, and covariates are scaled by the training part."""

import dataclasses
import math

import numpy as np
import pytest

from elman.data.series.frequency import Frequency
from elman.errors import DataError
from elman.tasks.forecast.calendar import cycles_of, encode_cycles
from elman.tasks.forecast.covariates import Covariates
from elman.tasks.forecast.windows import Reading, SeriesTable, measure_scale, measure_spread
from forecastable import DAILY, SEASON, START, draw_values, make_series

L, H = 7, 3


def with_everything(steps: int, seed: int, name: str, town: str):
    drawn = np.random.default_rng(seed)
    return make_series(
        drawn.normal(10, 4, steps),
        name,
        past=drawn.normal(3, 2, (steps, 2)),
        known=drawn.normal(-5, 9, (steps + H, 1)),
        static={"town": town, "size": 10.0 * seed},
    )


def some_table(until=None):
    series = [
        with_everything(23, 1, "a", "Bern"),
        with_everything(17, 2, "b", "Ulm"),
        with_everything(11, 3, "c", "Rom"),
    ]
    learnt = Covariates.learn(series[:2], [19, 13])
    reading = Reading(L, H, {"a": 2.0, "b": 5.0}, {"a": 1.0, "b": 3.0}, {"a": "2024-03-07"}, ("week",), learnt)
    return series, learnt, SeriesTable(series, DAILY, reading, until)


def test_a_window_holds_the_values_of_its_steps():
    series, _, table = some_table()
    origins = np.array([[1, 9], [0, 20], [2, 11]])
    windows, ahead = table.windows(origins)
    for row, (number, at) in enumerate(origins):
        one = series[number]
        assert windows.history[row].tolist() == one.values[at - L : at].tolist()
        behind = [*one.values[at : at + H], *[math.nan] * H][:H]
        np.testing.assert_array_equal(ahead[row].numpy(), behind)
        known = (
            one.known[at - L : at + H, 0] - np.concatenate([series[0].known[:19], series[1].known[:13]]).mean()
        ) / (np.concatenate([series[0].known[:19], series[1].known[:13]]).std())
        np.testing.assert_allclose(windows.known[row, :, 0], known, rtol=1e-5)
        turns = encode_cycles(DAILY, START, at + H, ("week",))[at - L :]
        np.testing.assert_allclose(windows.calendar[row], turns)
    assert windows.series.tolist() == [2, 1, 0]
    assert windows.usual.tolist()[:2] == [3.0, 1.0]
    assert windows.static.tolist()[0][1:] == [0.0, 1.0]  # Bern, Ulm
    assert windows.static.tolist()[2][1:] == [0.0, 0.0]


def test_past_covariates_are_scaled_by_the_training_part():
    series, learnt, table = some_table()
    seen = np.concatenate([series[0].past[:19], series[1].past[:13]])
    windows, _ = table.windows(np.array([[0, 12]]))
    np.testing.assert_allclose(windows.past[0], (series[0].past[5:12] - seen.mean(0)) / seen.std(0), rtol=1e-5)
    assert Covariates.from_dict(learnt.to_dict()) == learnt


def test_origins_are_all_steps_whose_look_back_and_horizon_are_there():
    _, _, table = some_table()
    assert table.origins([(0, 13), (0, 0), (0, 11)]).tolist() == [[0, 7], [0, 8], [0, 9], [0, 10], [2, 7], [2, 8]]
    assert table.origins([(12, 23), (20, 17), (9, 11)]).tolist() == [[0, at] for at in range(12, 21)]
    assert table.origins([(0, 0), (8, 17), (0, 0)], every=4).tolist() == [[1, 10], [1, 14]]
    assert table.ends().tolist() == [[0, 23], [1, 17], [2, 11]]


def test_a_window_without_known_values_is_left_out():
    values = draw_values(20)
    values[8:12] = np.nan
    table = SeriesTable([make_series(values)], DAILY, Reading(3, 2, {"sales": 1.0}, {"sales": 1.0}))
    # Steps 8 and 9, 9 and 10, 10 and 11 are unknown ahead; the look-back before 11 and 12 is unknown.
    assert table.origins([(0, 20)])[:, 1].tolist() == [3, 4, 5, 6, 7, 13, 14, 15, 16, 17, 18]


def test_what_lies_before_a_series_is_missing():
    series, learnt, whole = some_table()
    table = SeriesTable(series, DAILY, dataclasses.replace(whole.reading, padded=4))
    assert table.origins([(0, 7), (0, 0), (0, 6)]).tolist() == [[0, 3], [0, 4], [2, 3]]
    assert table.unlearnt == [9, 3, 3]
    windows, ahead = table.windows(np.array([[0, 3], [2, 5], [1, 9]]))
    for row, (number, at) in enumerate(((0, 3), (2, 5))):
        one = series[number]
        np.testing.assert_array_equal(windows.history[row], [*[math.nan] * (L - at), *one.values[:at]])
        assert not windows.past[row, : L - at].any()
        assert not windows.known[row, : L - at].any()
        np.testing.assert_allclose(windows.past[row, L - at :], learnt.scale_past(one, H)[:at])
        np.testing.assert_allclose(windows.known[row, L - at :], learnt.scale_known(one, H)[: at + H])
        np.testing.assert_array_equal(ahead[row], one.values[at : at + H])
    for ours, theirs in zip(windows, whole.windows(np.array([[1, 9]] * 3))[0], strict=True):
        np.testing.assert_array_equal(ours[2], theirs[2])


def test_a_series_not_in_training_is_measured_up_to_the_given_step():
    series, _, table = some_table(until=[10, 10, 9])
    assert table.spreads.tolist() == [2.0, 5.0, series[2].values[:9].std()]
    assert table.windows(np.array([[2, 8]]))[0].usual[0] == measure_scale(series[2].values[:9], L)


@pytest.mark.parametrize("level", [0.0, 1e9])
def test_the_usual_movement_is_the_mean_variance_of_all_windows(level):
    values = draw_values(41, level=level)
    values[[3, 4, 20]] = np.nan
    variances = [np.nanvar(values[at : at + L]) for at in range(41 - L + 1)]
    assert measure_scale(values, L) == pytest.approx(np.sqrt(np.mean(variances)), rel=1e-6)
    assert measure_spread(values) == pytest.approx(np.nanstd(values))


def test_the_end_of_the_training_part_is_found_by_its_time():
    series, _, table = some_table()
    assert table.unlearnt == [9, L, L]  # 27 February to 7 March 2024; the others are new
    later = dataclasses.replace(series[0], start=np.datetime64("2024-03-09", "us"))
    off = dataclasses.replace(series[0], start=np.datetime64("2024-02-27T06:00", "us"))
    moved = SeriesTable([later, off], DAILY, table.reading)
    assert moved.unlearnt == [L, 23]


def test_counted_steps_belong_to_the_training_part_where_values_are_the_same():
    values, steps = draw_values(30), Frequency("step", 1, SEASON)
    counted = dataclasses.replace(make_series(values), start=0)
    reading = Reading(3, 2, {"sales": measure_spread(values[:20])}, {"sales": 1.0}, {"sales": "20"})
    other = dataclasses.replace(counted, values=draw_values(30, seed=2))
    later = dataclasses.replace(counted, values=values[8:], start=8)
    assert [SeriesTable([one], steps, reading).unlearnt for one in (counted, other, later)] == [[20], [3], [12]]


@pytest.mark.parametrize("written", ["\n", "", "NaT", "soon"])
@pytest.mark.parametrize("frequency", [DAILY, Frequency("step", 1, SEASON)])
def test_an_end_of_training_that_is_no_time_is_damage(written, frequency):
    one = make_series(draw_values(30))
    if frequency.unit == "step":
        one = dataclasses.replace(one, start=0)
    reading = Reading(3, 2, {"sales": 1.0}, {"sales": 1.0}, {"sales": written})
    with pytest.raises(DataError, match=r"is damaged: .* is no time of the series 'sales'"):
        SeriesTable([one], frequency, reading)


def test_a_constant_series_has_a_scale():
    assert measure_scale(np.full(9, 5.0), 3) == measure_scale(np.full(9, np.nan), 3) == 1.0
    # It moves nowhere within a window of two, but between them.
    assert measure_scale(np.array([0.0, np.nan, np.nan, 2.0]), 2) == 1.0


def test_a_reading_comes_back_from_plain_data():
    _, _, table = some_table()
    assert Reading.from_dict(table.reading.to_dict()) == table.reading


@pytest.mark.parametrize(
    ("frequency", "steps", "cycles"),
    [
        (Frequency("hour", 1, 24), 24 * 13, ("day",)),
        (Frequency("hour", 1, 24), 24 * 14, ("day", "week")),
        (Frequency("minute", 15, 96), 96 * 800, ("day", "week", "year")),
        (Frequency("day", 1, 7), 584, ("week",)),
        (Frequency("day", 1, 7), 731, ("week", "year")),
        (Frequency("business day", 1, 5), 530, ("week", "year")),
        (Frequency("week", 1, 52), 120, ("year",)),
        (Frequency("month", 1, 12), 24, ("year",)),
        (Frequency("year", 1, 1), 100, ()),
        (Frequency("step", 1, 7), 1000, ()),
    ],
)
def test_a_cycle_is_read_where_the_data_hold_two(frequency, steps, cycles):
    assert cycles_of(frequency, steps) == cycles


def test_a_cycle_begins_as_on_the_calendar():
    monday, noon = np.datetime64("2024-03-04", "us"), np.datetime64("2023-12-31T12:00", "us")
    np.testing.assert_allclose(encode_cycles(DAILY, monday, 8, ("week",))[[0, 7]], [[0, 1], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(encode_cycles(Frequency("hour", 12, 2), noon, 2, ("day",)), [[0, -1], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(encode_cycles(Frequency("hour", 12, 2), noon, 1, ("year",))[0, 1], 1.0, atol=1e-4)

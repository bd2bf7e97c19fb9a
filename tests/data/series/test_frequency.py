"""Steps on the calendar, against Python's own; and the inference of steps from times, with what may be wrong."""

import calendar
from datetime import datetime, timedelta

import numpy as np
import pytest

from elman.data.series.frequency import Frequency
from elman.data.series.regularity import check_order, infer_frequency, place_on_grid, usual_season
from elman.errors import DataError

START = datetime(2023, 11, 30, 6, 30)
GRIDS = [
    Frequency("second", 5, 1),
    Frequency("minute", 15, 96),
    Frequency("hour", 1, 24),
    Frequency("day", 1, 7),
    Frequency("week", 2, 26),
    Frequency("business day", 1, 5),
    Frequency("month", 1, 12, day=30),
    Frequency("month", 1, 12, day=31),
    Frequency("month", 2, 6, day=30),
    Frequency("quarter", 1, 4, day=31),
    Frequency("year", 1, 1, day=30),
]


def moment(*parts: int) -> np.datetime64:
    return np.datetime64(datetime(*parts), "us")


def times(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[us]")


def by_the_calendar(frequency: Frequency, count: int) -> list[datetime]:
    """Compute the steps one by one with Python's own calendar."""
    found, now = [], START
    months = {"month": 1, "quarter": 3, "year": 12}.get(frequency.unit, 0) * frequency.count
    for step in range(count):
        if months:
            year, month = divmod(START.year * 12 + START.month - 1 + step * months, 12)
            day = min(frequency.day, calendar.monthrange(year, month + 1)[1])
            now = START.replace(year=year, month=month + 1, day=day)
        found.append(now)
        if frequency.unit == "business day":
            now += timedelta(days=1)
            while now.weekday() >= 5:
                now += timedelta(days=1)
        elif not months:
            now += timedelta(**{f"{frequency.unit}s": frequency.count})
    return found


@pytest.mark.parametrize("frequency", GRIDS, ids=Frequency.describe)
def test_steps_are_those_of_the_calendar_and_are_counted_back(frequency):
    found = frequency.timestamps(np.datetime64(START, "us"), 41)
    assert found.tolist() == by_the_calendar(frequency, 41)
    assert frequency.positions(found, found[0]).tolist() == list(range(41))
    assert frequency.positions(found[7:], found[0])[0] == 7
    assert frequency.positions(found[3:] + np.timedelta64(1, "s"), found[0]).tolist() == [-1] * 38


@pytest.mark.parametrize("frequency", GRIDS, ids=Frequency.describe)
@pytest.mark.parametrize("missing", [(), (5, 6, 17)])
def test_steps_are_inferred_from_times_some_of_which_are_missing(frequency, missing):
    found = np.delete(frequency.timestamps(np.datetime64(START, "us"), 41), missing)
    inferred = infer_frequency([found])
    assert inferred.step == frequency.step
    assert inferred.timestamps(found[0], 41).tolist() == by_the_calendar(frequency, 41)
    assert inferred.season == usual_season(*frequency.step)
    places = place_on_grid(found, inferred, str, str, fill_gaps=True)
    assert places.tolist() == [step for step in range(41) if step not in missing]
    assert Frequency.from_dict(inferred.to_dict()) == inferred


def test_months_on_any_day_are_counted_by_the_month():
    found = infer_frequency([times("2024-01-31", "2024-02-29", "2024-03-28", "2024-04-30", "2024-05-31")])
    assert (found.step, found.day) == (("month", 1), 0)
    assert found.positions(times("2024-03-28", "2024-07-31"), moment(2024, 1, 31)).tolist() == [2, 6]


@pytest.mark.parametrize(
    ("frequency", "text", "season"),
    [
        (("hour", 1), "hourly", 24),
        (("hour", 6), "every 6 hours", 4),
        (("minute", 10), "every 10 minutes", 144),
        (("minute", 7), "every 7 minutes", 1),
        (("day", 1), "daily", 7),
        (("business day", 1), "business days", 5),
        (("week", 1), "weekly", 52),
        (("month", 1), "monthly", 12),
        (("quarter", 1), "quarterly", 4),
        (("year", 1), "yearly", 1),
        (("second", 1), "every second", 1),
    ],
)
def test_a_frequency_has_words_and_a_season(frequency, text, season):
    assert Frequency(*frequency, 1).describe() == text
    assert usual_season(*frequency) == season


def test_the_step_of_several_series_is_found_together_and_one_row_has_none():
    found = infer_frequency([times("2024-01-01", "2024-01-02"), times("2020-05-01"), times("2021-01-01", "2021-01-02")])
    assert found.step == ("day", 1)
    assert infer_frequency([times("2024-01-01"), times("2024-01-02")]) is None
    assert infer_frequency([np.array([3, 5, 7, 11])]) == Frequency("step", 2, 1)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (times("2024-01-01", "2024-01-03", "2024-01-02"), "row 2: 2024-01-02 comes after 2024-01-03"),
        (times("2024-01-01", "2024-01-02", "2024-01-02"), "row 2: the time 2024-01-02 was there before, in row 1"),
        (times("2024-01-01", "2024-01-02", "2024-01-01"), "row 2: the time 2024-01-01 was there before, in row 0"),
    ],
)
def test_times_out_of_order_or_twice_are_refused(found, message):
    with pytest.raises(DataError, match=message):
        check_order(found, lambda at: f"row {at}", lambda at: str(found[at].astype("datetime64[D]")))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            times("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-07", "2024-01-09"),
            "2024-01-07 follows 2024-01-03, and the steps are daily: 3 steps are missing, 4 in all. Add the rows, or",
        ),
        (
            times("2024-01-01T10:00", "2024-01-01T11:00", "2024-01-01T12:00", "2024-01-01T13:01"),
            "row 3: 2024-01-01 13:01:00 follows 2024-01-01 12:00:00, and the steps are hourly. Correct it",
        ),
        (
            times("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-11"),
            "business days: 1 step is missing",
        ),
    ],
)
def test_gaps_and_times_off_the_grid_are_refused(found, message):
    def say(at):
        return str(found[at].item()).removesuffix(" 00:00:00")

    with pytest.raises(DataError) as caught:
        place_on_grid(found, infer_frequency([found]), lambda at: f"row {at}", say, fill_gaps=False)
    assert message in str(caught.value)


def test_a_year_that_is_mistyped_does_not_fill_the_memory():
    found = times("2024-01-01", "2024-01-02", "9024-01-03")
    with pytest.raises(DataError, match="Correct the time"):
        place_on_grid(found, Frequency("day", 1, 7), str, str, fill_gaps=True)


def test_an_unknown_frequency_in_a_model_is_refused():
    with pytest.raises(DataError, match="no frequency that this program knows"):
        Frequency.from_dict({"unit": "fortnight", "count": 1, "season": 1, "day": 1})


def test_a_weekend_has_no_business_days():
    times = np.array(["2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08"], "datetime64[us]")
    found = Frequency("business day", 1, 5).positions(times, np.datetime64("2024-01-01", "us"))
    assert found.tolist() == [4, -1, -1, 5]

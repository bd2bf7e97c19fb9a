"""Which columns are the time of a row: recognised, joined or refused with a line, and never a target or a series."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from elman.data.series.opening import open_series
from elman.errors import DataError

HOURS = [datetime(2024, 3, 10) + timedelta(hours=n) for n in range(240)]
DAYS = [datetime(2024, 1, 25) + timedelta(days=n) for n in range(60)]


@pytest.fixture
def write(tmp_path):
    def writer(header, rows):
        path = tmp_path / "t.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return writer


@pytest.mark.parametrize("clock", ["%H.%M.%S", "%H:%M:%S", "%H", "%I:%M %p", "%H%M"])
def test_a_date_and_a_clock_are_one_hourly_series(write, clock):
    rows = [f"{hour:%d/%m/%Y},{hour:{clock}},{n % 24 + n % 7},{n % 13}" for n, hour in enumerate(HOURS)]
    for options in ({}, {"time": "Date,Time"}, {"time": ("Date", "Time")}, {"time": "Time,Date"}):
        data = open_series(write("Date,Time,gas,damp", rows), target="gas", **options)
        assert (len(data), len(data.series[0]), data.frequency.step) == (1, 240, ("hour", 1))
    assert open_series(write("Date,Time,gas,damp", rows)).columns.targets == ("gas", "damp")


def test_year_month_day_and_hour_are_one_time(write):
    rows = [f"{n + 1},{t.year},{t.month},{t.day},{t.hour},{n % 24},{n % 5}" for n, t in enumerate(HOURS)]
    data = open_series(write("No,year,month,day,hour,pm,TEMP", rows))
    assert data.columns.times == ("year", "month", "day", "hour")
    assert (data.columns.targets, data.frequency.step) == (("pm", "TEMP"), ("hour", 1))


def test_columns_are_joined_in_the_requested_order_whatever_their_names(write):
    rows = [f"{t.year},{t.month},{t.day},{n % 5}" for n, t in enumerate(DAYS)]
    data = open_series(write("a,b,c,y", rows), time=["a", "b", "c"])
    assert data.frequency.step == ("day", 1)
    assert data.series[0].start.item() == DAYS[0]


def test_hours_of_many_stores_are_joined_in_any_order_of_rows(write):
    rows = [f"s{store},{t:%Y-%m-%d},{t.hour},{n % 24 + store}" for n, t in enumerate(HOURS) for store in (1, 2, 3)]
    for ordered in (rows, sorted(rows, key=lambda row: row[:2])):
        data = open_series(write("store,date,hour,sales", ordered))
        assert [len(one) for one in data.series] == [240] * 3
        assert data.columns.times == ("date", "hour")


def test_opening_hours_of_stores_are_no_part_of_the_date(write):
    rows = [
        f"s{store},{t:%Y-%m-%d},{7 + store:02d}:00,{n % 9 + store}" for n, t in enumerate(DAYS) for store in (1, 2, 3)
    ]
    for ordered in (rows, sorted(rows)):
        data = open_series(write("store,date,opens,sales", ordered))
        assert (data.columns.times, data.columns.id, data.columns.targets) == (("date",), ("store",), ("sales",))


def test_what_is_time_is_neither_a_target_nor_a_series(write):
    rows = [
        f"{t},{t.year},{t.month},{t.day},{t.hour},{t.weekday()},{t:%A},{t:%p},{t.timestamp():.0f},{t:%Y-%m},{n % 5}"
        for n, t in enumerate(HOURS)
    ]
    data = open_series(write("date,year,month,day,hour,weekday,name,half,epoch,period,y", rows))
    assert (data.columns.targets, data.columns.id, data.columns.time) == (("y",), (), "date")
    [note] = [note for note in data.notes if "times are neither targets nor series" in note]
    assert "year, month, day, hour, weekday, name, half, epoch" in note
    assert open_series(write("date,hour,y", [f"{t},{t.hour},{n % 5}" for n, t in enumerate(HOURS)]), target="hour")


def test_missing_cells_do_not_hide_what_a_column_is(write):
    rows = [
        f"{t:%Y-%m-%d},{'NA' if n == 3 else n % 7},{'NA' if n == 4 else n % 24},{n % 5}" for n, t in enumerate(DAYS)
    ]
    assert open_series(write("date,dow,time,y", rows)).columns.targets == ("y",)


def test_columns_called_like_measured_values_stay_values(write):
    rows = [f"{t:%Y-%m-%d},{n % 9},{n % 9 + 10},{n % 7 + 0.5},{n % 40}" for n, t in enumerate(DAYS)]
    assert open_series(write("date,min,max,days,minutes", rows)).columns.targets == ("min", "max", "days", "minutes")


def test_dates_with_two_readings_are_read_as_the_model_has_its_steps(write):
    daily = open_series(write("date,y", [f"{t:%d/%m/%Y},{n % 5}" for n, t in enumerate(DAYS)])).columns
    later = write("date,y", [f"0{day}/06/2024,{day % 4}" for day in range(1, 7)])
    data = open_series(later, like=daily)
    assert data.series[0].start.item() == datetime(2024, 6, 1)
    with pytest.raises(DataError, match="may begin with a day or with a month"):
        open_series(later)


HALF = [f"{t:%Y-%m-%d},{n % 5}" if n < 30 else f"{t:%d/%m/%Y},{n % 5}" for n, t in enumerate(DAYS)]
FEW = HALF[:40]
CLOCKS = [f"{t:%H:%M},{n % 5}" for n, t in enumerate(HOURS)]
TWO_CLOCKS = [f"{t:%H:%M},{t:%H:%M},{n % 5}" for n, t in enumerate(HOURS)]
SWAPPED = [f"{t:%m/%d/%Y},1" for t in DAYS[:20]] + [f"{t:%d/%m/%Y},2" for t in DAYS[20:]]
ZONED = [f"{t:%Y-%m-%dT%H:%M}{'Z' * (n < 9)},{n % 5}" for n, t in enumerate(HOURS)]
WEEKS = [f"week {n},{n % 5}" for n in range(30)]
WORDS = [f"day {'abc'[n % 3]},{n % 5}" for n in range(30)]
NOON = [*(f"{t:%Y-%m-%d},{t:%H:%M},{n % 5}" for n, t in enumerate(HOURS[:60])), "2024-03-12,noon,3"]
KINDS = [f"{t:%Y-%m-%d},{'ab'[n % 2]},{n % 5}" for n, t in enumerate(HOURS)]
NO_DAY = [*(f"2023,2,{day},1" for day in range(1, 29)), "2023,3,1,2", "2023,2,30,2"]
BACK = [f"2024-10-27 0{hour}:00,{hour}" for hour in (0, 1, 2, 2, 3, 4, 5)]
FORWARD = [f"2024-03-31 0{hour}:00,{hour}" for hour in (0, 1, 3, 4, 5, 6)]
PARTLY = [f"{t:%Y-%m-%d},{n % 5}" for n, t in enumerate(DAYS[:30] + DAYS[40:] + DAYS[30:40])]
TWICE = [f"{t:%Y-%m-%d},{n % 5}" for n, t in enumerate([*DAYS[::-1], DAYS[0]])]
EMPTY = ["2024-01-01,00:00,1", "2024-01-01,,2"] * 9
BAD = {
    "half in another form": ("date,y", HALF, {}, r"line 32, column date: '24/02/2024'.*'2024-01-25' in .*line 2"),
    "under another name": ("when,y", HALF, {}, r"line 32, column when: '24/02/2024'.*'2024-01-25' in .*line 2"),
    "few in another form": ("date,y", FEW, {}, r"line 32, column date: is '24/02/2024', .*'2024-02-23' in .*line 31"),
    "days and months swapped": ("date,y", SWAPPED, {}, r"line 2, column date: is '01/25/2024', .* as '.*' in .*line"),
    "an offset in some": ("time,y", ZONED, {}, r"line 11, column time: is '2024-03-10T09:00', and .*line 2.*T00:00Z'"),
    "words": ("date,y", WORDS, {}, "line 2, column date: 'day a' is no time"),
    "words under time": ("time,y", WEEKS, {}, "line 2, column time: 'week 0' is no time"),
    "fractions": ("time,y", [f"{n / 100},{n % 5}" for n in range(30)], {}, "line 2, column time: '0.0' is no time"),
    "a clock alone": ("time,y", CLOCKS, {}, "line 2, column time: '00:00' is a clock without a date. Add a column"),
    "a requested clock": ("T,y", CLOCKS, {"time": "T"}, "line 2, column T: '00:00' is a clock without a date"),
    "two clocks": ("S,T,y", TWO_CLOCKS, {"time": "S,T"}, "line 2, column S: '00:00' is a clock without a date"),
    "no clock": ("date,kind,y", KINDS, {"time": "date,kind"}, "line 2, column kind: 'a' is no part of a time"),
    "noon": ("date,time,y", NOON, {"time": "date,time"}, "line 62, columns date, time: is 'noon', and a clock"),
    "noon, inferred": ("date,time,y", NOON, {}, "line 62, columns date, time: is 'noon', and a clock"),
    "no such day": ("year,month,day,y", NO_DAY, {}, "line 31, columns year, month, day: 2023 2 30 is no date"),
    "clocks that go back": ("time,y", BACK, {}, r"line 5.*was there before, in .*line 4.*write UTC offsets"),
    "clocks that go forward": ("time,y", FORWARD, {}, r"line 4.*1 step is missing.*write UTC offsets"),
    "partly unsorted": ("date,y", PARTLY, {}, "line 52, column date: 2024-02-24 comes after 2024-03-24"),
    "newest first, one twice": ("date,y", TWICE, {}, "was there before|comes after"),
    "an empty clock": ("date,time,y", EMPTY, {"time": "date,time"}, "line 3, .* is empty"),
}


@pytest.mark.parametrize(("header", "rows", "options", "message"), BAD.values(), ids=BAD)
def test_times_that_cannot_be_read_are_refused_with_their_lines(write, header, rows, options, message):
    with pytest.raises(DataError, match=message) as caught:
        open_series(write(header, rows), **options)
    assert "\n" not in str(caught.value)


def test_a_column_called_like_a_time_that_cannot_be_read_is_noted_with_its_line(write):
    data = open_series(write("Month,Sales", [f"{n // 12 + 1}-{n % 12 + 1:02d},{n % 5}" for n in range(36)]))
    assert any("line 2, column Month: '1-01' is no time that is understood" in note for note in data.notes)
    assert not any(note.startswith("Not read: Month") for note in data.notes)


def test_rows_are_counted_where_that_is_requested_whatever_a_column_is_called(write):
    data = open_series(write("time,y", [f"week {n},{n % 5}" for n in range(30)]), time="")
    assert (data.columns.time, data.frequency.step, data.columns.targets) == (None, ("step", 1), ("y",))


def test_months_of_one_digit_are_written_so_though_a_year_of_hours_ends_in_december(write):
    hours = [datetime(2024, 1, 1) + timedelta(hours=n) for n in range(366 * 24)]
    rows = [f"{hour.year}/{hour.month}/{hour.day} {hour.hour}:00,{n % 24 + n % 7}" for n, hour in enumerate(hours)]
    data = open_series(write("Time,gas", rows))
    assert data.notation.say(np.datetime64("2025-01-01T05", "us")) == "2025/1/1 5:00"

"""Times as people write them: every form with its meaning, and what is no time."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from elman.data.series.timestamps import guess_form, is_ambiguous, read_times, settle_zones
from elman.errors import DataError


def read(*cells: str, named: bool = False):
    form = guess_form(cells, named=named)
    assert form is not None, cells
    return read_times(cells, form, lambda at: f"sales.csv line {at + 2}")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2024-01-31", datetime(2024, 1, 31)),
        ("2024/1/5", datetime(2024, 1, 5)),
        ("2024.01.05 7:30", datetime(2024, 1, 5, 7, 30)),
        ("2024-01", datetime(2024, 1, 1)),
        ("2024-01-31T13:00:07", datetime(2024, 1, 31, 13, 0, 7)),
        ("2024-01-31 13:00:07.25", datetime(2024, 1, 31, 13, 0, 7, 250_000)),
        ("2024-01-31 24:00", datetime(2024, 2, 1)),
        ("31.01.2024", datetime(2024, 1, 31)),
        ("31/1/24 12:05 AM", datetime(2024, 1, 31, 0, 5)),
        ("1/31/2024 12:05 pm", datetime(2024, 1, 31, 12, 5)),
        ("12/31/68", datetime(2068, 12, 31)),
        ("12/31/69", datetime(1969, 12, 31)),
        ("Jan 2024", datetime(2024, 1, 1)),
        ("31 January 2024", datetime(2024, 1, 31)),
        ("5-Mar-24", datetime(2024, 3, 5)),
        ("Sept. 30, 2024", datetime(2024, 9, 30)),
        ("2024Q3", datetime(2024, 7, 1)),
        ("Q2 2024", datetime(2024, 4, 1)),
        ("2024-W05", datetime(2024, 1, 29)),
    ],
)
def test_a_form_is_recognised_and_means_what_is_written(cell, expected):
    times, zones = read(cell)
    assert times.dtype == np.dtype("datetime64[us]")
    assert (times[0].item(), zones) == (expected, None)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1999", "2024"], [datetime(1999, 1, 1), datetime(2024, 1, 1)]),
        (["20240131", "20240229"], [datetime(2024, 1, 31), datetime(2024, 2, 29)]),
        (["1600000000", "1600003600"], [datetime(2020, 9, 13, 12, 26, 40), datetime(2020, 9, 13, 13, 26, 40)]),
        (["1600000000123"], [datetime(2020, 9, 13, 12, 26, 40, 123_000)]),
        (["-3", "0", "12"], [-3, 0, 12]),
    ],
)
def test_numbers_are_times_only_in_a_column_with_a_name_for_times(cells, expected):
    assert guess_form(cells, named=False) is None
    assert read(*cells, named=True)[0].tolist() == expected


def test_every_day_of_forty_years_is_read_as_the_calendar_has_it():
    days = [date(1990, 1, 1) + timedelta(days=n) for n in range(0, 14_600, 7)]
    for write in (date.isoformat, lambda day: f"{day:%d/%m/%Y}", lambda day: f"{day:%d %b %Y}"):
        found, _ = read(*map(write, days))
        assert [moment.date() for moment in found.tolist()] == days


@pytest.mark.parametrize(
    ("cells", "form"),
    [(["01/02/2024", "13/02/2024"], "day first"), (["01/02/2024", "02/13/2024"], "month first")],
)
def test_a_number_above_twelve_decides_which_is_the_month(cells, form):
    assert guess_form(cells, named=False) == form
    assert not is_ambiguous(cells)
    assert is_ambiguous(cells[:1])


@pytest.mark.parametrize("cell", ["2023-02-29", "2024-13-01", "2024-01-31 25:00", "2024-01-31 11:60", "soon", ""])
def test_what_is_no_time_is_refused_with_its_line(cell):
    with pytest.raises(DataError, match="line 3 is "):
        read_times(["2024-01-31", cell], "iso", lambda at: f"sales.csv line {at + 2}")


@pytest.mark.parametrize("cells", [["blue", "red"], ["1.5", "2.5"], ["3", "1"], ["10.0.0.1"], ["2024-1-2-3"]])
def test_words_and_measured_numbers_are_no_times(cells):
    assert guess_form(cells, named=False) is None


def test_one_time_of_day_keeps_local_time_and_several_become_utc():
    times, zones = read("2024-03-30T12:00+01:00", "2024-03-31T12:00+02:00")
    settled, universal = settle_zones(times, zones)  # The same time of every day.
    assert (settled.tolist(), universal) == (times.tolist(), False)
    times, zones = read("2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00", "2024-03-31T04:00+02:00")
    settled, universal = settle_zones(times, zones)
    assert universal
    assert [moment.hour for moment in settled.tolist()] == [0, 1, 2]
    times, zones = read("2024-03-31T01:00+05:30", "2024-03-31T02:00+0530")
    assert [moment.hour for moment in settle_zones(times, zones)[0].tolist()] == [19, 20]
    times, zones = read("2024-03-31T01:00+05:30", "2024-03-31T02:30+05:45", "2024-03-31T02:00-0330")
    assert [moment.time().isoformat("minutes") for moment in settle_zones(times, zones)[0].tolist()] == [
        "19:30",
        "20:45",
        "05:30",
    ]
    assert settle_zones(*read("2024-03-31T01:00Z", "2024-03-31T02:00Z"))[1]

"""Times come out as they went in: order, separators, digits, names, offsets and columns; Python's own clock decides."""

import math
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from elman.data.series.opening import open_series

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HOURS = [datetime(2024, 3, 10) + timedelta(hours=n) for n in range(200)]
DAYS = [datetime(2024, 1, 25) + timedelta(days=n) for n in range(60)]
MONTHS = [datetime(2018 + n // 12, n % 12 + 1, 1) for n in range(40)]
QUARTERS = [datetime(2010 + n // 4, 3 * (n % 4) + 1, 1) for n in range(30)]
WEEKS = [datetime(2019, 6, 3) + timedelta(weeks=n) for n in range(120)]
AHEAD = 5


def unpadded(moment: datetime) -> str:
    return f"{moment.month}/{moment.day}/{moment:%y}"


NOTATIONS = {
    "iso days": ("date", DAYS, "{:%Y-%m-%d}".format),
    "iso with T": ("time", HOURS, "{:%Y-%m-%dT%H:%M:%S}".format),
    "iso with Z": ("time", HOURS, "{:%Y-%m-%dT%H:%M:%SZ}".format),
    "iso with UTC": ("time", HOURS, "{:%Y-%m-%d %H:%M UTC}".format),
    "short offset": ("time", HOURS, "{:%Y-%m-%d %H:%M:%S+00}".format),
    "slashes": ("date", DAYS, "{:%Y/%m/%d}".format),
    "months alone": ("month", MONTHS, "{:%Y-%m}".format),
    "dots, day first": ("time", HOURS, "{:%d.%m.%Y %H:%M}".format),
    "two digits of a year": ("date", DAYS, "{:%d.%m.%y}".format),
    "month first, no zeros": ("date", DAYS, unpadded),
    "halves of a day": ("time", HOURS, "{:%m/%d/%Y %I:%M:%S %p}".format),
    "short names": ("month", MONTHS, "{:%b %Y}".format),
    "full names": ("month", MONTHS, "{:%B %Y}".format),
    "capitals": ("month", MONTHS, lambda moment: f"{moment:%b-%y}".upper()),
    "mail": ("date", HOURS, '"{:%a, %d %b %Y %H:%M:%S +0200}"'.format),
    "quarters": ("period", QUARTERS, lambda moment: f"{moment.year}Q{(moment.month + 2) // 3}"),
    "weeks": ("week", WEEKS, "{:%G-W%V}".format),
    "years": ("year", [datetime(1950 + n, 1, 1) for n in range(40)], "{:%Y}".format),
    "compact": ("date", DAYS, "{:%Y%m%d}".format),
    "compact hours": ("time", HOURS, "{:%Y%m%d%H}".format),
    "seconds": ("time", HOURS, lambda moment: f"{moment.replace(tzinfo=UTC).timestamp():.0f}"),
    "seconds with a point": ("time", HOURS, lambda moment: f"{moment.replace(tzinfo=UTC).timestamp():.1f}"),
    "milliseconds": ("timestamp", HOURS, lambda moment: f"{moment.replace(tzinfo=UTC).timestamp() * 1000:.0f}"),
    "nanoseconds": ("timestamp", HOURS, lambda moment: f"{moment.replace(tzinfo=UTC).timestamp():.0f}000000000"),
    "days of spreadsheets": ("date", DAYS, lambda moment: str((moment - datetime(1899, 12, 30)).days)),
    "hours of spreadsheets": (
        "datetime",
        HOURS,
        lambda moment: f"{(moment - datetime(1899, 12, 30)) / timedelta(days=1):.6f}",
    ),
    "microseconds": (
        "time",
        [datetime(2024, 1, 1) + timedelta(microseconds=2500 * n) for n in range(60)],
        "{:%Y-%m-%d %H:%M:%S.%f}".format,
    ),
    "24:00": (
        "time",
        HOURS,
        lambda moment: f"{moment:%Y-%m-%d %H:%M}" if moment.hour else f"{moment - timedelta(1):%Y-%m-%d} 24:00",
    ),
    "date and clock": ("Date,Time", HOURS, "{:%d/%m/%Y,%H.%M.%S}".format),
    "date with midnight and clock": ("Date,Time", HOURS, "{:%Y-%m-%d 00:00:00,%H:%M:%S}".format),
    "year to clock": ("Year,Month,Day,Time", HOURS, "{:%Y,%m,%d,%H:%M}".format),
    "date and half days": ("date,time", HOURS, "{:%m/%d/%Y,%I:%M %p}".format),
    "date and hour": ("date,hour", HOURS, lambda moment: f"{moment:%Y-%m-%d},{moment.hour}"),
    "date and hour that ends": (
        "date,hour",
        HOURS,
        lambda moment: f"{moment - timedelta(hours=1):%Y-%m-%d},{(moment.hour - 1) % 24 + 1}",
    ),
    "date and digits": ("DATE,TIME", HOURS, "{:%Y%m%d,%H%M}".format),
    "date and number": ("DATE,HHMM", HOURS, lambda moment: f"{moment:%Y%m%d},{moment.hour * 100}"),
    "year to hour": (
        "year,month,day,hour",
        HOURS,
        lambda moment: f"{moment.year},{moment.month},{moment.day},{moment.hour}",
    ),
    "year to day": ("YEAR,MO,DY", DAYS, "{:%Y,%m,%d}".format),
    "year and month name": ("Year,Month", MONTHS, "{:%Y,%B}".format),
    "year and quarter": ("year,quarter", QUARTERS, lambda moment: f"{moment.year},Q{(moment.month + 2) // 3}"),
    "year and week": ("year,week", WEEKS, lambda moment: f"{moment.isocalendar().year},{moment.isocalendar().week}"),
}


def values(count: int) -> list[str]:
    return [f"{10 + 5 * math.sin(n * math.pi / 12) + n * 7 % 5 / 10:.2f}" for n in range(count)]


@pytest.fixture
def read(tmp_path):
    def reader(header, cells, **options):
        path = tmp_path / "t.csv"
        rows = [",".join(row) for row in zip(cells, values(len(cells)), strict=True)]
        path.write_text("\n".join([f"{header},load", *rows]) + "\n", encoding="utf-8")
        return open_series(path, **options)

    return reader


def follow(data, count: int = AHEAD) -> list[str]:
    """Write the steps that follow the first series."""
    [series] = data.series
    ahead = data.frequency.timestamps(series.start, len(series) + count)[-count:]
    return [",".join(data.write_time(series, moment).values()) for moment in ahead]


@pytest.mark.parametrize(("header", "moments", "write"), NOTATIONS.values(), ids=NOTATIONS)
def test_the_steps_that_follow_are_written_as_those_before(read, header, moments, write):
    cells = [write(moment) for moment in moments]
    data = read(header, cells[:-AHEAD])
    assert len(data) == 1
    assert len(data.series[0]) == len(cells) - AHEAD
    assert data.columns.times == tuple(header.split(","))
    assert follow(data) == [cell.strip('"') for cell in cells[-AHEAD:]]
    assert follow(read(header, cells[:-AHEAD], like=data.columns)) == follow(data), "a model reads it in the same way"


@pytest.mark.parametrize("begin", [datetime(2024, 3, 20, tzinfo=UTC), datetime(2024, 10, 17, tzinfo=UTC)])
@pytest.mark.parametrize("write", [datetime.isoformat, "{:%d.%m.%Y %H:%M %z}".format])
def test_hours_go_on_with_their_offset_behind_a_change_of_clock(read, begin, write):
    cells = [write((begin + timedelta(hours=n)).astimezone(AMSTERDAM)) for n in range(24 * 14)]
    data = read("time", cells[:-AHEAD])
    assert data.frequency.step == ("hour", 1)
    assert follow(data) == cells[-AHEAD:]


def test_days_keep_local_midnight_over_a_change_of_clock(read):
    cells = [str(datetime(2024, 3, 25, tzinfo=AMSTERDAM) + timedelta(days=n)) for n in range(30)]
    data = read("time", cells[:-AHEAD])
    assert data.frequency.step == ("day", 1)
    assert follow(data) == cells[-AHEAD:]


def test_offsets_of_rows_that_are_known_ahead_are_those_of_the_rows(read, tmp_path):
    begin = datetime(2024, 3, 25, tzinfo=UTC)
    cells = [(begin + timedelta(hours=n)).astimezone(AMSTERDAM).isoformat() for n in range(24 * 8)]
    ahead = 60
    rows = [f"{cell},{n % 24 if n < len(cells) - ahead else ''},{n % 3}" for n, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("time,load,promo\n" + "\n".join(rows) + "\n")
    data = open_series(tmp_path / "t.csv", target="load", known="promo")
    assert "+01:00" in cells[len(cells) - ahead - 1]
    assert follow(data, ahead) == cells[-ahead:]


def test_the_notation_is_that_of_the_latest_rows_and_a_clock_left_out_at_midnight_is_written(read):
    old = [f"{moment:%Y/%m/%d %H:%M}" for moment in HOURS[:100]]
    new = [f"{moment:%Y-%m-%d}" + (f" {moment:%H:%M:%S}" if moment.hour else "") for moment in HOURS[100:]]
    data = read("time", old + new[:-3])
    assert follow(data, 3) == [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in HOURS[-3:]]


def test_series_in_several_zones_keep_their_own(tmp_path):
    begin = datetime(2024, 5, 1, tzinfo=UTC)
    zones = {"a": AMSTERDAM, "b": ZoneInfo("Asia/Kolkata"), "c": UTC}
    rows = [
        f"{name},{(begin + timedelta(hours=n)).astimezone(zone).isoformat()},{n % 24 + len(name)}"
        for name, zone in zones.items()
        for n in range(50)
    ]
    (tmp_path / "t.csv").write_text("id,time,load\n" + "\n".join(rows) + "\n")
    data = open_series(tmp_path / "t.csv")
    for series, zone in zip(data.series, zones.values(), strict=True):
        moment = data.frequency.timestamps(series.start, 51)[-1]
        assert data.say_time(series, moment) == (begin + timedelta(hours=50)).astimezone(zone).isoformat()


def test_newest_first_is_sorted_with_a_note_and_written_on_from_the_newest(read):
    cells = [f"{day:%Y-%m-%d}" for day in DAYS]
    data = read("date", cells[-AHEAD - 1 :: -1])
    assert "Rows are newest first, and were sorted by time." in data.notes
    assert follow(data) == cells[-AHEAD:]
    assert data.series[0].values.tolist() == [float(value) for value in values(len(cells) - AHEAD)][::-1]
    assert data.series[0].last.endswith("line 2")


def test_every_day_of_a_leap_year_is_a_date_in_three_columns(read):
    cells = [f"{day.year},{day.month},{day.day}" for day in (date(2023, 7, 1) + timedelta(n) for n in range(500))]
    data = read("year,month,day", cells[:-AHEAD])
    assert (data.frequency.step, follow(data)) == (("day", 1), cells[-AHEAD:])

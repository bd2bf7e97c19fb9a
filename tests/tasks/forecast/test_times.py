"""A model keeps the columns of its times, and what it forecasts has the times of the table that it is given."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import MagicMock
from zoneinfo import ZoneInfo

import pytest

from elman.data.series.opening import open_series
from elman.tasks import forecast
from elman.tasks.forecast.commands import predict
from elman.tasks.forecast.picture import _draw_one
from forecastable import draw_values

SMALL = {"horizon": 3, "lookback": 7, "hidden": 5, "batch": 16, "epochs": 1, "validation": 9, "quiet": True}
HOURS = [datetime(2024, 3, 10) + timedelta(hours=n) for n in range(80)]


def write(path, header, cells):
    rows = [f"{cell},{value:.3f}" for cell, value in zip(cells, draw_values(len(cells)), strict=True)]
    path.write_text("\n".join([f"{header},load", *rows]) + "\n")
    return path


def answer(model, *data, as_json=False):
    options = SimpleNamespace(picture=None)
    request = SimpleNamespace(model=model, data=list(map(str, data)), options=options, json=as_json, note=notes.append)
    return "".join(predict(request))


notes: list[str] = []


@pytest.mark.parametrize("time", [None, "Date,Time", ("Date", "Time"), ["Date", "Time"]])
def test_a_date_and_a_clock_are_kept_by_a_model_and_written_in_their_columns(tmp_path, time):
    cells = [f"{hour:%d/%m/%Y},{hour:%H.%M}" for hour in HOURS]
    table = write(tmp_path / "t.csv", "Date,Time", cells[:-3])
    forecast.train(table, time=time, output=tmp_path / "m", compare=False, **SMALL)
    rows = list(csv.DictReader(io.StringIO(answer(tmp_path / "m", table))))
    assert list(rows[0]) == ["Date", "Time", "series", "forecast", "low_80", "high_80"]
    assert [f"{row['Date']},{row['Time']}" for row in rows] == cells[-3:]
    [first, *_] = map(json.loads, answer(tmp_path / "m", table, as_json=True).splitlines())
    assert (first["Date"], first["Time"]) == tuple(cells[-3].split(","))


def test_forecasts_are_written_as_the_new_table_writes_times(tmp_path):
    old = write(tmp_path / "old.csv", "time", [f"{hour:%Y-%m-%d %H:%M}" for hour in HOURS])
    model = forecast.train(old, compare=False, **SMALL)
    new = [f"{hour + timedelta(days=90):%d.%m.%Y %H:%M}" for hour in HOURS]
    [one] = model.forecast(open_series(write(tmp_path / "new.csv", "time", new[:-3]), like=model.columns))
    assert [written["time"] for written in one.written] == new[-3:]


@pytest.mark.parametrize(("time", "new"), [("series", "series_2"), ("forecast", "forecast_2"), ("low_80", "low_80_2")])
def test_a_column_of_times_called_like_an_answer_stays(tmp_path, time, new):
    days = [f"{datetime(2024, 1, 1) + timedelta(days=n):%Y-%m-%d}" for n in range(60)]
    table = write(tmp_path / "t.csv", time, days[:-3])
    forecast.train(table, output=tmp_path / "m", compare=False, **SMALL)
    rows = list(csv.DictReader(io.StringIO(answer(tmp_path / "m", table))))
    assert [row[time] for row in rows] == days[-3:]
    assert new in rows[0]
    assert len(rows[0]) == 5


@pytest.mark.parametrize("target", ["lower", "upper", "series", "step", "forecast", "low_80"])
def test_a_target_may_be_called_like_an_answer(tmp_path, target):
    table = tmp_path / "t.csv"
    table.write_text(f"{target}\n" + "".join(f"{value:.3f}\n" for value in draw_values(60)))
    forecast.train(table, output=tmp_path / "m", compare=False, **SMALL)
    rows = list(csv.DictReader(io.StringIO(answer(tmp_path / "m", table))))
    assert [(row["step"], row["series"]) for row in rows] == [(str(step), target) for step in (60, 61, 62)]
    assert all(30 < float(row["forecast"]) < 80 for row in rows)


def test_newest_first_is_noted_when_a_model_forecasts(tmp_path):
    days = [f"{datetime(2024, 1, 1) + timedelta(days=n):%Y-%m-%d}" for n in range(60)]
    model = forecast.train(write(tmp_path / "t.csv", "date", days), output=tmp_path / "m", compare=False, **SMALL)
    assert model.columns.times == ("date",)
    notes.clear()
    rows = list(csv.DictReader(io.StringIO(answer(tmp_path / "m", write(tmp_path / "n.csv", "date", days[-4::-1])))))
    assert [row["date"] for row in rows] == days[-3:]
    assert "Rows are newest first, and were sorted by time." in notes


def test_a_picture_shows_local_times(tmp_path):
    zone, begin = ZoneInfo("Europe/Amsterdam"), datetime(2024, 3, 28, tzinfo=UTC)
    local = [(begin + timedelta(hours=n)).astimezone(zone) for n in range(80)]
    table = write(tmp_path / "t.csv", "time", [hour.isoformat() for hour in local])
    model = forecast.train(table, compare=False, **SMALL)
    [one] = model.forecast(open_series(table, like=model.columns))
    axes = MagicMock()
    _draw_one(axes, one, 7, None)
    history, _, ahead = (call.args[0] for call in axes.plot.call_args_list)
    assert history[-1].item() == local[-1].replace(tzinfo=None)
    assert ahead[1].item() == local[-1].replace(tzinfo=None) + timedelta(hours=1)
    assert one.times[0].item() == (local[-1].astimezone(UTC) + timedelta(hours=1)).replace(tzinfo=None)

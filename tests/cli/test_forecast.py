"""Train, forecast and backtest from the command line, and what is refused there."""

import csv
import io
import json
import re

import pytest

from elman.tasks import forecast
from forecastable import write_sales

SMALL = ("--horizon", 4, "--lookback", 11, "--hidden", 13, "--batch", 16, "--epochs", 4, "--dropout", 0)
OPTIONS = {"horizon": 4, "lookback": 11, "hidden": 13, "batch": 16, "epochs": 4, "dropout": 0.0, "quiet": True}


def refused(done, *parts: str) -> None:
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("elman: ")
    for part in parts:
        assert part in done.err


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Train one model of two series; tests read it and do not change it."""
    folder = tmp_path_factory.mktemp("sales")
    path = folder / "m"
    forecast.train(write_sales(folder / "t.csv", columns=2), output=path, **OPTIONS)
    return path


def test_training_says_what_there_is_what_came_of_it_and_what_is_next(elman, tmp_path):
    write_sales(tmp_path / "sales.csv", weather=["sun", "rain"] * 60)
    done = elman("train", "forecast", "sales.csv", "--target", "sales", *SMALL)
    assert done.code == 0, done.err
    assert "Times are in day: daily" in done.err
    assert "without recurrence, seasonal naive: validation MASE" in done.err
    assert "best so far" in done.err
    rows = dict(line.split(maxsplit=1) for line in done.out.splitlines() if line[0] != " ")
    assert rows["model"].startswith("sales.elman.safetensors")
    assert rows["forecasts"] == "4 steps from 11"
    assert rows["validation"].startswith("MASE ")
    assert re.search(
        r" %; \d+ % of the values lie in the 80 % interval, which is calibrated on these same forecasts\n", done.out
    )
    assert rows["next"] == "elman predict sales.elman.safetensors sales.csv --picture forecast.png"
    assert elman(*rows["next"].split()[1:]).code == 0
    assert (tmp_path / "forecast.png").read_bytes().startswith(b"\x89PNG")
    refused(elman("train", "forecast", "sales.csv", *SMALL), "sales.elman.safetensors exists", "--force")


def test_training_as_json(elman, tmp_path):
    write_sales(tmp_path / "sales.csv")
    done = elman("train", "forecast", "sales.csv", "--json", "-q", *SMALL)
    assert done.err == ""
    result = json.loads(done.out)
    assert result["stopped"] == "epochs"
    assert set(result["baselines"]) >= {"naive", "linear"}
    assert 0 < result["validation"]["smape"] < 200


def test_a_forecast_is_a_table(elman, model, tmp_path):
    write_sales(tmp_path / "t.csv", columns=2)
    done = elman("predict", model, "t.csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert list(rows[0]) == ["day", "series", "forecast", "low_80", "high_80"]
    assert [row["series"] for row in rows] == ["sales"] * 4 + ["visits"] * 4
    # The table has 120 days from 27 February 2024 on.
    assert [row["day"] for row in rows] == ["2024-06-26", "2024-06-27", "2024-06-28", "2024-06-29"] * 2
    assert all(float(row["low_80"]) <= float(row["forecast"]) <= float(row["high_80"]) for row in rows)
    lines = elman("predict", model, "t.csv", "--json").out.splitlines()
    assert json.loads(lines[5])["forecast"] == float(rows[5]["forecast"])


def test_an_evaluation_stands_beside_what_does_without_recurrence(elman, model, tmp_path):
    write_sales(tmp_path / "t.csv", columns=2)
    done = elman("evaluate", model, "t.csv", "--origins", 3, "--every", 2)
    assert done.code == 0, done.err
    for name in ("this model", "naive", "seasonal naive", "Naive2", "linear", "sMAPE", "MASE", "OWA", "in 80 %"):
        assert name in done.out
    assert "6 of 4 steps" in done.out
    found = json.loads(elman("evaluate", model, "t.csv", "-q", "--json").out)
    assert found["forecasts"] == 2 * (120 - 11 - 4 + 1)
    assert found["baselines"]["Naive2"]["owa"] == 1


def test_an_evaluation_says_what_was_learnt_from(elman, model, tmp_path):
    write_sales(tmp_path / "t.csv", columns=2)
    # Of 120 days the last fifth, 24, is held out: a forecast may begin at day 11 to 116, and below 96 it was learnt.
    said = "170 of these 212 forecasts overlap the training data"
    done = elman("evaluate", model, "t.csv", "-q")
    assert [line for line in done.out.splitlines() if said in line], done.out
    assert json.loads(elman("evaluate", model, "t.csv", "-q", "--json").out)["learnt_from"] == 2 * 85
    for count, learnt in ((21, 0), (22, 2)):
        assert ("overlap the training data" in elman("evaluate", model, "t.csv", "-q", "--origins", count).out) == (
            learnt > 0
        )


def test_a_series_that_is_too_short_is_left_out_everywhere(elman, tmp_path):
    lines = write_sales(tmp_path / "t.csv", columns=2).read_text().splitlines()
    cut = [lines[0], *(line if at >= 111 else line.rpartition(",")[0] + "," for at, line in enumerate(lines[1:]))]
    (tmp_path / "t.csv").write_text("\n".join(cut) + "\n")
    done = elman("train", "forecast", "t.csv", "-o", "m", *SMALL)
    assert done.code == 0, done.err
    assert "1 of 2 series. The first, visits, has 9 steps" in done.err
    done = elman("predict", "m", "t.csv")
    assert [row["series"] for row in csv.DictReader(io.StringIO(done.out))] == ["sales"] * 4
    assert "1 of 2 series. The first, visits, has 9 steps, and a look-back of 11 needs 11" in done.err
    done = elman("evaluate", "m", "t.csv", "-q", "--origins", 3)
    assert "3 of 4 steps" in done.out
    assert "visits, has 9 steps, and a look-back of 11 and a horizon of 4 to compare with needs 15" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predict", "m", "-"), "needs whole tables"),
        (("predict", "m", "t.csv", "--picture", "x.txt"), "x.txt names no format"),
        (("predict", "m", "t.csv", "--probabilities"), "--probabilities is for classes"),
        (("evaluate", "m", "t.csv", "--worst", "3"), "--worst has no meaning"),
        (("evaluate", "m", "short.csv"), "a look-back of 11 and a horizon of 4 to compare with needs 15"),
        (("predict", "m", "short.csv"), "a look-back of 11 needs 11"),
        (("predict", "m", "one.csv"), "visits"),
        (("train", "forecast", "t.csv", "--lookback", "500"), "a look-back of 500"),
        (("train", "forecast", "t.csv", "--levels", "0.8"), "levels is '0.8'"),
        (("train", "forecast", "t.csv", "--target", "sale"), "sale"),
        (("train", "forecast", "constant.csv"), "constant.csv"),
        (("train", "forecast", "text.csv"), "text.csv line 4"),
        (("train", "forecast", "gap.csv"), "gap.csv line"),
        (("train", "forecast", "unordered.csv"), "unordered.csv line"),
        (("train", "forecast", "twice.csv"), "twice.csv line"),
        (("train", "forecast", "t.csv", "--lookback", "11", "--segment", "12"), "segment is 12"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(elman, model, tmp_path, arguments, said):
    (tmp_path / "m").write_bytes(model.read_bytes())
    lines = write_sales(tmp_path / "t.csv", columns=2).read_text().splitlines()
    write_sales(tmp_path / "short.csv", steps=9, columns=2)
    write_sales(tmp_path / "one.csv")
    tables = {
        "constant": [lines[0], *(f"{line.split(',')[0]},5,5" for line in lines[1:])],
        "text": [*lines[:3], f"{lines[3].split(',')[0]},many,1", *lines[4:]],
        "gap": [*lines[:40], *lines[42:]],
        "unordered": [*lines[:40], lines[41], lines[40], *lines[42:]],
        "twice": [*lines[:40], lines[39], *lines[40:]],
    }
    for name, rows in tables.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(rows) + "\n")
    before = {path.name for path in tmp_path.iterdir()}
    refused(elman(*arguments), said)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_covariate_that_is_not_known_far_enough_ahead_is_named(elman, tmp_path):
    write_sales(tmp_path / "t.csv", columns=2)
    done = elman("train", "forecast", "t.csv", "--target", "sales", "--known", "visits", "-o", "m", *SMALL)
    assert done.code == 0, done.err
    refused(elman("predict", "m", "t.csv"), "t.csv line 121", "visits of sales is known 0 steps beyond", "2024-06-29")


def test_options_of_series_are_refused_elsewhere(elman, trained):
    refused(elman("evaluate", trained, "book.txt", "--origins", "3"), "--origins has no meaning", "generate")
    refused(elman("predict", trained, "book.txt"), "is a model for 'generate'")

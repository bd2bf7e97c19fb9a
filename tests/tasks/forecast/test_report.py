"""The report on series: a description, and what looks wrong, a line each."""

import json

import numpy as np
import pytest

from elman.data.series.opening import open_series
from elman.tasks.forecast.report import report_series


@pytest.fixture
def report(tmp_path):
    def make(text, **options):
        path = tmp_path / "sales.csv"
        path.write_text(text, encoding="utf-8")
        return report_series(open_series(path, **options))

    return make


def daily(values, start="2024-01-01"):
    stamps = np.datetime64(start) + np.arange(len(values))
    return "".join(f"{day},{value}\n" for day, value in zip(stamps, values, strict=True))


def test_one_series_is_described(report):
    values = [*np.tile([3, 1, 4, 1, 5, 9, 2], 6), "", "", 6]
    found = report("date,sales\n" + daily(values))
    known = np.array([value for value in values if value != ""], float)
    assert found.lines() == [
        "1 series of 45 steps: daily, a season of 7",
        "2024-01-01 to 2024-02-14",
        f"values from 1 to 9, mean {known.mean():.4g}, standard deviation {known.std():.4g}",
        "missing values: sales 2 (4.4%)",
    ]
    assert json.loads(json.dumps(found.to_dict()))["missing"] == {"sales": 2}


def test_likely_mistakes_in_the_data_are_reported(report):
    rows = []
    for name, values in {"a": [1, 2, 0] * 7, "b": [5] * 21, "c": [*range(20), 900], "d": [9e5, 8e5, 7e5] * 6}.items():
        rows += [f"{name},{step},{value}" for step, value in enumerate(values)]
    found = report("id,t,y\n" + "\n".join(rows))
    assert (found.series, found.shortest, found.median, found.longest) == (4, 18, 21, 21)
    assert (found.first, found.last) == ("0", "20")
    assert found.constant == ("b",)
    said = "\n".join(found.lines())
    assert "steps 0 to 20" in said
    assert "far from all others: c 900 at 20" in said
    assert "mean sizes of the series go from 1 to 8e+05" in said
    assert "never changing: b" in said


def test_covariates_and_zeros_are_reported(report):
    rows = daily([f"{k % 2},{k},{k % 3},x" for k in range(30)]) + daily([",1,2,y"] * 4, "2024-01-31")
    found = report("date,sales,price,visits,sky\n" + rows, target="sales", known="price,sky", past="visits")
    lines = found.lines()
    assert "covariates known ahead: price, sky=x, sky=y, 4 steps beyond the values" in lines
    assert "covariates known up to the last value: visits" in lines
    assert "50% of the values are 0: sMAPE means little for such series" in lines


def test_a_season_that_series_do_not_show_is_reported(report):
    noise = np.random.default_rng(2).normal(size=70).round(3)
    course = np.tile([0, 5, 1, 7, 2, 2, 9], 10)
    stamps = np.datetime64("2024-01-01") + np.arange(70)
    both = "".join(f"{day},{one},{other}\n" for day, one, other in zip(stamps, noise, course, strict=True))
    assert report("date,a,b\n" + both).lines()[0].endswith("a season of 7 that 1 of them show")
    assert report("date,a\n" + daily(noise)).lines()[0].endswith("a season of 7 that no series shows")

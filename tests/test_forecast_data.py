"""Public sets of series as files: the official divisions, and nothing of a test part in what is learnt."""

import csv
import gzip

import numpy as np
import pytest
from bench.scores.forecast_data import ETT_TEST, ETT_TRAINING, ETT_VALIDATION, etth1, m4_hourly, m4_weekly

from elman.data.series import opening as time_tables


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_etth1_is_divided_by_months_of_thirty_days(tmp_path):
    count = ETT_TRAINING + ETT_VALIDATION + ETT_TEST + 100
    assert (ETT_TRAINING, ETT_VALIDATION, ETT_TEST) == (8640, 2880, 2880)
    values = np.random.default_rng(1).normal(size=(count, 2)).round(3)
    stamps = np.datetime64("2016-07-01T00:00:00") + np.arange(count) * np.timedelta64(1, "h")
    with (tmp_path / "ETTh1.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["date", "HUFL", "OT"], *zip(stamps, *values.T, strict=True)])
    part = etth1(tmp_path, tmp_path, 192)
    training, test = rows_of(part.training), rows_of(part.test)
    assert (len(training), len(test)) == (1 + 11_520, 1 + 14_400)
    assert test[:11_521] == training
    assert part.units == pytest.approx({"HUFL": values[:8640, 0].std(), "OT": values[:8640, 1].std()})
    assert part.options == {"horizon": 192, "lookback": 96}


def test_m4_is_turned_into_a_long_table_that_goes_on_in_the_test(tmp_path):
    files = {"train": "V1,V2,V3,V4\nW1,5,6,7,8\nW2,1,2.5,,\n", "test": "V1,V2,V3\nW1,9,10,11\nW2,3,4,5\n"}
    for name, text in files.items():
        with gzip.open(tmp_path / f"Weekly-{name}.csv.gz", "wt") as file:
            file.write(text)
    part = m4_weekly(tmp_path, tmp_path)
    training = time_tables.open_series(part.training)
    test = time_tables.open_series(part.test, like=training.columns)
    assert [one.values.tolist() for one in training.series] == [[5, 6, 7, 8], [1, 2.5]]
    assert [one.values.tolist() for one in test.series] == [[5, 6, 7, 8, 9, 10, 11], [1, 2.5, 3, 4, 5]]
    assert (part.test_steps, part.mase_season) == (13, 1)


def test_m4_by_the_hour_stays_a_wide_table(tmp_path):
    names = [f"V{number}" for number in range(1, 8)]
    known = f"{','.join(names)}\nH1,5,6,7,8,9,4\nH2,1,2.5,3,4,,\n"
    for name, text in {"train": known, "test": "V1,V2,V3\nH1,9,10\nH2,3,7\n"}.items():
        with gzip.open(tmp_path / f"Hourly-{name}.csv.gz", "wt") as file:
            file.write(text)
    part = m4_hourly(tmp_path, tmp_path)
    assert part.training.read_text() == known
    training = time_tables.open_series(part.training)
    test = time_tables.open_series(part.test, like=training.columns)
    assert [one.values.tolist() for one in training.series] == [[5, 6, 7, 8, 9, 4], [1, 2.5, 3, 4]]
    assert [one.values.tolist() for one in test.series] == [[5, 6, 7, 8, 9, 4, 9, 10], [1, 2.5, 3, 4, 3, 7]]
    assert (part.test_steps, part.options, part.mase_season) == (48, {"horizon": 48}, 24)

"""A model that was loaded answers as the one that was saved, whatever the order of the columns it reads."""

import csv
import random

import numpy as np
import pytest
import torch

import elman
from elman.data import open_dataset, open_series
from elman.data.plain import read_plain
from elman.encoders.encoder import read_encoder
from elman.errors import DataError
from elman.tasks import classify, forecast
from elman.tasks.forecast.covariates import Covariates

TINY = {"hidden": 3, "epochs": 1, "quiet": True}


def write_rows(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_columns_of_categories_keep_their_order_in_the_file_of_a_model(tmp_path):
    drawn = random.Random(5)
    header = ["size", "weight", "colour", "age", "answer"]
    rows = [
        [
            drawn.choice("SML"),
            drawn.random(),
            drawn.choice(["red", "blue"]),
            drawn.random(),
            drawn.choice(["no", "yes"]),
        ]
        for _ in range(80)
    ]
    table = write_rows(tmp_path / "shirts.csv", header, rows)
    model = classify.train(table, target="answer", output=tmp_path / "model", **TINY)
    loaded = elman.load(tmp_path / "model")
    assert list(loaded.encoder.categories) == ["size", "colour"]
    examples = open_dataset([table], like=loaded.columns)
    assert torch.equal(loaded.outputs(examples), model.outputs(examples))


def test_static_covariates_keep_their_order_in_the_file_of_a_model(tmp_path):
    drawn = np.random.default_rng(3)
    header = ["day", "shop", "sales", "town", "metres", "kind", "age"]
    rows = [
        [f"2024-01-{day + 1:02d}", f"s{shop}", drawn.normal(10 * shop, 1), "AB"[shop % 2], 10 + shop, "xyz"[shop], shop]
        for shop in range(3)
        for day in range(30)
    ]
    table = write_rows(tmp_path / "shops.csv", header, rows)
    given = {"target": "sales", "id": "shop", "static": "town,metres,kind,age", "horizon": 2, "lookback": 4}
    model = forecast.train(table, output=tmp_path / "model", **given, **TINY)
    loaded = elman.load(tmp_path / "model")
    assert [*loaded.reading.covariates.levels, *loaded.reading.covariates.numbers] == ["town", "kind", "metres", "age"]
    series = open_series(table, like=loaded.columns)
    for one, other in zip(loaded.forecast(series), model.forecast(series), strict=True):
        assert np.array_equal(one.point, other.point)


def test_a_file_that_lost_the_order_is_refused_and_one_name_has_no_order_to_lose():
    encoder = {"kind": "table", "numbers": [], "scaling": {"means": [], "deviations": [], "indicated": []}}
    with pytest.raises(DataError, match=r"lost the order of its categories.*Train the model again"):
        read_encoder({**encoder, "categories": {"colour": ["red"], "size": ["M", "S"]}})
    assert read_encoder({**encoder, "categories": {"size": ["M", "S"]}}).categories == {"size": ("M", "S")}
    with pytest.raises(DataError, match="lost the order of its levels"):
        read_plain(Covariates, {"levels": {"kind": ["x"], "town": ["A"]}}, "covariates")
    with pytest.raises(DataError, match="names with their values"):
        read_encoder({**encoder, "categories": [["size", ["M"]], ["size", ["S"]]]})

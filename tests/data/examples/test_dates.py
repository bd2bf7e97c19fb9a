"""Columns of dates among those of a table."""

import datetime as dt

import numpy as np
import pytest

from elman.data import Columns, open_dataset
from elman.data.dataset import Example
from elman.data.examples.values import open_values
from elman.encoders.encoder import learn_covariates, learn_encoder, read_encoder, require_columns
from elman.encoders.settings import InputSettings
from elman.errors import DataError

FORMS = {
    "iso": "%Y-%m-%d %H:%M",
    "day first": "%d.%m.%Y %H:%M",
    "month first": "%m/%d/%Y %I:%M %p",
    "month name": "%d %b %Y %H:%M",
}
MOMENTS = [dt.datetime(2024, 1, 27) + dt.timedelta(days=2 * n, hours=5 * n) for n in range(17)]


def write(path, opened, **columns):
    names = ["text", "opened", *columns, "label"]
    rows = zip([f"so {'good' if n % 2 else 'bad'}" for n in range(len(opened))], opened, *columns.values(), strict=True)
    lines = [",".join(map(str, [*row, "ab"[n % 2]])) for n, row in enumerate(rows)]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")
    return path


@pytest.mark.parametrize("form", FORMS)
def test_a_timestamp_beside_a_text_is_a_date(tmp_path, form):
    found = open_dataset(write(tmp_path / "a.csv", [moment.strftime(FORMS[form]) for moment in MOMENTS]))
    assert found.columns.inputs == {"text": "text", "opened": "date"}
    assert found.columns.dates == {"opened": form}
    epoch = dt.datetime(1970, 1, 1)
    assert [found[n].values["opened"] for n in range(17)] == [(moment - epoch).total_seconds() for moment in MOMENTS]
    assert Columns.from_dict(found.columns.to_dict()) == found.columns


def test_dates_that_cannot_be_told_apart_are_left_out_and_refused_where_they_are_named(tmp_path):
    path = write(tmp_path / "a.csv", [f"{1 + n % 12:02d}/{1 + n % 7:02d}/2024" for n in range(17)])
    found = open_dataset(path)
    assert found.columns.inputs == {"text": "text"}
    assert "Left out, because day and month cannot be told apart: opened." in found.notes
    with pytest.raises(DataError, match="day and month cannot be told apart in '01/01/2024'"):
        open_dataset(path, inputs=["text", "opened:date"])
    assert open_dataset(path, inputs=["text", "opened:category"]).columns.inputs["opened"] == "category"
    with pytest.raises(DataError, match="column text: its values are not dates of one form"):
        open_dataset(path, inputs=["text:date"])


def test_what_says_nothing_or_who_is_left_out_with_the_reason(tmp_path):
    opened = [moment.strftime("%Y-%m-%d") for moment in MOMENTS]
    columns = {"speaker": ["ann", "bob"] * 8 + ["ann"], "same": ["x"] * 17, "size": ["1", "2,5"] * 8 + ['"1,000.5"']}
    columns["size"] = [cell if '"' in cell else f'"{cell}"' for cell in columns["size"]]
    found = open_dataset(write(tmp_path / "a.csv", opened, **columns))
    assert found.columns.inputs == {"text": "text", "opened": "date"}
    notes = "\n".join(found.notes)
    assert "because they name who an example is of: speaker" in notes
    assert "because they have one value: same" in notes
    assert "because they are not read as numbers (" in notes


def test_a_cell_that_is_no_date_is_refused_with_its_line_and_an_empty_one_is_missing(tmp_path):
    opened = [moment.strftime("%Y-%m-%d") for moment in MOMENTS]
    columns = open_dataset(write(tmp_path / "a.csv", opened)).columns
    found = open_dataset(write(tmp_path / "b.csv", ["", *opened[1:5], "NA", "soon"]), like=columns)
    assert np.isnan([found[0].values["opened"], found[5].values["opened"]]).all()
    with pytest.raises(DataError, match=r"b.csv line 8, column opened: is 'soon', and a time \(iso\) is expected"):
        found[6]


def test_a_date_is_a_day_and_the_place_in_a_day_a_week_and_a_year():
    columns = Columns({"when": "date"}, dates={"when": "iso"})
    seconds = [
        moment.timestamp()
        for moment in (dt.datetime(2024, 1, 1, 0, tzinfo=dt.UTC), dt.datetime(2024, 1, 8, 12, tzinfo=dt.UTC))
    ]
    examples = [Example({"when": one}, None, "line 1") for one in [*seconds, float("nan")]]
    encoder = learn_encoder(columns, examples, InputSettings())
    first, second, missing = (encoder.encode(one)[0].numpy() for one in examples)
    assert encoder.size == 14
    assert missing[:7].tolist() == [0] * 7
    assert missing[7:].tolist() == [1] * 7
    mean, deviation = np.array(encoder.scaling.means), np.array(encoder.scaling.deviations)
    monday, noon = first[:7] * deviation + mean, second[:7] * deviation + mean
    turn = 2 * np.pi * (19723 / 365.2425)
    np.testing.assert_allclose(monday, [19723, 0, 0, np.sin(turn), 1, 1, np.cos(turn)], atol=1e-3)
    np.testing.assert_allclose(noon[1], 0, atol=1e-3)
    np.testing.assert_allclose(noon[4], -1, atol=1e-3)  # noon is half a day from midnight
    np.testing.assert_allclose(noon[[2, 5]], [np.sin(np.pi / 7), np.cos(np.pi / 7)], atol=1e-3)
    assert read_encoder(encoder.to_dict()) == encoder


@pytest.mark.parametrize(
    "value",
    [
        "2024-01-31T13:00",
        dt.datetime(2024, 1, 31, 13),
        dt.datetime(2024, 1, 31, 13, tzinfo=dt.UTC),
        np.datetime64("2024-01-31T13"),
    ],
)
def test_dates_in_python_are_texts_or_times_of_any_kind(value):
    columns = Columns({"when": "date"}, dates={"when": "iso"})
    assert open_values([value], columns)[0].values["when"] == 1706706000
    assert np.isnan(open_values([None], columns)[0].values["when"])
    with pytest.raises(DataError, match="example 1, when: this is no date"):
        open_values(["soon"], columns)[0]


def test_a_model_whose_columns_are_not_those_that_it_reads_is_refused():
    columns = Columns({"text": "text", "minutes": "number"})
    examples = [Example({"text": "so good", "minutes": 1.5}, None, "line 1")]
    encoder, covariates = (
        learn_encoder(columns, examples, InputSettings()),
        learn_covariates(columns, examples, InputSettings()),
    )
    require_columns(encoder, columns, covariates)
    for wrong in (Columns({"text": "text"}), Columns({"text": "text", "hours": "number"})):
        with pytest.raises(DataError, match="Train the model again"):
            require_columns(encoder, wrong, covariates)
    with pytest.raises(DataError, match="Train the model again"):
        require_columns(encoder, columns)

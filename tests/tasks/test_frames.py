"""The same data as a file and as frames: equal models, bit for bit, and answers in the frame that came in."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from answerable import write_reviews
from elman.data import open_dataset
from elman.errors import DataError
from elman.tasks import classify, forecast, tag, translate
from elman.training.fingerprint import fingerprint
from forecastable import write_sales
from small_trainings import SMALL, write_pairs

LIBRARIES = ["pandas", "polars", "pyarrow"]


def of_library(name, frame):
    return {
        "pandas": frame,
        "polars": pl.from_pandas(frame),
        "pyarrow": pa.Table.from_pandas(frame, preserve_index=False),
    }[name]


def same_weights(one, other):
    ours, theirs = one.weights(), other.weights()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    path = write_reviews(tmp_path_factory.mktemp("reviews") / "reviews.csv")
    frame = pd.read_csv(path)
    frame.to_parquet(path.with_suffix(".parquet"))
    return path, frame, classify.train(path, **SMALL)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_frame_trains_the_model_of_its_file(reviews, library):
    path, frame, model = reviews
    assert same_weights(model, classify.train(of_library(library, frame), **SMALL))
    assert same_weights(model, classify.train(path.with_suffix(".parquet"), **SMALL))


@pytest.mark.parametrize("library", LIBRARIES)
def test_answers_come_back_in_the_frame_with_its_rows_as_they_were(reviews, library):
    _, frame, model = reviews
    whole = frame.sample(frac=1, random_state=7)[[*frame.columns[::-1]]]
    given = of_library(library, whole)
    found = model.predict(given)
    assert type(found) is type(given)
    names = list(found.columns) if library != "pyarrow" else found.column_names
    assert names == [*whole.columns, "prediction", "probability"]
    texts = whole["text"].tolist()
    assert list(found["prediction"].to_pylist() if library == "pyarrow" else found["prediction"]) == model.predict(
        texts
    )
    if library == "pandas":
        assert found.index.equals(whole.index)
        assert found[whole.columns].equals(whole)
        assert list(given.columns) == list(whole.columns)
    assert model.evaluate(given).to_dict() == model.evaluate(texts, whole["label"].tolist()).to_dict()


def test_a_column_that_is_there_keeps_its_name_and_one_that_is_missing_is_named(reviews):
    _, frame, model = reviews
    again = model.predict(model.predict(frame.assign(more=1)))
    assert [*again.columns[-4:]] == ["prediction", "probability", "prediction_2", "probability_2"]
    assert again["prediction"].equals(again["prediction_2"].rename("prediction"))
    with pytest.raises(DataError, match="the frame has no column text"):
        model.predict(frame.rename(columns={"text": "texts"}))


def test_rows_of_series_come_back_as_a_row_a_series():
    steps = np.random.default_rng(3).normal(size=(12, 7))
    rows = [
        {"id": f"s{one}", "x": float(value), "label": "ab"[one % 2]}
        for one in range(12)
        for value in steps[one] + one % 2
    ]
    frame = pd.DataFrame(rows)
    model = classify.train(frame, id="id", target="label", **SMALL)
    found = model.predict(pl.from_pandas(frame.drop(columns="label")))
    assert isinstance(found, pl.DataFrame)
    assert found.columns == ["id", "prediction", "probability"]
    assert found["id"].to_list() == [f"s{one}" for one in range(12)]


def test_forecasts_come_back_as_a_frame_whose_times_are_what_they_were(tmp_path):
    path = write_sales(tmp_path / "sales.csv")
    frame = pd.read_csv(path)
    time = frame.columns[0]
    model = forecast.train(path, horizon=3, **SMALL)
    typed = frame.assign(**{time: pd.to_datetime(frame[time])})
    by_index = typed.set_index(time)
    for given in (frame, typed, by_index, pl.from_pandas(typed), pa.Table.from_pandas(typed, preserve_index=False)):
        assert same_weights(model, forecast.train(given, horizon=3, **SMALL))
        found = model.predict(given)
        assert type(found) is type(given)
        assert len(found) == 3 * len(model.columns.targets)
    assert model.predict(typed)[time].dtype.kind == "M"
    assert model.predict(by_index).index.name == time
    assert isinstance(model.predict(frame)[time][0], str)
    assert model.predict(pl.from_pandas(typed))[time].to_list()[0] == model.predict(by_index).index[0].to_pydatetime()
    with pytest.raises(DataError, match="takes a data frame"):
        model.predict(path)


def test_words_in_rows_get_their_tags():
    words = ["the", "man", ",", '"', "ran"] * 30
    frame = pd.DataFrame(
        {"sentence": np.repeat(np.arange(30), 5), "word": words, "tag": ["D", "N", ",", '"', "V"] * 30}
    )
    model = tag.train(frame, **SMALL)
    found = model.predict(pl.from_pandas(frame[["sentence", "word", "tag"]]))
    assert found["word"].to_list() == words
    assert found["prediction"].to_list()[:5] == model.predict([words[:5]])[0]


def test_a_column_of_texts_is_translated(tmp_path):
    path = write_pairs(tmp_path / "pairs.tsv")
    frame = pd.read_csv(path, sep="\t", names=["source", "target"])
    model = translate.train(frame, **SMALL)
    found = model.predict(frame.set_index(frame.index + 5), beam=2)
    assert found["prediction"].tolist() == model.predict(frame["source"].tolist(), beam=2)
    assert found.index[0] == 5
    alone = model.predict(pl.Series("words", frame["source"].tolist()[:3]))
    assert alone.columns == ["words", "prediction"]
    with pytest.raises(DataError, match="has no column source"):
        model.predict(frame.rename(columns={"source": "a", "target": "b"}))
    with pytest.raises(DataError, match="the frame, row 1, column source: None is no text"):
        model.predict(pl.DataFrame({"source": ["a", None]}))


def test_a_training_of_a_frame_goes_on_with_the_same_frame_alone(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5], "when": [dt.datetime(2024, 1, 1)] * 2})
    from elman.data.held import hold

    assert fingerprint(hold(frame)) == fingerprint(hold(frame.copy()))
    assert fingerprint(hold(frame)) != fingerprint(hold(frame.assign(a=[1.5, 2.25])))


def test_truth_and_whole_numbers_are_the_same_values_however_a_library_writes_them(tmp_path):
    rows = {"open": [True, False] * 20, "room": [7, 12, 7, 30] * 10, "label": ["a", "b"] * 20}
    frame = pd.DataFrame(rows)
    model = classify.train(frame, input="open:category,room:category", **SMALL)
    whole = model.outputs(frame)
    path = tmp_path / "rooms.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    others = [pl.DataFrame(rows), pa.table(rows), frame.astype({"room": float}), open_dataset(path, like=model.columns)]
    for other in others:
        assert torch.equal(model.outputs(other), whole)
    unknown = model.outputs(frame.assign(open="perhaps"))
    assert not torch.equal(unknown, whole)


def test_classes_of_truth_are_known_however_they_are_written():
    rows = {"x": np.random.default_rng(5).normal(size=40).tolist(), "y": [True, False] * 20}
    model = classify.train(pd.DataFrame(rows), target="y", **SMALL)
    scores = model.evaluate(pd.DataFrame(rows)).to_dict()
    assert model.evaluate(pl.DataFrame(rows)).to_dict() == scores
    with pytest.raises(DataError, match="has not learnt to answer 'maybe'"):
        model.evaluate(pl.DataFrame({**rows, "y": ["True", "maybe"] * 20}))

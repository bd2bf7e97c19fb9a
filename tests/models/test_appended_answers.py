"""Rows come back as they were written, with the answers behind them and never in their place."""

import csv
import io
import json
from pathlib import Path

import pytest

from elman.data.dataset import Columns
from elman.data.examples.arriving import Arriving, ArrivingTables
from elman.errors import DataError
from elman.models.answers import append_answers

LIKE = Columns({"text": "text"}, "label", "category")


def answered(table, *, size=2, **options):
    rows, notes = list(table), []
    chunks = [[(row, {"prediction": "up", "probability": 0.5}) for row in rows[:size]]]
    chunks += [[(row, {"prediction": "down, no", "probability": 1.0}) for row in rows[size:]]] if rows[size:] else []
    return "".join(append_answers(chunks, table, notes.append, **options)), notes


def answered_text(raw: str, **options):
    return answered(Arriving(io.BytesIO(raw.encode()), LIKE), **options)


def answered_file(tmp_path: Path, name: str, raw: str):
    path = tmp_path / name
    path.write_bytes(raw.encode())
    with path.open("rb") as file:
        return answered(Arriving(file, LIKE, path))


def test_columns_of_the_names_of_answers_are_kept(tmp_path):
    text, notes = answered_file(tmp_path, "a.csv", "text,prediction,probability\ngood,OTHER,0.123\n")
    assert list(csv.DictReader(io.StringIO(text))) == [
        {"text": "good", "prediction": "OTHER", "probability": "0.123", "prediction_2": "up", "probability_2": "0.5"}
    ]
    assert notes == ["The data have prediction, probability; the answers are in prediction_2, probability_2."]


def test_a_name_with_a_number_that_is_taken_gets_the_next(tmp_path):
    text, _ = answered_file(tmp_path, "a.csv", "text,prediction,prediction_2\ngood,A,B\n")
    assert text.splitlines()[0] == "text,prediction,prediction_2,prediction_3,probability"


def test_names_in_objects_are_kept(tmp_path):
    text, _ = answered_file(tmp_path, "a.jsonl", '{"text": "good", "prediction": "OTHER"}\n')
    assert json.loads(text) == {"text": "good", "prediction": "OTHER", "prediction_2": "up", "probability": 0.5}


def test_a_name_that_a_later_object_brings_is_refused_or_known_before():
    raw = '{"text": "good"}\n{"text": "bad", "prediction": "OTHER"}\n'
    with pytest.raises(DataError, match="line 2 has the name prediction"):
        answered_text(raw)
    text, _ = answered_text(raw, taken=["text", "prediction"])
    assert [json.loads(line)["prediction_2"] for line in text.splitlines()] == ["up", "up"]


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("a.csv", "\ufefftext;n\r\ngood;1\r\n", "\ufefftext;n;prediction;probability\r\ngood;1;up;0.5\r\n"),
        ("a.csv", '"text","n"\n"a ""b""","01"\n', '"text","n",prediction,probability\n"a ""b""","01",up,0.5\n'),
        ("a.csv", 'text,n\n\n"a\r\nb",1\n', 'text,n,prediction,probability\n\n"a\r\nb",1,up,0.5\n'),
        ("a.csv", "text,n\na,1", "text,n,prediction,probability\na,1,up,0.5\n"),
        ("a.csv", "text,n\r\na,1", "text,n,prediction,probability\r\na,1,up,0.5\r\n"),
        ("a.tsv", 'n\ttext\n 1 \ta"b\n', 'n\ttext\tprediction\tprobability\n 1 \ta"b\tup\t0.5\n'),
        ("a.csv", "n\ttext\n1\tab\n", "n\ttext\tprediction\tprobability\n1\tab\tup\t0.5\n"),
        (
            "a.jsonl",
            '{"text":"\\u00e9", "n":1.10 }\r\n',
            '{"text":"\\u00e9", "n":1.10, "prediction": "up", "probability": 0.5}\r\n',
        ),
        ("a.jsonl", '{"text": "a", "n": NaN}', '{"text": "a", "n": NaN, "prediction": "up", "probability": 0.5}\n'),
    ],
)
def test_what_was_written_comes_back_byte_for_byte(tmp_path, name, raw, expected):
    assert answered_file(tmp_path, name, raw)[0] == expected


def test_an_answer_is_quoted_like_a_cell(tmp_path):
    text, _ = answered_file(tmp_path, "a.csv", "text,n\na,1\nb,2\nc,3\n")
    assert list(csv.reader(io.StringIO(text)))[3] == ["c", "3", "down, no", "1.0"]


def test_several_tables_become_one_in_the_form_of_the_first(tmp_path):
    paths = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    paths[0].write_bytes(b"text;n\ngood;1")
    paths[1].write_bytes(b"\xef\xbb\xbftext,n\nbad,2\n")
    paths[2].write_bytes(b"text;n\nso;3\n")
    text, _ = answered(ArrivingTables(paths, LIKE), size=3)
    assert text == "text;n;prediction;probability\ngood;1;up;0.5\nbad;2;up;0.5\nso;3;up;0.5\n"


def test_json_is_written_of_any_table():
    text, _ = answered_text("text,n\ngood,01\n", json=True)
    assert json.loads(text) == {"text": "good", "n": "01", "prediction": "up", "probability": 0.5}


def test_plain_lines_become_a_table():
    text, _ = answered_text("so good\nbad, really\n")
    assert list(csv.reader(io.StringIO(text)))[1:] == [["so good", "up", "0.5"], ["bad, really", "up", "0.5"]]

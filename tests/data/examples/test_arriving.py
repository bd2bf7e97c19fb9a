"""Rows from a pipe: each is handed on before the next arrives."""

import io

import numpy as np
import pytest

from elman.data import Columns, stream_rows
from elman.errors import DataError

TEXT = Columns({"text": "text"}, "label", "category")
TABLE = Columns({"x": "number", "colour": "category"}, "label", "category")
SERIES = Columns({"series": "series"}, "label", "category", id="id", names=("x", "y"))


def read(raw: str, like: Columns) -> list:
    return list(stream_rows(io.BytesIO(raw.encode()), like))


def test_plain_lines_are_texts():
    found = read('\ufeffso "bad", really\r\n\n{not json\n', TEXT)
    assert [example.values["text"] for example in found] == ['so "bad", really', "{not json"]
    assert [example.where for example in found] == ["standard input line 1", "standard input line 3"]
    assert found[0].target is None


@pytest.mark.parametrize(
    "raw",
    [
        'n,text,label\n1,"so\nbad",no\n\n2,good,\n',
        'n;text;label\n1;"so\nbad";no\n2;good;\n',
        '\n{"text": "so\\nbad", "label": "no"}\n{"n": 3, "text": "good"}\n',
    ],
)
def test_tables_are_recognised_by_their_first_line(raw):
    found = read(raw, TEXT)
    assert [(example.values["text"], example.target) for example in found] == [("so\nbad", "no"), ("good", None)]


def test_tabs_are_recognised_in_the_first_line():
    assert read("x\tcolour\n1\tred\n", TABLE)[0].values == {"x": 1.0, "colour": "red"}


def test_cells_that_json_leaves_out_are_missing_numbers():
    [found] = read('{"colour": "red"}\n', TABLE)
    assert np.isnan(found.values["x"])
    with pytest.raises(DataError, match=r"line 2 has no column text\. Did you mean txt"):
        read('{"text": "a"}\n{"txt": "a"}\n', TEXT)


class Pipe(io.RawIOBase):
    """Give one line at a time, and count them."""

    def __init__(self, lines: list[bytes]):
        self.lines, self.given = lines, 0

    def readline(self, size=-1) -> bytes:
        self.given += 1
        return self.lines[self.given - 1] if self.given <= len(self.lines) else b""


@pytest.mark.parametrize("header", [b"", b"text\n"])
def test_no_row_waits_for_the_next(header):
    pipe = Pipe([*([header] if header else []), b"one\n", b"two\n", b"three\n"])
    rows = stream_rows(pipe, TEXT)
    for count, text in enumerate(["one", "two", "three"], 1):
        assert next(rows).values["text"] == text
        assert pipe.given == count + bool(header)


def test_series_end_where_the_id_changes():
    found = read("id,x,y,label\na,1,2,u\na,3,,u\nb,5,6,v\n", SERIES)
    np.testing.assert_array_equal(found[0].values["series"], np.array([[1, 2], [3, np.nan]], np.float32))
    assert [example.target for example in found] == ["u", "v"]
    assert found[1].where == "standard input line 4 (id b)"
    with pytest.raises(DataError, match="line 4: id a had ended before"):
        read("id,x,y\na,1,2\nb,3,4\na,5,6\n", SERIES)


def test_without_ids_all_rows_are_one_series():
    [found] = read("y,x\n1,2\n3,4\n", SERIES)
    np.testing.assert_array_equal(found.values["series"], np.array([[2, 1], [4, 3]], np.float32))


@pytest.mark.parametrize(
    ("raw", "like", "message"),
    [
        ("", TEXT, "standard input is empty"),
        ("\n\n", TEXT, "standard input is empty"),
        ("txt,label\na,b\n", TEXT, "standard input line 1 has no column text. Did you mean txt"),
        ("y,color\n1,red\n", TABLE, "standard input line 1 has no column x"),
        ("x,colour\n1,red\ntall,red\n", TABLE, "standard input line 3, column x: is 'tall'"),
        ("x,colour\n1\n", TABLE, "standard input line 2 has 1 cells"),
        ('x,colour\n1,"red\n', TABLE, "standard input line 2: a quote is opened"),
        ("1,2\n", SERIES, "has no column x"),
    ],
)
def test_mistakes_are_reported(raw, like, message):
    with pytest.raises(DataError, match=message):
        read(raw, like)

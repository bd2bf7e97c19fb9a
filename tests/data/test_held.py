"""Tables that are no text file, read as the CSV of the same cells."""

import csv
import datetime as dt
import gzip
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from elman.data import open_dataset, open_series
from elman.data.held import HeldFile, as_path, hold, is_frame
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError

LIBRARIES = [pd.DataFrame, pl.DataFrame, pa.table]
TEXTS = ["so good", 'he said "no", twice', "two\nlines", "Mac \r line", "", "é␣", "NA", "1.5", "=1+1", " blank "]
CELLS = {
    "text": TEXTS,
    "number": [1.5, -0.0, 1e-7, 1e22, 0.1, 2.0, 3.0, 1 / 3, 5e-324, 1.7976931348623157e308],
    "count": list(range(10)),
    "yes": [True, False] * 5,
    "label": ["a", "b"] * 5,
}


def cells(source):
    index = RowIndex([as_path(source)])
    return index.names, list(index.cells(range(len(index))))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_frame_is_read_as_its_cells(library):
    names, rows = cells(library(CELLS))
    assert names == list(CELLS)
    for row, (text, number, count, yes, label) in zip(rows, zip(*CELLS.values(), strict=True), strict=True):
        assert row[0] == text.replace("\r", "\n")
        assert float(row[1]) == number
        assert [row[2], row[3].lower(), row[4]] == [str(count), str(yes).lower(), label]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=7))
def test_any_text_survives_but_for_its_line_ends(texts):
    whole = {"n": list(range(len(texts))), "text": texts}
    for library in LIBRARIES:
        read = [text.replace("\r\n", "\n").replace("\r", "\n") for text in texts]
        assert [row[1] for row in cells(library(whole))[1]] == read


def test_missing_values_are_missing_in_every_library():
    rows = {"n": [1.5, None, 3.0], "text": ["a", None, "c"], "label": ["x", "y", "x"]}
    for library in LIBRARIES:
        _, (_, middle, _) = cells(library(rows))
        assert middle == ["", "", "y"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_nan_of_a_library_that_tells_it_from_missing_is_refused_as_in_a_file(library):
    frame = library({"n": [1.5, float("nan"), 2.5, 3.5], "label": ["x", "y", "x", "y"]})
    if library is pd.DataFrame:
        assert np.isnan(open_dataset(frame)[1].values["n"])
    else:
        with pytest.raises(
            DataError, match=r"the frame, row 1, column n: is 'nan'|the frame, row 1, column n: is 'NaN'"
        ):
            open_dataset(frame)


@pytest.mark.parametrize("library", LIBRARIES)
def test_lists_and_arrays_in_cells_are_series(library):
    frame = library({"steps": [[1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0], [8.0, 9.0]], "label": ["a", "b", "a", "b"]})
    found = open_dataset(frame)
    assert found.columns.inputs == {"steps": "series"}
    assert found[1].values["steps"].ravel().tolist() == [3, 4, 5]


def test_arrays_of_numpy_in_cells_of_pandas_are_series_and_bytes_are_refused():
    frame = pd.DataFrame({"steps": [np.arange(4.0).reshape(2, 2)] * 4, "label": ["a", "b", "a", "b"]})
    assert open_dataset(frame)[0].values["steps"].tolist() == [[0, 1], [2, 3]]
    for library in LIBRARIES:
        with pytest.raises(DataError, match="holds bytes in column raw"):
            hold(library({"raw": [b"a", b"b"]}))


def test_times_of_every_library_and_of_an_index_are_read():
    times = [dt.datetime(2024, 1, 1) + dt.timedelta(hours=hour) for hour in range(48)]
    values = np.sin(np.arange(48)).tolist()
    frames = [library({"time": times, "x": values}) for library in LIBRARIES]
    index = pd.DatetimeIndex(times)
    frames += [pd.Series(values, index, name="x"), pd.DataFrame({"x": values}, index.rename("time"))]
    for frame in frames:
        found = open_series(hold(frame))
        assert found.columns.time == "time"
        assert found.frequency.describe() == "hourly"
        assert found.series[0].values.tolist() == values


def test_periods_are_times_and_another_index_is_left_out():
    months = pd.period_range("2020-01", periods=30, freq="M", name="month")
    assert open_series(hold(pd.Series(np.arange(30.0) ** 2, months))).columns.time == "month"
    shuffled = pd.DataFrame({"text": ["a b", "c d"] * 3, "label": ["x", "y"] * 3}, index=[9, 3, 5, 1, 0, 2])
    assert RowIndex([as_path(shuffled)]).names == ["text", "label"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pd.DataFrame({0: [1], 1: [2]}), "names are no text: 0, 1"),
        (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns with the name a"),
        (lambda: pd.DataFrame({"a": []}), "has no rows"),
        (lambda: pl.LazyFrame({"a": [1]}), "frame.collect()"),
    ],
)
def test_what_is_no_table_is_refused(make, message):
    with pytest.raises(DataError, match=message):
        hold(make())


def test_what_is_no_frame_stays_as_it_is():
    for given_ in ("a.csv", ["a.csv"], np.zeros(3), [[1.0]], {"a": 1}, None):
        assert hold(given_) is given_
        assert not is_frame(given_)


def test_a_row_is_named_by_its_number():
    with pytest.raises(DataError, match=r"^the frame, row 2, column n: is 'x', and a number is expected"):
        open_dataset(pd.DataFrame({"n": ["1", "2", "x", "4"] * 5, "label": ["a", "b"] * 10}), inputs=["n:number"])


def as_text(frame):
    return frame.to_csv(index=False).encode()


def write(path, content):
    path.write_bytes(content)
    return path


def test_packed_tables_are_read_as_their_text(tmp_path):
    frame = pd.DataFrame(CELLS)
    frame["text"] = frame["text"].str.replace("\r", "")
    plain = write(tmp_path / "a.csv", as_text(frame))
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=3)
    with pa.CompressedOutputStream(str(tmp_path / "b.csv.zst"), "zstd") as file:
        file.write(as_text(frame))
    write(tmp_path / "c.csv.gz", gzip.compress(as_text(frame)))
    names, rows = cells(plain)
    for path in ("a.parquet", "b.csv.zst", "c.csv.gz"):
        found, same = cells(tmp_path / path)
        assert found == names
        assert [[row[0], float(row[1]), *row[2:3], row[4]] for row in same] == [
            [row[0], float(row[1]), *row[2:3], row[4]] for row in rows
        ]


def write_sheet(path, rows):
    """Write a workbook by hand: its parts are XML in a zip file."""
    letters = "ABCDEFG"
    lines = "".join(
        f'<row r="{at}">'
        + "".join(
            f'<c r="{letter}{at}" t="inlineStr"><is><t>{cell}</t></is></c>'
            if isinstance(cell, str)
            else f'<c r="{letter}{at}"><v>{cell}</v></c>'
            for letter, cell in zip(letters, row, strict=False)
            if cell is not None
        )
        + "</row>"
        for at, row in enumerate(rows, 1)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="one" sheetId="1" r:id="r1"/></sheets>'
            "</workbook>",
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/worksheet" '
            'Target="worksheets/sheet1.xml"/></Relationships>',
        )
        book.writestr(
            "xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>'
        )
    return path


def test_a_spreadsheet_is_read_and_its_rows_are_named_as_it_counts_them(tmp_path):
    rows = [["n", "text", "label"], [1, "so, good", "a"], [2.5, 'a "b"', "b"], [None, "c", "a"], [4, "d", "b"]]
    names, found = cells(write_sheet(tmp_path / "a.xlsx", rows))
    assert names == rows[0]
    assert found == [["1", "so, good", "a"], ["2.5", 'a "b"', "b"], ["", "c", "a"], ["4", "d", "b"]]
    rows[3][0] = "x"
    with pytest.raises(DataError, match=r"b.xlsx, row 4, column n: is 'x'"):
        open_dataset(write_sheet(tmp_path / "b.xlsx", rows), inputs=["n:number"])


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx", "a.ods", "a.csv.gz", "a.csv.zst"])
def test_a_damaged_file_is_refused_in_a_line(tmp_path, name):
    for content in (
        b"x",
        b"\x1f\x8b\x08\0\0\0",
        b"PAR1" * 9,
        b"PK\x03\x04" + bytes(30),
        b"\x28\xb5\x2f\xfd" + bytes(9),
    ):
        with pytest.raises(DataError, match=rf"{name}[^\n]*$"):
            open_dataset(write(tmp_path / name, content))
    with pytest.raises(DataError, match="is empty"):
        open_dataset(write(tmp_path / name, b""))


def test_a_packed_file_that_unpacks_to_far_more_is_refused(tmp_path):
    with pa.CompressedOutputStream(str(tmp_path / "a.csv.zst"), "zstd") as file:
        for _ in range(20):
            file.write(b"text,label\n" * 100_000)
    with pytest.raises(DataError, match="unpacks to more than 50 times its size"):
        open_dataset(tmp_path / "a.csv.zst")


def test_a_parquet_file_of_lists_asks_for_the_frame(tmp_path):
    parquet.write_table(pa.table({"steps": [[1.0], [2.0]], "label": ["a", "b"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"holds lists or objects in column steps\. Open it, and give the frame"):
        open_dataset(tmp_path / "a.parquet")


@pytest.mark.parametrize(("name", "library"), [("a.parquet", "pyarrow"), ("a.xlsx", "python_calamine")])
def test_what_reads_a_form_may_be_missing(tmp_path, monkeypatch, name, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DataError, match=r"pip install 'elman\[tables\]'"):
        open_dataset(write(tmp_path / name, b"x"))


def test_a_held_file_stands_where_a_path_does():
    file = HeldFile("folder/a.parquet", ".csv", b"a\n")
    assert (file.parent / "b.wav") == Path("folder/b.wav")
    assert type(file.parent) is type(Path())
    assert [file.name, file.suffix, file.suffixes, file.is_dir(), file.is_file()] == [
        "a.parquet",
        ".csv",
        [".csv"],
        False,
        True,
    ]
    assert file.open().read() == file.read_bytes() == b"a\n"


def test_the_rows_of_a_csv_with_a_header_in_two_lines_are_those_of_a_frame():
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerow(["price\n(EUR)", "label"])
    frame = pd.DataFrame({"price\n(EUR)": [1.5, 2.5], "label": ["a", "b"]})
    assert cells(frame)[0] == ["price (EUR)", "label"]

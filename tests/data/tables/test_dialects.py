"""All cells of a column decide in which dialect its numbers are read; where two are possible, the user does."""

import json

import numpy as np
import pytest

from elman.data import open_dataset, open_series
from elman.data.dataset import Columns
from elman.data.series.series import SeriesColumns
from elman.errors import DataError


@pytest.fixture
def table(tmp_path):
    def save(header: str, *cells: str, name: str = "a.csv", many: int = 1):
        lines = [f'{at},"{cell}"' for at, cell in enumerate([*cells] * many)]
        (tmp_path / name).write_text("\n".join([f"row,{header}", *lines]) + "\n", encoding="utf-8")
        return tmp_path / name

    return save


def numbers_of(path, **options):
    data = open_dataset([path], inputs=["x"], target="row", target_kind="number", **options)
    return [data[at].values["x"] for at in range(len(data))], data


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["950", "1.024", "1.024,5"], [950, 1024, 1024.5]),
        (["950", "1,024", "1,024.5"], [950, 1024, 1024.5]),
        (["1.024", "0.5"], [1.024, 0.5]),
        (["1,024", "0,5"], [1.024, 0.5]),
        (["1.024", "1.024.000"], [1024, 1024000]),
        (["1,024", "1,024,000"], [1024, 1024000]),
        (["1\u00a0024", "12"], [1024, 12]),
        (["1'024.5", "12"], [1024.5, 12]),
        (["(12)", "3"], [-12, 3]),
        (["3-", "−4", "+5"], [-3, -4, 5]),
        (["", "1,5", "NA"], [np.nan, 1.5, np.nan]),
        (["$40,037.72", "$9.50", "12.00"], [40037.72, 9.5, 12]),
        (["40.04 %", "0"], [40.04, 0]),
    ],
)
def test_a_column_is_read_in_the_dialect_of_all_its_cells(table, cells, values):
    for order in (1, -1):
        read, _ = numbers_of(table("x", *cells[::order]))
        np.testing.assert_array_equal(read, values[::order])


@pytest.mark.parametrize("cells", [["950", "1.024"], ["950", "1,024"], ["1,024", "12,500"], ["$1.024", "$9"]])
def test_two_possible_readings_are_asked_about_and_the_answer_decides(table, cells):
    path = table("x", *cells)
    with pytest.raises(DataError, match=r"--decimal , for 1.*, --decimal \. for 1"):
        numbers_of(path)
    for decimal in (".", ","):
        mark = "." if decimal == "," else ","
        expected = [float(cell.strip("$").replace(mark, "").replace(",", ".")) for cell in cells]
        assert numbers_of(path, decimal=decimal)[0] == expected


def test_the_question_shows_both_values_and_the_cell(table):
    with pytest.raises(DataError) as caught:
        numbers_of(table("x", "950", "1.024"))
    assert "a.csv line 3, column x: '1.024' is 1024 with a decimal comma and 1.024 with a decimal point" in str(
        caught.value
    )


def test_another_column_of_the_table_answers_the_question(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("row;x;price\n1;1.024;3,50\n2;950;4,25\n")
    assert numbers_of(path)[0] == [1024, 950]


def test_three_decimals_in_every_cell_are_decimals_between_commas_and_asked_about_between_semicolons(table):
    path = table("x", "1.024", "12.500")
    read, data = numbers_of(path)
    assert read == [1.024, 12.5]
    assert "Numbers are read so: 1.024 in x as 1.024 and not 1024." in data.notes
    assert numbers_of(path, decimal=",")[0] == [1024, 12500]
    path.write_text(path.read_text().replace(",", ";"))
    with pytest.raises(DataError, match="no cell shows which"):
        numbers_of(path)


def test_a_number_of_json_has_one_reading(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"row": 1, "x": 1.024}\n{"row": 2, "x": 950}\n')
    assert numbers_of(path)[0] == [1.024, 950]
    path.write_text('{"row": 1, "x": "1.024"}\n{"row": 2, "x": "950"}\n')
    with pytest.raises(DataError, match="no cell shows which"):
        numbers_of(path)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1,5", "2.5"], r"line 3, column x: '2\.5' has a decimal point or .*'1,5' in line 2 a decimal comma"),
        (["1,024.5", "1.024,5"], r"line 2, column x: '1,024\.5'.*'1\.024,5' in line 3"),
        (["$5", "€ 6"], r"line 2, column x: '\$5' and '€ 6' in line 3 have different units\. Write all in \$"),
        (["5 %", "6"], r"line 3, column x: '6' has no %, and '5 %' in line 2 has"),
    ],
)
def test_cells_that_contradict_each_other_are_named(table, cells, message):
    with pytest.raises(DataError, match=message):
        numbers_of(table("x", *cells))


def test_all_cells_that_are_no_numbers_are_listed(table):
    cells = [*["1,5"] * 20, *[f"bad{at}" for at in range(12)]]
    with pytest.raises(
        DataError, match=r"line 22, .*'bad0'.*; 11 cells more are none: line 23 'bad1', .*line 31 'bad9', …"
    ):
        numbers_of(table("x", *cells))


def test_a_named_decimal_mark_that_no_cell_fits_is_refused(table):
    with pytest.raises(DataError, match=r"'1\.5' cannot be read with a decimal comma, which was named with --decimal"):
        numbers_of(table("x", "1.5"), decimal=",")


def test_what_was_read_is_noted_with_an_example(table):
    notes = numbers_of(table("x", "40.04 %", "3 %"))[1].notes
    assert "Numbers are read so: 40.04 % in x as 40.04 percent." in notes
    assert not any("read so" in note for note in numbers_of(table("x", "1.5", "3"))[1].notes)


def test_a_model_remembers_the_dialect_and_refuses_others(table, tmp_path):
    columns = numbers_of(table("x", "950", "1.024,5"))[1].columns
    again = Columns.from_dict(json.loads(json.dumps(columns.to_dict())))
    assert again == columns
    new = open_dataset([table("x", "2.048", "7", name="b.csv")], like=again)
    assert [new[0].values["x"], new[1].values["x"]] == [2048, 7]
    with pytest.raises(DataError, match=r"b\.csv line 3, column x: '1,024\.5' is not written like the numbers"):
        open_dataset([table("x", "7", "1,024.5", name="b.csv")], like=again)


@pytest.mark.parametrize("cell", ["1,024", "5 %", "$5", "1,5"])
def test_a_model_of_plain_numbers_refuses_marks_that_it_never_saw(table, cell):
    columns = numbers_of(table("x", "1.5", "2.25"))[1].columns
    with pytest.raises(DataError, match=r"line 2, column x: .* is not written like the numbers that the model learned"):
        open_dataset([table("x", cell, name="b.csv")], like=columns)


def test_a_model_of_whole_numbers_asks_where_new_cells_have_two_readings(table):
    columns = numbers_of(table("x", "950", "873"))[1].columns
    assert open_dataset([table("x", "1.5", name="b.csv")], like=columns)[0].values["x"] == 1.5
    with pytest.raises(DataError, match=r"'1\.024' is 1024 with a decimal comma.*Train with --decimal"):
        open_dataset([table("x", "1.024", name="b.csv")], like=columns)


def test_series_are_read_in_the_dialect_of_their_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("date;y;x\n2024-01-01;950;1,5 %\n2024-01-02;1.024,5;2 %\n2024-01-03;1.100;3 %\n")
    data = open_series(path, target="y", past=["x"])
    np.testing.assert_array_equal(data.series[0].values, [950, 1024.5, 1100])
    np.testing.assert_array_equal(data.series[0].past[:, 0], [1.5, 2, 3])
    again = SeriesColumns.from_dict(json.loads(json.dumps(data.columns.to_dict())))
    assert again == data.columns
    path.write_text("date;y;x\n2024-01-04;1,024.5;3 %\n2024-01-05;7;3 %\n")
    with pytest.raises(DataError, match=r"line 2, column y: '1,024\.5' is not written like"):
        open_series(path, like=again)


def test_a_table_without_numbers_shows_the_cell_that_stopped_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("date,close\n2024-01-01,12 kg\n2024-01-02,13 kg\n")
    with pytest.raises(DataError, match=r"no column of numbers.*a\.csv line 2, column close: is '12 kg'"):
        open_series(path)


def test_a_constant_column_is_left_out_in_every_dialect(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("date;y;x\n2024-01-01;1,5;2,5\n2024-01-02;1,6;2,5\n2024-01-03;1,7;2,50\n")
    assert open_series(path).columns.targets == ("y",)


def test_long_tables_are_read_in_their_dialect(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"s{at // 3};{at},5;{'up' if at < 6 else 'down'}" for at in range(12)]
    path.write_text("\n".join(["id;x;label", *rows]) + "\n")
    data = open_dataset([path])
    np.testing.assert_array_equal(data[1].values["series"][:, 0], [3.5, 4.5, 5.5])

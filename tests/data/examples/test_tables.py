"""Tables as datasets: kinds, targets, notes, and every mistake with its file and line."""

import csv
import math
import random

import numpy as np
import pytest

from elman.data import Columns, open_dataset
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError


@pytest.fixture
def table(tmp_path):
    def write(text: str | bytes, name: str = "a.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


TREES = "height,colour,label\n1.5,red,oak\n2,blue,elm\n,red,oak\n-3e-1,blue,elm\n"


def test_numbers_and_categories_are_the_inputs_of_a_plain_table(table):
    trees = open_dataset(table(TREES))
    assert trees.columns == Columns({"height": "number", "colour": "category"}, "label", "category")
    assert [trees[i].target for i in range(4)] == ["oak", "elm", "oak", "elm"]
    assert trees[3].values == {"height": -0.3, "colour": "blue"}
    assert math.isnan(trees[2].values["height"])
    assert trees[-1].where.endswith("a.csv line 5")
    assert any("label (category), because of its name" in note for note in trees.notes)
    assert "Missing values: height 1." in trees.notes
    with pytest.raises(IndexError):
        trees[4]


def test_other_columns_of_a_table_of_text_are_read_beside_it_and_row_names_are_left_out(table):
    reviews = open_dataset(
        table('id,stars,review,mood\n7,5,"so, so ""good""\nreally",yes\n8,1,"bad",no\n9,1,𝄞 κακό,no\n')
    )
    assert reviews.columns.inputs == {"stars": "number", "review": "text"}
    assert [reviews[i].values["stars"] for i in range(3)] == [5, 1, 1]
    assert [reviews[i].values["review"] for i in range(3)] == ['so, so "good"\nreally', "bad", "𝄞 κακό"]
    assert reviews[1].where.endswith("line 4")
    assert "Left out, because they name or count the rows: id." in reviews.notes
    assert any("mood (category), because it is the last column" in note for note in reviews.notes)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(table):
    plain = open_dataset(table(TREES))
    marked = open_dataset(table(b"\xef\xbb\xbf" + TREES.replace("\n", "\r\n").encode(), "b.csv"))
    assert marked.columns == plain.columns
    assert [marked[i].target for i in range(4)] == [plain[i].target for i in range(4)]


@pytest.mark.parametrize(("delimiter", "name"), [(";", "a.csv"), ("\t", "a.csv"), ("\t", "a.tsv"), ("\t", "a.TAB")])
def test_other_delimiters_are_recognised_and_noted(table, delimiter, name):
    trees = open_dataset(table(TREES.replace(",", delimiter), name))
    assert trees.columns.inputs == {"height": "number", "colour": "category"}
    assert any("semicolons" in note or "tabs" in note for note in trees.notes) == (name == "a.csv")


def test_json_lines_are_a_table(table):
    path = table(
        '{"text": "one two", "label": ["a", "b"], "x": [[1, 2], [3, 4], [5, 6]]}\n{"label": [], "x": [[7, 8]]}\n',
        "a.jsonl",
    )
    found = open_dataset(path)
    assert found.columns == Columns({"text": "text", "x": "series"}, "label", "labels")
    assert found[0].target == ("a", "b")
    assert found[1].target == ()
    assert found[1].values["text"] == ""
    np.testing.assert_array_equal(found[0].values["x"], np.array([[1, 2], [3, 4], [5, 6]], np.float32))


def test_several_tables_with_one_header_are_one(table):
    both = open_dataset([table("x,label\n1,a\n2,b\n"), table("x,label\n3,a\n4,b\n5,a\n", "b.csv")])
    assert [both[i].values["x"] for i in range(5)] == [1, 2, 3, 4, 5]
    assert both[2].where.endswith("b.csv line 2")
    with pytest.raises(DataError, match=r"c\.csv has other columns than .*a\.csv"):
        open_dataset([table("x,label\n1,a\n"), table("y,label\n1,a\n", "c.csv")])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "", "NA", "null", " 4 "], "number"),
        (["1", "0", "1", "0"], "number"),
        (["red", "blue", "red", "blue", ""], "category"),
        (["NA", "DE", "NA", "DE"], "category"),
        (["ACGTACGT", "acgtnnACGG", "UUGACCAAA"], "letters"),
        (["MKVLAAGIVGLCAKFRERSL", "MADEEKLPPGWEKRMSRSSGRW"], "letters"),
        (["ACG", "TTA", "CCG"], "text"),
        (["a", "b", "c"], "text"),
        (["1", "x", "y", "z"], "text"),
        (["x" * 50, "y" * 50] * 4, "text"),
        (["1_000", "2_000"] * 2, "category"),
    ],
)
def test_kinds_follow_from_all_cells(table, cells, kind):
    rows = "".join(f'"{cell}",{i % 2}\n' for i, cell in enumerate(cells))
    assert open_dataset(table("x,label\n" + rows)).columns.inputs == {"x": kind}


def test_a_column_called_text_is_text_though_its_cells_come_again(table):
    rows = "good,yes\nbad,no\n" * 3
    assert open_dataset(table("Text,label\n" + rows)).columns.inputs == {"Text": "text"}
    assert open_dataset(table("word,label\n" + rows)).columns.inputs == {"word": "category"}


def test_the_kind_of_a_column_can_be_given(table):
    found = open_dataset(table("zip,label\n02134,a\n10001,b\n02134,a\n"), inputs=["zip:category"])
    assert found.columns.inputs == {"zip": "category"}
    assert found[0].values == {"zip": "02134"}
    with pytest.raises(DataError, match="no kind code"):
        open_dataset(table("zip,label\n02134,a\n"), inputs=["zip:code"])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2", "2", "1"], "category"),
        (["0", "1", "1"], "category"),
        (["0.0", "1.0", "1.0"], "category"),
        ([str(i) for i in range(30)] * 3, "number"),
        (["1.5", "2.5", "1.5", "2.5"], "number"),
        (["3", "4", "5"], "number"),
        (["yes", "no", "maybe"], "category"),
    ],
)
def test_the_kind_of_the_target_follows_from_all_cells(table, cells, kind):
    found = open_dataset(table("text,y\n" + "".join(f"word,{cell}\n" for cell in cells)), inputs=["text"])
    assert found.columns.target_kind == kind
    assert found[0].target == (float(cells[0]) if kind == "number" else cells[0])


def test_labels_are_split_where_they_are_requested(table):
    found = open_dataset(table("text,tags\na b,x|y \nc d,\ne f,y|y\n"), target_kind="labels")
    assert [found[i].target for i in range(3)] == [("x", "y"), (), ("y",)]


def test_files_are_read_from_the_folder_of_the_table(table, tmp_path):
    np.save(tmp_path / "one.npy", np.ones((3, 2), np.float32))
    np.save(tmp_path / "two.npy", np.zeros((5, 2), np.float32))
    found = open_dataset(table("file,label\none.npy,a\ntwo.npy,b\n"))
    assert found.columns.inputs == {"file": "series"}
    assert found[1].values["file"].shape == (5, 2)
    with pytest.raises(DataError, match=r"b\.csv line 3, column file: the file three\.npy does not exist"):
        open_dataset(table("file,label\none.npy,a\nthree.npy,b\n", "b.csv"))
    (tmp_path / "two.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match=r"a\.csv line 3, column file:.*two\.npy"):
        found[1]


def test_rows_that_are_counted_are_no_input(table):
    rows = "".join(f"{i},{i * 7 % 5},{'ab'[i % 2]}\n" for i in range(23))
    assert open_dataset(table(",x,label\n" + rows)).columns.inputs == {"x": "number"}
    assert open_dataset(table("n,x,label\n" + rows)).columns.inputs == {"x": "number"}
    assert open_dataset(table("n,x,label\n" + rows), inputs=["n"]).columns.inputs == {"n": "number"}


def test_groups_are_read_and_are_no_input(table):
    found = open_dataset(table("x,speaker_name,label\n1,Anna,a\n2,Ben,b\n3,,a\n"), group="speaker_name")
    assert [found[i].group for i in range(3)] == ["Anna", "Ben", None]
    assert found.columns.inputs == {"x": "number"}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, r"a\.csv is empty"),
        ("\n\n", {}, "only empty lines"),
        ("text,label\n", {}, "has a header and no row"),
        ("text,text\na,b\n", {}, "line 1: two columns are called text"),
        ("text,,label\na,b,c\n", {}, "line 1: column 2 of the header has no name"),
        ("1.5,0.2,a\n1.1,0.3,b\n", {}, "line 1: 1.5 is no name of a column"),
        ("text,label\na\n", {}, "line 2 has 1 cells, and the header 2"),
        ('text,label\n"a,b\nc,d\n', {}, "line 2: a quote is opened and not closed"),
        ("text,label\na,b\n", {"target": "lable"}, "no column lable. Did you mean label"),
        ("text,label\na,b\n", {"inputs": ["Txt"]}, "no column Txt. Did you mean text"),
        ("text,label\na,b\n", {"group": "speaker"}, "no column speaker. It has: text, label"),
        ("text,label\na,b\n", {"target_kind": "class"}, "no kind of target class"),
        ("text\na\n", {}, "no column that could be the target"),
        ("x,label\n1,a\n2,b\nNaN,a\n", {}, "line 4, column x: is 'NaN', and a number is expected"),
        ("x,label\n1,a\n2,b\n-inf,a\n", {}, "line 4, column x: is '-inf'"),
        ("x,label\n1,a\n2,b\n1e999,a\n", {}, "line 4, column x: is '1e999'"),
        ("x,label\n1,a\n\ntall,b\n3,a\n", {}, "line 4, column x: is 'tall'.*x:category"),
        ("text,label\na,b\nc,\nd,\n", {}, "line 3: the target label is missing, as in 1 rows more"),
        ("text,y\na,1.5\nc,2.5\nd,NaN\n", {}, "line 4, column y: is 'NaN'"),
        ("text,y\na,b\n", {"target_kind": "number"}, "line 2, column y: is 'b'"),
        ("x,label\n,a\n,b\n", {}, "no column to learn from"),
        ("x,label\n,a\n,b\n", {"inputs": ["x"]}, "line 2: column x is empty"),
        ("a.csv", {"id": "series"}, "no column series"),
    ],
)
def test_mistakes_are_reported(table, text, options, message):
    text = "x,label\n1,a\n2,b\n" if text == "a.csv" else text
    with pytest.raises(DataError, match=message):
        open_dataset(table(text), **options)


def test_a_model_s_columns_are_followed_and_the_target_may_be_absent(table):
    like = open_dataset(table(TREES)).columns
    found = open_dataset(table("extra,colour,height\n1,5,7\n", "b.csv"), like=like)
    assert found.columns.target is None
    assert found[0].values == {"height": 7.0, "colour": "5"}
    assert found[0].target is None
    assert any("no target label" in note for note in found.notes)
    answered = open_dataset(table("label,colour,height\n1,5,NA\n", "c.csv"), like=like)
    assert answered[0].target == "1"
    assert open_dataset(table("label,colour,height\n,5,1\n", "d.csv"), like=like)[0].target is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("color,height\nred,1\n", "no column colour. Did you mean color"),
        ("colour,height\nred,tall\n", "line 2, column height: is 'tall'"),
        ("colour,height,label\nred,1,\nred,2,elm\n", "line 2: the target label is missing"),
    ],
)
def test_what_does_not_fit_a_model_is_reported(table, text, message):
    like = open_dataset(table(TREES)).columns
    with pytest.raises(DataError, match=message):
        open_dataset(table(text, "b.csv"), like=like)


def test_a_file_that_changed_is_noticed(table):
    path = table(TREES)
    trees = open_dataset(path)
    path.write_text("height,colour,label\n")
    with pytest.raises(DataError, match="line 5 is gone"):
        trees[3]


def test_only_an_index_is_held(table):
    path = table("text,label\n" + "".join(f"{'word ' * 400}{i},{i % 3}\n" for i in range(1009)))
    index = RowIndex([path])
    held = index._offsets.itemsize * len(index._offsets) + index._lines.itemsize * len(index._lines)
    assert held == 16 * 1009
    assert not any(len(value) > 2500 for value in list(index.summaries["text"].distinct)[4096:])
    assert index.read([1008, 5])[0]["text"].endswith("1008")


@pytest.mark.parametrize("seed", range(11))
def test_random_tables_come_back_as_the_csv_module_wrote_them(table, tmp_path, seed):
    chance = random.Random(seed)
    letters = 'abc é𝄞",;\n\t'
    rows = [["".join(chance.choices(letters, k=chance.randrange(1, 30))) + "z" for _ in range(2)] for _ in range(101)]
    with (tmp_path / "r.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator=chance.choice(["\n", "\r\n"])).writerows([["text", "more", "label"]])
        csv.writer(file).writerows([*row, str(i % 3)] for i, row in enumerate(rows))
    found = open_dataset(tmp_path / "r.csv", inputs=["text:text", "more:text"])
    order = list(range(101))
    chance.shuffle(order)
    assert all(list(found[i].values.values()) == rows[i] and found[i].target == str(i % 3) for i in order)


def test_tables_longer_than_a_part_are_looked_at_whole(table):
    rows = [f"{i + 1},{i % 4999},{i % 3}.5,u{i % 2}\n" for i in range(9001)]
    found = open_dataset(table("n,run_id,x,label\n" + "".join(rows)))
    assert found.columns.inputs == {"run_id": "number", "x": "number"}
    rows[8764] = "8765,3765,tall,u0\n"
    with pytest.raises(DataError, match="line 8766, column x: is 'tall'"):
        open_dataset(table("n,run_id,x,label\n" + "".join(rows)))


def test_a_header_of_several_lines_moves_the_lines_below(table):
    found = open_dataset(table('"height\nin m",label\n1,a\n2,b\n'))
    assert found.columns.inputs == {"height in m": "number"}
    assert found[0].where.endswith("line 3")


def test_a_row_that_is_blank_by_now_is_noticed(table):
    path = table(TREES)
    trees = open_dataset(path)
    path.write_text(TREES.replace("2,blue,elm", "\n,lue,elm"))
    with pytest.raises(DataError, match="line 3 is gone"):
        trees[1]

"""Long tables: rows with one id are one series, mixed with others or not."""

import random

import numpy as np
import pytest

from elman.data import open_dataset
from elman.errors import DataError


@pytest.fixture
def table(tmp_path):
    def write(text: str, name: str = "long.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def rows_of(lengths: dict[str, int], seed: int) -> tuple[list[str], dict[str, np.ndarray]]:
    """Make mixed rows, each with its series, a counter, two numbers and a target."""
    chance = random.Random(seed)
    series = [name for name, length in lengths.items() for _ in range(length)]
    chance.shuffle(series)
    lines: list[str] = []
    steps: dict[str, list[list[float]]] = {name: [] for name in lengths}
    for at, name in enumerate(series):
        steps[name].append([at / 8, -at * 3])
        lines.append(f"{at},{name},{at / 8},{-at * 3},{name[0]},{len(name)}\n")
    return lines, {name: np.array(values, np.float32) for name, values in steps.items()}


@pytest.mark.parametrize("seed", range(5))
def test_mixed_rows_become_series_in_the_order_of_their_rows(table, seed):
    lines, steps = rows_of({"a1": 2, "a22": 11, "b3": 1, "b44": 7, "c5": 5}, seed)
    found = open_dataset(table("time,id,x,y,label,speaker\n" + "".join(lines)), group="speaker")
    assert found.columns.inputs == {"series": "series"}
    assert found.columns.names == ("x", "y")
    assert found.columns.id == "id"
    order = list(dict.fromkeys(line.split(",")[1] for line in lines))
    assert len(found) == 5
    for at in random.Random(seed).sample(range(5), 5):
        example = found[at]
        np.testing.assert_array_equal(example.values["series"], steps[order[at]])
        assert example.values["series"].dtype == np.float32
        assert example.target == order[at][0]
        assert example.group == str(len(order[at]))
        assert f"(id {order[at]})" in example.where
    assert any("5 series of 1 to 11 steps" in note for note in found.notes)
    assert any("Rows with the same id form one series" in note for note in found.notes)
    assert any("order of the rows: time" in note for note in found.notes)


def test_any_column_can_name_series_and_inputs_can_be_chosen(table):
    found = open_dataset(table("run,x,y,label\n1,1,2,a\n2,3,4,b\n1,5,,a\n"), id="run", inputs=["y"])
    assert found.columns.names == ("y",)
    np.testing.assert_array_equal(found[0].values["series"], np.array([[2], [np.nan]], np.float32))
    assert "Missing values: y 1." in found.notes


def test_an_empty_id_keeps_rows_apart(table):
    text = "id,x,label\n" + "1,1,a\n1,2,b\n2,3,b\n2,4,a\n"
    with pytest.raises(DataError, match=r"line 3: the target label of id 1 is 'b', and 'a' in line 2.*an empty id"):
        open_dataset(table(text))
    assert len(open_dataset(table(text), id="")) == 4


def test_ids_that_do_not_repeat_are_no_series(table):
    assert open_dataset(table("id,x,label\n1,1,a\n2,2,b\n3,3,b\n")).columns.id is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("series,x,label\na,1,u\na,2,u\n,3,u\nb,4,v\n", "line 4: series is empty"),
        ("series,x,label\na,1,u\na,2,u\na,nan,u\nb,4,v\n", "line 4, column x: is 'nan'"),
        ("series,x,label\na,1,u\na,2,\nb,4,v\nb,4,v\n", "line 3: the target label is missing"),
    ],
)
def test_mistakes_are_reported(table, text, message):
    with pytest.raises(DataError, match=message):
        open_dataset(table(text), id="series")


def test_without_numbers_there_are_no_steps(table):
    with pytest.raises(DataError, match="no column of numbers"):
        open_dataset(table("series,word,label\na,one,u\na,two,u\n"), id="series")


def test_a_model_of_series_reads_new_ones(table):
    like = open_dataset(table("id,x,y,label\na,1,2,u\na,3,4,u\nb,5,6,v\nb,7,8,v\n")).columns
    found = open_dataset(table("y,x,id\n1,2,c\n3,4,c\n", "new.csv"), like=like)
    np.testing.assert_array_equal(found[0].values["series"], np.array([[2, 1], [4, 3]], np.float32))
    assert found[0].target is None
    assert found.columns.target is None
    with pytest.raises(DataError, match="no column id"):
        open_dataset(table("y,x\n1,2\n", "new.csv"), like=like)
    with pytest.raises(DataError, match="no column x"):
        open_dataset(table("y,id\n1,2\n", "new.csv"), like=like)


def test_a_series_can_go_on_in_the_next_table(table):
    paths = [table("id,x,label\na,1,u\nb,2,v\na,3,u\n"), table("id,x,label\na,4,u\nb,5,v\n", "more.csv")]
    found = open_dataset(paths)
    np.testing.assert_array_equal(found[0].values["series"].ravel(), [1, 3, 4])
    np.testing.assert_array_equal(found[1].values["series"].ravel(), [2, 5])

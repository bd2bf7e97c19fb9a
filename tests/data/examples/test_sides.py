"""Side inputs of series: from the columns of long tables, lists beside a series, arrays, memory and a pipe."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from elman.data import open_dataset, stream_rows
from elman.data.examples.values import open_values
from elman.errors import ConfigError, DataError
from elman.sides import parse_sides

TIMES = {"a": [3.0, 3.5, 7.25], "b": [100.125, 101.0]}
GAPS = {"a": [0.0, 0.5, 3.75], "b": [0.0, 0.875]}


def rows(write=str):
    """The rows of both series, mixed."""
    order = [("b", 0), ("a", 0), ("a", 1), ("b", 1), ("a", 2)]
    return [(name, write(TIMES[name][at]), 10 * (name == "b") + at, {"a": "x", "b": "y"}[name]) for name, at in order]


@pytest.fixture
def table(tmp_path):
    def make(lines=None, head="id,t,v,label", name="walks.csv"):
        lines = [",".join(map(str, row)) for row in rows()] if lines is None else lines
        (tmp_path / name).write_text("\n".join([head, *lines]) + "\n")
        return tmp_path / name

    return make


def carried(dataset, at):
    return dataset[at].values[next(iter(dataset.columns.inputs))][:, -1].tolist()


def test_the_time_since_the_row_before_of_the_same_series_stands_behind_the_numbers(table):
    dataset = open_dataset(table(), sides={"dt": "gaps"})
    assert [carried(dataset, at) for at in (0, 1)] == [GAPS["b"], GAPS["a"]]
    assert dataset[1].values["series"][:, :1].tolist() == [[0.0], [1.0], [2.0]]
    assert dataset.columns.names == ("v",)
    assert "dt is the time since the step before, by the column t; it is 0 at the first step." in dataset.notes


@pytest.mark.parametrize(
    "write",
    [
        lambda t: pd.Timestamp("2024-03-30T22:59:00+00:00") + pd.Timedelta(seconds=t),
        lambda t: (pd.Timestamp("2024-01-31") + pd.Timedelta(seconds=t)).strftime("%d/%m/%Y %H:%M:%S.%f"),
        lambda t: (pd.Timestamp("2024-03-31T00:59:55", tz="UTC") + pd.Timedelta(seconds=t)).tz_convert("Europe/Zurich"),
    ],
    ids=["iso", "day first", "over the change of clocks"],
)
def test_timestamps_give_gaps_in_seconds(table, write):
    path = table([",".join(map(str, row)) for row in rows(write)])
    dataset = open_dataset(path, sides={"dt": "gaps"})
    assert [carried(dataset, at) for at in (0, 1)] == [GAPS["b"], GAPS["a"]]
    assert any("in seconds" in note for note in dataset.notes)
    like = open_dataset(path, like=dataset.columns)
    assert carried(like, 1) == GAPS["a"]


def test_large_times_lose_no_fraction(table):
    path = table([f"a,{1_700_000_000 + t},{at},x" for at, t in enumerate(TIMES["a"])] + ["b,5,1,y", "b,7,1,y"])
    assert carried(open_dataset(path, sides={"dt": "gaps"}), 0) == GAPS["a"]


def test_a_column_is_given_on_as_it_is_and_is_no_number_of_a_step_unless_it_is_named(table):
    path = table([f"{n},{t},{v},{v + 0.5},{y}" for n, t, v, y in rows()], head="id,t,v,w,label")
    dataset = open_dataset(path, sides={"dt": "w"})
    assert dataset.columns.names == ("v",)
    assert dataset[1].values["series"].tolist() == [[at, at + 0.5] for at in range(3)]
    both = open_dataset(path, sides={"dt": "w"}, inputs=["w", "t"])
    assert both.columns.names == ("w", "t")
    assert both[1].values["series"].tolist() == [[at + 0.5, t, at + 0.5] for at, t in enumerate(TIMES["a"])]


def test_side_inputs_stand_in_the_order_of_their_names(table):
    path = table([f"{n},{t},{v},{v + 0.5},{y}" for n, t, v, y in rows()], head="id,t,v,w,label")
    for sides in ({"dt": "gaps", "age": "w"}, {"age": "w", "dt": "gaps"}):
        dataset = open_dataset(path, sides=sides)
        assert dataset[1].values["series"].tolist() == [[at, at + 0.5, gap] for at, gap in enumerate(GAPS["a"])]


def test_a_list_of_times_stands_beside_a_list_of_steps(tmp_path):
    path = tmp_path / "walks.jsonl"
    lines = [{"x": [[at, -at] for at in range(len(t))], "when": t, "label": n} for n, t in TIMES.items()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = open_dataset(path, sides={"dt": "gaps:when"})
    assert [carried(dataset, at) for at in (0, 1)] == [GAPS["a"], GAPS["b"]]
    assert dataset[1].values["x"][:, :2].tolist() == [[0, 0], [1, -1]]
    path.write_text(json.dumps({**lines[0], "when": [1, 2]}) + "\n" + json.dumps(lines[1]) + "\n")
    dataset = open_dataset(path, like=dataset.columns)
    with pytest.raises(DataError, match=r"line 1, column when: this is no list of 3 numbers"):
        dataset[0]


@pytest.mark.parametrize("ragged", [False, True])
def test_an_array_of_times_stands_beside_the_array_of_steps(tmp_path, ragged):
    lengths = [3, 2]
    t = np.zeros((2, 3))
    t[0], t[1, :2] = TIMES["a"], TIMES["b"]
    x = np.arange(12.0).reshape(2, 3, 2)
    if ragged:
        t, x = np.concatenate([t[0], t[1, :2]]), np.concatenate([x[0], x[1, :2]])
    np.savez(tmp_path / "walks.npz", x=x, y=["x", "y"], time=t, lengths=lengths)
    dataset = open_dataset(tmp_path / "walks.npz", sides={"dt": "gaps"})
    assert [carried(dataset, at) for at in (0, 1)] == [GAPS["a"], GAPS["b"]]
    assert dataset[1].values["x"][:, :2].tolist() == [[6, 7], [8, 9]]
    assert carried(open_dataset(tmp_path / "walks.npz", like=dataset.columns), 1) == GAPS["b"]
    np.savez(tmp_path / "walks.npz", x=x, y=["x", "y"], time=t[:1], lengths=lengths)
    with pytest.raises(DataError, match="a side input is a number for each step"):
        open_dataset(tmp_path / "walks.npz", sides={"dt": "gaps"})


def test_a_pipe_and_memory_give_what_a_file_gives(table):
    path = table(sorted(",".join(map(str, row)) for row in rows()))
    dataset = open_dataset(path, sides={"dt": "gaps"})
    whole = [dataset[at].values["series"].tolist() for at in (0, 1)]
    found = stream_rows(io.BytesIO(path.read_bytes()), dataset.columns)
    assert [example.values["series"].tolist() for example in found] == whole
    given = [{"series": [[at] for at in range(len(t))], "t": t} for t in TIMES.values()]
    given[1]["series"] = [[10], [11]]
    memory = open_values(given, dataset.columns)
    assert [memory[at].values["series"].tolist() for at in (0, 1)] == whole
    frame = pd.read_csv(path)
    assert open_dataset(frame, like=dataset.columns)[1].values["series"].tolist() == whole[1]
    with pytest.raises(DataError, match="example 1 has no column t"):
        open_values([given[0]["series"]], dataset.columns)[0]
    with pytest.raises(DataError, match=r"example 1, t: its shape is \(2,\), and the series has 3 steps"):
        open_values([{**given[0], "t": [1.0, 2.0]}], dataset.columns)[0]


@pytest.mark.parametrize(
    ("line", "sides", "message"),
    [
        ("a,7.25,3,x", "gaps", "walks.csv line 7, column t: the time 7.25 was there before, in "),
        ("a,7,3,x", "gaps", "walks.csv line 7, column t: 7 comes after 7.25, so that times are out of order"),
        ("a,,3,x", "gaps", "walks.csv line 7, column t: the value is missing or infinite"),
        ("a,noon,3,x", "gaps", "walks.csv line 7, column t: is 'noon', and a number"),
        ("a,8,-3,x", "v", "walks.csv line 7, column v: the value is negative"),
        ("a,8,,x", "v", "walks.csv line 7, column v: the value is missing"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_refused_with_its_line(table, line, sides, message):
    path = table([*(",".join(map(str, row)) + ",1" for row in rows()), line + ",1"], head="id,t,v,label,w")
    with pytest.raises(DataError) as caught:
        open_dataset(path, target="label", sides={"dt": sides})[1]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ("dt=gaps:noon", "has no column noon that the side input dt could be. It has: t, v"),
        ("dt=label", "has no column label that the side input dt could be"),
        ("dt=kind", "walks.csv line 2, column kind is 'red', and the side input dt needs numbers"),
        ("dt=gaps:kind", "walks.csv line 2, column kind is 'red', and the side input dt needs times or numbers"),
    ],
)
def test_a_wrong_column_is_refused(table, sides, message):
    path = table([",".join(map(str, (*row[:3], "red", row[3]))) for row in rows()], head="id,t,v,kind,label")
    with pytest.raises(DataError, match=message):
        open_dataset(path, sides=dict([sides.split("=")]))


def test_without_one_usual_name_the_column_of_times_must_be_named(table):
    with pytest.raises(
        DataError, match=r"dt=gaps needs a column of times, and there are when, v. Name it: dt=gaps:COL"
    ):
        open_dataset(table(head="id,when,v,label"), sides={"dt": "gaps"})
    with pytest.raises(DataError, match="several may be it: t, time"):
        open_dataset(table(head="id,t,time,label"), sides={"dt": "gaps"})
    assert carried(open_dataset(table(head="id,when,v,label"), sides={"dt": "gaps:when"}), 1) == GAPS["a"]


def test_rows_of_one_step_and_data_without_columns_carry_nothing(tmp_path, table):
    with pytest.raises(
        DataError, match=r"a row of .* is read as one step; --id joins rows to series. Give dt=1, or series"
    ):
        open_dataset(table(), id="", sides={"dt": "gaps"})
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.txt").write_text("one\ntwo\n")
    with pytest.raises(DataError, match=r"a.txt has no columns. Give dt=1, or series"):
        open_dataset([tmp_path / "a.txt", tmp_path / "b.txt"], sides={"dt": "gaps"})


@pytest.mark.parametrize(
    "given", ["dt", "dt=", "=gaps", "dt=gaps,", "d t=1", "dt=gaps:", "dt=1,dt=2", "dt=-1", "dt=inf"]
)
def test_an_option_of_another_form_is_refused(given):
    with pytest.raises(ConfigError, match="side is"):
        parse_sides(given)

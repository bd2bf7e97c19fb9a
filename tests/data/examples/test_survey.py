"""A survey reads every example once, keeps what fits, and gives the others once more from where they came."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data import open_dataset
from elman.data.dataset import Columns, Dataset, Example, Sound
from elman.data.examples.survey import Survey
from elman.data.examples.table import Table
from elman.data.examples.values import open_values
from elman.data.tables import row_index
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError

KINDS = {"text": "text", "age": "number", "sort": "category", "x": "series", "noise": "sound"}
COLUMNS = Columns(KINDS, "label", "category")


def example_of(number: int) -> dict[str, object]:
    return {
        "text": f"number {number} of many" * (number % 5),
        "age": float("nan") if number % 7 == 0 else float(number),
        "sort": "" if number % 11 == 0 else f"s{number % 3}",
        "x": np.full((1 + number % 4, 2), np.nan if number % 13 == 0 else number, np.float32),
        "noise": Sound(np.arange(number % 6, dtype=np.float32), 8000),
    }


class Counted:
    """A dataset that counts how often each example is read."""

    def __init__(self, count: int) -> None:
        self._values = open_values([example_of(n) for n in range(count)], COLUMNS, [f"c{n % 2}" for n in range(count)])
        self.name, self.columns, self.notes = "counted", COLUMNS, ()
        self.read_so_often = [0] * count

    def __len__(self) -> int:
        return len(self.read_so_often)

    def __getitem__(self, index: int, /) -> Example:
        self.read_so_often[index] += 1
        return self._values[index]


def flat(example: Example) -> tuple[object, ...]:
    values = {name: value.samples if isinstance(value, Sound) else value for name, value in example.values.items()}
    plain = {name: value.tobytes() if isinstance(value, np.ndarray) else repr(value) for name, value in values.items()}
    return plain, example.target, example.where, example.group, example.weight


@pytest.mark.parametrize("most_bytes", [2**20, 5000, 0])
def test_examples_come_back_as_they_were_and_only_those_that_did_not_fit_are_read_again(most_bytes: int) -> None:
    dataset = Counted(53)
    survey = Survey(dataset, most_bytes=most_bytes)
    assert dataset.read_so_often == [1] * 53
    wanted = [40, 2, 3, 52, 0, 17]
    assert [flat(one) for one in survey.read(wanted)] == [flat(dataset._values[index]) for index in wanted]
    again = [index for index, count in enumerate(dataset.read_so_often) if count > 1]
    kept = {2**20: 53, 0: 0}.get(most_bytes, min(again, default=53))
    assert again == sorted(index for index in wanted if index >= kept)
    assert most_bytes != 5000 or 3 < kept < 40


def test_missing_values_are_counted() -> None:
    survey = Survey(Counted(53))
    assert survey.missing == {"text": 11, "age": 8, "sort": 5, "x": 5}


def test_texts_that_are_equal_have_equal_prints() -> None:
    columns = Columns({"a": "text", "b": "text"}, "label", "category")
    rows = [
        {"a": a, "b": b} for a, b in (("so", "good"), ("sogood", ""), ("so", "good"), ("good", "so"), ("so'", "good"))
    ]
    prints = Survey(open_values(rows, columns, ["yes"] * 5)).prints
    assert prints[0] == prints[2]
    assert len(set(prints.tolist())) == 4


def test_the_first_example_that_is_broken_is_named_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for rows, said in (
        ("1,5\n2,\nx,6\n3,7\n4,8\n", "line 3 has no target"),
        ("1,5\nx,6\n2,\n3,7\n4,8\n", "line 3, column size: is 'x'"),
    ):
        path.write_text("size,y\n" + rows)
        table = Table("a.csv", RowIndex([path]), Columns({"size": "number"}, "y", "number"), [])
        with pytest.raises(DataError, match=said):
            Survey(table)


class OneByOne:
    """A dataset that gives nothing but examples by index."""

    def __init__(self, dataset: Dataset) -> None:
        self.name, self.columns, self.notes = dataset.name, dataset.columns, dataset.notes
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int, /) -> Example:
        return self._dataset[index]


@pytest.mark.parametrize("options", [{}, {"group": "who"}, {"inputs": ["title", "text"]}])
@pytest.mark.parametrize("form", [".csv", ".tsv", ".jsonl"])
def test_a_table_of_texts_is_read_by_columns_as_it_is_by_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(row_index, "BYTES_AT_ONCE", 300)
    rows = [
        {
            "title": "a b" * (n % 3),
            "text": f"number  {n} of texts",
            "who": f" w{n % 5}" * (n % 4 > 0),
            "label": f" c{n % 2}",
        }
        for n in range(97)
    ]
    path = tmp_path / f"a{form}"
    delimiter = {".csv": ",", ".tsv": "\t"}.get(form)
    lines = [json.dumps(row) if delimiter is None else delimiter.join(row.values()) for row in rows]
    path.write_text("\n".join([*([] if delimiter is None else [delimiter.join(rows[0])]), *lines]) + "\n")
    dataset = open_dataset(path, target="label", **{"inputs": ["text"], **options})
    found, expected = Survey(dataset), Survey(OneByOne(dataset))
    assert (dataset.read_texts() is None) == (form == ".jsonl")
    assert (found.targets, found.groups, found.weights) == (expected.targets, expected.groups, expected.weights)
    assert (found.missing, found.kept) == (expected.missing, 97)
    assert found.prints.tolist() == expected.prints.tolist()
    chosen = [0, 3, 40, 96]
    assert [flat(one) for one in found.read(chosen)] == [flat(dataset[index]) for index in chosen]

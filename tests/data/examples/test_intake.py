"""Examples come through one door: a sequence of examples in any form, and never one thing taken for many."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from elman.data.dataset import Columns, Sound
from elman.data.examples.given import recognise
from elman.data.examples.intake import as_examples, column_names
from elman.data.examples.values import open_values
from elman.errors import DataError

TEXTS = ["so good", "so bad", ""]


class Table:
    """A data frame as pandas and polars have it: named columns, each read by its name; iteration gives the names."""

    def __init__(self, **columns):
        self.columns, self._values = list(columns), columns

    def __len__(self):
        return len(next(iter(self._values.values())))

    def __iter__(self):
        return iter(self.columns)

    def __getitem__(self, name):
        return Column(self._values[name])


class Column:
    """A column as pandas has it: its items are found by the labels of its index, which begin at 10."""

    def __init__(self, values):
        self._values = values

    def __len__(self):
        return len(self._values)

    def __iter__(self):
        return iter(self._values)

    def __getitem__(self, label):
        return self._values[label - 10]

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype)


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        tuple(TEXTS),
        iter(TEXTS),
        (text for text in TEXTS),
        map(str, TEXTS),
        dict.fromkeys(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        Column(TEXTS),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_sequence_in_any_form_is_read_item_by_item(given):
    given = given.keys() if isinstance(given, dict) else given
    assert list(as_examples(given)) == TEXTS


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("so good", r"X is one text, 'so good'\. Give a list of texts\."),
        (np.str_("so good"), "X is one text"),
        (np.array("so good"), r"X is a single value, 'so good'\."),
        ("a" * 5000, r"X is one text, 'a{38}…\. Give"),
        (b"so good", "X is bytes"),
        (bytearray(b"so good"), "X is bytes"),
        (memoryview(b"so good"), "X is bytes"),
        (Path("reviews.csv"), r"X is the path 'reviews\.csv', and no file is read here\. Give"),
        (io.StringIO("so good\nso bad\n"), "X is an open file"),
        ({"text": TEXTS}, r"X is a mapping with the keys text\. Give"),
        (set(TEXTS), "X is a set, which has no order"),
        (None, "X is a single value, None"),
        (3.5, r"X is a single value, 3\.5"),
        (np.float64(3.5), r"X is a single value, 3\.5"),
        (torch.tensor(3.5), r"X is a single value, 3\.5"),
        (Sound(np.zeros(3, np.float32), 8000), "X is a single value, Sound"),
        (DataLoader(TEXTS), "X is a DataLoader, which gives batches"),
        (np.ma.masked_array(["a", "b"], [True, False]), "masked values"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_thing_is_never_taken_for_many(given, said):
    with pytest.raises(DataError, match=said):
        as_examples(given, "X", "a list of texts")


def test_an_empty_sequence_stays_empty():
    for empty in ([], (), iter(()), np.zeros(0), np.zeros((0, 3))):
        assert len(as_examples(empty)) == 0


def test_a_masked_number_is_a_missing_one():
    masked = np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]])
    np.testing.assert_array_equal(as_examples(masked), [[1.0, np.nan], [3.0, 4.0]])
    series = open_values([np.ma.masked_array([1.0, 9.0], [False, True])], Columns({"x": "series"}))
    np.testing.assert_array_equal(series[0].values["x"], [[1.0], [np.nan]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_tensor_that_requires_grad_is_read_as_its_numbers(dtype):
    tensor = torch.tensor([[1.5, 2.0]], dtype=dtype, requires_grad=True)
    np.testing.assert_array_equal(as_examples(tensor), [[1.5, 2.0]])
    assert open_values([tensor], Columns({"x": "series"}))[0].values["x"].tolist() == [[1.5, 2.0]]
    assert recognise([tensor]).inputs == {"x": "series"}


def test_the_rows_of_a_data_frame_are_mappings_by_name():
    frame = Table(size=np.array([1.0, 3.0]), colour=["red", "blue"])
    assert as_examples(frame) == [{"size": 1.0, "colour": "red"}, {"size": 3.0, "colour": "blue"}]
    dataset = open_values(
        Table(colour=["red"], more=["x"], size=[2]), Columns({"size": "number", "colour": "category"})
    )
    assert dataset[0].values == {"size": 2.0, "colour": "red"}


def test_columns_have_one_name_each():
    with pytest.raises(DataError, match="several columns with the name a"):
        column_names(type("Frame", (), {"columns": ["a", "b", "a"]})())
    with pytest.raises(DataError, match="Of 2 columns, 1 have names that are text"):
        column_names(type("Frame", (), {"columns": ["a", 1]})())
    assert column_names(type("Frame", (), {"columns": [0, 1]})()) == []
    assert column_names(type("Frame", (), {"column_names": ["a"], "columns": [np.zeros(1)]})()) == ["a"]


def test_texts_in_place_of_targets_are_refused():
    columns = Columns({"text": "text"}, "label", "category")
    with pytest.raises(DataError, match=r"target is one text, 'pnp'\. Give one target an example"):
        open_values(TEXTS, columns, "pnp")
    with pytest.raises(DataError, match="group is one text"):
        open_values(TEXTS, columns, list("pnp"), "abc")
    with pytest.raises(DataError, match="values is one text"):
        open_values("pnp", columns, list("pnp"))

"""Tables and series: standardised as numpy does it in float64, with missing numbers told."""

import json
import warnings

import numpy as np
import pytest
import torch

from elman.data.dataset import Columns, Example
from elman.encoders.encoder import learn_encoder, read_encoder
from elman.encoders.fronts import FramesFront
from elman.encoders.scaling import Moments, Scaling
from elman.encoders.settings import InputSettings
from elman.errors import DataError
from tolerances import assert_close

NAN = float("nan")


def rows(*values: dict) -> list[Example]:
    return [Example(value, "a", f"table.csv line {i}") for i, value in enumerate(values, 2)]


def series(array, where: str = "one.npy") -> Example:
    return Example({"x": np.asarray(array, np.float32)}, "a", where)


SERIES = Columns({"x": "series"})


@pytest.mark.parametrize("parts", [(1, 4, 998), (503, 500)])
def test_moments_in_parts_are_those_of_the_whole(parts):
    whole = np.random.default_rng(3).normal([1e6, -2.0, 0.0], [1.0, 30.0, 1e-3], (1003, 3))
    whole[5:400:7, 1] = NAN
    moments = Moments(3)
    for part in np.split(whole, np.cumsum(parts)[:-1]):
        moments.add(part)
    scaling = moments.scaling()
    np.testing.assert_allclose(scaling.means, np.nanmean(whole, 0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(scaling.deviations, np.nanstd(whole, 0), rtol=1e-9)
    assert scaling.indicated == (1,)


def test_a_column_that_never_changes_becomes_zero():
    moments = Moments(2)
    for _ in range(7):
        moments.add(np.array([[0.1, 1e9]] * 11))
    assert moments.scaling().apply(np.array([[0.1, 1e9]])).abs().max() < 1e-6


def test_numbers_are_standardised_and_categories_one_hot():
    columns = Columns({"size": "number", "colour": "category", "age": "number"})
    data = rows(
        {"size": 2.0, "colour": "red", "age": NAN},
        {"size": 6.0, "colour": "blue", "age": 1.0},
        {"size": 1.0, "colour": "red", "age": 4.0},
    )
    encoder = learn_encoder(columns, data, InputSettings())
    mean, deviation = 3.0, np.std([2.0, 6.0, 1.0])
    found = encoder.encode(data[0])
    expected = [[(2.0 - mean) / deviation, 0.0, 1.0, 1.0, 0.0]]  # size, age, age is missing, red, blue
    assert_close("row", found, torch.tensor(expected, dtype=torch.float32))
    new = encoder.encode(*rows({"size": NAN, "colour": "green", "age": 2.5}))
    assert new.tolist() == [[0.0, 0.0, 0.0, 0.0, 0.0]]
    assert encoder.front == FramesFront(5)
    assert encoder.describe() == "rows of 3 columns, 1 with missing values; 5 numbers in one step"


def test_tables_of_numbers_alone_and_of_categories_alone():
    numbers = learn_encoder(Columns({"a": "number"}), rows({"a": 1.0}, {"a": 1.0}), InputSettings())
    assert numbers.encode(*rows({"a": 2.0})).tolist() == [[1.0]]
    columns, data = Columns({"c": "category"}), rows({"c": "x"}, {"c": ""})
    categories = learn_encoder(columns, data, InputSettings())
    assert categories.encode(data[0]).tolist() == [[1.0]]
    assert categories.encode(data[1]).tolist() == [[0.0]]
    with pytest.raises(DataError, match="The columns c are empty"):
        learn_encoder(columns, data[1:], InputSettings())


def test_an_infinite_number_is_named():
    with pytest.raises(DataError, match=r"table\.csv line 3: the number in b is infinite"):
        learn_encoder(
            Columns({"a": "number", "b": "number"}),
            rows({"a": 1.0, "b": 1.0}, {"a": 2.0, "b": -float("inf")}),
            InputSettings(),
        )
    encoder = learn_encoder(SERIES, [series([[1.0], [2.0]])], InputSettings())
    with pytest.raises(DataError, match=r"two\.npy: step 1 \(from 0\) has an infinite number"):
        encoder.encode(series([[1.0], [float("inf")]], "two.npy"))


def test_series_are_standardised_over_all_steps_of_all():
    generator = np.random.default_rng(4)
    data = [series(generator.normal(7.0, [1.0, 20.0, 3.0], (steps, 3))) for steps in (5, 1, 13)]
    data[2].values["x"][[2, 5], 1] = NAN
    encoder = learn_encoder(SERIES, iter(data), InputSettings())
    whole = np.concatenate([example.values["x"] for example in data]).astype(np.float64)
    scaled = (whole - np.nanmean(whole, 0)) / np.nanstd(whole, 0)
    expected = np.hstack([np.nan_to_num(scaled), np.isnan(scaled[:, 1:2])]).astype(np.float32)
    found = torch.cat([encoder.encode(example) for example in data])
    assert_close("steps", found, torch.from_numpy(expected))
    assert encoder.front == FramesFront(4)
    assert encoder.describe() == "series of 3 numbers a step, 1 with missing values"


def test_series_that_do_not_fit_are_named():
    with pytest.raises(DataError, match=r"b\.npy has 3 numbers a step, and the first series to learn from has 2"):
        learn_encoder(SERIES, [series(np.zeros((5, 2))), series(np.zeros((5, 3)), "b.npy")], InputSettings())
    encoder = learn_encoder(SERIES, [series(np.zeros((5, 2)))], InputSettings())
    with pytest.raises(DataError, match=r"c\.npy has 1 numbers a step"):
        encoder.encode(series(np.zeros((5, 1)), "c.npy"))
    with pytest.raises(DataError, match=r"d\.npy has no steps"):
        encoder.encode(series(np.zeros((0, 2)), "d.npy"))
    with pytest.raises(DataError, match="no series to learn from"):
        learn_encoder(SERIES, [], InputSettings())


def test_the_start_of_a_long_series_is_read():
    encoder = learn_encoder(SERIES, [series(np.arange(5.0)[:, None])], InputSettings(max_length=2))
    assert encoder.encode(series([[2.0], [2.0], [9.0]])).tolist() == [[0.0], [0.0]]
    assert encoder.describe().endswith("; of sequences of up to 5 steps the first 2 are read")


@pytest.mark.parametrize("kind", ["table", "series"])
def test_an_encoder_goes_through_json_and_reads_the_same(kind):
    if kind == "table":
        columns, data = Columns({"a": "number", "c": "category"}), rows({"a": 0.1, "c": "x"}, {"a": NAN, "c": "y"})
    else:
        columns, data = SERIES, [series(np.random.default_rng(1).normal(size=(7, 2)))]
    encoder = learn_encoder(columns, data, InputSettings())
    again = read_encoder(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    assert again.encode(data[0]).equal(encoder.encode(data[0]))
    assert encoder.augment(again.encode(data[0]), torch.Generator()).equal(encoder.encode(data[0]))


@pytest.mark.parametrize(
    "scaling",
    [
        {"means": [0.0], "deviations": [0.0], "indicated": []},
        {"means": [0.0], "deviations": [-1.0], "indicated": []},
        {"means": [NAN], "deviations": [1.0], "indicated": []},
        {"means": [0.0, 1.0], "deviations": [1.0], "indicated": []},
        {"means": [0.0], "deviations": [1.0], "indicated": [1]},
        {"means": 3, "deviations": [1.0], "indicated": []},
        {"deviations": [1.0]},
        None,
    ],
    ids=str,
)
def test_a_damaged_scaling_is_refused(scaling):
    good = learn_encoder(SERIES, [series([[1.0]])], InputSettings()).to_dict()
    with pytest.raises(DataError, match="Train the model again"):
        read_encoder({**good, "scaling": scaling})


def test_what_float32_does_not_hold_is_infinite_without_a_warning():
    scaling = Scaling((1e300,), (1e-300,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scaling.apply(np.array([[-1e300]])).isinf().all()

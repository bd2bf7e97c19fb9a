"""One `.npz` is many examples: every shape that is told of, and every one that does not fit."""

import numpy as np
import pytest

from elman.data.dataset import Columns
from elman.data.examples.arrays import open_arrays
from elman.errors import DataError

N, T, D = 5, 7, 3
RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(N, T, D))
LENGTHS = np.array([2, 7, 1, 3, 5])
IMAGES = RANDOM.integers(0, 256, (N, 11, 13), dtype=np.uint8)


@pytest.fixture
def save(tmp_path):
    def write(*, compressed: bool = False, **arrays):
        (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", **arrays)
        return tmp_path / "a.npz"

    return write


@pytest.mark.parametrize("compressed", [False, True])
def test_each_row_of_three_axes_is_a_series(save, compressed):
    path = save(compressed=compressed, x=X, y=[3, 1, 1, 2, 3])
    arrays = open_arrays(path)
    assert arrays.columns == Columns({"x": "series"}, "y", "category")
    assert [arrays[i].target for i in range(N)] == ["3", "1", "1", "2", "3"]
    assert arrays[2].where == f"{path} example 2"
    for i in range(N):
        np.testing.assert_array_equal(arrays[i].values["x"], X[i].astype(np.float32))
    assert any("5 series of 7 steps with 3 numbers each" in note for note in arrays.notes)
    assert any("held in memory" in note for note in arrays.notes) == compressed


def test_rows_of_two_axes_have_one_number_a_step(save):
    np.testing.assert_array_equal(open_arrays(save(x=X[:, :, 0]))[4].values["x"], X[4, :, :1].astype(np.float32))


@pytest.mark.parametrize("width", [0, D])
def test_examples_that_are_concatenated_are_cut_by_their_lengths(save, width):
    steps = RANDOM.normal(size=(18, width) if width else 18)
    arrays = open_arrays(save(x=steps, lengths=LENGTHS, y=np.arange(N)))
    assert len(arrays) == N
    parts = [arrays[i].values["x"] for i in range(N)]
    assert [len(part) for part in parts] == LENGTHS.tolist()
    np.testing.assert_array_equal(np.concatenate(parts), steps.reshape(18, -1).astype(np.float32))


def test_padded_examples_end_at_their_lengths(save):
    padded = np.where(np.arange(T)[:, None] < LENGTHS[:, None, None], X, np.nan)
    arrays = open_arrays(save(x=padded, lengths=LENGTHS))
    for i in range(N):
        np.testing.assert_array_equal(arrays[i].values["x"], X[i, : LENGTHS[i]].astype(np.float32))


@pytest.mark.parametrize("shape", [(N, 11, 13), (N, 11, 13, 1), (N, 11, 13, 3)])
def test_bytes_of_images_are_images(save, shape):
    images = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    arrays = open_arrays(save(images=images))
    assert arrays.columns == Columns({"images": "image"})
    read = arrays[3].values["images"]
    assert (read.dtype, read.ndim) == (np.uint8, 3)
    np.testing.assert_array_equal(read, images[3].reshape(11, 13, -1))


@pytest.mark.parametrize(
    ("y", "more", "kind", "targets"),
    [
        pytest.param(["a", "b", "b", "a", "ß"], {}, "category", ["a", "b", "b", "a", "ß"], id="text"),
        pytest.param([b"a", b"b", b"b", b"a", b"c"], {}, "category", ["a", "b", "b", "a", "c"], id="bytes"),
        pytest.param([[1], [0], [1], [0], [2]], {}, "category", ["1", "0", "1", "0", "2"], id="a column"),
        pytest.param([True, False] * 2 + [True], {}, "category", ["True", "False"] * 2 + ["True"], id="bool"),
        pytest.param([1, 0, 1, 0, 1], {"classes": ["no", "yes"]}, "category", ["yes", "no"] * 2 + ["yes"], id="named"),
        pytest.param([0.5, 1, 2, 3, 4], {}, "number", [0.5, 1, 2, 3, 4], id="floats"),
        pytest.param(np.eye(5, 3) > 0, {}, "labels", [("0",), ("1",), ("2",), (), ()], id="labels"),
        pytest.param(
            np.tri(5, 3) > 0,
            {"classes": ["a", "b", "c"]},
            "labels",
            [("a",), ("a", "b"), *[("a", "b", "c")] * 3],
            id="named labels",
        ),
    ],
)
def test_answers_are_classes_numbers_or_labels(save, y, more, kind, targets):
    arrays = open_arrays(save(x=X, y=y, **more))
    assert arrays.columns.target_kind == kind
    assert [arrays[i].target for i in range(N)] == targets


def test_the_kind_of_the_answers_can_be_given(save):
    path = save(x=X, whole=[1.0, 2, 1, 2, 1], ages=[31, 7, 20, 41, 7])
    assert open_arrays(path, target="whole", target_kind="category")[1].target == "2"
    assert open_arrays(path, target="ages", target_kind="number")[1].target == 7.0


def test_whole_floats_are_numbers_and_it_is_noted(save):
    assert any("if they are classes" in note for note in open_arrays(save(x=X, y=np.ones(N))).notes)


def test_what_is_not_read_is_noted(save):
    assert "Not read: ids." in open_arrays(save(x=X, y=np.arange(N), ids=np.arange(N))).notes


def test_arrays_of_other_names_are_requested(save):
    path = save(x_train=X, y_train=np.arange(N), x_test=X[:2], y_test=np.arange(2))
    assert len(open_arrays(path, input="x_test", target="y_test")) == 2
    with pytest.raises(DataError, match=r"has no array x\. It has x_train \(5, 7, 3\), .*input="):
        open_arrays(path)
    with pytest.raises(DataError, match="has no array x_tset, did you mean x_test"):
        open_arrays(path, input="x_tset")
    with pytest.raises(DataError, match=r"has no array y_tset, did you mean y_test.*target="):
        open_arrays(path, input="x_test", target="y_tset")


def test_a_model_reads_by_the_columns_it_was_trained_with(save):
    trained = Columns({"frames": "series"}, "speaker", "number")
    arrays = open_arrays(save(frames=IMAGES, x=X, speaker=np.arange(N)), like=trained)
    assert arrays.columns == trained
    assert arrays[3].target == 3.0
    np.testing.assert_array_equal(arrays[3].values["frames"], IMAGES[3].astype(np.float32))


def test_a_model_reads_inputs_of_another_name_and_no_answers(save):
    trained = Columns({"frames": "series"}, "speaker", "category")
    example = open_arrays(save(x=X), like=trained)[0]
    assert list(example.values) == ["frames"]
    assert example.target is None


@pytest.mark.parametrize("inputs", [{"text": "text"}, {"a": "series", "b": "number"}])
def test_a_model_of_other_inputs_is_refused(save, inputs):
    with pytest.raises(DataError, match="gives one input, a series or an image, and the model reads"):
        open_arrays(save(x=X), like=Columns(inputs))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        pytest.param({"x": X, "y": [1, 2]}, r"array y has the shape \(2,\), and there are 5 examples", id="too few"),
        pytest.param({"x": X[:0]}, r"array x is float64 \(0, 7, 3\)", id="no example"),
        pytest.param({"x": X[:, :0]}, r"array x is float64 \(5, 0, 3\)", id="no step"),
        pytest.param({"x": X[0, 0]}, r"array x is float64 \(3,\). Series are", id="one axis"),
        pytest.param({"x": 3.0}, r"array x is float64 \(\)", id="no axis"),
        pytest.param({"x": X[None]}, r"array x is float64 \(1, 5, 7, 3\)", id="four axes"),
        pytest.param({"x": ["a", "b"]}, r"array x is <U1 \(2,\). Series are numbers", id="text"),
        pytest.param({"x": np.zeros((5, 3, 8, 8), np.uint8)}, "C is 1 or 3", id="channels first"),
        pytest.param({"x": X, "lengths": [7, 7]}, r"lengths does not fit the inputs \(5, 7, 3\)", id="lengths"),
        pytest.param({"x": X, "lengths": [8] * 5}, "The sum of the lengths, 40, must be", id="too long"),
        pytest.param({"x": X, "lengths": [7, 7, 0, 7, 7]}, "whole numbers of at least 1", id="no steps"),
        pytest.param({"x": X[:, 0], "lengths": [[5]]}, "lengths must be", id="lengths of two axes"),
        pytest.param({"x": X, "y": [1, 2, np.nan, 1, 2]}, "the answer of example 2 is NaN", id="NaN"),
        pytest.param({"x": X, "y": ["a", "", "a", "b", "b"]}, "the answer of example 1 is empty", id="empty class"),
        pytest.param({"x": X, "y": np.eye(5, dtype=int)}, r"int64 \(5, 5\).*Save y\.argmax\(1\)", id="one-hot"),
        pytest.param({"x": X, "y": 3}, r"has the shape \(\)", id="one answer"),
        pytest.param({"x": X, "y": [0, 1, 2, 0, 1], "classes": ["a", "b"]}, "example 2 is of class 2", id="unnamed"),
        pytest.param({"x": X, "y": np.eye(5) > 0, "classes": ["a", "b"]}, "5 labels, and classes has 2", id="names"),
        pytest.param({"x": X, "y": [1, 2, 1, 2, 1], "classes": [1, 2]}, "classes is int64", id="names of numbers"),
        pytest.param({"x": X, "y": [b"\xff"] * 5}, "is not UTF-8", id="Latin-1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(save, arrays, message):
    with pytest.raises(DataError, match=message) as refused:
        open_arrays(save(**arrays))
    assert "\n" not in str(refused.value)


def test_fractions_are_no_classes(save):
    with pytest.raises(DataError, match="has fractions, which name no classes"):
        open_arrays(save(x=X, y=[0.5, 1, 2, 3, 4]), target_kind="category")


def test_a_number_that_is_nan_names_example_and_step(save):
    spoiled = X.copy()
    spoiled[3, 5, 1] = np.nan
    arrays = open_arrays(save(x=spoiled))
    assert arrays[2].values["x"].shape == (T, D)
    with pytest.raises(DataError, match=r"a\.npz example 3: a number is NaN.* in 1 of 7 steps: 5 \(from 0\)"):
        arrays[3]


def test_an_index_beyond_the_end_is_an_error(save):
    arrays = open_arrays(save(x=X))
    np.testing.assert_array_equal(arrays[-1].values["x"], arrays[N - 1].values["x"])
    with pytest.raises(IndexError):
        arrays[N]

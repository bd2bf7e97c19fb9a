"""Fingerprints are equal for equal inputs alone: a plain comparison of the values says which are."""

import itertools

import numpy as np
import pytest

from elman.data.dataset import Sound
from elman.data.examples.fingerprints import Fingerprints, fold_texts

ODD = [
    "so good",
    "So  Good",
    " so good",
    "so good ",
    "so\tgood",
    "so\r\n good\n",
    "sogood",
    "so goód",
    "",
    " ",
    "\n",
    "a\0b",
    "a b",
]


@pytest.mark.parametrize("texts", [ODD, ODD[:8], ODD[:1], ["so good", "so bad"] * 3, ["\0"], [" "], [""]])
def test_texts_are_equal_but_for_capitals_and_white_space(texts):
    folded = fold_texts(texts)
    assert folded == [" ".join(text.replace("\0", " ").lower().split()).encode() for text in texts]
    read = Fingerprints({"text": "text"})
    alone = [read({"text": text}) for text in texts]
    assert read.of_texts([texts]) == b"".join(alone)
    for (one, a), (other, b) in itertools.combinations(zip(folded, alone, strict=True), 2):
        assert (one == other) == (a == b)


def test_texts_of_two_columns_are_not_joined():
    read = Fingerprints({"a": "text", "b": "text"})
    rows = [("so", "good"), ("sogood", ""), ("so good", ""), ("good", "so"), ("SO", "good")]
    prints = [read({"a": a, "b": b}) for a, b in rows]
    assert read.of_texts([[a for a, _ in rows], [b for _, b in rows]]) == b"".join(prints)
    assert prints[0] == prints[4]
    assert len(set(prints)) == 4


def test_rows_are_equal_if_all_their_values_are():
    read = Fingerprints({"size": "number", "sort": "category", "cost": "number"})
    row = {"size": 1.5, "sort": "a", "cost": 0.0}
    assert read(row) == Fingerprints({"cost": "number", "sort": "category", "size": "number"})(row)
    assert read(row) == read({**row, "cost": -0.0})
    nothing = {**row, "size": float("nan")}
    assert read(nothing) == read({**nothing})
    others = [nothing, {**row, "size": 0.0, "cost": 1.5}, {**row, "sort": "A"}, {**row, "size": np.nextafter(1.5, 2)}]
    assert len({read(other) for other in [row, *others]}) == 5


def test_arrays_are_equal_if_shape_and_values_are():
    frames = np.arange(12, dtype=np.float32)
    read = Fingerprints({"x": "series"})
    assert read({"x": frames.reshape(4, 3)}) == read({"x": np.asfortranarray(frames.reshape(4, 3))})
    assert read({"x": frames.reshape(4, 3)}) != read({"x": frames.reshape(3, 4)})
    samples = np.zeros(5, np.float32)
    read = Fingerprints({"sound": "sound"})
    assert read({"sound": Sound(samples, 8000)}) == read({"sound": Sound(samples.copy(), 8000)})
    assert read({"sound": Sound(samples, 8000)}) != read({"sound": Sound(samples, 16000)})

"""The likeliest path is read as it arrives: the units and times of the whole, whatever the pieces."""

import numpy as np
import pytest

from elman.decoding.ctc.lattice import align
from elman.decoding.ctc.outputs import read_greedily
from elman.decoding.ctc.path import PathReader

T, V = 61, 5


def rows_of(seed, steps=T):
    logits = 3 * np.random.default_rng(seed).normal(size=(steps, V))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("seed", range(13))
def test_units_are_those_of_greedy_reading_and_of_an_alignment(seed):
    rows, reader = rows_of(seed), PathReader()
    part = reader.read(rows)
    assert part.begun == read_greedily(rows[:, None])[0]
    found, expected = [*part.ended, *reader.end()], align(rows, part.begun).units
    assert [(one.units, one.first, one.behind) for one in found] == [
        (one.units, one.first, one.behind) for one in expected
    ]
    np.testing.assert_allclose([one.confidence for one in found], [one.confidence for one in expected], rtol=1e-12)


@pytest.mark.parametrize("seed", range(7))
def test_pieces_give_what_the_whole_gives(seed):
    rows, drawn, reader = rows_of(seed), np.random.default_rng(seed), PathReader()
    whole = reader.read(rows)
    units, ended = whole.begun, [*whole.ended, *reader.end()]
    for cuts in (range(T), sorted(drawn.integers(0, T, 5)), [0, 0, 7]):
        reader, heard, begun, found = PathReader(), 0, [], []
        for piece in np.split(rows, list(cuts)):
            part = reader.read(piece)
            heard += len(piece)
            begun += part.begun
            found += part.ended
            # A unit begins with its first frame, and ends with the first one behind it.
            assert begun == units[: len([one for one in ended if one.first < heard])]
            assert found == [one for one in ended if one.behind < heard]
        assert found + reader.end() == ended


def test_equal_units_with_a_blank_between_them_are_two():
    rows = np.log(np.full((5, 3), 0.1) + 0.7 * np.eye(3)[[1, 1, 0, 1, 2]])
    reader = PathReader()
    assert reader.read(rows).begun == [1, 1, 2]
    assert [(one.unit, one.first, one.behind) for one in reader.end()] == [(2, 4, 5)]
    assert reader.end() == []

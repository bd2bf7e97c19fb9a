"""CTC: greedy reading, the sum over all paths, and alignment, against a list of all paths and torch's own loss."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from elman.decoding.ctc import lattice
from elman.decoding.ctc.lattice import align, log_probability
from elman.decoding.ctc.outputs import collapse, read_greedily, split_sources
from elman.errors import DataError, ElmanError, ShapeError


def rows_of(steps, units, seed, sharp=2.0):
    return (torch.randn(steps, units, generator=torch.Generator().manual_seed(seed)).double() * sharp).log_softmax(1)


def paths_of(rows, blank):
    """List every path with its ln P, by the text that it gives; the text is found without the package."""
    found = {}
    for path in itertools.product(range(rows.shape[1]), repeat=len(rows)):
        text = tuple(unit for unit, _ in itertools.groupby(path) if unit != blank)
        found.setdefault(text, []).append((sum(float(rows[t, unit]) for t, unit in enumerate(path)), path))
    return found


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_probabilities_and_alignments_are_those_of_all_paths(steps, blank):
    rows = rows_of(steps, 3, seed=steps).numpy()
    every = paths_of(rows, blank)
    texts = list(every)
    totals = log_probability(rows, texts, blank)
    assert sum(map(math.exp, totals)) == pytest.approx(1)
    for text, total in zip(texts, totals, strict=True):
        assert total == pytest.approx(np.logaddexp.reduce([log_p for log_p, _ in every[text]]))
        best, path = max(every[text])
        found = align(rows, text, blank)
        assert found.log_probability == pytest.approx(best)
        assert found.log_probability <= total + 1e-12
        frames = [(one.unit, time) for one in found.units for time in range(one.first, one.behind)]
        assert frames == [(unit, time) for time, unit in enumerate(path) if unit != blank]
        for one in found.units:
            logs = [rows[time, one.unit] for time in range(one.first, one.behind)]
            assert one.confidence == pytest.approx(math.exp(sum(logs) / len(logs)))


def test_units_that_are_equal_have_frames_of_their_own():
    rows = np.log(np.full((7, 2), 0.5))
    found = align(rows, [1, 1, 1])
    assert all(one.behind < other.first for one, other in itertools.pairwise(found.units))


def test_probabilities_are_those_of_the_loss():
    rows = torch.stack([rows_of(37, 11, seed) for seed in range(5)], 1)
    generator = torch.Generator().manual_seed(7)
    texts = [torch.randint(1, 11, (length,), generator=generator) for length in (0, 3, 13, 17, 7)]
    lengths = torch.tensor([37, 31, 37, 37, 23])
    losses = F.ctc_loss(rows, torch.cat(texts), lengths, torch.tensor([len(text) for text in texts]), reduction="none")
    sources = split_sources(rows, lengths)
    for own, text, loss in zip(sources, texts, losses.tolist(), strict=True):
        [total] = log_probability(own, [text.tolist()])
        assert total == pytest.approx(-loss)
        # Padding with a longer text, and other texts beside it, change no bit.
        assert log_probability(own, [[1] * 15, text.tolist(), []])[1] == total


def test_a_text_that_is_too_long_has_no_path():
    rows = rows_of(3, 3, 1).numpy()
    assert log_probability(rows, [[1, 1, 2], [1, 2, 1]])[0] == -math.inf
    with pytest.raises(DataError, match="3 units cannot be aligned with its sound: it needs 4 frames, and there are 3"):
        align(rows, [1, 1, 2])
    with pytest.raises(DataError, match="it is impossible"):
        align(np.log(np.array([[1.0, 1e-323], [1.0, 1e-323]])) - [0.0, math.inf], [1])


@pytest.mark.parametrize("block", [1, 2, 3, 7, 31])
@pytest.mark.parametrize("units", [0, 1, 5, 13])
def test_a_long_sound_is_aligned_in_blocks_as_at_once(monkeypatch, block, units):
    rows, text = rows_of(31, 5, seed=units).numpy(), [1 + number * number % 4 for number in range(units)]
    whole = align(rows, text)
    monkeypatch.setattr(lattice, "_BLOCK", block)
    assert align(rows, text) == whole


def test_too_many_states_are_refused(monkeypatch):
    monkeypatch.setattr(lattice, "MOST_CELLS", 34)
    align(rows_of(11, 3, 1).numpy(), [1])
    with pytest.raises(DataError, match="3 units and 5 frames are too many"):
        align(rows_of(5, 3, 1).numpy(), [1, 2, 1])


def test_words_are_joined_between_spaces():
    rows = rows_of(23, 5, 3).numpy()
    found = align(rows, [4, 1, 2, 4, 4, 3, 1])
    one, other = found.words(space=4)
    letters = [unit for unit in found.units if unit.unit != 4]
    assert (one.units, other.units) == ((1, 2), (3, 1))
    assert (one.first, one.behind) == (letters[0].first, letters[1].behind)
    assert (other.first, other.behind) == (letters[2].first, letters[3].behind)
    logs = [rows[time, unit.unit] for unit in letters[:2] for time in range(unit.first, unit.behind)]
    assert one.confidence == pytest.approx(math.exp(np.mean(logs)))
    assert align(rows, []).words(space=4) == []


def test_greedy_reading_is_the_text_of_the_best_path():
    rows = torch.stack([rows_of(29, 7, seed, sharp=3.0) for seed in range(3)], 1)
    expected = []
    for source, length in enumerate((29, 13, 5)):
        path = rows[:length, source].argmax(1).tolist()
        expected.append([unit for unit, _ in itertools.groupby(path) if unit != 3])
    assert read_greedily(rows, [29, 13, 5], blank=3) == expected
    assert read_greedily(rows[:5, 2:].numpy(), blank=3) == expected[2:]
    assert collapse([], 0) == []


@pytest.mark.parametrize(
    ("values", "lengths", "blank", "error", "message"),
    [
        (torch.zeros(3, 2), None, 0, ShapeError, r"The outputs are \(3, 2\)"),
        (torch.zeros(3, 0, 2), None, 0, ShapeError, r"The outputs are \(3, 0, 2\)"),
        (torch.zeros(3, 1, 2), None, 2, ShapeError, "The blank is 2"),
        (torch.zeros(3, 1, 2), [4], 0, ShapeError, "The lengths are"),
        (torch.zeros(3, 1, 2), [3, 3], 0, ShapeError, "The lengths are"),
        (torch.zeros(3, 1, 2), None, 0, ElmanError, "source 0 are no ln P: at frame 0 the probabilities sum to 2"),
        (torch.full((3, 1, 2), math.nan), None, 0, ElmanError, "sum to nan and not to 1. Apply log_softmax"),
    ],
)
def test_what_is_no_output_of_ctc_is_refused(values, lengths, blank, error, message):
    with pytest.raises(error, match=message):
        split_sources(values, lengths, blank)

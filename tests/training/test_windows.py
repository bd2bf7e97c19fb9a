"""Streams and the windows of truncated BPTT."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import ConfigError, DataError
from elman.training.windows import Streams, first_windows, truncation_windows


@given(count=st.integers(2, 200), batch=st.integers(1, 13), window=st.integers(1, 17))
def test_streams_read_on_every_piece_from_left_to_right(count, batch, window):
    if count - 1 < batch:
        return
    text = list(range(1000, 1000 + count))
    streams = Streams(torch.tensor(text), batch)
    steps = (count - 1) // batch
    read = [([], []) for _ in range(batch)]
    for inputs, targets, classes in streams.windows(window):
        assert classes is None
        assert inputs.shape == targets.shape
        assert 1 <= inputs.shape[0] <= window
        for b, (seen, wanted) in enumerate(read):
            seen.extend(inputs[:, b].tolist())
            wanted.extend(targets[:, b].tolist())
    for b, (seen, wanted) in enumerate(read):
        assert seen == text[b * steps : (b + 1) * steps]
        assert wanted == text[b * steps + 1 : (b + 1) * steps + 1]
    assert steps * batch > count - 1 - batch, "no more than batch - 1 steps are left out"


def test_every_window_but_the_last_is_full():
    assert [len(steps) for steps in truncation_windows(17, 5)] == [5, 5, 5, 2]
    assert [len(steps) for steps in truncation_windows(15, 5)] == [5, 5, 5]


@given(steps=st.integers(1, 60), window=st.integers(1, 13), first=st.integers(1, 13))
def test_the_first_window_may_have_another_length_and_nothing_is_lost(steps, window, first):
    cut = truncation_windows(steps, window, first)
    assert [step for part in cut for step in part] == list(range(steps))
    assert len(cut[0]) == min(first, steps)
    assert all(len(part) == window for part in cut[1:-1])


@given(steps=st.integers(1, 60), window=st.integers(1, 13))
def test_every_shift_gives_the_same_number_of_windows(steps, window):
    lengths = first_windows(steps, window)
    assert len(lengths) >= 1
    assert set(lengths) <= set(range(1, window + 1))
    assert len({len(truncation_windows(steps, window, first)) for first in lengths}) == 1
    assert len(lengths) >= window // 2, "there is something to choose from"


def test_the_class_of_a_step_is_that_of_the_unit_it_predicts():
    numbers, classes = torch.arange(20, 34), torch.arange(14)
    for inputs, targets, classes_of in Streams(numbers, 3, classes).windows(2):
        assert torch.equal(targets, inputs + 1)
        assert torch.equal(classes_of, targets - 20)


def test_a_window_below_one_is_refused():
    with pytest.raises(ConfigError, match="window of 0"):
        truncation_windows(7, 0)


def test_a_batch_below_one_is_refused():
    with pytest.raises(ConfigError, match="batch of 0"):
        Streams(torch.arange(7), 0)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_text_without_a_step_for_each_stream_is_refused(count):
    with pytest.raises(DataError, match="too few for 5 streams"):
        Streams(torch.arange(count), 5)

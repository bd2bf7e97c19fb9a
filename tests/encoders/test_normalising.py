"""Normalising one utterance: by its own moments, and by running ones, against their closed forms."""

import numpy as np
import pytest
import torch

from elman.encoders.normalising import RunningScaling, normalise_utterance
from elman.encoders.scaling import Scaling
from elman.errors import DataError

T, D = 101, 7
START = Scaling(tuple(np.linspace(-3, 5, D).tolist()), tuple(np.linspace(0.5, 4, D).tolist()))


def frames_of(seed, steps=T, centre=2.0, spread=3.0):
    return np.random.default_rng(seed).normal(centre, spread, (steps, D))


def test_an_utterance_has_mean_0_and_deviation_1():
    frames = frames_of(1)
    frames[:, 3] = 11.0
    found = normalise_utterance(frames)
    assert found.dtype == torch.float32
    expected = (frames - frames.mean(0)) / np.where(frames.std(0) > 0, frames.std(0), 1)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    assert (found[:, 3] == 0).all()
    assert normalise_utterance(frames[:1]).tolist() == [[0.0] * D]


def test_running_moments_are_those_of_the_prior_and_all_frames_so_far():
    frames, prior = frames_of(2), 13
    found, behind = RunningScaling(START, prior, memory=1000).apply(frames)
    means, squares = np.array(START.means), np.array(START.deviations) ** 2 + np.array(START.means) ** 2
    for time in (0, 1, 50, T - 1):
        heard = frames[: time + 1]
        mean = (prior * means + heard.sum(0)) / (prior + time + 1)
        square = (prior * squares + (heard**2).sum(0)) / (prior + time + 1)
        np.testing.assert_allclose(found[time].numpy(), (frames[time] - mean) / np.sqrt(square - mean**2), rtol=1e-5)
    assert behind.count == prior + T


def test_streamed_frames_are_those_of_the_whole_bit_for_bit():
    running, frames = RunningScaling(START, 5, memory=37), frames_of(3).astype(np.float32)
    whole, behind = running.apply(frames)
    for cuts in ([1] * T, [3, 0, 41, 57], [100, 1]):
        moments, parts = None, []
        for at in np.split(np.arange(T), np.cumsum(cuts)[:-1]):
            part, moments = running.apply(frames[at], moments)
            parts.append(part)
        assert torch.cat(parts).equal(whole)
        np.testing.assert_array_equal(moments.mean, behind.mean)
        np.testing.assert_array_equal(moments.variance, behind.variance)


def test_later_frames_change_nothing_and_a_state_can_be_used_twice():
    running, frames = RunningScaling(START, 5, 37), frames_of(4)
    whole, _ = running.apply(frames)
    first, moments = running.apply(frames[:50])
    assert first.equal(whole[:50])
    for _ in range(2):
        assert running.apply(frames[50:], moments)[0].equal(whole[50:])


def test_what_is_long_ago_is_forgotten():
    running = RunningScaling(START, 10, memory=20)
    _, moments = running.apply(np.concatenate([frames_of(5, 40, centre=50.0), frames_of(6, 400, spread=2.0)]))
    np.testing.assert_allclose(moments.mean, 2.0, atol=2.0)
    assert (np.sqrt(moments.variance) < 4).all()


def test_speech_after_a_long_silence_does_not_explode():
    running = RunningScaling(START, 10, memory=20)
    silence = np.tile(np.array(START.means), (2000, 1))
    found, _ = running.apply(np.concatenate([silence, silence[:1] + START.deviations]))
    assert float(found.abs().max()) < 10


@pytest.mark.parametrize(("prior", "memory"), [(0, 10), (11, 10)])
def test_impossible_numbers_are_refused(prior, memory):
    with pytest.raises(DataError, match=f"starts from {prior} frames and remembers {memory}"):
        RunningScaling(START, prior, memory)

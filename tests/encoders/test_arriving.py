"""Frames and samples of a sound that arrives in pieces are those of the whole sound, bit for bit."""

import numpy as np
import pytest
import torch

from elman.data.dataset import Sound
from elman.data.formats.arriving import ArrivingPcm, ArrivingRate
from elman.data.formats.sound import resample
from elman.encoders.arriving import ArrivingFrames
from elman.encoders.mel import MelBands
from elman.errors import DataError

RATE = 8000
# Frames that overlap, that touch, and that leave samples out.
SHAPES = ((25.0, 10.0), (10.0, 10.0), (7.0, 23.0), (3.0, 29.0))


def pieces_of(samples, drawn):
    """Cut a sound at random places, some of them the same."""
    return np.split(samples, np.sort(drawn.integers(0, len(samples) + 1, drawn.integers(0, 30))))


@pytest.mark.parametrize("shape", SHAPES)
def test_frames_are_those_of_the_whole_at_every_length_around_a_frame(shape):
    bands = MelBands(RATE, 13, *shape)
    drawn = np.random.default_rng(3)
    sound = drawn.normal(size=7 * max(bands.frame, bands.hop)).astype(np.float32)
    edges = {at + off for at in (bands.frame, bands.hop, bands.frame + bands.hop, 5 * bands.hop) for off in (-1, 0, 1)}
    for length in sorted(edges | {1, 2, len(sound)}):
        whole = bands.log_energies(torch.from_numpy(sound[:length]))
        assert len(whole) == bands.count(length)
        for pieces in (pieces_of(sound[:length], drawn), np.split(sound[:length], range(1, min(length, 300)))):
            frames = ArrivingFrames(bands)
            parts = [frames.hear(torch.from_numpy(piece)) for piece in pieces]
            assert torch.cat([*parts, frames.end()]).equal(whole)


def test_a_frame_comes_with_its_last_sample_and_nothing_comes_of_nothing():
    bands = MelBands(RATE, 13, 25.0, 10.0)
    frames = ArrivingFrames(bands)
    assert frames.end().shape == (0, 13)
    counts = [len(frames.hear(torch.ones(1))) for _ in range(bands.frame + 2 * bands.hop)]
    assert [place + 1 for place, count in enumerate(counts) if count] == [200, 280, 360]


@pytest.mark.parametrize(("own", "rate"), [(8000, 16000), (44100, 16000), (16000, 8000), (11025, 16000)])
def test_another_rate_is_that_of_the_whole(own, rate):
    drawn = np.random.default_rng(5)
    for length in (2, 77, 9001):
        sound = drawn.normal(size=length).astype(np.float32)
        arriving = ArrivingRate(own, rate)
        found = np.concatenate([*[arriving.hear(piece) for piece in pieces_of(sound, drawn)], arriving.end()])
        np.testing.assert_array_equal(found, resample(Sound(sound, own), rate).samples)
    same = ArrivingRate(own, own)
    assert same.hear(sound) is sound
    assert not len(same.end())


def test_rates_that_are_far_apart_are_refused():
    with pytest.raises(DataError, match="5 samples a second, and the model reads 8,000"):
        ArrivingRate(5, 8000)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 1001])
def test_bytes_become_samples_wherever_they_are_cut(length):
    drawn = np.random.default_rng(length)
    sent = drawn.integers(0, 256, length, dtype=np.uint8).tobytes()
    expected = np.array([int.from_bytes(sent[at : at + 2], "little", signed=True) for at in range(0, length - 1, 2)])
    for cuts in ([], range(length), sorted(drawn.integers(0, length + 1, 9))):
        pcm, found, at = ArrivingPcm(), [], 0
        for cut in (*cuts, length):
            found.append(pcm.hear(sent[at:cut]))
            at = cut
        found.append(pcm.end())
        np.testing.assert_array_equal(np.concatenate(found), (expected / 32768).astype(np.float32))
        assert pcm.has_half == bool(length % 2)


@pytest.mark.parametrize("head", [b"RIFF", b"fLaC", b"OggS", b"FORM"])
def test_a_sound_file_is_not_taken_for_samples(head):
    pcm = ArrivingPcm()
    assert not len(pcm.hear(head[:3]))
    with pytest.raises(DataError, match="Standard input begins like a sound file"):
        pcm.hear(head[3:] + bytes(40))
    later = ArrivingPcm()
    assert len(later.hear(bytes(4) + head)) == 4

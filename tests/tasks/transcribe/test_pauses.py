"""Long recordings are cut within pauses, short ones never; times are those of the recording."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from elman.data.dataset import Sound
from elman.decoding.ctc.preferences import Preferences
from elman.errors import ConfigError
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.listening import join_parts
from elman.tasks.transcribe.pauses import cut_at_pauses, find_pause
from elman.tasks.transcribe.recordings import note_recordings
from speakable import RATE
from untrained import make_transcriber, sound_of

SLOW = 1000  # samples a second
SECONDS = 101


def speak(seed, *, noise=0.0, offset=0.0):
    """Return noise for words of all loudnesses with pauses between them, and which samples are in words."""
    drawn = np.random.default_rng(seed)
    samples = np.zeros(SECONDS * SLOW)
    spoken = np.zeros(len(samples), bool)
    at = 0
    while at < len(samples):
        behind = at + int(SLOW * drawn.uniform(0.3, 2.0))
        spoken[at:behind] = True
        samples[at:behind] = drawn.uniform(0.05, 0.9) * drawn.normal(size=len(samples[at:behind]))
        at = behind + int(SLOW * drawn.uniform(0.35, 0.9))
    return (samples + noise * drawn.normal(size=len(samples)) + offset).astype(np.float32), spoken


@pytest.mark.parametrize("seed", range(5))
def test_no_word_is_cut_and_nothing_is_lost(seed):
    samples, spoken = speak(seed, noise=0.01 * (seed % 2), offset=0.2 * (seed % 3))
    pieces = list(cut_at_pauses([samples], SLOW))
    assert len(pieces) >= SECONDS / 30
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces]), samples)
    assert [start for start, _ in pieces] == np.cumsum([0, *[len(piece) for _, piece in pieces[:-1]]]).tolist()
    assert all(10 * SLOW <= len(piece) <= 30 * SLOW for _, piece in pieces[:-1])
    assert len(pieces[-1][1]) <= 30 * SLOW
    for start, _ in pieces[1:]:
        assert not spoken[start - 100 : start + 100].any(), "a cut is in the middle of a pause"


def test_cuts_are_those_of_the_sound_whatever_the_blocks():
    samples, _ = speak(7)
    whole = [(start, len(piece)) for start, piece in cut_at_pauses([samples], SLOW)]
    for size in (997, 31_013, 60_000):
        blocks = [samples[at : at + size] for at in range(0, len(samples), size)]
        assert [(start, len(piece)) for start, piece in cut_at_pauses(blocks, SLOW)] == whole


def test_sounds_of_30_seconds_are_whole_and_one_without_a_pause_is_cut_all_the_same():
    hiss = np.random.default_rng(1).normal(size=30 * SLOW + 1).astype(np.float32)
    assert [len(piece) for _, piece in cut_at_pauses([hiss[:-1]], SLOW)] == [30 * SLOW]
    first, second = (len(piece) for _, piece in cut_at_pauses([hiss], SLOW))
    assert 10 * SLOW <= first < 30 * SLOW
    assert first + second == len(hiss)
    assert list(cut_at_pauses([], SLOW)) == []
    assert 0 < find_pause(np.zeros(300, np.float32), 10) <= 300


def long_sound():
    samples = sound_of(3, 47 * RATE)
    for second in (19, 33):
        samples[second * RATE - 2000 : second * RATE + 2000] *= 0.001
    return samples


def test_a_long_recording_is_written_as_its_pieces_are_with_its_own_times(tmp_path):
    model, samples = make_transcriber(bidirectional=True, running=False), long_sound()
    short = sound_of(4)
    soundfile.write(tmp_path / "long.wav", samples, RATE, subtype="FLOAT")
    found = model.transcribe([Sound(short, RATE), tmp_path / "long.wav", Sound(samples, RATE)], beam=1)
    assert found[1] == found[2]
    assert [found[0]] == model.transcribe([Sound(short, RATE)], beam=1)
    pieces = list(cut_at_pauses([samples], RATE))
    assert len(pieces) == 2
    parts = model.transcribe([Sound(piece, RATE) for _, piece in pieces], beam=1)
    assert found[1].text == " ".join(part.text for part in parts)
    assert len(found[1].words) == sum(len(part.words) for part in parts) > 20
    for word, own in zip(found[1].words[::-1], parts[1].words[::-1], strict=False):
        assert (word.word, word.start) == (own.word, pytest.approx(own.start + pieces[1][0] / RATE))


def test_a_model_for_streaming_writes_a_long_recording_as_it_would_arrive(tmp_path):
    model, samples = make_transcriber(), long_sound()
    soundfile.write(tmp_path / "long.wav", samples, RATE, subtype="FLOAT")
    [found] = model.transcribe([tmp_path / "long.wav"], beam=1)
    stream = model.stream()
    assert replace(found, seconds=None) == join_parts([stream.hear(samples), stream.end()])
    [pieces] = model.transcribe([tmp_path / "long.wav"], beam=2)
    assert pieces.words[-1].end > 40
    with pytest.raises(ConfigError, match="beam of 1 is greedy"):
        model.transcribe([tmp_path / "long.wav"], beam=1, preferences=Preferences())


def test_what_is_resampled_and_what_is_long_is_said(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((44_100, 2)), 44_100)
    soundfile.write(tmp_path / "b.wav", np.zeros(31 * RATE), RATE)
    speech = as_speech([tmp_path / "a.wav", tmp_path / "b.wav", Sound(np.zeros(9, np.float32), RATE)])
    one, other = note_recordings(speech, make_transcriber().encoder)
    assert one == f"The model reads 8,000 samples a second. Others are resampled: {tmp_path}/a.wav (44,100)."
    assert other == f"Longer than 30 s, so written in pieces, or as a stream: {tmp_path}/b.wav (0:31)."
    assert not list(note_recordings(as_speech([tmp_path / "a.wav"]), make_transcriber(frames=5).encoder))

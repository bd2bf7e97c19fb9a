"""Sound: the pitches that are heard are those that were written, at their times."""

import io

import numpy as np
import pytest
import soundfile

from elman.data.music.piece import Playing
from elman.tasks.compose.sound import RATE, as_wav, frequency_of, play_music, pluck, tone


def hear(samples, near):
    """Measure a frequency within a semitone of another, by the peak of a spectrum, padded and interpolated."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 2**19))
    hertz = np.fft.rfftfreq(2**19, 1 / RATE)
    window = np.flatnonzero((hertz > near / 1.06) & (hertz < near * 1.06))
    return hertz[window[spectrum[window].argmax()]]


@pytest.mark.parametrize("sound", [pluck, tone])
@pytest.mark.parametrize("pitch", [40, 47, 60, 69, 76, 84])
def test_a_note_has_its_pitch(sound, pitch):
    samples = sound(pitch, 1.5)
    assert len(samples) == int(1.5 * RATE)
    heard = hear(samples[2000:], frequency_of(pitch))
    assert abs(1200 * np.log2(heard / frequency_of(pitch))) < 5, "cents"
    assert np.abs(samples[-RATE // 4 :]).max() < 0.7 * np.abs(samples[: RATE // 4]).max(), "it fades"


def test_a_piece_is_as_long_and_as_high_as_it_is_written():
    frames = [(60,), (188,), (67,), (195,), (), ()]
    samples = play_music(frames, Playing(tempo=60, velocities=(100, 0, 50)), 8, [0, 1, 2, 3, 4, 5])
    assert len(samples) == pytest.approx((6 * 0.5 + 1.0) * RATE, abs=2)
    assert np.abs(samples).max() == pytest.approx(0.9)
    for start, pitch in ((0, 60), (1, 67)):
        part = samples[int((start + 0.1) * RATE) : int((start + 0.95) * RATE)]
        assert abs(1200 * np.log2(hear(part, frequency_of(pitch)) / frequency_of(pitch))) < 8
        spectrum = np.abs(np.fft.rfft(part, 2**18))
        other = frequency_of(127 - pitch)
        at = [int(f * 2**18 / RATE) for f in (frequency_of(pitch), other)]
        assert spectrum[at[0] - 20 : at[0] + 20].max() > 10 * spectrum[at[1] - 20 : at[1] + 20].max()
    assert np.abs(samples[int(2.3 * RATE) :]).max() == 0


def test_a_file_is_read_by_others():
    samples = play_music([(60,)], Playing(), 4, [0], "tone")
    read, rate = soundfile.read(io.BytesIO(as_wav(samples)))
    assert rate == RATE
    np.testing.assert_allclose(read, samples, atol=1e-4)


def test_silence_is_silent():
    assert not play_music([(), ()], Playing(), 4, [0, 1]).any()

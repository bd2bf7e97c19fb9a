"""Play music to a WAV file: with plucked strings, or with plain tones.

A plucked string is a line of N samples of noise that is read again and again, each sample replaced by the mean of it
and the one before (Karplus & Strong 1983): y[n] = (y[n − N] + y[n − N − 1]) / 2, which sounds with a period of N + 1/2
samples and loses its high frequencies first. N is whole, so the string is computed a little too high or too low, and
then read at the speed that gives its pitch exactly. A plain tone is a sine with three overtones.

>>> len(pluck(60, 0.1))
2205
"""

import io
import wave
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from elman.data.music.piece import Frame, Playing, split_notes

RATE = 22050
"""Samples a second."""
_A4, _A4_PITCH = 440.0, 69
_RELEASE = 0.08  # seconds that a note fades in when it has ended
_REST = 1.0  # seconds behind the last note
_LOUDEST = 0.9
_OVERTONES = (1.0, 0.4, 0.2, 0.1)

Samples = NDArray[np.float64]


def frequency_of(pitch: int) -> float:
    """Return the frequency of a pitch in hertz, in equal temperament.

    >>> frequency_of(69), round(frequency_of(60), 2)
    (440.0, 261.63)
    """
    return float(_A4 * 2 ** ((pitch - _A4_PITCH) / 12))


def play_music(
    frames: Sequence[Frame], playing: Playing, grid: int, since: Sequence[int], sound: str = "pluck"
) -> Samples:
    """Return samples from −1 to 1, `RATE` a second.

    Args:
        frames: what sounds.
        playing: tempo and velocities.
        grid: frames of a whole note.
        since: for each frame, how many there were since its bar started.
        sound: `pluck` or `tone`.
    """
    a_frame = 240.0 / (playing.tempo * grid)  # seconds
    mixed = np.zeros(int((len(frames) * a_frame + _REST) * RATE) + 1)
    for start, end, pitch in split_notes(frames):
        begin = int(start * a_frame * RATE)
        note = _SOUNDS[sound](pitch, (end - start) * a_frame + _RELEASE) * playing.velocity(since[start]) / 127
        fade = min(len(note), int(_RELEASE * RATE))
        note[len(note) - fade :] *= np.linspace(1, 0, fade)
        note = note[: len(mixed) - begin]
        mixed[begin : begin + len(note)] += note
    peak = float(np.abs(mixed).max())
    return mixed * (_LOUDEST / peak) if peak else mixed


def pluck(pitch: int, seconds: float) -> Samples:
    """Return the sound of a plucked string."""
    period = RATE / frequency_of(pitch)
    line_length = max(2, round(period - 0.5))
    speed = (line_length + 0.5) / period
    count = int(seconds * RATE)
    line = np.random.default_rng(pitch).uniform(-1, 1, line_length)
    line -= line.mean()
    needed = int(count * speed) + 2
    string = np.empty(-(-needed // line_length) * line_length)
    before = 0.0
    for at in range(0, len(string), line_length):
        string[at : at + line_length] = line
        shifted = np.concatenate([[before], line[:-1]])
        before, line = line[-1], (line + shifted) / 2
    return np.interp(np.arange(count) * speed, np.arange(len(string)), string)


def tone(pitch: int, seconds: float) -> Samples:
    """Return a plain tone that fades slowly."""
    time = np.arange(int(seconds * RATE)) / RATE
    frequency = frequency_of(pitch)
    parts = [
        loud * np.sin(2 * np.pi * frequency * number * time)
        for number, loud in enumerate(_OVERTONES, start=1)
        if frequency * number < RATE / 2
    ]
    found: Samples = np.sum(parts, axis=0) * np.exp(-1.5 * time) * np.minimum(1, time / 0.005)
    return found


_SOUNDS: dict[str, Callable[[int, float], Samples]] = {"pluck": pluck, "tone": tone}


def as_wav(samples: Samples) -> bytes:
    """Return the content of a WAV file: one channel of 16 bits."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return written.getvalue()

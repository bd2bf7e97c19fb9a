"""Make speech of tones: each letter has a pitch, a space is silence, and each speaker is a little higher or lower."""

import csv
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
LETTER = 0.12  # seconds
PITCHES = {"a": 400.0, "b": 700.0, "c": 1150.0, "d": 1900.0}
WORDS = ("ab", "cad", "bad", "dab", "ca", "bc")
SPEAKERS = ("Ann", "Bo", "Cy", "Di", "Ed")


def say(text, drawn, speaker=0):
    """Return the samples of a text."""
    parts = [np.zeros(round(RATE * drawn.uniform(0.05, 0.2)))]
    for letter in text:
        seconds = np.arange(round(RATE * LETTER * drawn.uniform(0.9, 1.1))) / RATE
        pitch = PITCHES.get(letter, 0.0) * (1 + 0.02 * speaker)
        parts += [0.4 * np.sin(2 * np.pi * pitch * seconds) * np.hanning(len(seconds))]
    parts.append(np.zeros(round(RATE * 0.1)))
    samples = np.concatenate(parts)
    return (samples + 0.003 * drawn.standard_normal(len(samples))).astype(np.float32)


def draw_speech(count, seed=1):
    """Return the samples, the transcripts and the speakers of some utterances."""
    drawn = np.random.default_rng(seed)
    texts = [" ".join(drawn.choice(WORDS, drawn.integers(1, 4))) for _ in range(count)]
    speakers = [number % len(SPEAKERS) for number in range(count)]
    sounds = [say(text, drawn, speaker) for text, speaker in zip(texts, speakers, strict=True)]
    return sounds, texts, [SPEAKERS[speaker] for speaker in speakers]


def write_speech(path, count, seed=1):
    """Write a table of utterances with a folder of sounds beside it; return its path."""
    path = Path(path)
    folder = path.with_suffix("")
    folder.mkdir()
    sounds, texts, speakers = draw_speech(count, seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "text", "speaker"))
        for number, (samples, text, speaker) in enumerate(zip(sounds, texts, speakers, strict=True)):
            soundfile.write(folder / f"{number:03}.wav", samples, RATE)
            rows.writerow((f"{folder.name}/{number:03}.wav", text, speaker))
    return path

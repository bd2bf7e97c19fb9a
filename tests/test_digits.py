"""Joined digits: every take is used, and the true times are those of the sound that is in the file."""

import csv

import numpy as np
import pytest
import soundfile
from bench.scores import digits

RATE = 8000


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """Eleven takes of each of two digits, tones between silences, and some of other indices."""
    folder = tmp_path_factory.mktemp("takes")
    for digit in (2, 7):
        for index in range(13):
            clip = np.zeros(800)
            clip[100 + index : 100 + index + 600] = 0.3 * np.sin(np.arange(600))
            soundfile.write(folder / f"{digit}_ann_{index}.wav", clip, RATE, subtype="PCM_16")
    return folder


def test_each_take_is_used_once_a_round_in_recordings_of_three_to_seven(takes, tmp_path):
    found = digits.join_digits(takes, tmp_path, indices=range(11), seed=3, rounds=2)
    counts = [len(one.words) for one in found]
    assert sum(counts) == 2 * 2 * 11
    assert 3 <= min(counts) <= max(counts) <= 7
    spoken = [word for one in found for word in one.words]
    assert {word: spoken.count(word) for word in set(spoken)} == {"two": 22, "seven": 22}
    with (tmp_path / "joined.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["audio"], row["text"], row["speaker"]) for row in rows] == [
        (one.audio.name, one.text, "ann") for one in found
    ]


def test_the_true_times_are_those_of_the_tones(takes, tmp_path):
    for one in digits.join_digits(takes, tmp_path, indices=range(11), seed=3):
        samples, rate = soundfile.read(one.audio)
        loud = np.flatnonzero(np.abs(samples) > 0.1)
        gaps = np.flatnonzero(np.diff(loud) > 400)
        starts, ends = loud[np.r_[0, gaps + 1]] / rate, loud[np.r_[gaps, -1]] / rate
        assert np.array(one.times) == pytest.approx(np.stack([starts, ends], 1), abs=digits.WINDOW)


def test_the_same_seed_writes_the_same_files_and_another_one_does_not(takes, tmp_path):
    written = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        digits.join_digits(takes, tmp_path / name, indices=range(5), seed=seed)
        written.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert written[0] == written[1] != written[2]

"""Speech: what the sounds hold is reported, damage is refused with file and line, texts are checked."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elman.data.formats.sound import measure_sound, read_sound
from elman.data.speech.checks import (
    count_frames,
    find_lone_characters,
    find_shared_speakers,
    find_too_long,
    note_texts,
)
from elman.data.speech.opening import open_utterances
from elman.data.speech.survey import share_clipped, survey
from elman.data.speech.utterance import Utterance, UtteranceSet
from elman.errors import DataError
from elman.training.splits import split

RATE = 8009


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def speech_of(sounds):
    for name, (samples, rate) in sounds.items():
        soundfile.write(name, samples, rate)
    Path("d.csv").write_text("path,text\n" + "".join(f"{name},so\n" for name in sounds), encoding="utf-8")
    return open_utterances("d.csv")


def sine(seconds, rate=RATE, height=0.5):
    return height * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


def test_durations_rates_channels_and_clipping_are_reported():
    speech = speech_of(
        {
            "a.wav": (sine(1), RATE),
            "b.wav": (np.stack([sine(2), sine(2)], 1), RATE),
            "c.wav": (sine(3, 16000), 16000),
            "d.wav": (sine(4, height=1.5).clip(-1, 1), RATE),
            "e.wav": (sine(5, height=1.0), RATE),
        }
    )
    found = survey(speech)
    assert found.seconds == pytest.approx([1, 2, 3, 4, 5])
    assert (found.mixed, found.clipped, found.short) == ([1], [3], [])
    assert found.notes() == [
        "15.0 s of sound at 8,009 samples a second, 3.0 s in an utterance (median), 5.0 s at most.",
        "In 1 utterance the rate is another, 16,000 samples a second; they are resampled: d.csv line 4.",
        "In 1 utterance several channels are mixed to one: d.csv line 3.",
        "In 1 utterance the loudest parts are clipped: d.csv line 5.",
    ]


def test_runs_at_the_limit_are_counted():
    samples = np.random.default_rng(5).choice([-1, 0, 1], 997).astype(np.float32)
    runs, expected = [], 0
    for value in [*(np.abs(samples) == 1), False]:
        if value:
            runs.append(value)
        else:
            expected += len(runs) if len(runs) >= 3 else 0
            runs = []
    assert share_clipped(samples) == expected / 997
    assert share_clipped(np.ones(7, np.float32)) == 1


def test_damaged_sounds_are_refused_together_with_their_lines():
    wrong = np.zeros(50, np.float32)
    wrong[7] = np.nan
    speech = speech_of({"a.wav": (sine(1), RATE), "b.wav": (sine(1), RATE), "c.wav": (sine(1), RATE)})
    soundfile.write("b.wav", wrong, RATE, subtype="FLOAT")
    soundfile.write("c.wav", np.zeros(0), RATE)
    with pytest.raises(DataError) as refused:
        survey(speech)
    assert "d.csv line 3: b.wav: sample 7 (from 0) is NaN" in str(refused.value)
    assert str(refused.value).endswith("1 utterance more is wrong: d.csv line 4.")


def test_a_header_that_promises_hours_is_refused_without_memory():
    speech = speech_of({"a.wav": (sine(1), RATE)})
    raw = bytearray(Path("a.wav").read_bytes())
    raw[40:44] = struct.pack("<I", 2 * RATE * 3600 * 5)
    Path("a.wav").write_bytes(raw)
    with pytest.raises(DataError, match=r"d\.csv line 2: a\.wav is cut off: its header promises 144,162,000 frames"):
        survey(speech)
    soundfile.write("b.flac", sine(1), RATE)
    raw = bytearray(Path("b.flac").read_bytes())
    raw[21:26] = bytes([raw[21] & 0xF0 | 1]) + (2**31).to_bytes(4, "big")  # STREAMINFO: 36 bits of total samples
    Path("b.flac").write_bytes(raw)
    with pytest.raises(DataError, match=r"b\.flac promises 6,442,450,944 samples in"):
        measure_sound(Path("b.flac"))


def test_a_header_tells_what_reading_finds():
    for name, rate in (("a.wav", RATE), ("a.flac", RATE), ("a.ogg", RATE), ("a.mp3", 16000)):
        soundfile.write(name, np.stack([sine(2, rate)] * 2, 1), rate)
        header = measure_sound(Path(name))
        assert (header.rate, header.channels) == (rate, 2)
        assert header.samples == len(read_sound(Path(name)).samples)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_a_part_is_the_same_as_that_of_the_whole(name):
    soundfile.write(name, np.random.default_rng(2).normal(size=30011) * 0.1, 16000)
    whole = read_sound(Path(name)).samples
    for first, behind in ((0, 1), (13, 20011), (29989, None), (7, 30011)):
        np.testing.assert_array_equal(read_sound(Path(name), first, behind).samples, whole[first:behind])


def test_frames_of_other_sizes_are_refused():
    for name, size in (("a.npy", 13), ("b.npy", 13), ("c.npy", 12)):
        np.save(name, np.ones((7, size)))
    Path("d.csv").write_text("path,text\na.npy,so\nb.npy,no\n", encoding="utf-8")
    assert survey(open_utterances("d.csv")).notes() == [
        "14 frames of 13 numbers, 7 in an utterance (median), 7 at most."
    ]
    Path("d.csv").write_text("path,text\na.npy,so\nc.npy,no\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"d\.csv line 3: c\.npy has frames of 12 numbers, and others have 13"):
        survey(open_utterances("d.csv"))


def test_equal_neighbours_need_a_frame_more():
    assert [count_frames(text) for text in ("", "a", "aa", "aab", "abab", "aaa")] == [0, 1, 3, 4, 4, 5]
    texts, frames = ["aab", "aab", "abc", ""], [16, 12, 9, 1]
    assert find_too_long(texts, frames, subsampling=4) == [1]
    assert find_too_long(texts, [4, 3, 3, 1]) == [1]


def test_notes_name_the_lines():
    places = [Utterance(Path("a.wav"), text, f"d.csv line {n}") for n, text in enumerate(("aab", "abé"), 2)]
    assert note_texts(UtteranceSet("d.csv", places), [12, 12], 4) == [
        "More characters than CTC can write in their time: d.csv line 2.",
        "Characters that occur once: 'é' (d.csv line 3).",
    ]
    assert find_lone_characters(["ab", "ba", "c"]) == {"c": 2}


def test_a_split_by_speakers_shares_none():
    speakers = [f"s{number % 13}" for number in range(101)]
    learn, hold = split([0.0] * len(speakers), share=0.2, seed=3, groups=speakers)
    assert not find_shared_speakers([speakers[n] for n in learn], [speakers[n] for n in hold])
    assert find_shared_speakers(speakers[:50], speakers[50:]) == sorted(set(speakers))
    assert 10 < len(hold) < 30

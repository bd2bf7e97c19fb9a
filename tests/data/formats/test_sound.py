"""Sound is read, or refused in one line; the standard library's `wave` and `struct` write what is read."""

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elman.data.dataset import Sound
from elman.data.formats import sound
from elman.data.formats.sound import read_sound, resample
from elman.errors import DataError

RATE = 8009


def wav(samples: bytes, *, kind: int = 1, channels: int = 1, bits: int = 16, promised: int | None = None) -> bytes:
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", kind, channels, RATE, RATE * frame, frame, bits)
    length = len(samples) if promised is None else promised
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", length) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture
def write(tmp_path):
    def save(raw: bytes, name: str = "a.wav") -> Path:
        (tmp_path / name).write_bytes(raw)
        return tmp_path / name

    return save


@pytest.mark.parametrize(("width", "dtype"), [(1, "u1"), (2, "<i2"), (4, "<i4")])
def test_channels_of_integers_are_scaled_and_averaged(tmp_path, width, dtype):
    numbers = np.random.default_rng(3).integers(0, 256, (101, 3, width), dtype=np.uint8)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((3, width, RATE, 101, "NONE", ""))
        file.writeframes(numbers.tobytes())
    read = read_sound(tmp_path / "a.wav")
    integers = numbers.view(dtype)[..., 0].astype(np.float64)
    scaled = (integers - 128) / 128 if width == 1 else integers / 2.0 ** (8 * width - 1)
    assert read.rate == RATE
    assert read.samples.dtype == np.float32
    np.testing.assert_allclose(read.samples, scaled.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floats_are_left_as_they_are(write, dtype):
    numbers = np.random.default_rng(5).normal(size=97).astype(dtype)
    read = read_sound(write(wav(numbers.tobytes(), kind=3, bits=numbers.itemsize * 8)))
    np.testing.assert_array_equal(read.samples, numbers.astype(np.float32))


@pytest.mark.parametrize(("suffix", "error"), [("flac", 1e-4), ("ogg", 0.05), ("mp3", 0.05)])
def test_other_formats_hold_the_same_sound(tmp_path, suffix, error):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([tone, tone / 3], axis=1), 8000)
    read = read_sound(path)
    assert len(read.samples) == 8000
    middle = slice(1000, 7000)
    assert np.abs(read.samples - tone * 2 / 3)[middle].max() < error


def test_blocks_join_without_a_seam(tmp_path, monkeypatch):
    monkeypatch.setattr(sound, "_BLOCK", 64)
    numbers = np.random.default_rng(7).integers(-30000, 30000, (499, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", numbers, RATE)
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav").samples, numbers.mean(axis=1) / 32768, atol=1e-7)


def test_resampling_keeps_a_tone_and_its_length():
    def tone(rate: int) -> np.ndarray:
        return np.sin(2 * np.pi * 300 * np.arange(rate) / rate).astype(np.float32)

    made = resample(Sound(tone(22051), 22051), 8000)
    assert (made.rate, made.samples.shape, made.samples.dtype) == (8000, (8000,), np.float32)
    assert np.abs(made.samples - tone(8000))[200:-200].max() < 1e-3


def test_resampling_to_the_same_rate_changes_nothing():
    once = Sound(np.ones(7, np.float32), RATE)
    assert resample(once, RATE) is once


@pytest.mark.parametrize(
    ("samples", "rate", "to", "message"),
    [
        pytest.param(1, 48000, 8000, "1 samples at 48,000 Hz would be 0 at 8,000 Hz", id="nothing left"),
        pytest.param(10**7, 1000, 16000, "would be 160,000,000 at 16,000 Hz", id="gigabytes"),
        pytest.param(11, 1, 16000, "a.wav has 1 samples a second, and the model reads 16,000", id="too slow"),
        pytest.param(11, 2**31 - 1, 16000, "a.wav has 2,147,483,647 samples a second", id="too fast"),
    ],
)
def test_a_sample_rate_that_cannot_be_right_is_refused(samples, rate, to, message):
    with pytest.raises(DataError, match=message):
        resample(Sound(np.zeros(samples, np.float32), rate), to, "a.wav")


def test_a_billion_frames_promised_are_not_made_room_for(write):
    promised = wav(bytes(1000), promised=2 * 10**9)
    with pytest.raises(DataError, match=r"promises 1,000,000,000 frames, and the file ends after 500"):
        read_sound(write(promised))


def test_a_flac_that_promises_billions_is_refused_by_its_header(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(1000), 8000)
    raw = bytearray(path.read_bytes())
    raw[21] |= 0x0F
    raw[22:26] = b"\xff" * 4
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"promises 68,719,476,735 frames, and at most"):
        read_sound(path)


def test_a_flac_that_promises_a_few_frames_more_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(1000), 8000)
    raw = bytearray(path.read_bytes())
    raw[24:26] = (1001).to_bytes(2, "big")
    path.write_bytes(raw)
    with pytest.raises(DataError, match="cannot be decoded"):
        read_sound(path)


def test_more_samples_than_may_be_held_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sound, "MOST_SAMPLES", 999)
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(1000), 8000)
    with pytest.raises(DataError, match="at most 999"):
        read_sound(path)


def test_a_recorder_that_did_not_know_the_length_is_believed(write):
    assert len(read_sound(write(wav(bytes(1000), promised=0xFFFFFFFF))).samples) == 500


def test_a_chunk_before_the_samples_is_passed_over(write):
    raw = wav(bytes(1000))
    assert len(read_sound(write(raw[:12] + b"LIST\x03\0\0\0abc\0" + raw[12:])).samples) == 500


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"", "a.wav is empty", id="empty"),
        pytest.param(b"these are words, no sound", "is no sound: it begins like none of", id="text"),
        pytest.param(wav(b""), "has no samples", id="zero samples"),
        pytest.param(wav(bytes(500))[:400], "promises 250 frames, and the file ends after 178", id="cut off"),
        pytest.param(wav(bytes(500))[:30], "it has no data chunk", id="cut in its header"),
        pytest.param(wav(bytes(500), kind=99), "cannot be decoded", id="an unknown coding"),
        pytest.param(
            wav(np.array([0, 1, np.nan, 0], "<f4").tobytes(), kind=3, bits=32), r"sample 2 \(from 0\)", id="NaN"
        ),
        pytest.param(
            wav(np.array([0, 1e300], "<f8").tobytes(), kind=3, bits=64), r"sample 1 \(from 0\)", id="beyond float32"
        ),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(write, raw, message):
    with pytest.raises(DataError, match=message) as refused:
        read_sound(write(raw))
    assert "\n" not in str(refused.value)
    assert "a.wav" in str(refused.value)


def cut_in_half(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 100_000), 8000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_flac_that_was_cut_off_is_refused(tmp_path):
    cut_in_half(tmp_path / "a.flac")
    with pytest.raises(DataError, match=r"a\.flac cannot be decoded: .*Copy it again, or remove it"):
        read_sound(tmp_path / "a.flac")


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_an_ogg_or_mp3_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path, suffix):
    cut_in_half(tmp_path / f"a.{suffix}")
    assert 30_000 < len(read_sound(tmp_path / f"a.{suffix}").samples) < 70_000


def test_an_mp3_without_a_frame_is_called_damaged(write):
    with pytest.raises(DataError, match=r"a\.mp3 cannot be decoded: it is damaged or cut off\."):
        read_sound(write(b"ID3" + bytes(999), "a.mp3"))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"b\.wav does not exist"):
        read_sound(tmp_path / "b.wav")
    with pytest.raises(DataError, match="is a folder"):
        read_sound(tmp_path)

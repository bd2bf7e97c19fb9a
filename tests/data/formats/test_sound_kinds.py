"""Every kind of WAV, AIFF and AU is read as the sound that was written, also where its length was not known."""

import importlib
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elman.data.formats.sound import read_sound
from elman.errors import DataError

RATE = 8000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


@pytest.fixture
def written(tmp_path):
    def save(name: str, **options) -> Path:
        soundfile.write(tmp_path / name, TONE, RATE, **options)
        return tmp_path / name

    return save


def patch(path: Path, *changes: tuple[int, bytes]) -> Path:
    raw = bytearray(path.read_bytes())
    for at, part in changes:
        raw[at : at + len(part)] = part
    path.write_bytes(raw)
    return path


def assert_is_the_tone(path: Path) -> None:
    samples = read_sound(path).samples
    assert len(samples) >= RATE
    assert np.corrcoef(samples[:RATE], TONE)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("u8.wav", {"subtype": "PCM_U8"}),
        ("i24.wav", {"subtype": "PCM_24"}),
        ("ulaw.wav", {"subtype": "ULAW"}),
        ("ima.wav", {"subtype": "IMA_ADPCM"}),
        ("ms.wav", {"subtype": "MS_ADPCM"}),
        ("gsm.wav", {"subtype": "GSM610"}),
        ("extensible.wav", {"subtype": "PCM_24", "format": "WAVEX"}),
        ("large.wav", {"format": "RF64"}),
        ("big.wav", {"endian": "BIG", "format": "WAV"}),
        ("a.aiff", {}),
        ("a.aif", {"subtype": "PCM_24", "format": "AIFF"}),
        ("a.aifc", {"subtype": "FLOAT", "format": "AIFF"}),
        ("a.au", {"format": "AU"}),
        ("little.au", {"format": "AU", "endian": "LITTLE"}),
        ("a.snd", {"format": "AU", "subtype": "ULAW"}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
    ],
)
def test_the_kind_of_a_sound_file_changes_no_sample(written, name, options):
    assert_is_the_tone(written(name, **options))


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0x7FFFF000, 0])
@pytest.mark.parametrize("outer", [None, 0, 36])
def test_a_wav_of_unknown_length_ends_with_its_file(written, length, outer):
    field = struct.pack("<I", length)
    whole = [] if outer is None else [(4, struct.pack("<I", outer))]
    assert_is_the_tone(patch(written("a.wav"), (40, field), *whole))


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFF008, 0])
def test_an_aiff_of_unknown_length_ends_with_its_file(written, length):
    path = written("a.aiff")
    raw = path.read_bytes()
    frames = struct.pack(">I", length // 2)
    at = raw.index(b"SSND") + 4
    assert_is_the_tone(patch(path, (at, struct.pack(">I", length)), (raw.index(b"COMM") + 10, frames)))


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0])
@pytest.mark.parametrize("endian", ["BIG", "LITTLE"])
def test_an_au_of_unknown_length_ends_with_its_file(written, length, endian):
    path = written("a.au", format="AU", endian=endian)
    assert_is_the_tone(patch(path, (8, struct.pack("<I", length))))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.wav", {}, "promises 8,000 frames, and the file ends after 6,500"),
        ("b.wav", {"format": "RF64"}, "promises 8,000 frames, and the file ends after 6,500"),
        ("c.wav", {"format": "WAV", "endian": "BIG"}, "promises 8,000 frames, and the file ends after 6,500"),
        ("a.aiff", {}, "promises 16,008 bytes, and the file ends after 13,008"),
        ("a.au", {"format": "AU"}, "promises 16,000 bytes, and the file ends after 13,000"),
    ],
)
def test_a_truncated_sound_is_refused(written, name, options, message):
    path = written(name, **options)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError, match=message):
        read_sound(path)


def test_an_empty_recording_with_a_title_has_no_samples(written):
    path = written("a.wav")
    path.write_bytes(path.read_bytes()[:40] + bytes(4) + b"LIST\x04\0\0\0INFO")
    with pytest.raises(DataError, match="has no samples"):
        read_sound(path)


def test_the_former_module_of_sound_warns_and_works():
    with pytest.warns(DeprecationWarning, match=r"elman\.data\.formats\.sound\.read_sound"):
        former = importlib.import_module("elman.data.sound").read_sound
    assert former is read_sound

"""Read sound: WAV, AIFF, AU, FLAC, OGG and MP3 become samples of one channel.

No length in a header is trusted. A WAV, AIFF or AU file that is shorter than its header says is truncated, and is
refused, unless the header says that its writer did not know the length (:mod:`elman.data.formats.sound_length`). The
length of the other formats does not follow from their size: they are decoded a block at a time, so that memory grows
with their content; a truncated FLAC is refused, a truncated OGG or MP3, which consist of independent pages, is read to
its end.

>>> import numpy as np
>>> once = Sound(np.zeros(80, np.float32), rate=8000)
>>> resample(once, 16000).samples.shape
(160,)
"""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from elman.data.dataset import Sound
from elman.data.files import head_of, size_of
from elman.data.formats.sound_length import check_length, correct_length
from elman.errors import DataError

SUFFIXES = (".wav", ".aif", ".aiff", ".aifc", ".au", ".snd", ".flac", ".ogg", ".oga", ".opus", ".mp3")

MOST_SAMPLES = 2**27
"""46 minutes at 48 kHz, half a GiB as float32. FLAC can hold more silence than memory in a file of some kilobytes."""

_BLOCK = 2**20
# A place in these is found with an error of some samples, and values depend on what is decoded together.
_READ_FROM_THE_START = ("OGG", "MP3")
# A block of silence in FLAC, the densest format, has 65,535 samples in 11 bytes.
_MOST_IN_A_BYTE = 2**13
_FARTHEST = 64  # times one sample rate from another
# Some programs write floats with the range of integers; larger values are damage.
_LARGEST = 2**31
# RF64 is WAV beyond 4 GiB, RIFX is WAV with the other byte order, FORM is AIFF.
_BEGINNINGS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"dns.", b"fLaC", b"OggS", b"ID3")


@dataclass(frozen=True)
class SoundHeader:
    """What the header of a sound says.

    Attributes:
        samples: of each channel.
        rate: samples a second.
        channels: number of channels.
    """

    samples: int
    rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.samples / self.rate


def measure_sound(path: Path) -> SoundHeader:
    """Read the header of a sound, and nothing behind it.

    Raises:
        DataError: the file is missing, empty or no sound, is cut off, or promises more samples than a file of its size
            can hold.
    """
    with _open(path) as file:
        header = SoundHeader(file.frames, file.samplerate, file.channels)
    if header.samples > _MOST_IN_A_BYTE * path.stat().st_size:
        raise DataError(
            f"{path} promises {header.samples:,} samples in {path.stat().st_size:,} bytes, which no format can hold. "
            "Its header is damaged: save it again."
        )
    if not header.samples:
        raise DataError(f"{path} has no samples. Copy it again, or remove it.")
    return header


def read_sound(path: Path, first: int = 0, behind: int | None = None) -> Sound:
    """Read one sound, or a part of it, and mix its channels down to their mean.

    Integers are divided by their range. Floats are left as they are, and so are lossy formats, which can overshoot
    ±1 a little. The sample rate is the file's. Of an MP3 with a varying bit rate and no length in its
    header, libsndfile reads the length that it estimates from the first frame.

    Args:
        path: the file.
        first: the first sample that is read; what stands before it is decoded in OGG and MP3.
        behind: the sample behind the last one that is read; None reads to the end.

    Raises:
        DataError: the file is missing, empty or no sound, is cut off or damaged, has no samples or more than
            `MOST_SAMPLES`, or has a sample that is NaN, infinite or
            far beyond ±1.
    """
    with _open(path) as file:
        _check_promise(file, path, first, behind)
        return Sound(np.concatenate(list(_read_blocks(file, path, first, behind))), file.samplerate)


def read_blocks(path: Path, first: int = 0, behind: int | None = None) -> Iterator[Sound]:
    """Read a sound of any length, or a part of it, as :func:`read_sound` does, in blocks of about a million samples.

    Raises:
        DataError: as for :func:`read_sound`, at the latest where it is read; the length is not limited.
    """
    with _open(path) as file:
        for block in _read_blocks(file, path, first, behind):
            yield Sound(block, file.samplerate)


def resample(sound: Sound, rate: int, where: str = "A sound") -> Sound:
    """Resample a sound; return the sound itself where it has the rate.

    Raises:
        DataError: the rates are so far apart that one of them is wrong, or the result would have no sample, or more
            than `MOST_SAMPLES`; `where` names the sound.
    """
    if sound.rate == rate:
        return sound
    check_rates(sound.rate, rate, where)
    samples = round(len(sound.samples) * rate / sound.rate)
    if not 0 < samples <= MOST_SAMPLES:
        raise DataError(
            f"{where}: {len(sound.samples):,} samples at {sound.rate:,} Hz would be {samples:,} at {rate:,} Hz, "
            f"and between 1 and {MOST_SAMPLES:,} can be held. Check the sample rate of its file."
        )
    return Sound(soxr.resample(sound.samples, sound.rate, rate), rate)


def check_rates(own: int, rate: int, where: str) -> None:
    """Check that a sound can be resampled from one rate to another.

    Raises:
        DataError: the rates are so far apart that one of them is wrong; `where` names the sound.
    """
    if max(own, rate) > _FARTHEST * min(own, rate):
        raise DataError(f"{where} has {own:,} samples a second, and the model reads {rate:,}. Check its sample rate.")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[soundfile.SoundFile]:
    size = size_of(path)
    head = head_of(path)
    if not head.startswith(_BEGINNINGS) and not _begins_like_mp3(head):
        raise DataError(
            f"{path} is no sound: it begins like none of WAV, AIFF, AU, FLAC, OGG and MP3. Convert it, or remove it."
        )
    zero = check_length(path, head, size)
    try:
        with soundfile.SoundFile(str(path) if zero is None else io.BytesIO(correct_length(path, zero))) as file:
            yield file
    except (soundfile.SoundFileError, RuntimeError) as error:
        # The library has no reason for a damaged FLAC, and calls an MP3 without a frame a file that does not exist.
        message = getattr(error, "error_string", "").rstrip(".")
        reason = message if message and "does not exist" not in message else "it is damaged or cut off"
        raise DataError(f"{path} cannot be decoded: {reason}. Copy it again, or remove it.") from error


def _begins_like_mp3(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


def _check_promise(file: soundfile.SoundFile, path: Path, first: int, behind: int | None) -> None:
    end = file.frames if behind is None else behind
    if end - first > MOST_SAMPLES:
        raise DataError(
            f"{path} promises {end - first:,} frames, and at most {MOST_SAMPLES:,} can be read. "
            "Cut it into shorter files; if it is short, its header does not tell its length: save it again."
        )


def _read_blocks(
    file: soundfile.SoundFile, path: Path, first: int, behind: int | None
) -> Iterator[NDArray[np.float32]]:
    """Yield the mean of all channels, some samples at a time, at least one."""
    at_once = max(1, _BLOCK // file.channels)
    at = 0
    place = first
    if first and file.seekable() and file.format not in _READ_FROM_THE_START:
        at = file.seek(first)
        at_once = min(at_once, max(1, (file.frames if behind is None else behind) - first))
    while (behind is None or at < behind) and len(block := file.read(at_once, dtype="float32", always_2d=True)):
        part = block[max(0, first - at) : None if behind is None else behind - at]
        at += len(block)
        if not len(part):
            continue
        # Some NaN raise a floating-point warning; they are refused one line below.
        with np.errstate(invalid="ignore"):
            mixed = part.mean(axis=1, dtype=np.float64).astype(np.float32)
            wrong = np.flatnonzero(~(np.abs(mixed) <= _LARGEST))
        if len(wrong):
            raise DataError(
                f"{path}: sample {place + wrong[0]:,} (from 0) is NaN, infinite or far beyond ±1. Export it again, or "
                "remove it."
            )
        place += len(mixed)
        yield mixed
    if place == first:
        raise DataError(f"{path} has no samples. Copy it again, or remove it.")

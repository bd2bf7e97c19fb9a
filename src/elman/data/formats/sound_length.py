"""Refuse a sound whose header promises more samples than its file holds: libsndfile reads the rest without an error.

WAV (with its variants RIFX and RF64) and AIFF are chunks: a name, a length, the content. AU has one header. A program
that writes to a pipe, or is killed, leaves a length that means "unknown"; the samples then end with the file.

>>> is_unknown(0x7FFFF000), is_unknown(0xFFFFFFFF), is_unknown(44_100)
(True, True, False)
"""

from pathlib import Path
from typing import BinaryIO, Literal

from elman.data.files import read_whole
from elman.errors import DataError

# SoX writes 0x7FFFF000 to a pipe, arecord 0x7FFFFFFF or 0x80000000, ffmpeg 0xFFFFFFFF.
_LEAST_UNKNOWN = 0x7FFF0000
_LARGE = 0xFFFFFFFF  # of RF64: the chunk ds64 has the length
_AU_HEADER, _AU_LENGTH = 24, 8
_AFTER_SAMPLES = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"fact", b"cue ", b"smpl", b"INFO", b"PEAK", b"JUNK")


def check_length(path: Path, head: bytes, size: int) -> int | None:
    """Check that a file holds the samples that its header promises; files of other formats pass.

    Args:
        path: the file.
        head: its first 24 bytes or more.
        size: in bytes.

    Returns:
        Where a length of 0 is written although samples follow, see :func:`correct_length`; None for all other files.

    Raises:
        DataError: it is truncated, or has no samples.
    """
    if head.startswith((b"RIFF", b"RIFX", b"RF64")):
        return _check_chunks(path, size, b"data", _order(head))
    if head.startswith(b"FORM"):
        return _check_chunks(path, size, b"SSND", _order(head))
    if head.startswith((b".snd", b"dns.")):
        start, promised = (int.from_bytes(head[at : at + 4], _order(head)) for at in (4, 8))
        left = size - max(start, _AU_HEADER)
        if not promised and left > 0:
            return _AU_LENGTH
        if not is_unknown(promised):
            _check_promise(path, promised, left, None)
    return None


def correct_length(path: Path, at: int) -> bytearray:
    """Return a file whose length of 0, at an offset that :func:`check_length` returned, is replaced by what follows."""
    raw = bytearray(read_whole(path))
    behind = len(raw) - at - 4 if at != _AU_LENGTH else len(raw) - int.from_bytes(raw[4:8], _order(raw))
    raw[at : at + 4] = behind.to_bytes(4, _order(raw))
    if at != _AU_LENGTH:
        raw[4:8] = (len(raw) - 8).to_bytes(4, _order(raw))
    return raw


def _order(head: bytes | bytearray) -> Literal["big", "little"]:
    return "little" if head.startswith((b"RIFF", b"RF64", b"dns.")) else "big"


def is_unknown(length: int) -> bool:
    """Return whether a length means that the writer of the file did not know it."""
    return length >= _LEAST_UNKNOWN


def _check_chunks(path: Path, size: int, wanted: bytes, order: Literal["big", "little"]) -> int | None:
    frame: int | None = None if wanted == b"SSND" else 1
    large = 0
    with path.open("rb") as file:
        file.seek(12)
        while len(chunk := file.read(8)) == 8:
            length, left = int.from_bytes(chunk[4:], order), size - file.tell()
            if chunk.startswith(wanted):
                promised = large if length == _LARGE and large else length
                return _check_samples(path, file, promised, left, frame)
            if chunk.startswith(b"ds64"):
                large = int.from_bytes(file.read(min(length, 16))[8:], "little")
                length -= min(length, 16)
            if chunk.startswith(b"fmt "):
                frame = max(1, int.from_bytes(file.read(min(length, 14))[12:], order))
                length -= min(length, 14)
            file.seek(length + length % 2, 1)
    kind = "AIFF" if wanted == b"SSND" else "WAV"
    raise DataError(
        f"{path} is a {kind} without samples: it has no {wanted.decode()} chunk. Copy it again, or remove it."
    )


def _check_samples(path: Path, file: BinaryIO, promised: int, left: int, frame: int | None) -> int | None:
    if promised:
        if not is_unknown(promised) or promised > _LARGE:
            _check_promise(path, promised, left, frame)
        return None
    at = file.tell()
    # A recorder that was killed leaves a length of 0; an empty recording may have other chunks behind it.
    if not left or file.read(4) in _AFTER_SAMPLES:
        raise DataError(f"{path} has no samples. Copy it again, or remove it.")
    return at - 4


def _check_promise(path: Path, promised: int, left: int, frame: int | None) -> None:
    size, unit = (frame, "frames") if frame else (1, "bytes")
    if promised >= left + size:
        raise DataError(
            f"{path} is cut off: its header promises {promised // size:,} {unit}, and the file ends after "
            f"{left // size:,}. Copy it again, or remove it."
        )

r"""Samples that arrive in pieces: 16-bit PCM becomes numbers, and one sample rate another.

>>> pcm = ArrivingPcm()
>>> [pcm.hear(piece).tolist() for piece in (b"\x00", b"\x40\x00\xc0", b"\x00")], pcm.end().tolist(), pcm.has_half
([[], [0.5, -0.5], []], [], True)
"""

import numpy as np
import soxr
from numpy.typing import NDArray

from elman.data.formats.sound import check_rates
from elman.errors import DataError

_RANGE = 2**15
_BEGINNINGS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"fLaC", b"OggS")


class ArrivingPcm:
    """Samples of one channel, 16 bits each with the low byte first, which may be cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._has_begun = False

    @property
    def has_half(self) -> bool:
        """Whether the last byte so far is half a sample."""
        return len(self._rest) % 2 == 1

    def hear(self, piece: bytes, where: str = "Standard input") -> NDArray[np.float32]:
        """Return the samples (N,) that some bytes complete, from −1 to 1.

        Raises:
            DataError: the first bytes are those of a sound file; `where` names what is read.
        """
        self._rest += piece
        if not self._has_begun:
            if self._rest.startswith(_BEGINNINGS):
                raise DataError(f"{where} begins like a sound file, and bare samples are read there. Name the file.")
            self._has_begun = len(self._rest) >= len(_BEGINNINGS[0])
        return self.end() if self._has_begun else np.zeros(0, np.float32)

    def end(self) -> NDArray[np.float32]:
        """Return the last samples: the first two wait until there are enough bytes to tell a sound file."""
        whole = len(self._rest) // 2 * 2
        samples = np.frombuffer(self._rest[:whole], "<i2").astype(np.float32) / np.float32(_RANGE)
        self._rest = self._rest[whole:]
        return samples


class ArrivingRate:
    """Samples at another rate: those of the whole sound, to the last bit.

    Args:
        own: samples a second of what arrives.
        rate: samples a second of what is returned.

    Raises:
        DataError: the rates are so far apart that one of them is wrong.
    """

    def __init__(self, own: int, rate: int) -> None:
        check_rates(own, rate, "The sound")
        self._stream = None if own == rate else soxr.ResampleStream(own, rate, 1, dtype="float32")

    def hear(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the samples that are known after these; at another rate some are known a little later."""
        return samples if self._stream is None else self._stream.resample_chunk(samples)

    def end(self) -> NDArray[np.float32]:
        """Return the last samples."""
        nothing = np.zeros(0, np.float32)
        return nothing if self._stream is None else self._stream.resample_chunk(nothing, last=True)

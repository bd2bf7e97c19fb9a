"""Compute the log-mel energies of a sound that is still arriving: the same frames as of the whole sound, bit for bit.

>>> from elman.encoders.mel import MelBands
>>> bands = MelBands(rate=8000, bands=20, frame=25.0, hop=10.0)
>>> frames, sound = ArrivingFrames(bands), torch.randn(500)
>>> parts = [frames.hear(sound[:199]), frames.hear(sound[199:]), frames.end()]
>>> [len(part) for part in parts], torch.cat(parts).equal(bands.log_energies(sound))
([0, 4, 1], True)
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.encoders.mel import MelBands


class ArrivingFrames:
    """The frames of a sound whose samples come in pieces of any size.

    Args:
        bands: computes the energies.

    Attributes:
        samples: how many samples were heard.
    """

    def __init__(self, bands: MelBands) -> None:
        self._bands, self._nothing = bands, torch.zeros(0, bands.size)
        self._rest = torch.zeros(0)  # samples from the start of the next frame
        self.samples = self._frames = 0

    def hear(self, samples: Tensor) -> Tensor:
        """Return the frames (T, bands) that samples (N,) float32 complete."""
        self.samples += len(samples)
        self._rest = torch.cat([self._rest, samples])
        hop, frame = self._bands.hop, self._bands.frame
        # Where frames are apart, the samples between two come before the next one begins.
        count = max(0, 1 + (len(self._rest) - max(frame, hop)) // hop)
        if not count:
            return self._nothing
        found = self._bands.log_energies(self._rest[: (count - 1) * hop + frame])
        self._rest = self._rest[count * hop :].clone()  # a view would keep all of it in memory
        self._frames += count
        return found

    def end(self) -> Tensor:
        """Return the last frames, padded with silence like those of a whole sound; there is none without samples."""
        if not self.samples:
            return self._nothing
        missing = self._bands.count(self.samples) - self._frames
        return self._bands.log_energies(F.pad(self._rest, (0, 1)))[:missing] if missing else self._nothing

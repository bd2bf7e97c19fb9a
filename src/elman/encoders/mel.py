"""Compute log-mel energies and MFCC from samples, by their published formulas.

The mel scale is Slaney's (Auditory Toolbox 1998): linear up to 1,000 Hz, logarithmic above; bands are triangles of
equal area. A frame has the same energies, to the last bit, alone and among others. MFCC are the first coefficients of
the orthonormal DCT-II of the log energies (Davis & Mermelstein 1980).

>>> bands = MelBands(rate=8000, bands=20, frame=25.0, hop=10.0)
>>> bands.log_energies(torch.zeros(8000)).shape
torch.Size([99, 20])
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.nn.rowwise import linear

_BREAK = 1000.0
_BREAK_IN_MELS = 15.0
_HERTZ_A_MEL = _BREAK / _BREAK_IN_MELS
_STEP = math.log(6.4) / 27
# Energies below this are silence. The quantisation noise of 16 bits is below it, the noise of any microphone above.
FLOOR = 1e-8
_FRAMES = 2**14  # at once

DELTA_REACH = 2
"""Frames on each side of one that its slope is measured over."""


class MelBands:
    """A bank of mel filters: it measures the energy of frames of sound in bands of the mel scale.

    Args:
        rate: samples a second.
        bands: number of bands between 0 Hz and half the rate.
        frame: milliseconds of a frame.
        hop: milliseconds from one frame to the next.

    Attributes:
        size: number of bands.
        frame: samples of a frame.
        hop: samples from one frame to the next.
        transform: samples of a Fourier transform.
    """

    def __init__(self, rate: int, bands: int, frame: float, hop: float) -> None:
        self.size = bands
        self.frame = max(2, round(rate * frame / 1000))
        self.hop = max(1, round(rate * hop / 1000))
        self._window = torch.hann_window(self.frame)
        self.transform = 2 ** math.ceil(math.log2(self.frame))
        # A band so narrow that no frequency falls into it would be silent; a longer transform has more of them.
        while not (bank := mel_bank(rate, self.transform, bands)).any(dim=1).all():
            self.transform *= 2
        self._bank = bank.float()

    def log_energies(self, samples: Tensor) -> Tensor:
        """Return the log energies (T, bands) of samples (N,); the last frame is padded with silence."""
        missing = (self.count(len(samples)) - 1) * self.hop + self.frame - len(samples)
        frames = F.pad(samples, (0, missing)).unfold(0, self.frame, self.hop)
        # Spectra take many times the memory of samples; those of an hour may not fit in memory.
        return torch.cat([self._log_energies(few) for few in frames.split(_FRAMES)])

    def count(self, samples: int) -> int:
        """Count the frames of so many samples, at least one.

        >>> bands = MelBands(rate=8000, bands=20, frame=25.0, hop=10.0)
        >>> bands.count(200), bands.count(201)
        (1, 2)
        """
        return 1 + max(0, -(-(samples - self.frame) // self.hop))

    def _log_energies(self, frames: Tensor) -> Tensor:
        spectrum = torch.view_as_real(torch.fft.rfft(frames * self._window, self.transform))
        # A product of matrices would round a frame by how many others there are; streamed frames come one by one.
        return linear(spectrum.square().sum(2), self._bank).clamp(min=FLOOR).log()


def mel_bank(rate: int, transform: int, bands: int) -> Tensor:
    """Return the weights (bands, transform // 2 + 1) of the frequencies of a transform, float64.

    Args:
        rate: samples a second.
        transform: samples of one Fourier transform.
        bands: number of bands.
    """
    edges = hertz_of(torch.linspace(0, mel_of(rate / 2), bands + 2, dtype=torch.float64))
    frequencies = torch.linspace(0, rate / 2, transform // 2 + 1, dtype=torch.float64)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - lower) / (centre - lower), (upper - frequencies) / (upper - centre)
    return torch.minimum(rising, falling).clamp(min=0) * 2 / (upper - lower)


def mel_of(hertz: float) -> float:
    """Convert a frequency to the mel scale.

    >>> mel_of(1000.0), round(mel_of(6400.0), 9)
    (15.0, 42.0)
    """
    return hertz / _HERTZ_A_MEL if hertz < _BREAK else _BREAK_IN_MELS + math.log(hertz / _BREAK) / _STEP


def hertz_of(mels: Tensor) -> Tensor:
    """Convert values on the mel scale to frequencies."""
    above = mels - _BREAK_IN_MELS
    return torch.where(above < 0, mels * _HERTZ_A_MEL, _BREAK * (above * _STEP).exp())


def cepstrum(log_energies: Tensor, coefficients: int) -> Tensor:
    """Return the first coefficients (T, coefficients) of the orthonormal DCT-II of (T, bands)."""
    return log_energies @ cosines(log_energies.shape[1], coefficients).to(log_energies.dtype)


def cosines(bands: int, coefficients: int) -> Tensor:
    """Return the first vectors of the orthonormal DCT-II, (bands, coefficients) float64.

    Coefficients times their transpose are the smoothest log energies that have these coefficients.
    """
    middles = torch.arange(bands, dtype=torch.float64) + 0.5
    basis = (math.pi / bands * middles[:, None] * torch.arange(coefficients)).cos() * math.sqrt(2 / bands)
    basis[:, 0] /= math.sqrt(2)
    return basis


def with_deltas(frames: Tensor) -> Tensor:
    """Append to D features their slopes over five frames, and the slopes of those: (T, 3 · D).

    The slope is that of a line through the frames, Σ j·x[t+j] / Σ j² (Young et al., The HTK Book 3.4, section 5.9); at
    both ends the first and the last frame are repeated.
    """

    def slope(x: Tensor) -> Tensor:
        ends = [x[:1]] * DELTA_REACH, [x[-1:]] * DELTA_REACH
        longer = torch.cat([*ends[0], x, *ends[1]])
        reach = range(-DELTA_REACH, DELTA_REACH + 1)
        total = sum(j * longer[DELTA_REACH + j : DELTA_REACH + j + len(x)] for j in reach)
        return total / sum(j * j for j in reach)  # type: ignore[return-value]

    first = slope(frames)
    return torch.cat([frames, first, slope(first)], dim=1)

"""Vary training examples at random (data augmentation).

Each function draws from the generator that it is given, and from nothing else. Frames are standardised, so 0 is the
mean.

>>> frames = torch.ones(100, 20)
>>> masked = mask_bands(frames, 20, torch.Generator().manual_seed(1))
>>> bool((masked.sum(0) == 0).any()), bool((masked.sum(1) > 0).all())
(True, True)
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.data.dataset import Sound
from elman.data.formats.sound import resample
from elman.encoders.mel import cosines

_MASKS = 2
# Shares of what there is; Park et al. 2019 mask up to 27 of 80 bands and a fifth of the time.
_WIDEST_BAND = 0.25
_WIDEST_TIME = 0.1
_MOST_CROPPED = 0.1
_FARTHEST = 2.0
_MOST_TURNED = math.radians(10)
_TEMPO = (0.88, 1.14)
_SPEEDS = (0.9, 1.0, 1.1)
_VOCAL_TRACT = (0.9, 1.1)
_BENT_FROM = 0.8  # of the bands: those above are moved less, so that the last one stays
_BANDS = 40  # as Sphinx and most others have before the cosine transform
_MOST_NOISE = 0.1  # of the deviation of a feature


def mask_bands(frames: Tensor, bands: int, randomness: torch.Generator) -> Tensor:
    """Mask two stretches of the bands of frames (T, D), for all time steps (SpecAugment: Park et al. 2019).

    Args:
        frames: D is a multiple of `bands`; the slopes of a masked band are masked with its energies.
        bands: number of bands.
        randomness: the generator to draw from.
    """
    blocks = frames.clone().view(len(frames), -1, bands)
    for _ in range(_MASKS):
        start, end = _draw_stretch(bands, _WIDEST_BAND, randomness)
        blocks[:, :, start:end] = 0.0
    return blocks.view_as(frames)


def mask_times(frames: Tensor, randomness: torch.Generator) -> Tensor:
    """Mask two stretches of time of frames (T, D), each a tenth of it at most (SpecAugment: Park et al. 2019)."""
    frames = frames.clone()
    for _ in range(_MASKS):
        start, end = _draw_stretch(len(frames), _WIDEST_TIME, randomness)
        frames[start:end] = 0.0
    return frames


def crop_frames(frames: Tensor, randomness: torch.Generator) -> Tensor:
    """Drop up to a tenth of the frames (T, D), some from the start and the others from the end."""
    dropped = _draw(int(len(frames) * _MOST_CROPPED), randomness)
    start = _draw(dropped, randomness)
    return frames[start : len(frames) - (dropped - start)]


def warp_tempo(frames: Tensor, randomness: torch.Generator) -> Tensor:
    """Slow frames (T, D) down or speed them up by up to an eighth, with linear interpolation; pitch stays."""
    factor = _draw_between(*_TEMPO, randomness)
    steps = max(1, round(len(frames) / factor))
    return F.interpolate(frames.t()[None], steps, mode="linear", align_corners=True)[0].t()


def warp_bands(frames: Tensor, bands: int, randomness: torch.Generator) -> Tensor:
    """Move the bands of frames (T, D) as a longer or shorter vocal tract does (Jaitly & Hinton 2013).

    Bands are moved by a factor of 0.9 to 1.1 up to four fifths of them, and linearly above, so that the last one stays.

    Args:
        frames: D is a multiple of `bands`; slopes are moved with their energies.
        bands: number of bands.
        randomness: the generator to draw from.
    """
    factor, last = _draw_between(*_VOCAL_TRACT, randomness), bands - 1
    places = torch.arange(bands, dtype=torch.float64)
    bend = _BENT_FROM * last * min(factor, 1.0) / factor
    above = last - (last - bend * factor) * (last - places) / (last - bend) if last else places
    places = torch.where(places <= bend, places * factor, above).clamp(0, last)
    below = places.long().clamp(max=max(0, last - 1))
    share = (places - below).to(frames.dtype)
    blocks = frames.view(len(frames), -1, bands)
    moved = blocks[..., below] * (1 - share) + blocks[..., (below + 1).clamp(max=last)] * share
    return moved.view_as(frames)


def vary_bands(frames: Tensor, bands: int, randomness: torch.Generator) -> Tensor:
    """Move and mask the bands of frames (T, D): :func:`warp_bands`, then :func:`mask_bands`."""
    return mask_bands(warp_bands(frames, bands, randomness), bands, randomness)


def vary_cepstra(frames: Tensor, deviations: Tensor, randomness: torch.Generator) -> Tensor:
    """Move and mask the bands of the mel scale that standardised cepstra (T, D) stand for.

    Args:
        frames: cepstra, each coefficient standardised.
        deviations: (D,) of the coefficients before that.
        randomness: the generator to draw from.
    """
    bands = max(_BANDS, len(deviations))
    basis = cosines(bands, len(deviations)).to(frames.dtype)
    return vary_bands(frames * deviations @ basis.t(), bands, randomness) @ basis / deviations


def add_noise(frames: Tensor, randomness: torch.Generator) -> Tensor:
    """Add normal noise to standardised frames (T, D), of a deviation of up to a tenth."""
    deviation = _draw_between(0.0, _MOST_NOISE, randomness)
    return frames + deviation * torch.randn(frames.shape, generator=randomness)


def change_speed(sound: Sound, randomness: torch.Generator) -> Sound:
    """Play a sound at 0.9, 1 or 1.1 of its speed, so that its pitch changes too (Ko et al. 2015)."""
    speed = _SPEEDS[_draw(len(_SPEEDS) - 1, randomness)]
    faster = Sound(sound.samples, round(sound.rate * speed))
    return sound if speed == 1.0 else Sound(resample(faster, sound.rate).samples, sound.rate)


def move_image(image: Tensor, randomness: torch.Generator) -> Tensor:
    """Shift an image (C, H, W) by up to two pixels each way, and rotate it by up to ten degrees; edges are repeated."""
    _, height, width = image.shape
    right, down, turn = (torch.rand(3, generator=randomness, dtype=torch.float64) * 2 - 1).tolist()
    cosine, sine = math.cos(turn * _MOST_TURNED), math.sin(turn * _MOST_TURNED)
    # Places run from −1 to 1 along both sides, so a turn has to take their ratio into account.
    shift = (2 * right * _FARTHEST / width, 2 * down * _FARTHEST / height)
    matrix = [[cosine, -sine * height / width, shift[0]], [sine * width / height, cosine, shift[1]]]
    places = F.affine_grid(torch.tensor([matrix]), [1, *image.shape], align_corners=False)
    return F.grid_sample(image[None], places, padding_mode="border", align_corners=False)[0]


def _draw_stretch(length: int, widest: float, randomness: torch.Generator) -> tuple[int, int]:
    width = _draw(int(length * widest), randomness)
    start = _draw(length - width, randomness)
    return start, start + width


def _draw_between(low: float, high: float, randomness: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=randomness, dtype=torch.float64))


def _draw(most: int, randomness: torch.Generator) -> int:
    return int(torch.randint(most + 1, (), generator=randomness))

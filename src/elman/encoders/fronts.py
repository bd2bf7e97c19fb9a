"""Turn what an encoder gives into what recurrent layers read: vectors, one a step.

A front reads (T, B, K) units or (T, B, D) frames, with the real steps of each example, and gives (T′, B, size) with its
lengths. Whatever stands behind the last real step changes no real one. An encoder says in plain data which front its
sequences need (:data:`Front`), and what suits them in training (:class:`Suggestions`).

>>> front = UnitsFront(units=9, letters=5).build(embedding=6, word_dropout=0.0)
>>> x, lengths = front(torch.zeros(7, 2, 4, dtype=torch.int64), torch.tensor([7, 3]))
>>> x.shape, front.size
(torch.Size([7, 2, 36]), 36)
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.backends.inputs import step_mask
from elman.vocabulary.tally import UNKNOWN

# Embeddings of unit variance let a model learn rare words by heart (SST-2, 700 updates: 0.765 correct, and 0.813 with
# small ones); where units are few and each is seen often, small ones hold it up (names: 0.720 correct, else 0.79).
_MANY = 1000
_BOUND = 0.1
_LETTER = 25
_SPELLING = 30
_REACH = 3
_CHANNELS = (16, 32)
_MOTIFS = 100
_MOTIF = 7


@dataclass(frozen=True)
class UnitsFront:
    """Say that sequences are units, perhaps with their letters beside them.

    Attributes:
        units: how many are numbered.
        letters: how many letters are; 0 where none stand beside.
    """

    units: int
    letters: int = 0

    def build(self, embedding: int, word_dropout: float) -> nn.Module:
        """Build what embeds them."""
        return Units(self.units, self.letters, embedding, word_dropout)


@dataclass(frozen=True)
class MotifsFront:
    """Say that sequences are units whose motifs are looked for."""

    units: int

    def build(self, embedding: int, word_dropout: float) -> nn.Module:
        """Build what embeds them and looks for motifs."""
        return Motifs(self.units, embedding, word_dropout)


@dataclass(frozen=True)
class FramesFront:
    """Say that sequences are frames of D numbers."""

    size: int

    def build(self, embedding: int, word_dropout: float) -> nn.Module:  # noqa: ARG002
        """Build what gives them on as they are."""
        return PlainFrames(self.size)


@dataclass(frozen=True)
class ConvolutionFront:
    """Say that sequences are frames that are looked at as at a picture of so many channels."""

    size: int
    channels: int

    def build(self, embedding: int, word_dropout: float) -> nn.Module:  # noqa: ARG002
        """Build the convolutional network."""
        return Convolution(self.size, self.channels)


Front = UnitsFront | MotifsFront | FramesFront | ConvolutionFront


@dataclass(frozen=True)
class Suggestions:
    """Hold what an encoder suggests to those who train on its sequences, where nobody says otherwise.

    Attributes:
        dropout: share dropped of what the recurrent layers read.
        direction: whether to read from `both` ends, or `forward`.
        pooling: how the outputs of all steps become one.
        memory: up to how many steps units should remember at the start; None for as they come.
        learning_rate: the peak of adam's schedule; None for the usual one.
        epochs: how often each example is seen at least; None for the usual number.
    """

    dropout: float = 0.0
    direction: str = "both"
    pooling: str = "max"
    memory: int | None = None
    learning_rate: float | None = None
    epochs: int | None = None


class Units(nn.Module):
    """Embed units, and beside each what a convolution over its letters finds (Kim et al. 2016, section 2.1; narrower).

    Args:
        units: how many are numbered.
        letters: how many letters are; 0 where none stand beside.
        embedding: size of a unit's embedding.
        word_dropout: chance for a unit to be read as an unknown one, in training; its letters stay.
    """

    def __init__(self, units: int, letters: int, embedding: int, word_dropout: float = 0.0) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(units, embedding)
        if units >= _MANY:
            nn.init.uniform_(self.embedding.weight, -_BOUND, _BOUND)
        self.letters = nn.Embedding(letters, _LETTER, padding_idx=0) if letters else None
        self.spelling = nn.Conv1d(_LETTER, _SPELLING, _REACH, padding=_REACH // 2) if letters else None
        self.size = embedding + (_SPELLING if letters else 0)

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Turn units (T, B, K) into vectors (T, B, size)."""
        units = steps[..., 0]
        if self.training and self.word_dropout > 0:
            dropped = torch.rand(units.shape, device=units.device) < self.word_dropout
            units = units.masked_fill(dropped, UNKNOWN)
        embedded: Tensor = self.embedding(units)
        if self.letters is None or self.spelling is None:
            return embedded, lengths
        letters = steps[..., 1:].flatten(0, 1)
        found = F.relu(self.spelling(self.letters(letters).transpose(1, 2)))
        found = (found * (letters != 0).unsqueeze(1)).amax(dim=2)
        return torch.cat([embedded, found.unflatten(0, steps.shape[:2])], dim=2), lengths


class Motifs(nn.Module):
    """Embed units and look for motifs: a convolution over time, relu, and the maximum of each two steps.

    Args:
        units: how many are numbered.
        embedding: size of a unit's embedding.
        word_dropout: see :class:`Units`.
    """

    def __init__(self, units: int, embedding: int, word_dropout: float = 0.0) -> None:
        super().__init__()
        self.units = Units(units, 0, embedding, word_dropout)
        self.layer = nn.Conv1d(self.units.size, _MOTIFS, _MOTIF, padding=_MOTIF // 2)
        self.size = _MOTIFS

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Turn units (T, B, K) into what was found (⌈T / 2⌉, B, size)."""
        x = self.units(steps, lengths)[0].permute(1, 2, 0).unsqueeze(3)
        found = F.relu(self.layer(_silence(x, lengths).squeeze(3))).unsqueeze(3)
        found = F.max_pool2d(_silence(found, lengths), (2, 1), ceil_mode=True)
        return found.squeeze(3).permute(2, 0, 1), None if lengths is None else _halve(lengths)


class PlainFrames(nn.Module):
    """Give frames to the recurrent layers as they are.

    Args:
        size: D.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the frames (T, B, D)."""
        return steps, lengths


class Convolution(nn.Module):
    """Look at frames as at a picture, time along one side: twice convolution, relu and the maximum of each 2 × 2.

    Four steps become one (Shi et al. 2015 read lines of text so).

    Args:
        size: D, a multiple of `channels`.
        channels: layers of the picture; in a frame one stands behind the other.
    """

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        ins = (channels, *_CHANNELS)
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in zip(ins, _CHANNELS, strict=False))
        height = size // channels
        for _ in _CHANNELS:
            height = _halve(height)
        self.size = _CHANNELS[-1] * height

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Turn frames (T, B, D) into vectors (⌈T / 4⌉, B, size)."""
        x = steps.unflatten(2, (self.channels, -1)).permute(1, 2, 0, 3)
        for layer in self.layers:
            # What relu gives is at least 0, so a 0 behind the end is never the larger of two.
            found = _silence(F.relu(layer(_silence(x, lengths))), lengths)
            x = F.max_pool2d(found, 2, ceil_mode=True)
            lengths = None if lengths is None else _halve(lengths)
        return x.permute(2, 0, 1, 3).flatten(2), lengths


def _silence(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Put 0 behind the last real step of pictures (B, C, T, S)."""
    if lengths is None:
        return x
    real = step_mask(lengths, x.shape[2]).T
    return torch.where(real[:, None, :, None], x, 0.0)


def _halve(length: Any) -> Any:
    return (length + 1) // 2

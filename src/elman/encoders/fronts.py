"""The layers in front of the recurrent ones: they turn what an encoder gives into one vector a step.

A front reads (T, B, K) units or (T, B, D) frames, with the real steps of each example, and gives (T′, B, size) with its
lengths. Padding behind the last real step changes no real step. An encoder describes in plain data the front that its
sequences need (:data:`Front`), and suggests settings for the training (:class:`Suggestions`).

>>> front = UnitsFront(units=9, letters=5).build(embedding=6, word_dropout=0.0)
>>> x, lengths = front(torch.zeros(7, 2, 4, dtype=torch.int64), torch.tensor([7, 3]))
>>> x.shape, front.size
(torch.Size([7, 2, 36]), 36)
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.backends.inputs import step_mask
from elman.nn import rows
from elman.nn.rowwise import Conv1d, Conv2d, is_learning, sum_in_order
from elman.vocabulary.tally import UNKNOWN

# Embeddings of unit variance overfit rare words (SST-2, 700 updates: accuracy 0.765, and 0.813 with small initial
# embeddings). Where units are few and each is frequent, small ones slow training (names: accuracy 0.720, else 0.79).
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
    """A description of the front for units, with or without the letters of each.

    Attributes:
        units: how many numbers units have.
        letters: how many numbers letters have; 0 where letters are not read.
        places: how many steps have a vector of their own; 0 where a step means the same anywhere.
    """

    units: int
    letters: int = 0
    places: int = 0

    def build(self, embedding: int, word_dropout: float) -> nn.Module:
        """Build the embedding, and the convolution over letters if there are any."""
        return _place(Units(self.units, self.letters, embedding, word_dropout), self.places)


@dataclass(frozen=True)
class MotifsFront:
    """A description of the front for units in which motifs are searched.

    Attributes:
        units: how many numbers units have.
        places: how many steps have a vector of their own, see :class:`UnitsFront`.
    """

    units: int
    places: int = 0

    def build(self, embedding: int, word_dropout: float) -> nn.Module:
        """Build the embedding and the convolution over time."""
        return Motifs(_place(Units(self.units, 0, embedding, word_dropout), self.places))


@dataclass(frozen=True)
class FramesFront:
    """A description of the front for frames of D numbers, which passes them on.

    Attributes:
        size: D.
        centred: whether the mean of each sequence is subtracted from its frames first.
    """

    size: int
    centred: bool = False

    def build(self, embedding: int, word_dropout: float) -> nn.Module:  # noqa: ARG002
        """Build the module that passes frames on."""
        return CentredFrames(PlainFrames(self.size)) if self.centred else PlainFrames(self.size)


@dataclass(frozen=True)
class ConvolutionFront:
    """A description of the convolutional front for frames, read as an image with some channels.

    Attributes:
        size: D.
        channels: channels of the image.
        centred: see :class:`FramesFront`.
    """

    size: int
    channels: int
    centred: bool = False

    def build(self, embedding: int, word_dropout: float) -> nn.Module:  # noqa: ARG002
        """Build the convolutional network."""
        image = Convolution(self.size, self.channels)
        return CentredFrames(image) if self.centred else image


Front = UnitsFront | MotifsFront | FramesFront | ConvolutionFront


@dataclass(frozen=True)
class Suggestions:
    """Settings that an encoder suggests for the training, where the user gives none.

    Attributes:
        dropout: dropout on the input of the recurrent layers.
        direction: `both` or `forward`.
        pooling: pooling over time.
        memory: most steps of memory for the chrono initialisation; None for no chrono initialisation.
        learning_rate: the peak of adam's schedule; None for the default.
        epochs: the fewest epochs; None for the default.
    """

    dropout: float = 0.0
    direction: str = "both"
    pooling: str = "max"
    memory: int | None = None
    learning_rate: float | None = None
    epochs: int | None = None


class Units(nn.Module):
    """An embedding of units, joined by a convolution over the letters of each (Kim et al. 2016, section 2.1; narrower).

    Args:
        units: how many numbers units have.
        letters: how many numbers letters have; 0 where letters are not read.
        embedding: size of a unit's embedding.
        word_dropout: probability to read a unit as an unknown one, in training; its letters stay.
    """

    def __init__(self, units: int, letters: int, embedding: int, word_dropout: float = 0.0) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(units, embedding)
        if units >= _MANY:
            nn.init.uniform_(self.embedding.weight, -_BOUND, _BOUND)
        self.letters = nn.Embedding(letters, _LETTER, padding_idx=0) if letters else None
        self.spelling = Conv1d(_LETTER, _SPELLING, _REACH, padding=_REACH // 2) if letters else None
        self.size = embedding + (_SPELLING if letters else 0)

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Turn units (T, B, K) into vectors (T, B, size)."""
        units = steps[..., 0]
        if self.training and self.word_dropout > 0:
            drawn = rows.drawn(partial(torch.rand, device=units.device), units.shape, 1)
            dropped = drawn < self.word_dropout
            units = units.masked_fill(dropped, UNKNOWN)
        embedded: Tensor = self.embedding(units)
        if self.letters is None or self.spelling is None:
            return embedded, lengths
        letters = steps[..., 1:].flatten(0, 1)
        spelled = F.relu(self.spelling(self.letters(letters).transpose(1, 2)))
        spelled = (spelled * (letters != 0).unsqueeze(1)).amax(dim=2)
        return torch.cat([embedded, spelled.unflatten(0, steps.shape[:2])], dim=2), lengths


class PlacedUnits(nn.Module):
    """Units to whose vectors a learnt one of each place is added (Gehring et al. 2017, section 3.1).

    Where all sequences have the same number of steps, as windows of a genome that are cut around a site have, a place
    means the same in each. Steps behind the last place have none.

    Args:
        units: the embedding of units.
        places: how many steps have a place.
    """

    def __init__(self, units: Units, places: int) -> None:
        super().__init__()
        self.units = units
        self.size = units.size
        self.places = nn.Parameter(torch.randn(places, units.size) * _BOUND)

    def forward(self, steps: Tensor, lengths: Tensor | None, first: int = 0) -> tuple[Tensor, Tensor | None]:
        """Turn units (T, B, K), of which the first is at the place `first`, into vectors (T, B, size)."""
        embedded, lengths = self.units(steps, lengths)
        places = self.places[first : first + len(embedded)]
        return embedded + F.pad(places, (0, 0, 0, len(embedded) - len(places)))[:, None], lengths


class Motifs(nn.Module):
    """A convolution over time that detects motifs in vectors of units, relu, and max pooling over two steps.

    Args:
        units: the embedding of units.
    """

    def __init__(self, units: Units | PlacedUnits) -> None:
        super().__init__()
        self.units = units
        self.layer = Conv1d(self.units.size, _MOTIFS, _MOTIF, padding=_MOTIF // 2)
        self.size = _MOTIFS

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Turn units (T, B, K) into motif activations (⌈T / 2⌉, B, size)."""
        x = self.units(steps, lengths)[0].permute(1, 2, 0).unsqueeze(3)
        motifs = F.relu(self.layer(_zero_padding(x, lengths).squeeze(3))).unsqueeze(3)
        motifs = F.max_pool2d(_zero_padding(motifs, lengths), (2, 1), ceil_mode=True)
        return motifs.squeeze(3).permute(2, 0, 1), None if lengths is None else _halve(lengths)


class PlainFrames(nn.Module):
    """A front that passes frames on unchanged.

    Args:
        size: D.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the frames (T, B, D)."""
        return steps, lengths


class CentredFrames(nn.Module):
    """A front that subtracts the mean of each sequence from its frames.

    Args:
        frames: the front that reads them.
    """

    def __init__(self, frames: "PlainFrames | Convolution") -> None:
        super().__init__()
        self.frames = frames
        self.size = frames.size

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Turn frames (T, B, D) into what the front behind gives; what is behind the end of a sequence becomes 0."""
        if lengths is None:
            lengths = torch.full((steps.shape[1],), len(steps), device=steps.device)
        real = step_mask(lengths, len(steps)).unsqueeze(2)
        add_up = torch.sum if is_learning(self) else sum_in_order
        mean = add_up(torch.where(real, steps, 0.0), dim=0) / lengths[:, None]
        found: tuple[Tensor, Tensor | None] = self.frames(torch.where(real, steps - mean, 0.0), lengths)
        return found


class Convolution(nn.Module):
    """A convolutional front: frames are an image, time along one side; twice convolution, relu and 2 × 2 max pooling.

    Four steps become one (as Shi et al. 2015 read lines of text).

    Args:
        size: D, a multiple of `channels`.
        channels: channels of the image; in a frame they follow each other.
    """

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        ins = (channels, *_CHANNELS)
        self.layers = nn.ModuleList(Conv2d(i, o, 3, padding=1) for i, o in zip(ins, _CHANNELS, strict=False))
        height = size // channels
        for _ in _CHANNELS:
            height = _halve(height)
        self.size = _CHANNELS[-1] * height

    def forward(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Turn frames (T, B, D) into vectors (⌈T / 4⌉, B, size)."""
        x = steps.unflatten(2, (self.channels, -1)).permute(1, 2, 0, 3)
        for layer in self.layers:
            # Outputs of relu are at least 0, so a 0 behind the end is never the larger of two.
            activations = _zero_padding(F.relu(layer(_zero_padding(x, lengths))), lengths)
            x = F.max_pool2d(activations, 2, ceil_mode=True)
            lengths = None if lengths is None else _halve(lengths)
        return x.permute(2, 0, 1, 3).flatten(2), lengths


def _place(units: Units, places: int) -> Units | PlacedUnits:
    return PlacedUnits(units, places) if places else units


def _zero_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Put 0 behind the last real step of images (B, C, T, S)."""
    if lengths is None:
        return x
    real = step_mask(lengths, x.shape[2]).T
    return torch.where(real[:, None, :, None], x, 0.0)


def _halve(length: Any) -> Any:
    return (length + 1) // 2

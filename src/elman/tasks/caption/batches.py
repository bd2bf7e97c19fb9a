"""Put pictures and their captions together, in batches of pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from elman.data.captions.captioned import CaptionSet
from elman.encoders.pictures.encoder import CONVOLUTION, PictureMaps
from elman.nn.rows import take
from elman.tasks.caption.encoder import CaptionEncoder, tidy

NOTHING = -1
"""Behind the end of a caption."""


@dataclass(frozen=True)
class CaptionBatch:
    """Some pictures with all their captions.

    Attributes:
        pictures: (P, C, H, W) float32, standardised.
        owners: (B,) int64, the picture of each caption.
        read: (T, B) int64, what the decoder reads: the end, then the words of the caption.
        written: (T, B) int64, what it is to write: the words and the end; `NOTHING` behind it.
    """

    pictures: Tensor
    owners: Tensor
    read: Tensor
    written: Tensor

    def taken(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the parts of the pictures of this process, see :mod:`elman.nn.rows`."""
        own = take(torch.arange(len(self.pictures)))
        those = torch.isin(self.owners, own)
        owners = self.owners[those] - own[0]
        return self.pictures[own], owners, self.read[:, those], self.written[:, those]


class EncodedCaptions:
    """Encoded pictures and captions.

    Args:
        data: pictures with their captions.
        maps: of these pictures, in their order.
        encoder: numbers both.
        longest: a longer caption is cut.

    Attributes:
        data: as given.
        references: of each picture, its captions as they are scored.
        lengths: (captions,) int64, the words of each caption, without its end.
        cut: how many captions were cut.
    """

    def __init__(self, data: CaptionSet, maps: PictureMaps, encoder: CaptionEncoder, longest: int) -> None:
        self.data, self._maps, self._encoder = data, maps, encoder
        self.references = [[tidy(caption) for caption in one.captions] for one in data.items]
        units = [[encoder.encode(caption) for caption in one.captions] for one in data.items]
        flat = [one for of in units for one in of]
        self.cut = sum(len(one) > longest for one in flat)
        self.unknown = sum(unit == encoder.words.unknown for one in flat for unit in one)
        self._units = [[torch.tensor(one[:longest], dtype=torch.int64) for one in of] for of in units]
        self.lengths = torch.tensor([len(one[:longest]) for one in flat], dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._units)

    def draw(self, size: int, chance: torch.Generator | None) -> Iterator[list[int]]:
        """Yield every picture once, in batches; in random order where there is a generator."""
        order = list(range(len(self))) if chance is None else torch.randperm(len(self), generator=chance).tolist()
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def pictures(self, chosen: Sequence[int]) -> Tensor:
        """Return some pictures, standardised, (P, C, H, W)."""
        return self._encoder.pictures.scale(self._maps.batch(chosen))

    def flat_pictures(self, side: int = 8) -> Tensor:
        """Return a short description of each picture, (N, D): the mean of its cells, or a small copy of a photo."""
        few = side if self._encoder.pictures.reader == CONVOLUTION else 1
        parts = [
            torch.nn.functional.adaptive_avg_pool2d(self.pictures(chosen), few).flatten(1)
            for chosen in self.draw(64, None)
        ]
        return torch.cat(parts)

    def batch(self, chosen: Sequence[int], mirrored: torch.Generator | None = None) -> CaptionBatch:
        """Put some pictures and all their captions together.

        Args:
            chosen: which.
            mirrored: mirrors half of the pictures.
        """
        pictures, end = self.pictures(chosen), self._encoder.words.end
        if mirrored is not None:
            turned = torch.rand(len(pictures), generator=mirrored) < 0.5
            pictures = torch.where(turned[:, None, None, None], pictures.flip(3), pictures)
        captions = [units for index in chosen for units in self._units[index]]
        owners = [place for place, index in enumerate(chosen) for _ in self._units[index]]
        last = torch.tensor([end])
        read = pad_sequence([torch.cat([last, units]) for units in captions], padding_value=end)
        written = pad_sequence([torch.cat([units, last]) for units in captions], padding_value=NOTHING)
        return CaptionBatch(pictures, torch.tensor(owners), read, written)

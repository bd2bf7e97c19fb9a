"""Encode pairs, and put them into batches of similar lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from elman.data.pairs.pair import Pair
from elman.encoders.batches import draw_batches
from elman.tasks.translate.encoder import PairEncoder

NOTHING = -1
"""Behind the end of a target."""


@dataclass(frozen=True)
class PairBatch:
    """Some encoded pairs.

    Attributes:
        source: (S, B) int64; behind the end of a text, its end again.
        lengths: (B,) int64 of the sources, at least 1.
        read: (T, B) int64, what the decoder reads: the end, then the units of the target.
        written: (T, B) int64, what it is to write: the units and the end; `NOTHING` behind it.
        indices: (B,) which pairs they are.
    """

    source: Tensor
    lengths: Tensor
    read: Tensor
    written: Tensor
    indices: Tensor


class EncodedPairs:
    """Encoded pairs.

    Args:
        pairs: sources and targets.
        encoder: numbers both.
        longest: a longer source or target is cut.
        units: the units of all sources and of all targets, where they are not those of the encoder.

    Attributes:
        pairs, longest: as given.
        targets: (N,) int64, the units of each target, its end counted.
        cut: how many pairs were cut.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        encoder: PairEncoder,
        longest: int,
        units: tuple[list[list[int]], list[list[int]]] | None = None,
    ) -> None:
        self.pairs, self.longest, self._encoder = pairs, longest, encoder
        sources, targets = units or (
            [encoder.source.encode(pair.source) for pair in pairs],
            [encoder.target.encode(pair.target) for pair in pairs],
        )
        self.cut = sum(max(len(one), len(other)) > longest for one, other in zip(sources, targets, strict=True))
        self._sources = [torch.tensor(units[:longest], dtype=torch.int32) for units in sources]
        self._targets = [torch.tensor(units[:longest], dtype=torch.int32) for units in targets]
        self.sources = torch.tensor([len(units) for units in self._sources], dtype=torch.int64)
        self.targets = torch.tensor([1 + len(units) for units in self._targets], dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.pairs)

    def bags(self) -> list[list[int]]:
        """Return the units of each source."""
        return [units.tolist() for units in self._sources]

    def draw(self, size: int, chance: torch.Generator | None) -> Iterator[list[int]]:
        """Yield the indices of batches whose targets are about as long, and of those, whose sources are."""
        keys = self.targets * (1 + int(self.sources.max())) + self.sources
        return draw_batches(keys, size, chance)

    def batch(self, chosen: Sequence[int], shuffled: torch.Generator | None = None) -> PairBatch:
        """Pad some pairs.

        Args:
            chosen: which.
            shuffled: puts the units of each source in random order.
        """
        end = self._encoder.target.end
        sources, targets = [self._sources[i] for i in chosen], [self._targets[i] for i in chosen]
        if shuffled is not None:
            sources = [units[torch.randperm(len(units), generator=shuffled)] for units in sources]
        source, lengths = pad_sources(sources, self._encoder.source.end)
        last = torch.tensor([end], dtype=torch.int32)
        read = pad_sequence([torch.cat([last, units]) for units in targets], padding_value=end)
        written = pad_sequence([torch.cat([units, last]) for units in targets], padding_value=NOTHING)
        return PairBatch(source, lengths, read.long(), written.long(), torch.tensor(chosen))


def pad_sources(sources: Sequence[Tensor], end: int) -> tuple[Tensor, Tensor]:
    """Return sources as a batch (S, B) and their lengths (B,); one without units is its end alone."""
    whole = [units if len(units) else torch.tensor([end], dtype=torch.int32) for units in sources]
    lengths = torch.tensor([len(units) for units in whole], dtype=torch.int64)
    return pad_sequence(whole, padding_value=end).long(), lengths

"""Turn a frame and its place in the bar into a vector: the sum of what its notes say.

Each note adds three embeddings: of its symbol, of its symbol and rank from the top, and of its pitch class, which
octaves share. The place in the bar adds two, and the class of the piece one.

>>> embedding = FrameEmbedding(kinds=1, size=5, classes=0)
>>> frames, place = torch.tensor([[67, 60, 128]]), torch.tensor([3])
>>> embedding(frames, place, place, torch.tensor([0])).shape
torch.Size([1, 5])
"""

import torch
from torch import Tensor, nn

from elman.data.music.piece import PITCHES
from elman.tasks.compose.batches import MOST_PLACES

_RANKS = 6  # from the top, that are told apart; notes below them have no embedding of a rank
_CLASSES = 12  # of pitches
_SPREAD = 0.3  # of initial embeddings: several of them are added


class FrameEmbedding(nn.Module):
    """The embedding of frames.

    Args:
        kinds: 1, or 2 where notes that start are told apart from those that go on.
        size: E.
        classes: number of classes of pieces; 0 for none.
    """

    def __init__(self, kinds: int, size: int, classes: int) -> None:
        super().__init__()
        self.end = kinds * PITCHES
        self.symbol = nn.Embedding(self.end, size)
        self.ranked = nn.Embedding(_RANKS * self.end, size)
        self.octaveless = nn.Embedding(kinds * _CLASSES, size)
        self.since, self.until = nn.Embedding(MOST_PLACES, size), nn.Embedding(MOST_PLACES, size)
        self.given = nn.Embedding(classes, size) if classes else None
        for table in self.children():
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, 0.0, _SPREAD)

    def forward(self, frames: Tensor, since: Tensor, until: Tensor, given: Tensor) -> Tensor:
        """Return (…, E).

        Args:
            frames: (…, K) symbols, filled up with the end symbol.
            since: (…) frames since the start of the bar.
            until: (…) frames until the next.
            given: (…) the class of the piece.
        """
        is_note = (frames < self.end)[..., None]
        symbols = frames.clamp(max=self.end - 1)
        rank = torch.arange(frames.shape[-1], device=frames.device)
        octaveless = symbols // PITCHES * _CLASSES + symbols % PITCHES % _CLASSES
        ranked = self.ranked(symbols + rank.clamp(max=_RANKS - 1) * self.end) * (rank < _RANKS)[:, None]
        summed: Tensor = ((self.symbol(symbols) + ranked + self.octaveless(octaveless)) * is_note).sum(-2)
        summed = summed + self.place(since, until)
        return summed if self.given is None else summed + self.given(given)

    def place(self, since: Tensor, until: Tensor) -> Tensor:
        """Return the part (…, E) that says the place in the bar."""
        found: Tensor = self.since(since) + self.until(until)
        return found

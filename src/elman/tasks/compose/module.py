"""The layers of a model of music.

frames → embedding → recurrent layers over frames → dropout → the notes of the next frame, jointly or independently
"""

from typing import Any

import torch
from torch import Tensor, nn

from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn import Recurrent
from elman.nn.rows import Dropout, of_entries
from elman.nn.states import States
from elman.tasks.compose.batches import MusicBatch
from elman.tasks.compose.embedding import FrameEmbedding
from elman.tasks.compose.independent import IndependentNotes
from elman.tasks.compose.joint import FrameContext, JointNotes


class MusicModel(nn.Module):
    """A network that predicts the next frame of pieces of music.

    Args:
        cell: the equations of the recurrent layers.
        layers: those over frames.
        embedding: E, of a frame.
        note_hidden: size of the hidden state over the notes of a frame.
        notes: `joint` or `independent`.
        kinds: 1, or 2 where notes that start are told apart from those that go on.
        classes: number of classes of pieces; 0 for none.

    Raises:
        ConfigError: the cell reads more than its input.
    """

    def __init__(
        self,
        cell: Cell,
        layers: Layers,
        *,
        embedding: int,
        note_hidden: int,
        notes: str,
        kinds: int,
        classes: int,
    ) -> None:
        super().__init__()
        self.embedding = FrameEmbedding(kinds, embedding, classes)
        self.recurrent = layers.build(cell, embedding, "music")
        self.dropout = Dropout(layers.dropout)
        size = self.recurrent.output_size
        self.notes: JointNotes | IndependentNotes
        if notes == "joint":
            own = Layers(hidden=note_hidden, sizes=layers.sizes)
            self.notes = JointNotes(cell, own, size, embedding, kinds, layers.dropout)
        else:
            self.notes = IndependentNotes(size, kinds)

    @property
    def layers_that_recur(self) -> list[Recurrent]:
        """The recurrent layers."""
        return [part.recurrent for part in (self, self.notes) if not isinstance(part, IndependentNotes)]

    def forward(self, *batch: Tensor) -> Tensor:
        """Return ln P of each frame (T, B); 0 behind the end of a window.

        Args:
            batch: the parts of a :class:`~elman.tasks.compose.batches.MusicBatch`.
        """
        return self.read(MusicBatch(*batch))[0]

    def read(self, batch: MusicBatch, state: States | None = None) -> tuple[Tensor, States, FrameContext]:
        """Read windows: return ln P of each frame (T, B), the final state, and what the N frames are written from.

        Args:
            batch: the windows; the N frames within them are those of `batch.real`, in its order.
            state: the initial state; None is zero.
        """
        embedded = self.embedding(batch.before, batch.since, batch.until, batch.given[None])
        output, state = self.recurrent(embedded, state, batch.lengths)
        real = batch.real.to(output.device)
        place = self.embedding.place(batch.since[real], batch.until[real])
        with of_entries(real):
            context = FrameContext(self.dropout(output[real]), place, batch.before[real], batch.older[real])
            found = self.notes.log_p(context, batch.notes[real])
        return found.new_zeros(real.shape).masked_scatter(real, found), state, context

    @torch.no_grad()
    def likeliest(self, context: FrameContext) -> Tensor:
        """Return the notes (N, K) of frames that are written greedily, from the top down."""
        written = torch.full((len(context.output), 0), self.notes.end, device=context.output.device)
        writer = self.notes.open(context)
        is_open = torch.ones(len(written), dtype=torch.bool, device=written.device)
        while len(is_open) and bool(is_open.any()):
            symbols = torch.where(is_open, writer.logits().argmax(1), self.notes.end)
            writer.push(symbols)
            is_open = symbols < self.notes.end
            written = torch.cat([written, symbols[:, None]], 1)
        return written


def build_module(cell: Cell, configuration: dict[str, Any]) -> MusicModel:
    """Build the module that a configuration describes."""
    layers, own = Layers.take(configuration)
    return MusicModel(cell, layers, **own)

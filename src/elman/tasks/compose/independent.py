"""Write the notes of a frame independently of each other: what a joint probability is compared with.

With h the output of the layer over frames, every pitch is off, or starts, or goes on, by a softmax of its own; where
music does not tell notes that start from those that go on, that is a sigmoid, as in Boulanger-Lewandowski et al. (2012,
section 3.1, without the RBM).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.data.music.piece import PITCHES
from elman.nn.rowwise import Linear
from elman.tasks.compose.joint import FrameContext, sounding_symbols

_NEVER = -1e9
_OFF = -3.0  # initial logit of a note: few of the pitches sound


class IndependentNotes(nn.Module):
    """A readout that writes each pitch of a frame by itself.

    Args:
        size: H, of the output of the layer over frames.
        kinds: 1, or 2 where notes that start are told apart from those that go on.
    """

    def __init__(self, size: int, kinds: int) -> None:
        super().__init__()
        self.kinds, self.end = kinds, kinds * PITCHES
        self.readout = Linear(size + self.end, self.end)
        nn.init.constant_(self.readout.bias, _OFF)

    def log_p(self, context: FrameContext, notes: Tensor) -> Tensor:
        """Return ln P of each frame, (N,).

        Args:
            context: of N frames.
            notes: (N, K) their notes.
        """
        wanted = sounding_symbols(notes, self.end).unflatten(1, (self.kinds, PITCHES))
        off = ~wanted.any(1, keepdim=True)
        return (self.shares(context) * torch.cat([off, wanted], 1)).sum((1, 2))

    def shares(self, context: FrameContext) -> Tensor:
        """Return ln P (N, 1 + kinds, 128) that a pitch is off, and that it sounds."""
        sounding = sounding_symbols(context.before, self.end)
        joined = torch.cat([context.output, sounding.to(context.output.dtype)], 1)
        logits = self.readout(joined).unflatten(1, (self.kinds, PITCHES))
        if self.kinds == 2:
            sounded = sounding.unflatten(1, (2, PITCHES)).any(1)
            logits = torch.stack([logits[:, 0], logits[:, 1].masked_fill(~sounded, _NEVER)], 1)
        return F.log_softmax(torch.cat([torch.zeros_like(logits[:, :1]), logits], 1), 1)

    def open(self, context: FrameContext) -> "IndependentWriter":
        """Begin to write frames."""
        return IndependentWriter(self, context)


class IndependentWriter:
    """N frames that are being written from the top down, as :class:`~elman.tasks.compose.joint.JointWriter` does.

    The next note is a pitch if it sounds and all between it and the last are off.

    Args:
        head: the readout.
        context: of the frames.
    """

    def __init__(self, head: IndependentNotes, context: FrameContext) -> None:
        self._shares, self._kinds = head.shares(context), head.kinds
        self._above = torch.full((len(context.output),), PITCHES, device=context.output.device)

    def logits(self) -> Tensor:
        """Return ln P (N, S + 1) of the next symbol of each."""
        lower = torch.arange(PITCHES, device=self._above.device) < self._above[:, None]
        off = self._shares[:, 0] * lower
        down = off.flip(1).cumsum(1).flip(1)  # of a pitch and all above it
        found = self._shares[:, 1:] + (down - off)[:, None]
        found = found.masked_fill(~lower[:, None], _NEVER)
        return torch.cat([found.flatten(1), down[:, :1]], 1)

    def push(self, symbols: Tensor) -> None:
        """Write a symbol (N,) to each."""
        self._above = torch.where(symbols < self._kinds * PITCHES, symbols % PITCHES, 0)

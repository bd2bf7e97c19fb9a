"""Write the notes of a frame from the top down, each knowing those above it: an exact joint probability of a frame.

A frame is a sequence of symbols: its notes, the highest first, and the end of the frame. With h the output of the
layer over frames,

    P(frame | h) = Π_k P(symbol_k | symbol_1 … symbol_k−1, h)

Each factor is a softmax over what may come: a pitch below the last one, a note that goes on only where it sounded in
the frame before, or the end. So every frame is written in one way only, and the probabilities of all frames sum to 1.
NADE (Larochelle & Murray 2011), which the RNN-NADE of Boulanger-Lewandowski et al. (2012) has at each frame, factorises
all 88 keys of a frame in this way; here a recurrent layer reads the notes that sound, and skips those that do not.

A logit is the sum of one for the pitch and of four for intervals: to the note above, to the notes of the same rank in
the two frames before, and to the next lower note of the frame before. Intervals are the same in all keys, as the tied
networks of Johnson (2017) have it.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.data.music.piece import PITCHES
from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn.rows import Dropout, highest
from elman.nn.rowwise import Linear
from elman.nn.states import States

_REACH = 24  # semitones of the largest interval that has a logit
_WIDTH = 2 * _REACH + 1
_REFERENCES = 4
_NEVER = -1e9
_NOTHING = -1  # in place of a pitch


class FrameContext(NamedTuple):
    """What N frames are written from.

    Attributes:
        output: (N, H) of the layer over frames.
        place: (N, E) the place in the bar.
        before: (N, K) the notes of the frame before.
        older: (N, K) those of the frame before that.
    """

    output: Tensor
    place: Tensor
    before: Tensor
    older: Tensor

    def select(self, frames: Tensor) -> "FrameContext":
        """Return some of the frames."""
        return FrameContext(*(part[frames] for part in self))


class JointNotes(nn.Module):
    """The layers that write the notes of a frame from the top down.

    Args:
        cell: the equations of the layer over notes.
        layers: of that layer.
        size: H, of the output of the layer over frames.
        embedding: E.
        kinds: 1, or 2 where notes that start are told apart from those that go on.
        dropout: on embeddings, and before the readout.
    """

    def __init__(self, cell: Cell, layers: Layers, size: int, embedding: int, kinds: int, dropout: float) -> None:
        super().__init__()
        self.kinds, self.end = kinds, kinds * PITCHES
        self.start = self.end + 1
        self.above = nn.Embedding(self.end + 2, embedding)
        self.before, self.older = (nn.Embedding(self.end + 1, embedding) for _ in range(2))
        self.below = nn.Embedding(PITCHES + 1, embedding)
        self.interval = nn.Embedding(_WIDTH + 1, embedding)
        self.context = Linear(size + embedding + self.end, layers.hidden)
        self.recurrent = layers.build(cell, embedding + layers.hidden, "the notes of a frame")
        joined = self.recurrent.output_size + layers.hidden
        self.readout = Linear(joined, self.end + 1)
        self.skip = Linear(size + self.end, self.end + 1)
        self.relative = Linear(joined, _REFERENCES * _WIDTH + 1)
        self.dropout, self.note_dropout = Dropout(dropout), Dropout(dropout, axis=0)

    def log_p(self, context: FrameContext, notes: Tensor) -> Tensor:
        """Return ln P of each frame, (N,).

        Args:
            context: of N frames.
            notes: (N, K) their notes from the top, each row with an end symbol behind them.
        """
        counts = (notes < self.end).sum(1)
        if not len(notes):
            return notes.new_zeros(0, dtype=context.output.dtype)
        notes = notes[:, : highest(int(counts.max())) + 1]
        last = torch.cat([torch.full_like(notes[:, :1], self.start), notes[:, :-1]], 1)
        output, squeezed, _ = self._read(context, last, 0, None)
        frame, rank = (torch.arange(notes.shape[1], device=notes.device) <= counts[:, None]).nonzero(as_tuple=True)
        ranks = torch.arange(notes.shape[1], device=notes.device).expand_as(notes)
        logits = self._logits(
            context, frame, torch.cat([output[frame, rank], squeezed[frame]], 1), last[frame, rank], ranks[frame, rank]
        )
        found = -F.cross_entropy(logits, notes[frame, rank], reduction="none")
        return found.new_zeros(len(notes)).index_add(0, frame, found)

    def open(self, context: FrameContext) -> "JointWriter":
        """Begin to write frames."""
        return JointWriter(self, context)

    def read_step(
        self, context: FrameContext, last: Tensor, rank: int, state: States | None
    ) -> tuple[Tensor, States | None]:
        """Return the logits (N, S + 1) of the next symbol, and the state of the layer over notes.

        Args:
            context: of N frames.
            last: (N,) the last symbol of each, at first the start symbol.
            rank: how many notes each has.
            state: from the last call.
        """
        output, squeezed, state = self._read(context, last[:, None], rank, state)
        frames = torch.arange(len(last), device=last.device)
        joined = torch.cat([output[:, 0], squeezed], 1)
        return self._logits(context, frames, joined, last, torch.full_like(last, rank)), state

    def _read(
        self, context: FrameContext, last: Tensor, first: int, state: States | None
    ) -> tuple[Tensor, Tensor, States | None]:
        """Read notes (N, K), of ranks from `first` on: return outputs (N, K, ·), the squeezed context, the state."""
        ranks = torch.arange(first, first + last.shape[1], device=last.device).expand_as(last)
        same, older = (_of_rank(row, ranks, self.end) for row in (context.before, context.older))
        pitch, other = self._pitches(last), self._pitches(same)
        interval = (other - pitch).clamp(-_REACH, _REACH) + _REACH
        interval = torch.where((pitch == _NOTHING) | (other == _NOTHING), _WIDTH, interval)
        below = self._below(context.before, last)
        below = torch.where(below == _NOTHING, PITCHES, below)
        embedded = (
            self.above(last) + self.before(same) + self.older(older) + self.interval(interval) + self.below(below)
        )
        held = torch.cat([context.output, context.place, self._sounding(context.before)], 1)
        squeezed = self.dropout(torch.tanh(self.context(held)))
        dropped = self.note_dropout(embedded)
        steps = torch.cat([dropped, squeezed[:, None].expand(-1, last.shape[1], -1)], 2)
        output, state = self.recurrent(steps.transpose(0, 1).contiguous(), state)
        return self.note_dropout(output.transpose(0, 1).contiguous()), squeezed, state

    def _logits(self, context: FrameContext, frame: Tensor, joined: Tensor, last: Tensor, rank: Tensor) -> Tensor:
        """Return logits (M, S + 1) of M symbols; what may not come has none.

        Args:
            context: of N frames.
            frame: (M,) the frame of each symbol.
            joined: (M, ·) what is read out.
            last: (M,) the symbol above.
            rank: (M,) how many notes are above.
        """
        sounding = self._sounding(context.before)
        skipped = self.skip(torch.cat([context.output, sounding], 1))
        before, older = context.before[frame], context.older[frame]
        logits = self.readout(joined) + skipped[frame]
        relative = self.relative(joined)
        same, twice = (_of_rank(row, rank[:, None], self.end)[:, 0] for row in (before, older))
        below = self._below(before, last[:, None])[:, 0]
        references = torch.stack([self._pitches(last), self._pitches(same), self._pitches(twice), below], 1)
        pitches = torch.arange(PITCHES, device=last.device)
        distance = pitches - references[..., None] + _REACH
        fits = (distance >= 0) & (distance < _WIDTH) & (references != _NOTHING)[..., None]
        table = relative[:, :-1].unflatten(1, (_REFERENCES, _WIDTH))
        added = (table.gather(2, distance.clamp(0, _WIDTH - 1)) * fits).sum(1)
        if self.kinds == 2:  # the next lower note of the frame before goes on
            goes_on = (pitches == below[:, None]) * relative[:, -1:]
            added = torch.cat([added, goes_on], 1)
        return (logits + F.pad(added, (0, 1))).masked_fill(~self._allowed(sounding[frame], last), _NEVER)

    def _allowed(self, sounding: Tensor, last: Tensor) -> Tensor:
        """Return (M, S + 1), which symbols may come."""
        return allowed_symbols(sounding, self._pitches(last), self.kinds)

    def _sounding(self, before: Tensor) -> Tensor:
        return sounding_symbols(before, self.end).to(self.readout.weight.dtype)

    def _pitches(self, symbols: Tensor) -> Tensor:
        """Return the pitches of symbols; `_NOTHING` for those that are no note."""
        return torch.where(symbols < self.end, symbols % PITCHES, _NOTHING)

    def _below(self, before: Tensor, last: Tensor) -> Tensor:
        """Return (N, K), for each note above the next lower pitch of the frame before; `_NOTHING` if there is none."""
        pitch = self._pitches(before)[:, None]
        bound = torch.where(last == self.start, PITCHES, self._pitches(last))[..., None]
        return torch.where(pitch < bound, pitch, _NOTHING).amax(-1)


class JointWriter:
    """N frames that are being written from the top down.

    Args:
        head: the layers.
        context: of the frames.
    """

    def __init__(self, head: JointNotes, context: FrameContext) -> None:
        self._head, self._context = head, context
        self._last = torch.full((len(context.output),), head.start, device=context.output.device)
        self._rank = 0
        self._state: States | None = None

    def logits(self) -> Tensor:
        """Return the logits (N, S + 1) of the next symbol of each; call it once a symbol."""
        logits, self._state = self._head.read_step(self._context, self._last, self._rank, self._state)
        return logits

    def push(self, symbols: Tensor) -> None:
        """Write a symbol (N,) to each."""
        self._last, self._rank = symbols, self._rank + 1


def sounding_symbols(frames: Tensor, end: int) -> Tensor:
    """Return (N, S), which symbols frames (N, K) have."""
    found = torch.zeros(len(frames), end + 1, dtype=torch.bool, device=frames.device)
    return found.scatter(1, frames, torch.ones_like(frames, dtype=torch.bool))[:, :end]


def allowed_symbols(sounding: Tensor, above: Tensor, kinds: int) -> Tensor:
    """Return (M, S + 1), which symbols may come: a pitch below the last, held where it sounded, or the end.

    Args:
        sounding: (M, S) the symbols of the frame before.
        above: (M,) the last pitch; −1 where there is none yet.
        kinds: 1, or 2 where notes that start are told apart from those that go on.

    >>> allowed_symbols(torch.zeros(1, 128, dtype=torch.bool), torch.tensor([2]), 1)[0].nonzero().flatten().tolist()
    [0, 1, 128]
    """
    pitches = torch.arange(PITCHES, device=above.device)
    lower = (pitches < above[:, None]) | (above[:, None] == _NOTHING)
    parts = [lower]
    if kinds == 2:
        sounded = sounding.bool()
        parts.append(lower & (sounded[:, :PITCHES] | sounded[:, PITCHES:]))
    return torch.cat([*parts, torch.ones_like(lower[:, :1])], 1)


def _of_rank(frames: Tensor, ranks: Tensor, end: int) -> Tensor:
    """Return (N, K), the notes of some ranks of frames (N, ·); the end symbol where a frame has fewer."""
    found = frames.gather(1, ranks.clamp(max=frames.shape[1] - 1))
    return torch.where(ranks < frames.shape[1], found, end)

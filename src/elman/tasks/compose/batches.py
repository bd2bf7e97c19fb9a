"""Number the frames of pieces, cut them into windows, and put these into batches, transposed.

A frame is a row of its notes from the top, filled up with the end symbol. Symbols are those of
:mod:`elman.data.music.piece`: pitches of notes that start, behind them those of notes that go on where the music tells
the two apart; then the end of a frame.

>>> from elman.data.music.piece import Piece
>>> encoded = EncodedMusic([Piece("a", ((67, 60), (65,)), (0, 1), (16, 15))], [], onsets=False)
>>> encoded.batch([encoded.whole(0)]).notes[:, 0].tolist()
[[67, 60, 128], [65, 128, 128]]
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elman.data.music.piece import PITCHES, Frame, Piece
from elman.encoders.batches import draw_batches
from elman.nn.rows import take

MOST_PLACES = 64
"""Frames of a bar that are told apart; later ones count as the last."""


class PieceWindow(NamedTuple):
    """A part of a piece: the number of the piece, and its first frame and the one behind its last."""

    piece: int
    start: int
    stop: int


class MusicBatch(NamedTuple):
    """Windows of pieces, padded to the longest.

    Attributes:
        notes: (T, B, K) int64, the notes of each frame, from the top; the rest of a row is the end symbol.
        before: (T, B, K) those of the frame before, also before the start of a window.
        older: (T, B, K) those of the frame before that.
        since: (T, B) frames since the start of the bar, less than `MOST_PLACES`.
        until: (T, B) frames until the next bar starts, less than `MOST_PLACES`.
        lengths: (B,) int64 frames.
        given: (B,) the class of each; zeros where there are none.
    """

    notes: Tensor
    before: Tensor
    older: Tensor
    since: Tensor
    until: Tensor
    lengths: Tensor
    given: Tensor

    def taken(self) -> "MusicBatch":
        """Return the windows of this process, see :mod:`elman.nn.rows`."""
        return MusicBatch(*(take(part, 0 if part.dim() == 1 else 1) for part in self))

    @property
    def real(self) -> Tensor:
        """(T, B) whether a frame is within its window."""
        return torch.arange(len(self.notes))[:, None] < self.lengths


class EncodedMusic:
    """Pieces as numbers.

    Args:
        pieces: N of them.
        classes: the names of the classes; none where pieces have no class.
        onsets: whether notes that start are told apart from those that go on.

    Attributes:
        end: the end symbol.
        lengths: (N,) int64 frames.
    """

    def __init__(self, pieces: Sequence[Piece], classes: Sequence[str], onsets: bool) -> None:
        self.pieces = pieces
        self.end = PITCHES * (1 + onsets)
        self.lengths = torch.tensor([len(piece) for piece in pieces])
        self._rows = [self._number(piece.frames) for piece in pieces]
        self._since, self._until = (
            [torch.tensor(those).clamp(max=MOST_PLACES - 1) for those in counts]
            for counts in ([piece.since for piece in pieces], [piece.until for piece in pieces])
        )
        self._given = torch.tensor([classes.index(piece.given) if piece.given in classes else 0 for piece in pieces])
        self._room = [self._shifts(rows) for rows in self._rows]

    def __len__(self) -> int:
        return len(self.pieces)

    def _number(self, frames: Sequence[Frame]) -> Tensor:
        """Return (T + 2, K) rows, behind two empty ones, which stand for what is before the piece."""
        rows = torch.full((len(frames) + 2, max(map(len, frames)) + 1), self.end)
        for number, frame in enumerate(frames, start=2):
            rows[number, : len(frame)] = torch.tensor(frame, dtype=torch.int64)
        return rows

    def _shifts(self, rows: Tensor) -> tuple[int, int]:
        """Return by how many semitones a piece may be transposed, down and up."""
        pitches = rows[rows < self.end] % PITCHES
        return (-int(pitches.min()), PITCHES - 1 - int(pitches.max())) if len(pitches) else (0, 0)

    def whole(self, piece: int) -> PieceWindow:
        """Return the window that is a whole piece."""
        return PieceWindow(piece, 0, len(self.pieces[piece]))

    def windows(self, most: int, chance: torch.Generator | None = None) -> list[PieceWindow]:
        """Cut all pieces into windows of at most so many frames, from other places in every epoch.

        Args:
            most: frames of a window.
            chance: draws where a longer piece is cut first; None cuts it at multiples of `most`.
        """
        found = []
        for number, piece in enumerate(self.pieces):
            first = most
            if chance is not None and len(piece) > most:
                first = int(torch.randint(1, most + 1, (1,), generator=chance))
            edges = [0, *range(first, len(piece), most), len(piece)]
            found += [PieceWindow(number, start, stop) for start, stop in itertools.pairwise(edges)]
        return found

    def draw(self, most: int, size: int, chance: torch.Generator) -> list[list[PieceWindow]]:
        """Draw the batches of an epoch: windows of at most so many frames, those of similar length together.

        Args:
            most: frames of a window.
            size: windows of a batch.
            chance: draws their order, and where pieces are cut.
        """
        windows = self.windows(most, chance)
        lengths = torch.tensor([window.stop - window.start for window in windows])
        return [[windows[index] for index in few] for few in draw_batches(lengths, size, chance)]

    def batch(self, windows: Sequence[PieceWindow], shifts: Sequence[int] | None = None) -> MusicBatch:
        """Put windows together.

        Args:
            windows: B of them.
            shifts: by how many semitones each is transposed; None leaves them as they are.
        """
        longest = max(window.stop - window.start for window in windows)
        widest = max(self._rows[window.piece].shape[1] for window in windows)
        rows = torch.full((longest + 2, len(windows), widest), self.end)
        since, until = torch.zeros(2, longest, len(windows), dtype=torch.int64)
        for b, (piece, start, stop) in enumerate(windows):
            own = self._rows[piece][start : stop + 2]
            if shifts is not None:
                own = torch.where(own < self.end, own + shifts[b], own)
            rows[: len(own), b, : own.shape[1]] = own
            since[: stop - start, b] = self._since[piece][start:stop]
            until[: stop - start, b] = self._until[piece][start:stop]
        lengths = torch.tensor([window.stop - window.start for window in windows])
        given = self._given[[window.piece for window in windows]]
        return MusicBatch(rows[2:], rows[1:-1], rows[:-2], since, until, lengths, given)

    def draw_shifts(self, windows: Sequence[PieceWindow], most: int, chance: torch.Generator) -> list[int]:
        """Draw by how many semitones each window is transposed: at most so many, within the range of MIDI."""
        drawn = torch.randint(-most, most + 1, (len(windows),), generator=chance).tolist()
        rooms = (self._room[window.piece] for window in windows)
        return [min(max(shift, low), high) for shift, (low, high) in zip(drawn, rooms, strict=True)]

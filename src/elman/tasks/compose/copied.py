"""Find the longest passage of a piece that stands in other pieces too, perhaps in another key.

>>> from elman.data.music.piece import Piece
>>> learnt = Piece("a.mid", ((60,), (64,), (67,), (72,)), (0, 1, 2, 3), (4, 3, 2, 1))
>>> found = find_copied([(50,), (62,), (66,), (69,)], [learnt])
>>> found.notes, found.start, found.where, found.at, found.shift
(3, 1, 'a.mid', 0, 2)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elman.data.music.piece import HELD, PITCHES, Frame, Piece

_FARTHEST = 12  # semitones
_OTHER, _BETWEEN = -1, -2


@dataclass(frozen=True)
class Copied:
    """A passage that two pieces have in common.

    Attributes:
        notes: how many start in it.
        start: its first frame.
        length: its frames.
        where: the name of the other piece.
        at: its first frame there.
        shift: how many semitones it is higher than there.
    """

    notes: int
    start: int
    length: int
    where: str
    at: int
    shift: int


def find_copied(frames: Sequence[Frame], pieces: Sequence[Piece]) -> Copied | None:
    """Find the passage of equal frames in which most notes start; None where none is in common.

    Args:
        frames: of the piece.
        pieces: where it is looked for, transposed by up to an octave.
    """
    numbers: dict[Frame, int] = {}
    listed: list[int] = []
    starts: list[int] = []
    for piece in pieces:
        starts.append(len(listed))
        listed += [*(numbers.setdefault(frame, len(numbers)) for frame in piece.frames), _BETWEEN]
    learnt = np.array(listed)
    best: tuple[int, int, int, int, int] | None = None  # notes, −|shift|, last frame, last place, shift
    for shift in sorted(range(-_FARTHEST, _FARTHEST + 1), key=abs):
        ours = [numbers.get(_transpose(frame, -shift), _OTHER) for frame in frames]
        run = np.zeros(len(learnt) + 1, np.int64)
        for place, number in enumerate(ours):
            started = 1 + sum(note < HELD for note in frames[place]) * PITCHES  # equal notes: the longer passage
            run[1:] = np.where(learnt == number, run[:-1] + started, 0)
            run[0] = 0
            at = int(run.argmax())
            if run[at] >= PITCHES and (best is None or int(run[at]) > best[0]):
                best = (int(run[at]), -abs(shift), place, at - 1, shift)
    if best is None:
        return None
    weight, _, last, place, shift = best
    notes = length = 0
    while notes * PITCHES + length < weight:
        notes += sum(note < HELD for note in frames[last - length])
        length += 1
    first = place - length + 1
    number = int(np.searchsorted(starts, first, "right")) - 1
    return Copied(notes, last - length + 1, length, pieces[number].where, first - starts[number], shift)


def _transpose(frame: Frame, shift: int) -> Frame:
    """Return a frame so many semitones higher; what leaves the range of MIDI equals nothing."""
    if any(not 0 <= note % HELD + shift < PITCHES for note in frame):
        return (_OTHER,)
    return tuple(note + shift for note in frame)

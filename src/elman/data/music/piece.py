"""A piece of music on a grid, and a set of pieces.

A *frame* is what sounds in one moment of the grid: its notes from the top down, each a number. A pitch, 0 to 127 as in
MIDI (60 is the middle c), is a note that starts in this frame; `HELD` more is one that goes on from the frame before.

>>> join_notes([SoundingNote(0, 3, 60, 80), SoundingNote(2, 3, 67, 80)], 3)
((60,), (188,), (67, 188))
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

PITCHES = 128
HELD = PITCHES
"""Added to the pitch of a note that goes on."""
LOUDNESS = 80
"""The velocity of a note where none is known."""

Frame = tuple[int, ...]


@dataclass(frozen=True)
class Playing:
    """How a piece is played.

    Attributes:
        tempo: quarter notes a minute.
        beats: the upper number of its time signature.
        unit: the lower one.
        program: the instrument, a General MIDI program from 0.
        velocities: the mean velocity of the notes that start in each frame of a bar, 0 where none does.
        drums: whether it is played on drums.
    """

    tempo: float = 120.0
    beats: int = 4
    unit: int = 4
    program: int = 0
    velocities: tuple[int, ...] = ()
    drums: bool = False

    def velocity(self, since: int) -> int:
        """Return the velocity of a note that starts so many frames after the start of a bar."""
        known = self.velocities[since] if since < len(self.velocities) else 0
        return known or round(_mean([one for one in self.velocities if one]) or LOUDNESS)


@dataclass(frozen=True)
class Piece:
    """A piece of music.

    Attributes:
        where: its file, and the part of it.
        frames: what sounds, see above.
        since: for each frame, how many there were since its bar started.
        until: for each frame, how many there are until the next bar starts.
        given: its class; None where there are none.
        playing: how it is played.
        onsets: whether notes that start are told apart from those that go on; not in piano rolls.
    """

    where: str
    frames: tuple[Frame, ...]
    since: tuple[int, ...]
    until: tuple[int, ...]
    given: str | None = None
    playing: Playing = field(default_factory=Playing)
    onsets: bool = True

    def __len__(self) -> int:
        return len(self.frames)

    def pitches(self, frame: int) -> tuple[int, ...]:
        """Return what sounds in a frame, from the top."""
        return tuple(note % HELD for note in self.frames[frame])


@dataclass(frozen=True)
class MusicSet:
    """Pieces of music.

    Attributes:
        name: what messages call the data.
        parts: the pieces, by the part of the data set that their file puts them in: `train`, `valid`, `test`; those of
            a file without parts are in `""`.
        notes: what was inferred, in sentences for the user.
    """

    name: str
    parts: dict[str, list[Piece]]
    notes: Sequence[str] = ()

    @property
    def onsets(self) -> bool:
        """Whether notes that start are told apart from those that go on."""
        return next(piece for part in self.parts.values() for piece in part).onsets


@dataclass(frozen=True)
class SoundingNote:
    """A note on the grid.

    Attributes:
        start: its first frame.
        end: the frame that it no longer sounds in, behind `start`.
        pitch: from 0 to 127.
        velocity: from 1 to 127.
    """

    start: int
    end: int
    pitch: int
    velocity: int


def join_notes(notes: Sequence[SoundingNote], length: int) -> tuple[Frame, ...]:
    """Put notes into frames; of one pitch, a note that starts is told apart from those that go on."""
    frames: list[dict[int, bool]] = [{} for _ in range(length)]
    for note in notes:
        for frame in range(note.start, note.end):
            frames[frame][note.pitch] = frames[frame].get(note.pitch, False) or frame == note.start
    return tuple(
        tuple(pitch if starts else pitch + HELD for pitch, starts in sorted(frame.items(), reverse=True))
        for frame in frames
    )


def split_notes(frames: Sequence[Frame]) -> list[tuple[int, int, int]]:
    """Return the notes of frames as (start, end, pitch), in the order of their starts, the highest first.

    A held note that nothing was before starts where it stands.

    >>> split_notes([(60,), (188,), (67, 188)])
    [(0, 3, 60), (2, 3, 67)]
    """
    found: list[tuple[int, int, int]] = []
    sounding: dict[int, int] = {}
    for number, frame in enumerate([*frames, ()]):
        held = {note - HELD for note in frame if note >= HELD}
        ended = [pitch for pitch in sounding if pitch not in held]
        found += [(sounding.pop(pitch), number, pitch) for pitch in ended]
        for note in frame:
            sounding.setdefault(note % HELD, number)
    return sorted(found, key=lambda note: (note[0], -note[2]))


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0

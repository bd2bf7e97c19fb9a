"""What a model of music keeps of its data: the grid, what was read of MIDI files, the classes, how each is played.

>>> layout = MusicLayout(grid=16, onsets=True, playing={"": Playing(tempo=90)})
>>> MusicLayout.from_dict(layout.to_dict()) == layout
True
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from elman.data.music.midi import MidiChoice
from elman.data.music.piece import PITCHES, Piece, Playing
from elman.data.plain import read_plain
from elman.errors import DataError
from elman.vocabulary.growth import Growth


@dataclass(frozen=True)
class MusicLayout:
    """What a model keeps of its data.

    Attributes:
        grid: frames of a whole note.
        onsets: whether notes that start are told apart from those that go on.
        track: the name of the tracks that were read; None for all.
        drums: whether drums were read.
        given: what the classes are, such as `player`.
        classes: their names; empty where there are none.
        playing: how the pieces of each class are played; of `""` where there are none.
        lowest: the lowest pitch that was learnt, transposed as far as it was.
        highest: the highest.
    """

    grid: int
    onsets: bool
    track: str | None = None
    drums: bool = False
    given: str = ""
    classes: tuple[str, ...] = ()
    playing: Mapping[str, Playing] = field(default_factory=dict)
    lowest: int = 0
    highest: int = PITCHES - 1

    @property
    def choice(self) -> MidiChoice:
        """What is read of a MIDI file."""
        return MidiChoice(self.grid, self.track, self.drums)

    @property
    def kinds(self) -> int:
        """Kinds of notes: 2 where those that start are told apart from those that go on, else 1."""
        return 1 + self.onsets

    def grown(self, found: "MusicLayout", growth: Growth) -> "MusicLayout":
        """Return this layout with the classes that another has besides; those that it knows are played as before.

        Args:
            found: that of other pieces.
            growth: counts what is new.

        Raises:
            DataError: one of the two is of piano rolls, or has classes, and the other is not.
        """
        for here, there, what in (
            (found.onsets, self.onsets, ("MIDI files", "piano rolls")),
            (bool(found.classes), bool(self.classes), ("pieces with a class each", "pieces without classes")),
        ):
            if here != there:
                given, wanted = what if here else what[::-1]
                raise DataError(
                    f"These are {given}, and the model reads {wanted}. Give such pieces, or train a new model."
                )
        classes = growth.join("class", self.classes, found.classes)
        return replace(
            self,
            classes=classes,
            playing={**found.playing, **self.playing},
            lowest=min(self.lowest, found.lowest),
            highest=max(self.highest, found.highest),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing, or of another type.
            ValueError: a class has no way of playing.
        """
        layout = read_plain(cls, data, "music")
        if set(layout.playing) != set(layout.classes or ("",)) or layout.grid < 1:
            raise ValueError("the classes of the music do not fit")
        for playing in layout.playing.values():
            if min(playing.tempo, playing.beats, playing.unit) <= 0 or not 0 <= playing.program < 128:
                raise ValueError("the way of playing is impossible")
            if any(not 0 <= velocity < 128 for velocity in playing.velocities):
                raise ValueError("a velocity is outside 0 to 127")
        return layout


def learn_playing(pieces: Sequence[Piece]) -> Playing:
    """Return how pieces are played: the median tempo, what is most frequent of the rest, and mean velocities."""
    played = [piece.playing for piece in pieces]
    (beats, unit), _ = Counter((one.beats, one.unit) for one in played).most_common(1)[0]
    loud: dict[int, list[int]] = defaultdict(list)
    for one in played:
        for place, velocity in enumerate(one.velocities):
            if velocity:
                loud[place].append(velocity)
    means = tuple(
        round(statistics.fmean(loud[place])) if place in loud else 0 for place in range(max(loud, default=-1) + 1)
    )
    program = Counter(one.program for one in played).most_common(1)[0][0]
    return Playing(statistics.median(one.tempo for one in played), beats, unit, program, means, played[0].drums)

"""Collect the notes of a MIDI file, in ticks: what starts, what ends, on which track, with which instrument.

>>> [note.pitch for note in collect([Event(0, "note_on", 0, 60, 64), Event(9, "note_off", 0, 60, 0)], "lead", 9)]
[60]
"""

from collections.abc import Iterable
from dataclasses import dataclass

from elman.data.music.instruments import DRUM_CHANNEL, family_of


@dataclass(frozen=True)
class Event:
    """An event of a track: its tick from the start, its type, its channel, and two values."""

    tick: int
    kind: str
    channel: int
    first: int
    second: int


@dataclass(frozen=True)
class TrackNote:
    """A note of a track.

    Attributes:
        start: its tick.
        end: the tick that it ends at.
        pitch: from 0 to 127.
        velocity: from 1 to 127.
        channel: from 0 to 15.
        program: the instrument, from 0 to 127.
        track: the name of its track.
        is_endless: whether the file does not end it, so that it goes on to the end of its track.
    """

    start: int
    end: int
    pitch: int
    velocity: int
    channel: int
    program: int
    track: str
    is_endless: bool = False

    @property
    def is_drum(self) -> bool:
        """Whether it is played on drums."""
        return self.channel == DRUM_CHANNEL

    def is_on(self, name: str) -> bool:
        """Check whether its track, or the family of its instrument, has a name; capitals make no difference."""
        wanted = name.casefold()
        return wanted in self.track.casefold() or (not self.is_drum and wanted in family_of(self.program))


def collect(events: Iterable[Event], track: str, end: int, programs: dict[int, int] | None = None) -> list[TrackNote]:
    """Pair the starts and ends of notes.

    A start while the same pitch sounds on the same channel ends the first. A start with velocity 0 is an end.

    Args:
        events: of one track, in their order.
        track: its name.
        end: its last tick, where notes end that nothing ends.
        programs: the instrument of each channel, which changes of program change.
    """
    programs = {} if programs is None else programs
    sounding: dict[tuple[int, int], tuple[int, int, int]] = {}
    notes: list[TrackNote] = []

    def stop(key: tuple[int, int], tick: int, is_endless: bool = False) -> None:
        start, velocity, program = sounding.pop(key)
        notes.append(TrackNote(start, tick, key[1], velocity, key[0], program, track, is_endless))

    for event in events:
        if event.kind == "program_change":
            programs[event.channel] = event.first
            continue
        key = (event.channel, event.first)
        if key in sounding:
            stop(key, event.tick)
        if event.kind == "note_on" and event.second > 0:
            sounding[key] = (event.tick, event.second, programs.get(event.channel, 0))
    for key in list(sounding):
        stop(key, end, is_endless=True)
    return notes

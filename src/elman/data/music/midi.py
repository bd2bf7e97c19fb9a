"""Read and write MIDI files (.mid): what mido would read wrongly is checked here first, or refused with the reason.

A file of type 0 or 1 is one piece, of type 2 a piece for each track. Times in seconds (SMPTE) have no beats, so they
are refused. A file that is wrapped as RMID is unwrapped. It needs mido: `pip install 'elman[compose]'`.

>>> raw = write_midi([(60,), (188,), (67,)], Playing(tempo=90), grid=16)
>>> [piece.frames for piece in parse_midi(raw, "a.mid", MidiChoice(grid=16)).pieces]
[((60,), (188,), (67,))]
"""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from elman.data.files import read_whole
from elman.data.music.instruments import DRUM_CHANNEL, family_of
from elman.data.music.midi_notes import Event, TrackNote, collect
from elman.data.music.piece import Frame, Piece, Playing, SoundingNote, join_notes, split_notes
from elman.data.signatures import describe_binary
from elman.errors import ConfigError, DataError

SUFFIXES = (".mid", ".midi", ".rmi", ".kar")

_HEADER = 14
_TICKS = 480  # of a quarter note, in files that are written
_MOST_FRAMES = 200_000  # three hours of sixteenths
_TEMPO = 500_000  # microseconds of a quarter note, where a file does not say
_MICROSECONDS = 60_000_000  # of a minute
_SPOKEN = {"note_on": ("note", "velocity"), "note_off": ("note", "velocity"), "program_change": ("program", "program")}


@dataclass(frozen=True)
class MidiChoice:
    """What is read of a MIDI file.

    Attributes:
        grid: frames of a whole note.
        track: read the tracks with this name, or with an instrument of this family; None reads all.
        drums: read the drums, and else all but the drums.
    """

    grid: int = 16
    track: str | None = None
    drums: bool = False


@dataclass(frozen=True)
class ParsedMidi:
    """What a MIDI file holds.

    Attributes:
        pieces: those with a note that was chosen.
        notes: how many notes were chosen.
        between: how many of them start between two frames of the grid, by more than a quarter of a frame.
        endless: how many of them the file does not end.
        names: of its tracks, and the families of their instruments.
        has_drums: whether a note is played on drums.
    """

    pieces: list[Piece]
    notes: int
    between: int
    endless: int
    names: list[str]
    has_drums: bool


def require_mido() -> ModuleType:
    """Return the library that reads MIDI.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import mido
    except ImportError:
        raise ConfigError("MIDI needs mido. Install it: pip install 'elman[compose]'.") from None
    found: ModuleType = mido
    return found


def read_midi(path: Path, choice: MidiChoice) -> ParsedMidi:
    """Read a MIDI file.

    Raises:
        DataError: it is missing, damaged, or of a form that has no beats.
        ConfigError: mido is not installed.
    """
    return parse_midi(read_whole(path), str(path), choice)


def parse_midi(raw: bytes, where: str, choice: MidiChoice) -> ParsedMidi:
    """Read the bytes of a MIDI file.

    Args:
        raw: all of them.
        where: its name in messages.
        choice: what is read.

    Raises:
        DataError, ConfigError: see :func:`read_midi`.
    """
    raw = _unwrap(raw, where)
    kind, ticks = _check_header(raw, where)
    mido = require_mido()
    try:
        tracks = mido.MidiFile(file=io.BytesIO(raw)).tracks
    except EOFError:
        raise DataError(f"{where} is cut off: a track ends before its length. Copy it again.") from None
    except Exception as error:  # noqa: BLE001 - mido raises whatever its decoders raise
        reason = " ".join(str(error).split()).rstrip(".")[:100] or type(error).__name__
        raise DataError(f"{where} is damaged, or no MIDI file: {reason}. Export it again.") from None
    groups = [[track] for track in tracks] if kind == 2 else [tracks]
    found: list[TrackNote] = []
    chosen: list[TrackNote] = []
    pieces: list[Piece] = []
    between = 0
    for number, group in enumerate(groups, start=1):
        notes, meter = _collect_all(group)
        mine = [note for note in notes if note.is_drum == choice.drums]
        mine = mine if choice.track is None else [note for note in mine if note.is_on(choice.track)]
        found += notes
        chosen += mine
        between += sum(_is_between(note.start, choice.grid, ticks) for note in mine)
        if mine:
            name = where if len(groups) == 1 else f"{where} track {number}"
            pieces.append(_on_grid(mine, meter, ticks, choice, name))
    names = {note.track for note in found if note.track}
    names |= {family_of(note.program) for note in found if not note.is_drum}
    endless = sum(note.is_endless for note in chosen)
    has_drums = any(note.is_drum for note in found)
    return ParsedMidi(pieces, len(chosen), between, endless, sorted(names), has_drums)


def write_midi(frames: Sequence[Frame], playing: Playing, grid: int, since: Sequence[int] = ()) -> bytes:
    """Return frames as a MIDI file of one track.

    Args:
        frames: what sounds.
        playing: tempo, time signature, instrument and velocities.
        grid: frames of a whole note; it divides 1920.
        since: for each frame, how many there were since its bar started; by default the first is the start of a bar.

    Raises:
        ConfigError: mido is not installed.
    """
    mido = require_mido()
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=round(_MICROSECONDS / playing.tempo)))
    track.append(mido.MetaMessage("time_signature", numerator=playing.beats, denominator=playing.unit))
    channel = DRUM_CHANNEL if playing.drums else 0
    if not playing.drums:
        track.append(mido.Message("program_change", channel=channel, program=playing.program))
    a_frame = 4 * _TICKS // grid
    events: list[tuple[int, int, int, int]] = []  # the ends of a tick come before its starts
    for start, end, pitch in split_notes(frames):
        loudness = playing.velocity(since[start] if since else start % (grid * playing.beats // playing.unit or 1))
        events += [(start * a_frame, 1, pitch, loudness), (end * a_frame, 0, pitch, 0)]
    before = 0
    for tick, starts, pitch, loudness in sorted(events, key=lambda event: (event[0], event[1], -event[2])):
        name = "note_on" if starts else "note_off"
        track.append(mido.Message(name, channel=channel, note=pitch, velocity=loudness, time=tick - before))
        before = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, len(frames) * a_frame - before)))
    written = io.BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=_TICKS, tracks=[track]).save(file=written)
    return written.getvalue()


def _unwrap(raw: bytes, where: str) -> bytes:
    """Return the MIDI file within an RMID file; any other as it is."""
    if not (raw.startswith(b"RIFF") and raw[8:12] == b"RMID"):
        return raw
    at = 12
    while at + 8 <= len(raw):
        name, (size,) = raw[at : at + 4], struct.unpack("<I", raw[at + 4 : at + 8])
        if name == b"data":
            return raw[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise DataError(f"{where} is an RMID file without a MIDI file in it. Export it again.")


def _check_header(raw: bytes, where: str) -> tuple[int, int]:
    """Return the type and the ticks of a quarter note.

    Raises:
        DataError: it is no MIDI file, is cut off, or has no such ticks.
    """
    if not raw.startswith(b"MThd"):
        what = describe_binary(raw)
        raise DataError(f"{where} is no MIDI file{f': it is {what}' if what else ''}. Name a .mid file.")
    if len(raw) < _HEADER:
        raise DataError(f"{where} is cut off: it ends within its header. Copy it again.")
    size, kind, tracks, division = struct.unpack(">IHHH", raw[4:_HEADER])
    if kind > 2:
        raise DataError(f"{where} is of MIDI type {kind}, and there are 0, 1 and 2. It is damaged: export it again.")
    if division & 0x8000:
        raise DataError(
            f"{where} counts time in frames of film (SMPTE), which have no beats or bars. Export it with ticks per "
            "quarter note."
        )
    if not division:
        raise DataError(f"{where} has 0 ticks per quarter note, so no note has a time. Export it again.")
    at, there = 8 + size, 0
    while at + 8 <= len(raw):
        (length,) = struct.unpack(">I", raw[at + 4 : at + 8])
        if raw[at : at + 4] == b"MTrk" and at + 8 + length <= len(raw):
            there += 1
        at += 8 + length
    if there < tracks:
        raise DataError(
            f"{where} is cut off: {there} of the {tracks} tracks that its header names are whole. Copy it again."
        )
    return kind, division


@dataclass(frozen=True)
class _Meter:
    """The time signatures of a piece as (tick, upper, lower), and its tempo."""

    signatures: list[tuple[int, int, int]]
    tempo: float


def _collect_all(tracks: Sequence[Any]) -> tuple[list[TrackNote], _Meter]:
    """Collect the notes of tracks that sound together, and their meter."""
    programs: dict[int, int] = {}
    for track in tracks:
        for message in track:
            if message.type == "program_change":
                programs.setdefault(message.channel, message.program)
    notes: list[TrackNote] = []
    tempos = {0: _TEMPO}
    signatures = {0: (4, 4)}
    end = 0
    for track in tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo" and message.tempo:
                tempos[tick] = message.tempo
            elif message.type == "time_signature" and message.numerator:
                signatures[tick] = (message.numerator, message.denominator)
        end = max(end, tick)
        notes += collect(_events_of(track), track.name, tick, dict(programs))
    lasting: dict[int, int] = {}
    for (start, one), (stop, _) in pairwise([*sorted(tempos.items()), (max(end, 1), 0)]):
        lasting[one] = lasting.get(one, 0) + max(0, stop - start)
    tempo = _MICROSECONDS / max(lasting, key=lambda one: (lasting[one], one))
    return notes, _Meter([(tick, *signature) for tick, signature in sorted(signatures.items())], tempo)


def _events_of(track: Any) -> Iterator[Event]:
    tick = 0
    for message in track:
        tick += message.time
        if message.type in _SPOKEN:
            first, second = (getattr(message, name) for name in _SPOKEN[message.type])
            yield Event(tick, message.type, message.channel, first, second)


def _to_frame(tick: int, grid: int, ticks: int) -> int:
    """Return the nearest frame; the later of two that are as near."""
    return (2 * tick * grid + 4 * ticks) // (8 * ticks)


def _is_between(tick: int, grid: int, ticks: int) -> bool:
    """Check whether a tick is more than a quarter of a frame away from the nearest frame."""
    return 4 * abs(tick * grid - 4 * ticks * _to_frame(tick, grid, ticks)) > 4 * ticks


def _on_grid(notes: Sequence[TrackNote], meter: _Meter, ticks: int, choice: MidiChoice, where: str) -> Piece:
    """Put notes on the grid, from the bar of the first note to the end of the last."""
    grid = choice.grid
    placed = []
    for note in notes:
        start = _to_frame(note.start, grid, ticks)
        end = max(start + 1, _to_frame(note.end, grid, ticks))
        if end > _MOST_FRAMES:
            raise DataError(
                f"{where} goes on for {end:,} frames of the grid, and at most {_MOST_FRAMES:,} are read. It is "
                "damaged, or several pieces: cut it."
            )
        placed.append(SoundingNote(start, end, note.pitch, note.velocity))
    length = max(note.end for note in placed)
    since, until = count_bars(
        [(_to_frame(tick, grid, ticks), upper, lower) for tick, upper, lower in meter.signatures], length, grid
    )
    first = min(note.start for note in placed)
    first -= since[first]
    moved = [SoundingNote(one.start - first, one.end - first, one.pitch, one.velocity) for one in placed]
    since, until = since[first:], until[first:]
    playing = _describe_playing(notes, moved, since, meter, choice)
    return Piece(where, join_notes(moved, length - first), since, until, playing=playing)


def count_bars(
    signatures: Sequence[tuple[int, int, int]], length: int, grid: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Count for each frame those since its bar started, and those until the next one starts.

    Args:
        signatures: (frame, upper, lower) of each time signature, ascending, the first at frame 0.
        length: number of frames.
        grid: frames of a whole note. A bar that is no whole number of frames starts with the next frame.

    >>> count_bars([(0, 3, 4)], 5, 4)
    ((0, 1, 2, 0, 1), (3, 2, 1, 3, 2))
    """
    since, until = [], []
    for (start, upper, lower), (stop, *_) in pairwise([*signatures, (length, 0, 0)]):
        for frame in range(start, min(stop, length)):
            gone = (frame - start) * lower % (grid * upper)
            since.append(gone // lower)
            until.append(-(-(grid * upper - gone) // lower))
    return tuple(since), tuple(until)


def _describe_playing(
    notes: Sequence[TrackNote], placed: Sequence[SoundingNote], since: Sequence[int], meter: _Meter, choice: MidiChoice
) -> Playing:
    programs = [note.program for note in notes]
    program = max(sorted(set(programs)), key=programs.count)
    signature = [(upper, lower) for tick, upper, lower in meter.signatures if tick <= notes[0].start][-1]
    loud: dict[int, list[int]] = {}
    for note in placed:
        loud.setdefault(since[note.start], []).append(note.velocity)
    velocities = tuple(
        round(sum(loud[place]) / len(loud[place])) if place in loud else 0 for place in range(max(loud) + 1)
    )
    return Playing(meter.tempo, *signature, program, velocities, choice.drums)

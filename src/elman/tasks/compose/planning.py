"""PiecePlan what is composed: so many bars, perhaps behind a primer, or what is below a melody."""

import itertools

from elman.data.music.midi import count_bars
from elman.data.music.piece import HELD, PITCHES, Frame, Piece, Playing
from elman.errors import ConfigError, DataError
from elman.tasks.compose.composing import PiecePlan, Playable
from elman.tasks.compose.layout import MusicLayout

_MOST_BARS = 1000
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def name_pitch(pitch: int) -> str:
    """Name a pitch; 60 is C4.

    >>> name_pitch(60), name_pitch(46)
    ('C4', 'A#2')
    """
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def plan_bars(bars: int, primer: Piece | None, music: MusicLayout, playing: Playing) -> PiecePlan:
    """PiecePlan so many bars: behind a primer in its time signature, else in that of the pieces that were learnt.

    A bar that the primer has begun is completed first.

    Raises:
        ConfigError: `bars` is below 1, or very large.
        DataError: the primer does not fit the model.
    """
    if not 1 <= bars <= _MOST_BARS:
        raise ConfigError(f"bars is {bars}. Compose from 1 to {_MOST_BARS} of them.")
    given = () if primer is None else fit_frames(primer, music)
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = ()
    begun = left = 0
    if primer is not None and len(primer):
        playing = primer.playing if music.onsets else playing
        since, until = primer.since, primer.until
        begun, left = (0, 0) if until[-1] == 1 else (since[-1] + 1, until[-1] - 1)
    a_bar = -(-music.grid * playing.beats // playing.unit)
    length = begun + left + bars * a_bar
    more_since, more_until = count_bars([(0, playing.beats, playing.unit)], length, music.grid)
    return PiecePlan(given, since + more_since[begun:], until + more_until[begun:], None, playing, music.grid)


def plan_melody(melody: Piece, music: MusicLayout, playing: Playing, limits: Playable | None) -> PiecePlan:
    """PiecePlan what is below a melody; where it rests, all notes are below its last one.

    Raises:
        DataError: two notes sound at a time, none does, or one is outside what the model has learnt or can be played.
    """
    frames = fit_frames(melody, music)
    chord = next((place for place, frame in enumerate(frames) if len(frame) > 1), None)
    if chord is not None:
        names = ", ".join(name_pitch(note % HELD) for note in frames[chord])
        raise DataError(
            f"{melody.where} has several notes at a time in bar {number_of_bar(melody.since, chord)} ({names}), and a "
            "melody has one. Give its highest voice alone, or choose it with the option track."
        )
    pitches = [note % HELD for frame in frames for note in frame]
    if not pitches:
        raise DataError(f"{melody.where} has no notes to harmonise. Give a melody.")
    lowest, highest = music.lowest, music.highest
    if limits is not None:
        lowest, highest = max(lowest, limits.lowest), min(highest, limits.highest)
    for pitch, fits in ((min(pitches), min(pitches) >= lowest), (max(pitches), max(pitches) <= highest)):
        if not fits:
            raise DataError(
                f"{melody.where} has the note {name_pitch(pitch)}, outside {name_pitch(lowest)} to "
                f"{name_pitch(highest)}, what the model has learnt{'' if limits is None else ' and a guitar plays'}. "
                "Transpose it."
            )
    tops: list[tuple[int | None, int]] = []
    bound = PITCHES
    for frame in frames:
        if frame:
            bound = frame[0] % HELD
        tops.append((frame[0] if frame else None, bound))
    played = melody.playing if music.onsets else playing
    return PiecePlan((), melody.since, melody.until, tops, played, music.grid)


def fit_frames(piece: Piece, music: MusicLayout) -> tuple[Frame, ...]:
    """Return the frames of a piece in the form of a model's.

    Raises:
        DataError: the model tells notes that start from those that go on, and the piece does not.
    """
    if music.onsets == piece.onsets:
        return piece.frames
    if music.onsets:
        raise DataError(
            f"{piece.where} is a piano roll, which does not say where notes start, and the model was trained on MIDI. "
            "Give a MIDI file."
        )
    return tuple(piece.pitches(place) for place in range(len(piece)))


def number_of_bar(since: tuple[int, ...], place: int) -> int:
    """Return the number of the bar of a frame, from 1."""
    return sum(now <= before for before, now in itertools.pairwise(since[: place + 1])) + 1

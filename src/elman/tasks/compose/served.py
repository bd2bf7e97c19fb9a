"""A model of music, as the server uses it: pieces that it composes, and MIDI files that it continues or harmonises.

A row is a piece that is wanted, and says nothing: what is wanted stands in the options.

>>> from elman.tasks.compose.served import MusicOptions
>>> MusicOptions(bars=4).temperature
1.0
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elman.data.music.midi import require_mido, write_midi
from elman.data.music.piece import split_notes
from elman.errors import ConfigError, DataError
from elman.options import OptionTable, option
from elman.tasks.compose.commands import describe_piece, read_piece
from elman.tasks.compose.composing import Composition
from elman.tasks.compose.model import BARS, TrainedComposer
from elman.tasks.compose.settings import SOUNDS
from elman.tasks.compose.sound import as_wav, play_music
from elman.tasks.compose.tablature import GUITAR, write_tab
from elman.tasks.serving import Sent, Service

_MOST_PIECES = 8
_FILES = (".mid", ".midi")


@dataclass(frozen=True, kw_only=True)
class MusicOptions(OptionTable):
    """The options of a request for music."""

    bars: int | None = option(None, "bars to compose; 16 by default", least=1, most=200)
    harmonise: bool = option(False, "the file is a melody: write all other notes below it")
    without_primer: bool = option(False, "leave the beginning that was sent out of what is written")
    track: str | None = option(None, "the tracks of the file that are read; all by default")
    given: str | None = option(None, "the class to write as, if the model has classes")
    temperature: float = option(
        1.0, "below 1 more predictable, above 1 more varied; 0 takes always the likeliest", least=0
    )
    top_k: int | None = option(None, "draw each note from the K likeliest only", least=1)
    top_p: float | None = option(
        None, "draw each note from the likeliest whose probabilities sum to P", above=0, most=1
    )
    min_p: float | None = option(
        None, "draw each note from what is at least P times as likely as the likeliest", least=0, most=1
    )
    seed: int | None = option(
        None, "same seed, same piece; of several rows each has the next seed", least=0, below=2**63 - _MOST_PIECES
    )
    tab: bool = option(False, "add a tablature for guitar, and write only what it can play")
    sound: str | None = option(None, "add the sound of it, as .wav", choices=SOUNDS)


@dataclass(frozen=True)
class _Wanted:
    """A piece that is wanted: its number in the request, and the file that was sent with it."""

    number: int
    sent: Sent


def serve(trained: TrainedComposer) -> Service:
    """Serve a model of music.

    Raises:
        ConfigError: mido is not installed, which writes MIDI.
    """
    require_mido()

    def read(sent: Sent) -> list[_Wanted]:
        rows = [{}] if sent.rows is None else sent.rows
        wrong = next((name for row in rows for name in row), None)
        if wrong is not None:
            raise DataError(
                f"row 1 has {str(wrong)[:40]!r}, and a row is an empty object. Put what is wanted in options."
            )
        if len(rows) > _MOST_PIECES:
            raise DataError(f"{len(rows):,} pieces are asked for, and {_MOST_PIECES} are allowed. Ask again for more.")
        return [_Wanted(number, sent) for number in range(len(rows))]

    def answer(wanted: Sequence[_Wanted], options: MusicOptions) -> list[dict[str, Any]]:
        return [_describe(_compose(trained, one, options), options) for one in wanted]

    layout = trained.music
    return Service(
        page="music",
        read=read,
        answer=answer,
        rows=[{}],
        files=_FILES,
        options=MusicOptions,
        facts={
            "classes": list(layout.classes),
            "given": layout.given,
            "bars": BARS,
            "drums": layout.drums,
            "reads_midi": layout.onsets,
        },
    )


def _compose(trained: TrainedComposer, wanted: _Wanted, options: MusicOptions) -> Composition:
    """Compose one piece.

    Raises:
        ConfigError: two options contradict each other.
        DataError: the file is no music, or does not fit the model.
    """
    sent, primer, melody = wanted.sent, None, None
    if trained.music.drums and (options.tab or options.sound):
        raise ConfigError("This model writes drums, which have no pitches. Leave tab and sound out.")
    if sent.rows is not None and (options.harmonise or options.without_primer or options.track):
        raise ConfigError("harmonise, without_primer and track are for a file. Send one, .mid, in a form.")
    sent.check_steps((options.bars or BARS) * trained.music.grid, "The piece")
    if sent.rows is None:
        with sent.in_file() as path:
            piece, _ = read_piece(trained, path, options.track)
        sent.check_steps(len(piece), sent.name)
        primer, melody = (None, piece) if options.harmonise else (piece, None)
    return trained.compose(
        bars=options.bars,
        primer=primer,
        melody=melody,
        given=options.given,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        seed=None if options.seed is None else options.seed + wanted.number,
        limits=GUITAR if options.tab else None,
    )


def _describe(composed: Composition, options: MusicOptions) -> dict[str, Any]:
    """Return a piece as plain data: its figures, its notes in seconds, and its files in base64."""
    plan = composed.plan
    left_out = len(plan.given) if options.without_primer else 0
    frames, since = composed.frames[left_out:], plan.since[left_out:]
    a_frame = 240 / (plan.playing.tempo * plan.grid)  # seconds
    found: dict[str, Any] = {
        **describe_piece(composed, frames, since),
        "given_seconds": (len(plan.given) - left_out) * a_frame,
        "roll": [
            {"start": round(start * a_frame, 6), "seconds": round((end - start) * a_frame, 6), "pitch": pitch}
            for start, end, pitch in split_notes(frames)
        ],
        "midi": _encode(write_midi(frames, plan.playing, plan.grid, since)),
    }
    if options.tab:
        found["tab"] = write_tab(frames, since, plan.grid).text
    if options.sound:
        found["wav"] = _encode(as_wav(play_music(frames, plan.playing, plan.grid, since, options.sound)))
    return found


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")

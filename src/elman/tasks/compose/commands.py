"""The commands of a model of music: summarise a training, evaluate, and compose."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elman.data.music.midi import MidiChoice, write_midi
from elman.data.music.opening import open_music
from elman.data.music.piece import Frame, Piece, split_notes
from elman.errors import ConfigError, DataError, ElmanError
from elman.models.finite import as_json
from elman.paths import check_path
from elman.phrases import counted, format_duration
from elman.scores.picture_files import check_format
from elman.tasks.compose.composing import Composition
from elman.tasks.compose.copied import find_copied
from elman.tasks.compose.model import TrainedComposer, load
from elman.tasks.compose.picture import draw_roll
from elman.tasks.compose.planning import number_of_bar
from elman.tasks.compose.scores import MusicScores
from elman.tasks.compose.settings import CompositionOptions
from elman.tasks.compose.sound import as_wav, play_music
from elman.tasks.compose.tablature import GUITAR, write_tab
from elman.tasks.compose.view import read_again
from elman.tasks.contract import Evaluated, Request, Rows, Score, verdict_of
from elman.training.progress import show_bar
from elman.writing import write_whole

_MIDI, _WAV = (".mid", ".midi"), ".wav"


def summarise(model: TrainedComposer) -> Rows:
    """Return the loss on the pieces held out, and the verdict."""
    found = model.metrics["validation"]
    low, high = found["interval"]
    said = MusicScores(found["nats"], (low, high), found["accuracy"], found["frames"], found["pieces"]).said()
    return [("validation", said), *verdict_of(model)]


def validation_score(model: TrainedComposer) -> Score:
    """Return the loss on the pieces held out."""
    return Score("nats a frame", model.metrics["validation"]["nats"], lower=True)


def next_command(model: TrainedComposer, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Return the command that composes."""
    given = f" --given {model.music.given}={model.music.classes[0]}" if model.music.classes else ""
    return f"elman compose {path}{given} -o new.mid"


def evaluate(request: Request) -> Evaluated:
    """Score the model on pieces."""
    trained = load(request.model)
    music = read_again(trained, request.data)
    with show_bar("frames", request.quiet) as on_progress:
        scores = trained.evaluate(music.pieces, on_progress)
    low, high = scores.interval
    rows = [
        ("loss", f"{scores.nats:.4f} nats a frame (95 % interval {low:.3f} to {high:.3f})"),
        ("accuracy", f"{scores.accuracy:.1%} of notes"),
        ("frames", f"{scores.frames:,} of {scores.pieces:,} pieces"),
    ]
    warning = None if scores.overlap is None else scores.overlap.warn("pieces", "other pieces")
    return Evaluated(scores.to_dict(), [[*rows, *([("", warning)] if warning else [])]])


def compose(request: Request) -> Iterator[str]:
    """Compose, write the files, and yield what is printed."""
    options: CompositionOptions = request.options
    output = None if options.output is None else _check_output(options.output)
    picture = None if options.picture is None else check_format(options.picture)
    trained = load(request.model)
    if trained.music.drums and (options.tab or (output is not None and output.suffix.lower() == _WAV)):
        raise ConfigError(f"{request.model} writes drums, which have no pitches. Write a .mid.")
    primer, melody = (_read_one(trained, path, request) for path in (options.primer, options.harmonise))
    learnt = None if options.report is None else _read_learnt(trained, options.report)
    composed = trained.compose(
        bars=options.bars,
        primer=primer,
        melody=melody,
        given=options.given,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        seed=options.seed,
        limits=GUITAR if options.tab else None,
    )
    left_out = len(composed.plan.given) if options.without_primer else 0
    frames, since = composed.frames[left_out:], composed.plan.since[left_out:]
    if not any(composed.written):
        request.note("Nothing sounds in what was composed. Raise the temperature, or take another seed.")
    grid, playing = composed.plan.grid, composed.plan.playing
    if output is not None:
        wants_sound = output.suffix.lower() == _WAV
        _write(
            output,
            as_wav(play_music(frames, playing, grid, since, options.sound))
            if wants_sound
            else write_midi(frames, playing, grid, since),
        )
    if picture is not None:
        given = set() if melody is None else {(start, pitch) for start, _, pitch in split_notes(melody.frames)}
        draw_roll(frames, since, picture, primer=len(composed.plan.given) - left_out, melody=given)
    yield from _describe(composed, frames, since, learnt, request)


def _describe(
    composed: Composition, frames: Any, since: Sequence[int], learnt: Sequence[Piece] | None, request: Request
) -> Iterator[str]:
    """Yield the tablature, what was composed, and what is copied."""
    options: CompositionOptions = request.options
    facts: dict[str, Any] = {}
    lines: list[str] = []
    if options.tab:
        tab = write_tab(frames, since, composed.plan.grid)
        facts["tab"] = tab.text
        lines += [tab.text, ""]
        if tab.left_out:
            request.note(f"{counted(tab.left_out, 'note')} left out of the tablature: no string is free for them.")
    facts |= describe_piece(composed, frames, since)
    length = f"{counted(facts['bars'], 'bar')}, {counted(facts['notes'], 'note')}, {format_duration(facts['seconds'])}"
    lines.append(f"{options.output or 'composed'}: {length}; --seed {composed.seed}")
    if learnt is not None:
        found = find_copied(composed.written, learnt)
        offset = len(composed.plan.given)
        if found is None:
            facts["copied"] = None
            lines.append("copied: nothing")
        else:
            bar = number_of_bar(composed.plan.since, offset + found.start)
            source = next(piece for piece in learnt if piece.where == found.where)
            there = number_of_bar(source.since, found.at)
            facts["copied"] = {
                "notes": found.notes,
                "frames": found.length,
                "bar": bar,
                "where": found.where,
                "there": there,
                "semitones": found.shift,
            }
            key = f", {abs(found.shift)} semitones {'higher' if found.shift > 0 else 'lower'}" if found.shift else ""
            lines.append(
                f"copied: at most {counted(found.notes, 'note')} in a row ({found.length} frames from bar {bar}), from "
                f"bar {there} of {found.where}{key}"
            )
    if request.json:
        yield as_json(facts) + "\n"
    else:
        yield "\n".join(lines) + "\n"


def describe_piece(composed: Composition, frames: Sequence[Frame], since: Sequence[int]) -> dict[str, Any]:
    """Return the figures of what was composed as plain data; `frames` are those that are written."""
    return {
        "bars": number_of_bar(tuple(since), len(since) - 1),
        "notes": len(split_notes(frames)),
        "seconds": len(frames) * 240 / (composed.plan.playing.tempo * composed.plan.grid),
        "seed": composed.seed,
        "log_p": composed.log_p,
    }


def _check_output(path: str) -> Path:
    """Return the path of the file to write, refused before any work where it could not be written.

    Raises:
        ConfigError: it has another ending, its folder is missing, or it is a folder.
    """
    output = check_path(path, "the output")
    if output.suffix.lower() not in (*_MIDI, _WAV):
        raise ConfigError(f"{output} is written as no music. End it in .mid, or in .wav to listen to it.")
    if not output.absolute().parent.is_dir():
        raise ConfigError(f"{output}: the folder {output.parent} does not exist. Make it, or choose another place.")
    if output.is_dir():
        raise ConfigError(f"{output} is a folder. Name a file in it.")
    return output


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise ElmanError(f"{path} cannot be written: {error.strerror}. Check the folder.") from None


def _read_one(trained: TrainedComposer, path: str | None, request: Request) -> Piece | None:
    """Read a primer or a melody."""
    if path is None:
        return None
    piece, notes = read_piece(trained, path, request.options.track)
    for note in notes:
        request.note(note)
    return piece


def read_piece(trained: TrainedComposer, path: str | Path, track: str | None) -> tuple[Piece, Sequence[str]]:
    """Read the one piece of a file on the grid of a model; return it, and what is to be said about it.

    Raises:
        DataError: the file cannot be read, or does not hold one piece.
    """
    read = open_music([path], MidiChoice(trained.music.grid, track, trained.music.drums))
    pieces = [piece for part in read.parts.values() for piece in part]
    if len(pieces) > 1:
        raise DataError(f"{path} holds {len(pieces):,} pieces. Give a file with one.")
    return pieces[0], read.notes[1:]


def _read_learnt(trained: TrainedComposer, path: str) -> list[Piece]:
    layout = trained.music
    read = open_music([path], layout.choice, classes=bool(layout.classes))
    return read.parts.get("train", next(iter(read.parts.values())))

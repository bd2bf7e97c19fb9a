"""Open music: MIDI files, piano rolls, and folders of them, and say what was inferred.

>>> open_music(["nowhere.mid"], MidiChoice())  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: nowhere.mid does not exist. Check the path; the current folder is ...
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from elman.data.examples.opening import check_paths
from elman.data.files import name_files
from elman.data.music import midi, rolls
from elman.data.music.midi import MidiChoice, ParsedMidi, read_midi
from elman.data.music.piece import MusicSet, Piece
from elman.data.music.rolls import PARTS, read_rolls
from elman.data.text import Source, as_sources
from elman.errors import DataError
from elman.paths import check_path
from elman.phrases import counted, name_some

SUFFIXES = (*midi.SUFFIXES, *rolls.SUFFIXES)
_MUCH = 0.02  # of the notes, above which those between two frames are mentioned


def open_music(paths: Source | Sequence[Source], choice: MidiChoice, *, classes: bool = False) -> MusicSet:
    """Read pieces of music.

    Args:
        paths: files, or folders, which are read with all folders in them.
        choice: the grid, and what is read of MIDI files.
        classes: the name of a file's folder is its class; there is one folder, with a folder for each class.

    Raises:
        DataError: a file cannot be read or holds no notes; there is none; some are piano rolls and others MIDI; there
            are fewer than two classes.
        ConfigError: there are MIDI files, and mido is not installed.
    """
    given = [check_path(path, "the data") for path in as_sources(paths)]
    check_paths(given)
    files = _list_classes(given) if classes else [(file, None) for path in given for file in _list_files(path)]
    parts: dict[str, list[Piece]] = {}
    parsed: list[tuple[Path, ParsedMidi]] = []
    for file, name in files:
        if file.suffix.lower() in rolls.SUFFIXES:
            found = read_rolls(file, choice.grid)
        else:
            parsed.append((file, read_midi(file, choice)))
            found = {"": parsed[-1][1].pieces}
        for part, pieces in found.items():
            parts.setdefault(part, []).extend(dataclasses.replace(piece, given=name) for piece in pieces)
    _require_notes(files, parsed, choice)
    pieces = [piece for part in parts.values() for piece in part]
    other = next((piece for piece in pieces if piece.onsets != pieces[0].onsets), None)
    if other is not None:
        roll, song = (pieces[0], other) if other.onsets else (other, pieces[0])
        raise DataError(f"{roll.where} is a piano roll, and {song.where} is MIDI. Give one kind at a time.")
    if "" in parts and len(parts) > 1:
        named = name_some(sorted(filter(None, parts)))
        raise DataError(
            f"{parts[''][0].where} is in no part of a data set, and others are in {named}. "
            f"Begin all names with one of {', '.join(PARTS)}, or none."
        )
    if not pieces[0].onsets and choice.track is not None:
        raise DataError(f"track is {choice.track!r}, and piano rolls have no tracks. Drop it.")
    return MusicSet(name_files(given, "paths"), parts, _describe(given, parts, parsed, choice))


def _list_files(path: Path) -> list[Path]:
    """Return the files of music in a folder, or a file itself."""
    if not path.is_dir():
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path} is no music: its ending is none of {', '.join(SUFFIXES)}. Name MIDI files.")
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in midi.SUFFIXES and file.is_file() and not file.name.startswith(".")
    )
    if not found:
        raise DataError(f"{path} has no MIDI file ({', '.join(midi.SUFFIXES)}) in it. Name another folder, or files.")
    return found


def _list_classes(paths: Sequence[Path]) -> list[tuple[Path, str | None]]:
    """Return the files of the folders in a folder, each with the name of its folder."""
    if len(paths) != 1 or not paths[0].is_dir():
        raise DataError("given names what the folders in one folder are, and the data are not one folder. Give one.")
    folders = sorted(entry for entry in paths[0].iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(folders) < 2:
        raise DataError(
            f"{paths[0]} has {counted(len(folders), 'folder')} in it. With given, each class is a folder of MIDI files "
            "in it: make two or more, or drop given."
        )
    return [(file, folder.name) for folder in folders for file in _list_files(folder)]


def _require_notes(
    files: Sequence[tuple[Path, str | None]], parsed: Sequence[tuple[Path, ParsedMidi]], choice: MidiChoice
) -> None:
    """Refuse MIDI files of which nothing is chosen: one that is named, or all of several."""
    if not parsed or len(parsed) < len(files) or any(one.pieces for _, one in parsed):
        return
    path = parsed[0][0]
    what = str(path) if len(parsed) == 1 else f"None of {len(parsed):,} MIDI files"
    has_drums = any(one.has_drums for _, one in parsed)
    names = sorted({name for _, one in parsed for name in one.names})
    if choice.track is not None and names:
        raise DataError(
            f"{what} has notes on a track or instrument {choice.track!r}. There are: {name_some(names)}. Choose one."
            if len(parsed) > 1
            else f"{what} has no notes on a track or instrument {choice.track!r}. There are: {name_some(names)}."
        )
    have = "has" if len(parsed) > 1 else "has no"
    if choice.drums:
        raise DataError(f"{what} {have} notes of drums (channel 10). Drop drums, or give other files.")
    if has_drums:
        raise DataError(f"{what} {have} notes but those of drums. Learn these with drums, or give other files.")
    raise DataError(f"{what} {have} notes. Give other files.")


def _describe(
    given: Sequence[Path], parts: dict[str, list[Piece]], parsed: Sequence[tuple[Path, ParsedMidi]], choice: MidiChoice
) -> list[str]:
    pieces = [piece for part in parts.values() for piece in part]
    frames = sum(map(len, pieces))
    named = f" ({', '.join(f'{part} {len(those):,}' for part, those in parts.items())})" if "" not in parts else ""
    read = f"{counted(len(pieces), 'piece')}{named}, {frames:,} frames, {choice.grid} in a whole note"
    notes = [f"{name_files(given, 'paths')}: {read}."]
    silent = [path for path, one in parsed if not one.pieces]
    if silent:
        chosen = "on that track" if choice.track is not None else "that are read"
        notes.append(f"{counted(len(silent), 'file')} without notes {chosen} left out, such as {silent[0]}.")
    all_notes = sum(one.notes for _, one in parsed)
    between = sum(one.between for _, one in parsed)
    if between > _MUCH * all_notes:
        notes.append(
            f"{between / all_notes:.0%} of the notes start between two frames of the grid, and go to the nearest "
            "one; a finer grid moves them less."
        )
    endless = sum(one.endless for _, one in parsed)
    if endless:
        first = next(path for path, one in parsed if one.endless)
        notes.append(f"{counted(endless, 'note')} that no event ends, such as in {first}: to the end of the track.")
    return notes

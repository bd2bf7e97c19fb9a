"""Read piano rolls: for each frame, what sounds, without a mark where notes start.

=========  ==========================================================================================================
ending     content
=========  ==========================================================================================================
`.json`    a piece as a list of frames, each a list of MIDI pitches; or a list of pieces
`.npz`     arrays of (frames, 88) keys of a piano, or (frames, 128) pitches, a piece each; not 0 where a note sounds
`.mat`     matrices like those, or cells of them
=========  ==========================================================================================================

A file may hold the parts of a data set: an object with `train`, `valid` and `test` in JSON, variables whose names
begin so in the others.

>>> part_of("traindata"), part_of("validation_3"), part_of("song")
('train', 'valid', '')
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.files import read_whole
from elman.data.formats.numpy_files import open_npz
from elman.data.music.matlab import read_mat
from elman.data.music.midi import count_bars
from elman.data.music.piece import PITCHES, Frame, Piece
from elman.data.text import decode
from elman.errors import DataError

PARTS = ("train", "valid", "test")
_KEYS, _LOWEST = 88, 21  # of a piano

Rolls = dict[str, list[Piece]]


def part_of(name: str) -> str:
    """Return the part of a data set that a name begins with; empty for other names."""
    return next((part for part in PARTS if name.lower().startswith(part)), "")


def read_rolls(path: Path, grid: int) -> Rolls:
    """Read the piano rolls of a file, by their part.

    Args:
        path: the file.
        grid: frames of a whole note, which is a bar.

    Raises:
        DataError: it is missing, damaged, or holds no piano rolls.
    """
    found: Rolls = {}
    for name, frames in _READERS[path.suffix.lower()](path):
        part = part_of(name)
        pieces = found.setdefault(part, [])
        if frames:
            where = f"{path}, {part or 'piece'} {len(pieces) + 1}"
            since, until = count_bars([(0, 4, 4)], len(frames), grid)
            pieces.append(Piece(where, tuple(frames), since, until, onsets=False))
    if not any(found.values()):
        raise DataError(f"{path} has no piece with a frame. Give it one.")
    return {part: pieces for part, pieces in found.items() if pieces}


def _read_json(path: Path) -> Iterator[tuple[str, list[Frame]]]:
    try:
        data = json.loads(decode(read_whole(path), str(path)))
    except (json.JSONDecodeError, RecursionError) as error:
        reason = f"{error.msg} at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "it is too deep"
        raise DataError(f"{path} is no JSON: {reason}. Save it again.") from None
    named = data if isinstance(data, dict) else {"": data}
    for name, pieces in named.items():
        where = f"{path}{f', {name}' if name else ''}"
        if not isinstance(pieces, list):
            raise DataError(f"{where} is no list. Give a list of frames, each a list of pitches, or a list of those.")
        is_one = all(isinstance(frame, list) and all(isinstance(note, int) for note in frame) for frame in pieces)
        for number, piece in enumerate([pieces] if is_one else pieces, start=1):
            yield name, _check_frames(piece, f"{where}, piece {number}")


def _check_frames(piece: Any, where: str) -> list[Frame]:
    if not isinstance(piece, list):
        raise DataError(f"{where} is no list of frames. Give each frame as a list of pitches.")
    frames = []
    for number, frame in enumerate(piece, start=1):
        fits = isinstance(frame, list) and all(type(note) is int and 0 <= note < PITCHES for note in frame)
        if not fits:
            raise DataError(
                f"{where}, frame {number} is no list of MIDI pitches from 0 to 127. Write e.g. [60, 67] for a frame."
            )
        frames.append(tuple(sorted(set(frame), reverse=True)))
    return frames


def _read_npz(path: Path) -> Iterator[tuple[str, list[Frame]]]:
    for name, member in open_npz(path).items():
        yield name, _from_matrix(member.load(), f"{path}, array {name}")


def _read_mat(path: Path) -> Iterator[tuple[str, list[Frame]]]:
    for name, value in read_mat(path).items():
        cells = value if isinstance(value, list) else [value]
        for number, matrix in enumerate(cells, start=1):
            where = f"{path}, {name}{f' cell {number}' if isinstance(value, list) else ''}"
            if isinstance(matrix, list):
                raise DataError(f"{where} is a cell in a cell. Save one cell with a matrix for each piece.")
            yield name, _from_matrix(matrix, where)


def _from_matrix(matrix: NDArray[Any], where: str) -> list[Frame]:
    """Return the frames of a piano roll."""
    width = matrix.shape[-1] if matrix.ndim == 2 else 0
    if width not in (_KEYS, PITCHES) or matrix.dtype.kind not in "biuf":
        raise DataError(
            f"{where} has the shape {matrix.shape}. A piano roll has a row for each frame, and {_KEYS} columns (the "
            f"keys of a piano) or {PITCHES} (all pitches)."
        )
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        raise DataError(f"{where} has numbers below 0, or that are none. Write 0 where no note sounds, else 1.")
    lowest = _LOWEST if width == _KEYS else 0
    return [tuple(int(key) + lowest for key in np.flatnonzero(row)[::-1]) for row in matrix]


_READERS: dict[str, Callable[[Path], Iterator[tuple[str, list[Frame]]]]] = {
    ".json": _read_json,
    ".npz": _read_npz,
    ".mat": _read_mat,
}
SUFFIXES: Sequence[str] = tuple(_READERS)

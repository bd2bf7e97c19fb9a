r"""Read utterances from a table: a column names the sound, another holds the transcript.

Names that are usual are found: those of Common Voice (`path`, `sentence`, `client_id`; sounds are in `clips/`), and of
NeMo's manifests, JSON lines in which `offset` and `duration`, in seconds, name a part of a longer sound.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = Path(folder, "a.wav").write_bytes(b"RIFF")
...     path = Path(folder, "manifest.json")
...     _ = path.write_text('{"audio_filepath": "a.wav", "text": "so good", "offset": 2, "duration": 1.5}\n')
...     [one] = read_table(path)[0]
>>> one.transcript, one.start, one.end
('so good', 2.0, 3.5)
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.data.speech.missing import Missing
from elman.data.speech.utterance import Utterance, tidy
from elman.data.tables.header import DELIMITERS
from elman.data.tables.row_index import RowIndex
from elman.data.text import is_number
from elman.errors import DataError
from elman.phrases import name_some

AUDIO = ("audio_filepath", "audio", "path", "file", "file_name", "wav_path")
TEXT = ("text", "sentence", "transcript", "transcription")
SPEAKER = ("speaker", "speaker_id", "client_id")
OFFSET, DURATION = "offset", "duration"

FORMS: Mapping[str, str | None] = {**DELIMITERS, ".json": None}
"""The delimiters of tables by their suffix; a manifest in `.json` has an object a line."""

_CLIPS = "clips"
_MOST_NAMED = 10


def read_table(
    path: Path, *, audio: str | None = None, text: str | None = None, speaker: str | None = None
) -> tuple[list[Utterance], list[str]]:
    """Read the utterances of a table, and notes about it.

    Args:
        path: a `.csv`, `.tsv`, `.jsonl` or a manifest in `.json`.
        audio: the column that names the sound; relative names begin at the table, or in `clips/` beside it.
        text: the column of the transcript.
        speaker: the column of the speaker.

    Raises:
        DataError: the table cannot be read, or a column is not there.
    """
    index = RowIndex([path], FORMS)
    sound, said = (_find(index, path, given, names) for given, names in ((audio, AUDIO), (text, TEXT)))
    who = _find(index, path, speaker, SPEAKER) if speaker or set(SPEAKER) & set(index.names) else None
    missing = Missing()
    utterances = []
    for row, cells in enumerate(index.read(range(len(index)))):
        where = index.where(row)
        file = _resolve(path.parent, _text_of(cells, sound, where).strip())
        if file is None:
            missing.sounds.append(where)
            continue
        start, end = _part_of(cells, where)
        named = _text_of(cells, who, where).strip() or None if who else None
        utterances.append(Utterance(file, tidy(_text_of(cells, said, where)), where, named, start, end))
    read = f"sounds are read from column {sound}, transcripts from {said}" + (f", speakers from {who}" if who else "")
    return utterances, [f"{path}: {read}.", *index.notes, *missing.notes()]


def _find(index: RowIndex, path: Path, given: str | None, usual: Sequence[str]) -> str:
    if given is not None and given not in index.names:
        raise DataError(f"{path} has no column {given!r}. There are: {name_some(index.names, _MOST_NAMED)}.")
    name = given or next((name for name in usual if name in index.names), None)
    if name is None:
        raise DataError(
            f"{path} has no column {', '.join(usual[:-1])} or {usual[-1]}. There are: "
            f"{name_some(index.names, _MOST_NAMED)}. Rename one of them."
        )
    return name


def _text_of(cells: Mapping[str, Any], column: str, where: str) -> str:
    cell = cells[column]
    if not isinstance(cell, str):
        raise DataError(f"{where}, column {column}: a {type(cell).__name__} stands where a text should. Write a text.")
    return cell


def _resolve(folder: Path, name: str) -> Path | None:
    """Return the file that a cell names; None where there is none."""
    places = (folder / name, folder / _CLIPS / name) if name else ()
    return next((place for place in places if place.is_file()), None)


def _part_of(cells: Mapping[str, Any], where: str) -> tuple[float, float | None]:
    """Return the start and the end of a part; a duration alone describes the whole file."""
    offset = str(cells.get(OFFSET, "")).strip()
    if not offset:
        return 0.0, None
    start = parse_seconds(offset, f"{where}, column {OFFSET}")
    duration = str(cells.get(DURATION, "")).strip()
    return start, start + parse_seconds(duration, f"{where}, column {DURATION}") if duration else None


def parse_seconds(text: str, where: str) -> float:
    """Parse a time in seconds.

    Raises:
        DataError: it is no number of at least 0.

    >>> parse_seconds("1.5", "segments line 3")
    1.5
    """
    if not is_number(text) or not 0 <= float(text) < math.inf:
        raise DataError(f"{where}: {text[:40]!r} is no time in seconds. Write a number of at least 0.")
    return float(text)

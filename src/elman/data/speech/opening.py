"""Open speech: recognise its form, read the utterances, and say what was inferred.

==============================================  ======================================================================
path                                            utterances
==============================================  ======================================================================
`.csv`, `.tsv`, `.jsonl`, `.json`               rows (:mod:`elman.data.speech.table`)
a folder with `wav.scp` and `text`              Kaldi (:mod:`elman.data.speech.kaldi`)
a folder with `validated.tsv`                   Common Voice: the rows of that table
a folder with `metadata.csv`                    LJSpeech with `wavs/`, else the rows of that table
a folder with `….trans.txt` below               LibriSpeech (:mod:`elman.data.speech.corpus`)
`.fileids`, a folder with one                   Sphinx (:mod:`elman.data.speech.sphinx`)
any other folder                                sounds with a text beside each
`.npz`                                          frames (:mod:`elman.data.speech.packed`)
==============================================  ======================================================================

>>> open_utterances("nowhere")  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: nowhere does not exist. Check the path; the current folder is ...
"""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from elman.data.examples.arrays import Arrays
from elman.data.examples.opening import check_paths
from elman.data.files import name_files
from elman.data.held import as_path
from elman.data.speech.corpus import (
    LISTS,
    METADATA,
    is_ljspeech,
    read_beside,
    read_librispeech,
    read_ljspeech,
    sounds_in,
)
from elman.data.speech.kaldi import is_kaldi, read_kaldi
from elman.data.speech.packed import read_packed
from elman.data.speech.sphinx import FILES, choose_list, find_lists, read_sphinx
from elman.data.speech.table import FORMS, read_table
from elman.data.speech.utterance import Utterance, UtteranceSet
from elman.data.text import Source
from elman.errors import DataError

_VALIDATED = "validated.tsv"

_Reader = Callable[[Path], tuple[list[Utterance], list[str]]]


def open_utterances(
    paths: Source | Sequence[Source],
    *,
    audio: str | None = None,
    text: str | None = None,
    speaker: str | None = None,
) -> UtteranceSet:
    """Open speech; sounds are only looked for, and read on access.

    Args:
        paths: one, or several, see above.
        audio: the column of a table that names the sound; by default one with a usual name.
        text: the column of the transcript.
        speaker: the column of the speaker.

    Raises:
        DataError: a path is of none of these forms, cannot be read, or no utterance is left; some are sound and others
            are frames; columns are named where there are none.
    """
    given = [paths] if isinstance(paths, str | PathLike) else paths
    files = [as_path(path) for path in given]
    check_paths(files)
    utterances: list[Utterance] = []
    notes: list[str] = []
    packed: list[Arrays] = []
    for path in files:
        table = _table_of(path)
        if table is None and (audio or text or speaker):
            raise DataError(f"{path} has no columns, so none can be named. Leave these options out.")
        if path.suffix.lower() == ".npz" and path.is_file():
            found, arrays, said = read_packed(path)
            packed.append(arrays)
        elif table is not None:
            found, said = read_table(table, audio=audio, text=text, speaker=speaker)
        else:
            found, said = _reader_of(path)(path)
        if not found:
            raise DataError(f"{path} has no sound with a transcript. {' '.join(said[1:])}".rstrip())
        utterances += found
        notes += said
    _check_one_kind(utterances)
    name = name_files(files, "parts")
    speakers = {one.speaker for one in utterances if one.speaker is not None}
    known = f", {len(speakers):,} speakers" if len(speakers) > 1 else ""
    silent = sum(not one.transcript for one in utterances)
    notes.insert(0, f"{name}: {len(utterances):,} utterances{known}.")
    if silent:
        notes.append(f"Nothing is said in {silent:,} of them.")
    return UtteranceSet(name, utterances, notes, packed)


def _table_of(path: Path) -> Path | None:
    """Return the table that a path is or holds; None for other forms."""
    if path.is_file():
        return path if path.suffix.lower() in FORMS else None
    if is_kaldi(path):
        return None
    if (path / _VALIDATED).is_file():
        return path / _VALIDATED
    return path / METADATA if (path / METADATA).is_file() and not is_ljspeech(path) else None


def _reader_of(path: Path) -> _Reader:
    if path.is_file():
        if path.suffix.lower() == FILES:
            return read_sphinx
        raise DataError(f"{path} is no list of utterances. Name a .csv, .tsv, .jsonl, .fileids or .npz, or a folder.")
    if is_kaldi(path):
        return read_kaldi
    if is_ljspeech(path):
        return read_ljspeech
    if next(path.rglob(LISTS), None) is not None:
        return read_librispeech
    if find_lists(path):
        return lambda folder: read_sphinx(choose_list(folder))
    if sounds_in([path], deep=True):
        return read_beside
    raise DataError(
        f"{path} holds no form of speech that is known. Give a table with a column path and a column text, or a folder "
        "of sounds with a .txt of the same name beside each."
    )


def _check_one_kind(utterances: Sequence[Utterance]) -> None:
    first = utterances[0]
    other = next((one for one in utterances if one.is_sound != first.is_sound), None)
    if other is not None:
        sound, frames = (first, other) if first.is_sound else (other, first)
        raise DataError(f"{sound.where} is sound, and {frames.where} is frames of features. Give one kind at a time.")

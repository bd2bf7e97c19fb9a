"""Read folders of sound: LibriSpeech, LJSpeech, and sounds with a text of the same name beside each.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = Path(folder, "84-121123-0000.flac").write_bytes(b"fLaC")
...     _ = Path(folder, "84-121123.trans.txt").write_text("84-121123-0000 SO GOOD")
...     [one] = read_librispeech(Path(folder))[0]
>>> one.transcript, one.speaker
('SO GOOD', '84')
"""

from pathlib import Path

from elman.data.files import read_whole
from elman.data.formats.sound import SUFFIXES
from elman.data.speech.listing import numbered_lines, read_listing
from elman.data.speech.missing import Missing
from elman.data.speech.utterance import Utterance, tidy
from elman.data.text import decode
from elman.errors import DataError

LISTS = "*.trans.txt"
METADATA = "metadata.csv"
WAVS = "wavs"
TEXTS = (".txt", ".lab", ".trn")
"""Suffixes of a text beside a sound, in the order in which they are looked for."""

_FIELDS = (2, 3)


def read_librispeech(folder: Path) -> tuple[list[Utterance], list[str]]:
    """Read `SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt`, with the sounds beside each.

    The speaker is the first part of the name of a sound.

    Raises:
        DataError: a list cannot be read.
    """
    missing, utterances = Missing(), []
    for path in sorted(folder.rglob(LISTS)):
        sounds = {sound.stem: sound for sound in sounds_in([path.parent])}
        for key, entry in read_listing(path).items():
            sound = sounds.pop(key, None)
            if sound is None:
                missing.sounds.append(entry.where)
            else:
                utterances.append(Utterance(sound, tidy(entry.value), entry.where, key.partition("-")[0]))
        missing.texts += map(str, sounds.values())
    notes = [f"{folder}: lists of LibriSpeech; a speaker is the first part of the name of a sound.", *missing.notes()]
    return utterances, notes


def is_ljspeech(folder: Path) -> bool:
    """Return whether a folder has the list of LJSpeech: no header, and bars between its fields."""
    path = folder / METADATA
    return path.is_file() and (folder / WAVS).is_dir() and "|" in numbered_lines(path)[0][1]


def read_ljspeech(folder: Path) -> tuple[list[Utterance], list[str]]:
    """Read `metadata.csv`, in which a line is `ID|text|normalised text`, with `wavs/ID.wav`.

    The normalised text, in which numbers are words, is the transcript where a line has one.

    Raises:
        DataError: the list cannot be read, or a line has other fields.
    """
    sounds = {sound.stem: sound for sound in sounds_in([folder / WAVS])}
    missing, utterances, third = Missing(), [], 0
    for where, line in numbered_lines(folder / METADATA):
        # Quotes mean nothing here: in LJSpeech they are not balanced.
        key, *texts = line.split("|")
        if 1 + len(texts) not in _FIELDS:
            raise DataError(f"{where} has {1 + len(texts)} fields. Write ID|text or ID|text|normalised text.")
        third += len(texts) == _FIELDS[-1] - 1
        sound = sounds.pop(key.strip().removesuffix(".wav"), None)
        if sound is None:
            missing.sounds.append(where)
        else:
            utterances.append(Utterance(sound, tidy(texts[-1]), where))
    missing.texts += map(str, sounds.values())
    what = "the third field, normalised text" if third else "the second field"
    return utterances, [f"{folder}: a list of LJSpeech; transcripts are {what}.", *missing.notes()]


def read_beside(folder: Path) -> tuple[list[Utterance], list[str]]:
    """Read all sounds below a folder, with `.txt`, `.lab` or `.trn` beside each; an empty text is a silence.

    Raises:
        DataError: a text cannot be read.
    """
    missing, utterances = Missing(), []
    for sound in sounds_in([folder], deep=True):
        path = next((at for at in map(sound.with_suffix, TEXTS) if at.is_file()), None)
        if path is None:
            missing.texts.append(str(sound))
        else:
            text = decode(read_whole(path), str(path)) if path.stat().st_size else ""
            utterances.append(Utterance(sound, tidy(text), str(path)))
    read = {Path(one.where).suffix for one in utterances}
    texts = (path for end in TEXTS if not read or end in read for path in sorted(folder.rglob(f"*{end}")))
    known = {one.where for one in utterances}
    missing.sounds += [str(path) for path in texts if str(path) not in known]
    return utterances, [f"{folder}: the text beside a sound is its transcript.", *missing.notes()]


def sounds_in(folders: list[Path], *, deep: bool = False) -> list[Path]:
    """List the sounds in some folders, by their names; hidden files are ignored."""
    found = (path for folder in folders for path in (folder.rglob("*") if deep else folder.iterdir()))
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))

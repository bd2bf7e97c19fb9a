r"""Read a data folder of Kaldi: `wav.scp` and `text`, and where they are there `segments` and `utt2spk`.

An entry of `wav.scp` may be a command whose output is the sound. No command is run here: it is refused.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = Path(folder, "wav.scp").write_text("call sph2pipe -f wav call.sph |\n")
...     _ = Path(folder, "text").write_text("call so good\n")
...     read_kaldi(Path(folder))  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: ...wav.scp line 1 is a command, which is not run. Write its output to a file, and name that.
"""

from collections.abc import Mapping
from pathlib import Path

from elman.data.speech.listing import ListedValue, read_listing
from elman.data.speech.missing import Missing
from elman.data.speech.table import parse_seconds
from elman.data.speech.utterance import Utterance, tidy
from elman.errors import DataError

SOUNDS, TEXTS, PARTS, SPEAKERS = "wav.scp", "text", "segments", "utt2spk"

_TO_THE_END = "-1"


def is_kaldi(folder: Path) -> bool:
    """Return whether a folder has the two lists that are needed."""
    return (folder / SOUNDS).is_file() and (folder / TEXTS).is_file()


def read_kaldi(folder: Path) -> tuple[list[Utterance], list[str]]:
    """Read the utterances of a data folder, and notes about it.

    A relative name in `wav.scp` begins in the folder or, as for Kaldi itself, in the current one.

    Raises:
        DataError: a list cannot be read, a sound is a command, or the times of a part are wrong.
    """
    recordings = {key: _sound_of(entry, folder) for key, entry in read_listing(folder / SOUNDS).items()}
    parts = read_listing(folder / PARTS) if (folder / PARTS).is_file() else None
    speakers = read_listing(folder / SPEAKERS) if (folder / SPEAKERS).is_file() else {}
    missing, utterances = Missing(), []
    texts = read_listing(folder / TEXTS)
    for key, text in texts.items():
        recording, start, end = (key, 0.0, None) if parts is None else _part_of(parts, key)
        sound = recordings.get(recording)
        if sound is None:
            missing.sounds.append(text.where)
            continue
        where = text.where if parts is None else parts[key].where
        speaker = speakers[key].value if key in speakers else None
        utterances.append(Utterance(sound, tidy(text.value), where, speaker, start, end))
    missing.texts += [key for key in (recordings if parts is None else parts) if key not in texts]
    lists = [name for name in (SOUNDS, TEXTS, PARTS, SPEAKERS) if (folder / name).is_file()]
    return utterances, [f"{folder}: lists of Kaldi, {', '.join(lists)}.", *missing.notes()]


def _sound_of(entry: ListedValue, folder: Path) -> Path | None:
    if entry.value.endswith("|"):
        raise DataError(f"{entry.where} is a command, which is not run. Write its output to a file, and name that.")
    if not entry.value:
        raise DataError(f"{entry.where} has a key and no file. Name its file behind the key.")
    return next((path for path in (folder / entry.value, Path(entry.value)) if path.is_file()), None)


def _part_of(parts: Mapping[str, ListedValue], key: str) -> tuple[str, float, float | None]:
    """Return the recording of an utterance, its start and its end."""
    if key not in parts:
        return "", 0.0, None
    where, fields = parts[key].where, parts[key].value.split()
    if len(fields) not in (3, 4):  # the fourth is the channel
        raise DataError(f"{where} has {1 + len(fields)} fields. Write the utterance, its recording, start and end.")
    start = parse_seconds(fields[1], where)
    end = None if fields[2] == _TO_THE_END else parse_seconds(fields[2], where)
    if end is not None and end <= start:
        raise DataError(f"{where} ends at {end:g} s and begins at {start:g} s. Correct the times.")
    return fields[0], start, end

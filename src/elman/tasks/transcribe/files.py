"""Write transcripts in the forms of other programs, each to a file of its own or to standard output.

>>> plan_files(["one"], "vtt", None)
[None]
>>> FORMS["textgrid"].suffix
'.TextGrid'
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from elman.data.speech.utterance import UtteranceSet
from elman.errors import ConfigError, DataError, ElmanError
from elman.paths import check_path
from elman.tasks.transcribe.spoken import Transcript
from elman.tasks.transcribe.subtitles import as_srt, as_vtt
from elman.tasks.transcribe.textgrid import as_textgrid
from elman.writing import write_whole


@dataclass(frozen=True)
class TranscriptForm:
    """A form of a transcript.

    Attributes:
        suffix: the ending of its files.
        write: returns the text of a transcript, which has seconds.
    """

    suffix: str
    write: Callable[[Transcript], str]


FORMS = {
    "srt": TranscriptForm(".srt", lambda one: as_srt(one.words)),
    "vtt": TranscriptForm(".vtt", lambda one: as_vtt(one.words)),
    "textgrid": TranscriptForm(".TextGrid", as_textgrid),
}
"""By the name of the option."""


def require_seconds(model: Path, seconds_a_frame: float | None) -> None:
    """Check that a model knows times in seconds.

    Raises:
        ConfigError: it reads frames, whose distance in time is not recorded.
    """
    if seconds_a_frame is None:
        raise ConfigError(
            f"Subtitles and TextGrids need seconds, and {model} reads frames, which do not record any. Use --json."
        )


def name_utterances(speech: UtteranceSet) -> list[str]:
    """Return a name for each utterance: that of its file, with a number where a file holds several."""
    stems = [one.audio.stem for one in speech.utterances]
    parts, seen = Counter(one.audio for one in speech.utterances), Counter[Path]()
    names = []
    for one, stem in zip(speech.utterances, stems, strict=True):
        seen[one.audio] += 1
        names.append(stem if parts[one.audio] == 1 else f"{stem}_{seen[one.audio]:03}")
    return names


def plan_files(names: Sequence[str], form: str, folder: str | None) -> list[Path | None]:
    """Choose, before any work, where the transcript of each sound is written; None is standard output.

    Args:
        names: of the sounds, without an ending.
        form: a name in `FORMS`.
        folder: the folder of the new files; None for standard output, which takes one transcript.

    Raises:
        ConfigError: there is no such folder, or there are several transcripts and no folder.
        DataError: a file exists, or two transcripts would have one name.
    """
    if folder is None:
        if len(names) > 1:
            raise ConfigError(
                f"--{form} writes a file for each of {len(names):,} sounds. Name a folder for them with -o."
            )
        return [None]
    place = check_path(folder, "the folder")
    if not place.is_dir():
        raise ConfigError(f"{place} is no folder. Make it first: mkdir -p {place}")
    files: list[Path | None] = []
    taken: set[str] = set()
    for name in names:
        file = place / f"{name}{FORMS[form].suffix}"
        if name.lower() in taken:
            raise DataError(f"Two sounds have the name {name}, and both would be written to {file}. Rename one.")
        if file.exists() or file.is_symlink():
            raise DataError(f"{file} exists, and is never overwritten. Remove it, or choose another folder with -o.")
        taken.add(name.lower())
        files.append(file)
    return files


def write_form(one: Transcript, form: str, file: Path | None) -> str:
    """Return a transcript in a form; where it has a file, write it there and return a line with the path.

    Args:
        one: with seconds.
        form: a name in `FORMS`.
        file: as :func:`plan_files` returns it.

    Raises:
        ElmanError: the file cannot be written, or stands there by now.
    """
    text = FORMS[form].write(one)
    if file is None:
        return text
    if file.exists():
        raise ElmanError(f"{file} exists by now, and is never overwritten. Choose another folder with -o.")
    try:
        write_whole(file, text.encode())
    except OSError as error:
        raise ElmanError(f"{file} cannot be written: {error.strerror}. Choose another folder with -o.") from None
    return f"{file}\n"

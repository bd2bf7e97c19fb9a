r"""Read lists of CMU Sphinx: `NAME.fileids` and `NAME.transcription`, with frames (`.mfc`) or sounds.

A line of the first is a file without its suffix, in a folder named after its speaker; a line of the second is a text
with the name of that file in parentheses. Files are looked for beside the lists, and in `feat/` or `wav/` there or next
to the folder of the lists.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     Path(folder, "fash").mkdir()
...     _ = Path(folder, "fash", "an251-fash-b.mfc").write_bytes(b"\0\0\0\0")
...     _ = Path(folder, "an4.fileids").write_text("fash/an251-fash-b\n")
...     _ = Path(folder, "an4.transcription").write_text("<s> YES </s> (an251-fash-b)\n")
...     [one] = read_sphinx(Path(folder, "an4.fileids"))[0]
>>> one.transcript, one.speaker
('YES', 'fash')
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from elman.data.formats.sound import SUFFIXES
from elman.data.speech.listing import ListedValue, numbered_lines
from elman.data.speech.missing import Missing
from elman.data.speech.utterance import Utterance, tidy
from elman.errors import DataError
from elman.phrases import name_some

FILES, TEXTS = ".fileids", ".transcription"

_LIST_FOLDER = "etc"
_FOLDERS = (".", "feat", "wav")
_ENDS = (".mfc", *SUFFIXES)
_LINE = re.compile(r"(.*?)\s*\(([^()\s]+)\)\s*")
_MARKS = ("<s>", "</s>", "<sil>")


def find_lists(folder: Path) -> list[Path]:
    """Find the lists of files in a folder and in its `etc/`."""
    return sorted(path for place in (folder, folder / _LIST_FOLDER) for path in place.glob(f"*{FILES}"))


def choose_list(folder: Path) -> Path:
    """Return the list of files of a folder.

    Raises:
        DataError: there are several, such as one to train and one to test with.
    """
    lists = find_lists(folder)
    if len(lists) > 1:
        raise DataError(f"{folder} has {name_some([path.name for path in lists])}. Name one of them, e.g.: {lists[0]}")
    return lists[0]


def read_sphinx(path: Path) -> tuple[list[Utterance], list[str]]:
    """Read the utterances of a list of files, and notes about it.

    Raises:
        DataError: a list cannot be read, has a line of another form, or a name twice.
    """
    texts = _read_texts(path.with_suffix(TEXTS))
    missing, utterances = Missing(), []
    roots = [root / name for root in (path.parent, path.parent.parent) for name in _FOLDERS]
    for where, line in numbered_lines(path):
        file = PurePosixPath(line.strip())
        entry = texts.pop(str(file), None) or texts.pop(file.name, None)
        sound = _find(roots, str(file))
        if entry is None:
            missing.texts.append(where)
        elif sound is None:
            missing.sounds.append(where)
        else:
            utterances.append(Utterance(sound, _clean(entry.value), entry.where, file.parent.name or None))
    missing.sounds += [entry.where for entry in texts.values()]
    return utterances, [f"{path}: lists of Sphinx; a speaker is the folder of a file.", *missing.notes()]


def _read_texts(path: Path) -> dict[str, ListedValue]:
    found: dict[str, ListedValue] = {}
    for where, line in numbered_lines(path):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{where} has no name of a file in parentheses at its end. Write: THE TEXT (name)")
        text, name = match.groups()
        if name in found:
            raise DataError(f"{where}: {name} was in {found[name].where} before. Remove one of the two.")
        found[name] = ListedValue(text, where)
    return found


def _find(roots: Sequence[Path], name: str) -> Path | None:
    return next((path for root in roots for end in _ENDS if (path := root / f"{name}{end}").is_file()), None)


def _clean(text: str) -> str:
    """Drop the marks of a beginning, an end and a silence."""
    return tidy(" ".join(word for word in text.split() if word not in _MARKS))

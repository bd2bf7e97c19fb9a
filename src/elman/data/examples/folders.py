r"""Read folders: `CLASS/file` makes a file an example, `CLASS.txt` a line, `CLASS.fa` a sequence.

Hidden files are ignored, and folders within the folder of a class belong to it.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     _ = Path(folder, "Greek.txt").write_text("Alexis\nStavros\n")
...     _ = Path(folder, "Irish.txt").write_text("Nolan\n")
...     names = open_folder(Path(folder))
...     [(names[i].values["line"], names[i].target) for i in range(3)]
[('Alexis', 'Greek'), ('Stavros', 'Greek'), ('Nolan', 'Irish')]
"""

import os
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from elman.data.dataset import Columns, Dataset, Example
from elman.data.examples.genome import SUFFIXES, open_fasta
from elman.data.examples.rows import READERS, read_value
from elman.data.files import read_whole, size_of
from elman.data.tables.kinds import ColumnSummary, kind_of_file
from elman.data.tables.records import read_lines
from elman.data.text import decode
from elman.errors import DataError
from elman.phrases import name_some

FILE = "file"
"""The input where a file is an example."""

LINE = "line"
"""The input where a line is an example."""

CLASS = "class"
"""The target, where it is the name of a folder or file."""

SPLIT_NAMES = frozenset(["train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"])


def is_fasta(path: Path) -> bool:
    """Return whether a file holds sequences of letters, by its suffix."""
    return path.name.lower().endswith(SUFFIXES)


class Files:
    """Files as examples; see :class:`elman.data.Dataset`.

    Args:
        name: of the whole.
        files: paths, and the class of each or None.
        columns: with one input.
        notes: for the user.

    Raises:
        DataError: a file is missing or empty.
    """

    def __init__(self, name: str, files: Sequence[tuple[Path, str | None]], columns: Columns, notes: Sequence[str]):
        self.name, self.columns, self.notes = name, columns, notes
        self._files = files
        for path, _ in files:
            size_of(path)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int, /) -> Example:
        path, target = self._files[index]
        [(column, kind)] = self.columns.inputs.items()
        value = decode(read_whole(path), str(path)) if kind == "text" else READERS[kind](path)
        return Example({column: value}, target, str(path))


class Lines:
    """The lines of texts as examples; see :class:`elman.data.Dataset`. Empty lines are skipped.

    Args:
        name: of the whole.
        paths: of the texts.
        like: the columns of a model with one input, or None.
        notes: for the user.
        with_classes: whether the name of a file is the class of its lines.

    Raises:
        DataError: a text is missing, empty or not UTF-8.
    """

    def __init__(
        self, name: str, paths: Sequence[Path], like: Columns | None, notes: Sequence[str], *, with_classes: bool
    ):
        self.name, self.notes = name, list(notes)
        self._paths, self._with_classes = paths, with_classes
        self._offsets, self._lines = array("q"), array("q")
        self._starts: list[int] = []
        summary = ColumnSummary(LINE)
        for path in paths:
            self._starts.append(len(self))
            self._scan(path, summary)
        if like:
            check_single_input(like, ("text", "letters"), name)
            with_classes = self._with_classes = with_classes and like.target_kind == "category"
            self.columns = like if with_classes else replace(like, target=None)
        else:
            kind = "letters" if summary.kind() == "letters" else "text"
            self.columns = Columns({LINE: kind}, CLASS, "category")
        ends = [*self._starts[1:], len(self)]
        counts = {path.stem: end - start for path, start, end in zip(paths, self._starts, ends, strict=True)}
        self.notes.append(f"Every line is one example of {next(iter(self.columns.inputs.values()))}.")
        if with_classes:
            self.notes.append(f"Classes are the names of the files: {name_counts(counts)}.")

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, index: int, /) -> Example:
        at = range(len(self))[index]
        path = self._paths[bisect_right(self._starts, at) - 1]
        where = f"{path} line {self._lines[at]}"
        with path.open("rb") as stream:
            stream.seek(self._offsets[at])
            text = next(read_lines(stream, str(path), offset=self._offsets[at], line=self._lines[at]), None)
        if text is None:
            raise DataError(f"{where} is gone: the file was changed while it was read. Start again.")
        [(column, kind)] = self.columns.inputs.items()
        value = read_value(kind, text.text, path.parent, where)
        return Example({column: value}, path.stem if self._with_classes else None, where)

    def _scan(self, path: Path, summary: ColumnSummary) -> None:
        size_of(path)
        with path.open("rb") as stream:
            for line in read_lines(stream, str(path)):
                if line.text.strip():
                    summary.add([line.text], len(self))
                    self._offsets.append(line.offset)
                    self._lines.append(line.number)
        if len(self) == self._starts[-1]:
            raise DataError(f"{path} has only empty lines. Write an example a line, or remove it.")


def open_folder(folder: Path, like: Columns | None = None, target: str | None = None) -> Dataset:
    """Open a folder whose folders or files are classes.

    Args:
        folder: its path.
        like: the columns of a model with one input. The folder may then hold files without classes.
        target: a field in the headers of FASTA files.

    Raises:
        DataError: it has no such files, or files of several kinds, or the folder of a class has none.
    """
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    by_class = {path.name: _files_below(path) for path in inner}
    if any(_kind(file) for files in by_class.values() for file in files):
        _check_not_a_split(folder, list(by_class))
        return _open_classes(folder, by_class, like)
    flat = sorted(path for path in folder.iterdir() if not path.is_dir() and not path.name.startswith("."))
    kind = _one_kind(flat, folder)
    files = [path for path in flat if _kind(path) == kind]
    notes = _note_unread([path for path in flat if _kind(path) != kind])
    if kind == "letters":
        return open_fasta(files, target=target, like=like)
    if like and (kind != "text" or FILE in like.inputs):
        check_single_input(like, (kind,), str(folder))
        return Files(str(folder), [(path, None) for path in files], replace(like, target=None), notes)
    if kind == "text" and (len(files) > 1 or like):
        return Lines(str(folder), files, like, notes, with_classes=len(files) > 1)
    raise DataError(
        f"{folder} has {len(files):,} {'file' if len(files) == 1 else 'files'} of {kind}, and no class for them. "
        "Make a folder for every class, or write a table with their names and classes."
    )


def check_single_input(like: Columns, kinds: Sequence[str], name: str) -> None:
    """Refuse files that a model cannot read.

    Raises:
        DataError: the model reads several columns, series from a table, or another kind.
    """
    if len(like.inputs) != 1 or like.id is not None or next(iter(like.inputs.values())) not in kinds:
        reads = name_some([f"{column} ({kind})" for column, kind in like.inputs.items()])
        raise DataError(f"{name} holds {' or '.join(kinds)}, and the model reads {reads}. Give it what it learned.")


def name_counts(counts: Mapping[str, int]) -> str:
    """Join classes and their counts, the most frequent first.

    >>> name_counts({"no": 1, "yes": 2000})
    'yes 2,000, no 1'
    """
    return name_some([f"{name} {count:,}" for name, count in Counter(counts).most_common()])


def _open_classes(folder: Path, by_class: Mapping[str, list[Path]], like: Columns | None) -> Files:
    kind = _one_kind([file for files in by_class.values() for file in files], folder)
    if kind == "letters":
        raise DataError(f"{folder}: FASTA files of one class are in a folder. Write each class in one file, CLASS.fa.")
    files = {name: [file for file in files if _kind(file) == kind] for name, files in by_class.items()}
    for name, own in files.items():
        if not own:
            raise DataError(f"{folder / name} has no file of {kind}. Fill the folder, or remove it: it is a class.")
    unread = [file for all_files in by_class.values() for file in all_files if _kind(file) != kind]
    unread += [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    if like:
        check_single_input(like, (kind,), str(folder))
        if like.target_kind != "category":
            raise DataError(f"{folder} holds classes, and the model gives a {like.target_kind}. Name a table.")
    notes = [
        f"Every file is one example of {kind}.",
        f"Classes are the names of the folders: {name_counts({name: len(own) for name, own in files.items()})}.",
        *_note_unread(unread),
    ]
    columns = like or Columns({FILE: kind}, CLASS, "category")
    return Files(str(folder), [(file, name) for name, own in files.items() for file in own], columns, notes)


def _files_below(folder: Path) -> list[Path]:
    below = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below += [Path(place, name) for name in sorted(files) if not name.startswith(".")]
    return below


def _kind(path: Path) -> str | None:
    if path.suffix.lower() == ".txt":
        return "text"
    return "letters" if is_fasta(path) else kind_of_file(path.name)


def _one_kind(files: Sequence[Path], folder: Path) -> str:
    first: dict[str, Path] = {}
    for path in files:
        kind = _kind(path)
        if kind:
            first.setdefault(kind, path)
    if not first:
        raise DataError(f"{folder} has no file that can be read. Give a folder a class with texts, sounds or images.")
    if len(first) > 1:
        named = ", ".join(f"{kind} ({path.relative_to(folder)})" for kind, path in first.items())
        raise DataError(f"{folder} holds files of several kinds: {named}. Keep one kind, and move the others away.")
    return next(iter(first))


def _check_not_a_split(folder: Path, classes: Sequence[str]) -> None:
    if all(name.lower() in SPLIT_NAMES for name in classes):
        raise DataError(
            f"{folder} holds {name_some(classes)}, which are parts of a data set and no classes. "
            f"Name one of them: {folder / classes[0]}"
        )


def _note_unread(paths: Sequence[Path]) -> list[str]:
    counts = Counter(path.suffix or "without a suffix" for path in paths)
    return [f"Not read: {name_counts(counts)}."] if counts else []

"""Open files of tagged sentences: infer the form, and note what was inferred.

==============================================  ======================================================================
path                                            sentences
==============================================  ======================================================================
`.conllu`, also packed as `.conllu.gz`          blocks of lines of ten columns; the tag is UPOS, or another column
any other text with a word a line, `.gz` too    blocks of lines; the word is the first column, the tag the last
a folder with `seq.in`, `seq.out`, `label`      a sentence a line; `label` may be missing
two files, or three                             the same: words, tags, labels
==============================================  ======================================================================
"""

import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from elman.data.files import name_files, open_unpacked
from elman.data.sentences.sentence import CONLLU, Sentence, SentenceLayout, read_blocks, read_parallel
from elman.data.tables.records import TextLine, read_lines
from elman.errors import DataError

FOLDER = ("seq.in", "seq.out", "label")
LABEL = "label"

_LOOKED_AT = 400  # lines
_ALIKE = 0.6  # of the lines that are not blank have as many columns, if they have any
_COLUMN_SUFFIXES = {".conll", ".iob", ".iob2", ".bio", ".bioes", ".iobes", ".col", ".tsv"}
_OTHER_FORMS = {".csv", ".jsonl", ".json", ".npz", ".xml"}


@dataclass(frozen=True)
class TaggedSet:
    """Sentences from one source.

    Attributes:
        name: of the data, in messages.
        sentences: in their order.
        layout: the form of their files.
        notes: what was inferred, for the user.
    """

    name: str
    sentences: Sequence[Sentence]
    layout: SentenceLayout
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.sentences)


def open_tagged(
    paths: Sequence[str | PathLike[str]],
    *,
    words: str | None = None,
    tags: str | None = None,
    label: str | None = None,
    like: SentenceLayout | None = None,
    tagged: bool = True,
) -> TaggedSet:
    """Read sentences.

    Args:
        paths: see the table above; several files of blocks are read one after the other.
        words: the column of the words: its number from 1, or its name in CoNLL-U.
        tags: the column of the tags.
        label: the name of the comment that holds the label of a sentence, such as `intent` for `# intent = flight`.
        like: the layout of a model's training data; where the form is the same, its columns are read.
        tagged: whether tags are required, and labels if the layout has some.

    Raises:
        DataError: a file cannot be read, has none of these forms, or a sentence in it is incomplete.
    """
    files = [Path(path) for path in paths]
    if not files:
        raise DataError("No data: the list of files is empty. Name a file, or a folder with seq.in and seq.out.")
    if files[0].is_dir() or (len(files) > 1 and all(_form(path) == "parallel" for path in files)):
        if words or tags:
            raise DataError(f"{files[0]} has a sentence a line and no columns, so none can be named. Drop the option.")
        return _open_parallel(files, label, like, tagged)
    if not tagged and like is not None and _form(files[0]) == "parallel" and not _fits(files[0], like):
        sentences = [sentence for path in files for sentence in _read_plain(path)]
        return TaggedSet(name_files(files), sentences, replace(like, form="parallel"))
    layout, notes = _infer(files[0], words, tags, label, like, tagged)
    sentences = []
    for path in files:
        with open_lines(path) as lines:
            sentences += read_blocks(lines, str(path), layout, tagged=tagged)
    if not sentences:
        raise DataError(f"{name_files(files)} has no sentences. Give a file with some.")
    return TaggedSet(name_files(files), sentences, layout, notes)


def stream_tagged(file: BinaryIO, name: str, like: SentenceLayout) -> Iterator[tuple[SentenceLayout, Sentence]]:
    """Read sentences without tags as they arrive, each as soon as it is complete.

    A model trained on files with a word a line reads that form, or lines of words with spaces between them. The first
    line decides: it is a line of words if it has no tab, is no comment, and has more words than the files had columns.

    Args:
        file: need not be seekable.
        name: of the file, in messages.
        like: the layout of the model's training data.

    Raises:
        DataError: a sentence is malformed; the message names the line.
    """
    lines = read_lines(file, name)
    first = next((line for line in lines if line.text.strip()), None)
    if first is None:
        raise DataError(f"{name} is empty. Send sentences to it, or name a file.")
    arriving = itertools.chain([first], lines)
    tabbed = "\t" in first.text or first.text.startswith("# ")
    if like.form == "conllu" and tabbed:
        sentences = read_blocks(arriving, name, like, tagged=False)
    elif like.form == "columns" and (tabbed or len(first.text.split()) <= like.width):
        like = replace(like, tabs=tabbed or (like.tabs and len(first.text.split()) == 1))
        sentences = read_blocks(arriving, name, like, tagged=False)
    else:
        like = replace(like, form="parallel")
        sentences = _read_lines(arriving, name)
    yield from ((like, sentence) for sentence in sentences)


def _read_lines(lines: Iterable[TextLine], name: str) -> Iterator[Sentence]:
    blank = 0
    for line in lines:
        if not line.text.strip():
            blank = blank or line.number
        elif blank:
            raise DataError(f"{name} line {blank}: an empty sentence. Give it words, or remove the line.")
        yield from read_parallel([line], name, tags=None, labels=None)


@contextlib.contextmanager
def open_lines(path: Path) -> Iterator[Iterator[TextLine]]:
    """Open the lines of a file, which may be packed with gzip.

    Raises:
        DataError: the file cannot be read, or is not UTF-8.
    """
    if path.suffix.lower() in _OTHER_FORMS:
        raise DataError(
            f"{path} is of a form from which no tagged sentences are read. Write a word a line, or a sentence a line."
        )
    with open_unpacked(path) as file:
        yield read_lines(file, str(path))


def _form(path: Path) -> str:
    """Infer the form of a file: `conllu`, `columns`, or `parallel` for a sentence a line."""
    suffix = path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if suffix == ".conllu":
        return "conllu"
    rows = _head(path)
    first = next((row for row in rows if row.strip() and not row.startswith("#")), "")
    cells = first.split("\t")
    if len(cells) == len(CONLLU) and re.fullmatch(r"1(-\d+)?", cells[0]):
        return "conllu"
    if suffix in _COLUMN_SUFFIXES or len(cells) > 1:
        return "columns"
    widths = Counter(len(row.split()) for row in rows)
    blank = widths.pop(0, 0)
    return "columns" if blank and max(widths.values()) > _ALIKE * widths.total() else "parallel"


def _fits(path: Path, like: SentenceLayout) -> bool:
    """Return whether a file without a blank line can be one sentence with a word a line."""
    return like.form == "columns" and all(len(row.split()) in (like.width - 1, like.width) for row in _head(path))


def _head(path: Path) -> list[str]:
    """Return the first lines, without blank ones at the end."""
    with open_lines(path) as lines:
        rows = [line.text for line in itertools.islice(lines, _LOOKED_AT)]
    while rows and not rows[-1].strip():
        rows.pop()
    if not rows:
        raise DataError(f"{path} has only blank lines. Give a file with sentences.")
    return rows


def _infer(
    path: Path, words: str | None, tags: str | None, label: str | None, like: SentenceLayout | None, tagged: bool
) -> tuple[SentenceLayout, list[str]]:
    form = _form(path)
    if form == "conllu":
        if like is not None and like.form == form:
            return like, []
        tag = _named(tags or "upos", path)
        layout = SentenceLayout(form, _named(words or "form", path), tag, label=label or (like.label if like else None))
        return layout, [f"{path} is CoNLL-U; the tag of a word is its {CONLLU[tag]}."]
    rows = [row for row in _head(path) if row.strip() and not row.startswith(("-DOCSTART-", "# "))]
    if not rows:
        raise DataError(f"{path} has only comments. Give a file with sentences.")
    tabs = "\t" in rows[0]
    width = len(rows[0].split("\t") if tabs else rows[0].split())
    if like is not None and like.form == "columns":
        return replace(like, tabs=tabs if width > 1 else like.tabs), []
    counted = width > 2 and _is_counted(rows, tabs)
    word = _numbered(words, width, path, 1 if counted else 0)
    tag = _numbered(tags, width, path, width - 1)
    if not tagged and width == 1:
        return SentenceLayout("columns", 0, 1, 2, tabs, label), []
    if width < 2 or word == tag:
        raise DataError(
            f"{path} has {width} column{'s' * (width != 1)}, and a word and its tag need two. "
            "Put a tag behind each word, or give a second file with the tags."
        )
    note = f"{path} has {width} columns; the word is column {word + 1}, the tag column {tag + 1}."
    return SentenceLayout("columns", word, tag, width, tabs, label), [note]


def _is_counted(rows: Sequence[str], tabs: bool) -> bool:
    """Return whether the first column numbers the words of each sentence."""
    numbers = [row.split("\t" if tabs else None)[0] for row in rows]
    return len(numbers) > 1 and numbers[0] == "1" and all(re.fullmatch(r"\d+([-.]\d+)?", cell) for cell in numbers)


def _named(column: str, path: Path) -> int:
    """Find a column of CoNLL-U by its name or number."""
    if column.lower() in CONLLU:
        return CONLLU.index(column.lower())
    if column.isdecimal():
        return _numbered(column, len(CONLLU), path, 0)
    raise DataError(f"{path}: CoNLL-U has no column {column!r}. Its columns are {', '.join(CONLLU)}.")


def _numbered(column: str | None, width: int, path: Path, usual: int) -> int:
    if column is None:
        return usual
    if not column.isdecimal() or not 1 <= int(column) <= width:
        raise DataError(f"{path} has {width} columns, and {column!r} names none of them. Give a number from 1.")
    return int(column) - 1


def _open_parallel(paths: Sequence[Path], label: str | None, like: SentenceLayout | None, tagged: bool) -> TaggedSet:
    name = name_files(paths)
    if paths[0].is_dir():
        if len(paths) > 1:
            raise DataError(f"{len(paths)} paths were given, and of folders one is read at a time. Name one of them.")
        if not (paths[0] / FOLDER[0]).exists():
            raise DataError(f"{paths[0]} has no file {FOLDER[0]}. Name a folder with seq.in and seq.out, or files.")
        inside = [paths[0] / part for part in FOLDER]
        paths = [path for path in inside if path.exists()] if tagged else inside[:1]
        if tagged and inside[1] not in paths:
            raise DataError(f"{paths[0].parent} has no file {FOLDER[1]}, so its words have no tags. Add it.")
    if len(paths) > len(FOLDER):
        raise DataError(f"{len(paths)} files with a sentence a line were given; words, tags and labels are three.")
    if tagged and len(paths) < 2:
        raise DataError(f"{paths[0]} has a sentence a line and no tags. Give a second file with the tags.")
    with contextlib.ExitStack() as stack:
        files: list[Any] = [stack.enter_context(open_lines(path)) for path in paths]
        files += [None] * (3 - len(files))
        others = str(paths[1]) if len(paths) > 1 else ""
        sentences = list(read_parallel(files[0], str(paths[0]), tags=files[1], labels=files[2], others=others))
    if not sentences:
        raise DataError(f"{paths[0]} has no sentences. Give a file with some.")
    label_name = (label or (like.label if like else None) or LABEL) if files[2] is not None else None
    return TaggedSet(name, sentences, SentenceLayout("parallel", label=label_name), [])


def _read_plain(path: Path) -> list[Sentence]:
    with open_lines(path) as lines:
        return list(read_parallel(lines, str(path), tags=None, labels=None))

"""Open files of tagged sentences: infer the form, and note what was inferred.

==============================================  ======================================================================
path                                            sentences
==============================================  ======================================================================
`.conllu`, also packed as `.conllu.gz`          blocks of lines of ten columns; the tag is UPOS, or another column
any other text with a word a line, `.gz` too    blocks of lines; the word is the first column, the tag the last;
                                                also with a header, commas, or a column that numbers the sentences
a folder with `seq.in`, `seq.out`, `label`      a sentence a line; `label` may be missing
two files, or three                             the same: words, tags, labels
==============================================  ======================================================================
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from elman.data.files import name_files, open_unpacked
from elman.data.held import as_path
from elman.data.sentences.cells import is_blank, split_cells
from elman.data.sentences.inference import Head, adapt_layout, infer_layout, name_further
from elman.data.sentences.layout import CONLLU, SentenceLayout
from elman.data.sentences.parallel import read_parallel
from elman.data.sentences.sentence import Sentence, read_blocks
from elman.data.tables.records import TextLine, WrongLines, read_lines
from elman.errors import DataError
from elman.phrases import name_some

FOLDER = ("seq.in", "seq.out", "label")
LABEL = "label"

_HEAD = 400  # lines, by which the form of a file is inferred
_OTHER_FORMS = {".jsonl", ".json", ".npz", ".xml"}


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
    further: str | None = None,
    like: SentenceLayout | None = None,
    tagged: bool = True,
) -> TaggedSet:
    """Read sentences.

    Args:
        paths: see the table above; several files of blocks are read one after the other.
        words: the column of the words: its number from 1, or its name in CoNLL-U or a header.
        tags: the column of the tags.
        label: the name of the comment that holds the label of a sentence, such as `intent` for `# intent = flight`.
        further: further columns that are read beside each word, with commas between them, such as `xpos,feats`.
        like: the layout of a model's training data; where the form is the same, its columns are read.
        tagged: whether tags are required, and labels if the layout has some.

    Raises:
        DataError: a file cannot be read, has none of these forms, or a sentence in it is incomplete.
    """
    files = [as_path(path) for path in paths]
    if not files:
        raise DataError("No data: the list of files is empty. Name a file, or a folder with seq.in and seq.out.")
    if files[0].is_dir() or (len(files) > 1 and all(read_head(path, like).form == "parallel" for path in files)):
        if like is not None:
            like.refuse_lines_of_words(str(files[0]))
        if words or tags or further:
            raise DataError(f"{files[0]} has a sentence a line and no columns, so none can be named. Drop the option.")
        return _open_parallel(files, label, like, tagged)
    head = read_head(files[0], like)
    if not tagged and like is not None and head.form == "parallel" and not _is_one_sentence(head, like):
        like.refuse_lines_of_words(str(files[0]))
        sentences = [sentence for path in files for sentence in _read_plain(path)]
        return TaggedSet(name_files(files), sentences, replace(like, form="parallel"))
    layout, notes = _infer(head, words, tags, label, further, like, tagged)
    sentences = []
    for path in files:
        wrong = WrongLines()
        with open_lines(path) as lines:
            sentences += read_blocks(lines, str(path), layout, tagged=tagged, wrong=wrong)
        wrong.refuse()
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
    first: list[TextLine] = []
    while (line := next(lines, None)) is not None and len(first) < _HEAD:
        first.append(line)
        if not is_blank(line.text) and not (like.form == "columns" and line.text.startswith(("# ", "-DOCSTART-"))):
            break
    if all(is_blank(line.text) for line in first):
        raise DataError(f"{name} is empty. Send sentences to it, or name a file.")
    arriving, text = itertools.chain(first, lines), first[-1].text
    tabbed = "\t" in text or text.startswith("# ")
    if like.form == "conllu" and tabbed:
        sentences = read_blocks(arriving, name, like, tagged=False)
    elif like.form == "columns" and (tabbed or len(split_cells(text, None)) <= like.width):
        like = adapt_layout(Head(name, [line.text for line in first], like), like, tagged=False)
        sentences = read_blocks(arriving, name, like, tagged=False)
    else:
        like.refuse_lines_of_words(name)
        like = replace(like, form="parallel")
        sentences = _read_lines(itertools.chain(first[-1:], lines), name)
    yield from ((like, sentence) for sentence in sentences)


def _read_lines(lines: Iterable[TextLine], name: str) -> Iterator[Sentence]:
    blank = 0
    for line in lines:
        if is_blank(line.text):
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


def read_head(path: Path, like: SentenceLayout | None = None) -> Head:
    """Read the first lines of a file.

    Raises:
        DataError: it cannot be read, or has only blank lines.
    """
    with open_lines(path) as lines:
        rows = [line.text for line in itertools.islice(lines, _HEAD)]
    while rows and is_blank(rows[-1]):
        rows.pop()
    if not rows:
        raise DataError(f"{path} has only blank lines. Give a file with sentences.")
    suffix = next((one.lower() for one in reversed(path.suffixes) if one.lower() != ".gz"), "")
    return Head(str(path), rows, like, suffix)


def _is_one_sentence(head: Head, like: SentenceLayout) -> bool:
    """Return whether a file without a blank line can be one sentence with a word a line."""
    widths = {len(split_cells(row, None)) for row in head.lines}
    return like.form == "columns" and widths <= {like.width - 1, like.width, 1}


def _infer(
    head: Head,
    words: str | None,
    tags: str | None,
    label: str | None,
    further: str | None,
    like: SentenceLayout | None,
    tagged: bool,
) -> tuple[SentenceLayout, list[str]]:
    if head.form == "conllu":
        if like is not None and like.form == "conllu":
            return like, []
        tag = _find_conllu(tags or "upos", head.name)
        label = label or (like.label if like else None)
        layout = SentenceLayout("conllu", _find_conllu(words or "form", head.name), tag, label=label)
        layout = name_further(layout, further, head.name, lambda name: _find_conllu(name, head.name))
        read = f"; beside each word {name_some(layout.further_names)} are read" if further else ""
        return layout, [f"{head.name} is CoNLL-U; the tag of a word is its {CONLLU[tag]}{read}."]
    if like is not None and like.form == "columns":
        return adapt_layout(head, like, tagged), []
    return infer_layout(head, words, tags, label, tagged, further)


def _find_conllu(column: str, name: str) -> int:
    """Return the index of a column of CoNLL-U, by its name or number."""
    if column.lower() in CONLLU:
        return CONLLU.index(column.lower())
    if column.isdecimal() and 1 <= int(column) <= len(CONLLU):
        return int(column) - 1
    raise DataError(f"{name}: CoNLL-U has no column {column!r}. Its columns are {', '.join(CONLLU)}.")


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
        wrong = WrongLines()
        sentences = list(
            read_parallel(files[0], str(paths[0]), tags=files[1], labels=files[2], others=others, wrong=wrong)
        )
        wrong.refuse()
    if not sentences:
        raise DataError(f"{paths[0]} has no sentences. Give a file with some.")
    label_name = (label or (like.label if like else None) or LABEL) if files[2] is not None else None
    return TaggedSet(name, sentences, SentenceLayout("parallel", label=label_name), [])


def _read_plain(path: Path) -> list[Sentence]:
    with open_lines(path) as lines:
        return list(read_parallel(lines, str(path), tags=None, labels=None))

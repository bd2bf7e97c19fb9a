r"""Read sentences whose words have tags: CoNLL-U, files with a word a line, and parallel files with a sentence a line.

>>> import io
>>> layout = SentenceLayout("columns", words=0, tags=1, width=2)
>>> lines = read_lines(io.BytesIO(b"so RB\ngood JJ\n\nno UH\n"), "a.conll")
>>> [(one.words, one.tags, one.where) for one in read_blocks(lines, "a.conll", layout)]
[(('so', 'good'), ('RB', 'JJ'), 'a.conll line 1'), (('no',), ('UH',), 'a.conll line 4')]
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from elman.data.plain import read_plain
from elman.data.tables.records import TextLine, read_lines
from elman.errors import DataError

__all__ = ["FORMS", "Sentence", "SentenceLayout", "read_blocks", "read_lines", "read_parallel"]

FORMS = ("conllu", "columns", "parallel")
CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""The columns of CoNLL-U (universaldependencies.org/format.html)."""

_EMPTY = "_"
_MOST_BLANK = 1000
_NEVER_EMPTY = {"upos", "xpos"}
_NOT_A_WORD = re.compile(r"[0-9]+(-[0-9]+|\.[0-9]+)")  # a range of words, an empty node
_DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True)
class SentenceLayout:
    """The form of tagged files, and their columns; a model keeps it, to read and write new files in the same way.

    Attributes:
        form: `conllu`, `columns` (a word a line, a blank line after a sentence), `parallel` (a sentence a line).
        words: index of the column of the words.
        tags: index of the column of the tags.
        width: how many columns there are; of `columns` alone.
        tabs: whether columns are separated by tabs, not by any space; of `columns` alone.
        label: the name of the label of a sentence; None if there is none. Except in `parallel`, a comment gives the
            label: `# NAME = LABEL`.
    """

    form: str
    words: int = 0
    tags: int = 1
    width: int = 2
    tabs: bool = False
    label: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing or of another kind, or the form is unknown.
        """
        layout = read_plain(cls, data, "layout")
        width = len(CONLLU) if layout.form == "conllu" else layout.width
        if layout.form not in FORMS or min(layout.words, layout.tags) < 0 or max(layout.words, layout.tags) >= width:
            raise DataError(f"A layout of the form {layout.form!r} is nothing that this program reads.")
        return layout


@dataclass(frozen=True)
class Sentence:
    """One sentence, with its lines as they were read.

    Attributes:
        words: T of them.
        tags: T of them; None where they are not known.
        label: of the whole sentence; None where it is not known.
        name: of the file.
        first: the number of its first line.
        lines: its lines, unchanged; empty where the whole sentence is one line.
        places: (T,) the index in `lines` of each word.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None
    label: str | None
    name: str
    first: int
    lines: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        """The file and line of the first word, for messages."""
        return f"{self.name} line {self.first + (self.places[0] if self.places else 0)}"

    def where_is(self, index: int) -> str:
        """Return the file and line of a word, for messages."""
        if self.places:
            return f"{self.name} line {self.first + self.places[index]}"
        return f"{self.where}, word {index + 1}"

    def write(self, layout: SentenceLayout, tags: Sequence[str], label: str | None) -> str:
        """Write the sentence in its form again, with these tags and this label.

        Args:
            layout: the columns of words and tags. A sentence of one line gives one line: the tags, and after a tab the
                label.
            tags: T of them.
            label: None for none.
        """
        if not self.places:
            return " ".join(tags) + ("" if label is None else f"\t{label}") + "\n"
        lines = list(self.lines)
        for place, tag in zip(self.places, tags, strict=True):
            cells = _split(lines[place], layout)
            if layout.tags == len(cells):
                cells.append(tag)
            else:
                cells[layout.tags] = tag
            lines[place] = ("\t" if layout.form == "conllu" or layout.tabs else " ").join(cells)
        if label is not None and layout.label is not None:
            others = [line for line in lines if _label_in(line, layout.label) is None]
            lines = [f"# {layout.label} = {label}", *others]
        return "\n".join(lines) + "\n\n"


def read_blocks(
    lines: Iterable[TextLine], name: str, layout: SentenceLayout, *, tagged: bool = True
) -> Iterator[Sentence]:
    """Read sentences with a word a line, as they arrive; a blank line ends one.

    Args:
        lines: of one file.
        name: of the file, in messages.
        layout: of the form `conllu` or `columns`.
        tagged: whether every word must have a tag, and every sentence the label that the layout names.

    Raises:
        DataError: a column is missing or empty, words are out of order, or a sentence has no words; the message names
            the line.
    """
    block: list[TextLine] = []
    ended, second = False, 0  # whether a sentence has ended; the number of the second blank line after it
    blank = 0  # lines in a row
    for line in lines:
        blank = 0 if line.text.strip() else blank + 1
        if blank > _MOST_BLANK:
            raise DataError(f"{name} line {line.number}: more than {_MOST_BLANK:,} blank lines in a row. Remove them.")
        if not blank:
            if second and not block and not _is_mark(line.text):
                raise DataError(
                    f"{name} line {second}: an empty sentence; one blank line stands between two. Remove this line."
                )
            block.append(line)
        elif block:
            yield from _read_block(block, name, layout, tagged)
            # Blank lines after the mark of a document are no sentences.
            ended, second, block = not _is_mark(block[-1].text), 0, []
        elif ended and not second:
            second = line.number
    if block:
        yield from _read_block(block, name, layout, tagged)


def read_parallel(
    words: Iterable[TextLine],
    name: str,
    *,
    tags: Iterable[TextLine] | None,
    labels: Iterable[TextLine] | None,
    others: str = "",
) -> Iterator[Sentence]:
    """Read sentences of a line each; the same lines of other files hold their tags and labels.

    Args:
        words: lines of words, with spaces between them.
        name: of that file, in messages.
        tags: lines of as many tags; None where they are not known.
        labels: lines of one label; None where there are none.
        others: the name of the file of tags, in messages.

    Raises:
        DataError: files end at different lines, a line has fewer tags than words or more, or no words.
    """
    rows, tagged, named = _whole(words), _whole(tags), _whole(labels)
    for other, what in ((tagged, "tags"), (named, "labels")):
        if other is not None and rows is not None and len(other) != len(rows):
            raise DataError(
                f"{name} has {len(rows)} lines, and there are {len(other)} lines of {what}. "
                f"TextLine {min(len(other), len(rows)) + 1} is missing on one side; make them parallel."
            )
    for index, line in enumerate(rows or []):
        split = tuple(line.text.split())
        if not split:
            raise DataError(f"{name} line {line.number}: an empty sentence. Give it words, or remove the line.")
        marks = None if tagged is None else tuple(tagged[index].text.split())
        if marks is not None and len(marks) != len(split):
            raise DataError(
                f"{name} line {line.number} has {len(split)} words, and {others} line {line.number} {len(marks)} tags. "
                "Give every word a tag."
            )
        label = None if named is None else named[index].text.strip()
        if label == "":
            raise DataError(f"{name} line {line.number} has no label. Give it one in the file of labels.")
        yield Sentence(split, marks, label, name, line.number)


def _whole(lines: Iterable[TextLine] | None) -> list[TextLine] | None:
    """Return all lines except the blank ones at the end."""
    if lines is None:
        return None
    rows = list(lines)
    while rows and not rows[-1].text.strip():
        rows.pop()
    return rows


def _read_block(block: list[TextLine], name: str, layout: SentenceLayout, tagged: bool) -> Iterator[Sentence]:
    read = _read_conllu if layout.form == "conllu" else _read_columns
    words: list[str] = []
    tags: list[str | None] = []
    places: list[int] = []
    label = None
    for place, line in enumerate(block):
        if layout.label is not None:
            label = label or _label_in(line.text, layout.label)
        pair = read(line, name, layout, tagged, len(words))
        if pair is not None:
            # Words and tags repeat: each distinct text is kept in memory once.
            words.append(sys.intern(pair[0]))
            tags.append(None if pair[1] is None else sys.intern(pair[1]))
            places.append(place)
    if not words:
        if all(_is_mark(line.text) for line in block):
            return
        raise DataError(f"{name} line {block[0].number}: an empty sentence, with comments and no words. Remove it.")
    sentence = Sentence(
        tuple(words),
        tuple(tag for tag in tags if tag is not None) if None not in tags else None,
        label,
        name,
        block[0].number,
        tuple(line.text for line in block),
        tuple(places),
    )
    if tagged and layout.label is not None and label is None:
        raise DataError(f"{sentence.where}: the sentence has no comment `# {layout.label} = …`. Add its label.")
    yield sentence


def _read_conllu(
    line: TextLine, name: str, layout: SentenceLayout, tagged: bool, before: int
) -> tuple[str, str | None] | None:
    """Return a word and its tag; None for a comment, a range of words or an empty node."""
    if line.text.startswith("#"):
        return None
    cells = line.text.split("\t")
    if len(cells) != len(CONLLU):
        raise DataError(
            f"{_at(line, name)} has {len(cells)} columns, and CoNLL-U has {len(CONLLU)} with a tab between two. "
            "Put `_` where there is nothing."
        )
    if _NOT_A_WORD.fullmatch(cells[0]):
        return None
    if cells[0].lstrip("0") != str(before + 1):
        raise DataError(
            f"{_at(line, name)} begins with {cells[0][:40]!r}, and word {before + 1} of the sentence was expected. "
            "A blank line ends a sentence."
        )
    tag, column = cells[layout.tags], CONLLU[layout.tags]
    missing = not tag or (tag == _EMPTY and column in _NEVER_EMPTY)
    if not cells[layout.words] or (missing and tagged):
        raise DataError(
            f"{_at(line, name)} has no {column if cells[layout.words] else CONLLU[layout.words]}. Give it one."
        )
    return cells[layout.words], None if missing else tag


def _read_columns(
    line: TextLine,
    name: str,
    layout: SentenceLayout,
    tagged: bool,
    before: int,  # noqa: ARG001 - as _read_conllu
) -> tuple[str, str | None] | None:
    """Return a word and its tag; None for a comment or the mark of a document."""
    cells = _split(line.text, layout)
    if _is_mark(line.text) or (line.text.startswith("#") and len(cells) != layout.width):
        return None
    untagged = not tagged and layout.tags == layout.width - 1 == len(cells)
    if len(cells) != layout.width and not untagged:
        raise DataError(
            f"{_at(line, name)} has {len(cells)} column{'s' * (len(cells) != 1)}, and {layout.width} were expected. "
            "Give every line as many, and put a blank line behind each sentence."
        )
    if not cells[layout.words] or not (untagged or cells[layout.tags]):
        raise DataError(f"{_at(line, name)} has an empty column. Give it a word and a tag.")
    return cells[layout.words], None if untagged else cells[layout.tags]


def _at(line: TextLine, name: str) -> str:
    return f"{name} line {line.number}"


def _split(text: str, layout: SentenceLayout) -> list[str]:
    if layout.form == "conllu" or layout.tabs:
        return [cell.strip() for cell in text.split("\t")]
    return text.split()


def _is_mark(text: str) -> bool:
    return text.startswith(_DOCUMENT)


def _label_in(text: str, name: str) -> str | None:
    """Return the label that a comment gives.

    >>> _label_in("# intent = flight", "intent"), _label_in("# intent: flight", "intent"), _label_in("# a = b", "c")
    ('flight', 'flight', None)
    """
    match = re.match(rf"#\s*{re.escape(name)}\s*[=:](.*)", text)
    return match[1].strip() or None if match else None

r"""Read sentences with a word a line: CoNLL-U, and files of other columns.

>>> import io
>>> layout = SentenceLayout("columns", words=0, tags=1, width=2)
>>> lines = read_lines(io.BytesIO(b"so RB\ngood JJ\n\nno UH\n"), "a.conll")
>>> [(one.words, one.tags, one.where) for one in read_blocks(lines, "a.conll", layout)]
[(('so', 'good'), ('RB', 'JJ'), 'a.conll line 1'), (('no',), ('UH',), 'a.conll line 4')]
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from elman.data.sentences.cells import is_blank, put_cell, split_cells
from elman.data.sentences.layout import CONLLU, SentenceLayout
from elman.data.tables.records import TextLine, WrongLines, read_lines
from elman.errors import DataError

__all__ = ["Sentence", "read_blocks", "read_lines"]

_EMPTY = "_"
_MOST_BLANK = 1000
_NEVER_EMPTY = {"upos", "xpos"}
_NOT_A_WORD = re.compile(r"[0-9]+(-[0-9]+|\.[0-9]+)")  # a range of words, an empty node
_DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True)
class Sentence:
    """One sentence, with its lines as they were read.

    Attributes:
        words: T of them.
        tags: T of them; None where they are not known.
        label: of the whole sentence; None where it is not known.
        name: of the file.
        first: the number of its first line.
        lines: its lines, unchanged, with those between it and the sentence before; empty where the whole sentence is
            one line.
        places: (T,) the index in `lines` of each word.
        ended: whether a blank line ended it.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None
    label: str | None
    name: str
    first: int
    lines: tuple[str, ...] = ()
    places: tuple[int, ...] = ()
    ended: bool = True

    @property
    def where(self) -> str:
        """The file and line of the first word, for messages."""
        return f"{self.name} line {self.line_of(0)}"

    def where_is(self, index: int) -> str:
        """Return the file and line of a word, for messages."""
        return f"{self.name} line {self.line_of(index)}" + ("" if self.places else f", word {index + 1}")

    def line_of(self, index: int) -> int:
        """Return the number of the line of a word."""
        return self.first + (self.places[index] if self.places else 0)

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
            lines[place] = put_cell(lines[place], layout.separator, layout.tags, tag)
        start = _count_leading(lines[: self.places[0]], layout)
        before, own = lines[:start], lines[start:]
        for place, line in enumerate(before):
            if layout.tags == layout.width and _is_header(line, layout):
                before[place] = put_cell(line, layout.separator, layout.tags, layout.tag_name)
        if label is not None and layout.label is not None:
            others = [line for line in own if _label_in(line, layout.label) is None]
            own = [f"# {layout.label} = {label}", *others]
        return "\n".join([*before, *own]) + ("\n\n" if self.ended else "\n")


class _Word(NamedTuple):
    """A word of a line, its tag, its cell of the column of ids, and the number of its cells."""

    word: str
    tag: str | None
    id: str = ""
    width: int = 0


def read_blocks(
    lines: Iterable[TextLine],
    name: str,
    layout: SentenceLayout,
    *,
    tagged: bool = True,
    wrong: WrongLines | None = None,
) -> Iterator[Sentence]:
    """Read sentences with a word a line, as they arrive; blank lines end one, or a new number in the column of ids.

    Args:
        lines: of one file.
        name: of the file, in messages.
        layout: of the form `conllu` or `columns`.
        tagged: whether every word must have a tag, and every sentence the label that the layout names.
        wrong: gathers the lines that cannot be read, whose sentences are then left out; None to refuse the first.

    Raises:
        DataError: a column is missing or empty, words are out of order, or a sentence has no words; the message names
            the line.
    """
    reader = _BlockReader(name, layout, tagged, wrong)
    for line in lines:
        sentence = reader.take(line)
        if sentence is not None:
            yield sentence
    sentence = reader.end(blank=layout.ids is None)
    if sentence is not None:
        yield sentence


class _BlockReader:
    """The lines of a sentence that is not complete yet, and its words."""

    def __init__(self, name: str, layout: SentenceLayout, tagged: bool, wrong: WrongLines | None) -> None:
        self._name, self._layout, self._tagged, self._wrong = name, layout, tagged, wrong
        self._read = _read_conllu if layout.form == "conllu" else _read_columns
        self._lines: list[TextLine] = []
        self._words: list[_Word] = []
        self._places: list[int] = []
        self._failed = False
        self._blank = 0  # lines in a row
        self._first = bool(layout.header)
        self._ids: set[str] = set()
        self._id = self._first_id = ""

    def take(self, line: TextLine) -> Sentence | None:
        """Read a line; return the sentence that it ends."""
        if is_blank(line.text):
            return self._take_blank(line)
        self._blank = 0
        first, self._first = self._first, False
        if first and _is_header(line.text, self._layout):
            self._lines.append(line)
            return None
        ended = None
        try:
            if "\r" in line.text:
                reason = "has a carriage return within. Write its line ends as LF."
                raise DataError(f"{_at(line, self._name)} {reason}")
            before = None if self._failed else self._words
            word = self._read(line, self._name, self._layout, self._tagged, before)
            if word is not None and self._begins(word, line):
                ended = self.end(blank=False)
        except DataError as error:
            self._refuse(line.number, error)
            return None
        if word is not None:
            # Words and tags repeat: each distinct text is kept in memory once.
            self._places.append(len(self._lines))
            self._words.append(word._replace(word=sys.intern(word.word), tag=word.tag and sys.intern(word.tag)))
        self._lines.append(line)
        return ended

    def end(self, blank: bool = True) -> Sentence | None:
        """Return the sentence, if there is one, and begin the next."""
        lines, words, places, failed = self._lines, self._words, self._places, self._failed
        self._lines, self._words, self._places, self._failed = [], [], [], False
        if failed:
            return None
        if not words:
            if self._layout.form == "conllu" and any(not is_blank(line.text) for line in lines):
                first = next(line.number for line in lines if not is_blank(line.text))
                reason = f"{self._name} line {first}: an empty sentence, with comments and no words. Remove it."
                self._refuse(first, DataError(reason))
                self._failed = False
            return None
        tags = tuple(word.tag for word in words if word.tag is not None)
        sentence = Sentence(
            tuple(word.word for word in words),
            tags if len(tags) == len(words) else None,
            self._find_label(lines),
            self._name,
            lines[0].number,
            tuple(line.text for line in lines),
            tuple(places),
            blank,
        )
        if self._tagged and self._layout.label is not None and sentence.label is None:
            reason = f"{sentence.where}: the sentence has no comment `# {self._layout.label} = …`. Add its label."
            self._refuse(lines[places[0]].number, DataError(reason))
            self._failed = False
            return None
        return sentence

    def _take_blank(self, line: TextLine) -> Sentence | None:
        self._blank += 1
        if self._blank > _MOST_BLANK:
            raise DataError(
                f"{self._name} line {line.number}: more than {_MOST_BLANK:,} blank lines in a row. Remove them."
            )
        if self._words or self._failed:
            return self.end()
        if self._layout.form == "conllu" and any(not is_blank(other.text) for other in self._lines):
            self.end()
        self._lines.append(line)
        return None

    def _begins(self, word: _Word, line: TextLine) -> bool:
        """Return whether a word begins a sentence by its number in the column of ids."""
        if self._layout.ids is None or not word.id:
            return False
        if self._layout.counted:
            return word.id == "1" and bool(self._words)
        if word.id == self._id:
            return False
        if word.id == self._first_id:
            self._ids.clear()  # the numbers begin anew, as in every document
        if word.id in self._ids:
            raise DataError(
                f"{_at(line, self._name)}: sentence {word.id[:40]!r} goes on here, behind others. Sort the lines by "
                "sentence."
            )
        self._first_id = self._first_id or word.id
        self._id = word.id
        self._ids.add(word.id)
        return bool(self._words)

    def _find_label(self, lines: Sequence[TextLine]) -> str | None:
        name = self._layout.label
        labels = [] if name is None else [_label_in(line.text, name) for line in lines]
        return next(filter(None, labels), None)

    def _refuse(self, number: int, error: DataError) -> None:
        if self._wrong is None:
            raise error
        self._wrong.add(number, str(error))
        self._failed = True


def _read_conllu(
    line: TextLine, name: str, layout: SentenceLayout, tagged: bool, before: Sequence[_Word] | None
) -> _Word | None:
    """Return a word; None for a comment, a range of words or an empty node.

    `before` are the words of the sentence so far; None where a line of it is wrong.
    """
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
    if before is not None and cells[0].lstrip("0") != str(len(before) + 1):
        raise DataError(
            f"{_at(line, name)} begins with {cells[0][:40]!r}, and word {len(before) + 1} of the sentence was "
            "expected. A blank line ends a sentence."
        )
    tag, column = cells[layout.tags], CONLLU[layout.tags]
    missing = not tag or (tag == _EMPTY and column in _NEVER_EMPTY)
    if not cells[layout.words] or (missing and tagged):
        raise DataError(
            f"{_at(line, name)} has no {column if cells[layout.words] else CONLLU[layout.words]}. Give it one."
        )
    return _Word(cells[layout.words], None if missing else tag)


def _read_columns(
    line: TextLine, name: str, layout: SentenceLayout, tagged: bool, before: Sequence[_Word] | None
) -> _Word | None:
    """Return a word; None for a comment or the mark of a document."""
    cells = split_cells(line.text, layout.separator)
    width = layout.width
    if layout.varying and len(cells) > width:
        width = before[0].width if before else len(cells)
    if line.text.startswith(_DOCUMENT) or (line.text.startswith("#") and len(cells) != width):
        return None
    if len(cells) != width:
        raise DataError(
            f"{_at(line, name)} has {len(cells)} column{'s' * (len(cells) != 1)}, and {width} were expected. "
            "Give every line as many, and put a blank line behind each sentence."
        )
    word, tag = cells[layout.words], cells[layout.tags] if layout.tags < len(cells) else ""
    if not word or (tagged and not tag):
        raise DataError(f"{_at(line, name)} has an empty column. Give it a word and a tag.")
    return _Word(word, tag or None, "" if layout.ids is None else cells[layout.ids], len(cells))


def _at(line: TextLine, name: str) -> str:
    return f"{name} line {line.number}"


def _is_header(text: str, layout: SentenceLayout) -> bool:
    return bool(layout.header) and tuple(split_cells(text, layout.separator)) == layout.header[: layout.width]


def _count_leading(lines: Sequence[str], layout: SentenceLayout) -> int:
    """Count the lines before a sentence that are not its own: up to the last blank line, document mark or header."""
    return max(
        (
            at + 1
            for at, text in enumerate(lines)
            if is_blank(text) or text.startswith(_DOCUMENT) or _is_header(text, layout)
        ),
        default=0,
    )


def _label_in(text: str, name: str) -> str | None:
    """Return the label that a comment gives.

    >>> _label_in("# intent = flight", "intent"), _label_in("# intent: flight", "intent"), _label_in("# a = b", "c")
    ('flight', 'flight', None)
    """
    match = re.match(rf"#\s*{re.escape(name)}\s*[=:](.*)", text)
    return match[1].strip() or None if match else None

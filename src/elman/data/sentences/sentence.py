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
        further: (T,) the values of further columns of each word; empty where none are read.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None
    label: str | None
    name: str
    first: int
    lines: tuple[str, ...] = ()
    places: tuple[int, ...] = ()
    ended: bool = True
    further: tuple[tuple[str, ...], ...] = ()

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
        self._read = self._read_conllu if layout.form == "conllu" else self._read_columns
        self._separator, self._width = layout.separator, layout.width
        self._columns = layout.words, layout.tags
        self._lines: list[TextLine] = []
        self._words: list[str] = []
        self._tags: list[str | None] = []
        self._further: list[tuple[str, ...]] = []
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
        if self._first:
            self._first = False
            if _is_header(line.text, self._layout):
                self._lines.append(line)
                return None
        ended = None
        try:
            if "\r" in line.text:
                raise DataError(f"{self._at(line)} has a carriage return within. Write its line ends as LF.")
            pair = self._read(line)
            further = self._read_further(line) if pair is not None and self._layout.further else ()
            if pair is not None and self._layout.ids is not None and self._begins(line):
                ended = self.end(blank=False)
        except DataError as error:
            self._refuse(line.number, error)
            return None
        if pair is not None:
            word, tag = pair
            # Words and tags repeat: each distinct text is kept in memory once.
            self._words.append(sys.intern(word))
            self._tags.append(None if tag is None else sys.intern(tag))
            if further:
                self._further.append(further)
            self._places.append(len(self._lines))
        self._lines.append(line)
        return ended

    def end(self, blank: bool = True) -> Sentence | None:
        """Return the sentence, if there is one, and begin the next."""
        lines, words, tags, places, failed = self._lines, self._words, self._tags, self._places, self._failed
        further = tuple(self._further)
        self._lines, self._words, self._tags, self._places, self._failed = [], [], [], [], False
        self._further = []
        if failed:
            return None
        if not words:
            if self._layout.form == "conllu" and any(not is_blank(line.text) for line in lines):
                first = next(line.number for line in lines if not is_blank(line.text))
                reason = f"{self._name} line {first}: an empty sentence, with comments and no words. Remove it."
                self._refuse(first, DataError(reason))
                self._failed = False
            return None
        sentence = Sentence(
            tuple(words),
            None if None in tags else tuple(tag for tag in tags if tag is not None),
            self._find_label(lines),
            self._name,
            lines[0].number,
            tuple(line.text for line in lines),
            tuple(places),
            blank,
            further,
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

    def _begins(self, line: TextLine) -> bool:
        """Return whether a line begins a sentence by its number in the column of ids."""
        assert self._layout.ids is not None
        own = split_cells(line.text, self._separator)[self._layout.ids]
        if self._layout.counted:
            return own == "1" and bool(self._words)
        if not own or own == self._id:
            return False
        if own == self._first_id:
            self._ids.clear()  # the numbers begin anew, as in every document
        if own in self._ids:
            reason = f"sentence {own[:40]!r} goes on here, behind others. Sort the lines by sentence."
            raise DataError(f"{self._at(line)}: {reason}")
        self._first_id = self._first_id or own
        self._id = own
        self._ids.add(own)
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

    def _read_conllu(self, line: TextLine) -> tuple[str, str | None] | None:
        """Return a word and its tag; None for a comment, a range of words or an empty node."""
        if line.text.startswith("#"):
            return None
        cells = line.text.split("\t")
        if len(cells) != len(CONLLU):
            raise DataError(
                f"{self._at(line)} has {len(cells)} columns, and CoNLL-U has {len(CONLLU)} with a tab between two. "
                "Put `_` where there is nothing."
            )
        if _NOT_A_WORD.fullmatch(cells[0]):
            return None
        number = len(self._words) + 1
        if cells[0].lstrip("0") != str(number) and not self._failed:
            raise DataError(
                f"{self._at(line)} begins with {cells[0][:40]!r}, and word {number} of the sentence was expected. "
                "A blank line ends a sentence."
            )
        words, tags = self._columns
        word, tag = cells[words], cells[tags]
        missing = not tag or (tag == _EMPTY and CONLLU[tags] in _NEVER_EMPTY)
        if not word or (missing and self._tagged):
            raise DataError(f"{self._at(line)} has no {CONLLU[tags if word else words]}. Give it one.")
        return word, None if missing else tag

    def _read_columns(self, line: TextLine) -> tuple[str, str | None] | None:
        """Return a word and its tag; None for a comment or the mark of a document."""
        cells = split_cells(line.text, self._separator)
        if line.text.startswith(_DOCUMENT) or (self._layout.varying and line.text.startswith("#")):
            return None
        if len(cells) != self._width and not self._varies(cells):
            if line.text.startswith("#"):
                return None
            raise DataError(
                f"{self._at(line)} has {len(cells)} column{'s' * (len(cells) != 1)}, and {self._width} were expected. "
                "Give every line as many, and put a blank line behind each sentence."
            )
        words, tags = self._columns
        if line.text.startswith("#") and words > 0 and not cells[-1]:  # a comment may have as many cells
            return None
        word, tag = cells[words], cells[tags] if tags < len(cells) else None
        if not word or (self._tagged and not tag):
            raise DataError(f"{self._at(line)} has an empty column. Give it a word and a tag.")
        return word, tag or None

    def _read_further(self, line: TextLine) -> tuple[str, ...]:
        """Return the values of the further columns of a word."""
        cells = split_cells(line.text, self._separator)
        self._layout.require_further(len(cells), self._at(line))
        values = tuple(sys.intern(cells[index]) for index in self._layout.further)
        for value, name in zip(values, self._layout.further_names, strict=True):
            if not value:
                raise DataError(f"{self._at(line)} has an empty column {name}. Put `{_EMPTY}` where there is nothing.")
        return values

    def _varies(self, cells: Sequence[str]) -> bool:
        """Return whether a line may have so many cells: where sentences differ, its first word decides."""
        if not self._layout.varying or self._words or len(cells) < self._layout.width:
            return False
        self._width = len(cells)
        return True

    def _at(self, line: TextLine) -> str:
        return f"{self._name} line {line.number}"


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

"""Infer the form of a file of tagged sentences, and its columns, from its first lines.

A header is recognised by the names of its columns, such as `word` and `tag`, or by a tag
that is written unlike all others; a column of sentence numbers by its name,
or by numbers that several lines in a row have, or only the first line of each sentence.

>>> lines = ["Sentence #,Word,POS,Tag", "Sentence: 1,so,RB,O", ",good,JJ,O", "Sentence: 2,no,UH,O"]
>>> head = Head("a.csv", lines, suffix=".csv")
>>> head.separator, head.header, head.ids
(',', ('Sentence #', 'Word', 'POS', 'Tag'), 0)
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from elman.data.sentences.cells import SEPARATORS, is_blank, split_cells
from elman.data.sentences.layout import CONLLU, SentenceLayout
from elman.errors import DataError
from elman.phrases import name_some

_ALIKE = 0.6  # of the lines that are not blank have as many columns, if they have any
_MARKED = 0.9  # of the lines have as many cells, where a mark such as a comma separates them
_COLUMN_SUFFIXES = {".conll", ".iob", ".iob2", ".bio", ".bioes", ".iobes", ".col", ".tsv", ".csv"}
_WORDS = {"word", "words", "token", "tokens", "form", "forms", "text"}
_TAGS = {
    "tag",
    "tags",
    "label",
    "labels",
    "pos",
    "upos",
    "xpos",
    "ner",
    "chunk",
    "entity",
    "slot",
    "slots",
    "iob",
    "bio",
}
_TAGS |= {
    f"{name}{mark}{end}"
    for name in ("pos", "ner", "chunk", "iob")
    for mark in ("", "_", " ")
    for end in ("tag", "tags")
}
_IDS = re.compile(r"(sentences?|sents?)([ _.\-#]*(id|ids|idx|index|no|nr|num|number))?[ _.\-#]*|sid")
_NUMBERED = re.compile(r"\D{0,20}\d+")
_INDEX = re.compile(r"\d+([-.]\d+)?")
_CHUNK, _CAPITALS = re.compile(r"O|[BIESLU]-.+"), re.compile(r"[^a-z]+")
_PREFIXED = re.compile(r"[A-Za-z]-.+")
_FEW_TAGS = 20  # too few to tell by them that the first line is a header
_MOST_NAMES = 12


class Head:
    """The first lines of a file.

    Args:
        name: of the file.
        lines: its first lines, without blank ones at the end.
        like: the layout of a model's training data.
        suffix: of the file; empty where it has none.

    Attributes:
        rows: the lines that are neither blank nor comments nor marks of documents.
    """

    def __init__(self, name: str, lines: Sequence[str], like: SentenceLayout | None = None, suffix: str = "") -> None:
        self.name, self.lines, self._like = name, lines, like
        self.rows = [text for text in lines if not is_blank(text) and not _is_comment(text)]
        self._suffix = suffix

    @cached_property
    def form(self) -> str:
        """What the file looks like: `conllu`, `columns`, or `parallel` for a sentence a line."""
        if self._suffix == ".conllu":
            return "conllu"
        first = next((text for text in self.rows if not text.startswith("#")), "")
        cells = first.split("\t")
        if len(cells) == len(CONLLU) and re.fullmatch(r"1(-\d+)?", cells[0]):
            return "conllu"
        if self._suffix in _COLUMN_SUFFIXES or len(cells) > 1 or self.separator is not None:
            return "columns"
        widths = Counter(len(split_cells(text, None)) for text in self.lines)
        blank = widths.pop(0, 0)
        if blank:
            return "columns" if max(widths.values()) > _ALIKE * widths.total() else "parallel"
        return (
            "columns"
            if len(widths) == 1 and len(self.rows) > 1 and (self.header or self.ids is not None)
            else "parallel"
        )

    @cached_property
    def separator(self) -> str | None:
        """What separates two columns: a tab, a mark such as a comma, or None for any spaces."""
        if self._like is not None and self._like.mark and all(self._like.mark in text for text in self.rows):
            return self._like.mark
        tabbed = sum("\t" in text for text in self.rows)
        if tabbed == len(self.rows) > 0:
            return "\t"
        if tabbed:
            # Tabs in some lines and spaces in others: both separate, if all lines then have as many columns.
            spaced = {len(split_cells(text, None)) for text in self.rows}
            return None if len(spaced) == 1 or tabbed < _ALIKE * len(self.rows) else "\t"
        spaced_out = sum(len(split_cells(text, None)) > 1 for text in self.rows)
        if self._suffix != ".csv" and spaced_out > (1 - _MARKED) * len(self.rows):
            return None
        for mark in SEPARATORS:
            width, count = _most_common([len(split_cells(text, mark)) for text in self.rows])
            if width > 1 and count >= _MARKED * len(self.rows) and (len(self.rows) > 1 or self._suffix == ".csv"):
                return mark
        return None

    @cached_property
    def cells(self) -> list[list[str]]:
        """The cells of each row."""
        return [split_cells(text, self.separator) for text in self.rows]

    @cached_property
    def width(self) -> int:
        """How many columns most rows have."""
        return _most_common([len(cells) for cells in self.cells])[0]

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The names of the columns in the first row; empty where it has none."""
        first, rest = tuple(self.cells[0]), self.cells[1:]
        low = [name.lower() for name in first]
        if self._like is not None and self._like.header and self._like.header[self._like.words] in first:
            return first
        named = [name for name in low if name in _TAGS or _IDS.fullmatch(name)]
        tags = [cells[-1] for cells in rest]
        if len(first) < 2 or first[-1] in tags:  # the name of a column is no tag of any word
            return ()
        return first if (_WORDS & set(low) and named) or _is_unlike(first[-1], tags) else ()

    @cached_property
    def ids(self) -> int | None:
        """The column of sentence numbers; None where there is none."""
        for index, name in enumerate(self.header):
            if _IDS.fullmatch(name.lower()):
                return index
        columns = range(self.width) if self.is_unbroken else range(0)
        return next((index for index in columns if self.width > 2 and self._is_numbering(index)), None)

    @property
    def is_unbroken(self) -> bool:
        """Whether no blank line is among the first lines."""
        return not any(map(is_blank, self.lines))

    @cached_property
    def counted(self) -> bool:
        """Whether the first column counts the words of each sentence."""
        column = [cells[0] for cells in self.cells[bool(self.header) :]]
        if len(column) < 2 or column[0] != "1" or not all(map(_INDEX.fullmatch, column)):
            return False
        numbers = [int(cell) for cell in column if cell.isdigit()]
        return all(after in (1, before + 1) for before, after in itertools.pairwise(numbers))

    def may_number(self, index: int) -> bool:
        """Return whether a column may have sentence numbers, by its cells alone."""
        column = [cells[index] for cells in self.cells[bool(self.header) :] if index < len(cells)]
        return all(not cell or _NUMBERED.fullmatch(cell) is not None for cell in column)

    def _is_numbering(self, index: int) -> bool:
        column = [cells[index] if index < len(cells) else "" for cells in self.cells[bool(self.header) :]]
        filled = [cell for cell in column if cell]
        if not filled or not column[0] or not all(map(_NUMBERED.fullmatch, filled)):
            return False
        if len(filled) < len(column):
            return len(set(filled)) == len(filled)
        numbers = [int(re.sub(r"\D", "", cell)) for cell in column]
        steps = {after - before for before, after in itertools.pairwise(numbers)}
        return steps == {0, 1}


def _is_sentence_with_tags(text: str) -> bool:
    words, _, tags = (part.split() for part in text.partition("\t"))
    return len(words) > 1 and abs(len(tags) - len(words)) <= 1


def _is_comment(text: str) -> bool:
    """Return whether a line is a comment or the mark of a document; a `#` with a tag behind it is a word."""
    return text.startswith(("-DOCSTART-", "# ")) or (text.startswith("#\t") and text.endswith("\t"))


def infer_layout(
    head: Head,
    words: str | None,
    tags: str | None,
    label: str | None,
    tagged: bool,
    further: str | None = None,
) -> tuple[SentenceLayout, list[str]]:
    """Infer the layout of a file with a word a line.

    Args:
        head: its first lines.
        words: the column of the words, by its number from 1 or by its name; None to infer it.
        tags: that of the tags.
        label: the name of the comment that holds the label of a sentence.
        tagged: whether tags are required.
        further: further columns to read, with commas between them.

    Returns:
        The layout, and notes for the user.

    Raises:
        DataError: a named column does not exist, or words and tags have no column of their own.
    """
    if not head.rows:
        raise DataError(f"{head.name} has only comments. Give a file with sentences.")
    if all(map(_is_sentence_with_tags, head.rows)):
        raise DataError(
            f"{head.name} has a sentence and its tags on each line, a tab between them. Write two files, such as by "
            "cut -f1 and cut -f2, and give both."
        )
    header, width = head.header, head.width
    counted = head.counted and width > 2 and head.ids is None
    low = [name.lower() for name in header]
    ids = head.ids
    if counted and ids is None and head.is_unbroken and sum(cells[0] == "1" for cells in head.cells) > 1:
        ids = 0
    usual = next((low.index(name) for name in low if name in _WORDS), None) if header else None
    others = [index for index in range(width) if index != ids]
    word = _find_column(words, header, width, head.name, usual if usual is not None else (1 if counted else others[0]))
    last = [index for index in others if index != word]
    tag = _find_column(tags, header, width, head.name, last[-1] if last else word)
    mark = head.separator if head.separator in SEPARATORS else ""
    layout = SentenceLayout(
        "columns", word, tag, width, head.separator == "\t", label, mark or "", header, ids, counted and ids == 0
    )
    if not tagged and width == 1 and not further:
        return replace(layout, words=0, tags=1, width=1), []
    if width < 2 or word == tag:
        raise DataError(
            f"{head.name} has {width} column{'s' * (width != 1)}, and a word and its tag need two. "
            "Put a tag behind each word, or give a second file with the tags."
        )
    layout = name_further(layout, further, head.name, lambda name: _find_column(name, header, width, head.name, word))
    widths = {len(cells) for cells in head.cells if not cells[0].startswith("#")} or {width}
    if max(word, tag, *layout.further) < min(widths) < max(widths) and words is not None and tags is not None:
        layout = replace(layout, width=min(widths), varying=True, header=())
    return layout, [describe(head.name, layout)]


def name_further(layout: SentenceLayout, further: str | None, file: str, find: Callable[[str], int]) -> SentenceLayout:
    """Return a layout with further columns to read beside each word.

    Args:
        layout: without them.
        further: their names or numbers, with commas between them; None for none.
        file: the name of the file, in messages.
        find: returns the index of a column.

    Raises:
        DataError: a column does not exist, is that of the words or of the tags, or is named twice.
    """
    if further is None:
        return layout
    indices: list[int] = []
    taken = {layout.words: "the words", layout.tags: "the tags", layout.ids: "the sentence numbers"}
    for name in (part.strip() for part in further.split(",")):
        index = find(name)
        if index in taken:
            raise DataError(
                f"{file}: column {name} is that of {taken[index]}, and cannot be read beside the words too."
            )
        taken[index] = f"{name}, which is named before"
        indices.append(index)
    names = CONLLU if layout.form == "conllu" else layout.header
    named = tuple(names[index] if names else str(index + 1) for index in indices)
    return replace(layout, further=tuple(indices), further_names=named)


def describe(name: str, layout: SentenceLayout) -> str:
    """Describe the columns of a file, for the user."""
    shown = [
        f"{index + 1}" + (f" ({layout.header[index]!r})" if layout.header else "")
        for index in (layout.words, layout.tags)
    ]
    columns = f"at least {layout.width}" if layout.varying else f"{layout.width}"
    note = f"{name} has {columns} columns; the word is column {shown[0]}, the tag column {shown[1]}"
    if layout.further:
        note += (
            f"; beside each word {name_some(layout.further_names)} {'is' if len(layout.further) == 1 else 'are'} read"
        )
    if layout.ids is None:
        return f"{note}."
    return f"{note}, and column {layout.ids + 1} " + (
        "counts the words of each sentence." if layout.counted else "numbers the sentences."
    )


def adapt_layout(head: Head, like: SentenceLayout, tagged: bool) -> SentenceLayout:
    """Return the layout of another file with a word a line, whose columns are those of a model's training data.

    Columns are matched by name where both files have a header, else by position.

    Args:
        head: the first lines of the file.
        like: the layout of the training data.
        tagged: whether tags are required.

    Raises:
        DataError: a column is missing.
    """
    found = _adapt(head, like, tagged)
    found.require_further(min(head.width, found.width), head.name)
    return found


def _adapt(head: Head, like: SentenceLayout, tagged: bool) -> SentenceLayout:
    if not head.rows:
        raise DataError(f"{head.name} has only comments. Give a file with sentences.")
    header, width = head.header, head.width
    mark = head.separator if head.separator in SEPARATORS else ""
    own = replace(
        like, tabs=head.separator == "\t" if width > 1 else like.tabs, mark=mark or (like.mark if width == 1 else "")
    )
    if like.varying:
        return own
    if header and like.header:
        return _match_names(head, own, tagged)
    if header:
        words = next((index for index, name in enumerate(header) if name.lower() in _WORDS), None)
        if words is None or own.further:
            return replace(_match_places(head, own, tagged), header=header)
        last = [index for index in range(width) if index not in (words, head.ids)]
        own = replace(own, header=header, words=words, width=width, ids=head.ids, counted=False)
        return replace(own, tags=last[-1]) if last else _append_tags(own, like, width)
    return _match_places(head, own, tagged)


def _match_names(head: Head, own: SentenceLayout, tagged: bool) -> SentenceLayout:
    header, like = head.header, own.header
    word, tag = like[own.words], own.tag_name
    needed = [word, *([tag] if tagged else []), *own.further_names]
    missing = next((name for name in needed if name not in header), None)
    if missing is not None:
        raise DataError(
            f"{head.name} has no column {missing!r}; its columns are {name_some(header, _MOST_NAMES)}. Add it."
        )
    ids = header.index(like[own.ids]) if own.ids is not None and like[own.ids] in header else head.ids
    _require_ends(head, own, ids)
    further = tuple(header.index(name) for name in own.further_names)
    found = replace(own, header=header, width=len(header), words=header.index(word), ids=ids, further=further)
    return replace(found, tags=header.index(tag)) if tag in header else _append_tags(found, own, len(header))


def _match_places(head: Head, own: SentenceLayout, tagged: bool) -> SentenceLayout:
    width, own = head.width, replace(own, header=())
    if own.ids is not None and width < own.width and not (own.ids < width and head.may_number(own.ids)):
        # A file without the column of sentence numbers: the other columns move to its place.
        own = replace(
            own,
            words=own.words - (own.words > own.ids),
            tags=own.tags - (own.tags > own.ids),
            width=own.width - 1,
            further=tuple(index - (index > own.ids) for index in own.further),
        )
        _require_ends(head, own, None)
        own = replace(own, ids=None)
    if width == own.width:
        return own
    if not tagged and width == own.width - 1 == own.tags:
        return _append_tags(own, own, width)
    if not tagged and width == 1:
        return _append_tags(replace(own, words=0, ids=None, counted=False), own, 1)
    raise DataError(
        f"{head.name} has {width} column{'s' * (width != 1)}, and the training data of the model had {own.width}. "
        "Give it the same columns" + (", the one of tags may be missing." if not tagged else ".")
    )


def _append_tags(layout: SentenceLayout, like: SentenceLayout, width: int) -> SentenceLayout:
    """Return a layout whose tags are a new last column."""
    header = (*layout.header[:width], like.tag_name) if layout.header else ()
    return replace(layout, tags=width, width=width, header=header)


def _require_ends(head: Head, own: SentenceLayout, ids: int | None) -> None:
    """Refuse a file in which nothing ends a sentence.

    Raises:
        DataError: it has neither blank lines nor sentence numbers, and the training data had numbers.
    """
    if own.ids is not None and ids is None and head.is_unbroken and len(head.rows) > 1:
        raise DataError(
            f"{head.name} has neither blank lines nor a column that numbers the sentences, as the training data had. "
            "Add one of the two."
        )


def _find_column(column: str | None, header: Sequence[str], width: int, name: str, usual: int) -> int:
    """Return the index of a column that is given by its name or its number from 1."""
    if column is None:
        return usual
    if column in header:
        return header.index(column)
    if not column.isdecimal() or not 1 <= int(column) <= width:
        known = f": {name_some(header, _MOST_NAMES)}" if header else ""
        raise DataError(f"{name} has {width} columns{known}, and {column!r} names none of them. Give a number from 1.")
    return int(column) - 1


def _is_unlike(name: str, tags: Sequence[str]) -> bool:
    """Return whether a text cannot be a tag: all tags are written in capitals, or mark chunks, and it is not."""
    if len(tags) < _FEW_TAGS or _PREFIXED.fullmatch(name):
        return False
    return any(not pattern.fullmatch(name) and all(map(pattern.fullmatch, tags)) for pattern in (_CHUNK, _CAPITALS))


def _most_common(widths: Sequence[int]) -> tuple[int, int]:
    return Counter(widths).most_common(1)[0] if widths else (0, 0)

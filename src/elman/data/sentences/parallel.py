r"""Read sentences of a line each from parallel files: words, tags, and perhaps labels.

>>> import io
>>> words, tags = (read_lines(io.BytesIO(raw), "a") for raw in (b"so good\nno\n", b"RB JJ\nUH\n"))
>>> [(one.words, one.tags) for one in read_parallel(words, "words.txt", tags=tags, labels=None, others="tags.txt")]
[(('so', 'good'), ('RB', 'JJ')), (('no',), ('UH',))]
"""

from collections.abc import Iterable, Iterator

from elman.data.sentences.cells import is_blank, split_cells
from elman.data.sentences.sentence import Sentence
from elman.data.tables.records import TextLine, WrongLines, read_lines
from elman.errors import DataError
from elman.phrases import counted

__all__ = ["read_lines", "read_parallel"]


def read_parallel(
    words: Iterable[TextLine],
    name: str,
    *,
    tags: Iterable[TextLine] | None,
    labels: Iterable[TextLine] | None,
    others: str = "",
    wrong: WrongLines | None = None,
) -> Iterator[Sentence]:
    """Read sentences of a line each; the same lines of other files hold their tags and labels.

    A line that is blank in the files of words and of tags separates nothing, and is left out.

    Args:
        words: lines of words, with spaces between them.
        name: of that file, in messages.
        tags: lines of as many tags; None where they are not known.
        labels: lines of one label; None where there are none.
        others: the name of the file of tags, in messages.
        wrong: gathers the lines that cannot be read, which are then left out; None to refuse the first.

    Raises:
        DataError: files end at different lines, a line has fewer tags than words or more, or no words.
    """
    rows, tagged, named = _whole(words), _whole(tags), _whole(labels)
    for other, what in ((tagged, "tags"), (named, "labels")):
        if other is not None and rows is not None and len(other) != len(rows):
            raise DataError(
                f"{name} has {len(rows)} lines, and there are {len(other)} lines of {what}. "
                f"Line {min(len(other), len(rows)) + 1} is missing on one side; make them parallel."
            )
    for index, line in enumerate(rows or []):
        own, label = (None if column is None else column[index].text for column in (tagged, named))
        if own is not None and is_blank(line.text + own + (label or "")):
            continue
        try:
            yield _read_line(line, own, label, name, others)
        except DataError as error:
            if wrong is None:
                raise
            wrong.add(line.number, str(error))


def _read_line(line: TextLine, tags: str | None, label: str | None, name: str, others: str) -> Sentence:
    words = tuple(split_cells(line.text, None))
    if not words:
        raise DataError(f"{name} line {line.number}: an empty sentence. Give it words, or remove the line.")
    own = None if tags is None else tuple(split_cells(tags, None))
    if own is not None and len(own) != len(words):
        raise DataError(
            f"{name} line {line.number} has {counted(len(words), 'word')}, and {others} line {line.number} "
            f"{counted(len(own), 'tag')}. "
            "Give every word a tag."
        )
    if label is not None and not label.strip():
        raise DataError(f"{name} line {line.number} has no label. Give it one in the file of labels.")
    return Sentence(words, own, label and label.strip(), name, line.number)


def _whole(lines: Iterable[TextLine] | None) -> list[TextLine] | None:
    """Return all lines except the blank ones at the end."""
    if lines is None:
        return None
    rows = list(lines)
    while rows and is_blank(rows[-1].text):
        rows.pop()
    return rows

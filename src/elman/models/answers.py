r"""Write the answers of a model as a table, behind the rows of a table, or as JSON lines.

>>> print(*write_answers([[{"text": "so bad", "prediction": "neg"}]], delimiter=","), end="")
text,prediction
so bad,neg
>>> print(*write_answers([[{"labels": ("a", "b"), "score": float("nan")}]], delimiter=None), end="")
{"labels": ["a", "b"], "score": null}
"""

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from elman.data.examples.arriving import Row
from elman.errors import DataError
from elman.models.finite import as_json
from elman.phrases import name_some


class WrittenTable(Protocol):
    """The form of a table whose rows are answered.

    Attributes:
        delimiter: between cells; None for JSON lines.
        header: the lines of the header as they were written, known with the first row; empty where there is none.
    """

    delimiter: str | None
    header: str


class NamedRows:
    """Rows that are no rows of a table, such as files of sound with their names; they are written as CSV."""

    delimiter: str | None = ","
    header = ""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)


def write_answers(chunks: Iterable[Sequence[Mapping[str, Any]]], delimiter: str | None) -> Iterator[str]:
    """Write rows as text, one piece for each chunk, as soon as the chunk is known.

    Args:
        chunks: rows with the same columns; no chunk is empty.
        delimiter: the character between two cells; None for JSON.
    """
    begun = False
    for rows in chunks:
        if delimiter is None:
            yield "".join(f"{as_json(row)}\n" for row in rows)
            continue
        header = "" if begun else _write_cells(rows[0], delimiter)
        begun = True
        yield header + "".join(_write_cells(row.values(), delimiter) for row in rows)


def append_answers(
    chunks: Iterable[Sequence[tuple[Row, Mapping[str, Any]]]],
    table: WrittenTable,
    note: Callable[[str], None],
    *,
    taken: Collection[str] = (),
    json: bool = False,
) -> Iterator[str]:
    """Write rows as they were written, and answers behind them, a piece a chunk.

    Quotes, line ends, blank lines and a byte order mark come back unchanged. An answer never replaces a column of the
    table: where the table has a column of its name, the answer gets another name, with a note.

    Args:
        chunks: rows and the answers to each by name; none is empty.
        table: their form.
        note: prints a line for the user.
        taken: names of columns that the first row may lack.
        json: write a JSON object a line, whatever was read.

    Raises:
        DataError: a line of JSON brings a name that an answer has already.
    """
    names: dict[str, str] | None = None
    for chunk in chunks:
        pieces = []
        if names is None:
            row, answers = chunk[0]
            names = free_names(answers, {*row.cells, *taken})
            changed = {name: new for name, new in names.items() if new != name}
            if changed:
                note(f"The data have {name_some(list(changed))}; the answers are in {name_some([*changed.values()])}.")
            if table.delimiter is not None and not json:
                pieces.append(_append_to(table.header, row.cells, names.values(), table.delimiter, table.header))
        for row, answers in chunk:
            renamed = {names[name]: value for name, value in answers.items()}
            again = [name for name in renamed if name in row.cells]
            if again:
                raise DataError(
                    f"{row.example.where} has the name {again[0]}, which is that of an answer. Rename it, or give it "
                    "in the first line as well."
                )
            if json or (table.delimiter is None and not row.written):
                pieces.append(f"{as_json({**row.cells, **renamed})}\n")
            elif table.delimiter is None:
                pieces.append(_append_to_object(row.written, renamed))
            else:
                cells = [*row.cells.values()]
                pieces.append(_append_to(row.written, cells, renamed.values(), table.delimiter, table.header))
        yield "".join(pieces)


def free_names(names: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """Return for each name one that is not taken: itself, or with a number.

    >>> free_names(["prediction", "score"], ["text", "prediction", "prediction_2"])
    {'prediction': 'prediction_3', 'score': 'score'}
    """
    chosen: dict[str, str] = {}
    for name in names:
        number, new = 1, name
        while new in taken or new in chosen.values():
            number += 1
            new = f"{name}_{number}"
        chosen[name] = new
    return chosen


def _append_to(written: str, cells: Iterable[Any], answers: Iterable[Any], delimiter: str, header: str) -> str:
    """Return a record of a table with more cells; one that was not written in this form is written anew."""
    if not written:
        return _write_cells([*cells, *answers], delimiter, _line_end(header) or "\n")
    end = _line_end(written) or _line_end(header) or "\n"
    return written.removesuffix(end) + delimiter + _write_cells(answers, delimiter, end)


def _append_to_object(written: str, answers: Mapping[str, Any]) -> str:
    line = written.rstrip()
    inner = line.removesuffix("}").rstrip()
    comma = "" if inner.endswith("{") else ", "
    return inner + comma + as_json(answers)[1:] + (written[len(line) :] or "\n")


def _line_end(written: str) -> str:
    return next((end for end in ("\r\n", "\n") if written.endswith(end)), "")


def _write_cells(cells: Iterable[Any], delimiter: str, end: str = "\n") -> str:
    piece = io.StringIO()
    writer = csv.writer(piece, delimiter=delimiter, lineterminator=end)
    writer.writerow(["|".join(cell) if isinstance(cell, tuple) else cell for cell in cells])
    return piece.getvalue()

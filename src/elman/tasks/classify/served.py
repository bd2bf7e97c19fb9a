"""A model that answers sequences, as the server uses it: rows, or one sound or image.

Rows are read as those of a table on standard input. The cells of a table may name files, which are those of the one who
runs the command; a request may name none.

>>> from elman.tasks.classify.served import ClassOptions
>>> ClassOptions(probabilities=True)
ClassOptions(probabilities=True)
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.data.dataset import Columns, Example
from elman.data.examples.arriving import Arriving, Row
from elman.data.examples.folders import FILE
from elman.data.examples.rows import READERS
from elman.data.formats import images, sound
from elman.encoders.series import SeriesEncoder
from elman.encoders.table import TableEncoder
from elman.errors import DataError
from elman.tasks.classify.commands import answer_rows, without_target
from elman.tasks.classify.following import ClassOptions, ClassStream, HearingOptions, can_follow
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.serving import TABLES, Sent, Service

_SUFFIXES = {"sound": tuple(sound.SUFFIXES), "image": tuple(images.SUFFIXES)}
_PAGES = {"sound": "sound", "image": "picture", "text": "text", "letters": "text"}
_LISTED = 100  # values of a column that the page offers
_SHOWN = 3  # rows, or steps, of an example for the documents


def serve(trained: TrainedClassifier) -> Service:
    """Serve a model that answers sequences."""
    columns = without_target(trained)
    kinds = set(columns.inputs.values())
    is_alone = len(columns.inputs) == 1 and not columns.id
    kind = next(iter(kinds)) if is_alone else "table"
    files = _SUFFIXES.get(kind, TABLES if not kinds & {"sound", "image"} or columns.id else ())

    def read(sent: Sent) -> list[Row]:
        if kind in _SUFFIXES:
            return [_read_file(sent, kind, columns)]
        return _read_rows(sent, columns)

    def answer(rows: Sequence[Row], options: ClassOptions) -> list[dict[str, Any]]:
        found = answer_rows(trained, list(rows), options.choose_classes(trained))
        return [{**(row.cells if columns.id or kind in _SUFFIXES else {}), **described} for row, described in found]

    def read_one(given: list[Any]) -> Example:
        return _read_rows(Sent("the message", ".jsonl", rows=given), columns)[0].example

    return Service(
        page=_PAGES.get(kind, "table"),
        read=read,
        answer=answer,
        rows=[] if kind in _SUFFIXES else _make_rows(trained, columns),
        files=files,
        options=ClassOptions,
        facts={
            "classes": trained.classes,
            "columns": dict(columns.inputs),
            "id": columns.id,
            "target": trained.columns.target,
            "answers": trained.targets.kind,
            "values": _list_values(trained),
        },
        follow=(lambda options: ClassStream(trained, read_one, options)) if can_follow(trained) else None,
        listens=HearingOptions if kind == "sound" else ClassOptions,
    )


def _list_values(trained: TrainedClassifier) -> dict[str, list[str]]:
    """Return the first known values of each column of categories."""
    if not isinstance(trained.encoder, TableEncoder):
        return {}
    return {name: list(values[:_LISTED]) for name, values in trained.encoder.categories.items()}


def _read_file(sent: Sent, kind: str, columns: Columns) -> Row:
    if sent.rows is not None:
        raise DataError(f"rows were sent, and this model reads a file, one of {', '.join(_SUFFIXES[kind])}. Send one.")
    with sent.in_file() as path:
        if kind == "sound":
            sent.check_steps(100 * sound.measure_sound(path).seconds, sent.name)
        value = READERS[kind](path)
    return Row({FILE: sent.name}, Example({next(iter(columns.inputs)): value}, None, sent.name))


def _read_rows(sent: Sent, columns: Columns) -> list[Row]:
    _refuse_names_of_files(sent, columns)
    path = Path(sent.name).with_suffix(sent.suffix)
    try:
        rows = list(Arriving(io.BytesIO(sent.as_lines()), columns, path))
    except DataError as error:
        raise DataError(str(error) if sent.rows is None else str(error).replace(f"{path} line", "row")) from None
    for row in rows:
        for value in row.example.values.values():
            if hasattr(value, "__len__"):
                sent.check_steps(len(value), row.example.where)
    return rows


def _refuse_names_of_files(sent: Sent, columns: Columns) -> None:
    """Refuse cells that would be opened as files."""
    opened = [] if columns.id else [name for name, kind in columns.inputs.items() if kind in READERS]
    if not opened:
        return
    if sent.suffix != ".jsonl":
        raise DataError(f"{sent.name}: the column {opened[0]} holds lists of numbers. Send rows of JSON.")
    rows = sent.rows
    if rows is None:
        try:
            rows = [json.loads(line) for line in sent.content.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise DataError(f"{sent.name} is not made of lines of JSON. Send an object a line.") from None
    for number, row in enumerate(rows, start=1):
        for name in opened:
            if not isinstance(row, Mapping) or not isinstance(row.get(name), list):
                raise DataError(
                    f"row {number}, column {name}: a list of numbers is needed, of each step one or a list."
                )


def _make_rows(trained: TrainedClassifier, columns: Columns) -> list[dict[str, Any]]:
    """Make a few rows as the model reads them, of its own columns and of values that it knows."""
    known: dict[str, Any] = {}
    if isinstance(trained.encoder, TableEncoder):
        table = trained.encoder
        known |= dict(zip(table.numbers, map(float, table.scaling.means), strict=True))
        known |= {name: values[0] for name, values in table.categories.items() if values}
    size = len(trained.encoder.scaling.means) if isinstance(trained.encoder, SeriesEncoder) else 1
    if columns.id:
        names = columns.names or ("value",)
        times = {
            side.column: [f"2024-01-{day:02}" if side.form else float(day) for day in range(1, _SHOWN + 1)]
            for side in columns.sides.values()
        }
        shown = [{name: own[at] for name, own in times.items()} for at in range(_SHOWN)]
        return [{columns.id: "a", **dict.fromkeys(names, 0.5), **own} for own in shown]
    return [{name: known.get(name, _example_of(kind, size)) for name, kind in columns.inputs.items()}]


def _example_of(kind: str, size: int) -> Any:
    return {"number": 1.0, "series": [[0.5] * size] * _SHOWN, "letters": "ACGT"}.get(kind, "what a fine day")

"""Turn the cells of a row into an example.

>>> columns = Columns({"width": "number"}, target="label", target_kind="category")
>>> read_example({"width": "NA", "label": " iris "}, columns, Path(), "iris.csv line 2")
Example(values={'width': nan}, target='iris', where='iris.csv line 2', group=None, weight=1.0)
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.dataset import Columns, Example
from elman.data.examples.sides import read_sides
from elman.data.formats import features, images, sound
from elman.data.series.timestamps import read_times
from elman.data.tables.kinds import MISSING_NUMBERS
from elman.data.tables.numbers import PLAIN, NumberDialect, is_number, read_written
from elman.data.tables.records import JsonNumber
from elman.errors import DataError

READERS: dict[str, Callable[[Path], Any]] = {
    "sound": sound.read_sound,
    "image": images.read_image,
    "series": features.read_features,
}


def read_example(cells: Mapping[str, Any], columns: Columns, folder: Path, where: str) -> Example:
    """Turn the cells of one row into an example.

    Args:
        cells: by column.
        columns: those to read.
        folder: names of files are relative to it.
        where: the place of the row for messages.

    Raises:
        DataError: a cell is not of its kind, or its file cannot be read.
    """
    values: dict[str, Any] = {
        name: str(cells[name])
        if kind == "text" and isinstance(cells[name], str)
        else read_date(cells[name], columns.dates[name], f"{where}, column {name}:")
        if kind == "date"
        else read_value(kind, cells[name], folder, f"{where}, column {name}:", columns.numbers.get(name, PLAIN))
        for name, kind in columns.inputs.items()
    }
    if columns.sides:
        [(name, series)] = values.items()
        values = {name: np.hstack([series, _read_side_lists(cells, columns, len(series), where)])}
    return Example(values, read_target(cells, columns, where), where, read_group(cells, columns))


def _read_side_lists(cells: Mapping[str, Any], columns: Columns, steps: int, where: str) -> Any:
    """Return what the steps of a series carry, (T, S), from lists of T numbers beside it."""
    given = {}
    for side in columns.sides.values():
        cell, place = cells[side.column], f"{where}, column {side.column}:"
        try:
            numbers = np.array(cell if isinstance(cell, list) else None, np.float64)
        except (ValueError, TypeError):
            numbers = np.zeros(0)
        if numbers.shape != (steps,):
            raise DataError(f"{place} this is no list of {steps:,} numbers, one for each step of the series. Mend it.")
        given[side.column] = numbers
    return read_sides(columns, given, lambda at: f"{where}, step {at + 1}")


def read_group(cells: Mapping[str, Any], columns: Columns) -> str | None:
    """Return the group of a row; None where the cell is empty."""
    return str(cells[columns.group]).strip() or None if columns.group else None


def read_target(cells: Mapping[str, Any], columns: Columns, where: str) -> Any:
    """Return the target of a row: a class, labels as a tuple, a number; None where columns have none.

    Labels are a JSON list, or separated by `|`; an empty cell has no label.

    Raises:
        DataError: the cell is no number where one is expected.

    >>> read_target({"y": "b | a"}, Columns({"x": "text"}, "y", "labels"), "a.csv line 2")
    ('b', 'a')
    """
    if columns.target is None:
        return None
    cell = cells[columns.target]
    if columns.target_kind == "labels":
        labels = [str(label).strip() for label in (cell if isinstance(cell, list) else str(cell).split("|"))]
        return tuple(dict.fromkeys(label for label in labels if label))
    if not isinstance(cell, str):
        raise DataError(f"{where}, column {columns.target} holds a list or an object. Write one value.")
    if columns.target_kind != "number":
        return cell.strip()
    return read_number(cell, f"{where}, column {columns.target}:", columns.numbers.get(columns.target, PLAIN))


def read_value(kind: str, cell: Any, folder: Path, where: str, dialect: NumberDialect = PLAIN) -> Any:
    """Turn one cell into the value of a kind.

    Args:
        kind: see :mod:`elman.data.dataset`.
        cell: as it is in the table.
        folder: names of files are relative to it.
        where: the place of the cell for messages.
        dialect: of numbers.

    Raises:
        DataError: it is no such value, or its file cannot be read.
    """
    if kind == "series" and isinstance(cell, list):
        return _read_list(cell, where)
    if not isinstance(cell, str):
        raise DataError(f"{where} holds a list or an object, and {kind} is expected. Write it as text.")
    if kind == "number":
        return read_number(cell, where, dialect)
    if kind in READERS:
        if not cell.strip():
            raise DataError(f"{where} is empty, and the name of a file is expected. Remove the row.")
        try:
            return READERS[kind](folder / cell.strip())
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
    if kind == "letters":
        return _read_letters(cell, where)
    return cell.strip() if kind == "category" else cell


def read_date(cell: Any, form: str, where: str) -> float:
    """Read a date as seconds since 1970, without its UTC offset; NaN where it is missing.

    Args:
        cell: as it is in the table.
        form: one of :data:`elman.data.series.timestamps.FORMS`.
        where: the place of the cell for messages.

    Raises:
        DataError: it is no date of this form.
    """
    if not isinstance(cell, str):
        raise DataError(f"{where} holds a list or an object, and a date is expected. Write it as text.")
    if not cell.strip() or cell.strip() in MISSING_NUMBERS:
        return float("nan")
    times, _ = read_times([cell.strip()], form, lambda _: where)
    return float(times.astype("datetime64[us]").astype(np.int64)[0]) / 1e6


def read_number(cell: str, where: str, dialect: NumberDialect = PLAIN) -> float:
    """Read a number of a column; NaN where it is missing.

    Raises:
        DataError: the cell is text, NaN or infinite.
    """
    if cell.strip() in MISSING_NUMBERS:
        return float("nan")
    if is_number(cell) and (dialect.reads_plain(cell) or type(cell) is JsonNumber):
        return float(cell)
    number = read_written(cell, dialect)
    if number is None:
        raise DataError(
            f"{where} is {str(cell)[:40]!r}, and a number{dialect.describe()} is expected. Correct it, or leave the "
            "cell empty if it is missing."
        )
    return number


def _read_letters(cell: str, where: str) -> str:
    letters = cell.strip().removesuffix("*").upper()
    wrong = re.search("[^A-Z]", letters)
    if wrong:
        raise DataError(
            f"{where} has {wrong.group()!r} at letter {wrong.start() + 1}. Only letters are expected there."
        )
    return letters


def _read_list(cell: list[Any], where: str) -> Any:
    try:
        numbers = np.array(cell, np.float64)
    except (ValueError, TypeError):
        raise DataError(f"{where} is no list of numbers, or its steps have different lengths. Correct it.") from None
    return features.as_steps(numbers, where.removesuffix(":"))

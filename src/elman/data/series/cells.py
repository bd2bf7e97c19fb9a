"""Convert the cells of a column: numbers, or texts that are one of a few.

>>> summary = ColumnSummary("y")
>>> summary.add(["1", "", "2.5"], 0)
>>> to_numbers(summary, None, "y", ["1", "", "2.5"])
array([1. , nan, 2.5])
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.examples.rows import read_number
from elman.data.tables.kinds import MISSING_NUMBERS, ColumnSummary
from elman.data.tables.numbers import PLAIN, NumberDialect
from elman.errors import DataError
from elman.phrases import name_some


def to_numbers(
    summary: ColumnSummary, dialect: NumberDialect | None, name: str, cells: Sequence[Any]
) -> NDArray[np.float64]:
    """Convert cells that are all numbers or missing, (N,).

    Args:
        summary: of the whole column.
        dialect: how its numbers are written; None for a column without any.
        name: of the column, for messages.
        cells: as they were read.
    """
    written = PLAIN if dialect is None else dialect
    if summary.evidence.unusual or written.decimal == ",":
        numbers = [read_number(cell, name, written) for cell in cells]
    else:
        numbers = [float("nan") if cell.strip() in MISSING_NUMBERS else float(cell) for cell in cells]
    return np.array(numbers, np.float64)


def to_levels(
    name: str, cells: Sequence[Any], levels: Sequence[str], where: Callable[[int], str]
) -> NDArray[np.float64]:
    """Convert texts to a column of 0 and 1 for each of some levels, (N, levels); an empty cell is 0 in all of them.

    Args:
        name: of the column.
        cells: as they were read.
        levels: the texts that are known.
        where: names the row of a cell.

    Raises:
        DataError: a text is none of them.
    """
    made = np.zeros((len(cells), len(levels)))
    for at, cell in enumerate(cells):
        text = str(cell).strip()
        if text and text not in levels:
            raise DataError(f"{where(at)}, column {name}: {text[:40]!r} is none of {name_some(levels)}. Correct it.")
        if text:
            made[at, levels.index(text)] = 1
    return made

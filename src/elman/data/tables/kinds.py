"""Infer the kind of a column from all of its cells, in one pass and in little memory.

===========  ==========================================================================================================
`number`     cells are numbers; an empty cell, NA, N/A, n/a, <NA>, null, NULL and None are missing. NaN and infinity
             are errors: a computation went wrong
`category`   short texts, each of which comes twice on average, at most `MOST_CATEGORIES` different ones
`letters`    a genome (A, C, G, T, U, N; 8 letters and more on average) or a protein (capitals, 20 and more)
`sound`,     names of files, relative to the folder of the table
`image`,
`series`
`series`     lists of numbers in JSON, or lists of such lists
`text`       everything else
===========  ==========================================================================================================

In a column of text or categories, NA is a text like others: it may mean Namibia.

>>> mood = ColumnSummary("mood")
>>> mood.add(["good", "bad", "bad", "good"], 0)
>>> mood.kind()
'category'
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import isfinite
from os.path import isfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.formats import features, images, sound

MOST_CATEGORIES = 1000
LONGEST_CATEGORY = 40
MISSING_NUMBERS = frozenset(("", "NA", "N/A", "n/a", "<NA>", "null", "NULL", "None"))

SUFFIXES = {"sound": sound.SUFFIXES, "image": images.SUFFIXES, "series": features.SUFFIXES}

_MOST_DISTINCT = 2**16
_MOST_CLASSES_OF_NUMBERS = 20
_SHORTEST_GENOME = 8
_SHORTEST_PROTEIN = 20
_FEWEST_ROWS_TO_COUNT = 20

_NUMBER = r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
_IS_NUMBER = re.compile(_NUMBER)
# Possessive: no backtracking from every digit of a column of text.
_ARE_NUMBERS = re.compile(rf"(?:{_NUMBER}\n)++")
_STARTS_OF_NUMBERS = frozenset("+-.0123456789")
_LONGEST_NAN = len("+infinity")
_IS_NAN = re.compile(r"[ \t]*[+-]?(?:nan|inf|infinity)[ \t]*", re.IGNORECASE)
_IS_GENOME = re.compile(r"\s*[ACGTUNacgtun]+\s*")
_IS_PROTEIN = re.compile(r"\s*[A-Z]+\*?\s*")


def kind_of_file(name: str) -> str | None:
    """Return the kind of a file by its suffix: sound, image or series; None for any other.

    >>> kind_of_file("speech/Anna.WAV")
    'sound'
    """
    suffix = Path(name).suffix.lower()
    return next((kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes), None)


def is_number(cell: Any) -> bool:
    """Return whether a cell is a finite number with a decimal point."""
    return isinstance(cell, str) and _IS_NUMBER.fullmatch(cell) is not None and isfinite(float(cell))


def as_numbers(cells: Sequence[Any]) -> NDArray[np.float64] | None:
    """Convert cells to numbers; return None unless all are finite numbers.

    >>> as_numbers(["1", " 2e3"]), as_numbers(["1", ""])
    (array([1.e+00, 2.e+03]), None)
    """
    try:
        joined = "\n".join(cells) + "\n"
    except TypeError:  # JSON has other cells
        return None
    if joined.count("\n") != len(cells) or not _ARE_NUMBERS.fullmatch(joined):
        return None
    values = np.array(cells, dtype=object).astype(np.float64)
    return values if np.isfinite(values).all() else None


class ColumnSummary:
    """A summary of all cells of one column.

    Attributes:
        name: of the column.
        rows: number of cells.
        empty: number of empty cells.
        missing: number of empty cells and words for a missing number.
        numbers: number of finite numbers.
        first_empty: the row of the first empty cell.
        first_missing: the row of the first empty cell or word for a missing number.
        first_odd: the row and value of the first cell that is neither a number nor missing.
        first_absent: the row and value of the first file that does not exist.
        distinct: different values; at most 65,536, and no new ones after a value that is too long.
        many: whether there are more.
        repeats: whether a value occurs twice.
    """

    def __init__(self, name: str, folder: Path = Path()):
        self.name = name
        self.rows = self.empty = self.missing = self.numbers = 0
        self.first_empty: int | None = None
        self.first_missing: int | None = None
        self.first_odd: tuple[int, Any] | None = None
        self.first_absent: tuple[int, str] | None = None
        self.distinct: set[str] = set()
        self.many = self.repeats = False
        self._folder = folder
        self._nan = self._lists = self._number_lists = self._objects = 0
        self._whole = self._counts = self._genome = self._protein = True
        self._length = self._longest = 0
        self._start = 0.0
        # None before the first file, "" after a cell that is no file of the same kind.
        self._files: str | None = None

    def add(self, cells: Sequence[Any], row: int, folder: Path | None = None) -> None:
        """Add the cells of consecutive rows.

        Args:
            cells: texts, or lists and objects of JSON.
            row: the index of the first.
            folder: names of files are relative to it.
        """
        self._folder = folder or self._folder
        self.rows += len(cells)
        values = as_numbers(cells)
        if values is not None:
            self._add_numbers(values, row)
            self._add_distinct(cells)
            return
        self._counts = False
        texts = [cell for cell in cells if isinstance(cell, str)]
        if len(texts) == len(cells):
            # In the order in which they first come.
            for cell, count in Counter(texts).items():
                self._add_text(cell, count, lambda cell: row + cells.index(cell))
        else:
            for at, cell in enumerate(cells, row):
                if isinstance(cell, str):
                    self._add_text(cell, 1, {cell: at}.__getitem__)
                else:
                    self._add_json(cell, at)
        if not self.many:
            self._add_distinct([cell for cell in texts if cell.strip()])

    def kind(self) -> str:
        """Return the kind of input that the column is.

        Besides those above: `empty`; `labels` for lists of texts; `object` for what is no input.
        """
        full = self.rows - self.empty
        if not full:
            return "empty"
        if self._objects or self._lists:
            same = "series" if self._number_lists == self._lists else "labels"
            return same if self._lists == full else "object"
        if (self.numbers + self._nan) * 2 > self.rows - self.missing and self.numbers:
            return "number"
        if self._files:
            return self._files
        if self._genome or self._protein:
            shortest = _SHORTEST_GENOME if self._genome else _SHORTEST_PROTEIN
            if self._length >= shortest * full:
                return "letters"
        few = not self.many and len(self.distinct) <= min(MOST_CATEGORIES, full / 2)
        return "category" if few and self._longest <= LONGEST_CATEGORY else "text"

    def target_kind(self) -> str:
        """Return the kind of target that the column is.

        Whole numbers are classes if there are two of them, or up to 20 that come twice on average.
        """
        kind = self.kind()
        if kind != "number":
            return "labels" if kind == "labels" else "category"
        most = max(2, min(_MOST_CLASSES_OF_NUMBERS, (self.rows - self.empty) / 2))
        few = self._whole and not self.many and len(self.distinct) <= most
        return "category" if few and not self.first_odd else "number"

    def counts_up(self) -> bool:
        """Return whether the column counts the rows, by ones, over 20 rows or more."""
        return self._counts and self.rows >= _FEWEST_ROWS_TO_COUNT

    def _add_numbers(self, values: Any, row: int) -> None:
        self.numbers += len(values)
        self._files = ""
        self._genome = self._protein = False
        self._whole = self._whole and bool((values == np.floor(values)).all())
        if self._counts and row == 0:
            self._counts = values[0] in (0, 1)
            self._start = float(values[0])
        if self._counts:
            self._counts = bool((values == np.arange(row, row + len(values)) + self._start).all())

    def _add_text(self, cell: str, count: int, row_of: Callable[[str], int]) -> None:
        stripped = cell.strip()
        if stripped in MISSING_NUMBERS:
            self.missing += count
            self.first_missing = row_of(cell) if self.first_missing is None else self.first_missing
            if not stripped:
                self.empty += count
                self.first_empty = row_of(cell) if self.first_empty is None else self.first_empty
                return
        elif stripped[0] in _STARTS_OF_NUMBERS and is_number(cell):
            self.numbers += count
            self._whole = self._whole and float(cell).is_integer()
        else:
            self._nan += count * (len(stripped) <= _LONGEST_NAN and _IS_NAN.fullmatch(cell) is not None)
            self.first_odd = self.first_odd or (row_of(cell), cell)
        self._length += count * len(stripped)
        self._longest = max(self._longest, len(stripped))
        self._genome = self._genome and _IS_GENOME.fullmatch(cell) is not None
        self._protein = self._protein and _IS_PROTEIN.fullmatch(cell) is not None
        if self._files != "":
            kind = kind_of_file(stripped)
            self._files = kind if kind and self._files in (None, kind) else ""
            if self._files and not self.first_absent and not isfile(self._folder / stripped):
                self.first_absent = (row_of(cell), stripped)

    def _add_json(self, cell: Any, row: int) -> None:
        self.first_odd = self.first_odd or (row, cell)
        if not isinstance(cell, list):
            self._objects += 1
            return
        self._lists += 1
        first = cell[0] if cell and isinstance(cell[0], list) and cell[0] else cell
        self._number_lists += bool(cell) and not isinstance(first[0], str | list | dict)

    def _add_distinct(self, texts: Sequence[str]) -> None:
        if self.many:
            return
        before = len(self.distinct)
        self.distinct.update(texts)
        self.repeats = self.repeats or len(self.distinct) < before + len(texts)
        self.many = len(self.distinct) > _MOST_DISTINCT or self._longest > 4 * LONGEST_CATEGORY

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
from os.path import isfile
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.formats import features, images, sound
from elman.data.tables.evidence import NumberEvidence
from elman.data.tables.numbers import ENDS, STARTS, as_numbers, is_number, join_plain, split_written

MOST_CATEGORIES = 1000
LONGEST_CATEGORY = 40
MISSING_NUMBERS = frozenset(("", "NA", "N/A", "n/a", "<NA>", "null", "NULL", "None"))

SUFFIXES = {"sound": sound.SUFFIXES, "image": images.SUFFIXES, "series": features.SUFFIXES}

_MOST_DISTINCT = 2**16
_MOST_CLASSES_OF_NUMBERS = 20
_SHORTEST_GENOME = 8
_SHORTEST_PROTEIN = 20
_FEWEST_ROWS_TO_COUNT = 20

_STARTS_OF_NUMBERS = frozenset("+-.0123456789")
_MOST_ODD = 10
_ODD_ENOUGH = 1000  # cells that are no numbers, with none that is, make a column of text
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


class ColumnSummary:
    """A summary of all cells of one column.

    Attributes:
        name: of the column.
        delimiter: between the cells of a row; None where it is not known.
        rows: number of cells.
        empty: number of empty cells.
        missing: number of empty cells and words for a missing number.
        numbers: number of finite numbers.
        first_empty: the row of the first empty cell.
        first_missing: the row of the first empty cell or word for a missing number.
        odd: the row and value of cells that are neither a number nor missing: the first ten that differ, or more often.
        odd_count: number of all of them.
        evidence: what tells how the numbers are written.
        absent: the row and value of the first ten files that do not exist.
        absent_count: number of all of them.
        distinct: different values; at most 65,536, and no new ones after a value that is too long.
        many: whether there are more.
        repeats: whether a value occurs twice.
    """

    def __init__(self, name: str, folder: Path = Path(), delimiter: str | None = None):
        self.name, self.delimiter = name, delimiter
        self.rows = self.empty = self.missing = self.numbers = 0
        self.first_empty: int | None = None
        self.first_missing: int | None = None
        self.odd: list[tuple[int, Any]] = []
        self.odd_count = 0
        self.evidence = NumberEvidence()
        self.absent: list[tuple[int, str]] = []
        self.absent_count = 0
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
        joined = join_plain(cells)
        values = None if joined is None else as_numbers(cells, joined)
        if joined is not None and values is not None:
            self._add_numbers(values, row)
            self.evidence.add_plain(joined, cells, values, row)
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
        fraction = self.evidence.fraction
        whole = not fraction[","] if self.evidence.proven() == "," else self._whole and not fraction["."]
        few = whole and not self.many and len(self.distinct) <= most
        return "category" if few and not self.odd else "number"

    def is_constant(self) -> bool:
        """Return whether all numbers of the column are the same."""
        decimal = self.evidence.proven() or "."
        written = (split_written(cell) for cell in self.distinct)
        return not self.many and len({part.value(decimal) for part in written if part} - {None}) < 2

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
            evidence = self.evidence
            if (not evidence.settled or ("." in cell and "." not in evidence.first)) and evidence.needs(cell):
                evidence.add(cell, row_of)
        elif (
            (self.numbers or self.odd_count < _ODD_ENOUGH)
            and (stripped[0] in STARTS or stripped[-1] in ENDS)
            and self.evidence.add(cell, row_of) is not None
        ):
            self.numbers += count
        else:
            self._nan += count * (len(stripped) <= _LONGEST_NAN and _IS_NAN.fullmatch(cell) is not None)
            self._add_odd(cell, count, row_of)
        self._length += count * len(stripped)
        self._longest = max(self._longest, len(stripped))
        self._genome = self._genome and _IS_GENOME.fullmatch(cell) is not None
        self._protein = self._protein and _IS_PROTEIN.fullmatch(cell) is not None
        if self._files != "":
            kind = kind_of_file(stripped)
            self._files = kind if kind and self._files in (None, kind) else ""
            if self._files and not isfile(self._folder / stripped):
                self.absent_count += count
                if len(self.absent) < _MOST_ODD:
                    self.absent.append((row_of(cell), stripped))

    def _add_odd(self, cell: Any, count: int, row_of: Callable[[Any], int]) -> None:
        self.odd_count += count
        if len(self.odd) < _MOST_ODD:
            self.odd.append((row_of(cell), cell))

    def _add_json(self, cell: Any, row: int) -> None:
        self._add_odd(cell, 1, lambda _: row)
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

"""Gather from the cells of a column how its numbers are written; see :mod:`elman.data.tables.dialects`.

>>> evidence = NumberEvidence()
>>> for row, cell in enumerate(["950", "1.024", "1.024,5"]):
...     _ = evidence.add(cell, lambda _, row=row: row)
>>> evidence.proven(), evidence.dialect(",")
(',', NumberDialect(decimal=',', thousands='.', unit=''))
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from elman.data.tables.numbers import DECIMALS, NumberDialect, is_number, split_written
from elman.data.tables.records import JsonNumber

Place = tuple[int, str]
"""A row and its cell."""

_THREE_DECIMALS = re.compile(r"[ \t]*[+-]?[1-9][0-9]{0,2}\.[0-9]{3}[ \t]*")
# A line with a decimal point that cannot separate thousands.
_HAS_POINT = re.compile(r"^(?![ \t]*[+-]?[1-9][0-9]{0,2}\.[0-9]{3}[ \t]*$)[^\n.]*\.", re.MULTILINE)


class NumberEvidence:
    """What the cells of a column tell about how its numbers are written.

    Attributes:
        first: the first cell with one reading, by its decimal mark.
        ambiguous: the first cell that has two, such as `1.024`.
        grouped: the first cell with a mark between thousands, by the decimal mark with which it is read.
        fraction: whether a cell has a fraction, by the decimal mark.
        units: the first cell with each unit.
        bare: the first number but 0 that has no unit.
        unusual: the first cell that is not written as programs do.
        whole: whether a cell has neither a point nor a comma.
        settled: whether cells that are written as programs do tell no more, but for the first point.
    """

    def __init__(self) -> None:
        self.first: dict[str, Place] = {}
        self.ambiguous: Place | None = None
        self.grouped: dict[str, Place] = {}
        self.fraction = dict.fromkeys(DECIMALS, False)
        self.units: dict[str, Place] = {}
        self.bare: Place | None = None
        self.unusual: Place | None = None
        self.whole = self.settled = False

    def add(self, cell: str, row_of: Callable[[str], int]) -> float | None:
        """Add a cell, and return its number, with a decimal point if it has two readings; None if it is no number."""
        written = split_written(cell)
        if written is None:
            return None
        values = {decimal: written.value(decimal) for decimal in DECIMALS}
        readings = {decimal: value for decimal, value in values.items() if value is not None}
        if not readings:
            return None
        self._add_readings(cell, written.body, readings, row_of)
        if self.unusual is None and not is_number(cell):
            self.unusual = row_of(cell), cell
        if written.unit:
            self._keep(self.units, written.unit, cell, row_of)
        elif self.bare is None and any(readings.values()):
            self.bare = row_of(cell), cell
        self.settled = self.bare is not None and (self.whole or "." in self.first)
        return next(iter(readings.values()))

    def needs(self, cell: str) -> bool:
        """Return whether a cell that is written as programs do could tell more."""
        if self.bare is None:
            return True
        if "." not in cell:
            return not self.whole
        return "." not in self.first and not (self.ambiguous and _THREE_DECIMALS.fullmatch(cell))

    def add_plain(self, joined: str, cells: Any, values: Any, row: int) -> None:
        """Add cells that are all written as programs do; `joined` is all of them, a line each."""
        if self.bare is None and values.any():
            at = int(values.nonzero()[0][0])
            self.bare = row + at, cells[at]
        self.whole = self.whole or joined.count(".") < len(cells)
        if "." in self.first or "." not in joined:
            return
        match = _HAS_POINT.search(joined)
        proof = joined.count("\n", 0, match.start()) if match else _find(cells, lambda cell: type(cell) is JsonNumber)
        if proof is not None:
            self.first["."] = row + proof, cells[proof]
        elif self.ambiguous is None:
            place = _find(cells, lambda cell: "." in cell) or 0
            self.ambiguous = self.grouped[","] = row + place, cells[place]

    def proven(self) -> str | None:
        """Return the decimal mark that a cell proves; None where none does, or two contradict each other."""
        return next(iter(self.first)) if len(self.first) == 1 else None

    def dialect(self, decimal: str) -> NumberDialect:
        """Return the dialect with a decimal mark, or with none if no cell has a mark."""
        other = "," if decimal == "." else "."
        thousands = other if decimal in self.grouped else ""
        return NumberDialect(decimal, thousands, next(iter(self.units), ""))

    def _add_readings(self, cell: str, body: str, readings: Mapping[str, float], row_of: Callable[[str], int]) -> None:
        self.whole = self.whole or ("." not in body and "," not in body)
        for decimal, value in readings.items():
            self.fraction[decimal] = self.fraction[decimal] or not value.is_integer()
            if ("," if decimal == "." else ".") in body and decimal not in self.grouped:
                self.grouped[decimal] = row_of(cell), cell
        if len(readings) == 1 or type(cell) is JsonNumber:
            if "." in body or "," in body:
                self._keep(self.first, next(iter(readings)), cell, row_of)
        elif self.ambiguous is None and ("." in body or "," in body):
            self.ambiguous = row_of(cell), cell

    @staticmethod
    def _keep(places: dict[str, Place], key: str, cell: str, row_of: Callable[[str], int]) -> None:
        if key not in places:
            places[key] = row_of(cell), cell


def _find(cells: Sequence[str], fits: Callable[[str], bool]) -> int | None:
    return next((at for at, cell in enumerate(cells) if fits(cell)), None)

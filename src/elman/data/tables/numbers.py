"""Read numbers as people write them: decimal commas, thousands marks, currencies, percent, negative in parentheses.

`1.024` has two readings, and no cell decides alone which is right: :mod:`elman.data.tables.dialects` decides for a
whole column, and a :class:`NumberDialect` remembers it. A space or an apostrophe between thousands has one reading.

>>> german = NumberDialect(decimal=",", thousands=".", unit="€")
>>> read_written("1.024,50 €", german), read_written("(12)", german), read_written("1,024.5", german)
(1024.5, -12.0, None)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DECIMALS = (".", ",")
PERCENT = ("%", "‰")
LONGEST = 60
"""Characters of a cell that may be a number with marks; longer ones are text."""

_CODES = (
    "USD|EUR|GBP|JPY|CNY|RMB|CHF|CAD|AUD|NZD|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|RUB|UAH|TRY|INR|PKR|BDT|LKR|BRL|MXN|"
    "ARS|CLP|COP|PEN|ZAR|EGP|NGN|KES|KRW|SGD|HKD|TWD|ILS|AED|SAR|THB|IDR|MYR|PHP|VND"
)
_SIGNS = "$¢£¤¥֏؋৲৳฿៛₠₡₢₣₤₥₦₧₨₩₪₫€₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₽₾₿﷼﹩\uff04￠￡￥￦"
_UNIT = rf"%|‰|[A-Z]{{0,3}}[{_SIGNS}]|(?:{_CODES})(?![A-Za-z])|zł|Kč|kr\.?|Ft|Rs\.?"
_MINUSES = "-−\u2013﹣\uff0d"
_MINUS = rf"\{_MINUSES}"  # of a character class
_THIN = "\u00a0\u202f\u2009\u2007"  # no-break, narrow no-break, thin and figure space
_BLANK = rf"[ \t{_THIN}]*+"
# Possessive, so that a text that begins with a digit, such as a date, is soon told from a number.
_WRITTEN = re.compile(
    rf"{_BLANK}(?P<first>{_UNIT})?{_BLANK}(?P<open>\()?{_BLANK}(?P<sign>[+{_MINUS}])?{_BLANK}(?P<before>{_UNIT})?{_BLANK}"
    rf"(?P<inner>[+{_MINUS}])?{_BLANK}"
    rf"(?P<body>[0-9.,]++(?:['’ {_THIN}][0-9.,]++)*+(?:[eE][+{_MINUS}]?[0-9]++)?+)"
    rf"{_BLANK}(?P<after>{_UNIT})?{_BLANK}(?P<behind>[{_MINUS}])?{_BLANK}(?P<close>\))?{_BLANK}(?P<last>%|‰)?{_BLANK}"
)
_EXPONENT = rf"(?:[eE][+{_MINUS}]?[0-9]+)?"
_INDIAN = r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"


def _reading(mark: str, other: str, more: str) -> re.Pattern[str]:
    """Compile the numbers of one decimal mark, with other marks, spaces or apostrophes between thousands."""
    groups = rf"[1-9][0-9]{{0,2}}(?:(['’ {_THIN}]|{other})[0-9]{{3}}(?:\1[0-9]{{3}})*)"
    whole = rf"(?:{groups}{more})(?:{mark}[0-9]*)?"
    return re.compile(rf"{whole}|[0-9]+(?:{mark}[0-9]*)?{_EXPONENT}|{mark}[0-9]+{_EXPONENT}")


_READINGS = {".": _reading(r"\.", ",", _INDIAN), ",": _reading(",", r"\.", "")}
_PLAIN_MINUS = str.maketrans(dict.fromkeys(_MINUSES, "-"))
_DROPPED = dict.fromkeys(map(ord, f"'’ {_THIN}"))
_TO_FLOAT = {".": {**_DROPPED, ord(","): None}, ",": {**_DROPPED, ord("."): None, ord(","): "."}}

_NUMBER = r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
_IS_NUMBER = re.compile(_NUMBER)
# Possessive: no backtracking from every digit of a column of text.
_ARE_NUMBERS = re.compile(rf"(?:{_NUMBER}\n)++")

# The first and the last characters of a number with marks; a cell with neither is text.
STARTS = frozenset(f"+.,(0123456789%‰{_MINUSES}{_SIGNS}")
ENDS = frozenset(f".,)0123456789%‰{_MINUSES}{_SIGNS}")


@dataclass(frozen=True)
class NumberDialect:
    """How the numbers of a column are written.

    Attributes:
        decimal: the decimal mark, `.` or `,`; empty where the column has whole numbers without any mark.
        thousands: the other of these two marks, where it separates thousands; empty where it does not occur.
        unit: a currency or `%` behind or before the numbers; empty for none.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def reads_plain(self, cell: str) -> bool:
        """Return whether a cell that is written as programs do has this value here as well."""
        return self.unit not in PERCENT and (self.decimal == "." or "." not in cell)

    def describe(self) -> str:
        """Say how a number is written, for a message."""
        decimal = {".": " with a decimal point", ",": " with a decimal comma"}.get(self.decimal, "")
        thousands = {",": " and commas between thousands", ".": " and points between thousands"}.get(self.thousands, "")
        return f"{decimal}{thousands}{f' in {self.unit}' if self.unit else ''}"


PLAIN = NumberDialect()
"""Numbers as programs write them."""


class Written(NamedTuple):
    """The parts of a cell that holds a number.

    Attributes:
        negative: whether it is below 0.
        body: its digits and marks.
        unit: a currency or `%`; empty for none.
    """

    negative: bool
    body: str
    unit: str

    def value(self, decimal: str) -> float | None:
        """Return the number, if it can be read with a decimal mark; else None."""
        if not _READINGS[decimal].fullmatch(self.body):
            return None
        number = float(self.body.translate(_TO_FLOAT[decimal]).translate(_PLAIN_MINUS))
        if not isfinite(number):
            return None
        return -number if self.negative else number


def split_written(cell: str) -> Written | None:
    """Split a cell that holds a number into its parts; return None for other cells.

    >>> split_written("−$ 1,5"), split_written("1.5-"), split_written("(3 %)"), split_written("so")
    (Written(negative=True, body='1,5', unit='$'), Written(negative=True, body='1.5', unit=''), \
Written(negative=True, body='3', unit='%'), None)
    """
    if len(cell) > LONGEST:
        return None
    match = _WRITTEN.fullmatch(cell)
    if match is None:
        return None
    signs = [mark for mark in match.group("open", "sign", "inner", "behind") if mark]
    units = [unit for unit in match.group("first", "before", "after", "last") if unit]
    if len(signs) > 1 or len(units) > 1 or bool(match["open"]) != bool(match["close"]):
        return None
    return Written(bool(signs) and signs[0] != "+", match["body"], units[0] if units else "")


def read_written(cell: str, dialect: NumberDialect) -> float | None:
    """Read a number in a dialect; return None for a cell that is none there.

    A number without its currency is read, and one without its percent sign only if it is 0.
    """
    written = split_written(cell)
    if written is None:
        return None
    if dialect.decimal:
        other = "." if dialect.decimal == "," else ","
        value = None if other in written.body and dialect.thousands != other else written.value(dialect.decimal)
    else:
        values = {written.value(decimal) for decimal in DECIMALS} - {None}
        value = values.pop() if len(values) == 1 else None
    if written.unit != dialect.unit and (written.unit or (value and dialect.unit in PERCENT)):
        return None
    return value


def is_number(cell: Any) -> bool:
    """Return whether a cell is a finite number as programs write it, with a decimal point."""
    return isinstance(cell, str) and _IS_NUMBER.fullmatch(cell) is not None and isfinite(float(cell))


def join_plain(cells: Sequence[Any]) -> str | None:
    """Return cells that are all numbers as programs write them, a line each; None for others."""
    try:
        joined = "\n".join(cells) + "\n"
    except TypeError:  # JSON has other cells
        return None
    return joined if joined.count("\n") == len(cells) and _ARE_NUMBERS.fullmatch(joined) else None


def as_numbers(cells: Sequence[Any], joined: str | None = None) -> NDArray[np.float64] | None:
    """Convert cells to numbers; return None unless all are finite numbers as programs write them.

    Args:
        cells: of a table.
        joined: what :func:`join_plain` made of them, where it is known.

    >>> as_numbers(["1", " 2e3"]), as_numbers(["1", ""])
    (array([1.e+00, 2.e+03]), None)
    """
    if joined is None and join_plain(cells) is None:
        return None
    values = np.array(cells, dtype=object).astype(np.float64)
    return values if np.isfinite(values).all() else None

"""Read fields of plain data from a file of unknown origin: the exact type, without conversion.

``int("5")``, ``int(1.7)`` and ``bool("false")`` would succeed too, and a damaged file would become another cell.

>>> whole(5), decimal("-inf"), text("h")
(5, -inf, 'h')
>>> whole(5.0)
Traceback (most recent call last):
TypeError: a float is in the place of a whole number
"""

from collections.abc import Sequence
from typing import Any, NoReturn

NOT_FINITE = frozenset({"inf", "-inf", "nan"})  # JSON has no such numbers, so they are written as text


def text(value: Any) -> str:
    """Read a text that UTF-8 can encode."""
    if not isinstance(value, str):
        _refuse(value, "text")
    value.encode()
    return value


def whole(value: Any) -> int:
    """Read an index or a line: a whole number from 0 that 32 bits hold."""
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(value, "a whole number")
    if not 0 <= value < 2**31:
        raise ValueError("a whole number is below 0, or has more than 32 bits")
    return value


def decimal(value: Any) -> float:
    """Read a number, which need not be finite."""
    if isinstance(value, str) and value in NOT_FINITE:
        return float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        _refuse(value, "a number")
    return float(value)


def yes_or_no(value: Any) -> bool:
    """Read a truth value."""
    if not isinstance(value, bool):
        _refuse(value, "true or false")
    return value


def items(value: Any) -> Sequence[Any]:
    """Read a list."""
    if not isinstance(value, list | tuple):
        _refuse(value, "a list")
    return value


def _refuse(value: object, wanted: str) -> NoReturn:
    raise TypeError(f"a {type(value).__name__} is in the place of {wanted}")

"""Make dataclasses from the plain data of a model file; a field of the wrong type is refused.

JSON has no tuples, so a list becomes one. Nothing else is converted: the text "7" is no number, 7.5 no integer.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Step:
...     unit: str
...     sizes: tuple[int, ...] = ()
>>> read_plain(Step, {"unit": "day", "sizes": [2, 3]}, "step")
Step(unit='day', sizes=(2, 3))
>>> read_plain(Step, {"unit": "day", "sizes": [2, "3"]}, "step")
Traceback (most recent call last):
elman.errors.DataError: sizes of step is not what a model has there: '3' is no int. Train the model again.
"""

import dataclasses
import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from elman.errors import DataError

T = TypeVar("T")

_SHOWN = 30  # characters of a wrong value
_MOST = 2**63


def read_plain(kind: type[T], data: Any, what: str) -> T:
    """Make an instance of a dataclass.

    Args:
        kind: the dataclass; its annotations are the types of its fields, and its class variable `ordered`, if there is
            one, names the mappings whose order matters.
        data: the fields by name, as JSON gives them; fields with a default may be missing.
        what: the name of the whole in messages.

    Raises:
        DataError: a field is missing, unknown, or of another type; the class itself may raise others.
    """
    if not isinstance(data, dict):
        raise DataError(f"The {what} of this model is not an object with names and values. Train the model again.")
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}  # type: ignore[arg-type]
    required = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    for name in sorted(required - data.keys()):
        raise DataError(f"The {what} of this model has no {name}. Train the model again.")
    _require_order(data, getattr(kind, "ordered", ()))
    return kind(**read_options(kind, data, what, fields))


def read_options(owner: type | Callable[..., Any], data: Mapping[str, Any], what: str, known: Any = None) -> dict:
    """Convert keyword arguments to the annotated types of a function or class.

    Args:
        owner: the function or class.
        data: the arguments by name, as JSON gives them.
        what: the name of the whole in messages.
        known: the accepted names, if not all annotated ones.

    Raises:
        DataError: one is unknown, or of another type.
    """
    hints = get_type_hints(owner)
    for name in sorted(data.keys() - set(hints if known is None else known)):
        raise DataError(f"The {what} of this model has {name[:_SHOWN]!r}, which no model has. Train the model again.")
    return {name: _read(hints[name], value, f"{name} of {what}") for name, value in data.items()}


def as_pairs(ordered: Mapping[str, Sequence[Any]]) -> list[list[Any]]:
    """Write a mapping whose order matters, as lists: the objects of a model file are sorted by name.

    >>> as_pairs({"size": ("S", "M"), "colour": ("red",)})
    [['size', ['S', 'M']], ['colour', ['red']]]
    """
    return [[name, list(items)] for name, items in ordered.items()]


def _require_order(data: Mapping[str, Any], names: Sequence[str]) -> None:
    """Check that fields whose order matters are the lists of :func:`as_pairs`.

    Raises:
        DataError: one is an object of several names. Its order is not that of the training.
    """
    for name in names:
        if isinstance(data.get(name), dict) and len(data[name]) > 1:
            raise DataError(
                f"This model was saved by a version that lost the order of its {name}, so its answers would be wrong. "
                "Train the model again."
            )


def _read(hint: Any, value: Any, what: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        (hint,) = (arg for arg in args if arg is not type(None))
        return _read(hint, value, what)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return read_plain(hint, value, what)
    if origin in (tuple, Sequence) and isinstance(value, list | tuple):
        each = [args[0]] * len(value) if args[1:] in ((), (...,)) else args
        if len(each) == len(value):
            return tuple(_read(part, item, what) for part, item in zip(each, value, strict=True))
    elif origin in (dict, Mapping) and isinstance(value, dict | list):
        if isinstance(value, list):
            value = _read_pairs(value, what)
        return {name: _read(args[1], item, what) for name, item in value.items()}
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    elif (hint is int and type(value) is int and abs(value) < _MOST) or (hint in (str, bool) and type(value) is hint):
        return value
    name = getattr(hint, "__name__", str(hint))
    shown = repr(value)[:_SHOWN]
    raise DataError(f"{what} is not what a model has there: {shown} is no {name}. Train the model again.")


def _read_pairs(pairs: list[Any], what: str) -> dict[str, Any]:
    """Read what :func:`as_pairs` wrote."""
    named = {pair[0]: pair[1] for pair in pairs if isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is str}
    if len(named) < len(pairs):
        raise DataError(f"{what} is not what a model has there: names with their values. Train the model again.")
    return named

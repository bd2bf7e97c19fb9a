"""The one door for examples in memory: what is given becomes a sequence of examples, or is refused in one sentence.

====================================================  ==========================================================
given                                                 examples
====================================================  ==========================================================
a list, a tuple                                       its items
a generator, an iterator, a column of a data frame    its items, read once
an array (N, …), a tensor                             its rows; a masked number is missing (NaN)
a data frame                                          its rows, as mappings by the names of its columns
a text, bytes, a path, an open file                   refused: each is one thing, not a sequence of examples
a mapping, a set                                      refused: a row or columns by name, or without an order
a number, None, any other single object               refused
a `DataLoader`                                        refused: it gives batches
====================================================  ==========================================================

Data frames and tensors are recognised by their methods, so no library is imported.

>>> as_examples(text for text in ("so good", "so bad"))
['so good', 'so bad']
>>> as_examples("so good", "X", "a list of texts")
Traceback (most recent call last):
elman.errors.DataError: X is one text, 'so good'. Give a list of texts.
"""

from collections.abc import Iterable, Mapping, Sized
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.phrases import name_some

_LONGEST = 40  # characters of a text in a message
_MOST_NAMES = 5  # that a message lists


def as_examples(given: Any, name: str = "X", form: str = "a list of examples") -> Any:
    """Return examples as a sequence: an array stays an array, everything else becomes a list.

    Args:
        given: see the table above.
        name: of the argument, for messages.
        form: what to give, for messages, such as `a list of texts`.

    Raises:
        DataError: it is no sequence of examples; or it is masked, and has no number for a missing value.
    """
    if hasattr(given, "toarray"):
        raise DataError(f"{name} is a sparse matrix, which has no steps that could be read. Give {name}.toarray().")
    fault = _find_fault(given)
    if fault:
        raise DataError(f"{name} is {fault}. Give {form}.")
    if column_names(given):
        return _as_rows(given, name)
    array = as_array(given, name) if hasattr(given, "__array__") or hasattr(given, "detach") else None
    if array is not None:
        if not array.ndim:
            raise DataError(f"{name} is a single value, {_shorten(array.item())}. Give {form}.")
        return array
    if isinstance(given, list):
        return given
    return list(given) if isinstance(given, Iterable) else [given[at] for at in range(len(given))]


def as_array(given: Any, name: str) -> NDArray[Any]:
    """Return an array, a tensor, or a column as an array; masked numbers become NaN.

    Raises:
        DataError: values are masked, and are no numbers.
    """
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        given = given.float() if "bfloat16" in str(given.dtype) else given
    if not np.ma.isMaskedArray(given) or not np.ma.getmaskarray(given).any():
        return np.asarray(given)
    if given.dtype.kind not in "iuf" or given.dtype == np.uint8:
        raise DataError(f"{name} is a masked array of {given.dtype}, with masked values. Leave these examples out.")
    return np.ma.filled(given.astype(np.float64), np.nan)


def frame_as_array(frame: Any) -> NDArray[Any]:
    """Return the columns of a data frame as an array (N, F)."""
    if hasattr(frame, "__array__"):
        return np.asarray(frame)
    return np.stack([as_array(frame[column], column) for column in column_names(frame)], axis=1)


def column_names(given: Any) -> list[str]:
    """Return the names of the columns of a data frame; empty where it is none, or its columns have no names.

    Raises:
        DataError: some columns have names and others numbers, or two have the same name.
    """
    names = getattr(given, "column_names", getattr(given, "columns", ()))
    if not isinstance(names, Iterable) or isinstance(names, str):
        return []
    listed = list(names)
    named = [name for name in listed if isinstance(name, str)]
    if named and len(named) < len(listed):
        raise DataError(f"Of {len(listed)} columns, {len(named)} have names that are text. Name all of them, or none.")
    twice = [name for name in dict.fromkeys(named) if named.count(name) > 1]
    if twice:
        raise DataError(f"There are several columns with the name {name_some(twice, _MOST_NAMES)}. Rename one of them.")
    return named


def _find_fault(given: Any) -> str | None:
    """Return what is given, if it is no sequence of examples."""
    if isinstance(given, str):
        return f"one text, {_shorten(str(given))}"
    if isinstance(given, (bytes, bytearray, memoryview)):
        return "bytes, which are not decoded here"
    if isinstance(given, PathLike):
        return f"the path {fspath(given)!r}, and no file is read here"
    if isinstance(given, Mapping):
        return f"a mapping with the keys {name_some([str(key) for key in given], _MOST_NAMES) or '(none)'}"
    if isinstance(given, (set, frozenset)):
        return "a set, which has no order"
    if hasattr(given, "readline"):
        return "an open file"
    if hasattr(given, "batch_size") and hasattr(given, "dataset"):
        return "a DataLoader, which gives batches"
    if isinstance(given, Iterable) or (isinstance(given, Sized) and hasattr(given, "__getitem__")):
        return None
    return None if hasattr(given, "__array__") else f"a single value, {_shorten(given)}"


def _as_rows(frame: Any, name: str) -> list[dict[str, Any]]:
    """Return the rows of a data frame as mappings by column."""
    names = column_names(frame)
    columns = [as_array(frame[column], f"{name}, column {column}") for column in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _shorten(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"

"""Make a dataset of values in memory: a list of texts, of arrays, of rows.

>>> examples = open_values(["very good", "so bad"], Columns({"text": "text"}))
>>> len(examples), examples[1].values, examples[1].where
(2, {'text': 'so bad'}, 'example 2')
"""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np

from elman.data.dataset import Columns, Dataset, Example, Sound
from elman.data.examples.choosing import suggest_nearest
from elman.data.examples.intake import as_array, as_examples
from elman.data.examples.sides import read_sides
from elman.errors import DataError
from elman.phrases import name_some

_MOST_NAMES = 5  # that a message lists


def open_values(
    values: Sequence[Any],
    columns: Columns,
    targets: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    weights: Sequence[float] | None = None,
) -> Dataset:
    """Return a dataset of values.

    Args:
        values: examples, see :mod:`elman.data.examples.intake`: the value itself for one input column, else a mapping
            by column. A series may be an array (T, D) or (T,), an image (H, W, C) or (H, W).
        columns: of the values.
        targets: one an example; None where they are not known.
        groups: of each example; None for none.
        weights: of each example, above 0; None for equal weights.

    Raises:
        DataError: the number of targets, groups or weights differs from that of the values; on access, a value does not
            fit its column.
    """
    values = as_examples(values, "values")
    others = [
        None if given is None else as_examples(given, name, f"one {name} an example")
        for name, given in (("target", targets), ("group", groups), ("weight", weights))
    ]
    require_one_each(values, target=others[0], group=others[1], weight=others[2])
    return _Values(values, columns, *others)


def require_one_each(values: Sized, **others: Sized | None) -> None:
    """Check that targets, groups and the like, by their names, are as many as the values.

    Raises:
        DataError: there are fewer or more.
    """
    for what, given in others.items():
        if given is not None and len(given) != len(values):
            raise DataError(f"There are {len(values)} examples and {len(given)} {what}s. Give one {what} an example.")


class Listed:
    """Examples of a list; see :class:`elman.data.Dataset`."""

    name = "the examples"

    def __init__(self, examples: Sequence[Example], columns: Columns) -> None:
        self.columns, self.notes = columns, ()
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int, /) -> Example:
        return self._examples[index]


class _Values:
    name = "the examples"

    def __init__(
        self,
        values: Sequence[Any],
        columns: Columns,
        targets: Sequence[Any] | None,
        groups: Sequence[Any] | None,
        weights: Sequence[float] | None,
    ) -> None:
        self.columns = columns
        self.notes: Sequence[str] = ()
        self._values, self._targets, self._groups, self._weights = values, targets, groups, weights

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> Example:
        where = f"example {index + 1}"
        given = self._values[index]
        inputs = self.columns.inputs
        if len(inputs) == 1 and not isinstance(given, Mapping):
            given = {next(iter(inputs)): given}
        if not isinstance(given, Mapping):
            raise DataError(f"{where} is no mapping. Give one with the columns {', '.join(inputs)}.")
        sides = [side.column for side in self.columns.sides.values()]
        missing = [name for name in dict.fromkeys([*inputs, *sides]) if name not in given]
        if missing:
            has = list(map(str, given))
            raise DataError(
                f"{where} has no column {name_some(missing, _MOST_NAMES)}. {suggest_nearest(missing[0], has)}"
                f"It has: {name_some(has, _MOST_NAMES) or 'none'}. Give all that the model reads."
            )
        values = {name: _convert(given[name], kind, f"{where}, {name}") for name, kind in inputs.items()}
        if sides:
            [(name, series)] = values.items()
            values = {name: np.hstack([series, _read_sides(self.columns, given, len(series), where)])}
        group = None if self._groups is None else str(self._groups[index])
        weight = 1.0 if self._weights is None else self._weights[index]
        return Example(values, None if self._targets is None else self._targets[index], where, group, weight)


def _read_sides(columns: Columns, given: Mapping[str, Any], steps: int, where: str) -> Any:
    """Return what the steps of an example carry, (T, S); times are dates, or numbers."""
    found = {}
    for name, side in columns.sides.items():
        own = as_array(given[side.column], f"{where}, {side.column}")
        try:
            if side.form:
                own = np.array([round(_as_seconds(time) * 1e6) for time in own.tolist()], "datetime64[us]")
            found[side.column] = own if side.form else own.astype(np.float64)
        except (TypeError, ValueError) as error:
            what = "times" if side.form else "numbers"
            raise DataError(f"{where}, {side.column}: these are no {what} for {name} ({error}). Give (T,).") from None
        if own.shape != (steps,):
            raise DataError(f"{where}, {side.column}: its shape is {own.shape}, and the series has {steps} steps.")
    return read_sides(columns, found, lambda at: f"{where}, step {at + 1}")


def _convert(value: Any, kind: str, where: str) -> Any:
    try:
        if kind in ("text", "category", "letters"):
            if not isinstance(value, str):
                raise TypeError(f"{type(value).__name__} is no text")
            return value.upper() if kind == "letters" else value
        if _is_complex(value):
            raise TypeError("its numbers are complex")
        if kind == "number":
            return float(value)
        if kind == "date":
            return _as_seconds(value)
        if kind == "series":
            series = as_array(value, where).astype(np.float32)
            return _of_rank(series[:, None] if series.ndim == 1 else series, 2)
        if kind == "image":
            image = as_array(value, where)
            if image.dtype != np.uint8:
                raise TypeError(f"its numbers are {image.dtype}, not uint8")
            return _of_rank(image[..., None] if image.ndim == 2 else image, 3)
        if not isinstance(value, Sound):
            raise TypeError(f"{type(value).__name__} is no Sound")
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: this is no {kind} ({error}). Give what the model was trained on.") from None
    return value


def _as_seconds(value: Any) -> float:
    """Return seconds since 1970 of a date: a text in ISO 8601, a `datetime`, NumPy's or pandas' time; NaN for none."""
    if value is None or value == "" or value != value:
        return float("nan")
    if hasattr(value, "replace") and hasattr(value, "tzinfo"):
        value = value.replace(tzinfo=None)
    return float(np.datetime64(value, "us").astype(np.int64)) / 1e6


def _is_complex(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return "complex" in str(dtype) if dtype is not None else bool(np.iscomplexobj(value))


def _of_rank(array: Any, rank: int) -> Any:
    if array.ndim != rank or not array.size:
        raise ValueError(f"its shape is {array.shape}")
    return array

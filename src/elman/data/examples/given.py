"""Recognise the kind of values in memory: texts, series, rows of a table, images, sound.

===========================================  ==========================
given                                        each example is
===========================================  ==========================
texts                                        a text
arrays (T, D) or (T,), of unequal T          a series
an array (N, T, D)                           a series
an array (N, D), or rows of numbers          a row of a table
uint8 arrays (H, W) or (H, W, C), or one     an image
array of N of them
:class:`elman.data.Sound`                    sound
===========================================  ==========================

>>> recognise([[1.0, 2.0], [3.0, 4.0]]).inputs
{'x1': 'number', 'x2': 'number'}
>>> recognise(["so good", "so bad"]).inputs
{'text': 'text'}
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.data.dataset import Columns, Sound
from elman.data.examples.intake import as_array, as_examples
from elman.errors import DataError

_NUMBERS = "biuf"  # the kinds of numpy's types
_CHANNELS = (1, 3, 4)  # of an image
GIVE = "a list of texts, of arrays (T, D), or of uint8 images, or one array (N, T, D) or (N, D)"
"""What to give, for messages."""


def recognise(values: Any) -> Columns:
    """Return the columns of values, without a target.

    Args:
        values: see the table above; a list, or an array.

    Raises:
        DataError: there are none, or they are of no kind in the table.
    """
    values = as_inputs(values)
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return _recognise_array(values)
    if not len(values):
        raise DataError("There are no examples. Give some.")
    first = values[0]
    if isinstance(first, str):
        return Columns({"text": "text"})
    if isinstance(first, Sound):
        return Columns({"sound": "sound"})
    if isinstance(first, (list, tuple)) and first and not isinstance(first[0], (list, tuple, str, np.ndarray)):
        return _recognise_array(_as_table(values))
    array = as_array(first, "The first example")
    if array.dtype == np.uint8 and array.ndim in (2, 3):
        return Columns({"image": "image"})
    if array.dtype.kind in _NUMBERS and array.ndim in (1, 2):
        return Columns({"x": "series"})
    what = f"an array {array.shape}" if array.ndim else f"of type {type(first).__name__}"
    raise DataError(f"The first example is {what}, which cannot be read. Give {GIVE}.")


def as_inputs(values: Any, name: str = "X", form: str = GIVE) -> Any:
    """Return the inputs of examples as a list or an array; one column of texts, (N, 1), becomes (N,).

    Args:
        values: see :mod:`elman.data.examples.intake`.
        name: of the argument, for messages.
        form: what to give, for messages.

    Raises:
        DataError: they are no sequence of examples.
    """
    given = as_examples(values, name, f"{form}; one example is [{name}]")
    if isinstance(given, np.ndarray) and given.ndim == 2 and given.shape[1] == 1 and given.dtype.kind in "UO":
        return given[:, 0] if all(isinstance(text, str) for text in given[:, 0]) else given
    return given


def _recognise_array(array: Any) -> Columns:
    if array.dtype.kind == "c":
        raise DataError(
            f"Complex data not supported: X is an array {array.shape} of {array.dtype}. Give the real and the "
            "imaginary part as numbers of their own."
        )
    if array.ndim == 2 and not array.shape[1]:
        raise DataError(
            f"There are 0 feature(s) (shape={array.shape}) while a minimum of 1 is required. Give a column or more."
        )
    if array.dtype.kind == "O" and array.ndim == 2:
        array = _as_table(array)
    images = array.dtype == np.uint8 and array.ndim in (3, 4)
    if array.dtype.kind not in _NUMBERS or (array.ndim > 3 and not images):
        raise DataError(f"An array {array.shape} of {array.dtype} cannot be read. Give {GIVE}.")
    if not array.size:
        raise DataError(f"An array {array.shape} has no examples. Give some.")
    if array.ndim == 2:
        return Columns({f"x{number}": "number" for number in range(1, array.shape[1] + 1)})
    return Columns({"image": "image"} if images else {"x": "series"})


def as_values(values: Any, columns: Columns, who: str) -> list[Any]:
    """Convert values to the form that :func:`elman.data.examples.values.open_values` reads.

    Args:
        values: as for :func:`recognise`.
        columns: of the values.
        who: the reader, for messages.

    Raises:
        DataError: the rows and the columns differ in number; or an array may be one example instead of many.
    """
    names = list(columns.inputs)
    values = as_inputs(values)
    refuse_single(values, columns)
    if "number" not in columns.inputs.values():
        return list(values)
    table = _as_table(values)
    if table.ndim != 2:
        raise DataError(
            f"X is an array {table.shape}, and rows of {len(names)} numbers are read. Reshape your data: "
            f"(N, {len(names)})."
        )
    if len(table) and table.shape[1] != len(names):
        raise DataError(
            f"X has {table.shape[1]} features, but {who} is expecting {len(names)} features as input. "
            f"Give (N, {len(names)})."
        )
    return [dict(zip(names, row, strict=True)) for row in table.tolist()]


def refuse_single(values: Any, columns: Columns) -> None:
    """Refuse an array that may be one image in colour, or one series, where examples are images or series.

    Raises:
        DataError: it is an array (H, W, C) of uint8, or (T, 1).
    """
    kinds = set(columns.inputs.values())
    shape: tuple[int, ...] = getattr(values, "shape", ())
    if kinds == {"image"} and len(shape) == 3 and shape[2] in _CHANNELS:
        raise DataError(
            f"X is an array {shape}: one image, or {shape[0]} images of {shape[1]} × {shape[2]} pixels? "
            "Give X[None] for one image, X[..., None] for several."
        )
    if kinds == {"series"} and len(shape) == 2 and shape[1] == 1 < shape[0]:
        raise DataError(
            f"X is an array {shape}: one series of {shape[0]} steps, or {shape[0]} series of one step? "
            "Give X[None] for one series, X[..., None] for several."
        )


def _as_table(values: Any) -> Any:
    if isinstance(values, Sequence) and not len(values):
        return np.zeros((0, 0))
    if isinstance(values, list) and hasattr(values[0], "detach"):
        values = [as_array(row, "X") for row in values]
    try:
        table = np.asarray(values)
        if table.dtype.kind == "c":
            raise TypeError("complex data not supported")
        if table.dtype.kind in "mM":
            raise TypeError("they are times")
        if table.dtype.kind in "US" or (
            table.dtype.kind == "O" and any(isinstance(value, str) for value in table.flat)
        ):
            raise TypeError("there is text among them")
        return table.astype(np.float64)
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"These rows make no table of numbers ({reason}). Give as many numbers in each, or arrays for series."
        ) from None

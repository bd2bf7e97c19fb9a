"""Make of numbers and times what each step of a series carries besides its numbers: side inputs.

They stand behind the numbers of a step, in the order of their names. At the first step the time since the step before
is 0.

>>> from elman.data.dataset import SideColumn
>>> columns = Columns({"series": "series"}, sides={"dt": SideColumn("t", gaps=True)})
>>> read_sides(columns, {"t": np.array([3.0, 3.5, 7.0])}, "walk.csv line {}".format).tolist()
[[0.0], [0.5], [3.5]]
>>> read_sides(columns, {"t": np.array([3.0, 7.0, 3.5])}, "walk.csv line {}".format)
Traceback (most recent call last):
elman.errors.DataError: walk.csv line 2, column t: 3.5 comes after 7, so that times are out of order. Sort the rows by
time.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Columns
from elman.data.series.regularity import check_order
from elman.errors import DataError


def read_sides(
    columns: Columns, values: Mapping[str, NDArray[Any]], where: Callable[[int], str]
) -> NDArray[np.float32]:
    """Turn columns of one series into what its steps carry, (T, S).

    Args:
        columns: the side inputs.
        values: (T,) by column: numbers, NaN where one is missing, or times (datetime64).
        where: names a step by its index.

    Raises:
        DataError: a number is missing, negative or infinite, or times do not ascend.
    """
    carried = []
    for name, side in sorted(columns.sides.items()):
        own = values[side.column]

        def place(at: int, column: str = side.column) -> str:
            return f"{where(at)}, column {column}"

        _refuse(np.isnat(own) if own.dtype.kind == "M" else ~np.isfinite(own), name, place, "missing or infinite")
        if side.gaps:
            check_order(own, place, lambda at, own=own: _say(own[at]))  # type: ignore[misc]
            apart = np.diff(own, prepend=own[:1])
            own = apart / np.timedelta64(1, "s") if own.dtype.kind == "M" else apart
        else:
            _refuse(own < 0, name, place, "negative")
        carried.append(np.asarray(own, np.float64))
    with np.errstate(over="ignore"):  # one beyond float32 is infinite, which the encoder refuses
        return np.stack(carried, axis=1).astype(np.float32)


def _refuse(wrong: NDArray[np.bool_], name: str, place: Callable[[int], str], what: str) -> None:
    if wrong.any():
        raise DataError(
            f"{place(int(wrong.argmax()))}: the value is {what}, and the side input {name} is a number from 0 on at "
            "every step. Correct it, or leave the row out."
        )


def _say(value: Any) -> str:
    return str(value) if isinstance(value, np.datetime64) else f"{value:.15g}"

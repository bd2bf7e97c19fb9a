"""Answers as columns of the data frame that came in, or as a new frame of the same library.

>>> import pandas                                                               # doctest: +SKIP
>>> add_answers(pandas.DataFrame({"text": ["so good"]}), {"prediction": ["pos"]})  # doctest: +SKIP
      text prediction
0  so good        pos
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import narwhals as nw
import numpy as np

from elman.data.frames import as_frame
from elman.data.held import is_frame
from elman.errors import DataError
from elman.models.answers import free_names
from elman.phrases import name_some

Predict = TypeVar("Predict", bound=Callable[..., Any])

_MOST_NAMES = 5


def add_answers(given: Any, answers: Mapping[str, Sequence[Any]]) -> Any:
    """Return a copy of a frame with further columns; its own stay, with their index and order.

    Args:
        given: the frame; a series becomes a frame of one column.
        answers: a value a row, by the name of the column; a name that the frame has gets a number.
    """
    frame = given.to_frame() if hasattr(given, "to_frame") and not hasattr(given, "columns") else given
    names = free_names(answers, nw.from_native(frame, eager_only=True).columns)
    if nw.from_native(frame, eager_only=True).implementation.is_pandas():
        # Values are put into the rows in their order, whatever the index is.
        return frame.assign(**{names[name]: list(values) for name, values in answers.items()})
    whole = nw.from_native(frame, eager_only=True)
    return whole.with_columns(
        nw.new_series(names[name], list(values), backend=whole.implementation) for name, values in answers.items()
    ).to_native()


def make_frame(
    given: Any, rows: Sequence[Mapping[str, Any]], times: tuple[str, Sequence[np.datetime64]] | None = None
) -> Any:
    """Return a frame of rows, of the library of another frame; all rows have the same names.

    Args:
        given: the other frame.
        rows: the new ones.
        times: the name of the column of times, and the time of each row: the column is of times where that of the other
            frame is, and the index where its index is.
    """
    whole = as_frame(given)
    made = nw.from_dict({name: [row[name] for row in rows] for name in rows[0]}, backend=whole.implementation)
    # Times with a zone stay as they are written: the forecast counts some of them in UTC.
    if times is None or not _is_naive(whole[times[0]].dtype):
        return made.to_native()
    name, moments = times
    own = [moment.astype("datetime64[us]").item() for moment in moments]
    column = nw.new_series(name, own, whole[name].dtype, backend=whole.implementation)
    native = made.with_columns(column).to_native()
    is_index = whole.implementation.is_pandas() and name not in getattr(given, "columns", ())
    return native.set_index(name) if is_index else native


def _is_naive(dtype: Any) -> bool:
    return dtype == nw.Date or (dtype == nw.Datetime and dtype.time_zone is None)


def reads_frames(*usual: str) -> Callable[[Predict], Predict]:
    """Let a method that answers a list also take a data frame, whose answers are a column `prediction` of it.

    Args:
        usual: names of the column that is read; otherwise the frame has one column, or is a series.
    """

    def wrap(predict: Predict) -> Predict:
        @functools.wraps(predict)
        def answer(self: Any, given: Any, *args: Any, **options: Any) -> Any:
            if not is_frame(given):
                return predict(self, given, *args, **options)
            return add_answers(given, {"prediction": predict(self, read_column(given, usual), *args, **options)})

        return cast("Predict", answer)

    return wrap


def read_column(given: Any, usual: Sequence[str]) -> list[Any]:
    """Return the values of the column that is read: a series, the only column, or one with a usual name.

    Raises:
        DataError: there is no such column, or a value is missing.
    """
    frame = as_frame(given)
    name = next((name for name in usual if name in frame.columns), None)
    if name is None and len(frame.columns) == 1:
        name = frame.columns[0]
    if name is None:
        raise DataError(
            f"The frame has no column {' or '.join(usual)}. It has: {name_some(frame.columns, _MOST_NAMES)}. Give the "
            "column alone."
        )
    values = frame[name].to_list()
    missing = next((row for row, value in enumerate(values) if not isinstance(value, str)), None)
    if missing is not None:
        raise DataError(f"the frame, row {missing}, column {name}: {values[missing]!r} is no text. Write one.")
    return values

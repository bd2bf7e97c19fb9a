"""A forecaster, as the server uses it: the rows of a table of series, or the table as a file.

>>> serve.__name__
'serve'
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.data.series.opening import open_series
from elman.data.series.series import SeriesColumns, SeriesSet
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.steps import describe_steps
from elman.tasks.serving import TABLES, Sent, Service

_MOST_ROWS = 500


def serve(trained: TrainedForecaster) -> Service:
    """Serve a forecaster; an example is a table, and its answer the forecast of each series in it."""
    columns = trained.columns

    def read(sent: Sent) -> list[SeriesSet]:
        with sent.in_file() as path:
            opened = open_series([path], like=columns)
            for series in opened.series:
                sent.check_steps(len(series), series.where)
            return [trained.leave_out_short(opened)]

    def answer(tables: Sequence[SeriesSet], _: Any) -> list[dict[str, Any]]:
        return [{"series": _describe(trained, table)} for table in tables]

    return Service(
        page="series",
        read=read,
        answer=answer,
        rows=_make_rows(trained.fewest, columns),
        files=TABLES,
        facts={
            "horizon": trained.horizon,
            "lookback": trained.lookback,
            "targets": list(columns.targets),
            "time": list(columns.times),
            "levels": list(trained.percents),
            "frequency": columns.frequency.describe(),
        },
    )


def _describe(trained: TrainedForecaster, table: SeriesSet) -> list[dict[str, Any]]:
    """Return the forecast of each series, with the values that were read; a missing one is None."""
    found = []
    for one in trained.forecast(table):
        history = one.series.values[-trained.lookback :]
        values = [None if np.isnan(value) else value for value in history.tolist()]
        found.append({"series": one.series.name, "history": values, "steps": describe_steps(one)})
    return found


def _make_rows(steps: int, columns: SeriesColumns) -> list[dict[str, Any]]:
    """Make the rows of a table with the columns of the model, as many as it needs; none of other tables."""
    if columns.sideways or len(columns.times) > 1:
        return []
    steps = min(steps, _MOST_ROWS)
    waves = [round(10 + math.sin(step / 3), 3) for step in range(steps)]
    fixed = dict.fromkeys((*columns.id, *columns.static), "a")
    moving = (*columns.targets, *columns.past, *columns.known)
    rows = [{**fixed, **dict.fromkeys(moving, wave)} for wave in waves]
    if not columns.times:
        return rows
    moments = columns.frequency.timestamps(np.datetime64("2024-01-01T00:00:00", "us"), steps)
    written = [str(moment)[:16].replace("T", " ") for moment in moments]
    if all(one.endswith("00:00") for one in written):
        written = [one[:10] for one in written]
    return [{columns.times[0]: time, **row} for time, row in zip(written, rows, strict=True)]

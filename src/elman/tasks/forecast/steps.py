"""The steps of a forecast as rows: what `elman predict` writes, a server sends and a data frame holds.

>>> from types import SimpleNamespace
>>> import numpy as np
>>> one = SimpleNamespace(series=SimpleNamespace(name="a"), point=np.array([1.25]), written=[{"day": "2024-01-01"}],
...                       intervals={80: (np.array([1.0]), np.array([1.5]))}, resolution=0.01)
>>> describe_steps(one)
[{'day': '2024-01-01', 'series': 'a', 'forecast': 1.25, 'low_80': 1.0, 'high_80': 1.5}]
"""

from typing import Any

from elman.models.answers import free_names
from elman.phrases import round_to


def describe_steps(one: Any) -> list[dict[str, Any]]:
    """Return a row for each step of a forecast: its time, series, forecast, and the ends of each interval."""
    rows = []
    for step, time in enumerate(one.written):
        ends = {
            f"{side}_{level}": pair[end][step]
            for level, pair in one.intervals.items()
            for end, side in enumerate(("low", "high"))
        }
        numbers = {"forecast": one.point[step], **ends}
        answer = {"series": one.series.name} | {
            name: round_to(value, one.resolution) for name, value in numbers.items()
        }
        names = free_names(answer, time)
        rows.append({**time, **{names[name]: cell for name, cell in answer.items()}})
    return rows

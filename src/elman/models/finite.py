"""Numbers that are not finite: null where they are written, because JSON has none, and refused as an answer.

>>> without_infinite({"mase": float("inf"), "history": [[1, 0.5], [2, float("nan")]]})
{'mase': None, 'history': [[1, 0.5], [2, None]]}
"""

import json
import math
from typing import Any

from elman.errors import ElmanError


def without_infinite(data: Any) -> Any:
    """Return plain data with None in place of every number that is not finite."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {name: without_infinite(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [without_infinite(value) for value in data]
    return data


def as_json(data: Any) -> str:
    """Return plain data as a line of JSON; numbers that are not finite become null.

    >>> as_json({"loss": float("inf"), "word": "été"})
    '{"loss": null, "word": "été"}'
    """
    return json.dumps(without_infinite(data), ensure_ascii=False, allow_nan=False)


def require_finite_output(is_finite: bool) -> None:
    """Refuse an answer where the output of a model is not finite.

    Raises:
        ElmanError: it is not finite.
    """
    if not is_finite:
        raise ElmanError(
            "The model's output is not finite: its weights, or numbers in the data, are too large. "
            "Train it again with a lower --learning-rate, or correct the data."
        )

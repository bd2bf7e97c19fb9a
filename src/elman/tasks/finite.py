"""Leave what is not finite out of what is written: JSON has no word for it.

>>> without_infinite({"mase": float("inf"), "history": [[1, 0.5], [2, float("nan")]]})
{'mase': None, 'history': [[1, 0.5], [2, None]]}
"""

import math
from typing import Any


def without_infinite(data: Any) -> Any:
    """Return plain data with None in place of every number that is not finite."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {name: without_infinite(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [without_infinite(value) for value in data]
    return data

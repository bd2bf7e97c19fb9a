"""Declare the options of `forecast` that a search may choose, with their ranges; options that were given are left out.

>>> sorted(search_space({"hidden": 64}, ForecastSettings(hidden=64), rate=1e-3, batch=64))
['batch', 'decode', 'dropout', 'layers', 'learning_rate', 'recurrent_dropout']
"""

from collections.abc import Mapping
from typing import Any

from elman.tasks.forecast.settings import DECODINGS, ForecastSettings
from elman.training.search import Between, Choice, Space


def search_space(given: Mapping[str, Any], settings: ForecastSettings, rate: float, batch: int) -> Space:
    """Return the search space. It has no look-back, since losses are scaled by it and would not be comparable.

    Args:
        given: the options that were set; they stay as they are.
        settings: all options.
        rate: the learning rate where none is given.
        batch: windows of one update with the default settings.
    """
    space: dict[str, Choice | Between] = {
        "hidden": Between(settings.hidden, 32, 512, log=True),
        "layers": Choice(settings.layers, (1, 2)),
        "decode": Choice(settings.decode, DECODINGS),
        "learning_rate": Between(rate, rate / 8, rate * 8, log=True),
        "batch": Choice(batch, (max(1, batch // 2), batch, 2 * batch)),
        "dropout": Between(settings.dropout, 0.0, 0.7),
        "recurrent_dropout": Between(settings.recurrent_dropout, 0.0, 0.3),
    }
    return {name: row for name, row in space.items() if name not in given}

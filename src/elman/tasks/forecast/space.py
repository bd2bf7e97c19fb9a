"""Say which options of `forecast` a search may choose, and from where to where; what was given is not among them.

>>> sorted(search_space({"hidden": 64}, ForecastSettings(hidden=64), rate=1e-3, batch=64))
['batch', 'decode', 'dropout', 'layers', 'learning_rate', 'recurrent_dropout']
"""

from collections.abc import Mapping
from typing import Any

from elman.tasks.forecast.settings import DECODINGS, ForecastSettings
from elman.training.search import Between, Choice, Space


def search_space(given: Mapping[str, Any], settings: ForecastSettings, rate: float, batch: int) -> Space:
    """Return what a search may choose. How much is read is not among it: errors are measured in units of what is read.

    Args:
        given: the options that somebody chose; they stay as they are.
        settings: the same as settings.
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

"""The options of `generate` that a search may choose, with their ranges; given options are not among them.

The values of a preset are not searched either: they belong together.

>>> sorted(search_space({"layers": 2}, Settings(layers=2), units=90_000, batch=32))
['batch', 'dropout', 'hidden', 'learning_rate', 'recurrent_dropout', 'tied', 'window']
"""

from collections.abc import Mapping
from typing import Any

from elman.tasks.generate.settings import Settings, preset_beneath
from elman.training.optimizers import peak_rate
from elman.training.search import Between, Choice, Space

ENCODED_BY = frozenset({"window"})
"""The options of a search that change the encoded text."""


def search_space(given: Mapping[str, Any], settings: Settings, units: int, batch: int) -> Space:
    """Return the options that a search may choose.

    Args:
        given: the options that the user chose; they stay fixed.
        settings: the same as settings.
        units: how many training units there are.
        batch: streams with the default settings.
    """
    rate = peak_rate(settings)
    characters = settings.unit == "character"
    space: dict[str, Choice | Between] = {
        "hidden": Between(settings.hidden, 64, 512, log=True),
        "layers": Choice(settings.layers, (1, 2)),
        "learning_rate": Between(rate, rate / 8, rate * 4, log=True),
        "window": _near(settings.window, units),
        "batch": _near(batch, units),
        "dropout": Between(settings.dropout, 0.0, 0.6),
        "recurrent_dropout": Between(settings.recurrent_dropout, 0.0, 0.3),
    }
    if not characters:
        space["input_dropout"] = Between(settings.input_dropout, 0.0, 0.6)
    if settings.embedding is None:
        space["tied"] = Choice(not characters, (False, True))
    fixed = {*given, *preset_beneath(given)}
    return {name: row for name, row in space.items() if name not in fixed}


def _near(default: int, units: int) -> Choice:
    """Return a choice of half, once or twice a size, where the text is long enough."""
    return Choice(default, tuple(size for size in (default // 2, default, 2 * default) if 0 < size < units))

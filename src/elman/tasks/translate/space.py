"""The options of `translate` that a search may choose, with their ranges; given options are not among them.

>>> sorted(translate_space({"hidden": 64}, batch=64))[:3]
['attention', 'batch', 'dropout']
"""

from collections.abc import Mapping
from typing import Any

from elman.tasks.translate.settings import TranslateSettings
from elman.training.search import Between, Choice, Space

ENCODED_BY: frozenset[str] = frozenset({"vocabulary"})
"""The options of a search that change how pairs are encoded."""

RATE = 2e-3
"""The peak of adam's and adamw's schedule."""


def translate_space(given: Mapping[str, Any], batch: int) -> Space:
    """Return the options that a search may choose.

    Args:
        given: the options that the user chose; they stay fixed.
        batch: pairs of one update with the default settings.
    """
    plain = TranslateSettings.of(given)
    space: dict[str, Choice | Between] = {
        "hidden": Between(plain.hidden, 128, 512, log=True),
        "layers": Choice(plain.layers, (1, 2)),
        "attention": Choice(plain.attention, ("bilinear", "additive")),
        "second_attention": Choice(plain.second_attention, (True, False)),
        "learning_rate": Between(RATE, RATE / 8, RATE * 4, log=True),
        "batch": Choice(batch, (batch // 2, batch, 2 * batch)),
        "dropout": Between(plain.dropout, 0.1, 0.5),
        "label_smoothing": Between(plain.label_smoothing, 0.0, 0.2),
        "recurrent_dropout": Between(plain.recurrent_dropout, 0.0, 0.3),
    }
    return {name: row for name, row in space.items() if name not in given}

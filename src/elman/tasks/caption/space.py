"""The options of `caption` that a search may choose, with their ranges; given options are not among them.

>>> sorted(caption_space({"hidden": 64}, batch=13))[:3]
['attention', 'batch', 'dropout']
"""

from collections.abc import Mapping
from typing import Any

from elman.tasks.caption.settings import CaptionSettings
from elman.training.search import Between, Choice, Space

RATE = 2e-3
"""The peak of adam's and adamw's schedule."""


def caption_space(given: Mapping[str, Any], batch: int) -> Space:
    """Return the options that a search may choose.

    Args:
        given: the options that the user chose; they stay fixed.
        batch: pictures of one update with the default settings.
    """
    plain = CaptionSettings.of(given)
    space: dict[str, Choice | Between] = {
        "hidden": Between(plain.hidden, 128, 512, log=True),
        "attention": Choice(plain.attention, ("bilinear", "additive")),
        "second_attention": Choice(plain.second_attention, (True, False)),
        "learning_rate": Between(RATE, RATE / 8, RATE * 4, log=True),
        "batch": Choice(batch, (max(1, batch // 2), batch, 2 * batch)),
        "dropout": Between(plain.dropout, 0.2, 0.7),
        "input_dropout": Between(plain.input_dropout, 0.0, 0.7),
        "label_smoothing": Between(plain.label_smoothing, 0.0, 0.2),
        "recurrent_dropout": Between(plain.recurrent_dropout, 0.0, 0.3),
    }
    return {name: row for name, row in space.items() if name not in given}

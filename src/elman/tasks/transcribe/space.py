"""The options of `transcribe` that a search may choose, with their ranges; given options are not among them.

>>> sorted(transcribe_space({"hidden": 64}, batch=16))[:3]
['batch', 'dropout', 'input_dropout']
"""

from collections.abc import Mapping
from typing import Any

from elman.tasks.transcribe.settings import TranscribeSettings
from elman.training.search import Between, Choice, Space

RATE = 2e-3
"""The peak learning rate of Adam."""


def transcribe_space(given: Mapping[str, Any], batch: int) -> Space:
    """Return the options that a search may choose.

    Args:
        given: the options that the user chose; they stay fixed.
        batch: utterances of one update with the default settings.
    """
    plain = TranscribeSettings.of(given)
    space: dict[str, Choice | Between] = {
        "hidden": Between(plain.hidden, 64, 384, log=True),
        "layers": Choice(plain.layers, (1, 2, 3)),
        "batch": Choice(batch, (max(1, batch // 2), batch, 2 * batch)),
        "dropout": Between(plain.dropout, 0.1, 0.6),
        "input_dropout": Between(plain.input_dropout, 0.0, 0.3),
    }
    if plain.optimizer in ("adam", "adamw"):
        space["learning_rate"] = Between(RATE, RATE / 8, RATE * 4, log=True)
    return {name: row for name, row in space.items() if name not in given}

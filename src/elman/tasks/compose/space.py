"""The options of `compose` that a search may choose, with their ranges; given options are not among them.

>>> sorted(compose_space({"hidden": 64}, batch=16))[:3]
['batch', 'dropout', 'embedding']
"""

from collections.abc import Mapping
from typing import Any

from elman.tasks.compose.settings import ComposeSettings
from elman.training.optimizers import LEARNING_RATE
from elman.training.search import Between, Choice, Space


def compose_space(given: Mapping[str, Any], batch: int) -> Space:
    """Return the options that a search may choose.

    Args:
        given: the options that the user chose; they stay fixed.
        batch: windows of one update with the default settings.
    """
    plain = ComposeSettings.of(given)
    rate = LEARNING_RATE[plain.optimizer]
    space: dict[str, Choice | Between] = {
        "hidden": Between(plain.hidden, 64, 512, log=True),
        "layers": Choice(plain.layers, (1, 2)),
        "note_hidden": Between(plain.note_hidden, 64, 256, log=True),
        "embedding": Between(plain.embedding, 64, 256, log=True),
        "learning_rate": Between(rate, rate / 8, rate * 4, log=True),
        "batch": Choice(batch, (max(1, batch // 2), batch, 2 * batch)),
        "dropout": Between(plain.dropout, 0.1, 0.6),
        "recurrent_dropout": Between(plain.recurrent_dropout, 0.0, 0.3),
    }
    return {name: row for name, row in space.items() if name not in given}

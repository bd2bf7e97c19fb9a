"""The options of `tag` that a search may choose, with their ranges; given options are not among them.

>>> sorted(tag_space({"hidden": 64}, batch=32))[:3]
['batch', 'crf', 'dropout']
"""

from collections.abc import Mapping
from typing import Any

from elman.tasks.tag.settings import TagSettings
from elman.training.optimizers import LEARNING_RATE
from elman.training.search import Between, Choice, Space

ENCODED_BY: frozenset[str] = frozenset({"min_count"})
"""The options of a search that change how sentences are encoded."""


def tag_space(given: Mapping[str, Any], batch: int) -> Space:
    """Return the options that a search may choose.

    Args:
        given: the options that the user chose; they stay fixed.
        batch: sentences of one update with the default settings.
    """
    plain = TagSettings.of(given)
    rate = LEARNING_RATE[plain.optimizer]
    space: dict[str, Choice | Between] = {
        "hidden": Between(plain.hidden, 64, 384, log=True),
        "layers": Choice(plain.layers, (1, 2)),
        "embedding": Between(plain.embedding, 50, 200, log=True),
        "letter_hidden": Between(plain.letter_hidden, 25, 128, log=True),
        "crf": Choice(plain.crf, (None, False, True)),
        "learning_rate": Between(rate, rate / 8, rate * 4, log=True),
        "batch": Choice(batch, (batch // 2, batch, 2 * batch)),
        "dropout": Between(plain.dropout, 0.1, 0.7),
        "input_dropout": Between(plain.input_dropout, 0.0, 0.6),
        "word_dropout": Between(plain.word_dropout, 0.0, 0.4),
        "recurrent_dropout": Between(plain.recurrent_dropout, 0.0, 0.3),
        "min_count": Choice(plain.min_count, (1, 2)),
    }
    if plain.vectors is not None:
        del space["embedding"]
    if not plain.letters:
        del space["letter_hidden"]
    return {name: row for name, row in space.items() if name not in given}

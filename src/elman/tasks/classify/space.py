"""The search space of `classify`: the options that a search may choose, with their ranges, without the given options.

>>> from elman.encoders.fronts import FramesFront
>>> columns = Columns({"x": "series"})
>>> space = search_space({"hidden": 64}, columns, FramesFront(3), Suggestions(), longest=9, batch=8)
>>> sorted(space)
['batch', 'dropout', 'input_dropout', 'layers', 'learning_rate', 'pooling', 'recurrent_dropout']
"""

from collections.abc import Mapping
from typing import Any

from elman.data.dataset import Columns
from elman.encoders.fronts import Front, MotifsFront, Suggestions, UnitsFront
from elman.tasks.classify.settings import POOLINGS, ClassifySettings
from elman.training.optimizers import LEARNING_RATE
from elman.training.search import Between, Choice, Space

ENCODED_BY = frozenset({"unit", "kmer"})
"""The options of a search that change how examples are encoded."""

_VARIED = {"sound", "image"}
_CHARACTERS_OF_A_WORD = 5
_LONGEST_IN_CHARACTERS = 600  # steps; longer texts take too long to train on


def choose_rate(settings: ClassifySettings, suggested: Suggestions) -> float:
    """Return the learning rate: the given one, else that suggested for this input, else that of the optimiser."""
    usual = LEARNING_RATE[settings.optimizer]
    known = suggested.learning_rate if settings.optimizer in ("adam", "adamw") else None
    return settings.learning_rate or known or usual


def search_space(
    given: Mapping[str, Any], columns: Columns, front: Front, suggested: Suggestions, longest: int, batch: int
) -> Space:
    """Return the search space.

    Args:
        given: the options that the user gave; a search leaves them unchanged.
        columns: the columns that are read.
        front: the front of the encoder with default settings.
        suggested: the suggestions of that encoder.
        longest: steps of the longest example, as that encoder reads it.
        batch: the batch size with default settings.
    """
    plain = ClassifySettings.of(given)
    rate = choose_rate(plain, suggested)
    kinds = set(columns.inputs.values())
    space: dict[str, Choice | Between] = {
        "hidden": Between(plain.hidden, 32, 384, log=True),
        "layers": Choice(plain.layers, (1, 2)),
        "learning_rate": Between(rate, rate / 8, rate * 4, log=True),
        "batch": Choice(batch, (batch // 2, batch, 2 * batch)),
        "dropout": Between(plain.dropout, 0.0, 0.5),
        "input_dropout": Between(suggested.dropout, 0.0, 0.5),
        "recurrent_dropout": Between(plain.recurrent_dropout, 0.0, 0.3),
    }
    if longest > 1:
        space["pooling"] = Choice(plain.pooling or suggested.pooling, POOLINGS)
    if isinstance(front, UnitsFront | MotifsFront):
        space["word_dropout"] = Between(plain.word_dropout, 0.0, 0.2)
    if kinds & _VARIED:
        space["augment"] = Choice(plain.augment, (False, True))
    if kinds == {"letters"}:
        space["kmer"] = Between(plain.kmer, 1, 6)
    chosen = (plain.vocabulary, plain.min_count, plain.vectors)
    if isinstance(front, UnitsFront) and kinds == {"text"} and chosen == (None, None, None):
        words = front.letters > 0 or not plain.letters
        if not words or longest * _CHARACTERS_OF_A_WORD <= _LONGEST_IN_CHARACTERS:
            space["unit"] = Choice("word" if words else "character", ("word", "character"))
    return {name: row for name, row in space.items() if name not in given}

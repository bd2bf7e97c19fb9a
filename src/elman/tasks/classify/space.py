"""Say which options of `classify` a search may choose, and from where to where; what was given is not among them.

>>> from elman.encoders.fronts import FramesFront
>>> columns = Columns({"x": "series"})
>>> found = search_space({"hidden": 64}, columns, FramesFront(3), Suggestions(), longest=9, batch=8)
>>> sorted(found)
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
_LONGEST_IN_CHARACTERS = 600  # steps; longer texts would take all the time there is


def choose_rate(settings: ClassifySettings, suggested: Suggestions) -> float:
    """Give the learning rate: as asked, else what suits this kind of input, else that of the optimiser."""
    usual = LEARNING_RATE[settings.optimizer]
    known = suggested.learning_rate if settings.optimizer in ("adam", "adamw") else None
    return settings.learning_rate or known or usual


def search_space(
    given: Mapping[str, Any], columns: Columns, front: Front, suggested: Suggestions, longest: int, batch: int
) -> Space:
    """Return what a search may choose.

    Args:
        given: the options that somebody chose; they stay as they are.
        columns: what is read.
        front: what the sequences are, as the encoder of the default settings makes them.
        suggested: what that encoder suggests.
        longest: steps of the longest example, as that encoder reads it.
        batch: examples of one update with the default settings.
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
    if isinstance(front, UnitsFront) and kinds == {"text"} and (plain.vocabulary, plain.min_count) == (None, None):
        words = front.letters > 0 or not plain.letters
        if not words or longest * _CHARACTERS_OF_A_WORD <= _LONGEST_IN_CHARACTERS:
            space["unit"] = Choice("word" if words else "character", ("word", "character"))
    return {name: row for name, row in space.items() if name not in given}

"""Write texts as scikit-learn's estimators predict, without scikit-learn: `fit`, `predict`, `score`.

>>> from elman.tasks import Translator
>>> Translator(unit="character", hidden=8)
Translator(hidden=8, unit='character')
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from elman.data.examples.intake import as_examples
from elman.data.pairs.pair import Pair, PairSet
from elman.errors import DataError
from elman.models.estimator import TRAINING, Estimator
from elman.tasks import translate
from elman.tasks.translate.model import TrainedTranslator
from elman.tasks.translate.settings import TranslateSettings

# They are about columns and files, and here there are none.
_OF_FILES = {"source", "target", "validation_data", "suspects", "jumble"}
_OPTIONS = {row.name: row.default for row in dataclasses.fields(TranslateSettings) if row.name not in _OF_FILES}


class Translator(Estimator):
    """An estimator that writes a text for a text.

    Every pair counts the same: there is no `sample_weight`.

    Args:
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open.
        search: try so many settings, see :func:`elman.tasks.translate.train`.
        quiet: show no progress on standard error.
        from_model: the model to go on from, see :func:`elman.tasks.translate.train`.
        log: a file that gets a line at each validation, see :func:`elman.tasks.translate.train`.
        callbacks: functions that are called with each validation.
        **parameters: the options of `TranslateSettings` that do not name columns or files.

    Attributes:
        model_: the trained model.
    """

    _parameters: ClassVar[Mapping[str, Any]] = {
        "cell": "gru",
        "sizes": None,
        "search": None,
        "quiet": True,
        **TRAINING,
        **_OPTIONS,
    }

    _given: ClassVar[Mapping[str, bool]] = {"two_d_array": False, "string": True}

    model_: TrainedTranslator

    def fit(self, X: Sequence[str], y: Sequence[str]) -> Self:
        """Learn from pairs; a part of them is held out, and the weights that translate it best stay.

        Args:
            X: N sources.
            y: their targets.

        Raises:
            ConfigError: a parameter is outside its range, or parameters contradict each other.
            DataError: sources and targets differ in number, one is no text, or there are too few.
            CellError: the cell is unknown.
            ElmanError: the gradient stayed non-finite.
        """
        self.model_ = translate.train(PairSet("X", _pairs(X, y)), **self._options())
        return self

    def predict(self, X: Sequence[str]) -> list[str]:
        """Return what is written for sources, by beam search.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: X is one text, or something in it is no text.
        """
        texts: list[str] = self._learnt().predict(X)
        return texts

    def score(self, X: Sequence[str], y: Sequence[str]) -> float:
        """Return BLEU, 0 to 1.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: sources and targets differ in number.
        """
        scores, _ = self._learnt().evaluate(_pairs(X, y))
        return float(scores.bleu) / 100


def _pairs(X: Sequence[str], y: Sequence[str]) -> list[Pair]:
    sources, targets = list(as_examples(X, "X", "a list of texts")), list(as_examples(y, "y", "a list of texts"))
    if len(sources) != len(targets):
        raise DataError(f"There are {len(sources)} sources and {len(targets)} targets. Give as many.")
    pairs = []
    for number, (one, other) in enumerate(zip(sources, targets, strict=True), start=1):
        if not (isinstance(one, str) and isinstance(other, str)):
            raise DataError(f"pair {number} is no pair of texts. Give strings.")
        pairs.append(Pair(one, other, f"pair {number}"))
    return pairs

"""Transcribe as scikit-learn's estimators predict, without scikit-learn: `fit`, `predict`, `score`.

>>> from elman.tasks import Transcriber
>>> Transcriber(hidden=8)
Transcriber(hidden=8)
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from elman.data.examples.intake import as_examples
from elman.decoding.ctc.preferences import Preferences
from elman.errors import DataError
from elman.models.estimator import TRAINING, Estimator
from elman.tasks import transcribe
from elman.tasks.transcribe.intake import Heard, as_speech
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.settings import TranscribeSettings

# They are about columns and files, and here there are none.
_OF_FILES = {"audio", "text", "speaker", "validation_data"}
_OPTIONS = {row.name: row.default for row in dataclasses.fields(TranscribeSettings) if row.name not in _OF_FILES}


class Transcriber(Estimator):
    """An estimator that writes down what is said.

    Every utterance counts the same: there is no `sample_weight`.

    Args:
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open.
        search: try so many settings, see :func:`elman.tasks.transcribe.train`.
        quiet: show no progress on standard error.
        from_model: the model to go on from, see :func:`elman.tasks.transcribe.train`.
        log: a file that gets a line at each validation, see :func:`elman.tasks.transcribe.train`.
        callbacks: functions that are called with each validation.
        **parameters: the options of `TranscribeSettings` that do not name columns or files.

    Attributes:
        model_: the trained model.
    """

    _parameters: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm",
        "sizes": None,
        "search": None,
        "quiet": True,
        **TRAINING,
        **_OPTIONS,
    }

    _given: ClassVar[Mapping[str, bool]] = {"two_d_array": False, "three_d_array": True}

    model_: TrainedTranscriber

    def fit(self, X: Sequence[Heard], y: Sequence[str], speakers: Sequence[str] | None = None) -> Self:
        """Learn from utterances; a part of them is held out, and the weights that transcribe it best stay.

        Args:
            X: N sounds: the path of each, a :class:`~elman.data.dataset.Sound`, or frames (T, D).
            y: what is said in each.
            speakers: who speaks in each; nobody is both learnt from and held out.

        Raises:
            ConfigError: a parameter is outside its range, or parameters contradict each other.
            DataError: X and y differ in number, one is no sound or no text, or there are too few.
            CellError: the cell is unknown.
            ElmanError: the gradient stayed non-finite.
        """
        self.model_ = transcribe.train(as_speech(X, as_texts(y), speakers), **self._options())
        return self

    def predict(self, X: Sequence[Heard], preferences: Preferences | None = None) -> list[str]:
        """Return what is said in sounds.

        Args:
            X: see :meth:`fit`.
            preferences: what `model_.prefer(…)` returns: a language model, hot words, a closed vocabulary.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: something in X is no sound, or the model reads other frames.
        """
        texts: list[str] = self._learnt().predict(X, preferences=preferences)
        return texts

    def score(self, X: Sequence[Heard], y: Sequence[str], preferences: Preferences | None = None) -> float:
        """Return 1 − CER, at most 1; see :meth:`predict`.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: X and y differ in number.
        """
        scores, _ = self._learnt().evaluate(as_speech(X, as_texts(y)), preferences=preferences)
        return 1.0 + float(scores.quality)


def as_texts(y: Sequence[str]) -> list[str]:
    """Return transcripts.

    Raises:
        DataError: one is no text.
    """
    texts = list(as_examples(y, "y", "a list of texts"))
    wrong = next((number for number, text in enumerate(texts, start=1) if not isinstance(text, str)), None)
    if wrong is not None:
        raise DataError(f"transcript {wrong} is no text. Give strings.")
    return texts

"""A tagger with the interface of scikit-learn's estimators: `fit`, `predict`, `score`; scikit-learn is not needed.

>>> from elman.tasks import Tagger
>>> sentences, tags = [["so", "good"], ["so", "bad"]] * 20, [["RB", "JJ"], ["RB", "JJ"]] * 20
>>> model = Tagger(hidden=5, letters=False, epochs=8, learning_rate=0.02, seed=1).fit(sentences, tags)
>>> model.predict([["so", "good"]])
[['RB', 'JJ']]
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from elman.data.sentences.layout import SentenceLayout
from elman.data.sentences.opening import LABEL, TaggedSet
from elman.errors import DataError
from elman.models.estimator import TRAINING, Estimator
from elman.tasks import tag
from elman.tasks.tag.model import TrainedTagger, as_sentences
from elman.tasks.tag.settings import TagSettings

# These options name columns and files, which an estimator does not read.
_OF_FILES = {"words", "tags", "beside", "label", "validation_data"}
_OPTIONS = {row.name: row.default for row in dataclasses.fields(TagSettings) if row.name not in _OF_FILES}

Words = Sequence[Sequence[str]]


class Tagger(Estimator):
    """A tagger of the words of sentences.

    There is no `sample_weight`: all words have the same weight.

    Args:
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open.
        search: the number of settings to try, see :func:`elman.tasks.tag.train`.
        quiet: show no progress on standard error.
        from_model: the model to go on from, see :func:`elman.tasks.tag.train`.
        log: a file that gets a line at each validation, see :func:`elman.tasks.tag.train`.
        callbacks: functions that are called with each validation.
        **parameters: the options of `TagSettings` that do not name columns or files.

    Attributes:
        classes_: the tags that were learnt.
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

    _given: ClassVar[Mapping[str, bool]] = {"two_d_array": False, "string": True}

    model_: TrainedTagger
    classes_: list[str]

    def fit(self, X: Words, y: Words, labels: Sequence[str] | None = None) -> Self:
        """Train on sentences; a part of them is held out, and the weights that tag it best are kept.

        Args:
            X: the words of N sentences; with further columns, such as a part of speech, `(word, value, …)` for each.
            y: as many tags for each.
            labels: of each sentence, learnt together with the tags.

        Raises:
            ConfigError: a parameter is outside its range, or parameters contradict each other.
            DataError: words and tags differ in number, there are too few sentences, or a tag is outside the scheme.
            CellError: the cell is unknown.
            ElmanError: the gradient stayed non-finite.
        """
        sentences = as_sentences(X, y, labels)
        if not sentences:
            raise DataError("There are no sentences. Give some.")
        missing = next(
            (index for index, one in enumerate(sentences, 1) if labels is not None and one.label is None), None
        )
        if missing is not None:
            raise DataError(f"Sentence {missing} has no label. Give it one, or leave it out.")
        columns = tuple(range(1, 1 + len(sentences[0].further[0]))) if sentences[0].further else ()
        layout = SentenceLayout(
            "parallel",
            width=2 + len(columns),
            tags=1 + len(columns),
            label=None if labels is None else LABEL,
            further=columns,
            further_names=tuple(str(index + 1) for index in columns),
        )
        data = TaggedSet("X", sentences, layout)
        self.model_ = tag.train(data, **self._options())
        self.classes_ = list(self.model_.targets.tags)
        return self

    def predict(self, X: Words) -> list[list[str]]:
        """Return the tags of sentences.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: a sentence has no words.
        """
        tags: list[list[str]] = self._learnt().predict(X)
        return tags

    def predict_labels(self, X: Words) -> list[str | None]:
        """Return the label of each sentence; None where none was learnt.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: a sentence has no words.
        """
        labels: list[str | None] = self._learnt().predict_labels(X)
        return labels

    def score(self, X: Words, y: Words) -> float:
        """Return the share of the words whose tag is right, or F1 where tags mark chunks.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: words and tags differ in number.
        """
        return float(self._learnt().evaluate(as_sentences(X, y)).quality)

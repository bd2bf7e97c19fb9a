"""Estimators with the interface of scikit-learn, without depending on it: `fit`, `predict`, `score`.

`Classifier` answers with a class, `Regressor` with a number. Both accept the kinds of data that
:mod:`elman.data.examples.given` recognises, and the options of :class:`~elman.tasks.classify.settings.ClassifySettings`
by name, and train with :func:`elman.tasks.classify.train`. They follow scikit-learn's conventions, so that its `clone`,
`cross_val_score`, `GridSearchCV` and `Pipeline` work with them.

>>> from elman.tasks import Classifier
>>> model = Classifier(cell="gru", hidden=16, epochs=30, learning_rate=0.02, folds=1, seed=3)
>>> texts = ["a good start", "a bad start", "so good", "so bad"] * 8
>>> model.fit(texts, [1, 0, 1, 0] * 8).predict(["good", "bad"])
array([1, 0])
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from elman.data.examples.given import as_values, recognise
from elman.data.examples.intake import as_examples
from elman.data.examples.values import open_values, require_one_each
from elman.errors import DataError
from elman.models.conventions import (
    as_features,
    as_targets,
    as_weights,
    check_feature_names,
    feature_names,
    flatten_column,
)
from elman.models.estimator import TRAINING, Estimator
from elman.tasks import classify
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.settings import ClassifySettings

# Options that name columns and files, which an estimator does not have.
_OF_FILES = {"input", "target", "target_kind", "id", "group", "validation_data"}
_OPTIONS = {row.name: row.default for row in dataclasses.fields(ClassifySettings) if row.name not in _OF_FILES}
_PARAMETERS = {"cell": "lstm", "sizes": None, "search": None, "quiet": True, **TRAINING, **_OPTIONS}


class _ExampleEstimator(Estimator):
    """The common part of both estimators."""

    _given: ClassVar[Mapping[str, bool]] = {"three_d_array": True, "string": True, "allow_nan": True}

    model_: TrainedClassifier

    def fit(self, X: Any, y: Any, groups: Sequence[Any] | None = None, sample_weight: Any = None) -> Self:
        """Train on examples; a part of them is held out, and the weights with the lowest loss on it are kept.

        Args:
            X: N examples, see :mod:`elman.data.examples.given`.
            y: (N,) the targets; for a classifier also (N, L) of 0 and 1, where an example has any number of L labels.
            groups: (N,) examples of one group are kept in one part.
            sample_weight: (N,) the weight of each example, in the loss and on the held-out part; an example of weight 0
                is left out.

        Raises:
            ConfigError: a parameter is outside its range, or parameters contradict each other.
            DataError: the examples cannot be read, or there are too few of a class.
            CellError: the cell is unknown.
            ElmanError: the gradient stayed non-finite.
        """
        names, given = feature_names(X), as_features(X)
        columns = recognise(given)
        values = as_values(given, columns, type(self).__name__)
        right, weights = self._read_targets(y), as_weights(sample_weight)
        groups = None if groups is None else list(as_examples(groups, "groups", "one group an example"))
        require_one_each(values, target=right, group=groups, weight=weights)
        kept = range(len(values)) if weights is None else np.flatnonzero(weights).tolist()
        if len(kept) < 2:
            raise DataError(f"X has n_samples={len(kept)}; it takes two, to learn from one and to validate on another.")
        kind, targets, learnt = self._learn_targets(right[kept])
        columns = dataclasses.replace(columns, target="target", target_kind=kind)
        values = [values[index] for index in kept]
        data = open_values(values, columns, targets, _take(groups, kept), _take(weights, kept))
        self.model_ = classify.train(data, **self._options())
        if "classes_" in learnt:
            learnt["classes_"] = _with_known(learnt["classes_"], self.model_.classes)
        vars(self).pop("feature_names_in_", None)
        vars(self).update(learnt if names is None else {**learnt, "feature_names_in_": names})
        return self

    @property
    def n_features_in_(self) -> int:
        """Return how many columns the training table had; there is no such attribute where X was no table."""
        kinds = self._learnt().columns.inputs.values()
        if "number" not in kinds:
            raise AttributeError("n_features_in_ is for tables, and the model was not trained on a table.")
        return len(kinds)

    def _values(self, X: Any) -> list[Any]:
        model, name = self._learnt(), type(self).__name__
        check_feature_names(feature_names(X), vars(self).get("feature_names_in_"), name)
        return as_values(as_features(X), model.columns, name)

    def _read_targets(self, y: Any) -> NDArray[Any]:
        if y is None:
            raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None. Give (N,).")
        return flatten_column(as_targets(y))

    def _learn_targets(self, y: NDArray[Any]) -> tuple[str, list[Any], dict[str, Any]]:
        """Return the kind of the targets, the target of each example, and the attributes to set."""
        raise NotImplementedError


class Classifier(_ExampleEstimator):
    """An estimator that answers a sequence with a class, or with any number of labels.

    Args:
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open.
        search: the number of trials of a search, see :func:`elman.tasks.classify.train`.
        quiet: show no progress on standard error.
        from_model: the model to go on from, see :func:`elman.tasks.classify.train`.
        log: a file that gets a line at each validation, see :func:`elman.tasks.classify.train`.
        callbacks: functions that are called with each validation.
        **parameters: the options of `ClassifySettings`.

    Attributes:
        classes_: (L,) the labels in the order of the probabilities, of the type of `y`; of several labels at once the
            numbers of their columns in `y`. Behind them are those that only the model knew that it went on from.
        model_: the trained model.
        n_features_in_: the number of columns of the training table; only where X was a table.
        feature_names_in_: (F,) their names; only where X was a data frame.
    """

    _kind = "classifier"
    _parameters = _PARAMETERS

    classes_: NDArray[Any]

    def _learn_targets(self, y: NDArray[Any]) -> tuple[str, list[Any], dict[str, Any]]:
        if y.ndim == 2:
            return "labels", _read_labels(y), {"classes_": np.arange(y.shape[1])}
        _require_flat(y)
        if y.dtype.kind == "f" and not (np.isfinite(y) & (y == np.round(y))).all():
            raise DataError(
                "y is continuous: it has fractions, or numbers that are missing, and a Classifier needs classes. "
                "Use a Regressor."
            )
        try:
            classes, numbers = np.unique(y, return_inverse=True)
        except TypeError as error:
            raise DataError(f"The labels in y are of types that do not compare ({error}). Give one type.") from None
        names = _names(classes)
        if len(set(names)) < len(names):
            raise DataError("Different labels in y have the same text. Give labels that are written differently.")
        return "category", [names[number] for number in numbers], {"classes_": classes}

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each example, (N,), or 1 for each of its labels, (N, L).

        Raises:
            NotFittedError: nothing is learnt yet.
            DataError: an example is not what was learnt from.
        """
        if self._learnt().columns.target_kind == "labels":
            return (self.predict_proba(X) > 0.5).astype(np.int64)
        number = {name: number for number, name in enumerate(_names(self.classes_))}
        predicted = [number[name] for name in self._learnt().predict(self._values(X))]
        return self.classes_[np.array(predicted, dtype=np.int64)]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class for each example, (N, L), in the order of `classes_`.

        Raises:
            NotFittedError: nothing is learnt yet.
            DataError: an example is not what was learnt from.
        """
        known = self._learnt().classes
        order = [known.index(name) for name in _names(self.classes_)]
        return self._learnt().probabilities(self._values(X)).double().numpy()[:, order]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of examples with a right answer, in all of their labels.

        Args:
            X: as for :meth:`predict`.
            y: the true targets, as for :meth:`fit`.
            sample_weight: (N,) the weight of each example.

        Raises:
            NotFittedError: nothing is learnt yet.
            DataError: an example is not what was learnt from.
        """
        predicted, right = self.predict(X), self._read_targets(y)
        _require_one_shape(predicted, right)
        same = predicted == right
        return _mean(same.all(1) if same.ndim == 2 else same, sample_weight)


class Regressor(_ExampleEstimator):
    """An estimator that answers a sequence with a number.

    Args:
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open.
        search: the number of trials of a search, see :func:`elman.tasks.classify.train`.
        quiet: show no progress on standard error.
        from_model: the model to go on from, see :func:`elman.tasks.classify.train`.
        log: a file that gets a line at each validation, see :func:`elman.tasks.classify.train`.
        callbacks: functions that are called with each validation.
        **parameters: the options of `ClassifySettings`, but for those of classes.

    Attributes:
        model_: the trained model.
        n_features_in_: the number of columns of the training table; only where X was a table.
        feature_names_in_: (F,) their names; only where X was a data frame.

    >>> Regressor(hidden=8)
    Regressor(hidden=8)
    """

    _kind = "regressor"
    _parameters: ClassVar[Mapping[str, Any]] = {
        name: default
        for name, default in _PARAMETERS.items()
        if name not in ("label_smoothing", "class_weights", "select")
    }

    def _learn_targets(self, y: NDArray[Any]) -> tuple[str, list[Any], dict[str, Any]]:
        return "number", _as_numbers(y).tolist(), {}

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the number that answers each example, (N,).

        Raises:
            NotFittedError: nothing is learnt yet.
            DataError: an example is not what was learnt from.
        """
        return np.array(self._learnt().predict(self._values(X)), dtype=np.float64)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R²: 1 − the sum of squared errors over that of the mean of `y`.

        Args:
            X: as for :meth:`predict`.
            y: (N,) the true numbers.
            sample_weight: (N,) the weight of each example, in the mean of `y` as well.

        Raises:
            NotFittedError: nothing is learnt yet.
            DataError: an example is not what was learnt from.
        """
        right, predicted = _as_numbers(self._read_targets(y)), self.predict(X)
        _require_one_shape(predicted, right)
        errors = _mean((predicted - right) ** 2, sample_weight)
        spread = _mean((right - _mean(right, sample_weight)) ** 2, sample_weight)
        if spread == 0:
            return 1.0 if errors == 0 else 0.0
        return 1 - errors / spread if len(right) > 1 else math.nan


def _with_known(classes: NDArray[Any], known: Sequence[str]) -> NDArray[Any]:
    """Return the labels of y, and behind them those that only the model knew that it went on from, as y has them.

    Raises:
        DataError: what the model knew is no label of the type of y.
    """
    names = set(_names(classes))
    others = [name for name in known if name not in names]
    if not others:
        return classes
    try:
        if classes.dtype.kind == "b":
            raise ValueError(others[0])
        more = np.array(others).astype(classes.dtype if classes.dtype.kind in "iuf" else object)
    except ValueError:
        raise DataError(
            f"The model that this training goes on from knows the class {others[0]!r}, and y has labels of type "
            f"{classes.dtype}. Give labels of one type."
        ) from None
    return np.concatenate([classes, more])


def _take(given: Sequence[Any] | NDArray[Any] | None, kept: Sequence[int]) -> list[Any] | None:
    return None if given is None else [given[index] for index in kept]


def _as_numbers(y: NDArray[Any]) -> NDArray[np.float64]:
    _require_flat(y)
    try:
        if y.dtype.kind == "c":
            raise TypeError("they are complex")
        numbers = y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"y is not all numbers ({error}). Give numbers, or use a Classifier.") from None
    if not np.isfinite(numbers).all():
        raise DataError("y has numbers that are missing or infinite. Leave these examples out.")
    return numbers


def _mean(values: NDArray[Any], sample_weight: Any) -> float:
    weights = as_weights(sample_weight)
    require_one_each(values, weight=weights)
    return float(np.average(values, weights=weights))


def _require_one_shape(predicted: NDArray[Any], right: NDArray[Any]) -> None:
    if predicted.shape != right.shape:
        raise DataError(f"y is an array {right.shape}, and the answers are {predicted.shape}. Give as many.")


def _require_flat(y: NDArray[Any]) -> None:
    if y.ndim != 1:
        raise DataError(f"y is an array {y.shape}, and each example has one target. Give (N,).")


def _read_labels(y: NDArray[Any]) -> list[tuple[str, ...]]:
    """Name the labels of each example by their columns."""
    if not np.isin(y, (0, 1)).all():
        raise DataError(f"y is an array {y.shape} with other values than 0 and 1. Give 1 for each label of an example.")
    missing = np.flatnonzero(~(y == 1).any(0))
    if len(missing):
        raise DataError(f"Column {missing[0]} of y is 0 for every example, so it cannot be learnt. Leave it out.")
    return [tuple(str(column) for column in np.flatnonzero(row)) for row in y]


def _names(classes: NDArray[Any]) -> list[str]:
    return [str(label) for label in classes.tolist()]

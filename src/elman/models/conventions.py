"""The conventions of scikit-learn, for programs that have loaded it; it is never imported here.

Its tools expect its own classes of errors, warnings and tags. Only a program that has loaded the library needs them, so
they are looked up among the loaded modules.

>>> isinstance(not_fitted("This Classifier has learnt nothing yet. Call fit first."), NotFittedError)
True
"""

import functools
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.examples.given import as_inputs
from elman.data.examples.intake import as_examples, column_names, frame_as_array
from elman.errors import DataError, NotFittedError

_MOST_NAMES = 5  # that a message lists


def not_fitted(message: str) -> NotFittedError:
    """Return the error of an estimator that is used before `fit`; scikit-learn's as well where that is loaded."""
    library = sys.modules.get("sklearn.exceptions")
    return (NotFittedError if library is None else _join(library.NotFittedError))(message)


@functools.cache
def _join(theirs: type) -> type[NotFittedError]:
    # Worker processes pickle errors, and the class is made again in the other process.
    content = {"__module__": __name__, "__doc__": theirs.__doc__, "__reduce__": lambda self: (not_fitted, self.args)}
    return type("NotFittedError", (NotFittedError, theirs), content)


def flatten_column(y: NDArray[Any]) -> NDArray[Any]:
    """Turn one column into (N,) with a warning, as scikit-learn's own estimators do.

    >>> flatten_column(np.array([3, 5]))
    array([3, 5])
    """
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    library = sys.modules.get("sklearn.exceptions")
    category = UserWarning if library is None else library.DataConversionWarning
    message = "A column-vector y was passed when a 1d array was expected. It is read as (N,); give y.ravel()."
    warnings.warn(message, category, stacklevel=3)
    return y[:, 0]


def as_weights(sample_weight: Any) -> NDArray[np.float64] | None:
    """Read the weights of examples, (N,); None where all weigh the same.

    >>> as_weights([0, 2])
    array([0., 2.])

    Raises:
        DataError: a weight is negative or no finite number, or all are 0.
    """
    if sample_weight is None:
        return None
    given = as_examples(sample_weight, "sample_weight", "a number for each example")
    try:
        if np.iscomplexobj(given):
            raise TypeError("they are complex")
        weights = np.asarray(given).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"sample_weight is not all numbers ({error}). Give a number for each example.") from None
    if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any():
        raise DataError(
            f"sample_weight is an array {weights.shape}, or has values that are negative or not finite. "
            "Give (N,) numbers from 0 on."
        )
    if len(weights) and not weights.any():
        raise DataError("sample_weight is zero for every example, so none has any weight. Give some of them more.")
    return weights


def make_tags(kind: str | None, target: dict[str, bool], given: dict[str, bool], deterministic: bool) -> Any:
    """Return scikit-learn's tags of an estimator.

    Args:
        kind: `classifier`, `regressor` or None.
        target: the fields of its `TargetTags`, for y.
        given: the fields of its `InputTags`, for X.
        deterministic: whether the same seed gives the same model.
    """
    library = sys.modules["sklearn.utils"]  # the only caller
    return library.Tags(
        estimator_type=kind,
        target_tags=library.TargetTags(**target),
        classifier_tags=library.ClassifierTags(multi_label=True) if kind == "classifier" else None,
        regressor_tags=library.RegressorTags() if kind == "regressor" else None,
        input_tags=library.InputTags(**given),
        non_deterministic=not deterministic,
    )


def feature_names(X: Any) -> NDArray[np.object_] | None:
    """Return the column names of a data frame; None where X is not one, or a name is not a string.

    >>> feature_names(np.zeros((3, 2))) is None
    True
    """
    names = column_names(X)
    return np.array(names, dtype=object) if names else None


def as_features(X: Any) -> Any:
    """Return the examples of an estimator: a list, or an array; a data frame becomes an array (N, F).

    Raises:
        DataError: they are no sequence of examples.

    >>> as_features("so good")
    Traceback (most recent call last):
    elman.errors.DataError: X is one text, 'so good'. Give a list of texts, of arrays (T, D), or of uint8 images, or one
    array (N, T, D) or (N, D); one example is [X].
    """
    return as_inputs(frame_as_array(X) if column_names(X) else X)


def as_targets(y: Any) -> NDArray[Any]:
    """Return the targets of an estimator as an array; a data frame becomes an array (N, F).

    Raises:
        DataError: they are no sequence, or some are masked.
    """
    targets = np.asarray(frame_as_array(y) if column_names(y) else as_examples(y, "y", "the target of each example"))
    if targets.dtype.kind == "c":
        raise DataError(f"Complex data not supported: y is an array {targets.shape} of {targets.dtype}. Give numbers.")
    return targets


def check_feature_names(given: NDArray[np.object_] | None, learnt: NDArray[np.object_] | None, who: str) -> None:
    """Refuse columns that are not those of `fit`; warn where one of the two tables has no names.

    Args:
        given: names in the table to predict.
        learnt: names in the table of `fit`.
        who: the name of the estimator.

    Raises:
        DataError: names or their order differ.
    """
    if given is None and learnt is None:
        return
    if learnt is None:
        warnings.warn(f"X has feature names, but {who} was fitted without feature names", stacklevel=4)
    elif given is None:
        warnings.warn(f"X does not have valid feature names, but {who} was fitted with feature names", stacklevel=4)
    elif list(given) != list(learnt):
        unseen, missing = sorted(set(given) - set(learnt)), sorted(set(learnt) - set(given))
        lines = ["The feature names should match those that were passed during fit."]
        lines += _list("Feature names unseen at fit time:", unseen)
        lines += _list("Feature names seen at fit time, yet now missing:", missing)
        if not unseen and not missing:
            lines.append("Feature names must be in the same order as they were in fit.")
        more = ", …" if len(learnt) > _MOST_NAMES else ""
        raise DataError("\n".join([*lines, f"Give the columns {', '.join(learnt[:_MOST_NAMES])}{more} in this order."]))


def _list(title: str, names: list[str]) -> list[str]:
    more = ["- …"] if len(names) > _MOST_NAMES else []
    return [title, *(f"- {name}" for name in names[:_MOST_NAMES]), *more] if names else []

"""Caption pictures as scikit-learn's estimators predict, without scikit-learn: `fit`, `predict`, `score`.

>>> from elman.tasks import Captioner
>>> Captioner(hidden=8)
Captioner(hidden=8)
"""

import dataclasses
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from elman.data.captions.captioned import Captioned, CaptionSet
from elman.data.examples.intake import as_examples
from elman.errors import DataError
from elman.models.estimator import TRAINING, Estimator
from elman.phrases import counted
from elman.tasks import caption
from elman.tasks.caption.model import TrainedCaptioner, as_pictures
from elman.tasks.caption.reading import encode_again
from elman.tasks.caption.settings import CaptionSettings

Picture = str | PathLike[str] | NDArray[Any]

# They are about columns and files, and here there are none.
_OF_FILES = {"images", "image_column", "caption_column", "validation_data"}
_OPTIONS = {row.name: row.default for row in dataclasses.fields(CaptionSettings) if row.name not in _OF_FILES}


class Captioner(Estimator):
    """An estimator that writes a caption for a picture.

    Every picture counts the same: there is no `sample_weight`.

    Args:
        cell: the name of a cell, `FILE.py:NAME`, or a cell.
        sizes: sizes that the cell leaves open.
        search: try so many settings, see :func:`elman.tasks.caption.train`.
        quiet: show no progress on standard error.
        from_model: the model to go on from, see :func:`elman.tasks.caption.train`.
        log: a file that gets a line at each validation, see :func:`elman.tasks.caption.train`.
        callbacks: functions that are called with each validation.
        **parameters: the options of `CaptionSettings` that do not name columns or files.

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

    _given: ClassVar[Mapping[str, bool]] = {"two_d_array": True}

    model_: TrainedCaptioner

    def fit(self, X: Sequence[Picture], y: Sequence[str | Sequence[str]]) -> Self:
        """Learn from pictures; a part of them is held out, and the weights that caption it best stay.

        Args:
            X: N pictures: paths of photos, photos (H, W) or (H, W, 3) uint8, or features (C,) or (C, H, W).
            y: the caption of each, or a list of its captions.

        Raises:
            ConfigError: a parameter is outside its range, or parameters contradict each other.
            DataError: X and y differ in number, one is no picture or no caption, or there are too few.
            CellError: the cell is unknown.
            ElmanError: the gradient stayed non-finite.
        """
        self.model_ = caption.train(_as_captions(X, y), **self._options())
        return self

    def predict(self, X: Sequence[Picture]) -> list[str]:
        """Return a caption of each picture, by beam search.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: something in X is no picture, or the model reads others.
        """
        texts: list[str] = self._learnt().predict(X)
        return texts

    def score(self, X: Sequence[Picture], y: Sequence[str | Sequence[str]]) -> float:
        """Return CIDEr-D (Vedantam et al. 2015), 0 to 10, a hundredth of what published tables have.

        Raises:
            NotFittedError: the estimator is not fitted yet.
            DataError: X and y differ in number, or something in X is not what the model reads.
        """
        model, captions = self._learnt(), _as_captions(X, y)
        model.encoder.pictures.check(captions.pictures)
        scores, _ = model.evaluate(encode_again(model, captions, quiet=True))
        return float(scores.cider) / 100


def _as_captions(X: Sequence[Picture], y: Sequence[str | Sequence[str]]) -> CaptionSet:
    pictures, of_each = as_pictures(X), list(as_examples(y, "y", "a list of captions, or of lists of captions"))
    if len(pictures) != len(of_each):
        raise DataError(
            f"There are {counted(len(pictures), 'picture')} and captions for {len(of_each):,}. Give as many."
        )
    items = []
    for number, one in enumerate(of_each):
        captions = (one,) if isinstance(one, str) else tuple(one) if isinstance(one, list | tuple | np.ndarray) else ()
        where = f"y, place {number}"
        if not captions or not all(isinstance(each, str) for each in captions):
            raise DataError(f"{where} is no caption and no list of captions. Give strings.")
        if not all(any(letter.isalnum() for letter in each) for each in captions):
            raise DataError(f"{where} has a caption without letters. Drop it, or write one.")
        items.append(Captioned(pictures.names[number], tuple(map(str, captions)), where, number))
    return CaptionSet("X", items, pictures)

"""Check the outputs of a network that was trained with CTC, and read them greedily.

>>> read_greedily(np.log([[[0.1, 0.8, 0.1]], [[0.1, 0.8, 0.1]], [[0.8, 0.1, 0.1]], [[0.1, 0.8, 0.1]]]))
[[1, 1]]
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.errors import ElmanError, ShapeError

Rows = NDArray[np.float64]
"""ln P at each frame of one source, (T, V)."""

_MOST_OFF = 1e-2  # how far the probabilities of a frame may be from 1: half precision rounds them


def split_sources(log_probabilities: Any, lengths: Any = None, blank: int = 0) -> list[Rows]:
    """Check outputs, and return those of each source without padding, in float64.

    Args:
        log_probabilities: (T, B, V), an array or a tensor: ln P of each unit at each frame.
        lengths: (B,) the frames of each source, from 1 to T; None where all have T.
        blank: the number of the blank.

    Raises:
        ShapeError: the shapes do not fit each other, or the blank is no column.
        ElmanError: a value is NaN, or the probabilities of a frame do not sum to 1.
    """
    values = _as_array(log_probabilities)
    if values.ndim != 3 or 0 in values.shape:
        raise ShapeError(f"The outputs are {values.shape}. Give ln P as (T, B, V).")
    steps, sources, units = values.shape
    if not 0 <= blank < units:
        raise ShapeError(f"The blank is {blank}, and units have the numbers 0 to {units - 1}. Give one of them.")
    counts = [steps] * sources if lengths is None else [int(length) for length in lengths]
    if len(counts) != sources or not all(1 <= count <= steps for count in counts):
        raise ShapeError(f"The lengths are {counts[:8]} for {sources} sources. Give each one from 1 to {steps}.")
    rows = [np.ascontiguousarray(values[:count, source], np.float64) for source, count in enumerate(counts)]
    for source, own in enumerate(rows):
        sums = np.exp(own).sum(axis=1)
        wrong = np.flatnonzero(~(np.abs(sums - 1) <= _MOST_OFF))
        if len(wrong):
            raise ElmanError(
                f"The outputs of source {source} are no ln P: at frame {wrong[0]} the probabilities sum to "
                f"{sums[wrong[0]]:.3g} and not to 1. Apply log_softmax; if it is nan, lower the learning rate."
            )
    return rows


def read_greedily(log_probabilities: Any, lengths: Any = None, blank: int = 0) -> list[list[int]]:
    """Return the text of the likeliest path of each source (Graves et al. 2006, section 3.2: best path decoding).

    See :func:`split_sources` for the arguments and errors. Of equal probabilities the lower number counts as likelier.
    """
    return [collapse(rows.argmax(axis=1).tolist(), blank) for rows in split_sources(log_probabilities, lengths, blank)]


def collapse(path: Sequence[int], blank: int = 0) -> list[int]:
    """Return the text of a path: units that are repeated are joined, blanks are removed.

    >>> collapse([0, 1, 1, 0, 1, 2])
    [1, 1, 2]
    """
    return [unit for unit, _ in groupby(path) if unit != blank]


def _as_array(values: Any) -> NDArray[Any]:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().double().numpy()
    return np.asarray(values)

"""Normalise the features of one utterance: by its own moments, or by running ones that know only what was heard so far.

The running mean m and variance v of each feature start from those of the training set, which count as n₀ frames, and
follow every frame x (Welford 1962; a bound N on the frames that count forgets older ones exponentially, Finch 2009):

    n ← min(n + 1, N)    δ = x − m    m ← m + δ/n    v ← v + (δ·(x − m) − v)/n    y = (x − m)/√v

so that frames are the same whether they come as a whole or one by one.

>>> running = RunningScaling(Scaling((0.0,), (1.0,)), prior=1, memory=9)
>>> first, moments = running.apply(np.array([[1.0]]))
>>> second, _ = running.apply(np.array([[3.0]]), moments)
>>> torch.cat([first, second]).equal(running.apply(np.array([[1.0], [3.0]]))[0])
True
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.encoders.scaling import Moments, Scaling
from elman.errors import DataError

# Of the deviation in training. After a digital silence, whose features are constant, speech must not explode.
_LEAST = 0.1


def normalise_utterance(frames: NDArray[Any]) -> Tensor:
    """Standardise frames (T, D) by their own mean and deviation; a feature that never changes becomes 0.

    >>> normalise_utterance(np.array([[1.0, 7.0], [3.0, 7.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    moments = Moments(frames.shape[1])
    moments.add(frames)
    return moments.scaling().apply(frames)


@dataclass(frozen=True)
class RunningMoments:
    """The moments of the frames so far.

    Attributes:
        mean: (D,) m.
        variance: (D,) v.
        count: n.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    count: int


@dataclass(frozen=True)
class RunningScaling:
    """A causal standardisation.

    Attributes:
        start: the mean and deviation of the training set.
        prior: n₀, the frames that these count as, 1 or more.
        memory: N, the most frames that count, `prior` or more.

    Raises:
        DataError: a number is outside its range.
    """

    start: Scaling
    prior: int = 100
    memory: int = 3000

    def __post_init__(self) -> None:
        if not 1 <= self.prior <= self.memory or self.start.indicated:
            raise DataError(
                f"A running normalisation starts from {self.prior} frames and remembers {self.memory}. Use whole "
                "numbers, 1 or more, the second at least as large, and features that are never missing."
            )

    def begin(self) -> RunningMoments:
        """Return the moments before the first frame."""
        return RunningMoments(np.array(self.start.means), np.array(self.start.deviations) ** 2, self.prior)

    def apply(self, frames: NDArray[Any], moments: RunningMoments | None = None) -> tuple[Tensor, RunningMoments]:
        """Standardise frames, and return the moments behind them.

        Args:
            frames: (T, D), all finite.
            moments: of the frames before these; None where these are the first.

        Returns:
            (T, D) float32, and the moments for the next frames.
        """
        before = moments or self.begin()
        mean, variance, count = before.mean.copy(), before.variance.copy(), before.count
        least = (_LEAST * np.array(self.start.deviations)) ** 2
        scaled = np.empty(frames.shape, np.float64)
        for number, frame in enumerate(frames.astype(np.float64)):
            count = min(count + 1, self.memory)
            apart = frame - mean
            mean += apart / count
            variance += (apart * (frame - mean) - variance) / count
            scaled[number] = (frame - mean) / np.sqrt(np.maximum(variance, least))
        return torch.from_numpy(scaled.astype(np.float32)), RunningMoments(mean, variance, count)

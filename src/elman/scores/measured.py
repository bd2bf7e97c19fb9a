"""The result of one validation, and whether it is better than another.

A loss that is measured on few examples swings from one validation to the next, and the lowest of many is luck. There
the *steady* loss is compared: the higher one of the loss itself and of the median of the last three. So one lucky
validation counts no more than those beside it, and weights that are measured as bad are never kept.

>>> Measured(0.4, score=0.8).better_than(Measured(0.5, score=0.9))
False
>>> lucky = Measured(0.2, is_noisy=True).steadied([0.5, 0.6])
>>> lucky.loss, lucky.steady, lucky.better_than(Measured(0.4))
(0.2, 0.5, False)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Self

_BESIDE = 2  # validations before this one


@dataclass(frozen=True)
class Measured:
    """Loss and score of one validation.

    Attributes:
        loss: the mean loss; the lower the better.
        score: the best weights have the highest score, and of equal scores the lowest loss; None where the loss alone
            decides.
        said: how the score is shown, such as `accuracy 87.5%`.
        is_early: whether it says nothing yet about what comes, so that patience does not count it.
        is_noisy: whether the steady loss is compared, since few examples were measured.
        steady: that loss; None where it is not known, and the loss itself is compared.
    """

    loss: float
    score: float | None = None
    said: str = ""
    is_early: bool = False
    is_noisy: bool = False
    steady: float | None = None

    @property
    def compared(self) -> float:
        """The loss that is compared."""
        return self.loss if self.steady is None else self.steady

    def steadied(self, earlier: Sequence[float]) -> Self:
        """Return the result with its steady loss, if it is noisy.

        Args:
            earlier: the losses of the validations before it, in order.
        """
        if self.is_noisy and math.isfinite(self.loss):
            near = [loss for loss in earlier[-_BESIDE:] if math.isfinite(loss)]
            return replace(self, steady=max(self.loss, median([*near, self.loss])))
        return self

    def better_than(self, other: "Measured | None") -> bool:
        """Check whether this result is better; one with a loss that is not finite never is.

        >>> Measured(0.5, score=0.9).better_than(Measured(0.4, score=0.8))
        True
        """
        if not math.isfinite(self.loss):
            return False
        return other is None or (self.score or 0.0, -self.compared) > (other.score or 0.0, -other.compared)

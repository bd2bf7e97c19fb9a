"""The result of one validation.

>>> Measured(0.4, score=0.8).better_than(Measured(0.5, score=0.9))
False
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """Loss and score of one validation.

    Attributes:
        loss: the mean loss; the lower the better.
        score: the best weights have the highest score, and of equal scores the lowest loss; None where the loss alone
            decides.
        said: how the score is shown, such as `accuracy 87.5%`.
        is_early: whether it says nothing yet about what comes, so that patience does not count it.
    """

    loss: float
    score: float | None = None
    said: str = ""
    is_early: bool = False

    def better_than(self, other: "Measured | None") -> bool:
        """Check whether this result is better; one with a loss that is not finite never is.

        >>> Measured(0.5, score=0.9).better_than(Measured(0.4, score=0.8))
        True
        """
        if not math.isfinite(self.loss):
            return False
        return other is None or (self.score or 0.0, -self.loss) > (other.score or 0.0, -other.loss)

"""Hold what one validation measured.

>>> Measured(0.4, score=0.8).better_than(Measured(0.5, score=0.9))
False
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """Hold what one validation measured.

    Attributes:
        loss: the mean loss; the lower the better.
        score: what the best weights are chosen by, the higher the better, the loss where two are equal; None where the
            loss alone decides.
        said: how the score is shown, such as `accuracy 87.5%`.
    """

    loss: float
    score: float | None = None
    said: str = ""

    def better_than(self, other: "Measured | None") -> bool:
        """Say whether these weights are to be kept instead; a loss that is not finite is never better.

        >>> Measured(0.5, score=0.9).better_than(Measured(0.4, score=0.8))
        True
        """
        if not math.isfinite(self.loss):
            return False
        return other is None or (self.score or 0.0, -self.loss) > (other.score or 0.0, -other.loss)

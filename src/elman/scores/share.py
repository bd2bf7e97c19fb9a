"""Confidence intervals of shares.

>>> [round(edge, 3) for edge in wilson_interval(0.9, 100)]
[0.826, 0.945]
"""

import math
from typing import Protocol

from elman.scores.clusters import NORMAL_QUANTILE


class _Measured(Protocol):
    @property
    def quality(self) -> float: ...
    @property
    def count(self) -> float: ...
    @property
    def worth(self) -> float: ...


class Share:
    """Base of scores whose `quality` is a share of `count` predictions: those that are right, or an F1."""

    @property
    def worth(self: _Measured) -> float:
        """Return how many independent predictions these are worth: all, unless some resemble each other."""
        return self.count

    def said(self: _Measured) -> str:
        """Write the score that models are compared by."""
        return f"{self.quality:.1%}"

    def write(self, quality: float) -> str:
        """Write a quality of this kind."""
        return f"{quality:.1%}"

    def differs(self: _Measured, quality: float) -> bool:
        """Check whether a quality lies outside the 95 % interval of this one."""
        low, high = wilson_interval(self.quality, self.worth)
        return not low <= quality <= high

    def constant(self) -> str:
        """Write nothing: there is no constant prediction to compare with."""
        return ""


def wilson_interval(share: float, count: float) -> tuple[float, float]:
    """Return the 95 % interval of a share that was measured on `count` examples (Wilson 1927); all of it for none."""
    if count <= 0:
        return 0.0, 1.0
    squared = NORMAL_QUANTILE**2
    centre = share + squared / (2 * count)
    reach = NORMAL_QUANTILE * math.sqrt(share * (1 - share) / count + squared / (4 * count**2))
    scale = 1 + squared / count
    # Rounding must not move an end past the share, which is an end itself at 0 and 1.
    return max(0.0, min(share, (centre - reach) / scale)), min(1.0, max(share, (centre + reach) / scale))

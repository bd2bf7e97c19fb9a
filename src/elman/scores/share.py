"""Say how sure a share is that was measured on so many examples, and whether another differs from it.

>>> [round(edge, 3) for edge in wilson_interval(0.9, 100)]
[0.826, 0.945]
"""

import math
from typing import Protocol

_NORMAL_QUANTILE = 1.959963984540054  # of 97.5 %


class _Measured(Protocol):
    @property
    def quality(self) -> float: ...
    @property
    def count(self) -> float: ...


class Share:
    """Be scores whose `quality` is a share of `count` answers: those that are right, or an F1."""

    def said(self: _Measured) -> str:
        """Write the score that models are compared by."""
        return f"{self.quality:.1%}"

    def write(self, quality: float) -> str:
        """Write a quality of this kind."""
        return f"{quality:.1%}"

    def differs(self: _Measured, quality: float) -> bool:
        """Say whether a quality lies outside the 95 % interval of this one."""
        low, high = wilson_interval(self.quality, self.count)
        return not low <= quality <= high

    def constant(self) -> str:
        """Say nothing of one answer to everything."""
        return ""


def wilson_interval(share: float, count: float) -> tuple[float, float]:
    """Return the 95 % interval of a share that was measured on `count` examples (Wilson 1927)."""
    squared = _NORMAL_QUANTILE**2
    centre = share + squared / (2 * count)
    reach = _NORMAL_QUANTILE * math.sqrt(share * (1 - share) / count + squared / (4 * count**2))
    scale = 1 + squared / count
    # The share lies within, however the ends are rounded: at 0 and 1 it is an end.
    return max(0.0, min(share, (centre - reach) / scale)), min(1.0, max(share, (centre + reach) / scale))

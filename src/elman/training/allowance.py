"""A budget of work that is counted and not timed, so that what it limits ends at the same point on every machine.

>>> allowance = Allowance(seconds=2.0)
>>> allowance.spend(MULTIPLICATIONS_A_SECOND)
>>> allowance.is_over
False
>>> allowance.spend(MULTIPLICATIONS_A_SECOND)
>>> allowance.is_over
True
"""

MULTIPLICATIONS_A_SECOND = 1e10  # of one slow core, in small products, overhead included
SECONDS_AN_UPDATE = 3e-4  # the overhead of an update: optimiser and Python
_MOST_SECONDS = 20.0
_OF_BUDGET = 0.1


def seconds_of(multiplications: float, updates: int = 0) -> float:
    """Return the seconds that some work takes on a slow core."""
    return multiplications / MULTIPLICATIONS_A_SECOND + updates * SECONDS_AN_UPDATE


def baseline_seconds(budget: float | None) -> float:
    """Return the seconds that a non-recurrent baseline may take; a tenth of the time budget if there is one.

    >>> baseline_seconds(None), baseline_seconds(60.0)
    (20.0, 6.0)
    """
    return _MOST_SECONDS if budget is None else min(_MOST_SECONDS, _OF_BUDGET * budget)


class Allowance:
    """The work that a training may still do.

    Args:
        seconds: all of it, in seconds of a slow core.

    Attributes:
        left: the seconds that are left of it.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def spend(self, multiplications: float, updates: int = 0) -> None:
        """Subtract some work."""
        self.left -= seconds_of(multiplications, updates)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0

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
_OF_BUDGET = _OF_TRAINING = 0.1


def seconds_of(multiplications: float, updates: int = 0) -> float:
    """Return the seconds that some work takes on a slow core."""
    return multiplications / MULTIPLICATIONS_A_SECOND + updates * SECONDS_AN_UPDATE


def baseline_seconds(budget: float | None, training: float = 0.0) -> float:
    """Return the seconds that a non-recurrent baseline may take: at most a tenth of the time budget if there is one.

    Args:
        budget: the time budget, in seconds.
        training: seconds of the training of the model, if known; a tenth of a long one.

    >>> baseline_seconds(None), baseline_seconds(60.0), baseline_seconds(None, 500.0), baseline_seconds(60.0, 500.0)
    (20.0, 6.0, 50.0, 6.0)
    """
    most = max(_MOST_SECONDS, _OF_TRAINING * training)
    return most if budget is None else min(most, _OF_BUDGET * budget)


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

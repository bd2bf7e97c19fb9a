"""Choose places that are evenly spaced over many.

>>> import math
>>> spread(7, 3), spread(2, 3), spread(8, 3), spread(8, 3, math.floor)
([0, 3, 6], [0, 1], [0, 4, 7], [0, 3, 7])
"""

from collections.abc import Callable


def spread(count: int, most: int, rounding: Callable[[float], int] = round) -> list[int]:
    """Choose some of the places from 0 to `count` − 1, the last among them.

    Args:
        count: how many places there are.
        most: how many are chosen, 1 or more; all where there are no more.
        rounding: makes a place of what lies between two.
    """
    if count <= most or most == 1:
        return list(range(count)[-most:])
    return [rounding(at * (count - 1) / (most - 1)) for at in range(most)]

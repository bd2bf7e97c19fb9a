"""Choose evenly spaced indices.

>>> import math
>>> spread(7, 3), spread(2, 3), spread(8, 3), spread(8, 3, math.floor)
([0, 3, 6], [0, 1], [0, 4, 7], [0, 3, 7])
"""

from collections.abc import Callable


def spread(count: int, most: int, rounding: Callable[[float], int] = round) -> list[int]:
    """Choose evenly spaced indices from 0 to `count` − 1, the last among them.

    Args:
        count: how many indices there are.
        most: how many are chosen, at least 1; all of them where `count` is no larger.
        rounding: makes an index of a number.
    """
    if count <= most or most == 1:
        return list(range(count)[-most:])
    return [rounding(at * (count - 1) / (most - 1)) for at in range(most)]

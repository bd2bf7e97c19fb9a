"""Look at the first examples before all are read: what is commonest among them is what all are brought to.

>>> found, whole = look_ahead(iter("aabc"), len, most=3)
>>> found, "".join(whole)
(['a', 'a', 'b'], 'aabc')
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_MOST_HELD = 2**26

Item = TypeVar("Item")


def look_ahead(
    items: Iterable[Item], size_of: Callable[[Item], int], most: int = 100
) -> tuple[list[Item], Iterator[Item]]:
    """Hold the first items, and give all of them once more.

    Args:
        items: read once.
        size_of: the numbers that an item holds; some 67 million are held at once.
        most: items that are held, at most.
    """
    rest = iter(items)
    first: list[Item] = []
    held = 0
    for item in itertools.islice(rest, most):
        first.append(item)
        held += size_of(item)
        if held > _MOST_HELD:
            break
    return first, itertools.chain(first, rest)

"""Look at the first examples before all are read: all are brought to the commonest size or sample rate among them.

>>> first, whole = look_ahead(iter("aabc"), len, most=3)
>>> first, "".join(whole)
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
    """Return the first items, and an iterator over all items, the first ones included.

    Args:
        items: read once.
        size_of: counts the numbers of an item; about 67 million are kept in memory at once.
        most: items that are kept, at most.
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

"""Treat the states of a layer alike, whether the cell has one, which is a tensor, or several, which are a tuple.

>>> import torch
>>> h, c = torch.zeros(1, 2, 3), torch.ones(1, 2, 4)
>>> [one.shape for one in of_each((h, c), lambda one: one[:, :1])]
[torch.Size([1, 1, 3]), torch.Size([1, 1, 4])]
>>> joined = join([h, h])
>>> joined.shape
torch.Size([1, 4, 3])
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

States = Tensor | tuple[Tensor, ...]


def listed(states: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """Return a list of the states, also of one."""
    return [states] if isinstance(states, Tensor) else list(states)


def as_states(states: Sequence[Tensor]) -> States:
    """Return states in the form in which layers take and give them."""
    return states[0] if len(states) == 1 else tuple(states)


def of_each(states: States, change: Callable[[Tensor], Tensor]) -> States:
    """Change each of the states."""
    return as_states([change(one) for one in listed(states)])


def detach(states: States) -> States:
    """Keep the values of states and cut the gradient that would cross them."""
    return of_each(states, Tensor.detach)


def select(states: States, examples: Tensor | slice) -> States:
    """Return the states of some examples; each is (L, B, n)."""
    return of_each(states, lambda one: one[:, examples])


def join(parts: Sequence[States]) -> States:
    """Return the states of several batches as those of one."""
    return as_states([torch.cat(one, dim=1) for one in zip(*map(listed, parts), strict=True)])

"""Handle the states of a layer in one way: a tensor if the cell has one state, a tuple if it has several.

>>> import torch
>>> h, c = torch.zeros(1, 2, 3), torch.ones(1, 2, 4)
>>> [state.shape for state in of_each((h, c), lambda state: state[:, :1])]
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
    """Return the states as a list, also a single one."""
    return [states] if isinstance(states, Tensor) else list(states)


def as_states(states: Sequence[Tensor]) -> States:
    """Return states in the form of the arguments and results of layers."""
    return states[0] if len(states) == 1 else tuple(states)


def of_each(states: States, change: Callable[[Tensor], Tensor]) -> States:
    """Apply a function to each of the states."""
    return as_states([change(state) for state in listed(states)])


def detach(states: States) -> States:
    """Detach states: keep their values, and stop the gradient."""
    return of_each(states, Tensor.detach)


def select(states: States, examples: Tensor | slice) -> States:
    """Return the states of some examples; each is (L, B, n)."""
    return of_each(states, lambda state: state[:, examples])


def join(parts: Sequence[States]) -> States:
    """Join the states of several batches to those of one batch."""
    return as_states([torch.cat(states, dim=1) for states in zip(*map(listed, parts), strict=True)])

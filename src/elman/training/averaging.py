"""Average the weights of a module over the updates of its training.

Where plain gradient descent no longer gets better it wanders around a minimum, and the mean of where it has been lies
nearer to that minimum than any one place (Polyak & Juditsky 1992; for language models Merity et al. 2018, section 3).
The training goes on from the weights themselves; the mean takes their place for validation and in the model file.

A mean of all updates remembers the bad ones at the beginning. With a share s the mean forgets: update t has the weight
1/(1 + s(t − 1)) when it is added, so that about the last s·t updates count (polynomial-decay averaging, Shamir & Zhang
2013, section 4, with η = 1/s − 1). It needs no knowledge of when the training ends, so the mean is ready at every
validation, also under a time budget.

>>> line = nn.Linear(1, 1, bias=False)
>>> _ = nn.init.constant_(line.weight, 1.0)
>>> average = WeightAverage(line)
>>> _ = nn.init.constant_(line.weight, 2.0)
>>> average.add()
>>> with average.applied():
...     print(line.weight.item())
1.5
>>> line.weight.item()
2.0
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

NON_MONOTONE = 5  # n of Merity et al. 2018, algorithm 1


def is_worse_than_long_ago(losses: Sequence[float]) -> bool:
    """Return whether the last validation is worse than the best of those more than n before it.

    This starts the averaging of Merity et al. 2018, algorithm 1.

    Args:
        losses: of all validations so far.

    >>> is_worse_than_long_ago([1.0, 2, 2, 2, 2, 2]), is_worse_than_long_ago([1.0, 2, 2, 2, 2, 2, 2])
    (False, True)
    """
    long_ago = [loss for loss in losses[: -NON_MONOTONE - 1] if not math.isnan(loss)]
    return bool(long_ago) and losses[-1] > min(long_ago)


class WeightAverage:
    """The running mean of a module's parameters, which begins with the present ones.

    Buffers are not averaged: a count or a mask has no mean.

    Args:
        module: whose parameters.
        share: about this share of the updates so far counts, the last of them; 1 weights all alike.
    """

    def __init__(self, module: nn.Module, share: float = 1.0) -> None:
        self._share = share
        self._parameters = list(module.parameters())
        self._means = [parameter.detach().clone() for parameter in self._parameters]
        self._count = 1

    @torch.no_grad()
    def add(self) -> None:
        """Add the present parameters to the mean."""
        weight = 1 / (1 + self._share * self._count)
        self._count += 1
        for mean, parameter in zip(self._means, self._parameters, strict=True):
            mean.lerp_(parameter, weight)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Put the mean into the module, and restore its own parameters at the end, also after an error."""
        present = [parameter.detach().clone() for parameter in self._parameters]
        try:
            self.apply()
            yield
        finally:
            self._fill(present)

    def apply(self) -> None:
        """Put the mean into the module, for good."""
        self._fill(self._means)

    def state_dict(self) -> dict[str, Any]:
        """Return the means, in the order of the parameters, and how many updates they average; nothing is copied."""
        return {"means": list(self._means), "count": self._count}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._count = state["count"]
        for mean, kept in zip(self._means, state["means"], strict=True):
            mean.copy_(kept)

    @torch.no_grad()
    def _fill(self, values: list[torch.Tensor]) -> None:
        for parameter, value in zip(self._parameters, values, strict=True):
            parameter.copy_(value)

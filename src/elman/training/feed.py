"""The batches of a training: the order of an epoch, the position in it, and the random generator that draws the order.

A feed owns its generator; nothing else draws from it. Its state is plain data: the generator as it was when the order
of this epoch was drawn, how many batches were yielded since, the generator as it is now, and the hidden state that is
carried from one batch to the next. A feed that is restored from it yields the same batches.

>>> def shuffle(chance):
...     return torch.randperm(7, generator=chance).tolist()
>>> feed = Feed(shuffle, torch.Generator().manual_seed(1))
>>> epoch = feed.epoch()
>>> first, kept = [next(epoch), next(epoch)], feed.state_dict()
>>> again = Feed(shuffle, torch.Generator())
>>> again.load_state_dict(kept)
>>> list(again.epoch()) == list(epoch)
True
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from elman.nn.states import of_each
from elman.training.ranks import add_up

Chance = torch.Generator | np.random.Generator | random.Random
C = TypeVar("C", bound=Chance)
T = TypeVar("T")


class Feed(Generic[C, T]):
    """A source of batches, epoch by epoch.

    Args:
        draw: the order of an epoch, drawn from a generator: one entry a batch.
        chance: the generator; data augmentation may draw from it as well.

    Attributes:
        chance: the generator.
        carried: the hidden state that the next batch starts from, without a gradient; None for zeros. Where processes
            share a batch, each has its own rows there, and zeros in those of others.
    """

    def __init__(self, draw: Callable[[C], Sequence[T]], chance: C) -> None:
        self.chance = chance
        self.carried: Any = None
        self._draw = draw
        self._order: Sequence[T] | None = None  # of the epoch that has begun
        self._before: Any = None  # the generator when that was drawn
        self._given = 0

    def epoch(self) -> Iterator[T]:
        """Yield the entries of a new epoch, or after loading a state those that are left of its epoch."""
        if self._order is None:
            self._before = _state_of(self.chance)
            self._order, self._given, self.carried = self._draw(self.chance), 0, None
        while self._given < len(self._order):
            self._given += 1
            yield self._order[self._given - 1]
        self._order = None

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data."""
        return {
            "before": None if self._order is None else self._before,
            "given": self._given,
            "chance": _state_of(self.chance),
            "carried": None if self.carried is None else of_each(self.carried, add_up),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of a feed with the same data."""
        self._order, self._before, self._given = None, state["before"], state["given"]
        if self._before is not None:
            _restore(self.chance, self._before)
            self._order = self._draw(self.chance)
        _restore(self.chance, state["chance"])
        self.carried = state["carried"]


def _state_of(chance: Chance) -> Any:
    if isinstance(chance, torch.Generator):
        return chance.get_state()
    if isinstance(chance, random.Random):
        version, numbers, left = chance.getstate()
        return [version, list(numbers), left]
    return chance.bit_generator.state


def _restore(chance: Chance, state: Any) -> None:
    if isinstance(chance, torch.Generator):
        chance.set_state(state)
    elif isinstance(chance, random.Random):
        version, numbers, left = state
        chance.setstate((version, tuple(numbers), left))
    else:
        chance.bit_generator.state = state

"""Follow many beginnings of texts in a model of units, each read once, and all new ones of a step together.

>>> from elman.decoding.ngrams import Ngrams
>>> model = Ngrams(np.array([0, 1, 0, 1, 0, 2]), size=3, most=2)
>>> one, other = model.extend([(model.empty, 0), (model.empty, 0)])
>>> one is other, np.exp(one.chances).round(2).tolist()
(True, [0.17, 0.5, 0.33])
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from elman.nn.evaluation import evaluating
from elman.nn.states import States, join, select

Chances = NDArray[np.float64]
"""ln P of each unit that may follow, (V,)."""

_MOST_LOGITS = 2**22  # of a call


class History:
    """The units that were read so far.

    Attributes:
        chances: ln P of each unit that may follow.
        state: what the model keeps of them.
        further: those with one more unit, as long as somebody uses them.
        memo: what a reader of words keeps of the chances.
    """

    __slots__ = ("__weakref__", "chances", "further", "memo", "state")

    def __init__(self, state: Any, chances: Chances) -> None:
        self.state, self.chances = state, chances
        self.further: WeakValueDictionary[int, History] = WeakValueDictionary()
        self.memo: Any = None


class Histories(ABC):
    """A model of units, by the histories that it has read."""

    @abstractmethod
    def read(self, histories: Sequence[History], units: Sequence[int]) -> list[History]:
        """Read one unit behind each of some histories."""

    def extend(self, wanted: Sequence[tuple[History, int]]) -> list[History]:
        """Return histories with one more unit each; equal ones are one object, and what is known is not read again."""
        found = [history.further.get(unit) for history, unit in wanted]
        missing = {
            (id(history), unit): (history, unit)
            for (history, unit), known in zip(wanted, found, strict=True)
            if known is None
        }
        if not missing:
            return [one for one in found if one is not None]
        new = dict(zip(missing, self.read(*zip(*missing.values(), strict=True)), strict=True))
        for key, (history, unit) in missing.items():
            history.further[unit] = new[key]
        return [
            new[id(history), unit] if known is None else known
            for (history, unit), known in zip(wanted, found, strict=True)
        ]

    def follow(self, history: History, units: Sequence[int]) -> History:
        """Read some units, one after the other."""
        for unit in units:
            [history] = self.extend([(history, unit)])
        return history


class RecurrentHistories(Histories):
    """A recurrent language model.

    Args:
        module: takes numbers (T, B) and a state or None; returns logits (T, B, V) and the state, (L, B, n) or a tuple
            of such tensors.
        device: of the module.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self._module, self._device = module, device

    def begin(self, units: Sequence[int]) -> History:
        """Read the first units of all texts, at least one."""
        return self._run(torch.tensor(units)[:, None], None)[0]

    def read(self, histories: Sequence[History], units: Sequence[int]) -> list[History]:
        """Read one unit behind each of some histories, in a batch."""
        most = max(1, _MOST_LOGITS // len(histories[0].chances))
        found = []
        for first in range(0, len(units), most):
            part = slice(first, first + most)
            state = join([history.state for history in histories[part]])
            found += self._run(torch.tensor(units[part])[None], state)
        return found

    @torch.no_grad()
    def _run(self, numbers: torch.Tensor, state: States | None) -> list[History]:
        with evaluating(self._module):
            logits, new = self._module(numbers.to(self._device), state)
        chances = logits[-1].double().log_softmax(1).cpu().numpy()
        # Own tensors: a part of a batch would keep all of it.
        return [
            History(select(new, torch.tensor([row], device=self._device)), own.copy())
            for row, own in enumerate(chances)
        ]

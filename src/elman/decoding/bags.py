"""Beam search over the orders of a bag of units: each is written exactly once, then the end.

Of all beginnings of one length the best few are kept, the beam, and each is continued by every unit that is left. Equal
units of a bag are one candidate, so that no beginning occurs twice. A writer that has an *outlook* adds that of every
unit that is left to the rank of a beginning: leaving rare units for the end is then no advantage. (Schmaltz, Rush &
Shieber 2016, section 3)

Of equally good beginnings, the one that continues the better beginning is kept, then the one whose last unit has the
lower number.

>>> from elman.decoding.search import Writer
>>> class Rising(Writer):
...     '''Prefers a unit that is higher than the last one.'''
...     def begin(self, sources):
...         return torch.zeros(sources, 9).log_softmax(1), None
...     def step(self, units, state):
...         return (torch.arange(9) > units[:, None]).float().log_softmax(1), None
...     def select(self, state, rows):
...         return None
>>> write_bags(Rising(), [[7, 3, 5], [4]], end=0, width=3)[0][0].units
[3, 5, 7]
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.nn.rowwise import sum_in_order


class BagWriter(ABC):
    """A model that writes the units of bags, as a search sees it: S sources, K beginnings of each side by side.

    A source asks about C units: the D different ones of its bag, and the end. States may be anything.

    Attributes:
        outlook: (V,) float64 on its device, what a unit adds to the rank of a beginning as long as it is left; None for
            nothing.
        device: where it computes.
    """

    outlook: Tensor | None = None
    device: torch.device = torch.device("cpu")

    @abstractmethod
    def begin_among(self, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, Any]:
        """Begin.

        Args:
            wanted: (S, C) the units that each source asks about.
            may_follow: (S, 1, C) which of them may be written first.

        Returns:
            ln P of the wanted units, (S, 1, C), float64, and the state of each source.
        """

    @abstractmethod
    def step_among(self, units: Tensor, state: Any, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, Any]:
        """Read the last unit of each beginning, (S·K,) int64.

        Args:
            units: the last units.
            state: of the beginnings.
            wanted: (S, C) the units that each source asks about.
            may_follow: (S, K, C) which of them may follow each beginning.

        Returns:
            ln P of the wanted units, (S, K, C), float64, and the new states.
        """

    @abstractmethod
    def select(self, state: Any, rows: Tensor) -> Any:
        """Return the states of some beginnings, (n,) int64, in this order; one may be there several times."""


@dataclass(frozen=True)
class BagOrder:
    """One order of a bag.

    Attributes:
        units: their numbers, in that order.
        log_probability: the sum of ln P over the units and the end.
    """

    units: list[int]
    log_probability: float


@torch.no_grad()
def write_bags(writer: BagWriter, bags: Sequence[Sequence[int]], *, end: int, width: int) -> list[list[BagOrder]]:
    """Find likely orders of bags, of all bags at once.

    Args:
        writer: the model, which knows the sources of the bags by their order.
        bags: the units of each source, in any order.
        end: the number of the end.
        width: how many beginnings are kept.

    Returns:
        For each bag at most `width` orders, the likeliest first.
    """
    return _BagRun(writer, bags, end, width).run() if bags else []


class _BagRun:
    """The beginnings of S sources as rows: K of each, side by side, the best first; D different units.

    Where a source has fewer than K beginnings, its remaining rows have the score -inf and come last.
    """

    def __init__(self, writer: BagWriter, bags: Sequence[Sequence[int]], end: int, width: int) -> None:
        self._writer, self._width = writer, width
        device = writer.device
        self._units, self._left = (table.to(device) for table in _count_units(bags))
        self._wanted = F.pad(self._units, (0, 1), value=end)
        outlook = writer.outlook
        self._outlook = torch.zeros_like(self._units).double() if outlook is None else outlook[self._units]
        self._lengths = torch.tensor([len(bag) for bag in bags], device=device)
        self._sources = torch.arange(len(bags), device=device)
        self._score = torch.zeros(len(bags), 1, dtype=torch.float64, device=device)
        self._written = torch.empty(len(bags), 1, 0, dtype=torch.int64, device=device)

    def run(self) -> list[list[BagOrder]]:
        found: list[list[BagOrder]] = [[] for _ in self._sources]
        chances, state = self._writer.begin_among(self._wanted, self._may_follow())
        for length in range(1 + int(self._lengths.max())):
            self._finish(chances[..., -1], self._lengths == length, found)
            going_on = (self._lengths > length).nonzero()[:, 0]
            if not len(going_on):
                break
            rows = going_on[:, None] * self._score.shape[1]
            self._keep_sources(going_on)
            parent, unit = self._extend(chances[going_on, :, :-1])
            if not unit.numel():
                break
            state = self._writer.select(state, (rows + parent).flatten())
            chances, state = self._writer.step_among(unit.flatten(), state, self._wanted, self._may_follow())
        return found

    def _finish(self, ends: Tensor, over: Tensor, found: list[list[BagOrder]]) -> None:
        """Rank the whole orders of the sources that have no unit left; `ends` is ln P of the end, (S, K)."""
        totals, order = _descending((self._score + ends)[over])
        for source, kept, row in zip(self._sources[over].tolist(), order.tolist(), totals.tolist(), strict=True):
            written = self._written[self._sources == source][0].tolist()
            found[source] = [
                BagOrder(written[k], total) for k, total in zip(kept, row, strict=True) if total > -torch.inf
            ]

    def _keep_sources(self, kept: Tensor) -> None:
        """Go on with some sources."""
        if len(kept) == len(self._sources):
            return
        self._sources, self._lengths = self._sources[kept], self._lengths[kept]
        self._units, self._wanted, self._outlook = self._units[kept], self._wanted[kept], self._outlook[kept]
        self._score, self._left, self._written = self._score[kept], self._left[kept], self._written[kept]

    def _extend(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        """Choose the beginnings of the next step by ln P of what may follow, (S, K, D).

        Returns:
            For each new beginning the index of the one that it continues, and its last unit, (S, new K) each.
        """
        different = self._units.shape[1]
        new = (self._score[..., None] + chances).masked_fill(self._left == 0, -torch.inf)
        outlook = self._outlook[:, None]
        rest = sum_in_order(self._left * outlook, 2)[..., None] - outlook
        ranked, order = _descending((new + rest).flatten(1))
        order = order[:, : min(self._width, int((ranked > -torch.inf).sum(1).max()))]
        parent, chosen = order // different, order % different
        self._score = new.flatten(1).gather(1, order)
        rows = torch.arange(len(order), device=order.device)[:, None]
        self._left = self._left[rows, parent].scatter_add(2, chosen[..., None], -torch.ones_like(chosen)[..., None])
        units = self._units.gather(1, chosen)
        self._written = torch.cat((self._written[rows, parent], units[..., None]), dim=2)
        return parent, units

    def _may_follow(self) -> Tensor:
        """Return which of the wanted units may follow each beginning, (S, K, D + 1): those left, and then the end."""
        left = self._left > 0
        return torch.cat([left, ~left.any(2, keepdim=True)], 2)


def _count_units(bags: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return the different units of each bag in ascending order, (S, D), and how often each is there, (S, 1, D).

    A bag with fewer different units is padded with the unit 0, whose count is 0.
    """
    counts = [sorted(Counter(bag).items()) for bag in bags]
    different = max(map(len, counts))
    table = torch.tensor([count + [(0, 0)] * (different - len(count)) for count in counts], dtype=torch.int64)
    units, left = table.view(len(bags), different, 2).unbind(2)
    return units, left[:, None]


def _descending(values: Tensor) -> tuple[Tensor, Tensor]:
    # A stable sort, which topk is not: of equal values the first stays first.
    return values.sort(dim=1, descending=True, stable=True)

"""A model that writes one unit after the other, as a search sees it.

:mod:`elman.decoding.search` has an example; these are what every model has to give.

>>> sorted(Writer.__abstractmethods__)
['begin', 'select', 'step']
"""

from abc import abstractmethod
from typing import Any

from torch import Tensor

from elman.decoding.bags import BagWriter


class Writer(BagWriter):
    """A model that writes one unit after the other, as a search sees it. States may be anything that it understands.

    Attributes:
        lengths: (S,) int64, the steps of each source, where :meth:`attention` is given.
    """

    lengths: Tensor

    @abstractmethod
    def begin(self, sources: int) -> tuple[Tensor, Any]:
        """Return ln P of the first unit for each source, (S, V), and the state of each."""

    @abstractmethod
    def step(self, units: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read the last unit of each beginning, (R,) int64; return ln P of the next, (R, V), and the new state.

        The search may write into the ln P that it was given.
        """

    def attention(self, state: Any) -> Tensor | None:  # noqa: ARG002
        """Return what the step that led to a state looked at, (R, steps of the source); None without attention."""
        return None

    def begin_among(self, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, Any]:
        """Begin sources whose bags say what may be written; a writer that can do with less overrides it."""
        chances, state = self.begin(len(wanted))
        return _choose_wanted(chances, wanted, may_follow), state

    def step_among(self, units: Tensor, state: Any, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, Any]:
        """Read the last unit of each beginning of a bag; a writer that can do with less overrides it."""
        chances, new = self.step(units, state)
        return _choose_wanted(chances, wanted, may_follow), new


def _choose_wanted(chances: Tensor, wanted: Tensor, may_follow: Tensor) -> Tensor:
    rows = chances.view(len(wanted), may_follow.shape[1], -1)
    return rows.gather(2, wanted[:, None].expand(may_follow.shape)).double()

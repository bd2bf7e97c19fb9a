"""A model that attends, as a search sees it.

A task gives :meth:`AttendingWriter.read`, which reads its sources; the steps are those of the module, or prepared ones.

>>> sorted(AttendingWriter.__abstractmethods__)
['read']
"""

from abc import abstractmethod
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from elman.decoding.search import Writer
from elman.models.attending import AttendingDecoder, DecoderState
from elman.models.prepared import PreparedDecoder

M = TypeVar("M", bound=AttendingDecoder)


class WriterState(NamedTuple):
    """The state of the decoder, and how many units it has read."""

    state: DecoderState
    step: int


def read_units(model: AttendingDecoder, units: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
    """Let a decoder read a unit of each of R targets; return ln P of the next, (R, V), and its new state."""
    joined, new = model.decode(units[None], state.state, state.step)
    chances = model.read_out(joined[0]).float().log_softmax(1)
    return chances, WriterState(new, state.step + 1)


class AttendingWriter(Writer, Generic[M]):
    """The base of writers whose model attends.

    Args:
        model: in evaluation.
        begin: the unit that stands before every target.
    """

    def __init__(self, model: M, begin: int) -> None:
        self._model, self._begin = model, begin

    @abstractmethod
    def read(self) -> DecoderState:
        """Read the sources, and return the state before the first step."""

    def begin(self, sources: int) -> tuple[Tensor, WriterState]:
        """Read the sources."""
        state = self.read()
        self._prepared = PreparedDecoder.prepare(self._model, state)
        units = torch.full((sources,), self._begin, device=state.weights.device)
        return self.step(units, WriterState(state, 0))

    def step(self, units: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """Read a unit of each target."""
        if self._prepared is None:
            return read_units(self._model, units, state)
        logits, new = self._prepared.step(units, state.state, state.step)
        return logits.float().log_softmax(1), WriterState(new, state.step + 1)

    def select(self, state: WriterState, rows: Tensor) -> WriterState:
        """Return the states of some targets."""
        return WriterState(state.state.select(rows), state.step)

    def attention(self, state: WriterState) -> Tensor:
        """Return what the last step looked at."""
        return state.state.weights

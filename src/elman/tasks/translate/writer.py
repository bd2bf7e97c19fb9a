"""A translation model as a search sees it.

>>> from elman import cells
>>> from elman.decoding.search import search
>>> from elman.models.layers import Layers
>>> from elman.tasks.translate.module import TranslationModel
>>> model = TranslationModel(cells.gru, Layers(hidden=8), source_units=7, target_units=7).eval()
>>> writer = TranslationWriter(model, torch.randint(7, (5, 2)), torch.tensor([5, 3]), begin=6)
>>> [len(found) for found in search(writer, 2, end=6, longest=[4, 4])]
[1, 1]
"""

from typing import NamedTuple

import torch
from torch import Tensor

from elman.decoding.search import Writer
from elman.tasks.translate.module import DecoderState, TranslationModel
from elman.tasks.translate.prepared import PreparedDecoder

_SPARE, _TIMES = 10, 2


def longest_target(length: int) -> int:
    """Return how many units a target may have whose source has so many.

    >>> longest_target(7)
    24
    """
    return _TIMES * length + _SPARE


class WriterState(NamedTuple):
    """The state of the decoder, and how many units it has read."""

    state: DecoderState
    step: int


def read_units(model: TranslationModel, units: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
    """Let a decoder read a unit of each of R targets; return ln P of the next, (R, V), and its new state."""
    joined, new = model.decode(units[None], state.state, state.step)
    chances = model.read_out(joined[0]).float().log_softmax(1)
    return chances, WriterState(new, state.step + 1)


class TranslationWriter(Writer):
    """Writes targets of some sources.

    Args:
        model: in evaluation.
        source: (S, B) units.
        lengths: (B,) of the sources, from 1.
        begin: the unit that stands before every target.
    """

    def __init__(self, model: TranslationModel, source: Tensor, lengths: Tensor, begin: int) -> None:
        self._model, self._source, self._begin = model, source, begin
        self.lengths = lengths

    def begin(self, sources: int) -> tuple[Tensor, WriterState]:
        """Read the sources."""
        state = self._model.encode(self._source, self.lengths)
        self._prepared = PreparedDecoder.prepare(self._model, state)
        units = torch.full((sources,), self._begin, device=self._source.device)
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

"""Put the words of bags in order with a model that was trained on jumbled sentences.

>>> from elman import cells
>>> from elman.models.layers import Layers
>>> model = TranslationModel(cells.gru, Layers(hidden=8), source_units=11, target_units=11, shared=True, bag=True)
>>> [order] = order_units(model, [[4, 2, 4]], end=9, beam=3)
>>> sorted(order.units), order.log_probability < 0
([2, 4, 4], True)
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from elman.decoding.bags import BagOrder, BagWriter
from elman.models.attending import DecoderState
from elman.models.ordering import order_bags
from elman.nn.evaluation import evaluating
from elman.tasks.translate.batches import pad_sources
from elman.tasks.translate.module import TranslationModel


def order_units(
    module: TranslationModel,
    bags: Sequence[Sequence[int]],
    *,
    end: int,
    beam: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[BagOrder]:
    """Find a likely order of each bag; the order in which its units are given changes nothing.

    Args:
        module: a model of bags.
        bags: the numbers of the units of each sentence.
        end: the number of the end.
        beam: how many beginnings are kept, 1 to 512.
        on_progress: called with (units placed, all of them).

    Raises:
        ConfigError: the beam is outside its range.
        ElmanError: what the module puts out is not finite.
    """
    device = next(module.parameters()).device

    def open_writer(indices: list[int]) -> OrderingWriter:
        source, lengths = pad_sources([torch.tensor(sorted(bags[i]), dtype=torch.int32) for i in indices], end)
        return OrderingWriter(module, source.to(device), lengths.to(device), begin=end)

    with evaluating(module), torch.no_grad():
        return order_bags(open_writer, bags, end=end, beam=beam, on_progress=on_progress)


class OrderingWriter(BagWriter):
    """Writes the units of some bags.

    Args:
        module: in evaluation.
        source: (S, B) units.
        lengths: (B,) of the bags, from 1.
        begin: the unit that stands before every target.
    """

    def __init__(self, module: TranslationModel, source: Tensor, lengths: Tensor, begin: int) -> None:
        self._module, self._source, self._lengths, self._begin = module, source, lengths, begin
        self.device = source.device

    def begin_among(self, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, DecoderState]:
        """Read the bags."""
        state = self._module.encode(self._source, self._lengths)
        start = torch.full((len(wanted),), self._begin, device=self.device)
        return self.step_among(start, state, wanted, may_follow)

    def step_among(
        self, units: Tensor, state: DecoderState, wanted: Tensor, may_follow: Tensor
    ) -> tuple[Tensor, DecoderState]:
        """Read a unit of each beginning; return ln P among the units that may follow."""
        joined, new = self._module.decode(units[None], state)
        scores = self._module.read_out_wanted(joined[0].view(*may_follow.shape[:2], -1), wanted)
        return scores.masked_fill(~may_follow, -torch.inf).double().log_softmax(2), new

    def select(self, state: DecoderState, rows: Tensor) -> DecoderState:
        """Return the states of some beginnings."""
        return state.select(rows)

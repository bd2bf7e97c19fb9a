"""Put jumbled words in order: beam search under a language model, without any grammar.

A sentence starts after `<eos>` and ends with it. Its words are placed from left to right, see
:mod:`elman.decoding.bags`.

>>> from elman.models.layers import Layers
>>> from elman import cells
>>> from elman.tasks.generate.module import LanguageModel
>>> _ = torch.manual_seed(1)
>>> model = LanguageModel(cells.gru, 7, Layers(hidden=5), embedding=3)
>>> [ordering] = order_words(model, [[4, 2, 4]], end=0, beam=3)
>>> sorted(ordering.words), ordering.log_probability < 0
([2, 4, 4], True)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from elman.decoding.search import Writer
from elman.errors import ConfigError
from elman.models.ordering import check_bags, order_bags
from elman.nn.evaluation import evaluating
from elman.nn.states import States, join, select

# Logits in memory at one time, 8 MiB of float32: they are still in the cache when they are summed, and the allocator
# reuses their memory; getting new memory from the system costs as much as the product that fills it.
_MOST_LOGITS = 2**21


@dataclass(frozen=True)
class Ordering:
    """One order of a bag of words.

    Attributes:
        words: their numbers, in that order.
        log_probability: the sum of ln P(word | what is before it) over the words and the final `<eos>`.
    """

    words: list[int]
    log_probability: float


def order_words(
    module: nn.Module,
    bags: Sequence[Sequence[int]],
    *,
    end: int,
    beam: int = 64,
    future: Tensor | None = None,
    device: torch.device | str | None = None,
    where: str = "bag",
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Ordering]:
    """Find a likely order of each bag of words; the most likely one if the beam is wide enough.

    Of equally likely beginnings, the one that continues the better beginning is kept, then the one whose last word has
    the lower number.

    Args:
        module: takes numbers (T, B) and a state or None; returns logits (T, B, V) and the state, (L, B, n) or a tuple
            of such tensors.
        bags: the numbers of the words of each sentence, in any order.
        end: the number of `<eos>`.
        beam: how many beginnings are kept, 1 to 512.
        future: (V,) ln P of each word alone. With it a beginning is ranked by its own probability times that of the
            words not placed yet, so that leaving rare words for the end is no advantage.
        device: of the module; None takes that of its parameters.
        where: the name of a bag in messages, before its number from 1, such as `words.txt line`.
        on_progress: called with (words placed, all of them).

    Returns:
        One ordering a bag, in the order of the bags.

    Raises:
        ConfigError: the beam is outside its range, or `future` does not give a finite number for each word.
        DataError: a bag has more than 100 words.
    """
    check_bags(bags, where)
    with evaluating(module), torch.no_grad():
        writer = WordWriter(module, end, device, future)
        orders = order_bags(lambda _: writer, bags, end=end, beam=beam, on_progress=on_progress)
    return [Ordering(order.units, order.log_probability) for order in orders]


class WordWriter(Writer):
    """A language model that writes sentences from their start; it reads the next word of some beginnings at a time.

    Args:
        module: see :func:`order_words`, as all others.
        end: the number of `<eos>`.
        device: of the module.
        future: (V,) ln P of each word alone.

    Raises:
        ConfigError: `future` does not give a finite number for each word.
    """

    def __init__(
        self,
        module: nn.Module,
        end: int,
        device: torch.device | str | None = None,
        future: Tensor | None = None,
    ) -> None:
        self.device = next(module.parameters()).device if device is None else torch.device(device)
        self._module = module
        # Every sentence begins in the state after one <eos>, which is read only once.
        start, self._state = module(torch.tensor([[end]], device=self.device), None)
        self._start, size = start[0], start.shape[-1]
        self._most_rows = max(1, _MOST_LOGITS // size)
        if future is not None and (future.shape != (size,) or not future.isfinite().all()):
            raise ConfigError(
                f"future has shape {tuple(future.shape)}; it must hold one finite log-probability for each of the "
                f"{size} words. Give words that were never seen a small probability."
            )
        self.outlook = None if future is None else future.to(self.device, torch.float64)

    def begin(self, sources: int) -> tuple[Tensor, States]:
        """Start sentences."""
        start = torch.zeros(sources, dtype=torch.int64, device=self.device)
        return self._start[start].log_softmax(1), select(self._state, start)

    def step(self, units: Tensor, state: States) -> tuple[Tensor, States]:
        """Read a word of each sentence."""
        logits, new = self._module(units[None], state)
        return logits[0].log_softmax(1), new

    def select(self, state: States, rows: Tensor) -> States:
        """Return the states of some sentences."""
        return select(state, rows)

    def begin_among(self, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, States]:
        """Start sentences."""
        start = torch.zeros(len(wanted), dtype=torch.int64, device=self.device)
        return _chances(self._start[start], wanted).view(may_follow.shape), select(self._state, start)

    def step_among(self, units: Tensor, state: Any, wanted: Tensor, may_follow: Tensor) -> tuple[Tensor, States]:
        """Read a word of each sentence; all logits never exist at one time."""
        columns = wanted[:, None].expand(-1, may_follow.shape[1], -1).flatten(0, 1)
        chances, states = [], []
        for first in range(0, len(units), self._most_rows):
            rows = slice(first, first + self._most_rows)
            logits, new = self._module(units[None, rows], select(state, rows))
            chances.append(_chances(logits[0], columns[rows]))
            states.append(new)
        return torch.cat(chances).view(may_follow.shape), join(states)


def _chances(logits: Tensor, columns: Tensor) -> Tensor:
    """Return ln P of the words in `columns`, (R, C), under logits (R, V), in float64."""
    return logits.gather(1, columns).double() - logits.logsumexp(1, keepdim=True).double()

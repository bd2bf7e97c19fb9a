"""Put jumbled words in order: beam search under a language model, without any grammar.

A sentence starts after `<eos>` and ends with it. Its words are placed from left to right; of all beginnings of one
length the most likely few are kept, the beam, and each is continued by every word that it has not used yet. Equal words
of a bag are one candidate, so that no beginning occurs twice. (Schmaltz, Rush & Shieber 2016, section 3)

>>> from elman.models.layers import Layers
>>> from elman import cells
>>> from elman.tasks.generate.module import LanguageModel
>>> _ = torch.manual_seed(1)
>>> model = LanguageModel(cells.gru, 7, Layers(hidden=5), embedding=3)
>>> [ordering] = order_words(model, [[4, 2, 4]], end=0, beam=3)
>>> sorted(ordering.words), ordering.log_probability < 0
([2, 4, 4], True)
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from elman.errors import ConfigError, DataError
from elman.nn.evaluation import evaluating
from elman.nn.states import States, join, select

MOST_WORDS = 100
WIDEST_BEAM = 512

# Logits in memory at one time, 8 MiB of float32: they are still in the cache when they are summed, and the allocator
# reuses their memory; getting new memory from the system costs as much as the product that fills it.
_MOST_LOGITS = 2**21
_MOST_ROWS = 2**12


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
    if not 1 <= beam <= WIDEST_BEAM:
        raise ConfigError(f"The beam is {beam}. Use a whole number from 1 to {WIDEST_BEAM}.")
    for number, bag in enumerate(bags, start=1):
        if len(bag) > MOST_WORDS:
            raise DataError(
                f"{where} {number} has {len(bag)} words; at most {MOST_WORDS} are put in order. Split the sentence."
            )
    with evaluating(module), torch.no_grad():
        reader = _WordReader(module, end, device)
        search = _BeamSearch(reader, beam, _future(future, reader), _Count(sum(map(len, bags)), on_progress))
        orderings: dict[int, Ordering] = {}
        for indices in _batches(bags, max(1, _MOST_ROWS // beam)):
            orderings.update(zip(indices, search.run([bags[index] for index in indices]), strict=True))
    return [orderings[index] for index in range(len(bags))]


def _batches(bags: Sequence[Sequence[int]], most: int) -> Iterator[list[int]]:
    """Yield the indices of bags of equal length, at most `most` at a time, so that all of them end at the same step."""
    order = sorted(range(len(bags)), key=lambda index: len(bags[index]))
    for _, equal in itertools.groupby(order, key=lambda index: len(bags[index])):
        while batch := list(itertools.islice(equal, most)):
            yield batch


def _future(future: Tensor | None, reader: "_WordReader") -> Tensor:
    if future is None:
        return torch.zeros(reader.vocabulary, dtype=torch.float64, device=reader.device)
    if future.shape != (reader.vocabulary,) or not future.isfinite().all():
        raise ConfigError(
            f"future has shape {tuple(future.shape)}; it must hold one finite log-probability for each of the "
            f"{reader.vocabulary} words. Give words that were never seen a small probability."
        )
    return future.to(reader.device, torch.float64)


class _Count:
    """A count of the words that have been placed, reported to `on_progress`."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._on_progress = 0, total, on_progress

    def add(self, words: int) -> None:
        self._done += words
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)


class _BeamSearch:
    """A beam search over bags of equal length, all at once: S sentences, K beginnings of each, D different words.

    Where a sentence has fewer than K beginnings, its remaining rows have the score -inf and come last.
    """

    def __init__(self, reader: "_WordReader", beam: int, future: Tensor, count: _Count) -> None:
        self._reader, self._beam, self._future, self._count = reader, beam, future, count

    def run(self, bags: list[Sequence[int]]) -> list[Ordering]:
        device = self._reader.device
        words, remaining = (table.to(device) for table in _count_words(bags))
        columns = torch.nn.functional.pad(words, (0, 1), value=self._reader.end)
        chances, state = self._reader.begin(columns)
        score = torch.zeros(len(bags), 1, dtype=torch.float64, device=device)
        placed = torch.empty(len(bags), 1, 0, dtype=torch.int64, device=device)
        sentence = torch.arange(len(bags), device=device)[:, None]
        for _ in range(len(bags[0])):
            parent, word, score = self._keep(score, chances, remaining, self._future[words])
            remaining = remaining[sentence, parent].scatter_add(2, word[..., None], -torch.ones_like(word)[..., None])
            numbers = words.gather(1, word)
            rows = (sentence * placed.shape[1] + parent).flatten()
            placed = torch.cat((placed[sentence, parent], numbers[..., None]), dim=2)
            chances, state = self._reader.read(numbers, select(state, rows), columns)
            self._count.add(len(bags))
        ended = score + chances[..., -1]
        best = _descending(ended)[1][:, 0]
        return [Ordering(placed[s, k].tolist(), float(ended[s, k])) for s, k in enumerate(best.tolist())]

    def _keep(self, score: Tensor, chances: Tensor, remaining: Tensor, future: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Choose the beginnings to keep.

        Args:
            score: (S, K) ln P of each beginning.
            chances: (S, K, D + 1) ln P of each word, and of `<eos>`, after it.
            remaining: (S, K, D) how often each word can still be placed.
            future: (S, D) the score of each word that is not placed yet.

        Returns:
            For each new beginning the index of the one that it continues, the index of its last word among the D, and
            its score; (S, new K) each, the best first.
        """
        different = remaining.shape[2]
        new = (score[..., None] + chances[..., :-1]).masked_fill(remaining == 0, -torch.inf)
        left = (remaining * future[:, None]).sum(2, keepdim=True) - future[:, None]
        ranked, order = _descending((new + left).flatten(1))
        kept = min(self._beam, int((ranked > -torch.inf).sum(1).max()))
        order = order[:, :kept]
        return order // different, order % different, new.flatten(1).gather(1, order)


class _WordReader:
    """A language model that reads the next word of many beginnings, some rows at a time."""

    def __init__(self, module: nn.Module, end: int, device: torch.device | str | None) -> None:
        self.device = next(module.parameters()).device if device is None else torch.device(device)
        self.end = end
        self._module = module
        # Every sentence begins in the state after one <eos>, which is read only once.
        self._start, self._state = module(torch.tensor([[end]], device=self.device), None)
        self.vocabulary = self._start.shape[-1]
        self._most_rows = max(1, _MOST_LOGITS // self.vocabulary)

    def begin(self, columns: Tensor) -> tuple[Tensor, States]:
        """Return ln P of the words in `columns`, (S, C), at the start of a sentence as (S, 1, C), and S states."""
        start = torch.zeros(len(columns), dtype=torch.int64, device=self.device)
        return _chances(self._start[0, start], columns)[:, None], select(self._state, start)

    def read(self, numbers: Tensor, state: States, columns: Tensor) -> tuple[Tensor, States]:
        """Return ln P of the words in `columns`, (S, C), after each of `numbers`, (S, K), and the new states."""
        wanted = columns[:, None].expand(-1, numbers.shape[1], -1).flatten(0, 1)
        chances, states = [], []
        for first in range(0, numbers.numel(), self._most_rows):
            rows = slice(first, first + self._most_rows)
            logits, new = self._module(numbers.flatten()[None, rows], select(state, rows))
            chances.append(_chances(logits[0], wanted[rows]))
            states.append(new)
        return torch.cat(chances).unflatten(0, numbers.shape), join(states)


def _count_words(bags: list[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return the different words of each bag in ascending order, (S, D), and how often each is there, (S, 1, D).

    A bag with fewer different words is padded with the word 0, whose count is 0.
    """
    counts = [sorted(Counter(bag).items()) for bag in bags]
    different = max(map(len, counts))
    table = torch.tensor([count + [(0, 0)] * (different - len(count)) for count in counts], dtype=torch.int64)
    words, remaining = table.view(len(bags), different, 2).unbind(2)
    return words, remaining[:, None]


def _chances(logits: Tensor, columns: Tensor) -> Tensor:
    """Return ln P of the words in `columns`, (R, C), under logits (R, V), in float64."""
    return logits.gather(1, columns).double() - logits.logsumexp(1, keepdim=True).double()


def _descending(values: Tensor) -> tuple[Tensor, Tensor]:
    # A stable sort, which topk is not: of equal values the first stays first.
    return values.sort(dim=1, descending=True, stable=True)

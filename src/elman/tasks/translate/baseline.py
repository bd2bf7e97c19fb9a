"""Write texts without recurrence: what a translation model must beat.

Three answers need no sequence model: the source itself; the target of the training source that is most like it (the
cosine of their words, each weighed by how rare it is); and attention without recurrence, a feed-forward network that
writes the next unit from the last one, its place, and what it attends to among the embedded units of the source. It has
about as many parameters as the model, and its updates are those that its share of the time allows, down to a learning
rate of 0.

>>> from elman.data.pairs.pair import Pair
>>> nearest = Nearest([Pair("ein Hund", "a dog", ""), Pair("eine Katze", "a cat", "")])
>>> nearest.answer("der Hund")
'a dog'
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.data.pairs.pair import Pair
from elman.decoding.constraints import Constraints
from elman.decoding.search import Beam, Writer, search
from elman.nn.attention import Attention, AttentionMemory
from elman.nn.evaluation import evaluating
from elman.nn.linear_loss import linear_cross_entropy
from elman.phrases import counted
from elman.scores.translations import TextScores, score_texts
from elman.tasks.translate.batches import NOTHING, EncodedPairs
from elman.tasks.translate.encoder import PairEncoder
from elman.tasks.translate.writer import longest_target
from elman.training.allowance import seconds_of

_PLACES = 256  # a step further on shares the embedding of the last place
_SMALLEST = 8
_RATE, _BATCH, _EPOCHS = 4e-3, 64, 10
_AT_ONCE = 64


@dataclass(frozen=True)
class TranslationBaselines:
    """The scores of what needs no recurrence, on the pairs held out.

    Attributes:
        copied: of the sources themselves.
        nearest: of the target of the nearest training source.
        network: of attention without recurrence.
        parameters: how many numbers that has learnt.
        updates: how many it got.
        planned: how many it needs.
    """

    copied: TextScores
    nearest: TextScores
    network: TextScores
    parameters: int
    updates: int
    planned: int

    @property
    def finished(self) -> bool:
        """Whether it was trained to its end."""
        return self.updates == self.planned

    @property
    def what(self) -> str:
        """Name the network."""
        cut = "" if self.finished else f"cut short after {self.updates:,} of "
        return f"attention without recurrence ({cut}{counted(self.planned, 'update')})"


class Nearest:
    """The training pairs, by the words of their sources.

    Args:
        pairs: to learn from.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs
        counts = Counter(word for pair in pairs for word in set(pair.source.split()))
        self._weights = {word: math.log((1 + len(pairs)) / count) for word, count in counts.items()}
        self._where: dict[str, list[int]] = defaultdict(list)
        self._sizes: list[float] = []
        for number, pair in enumerate(pairs):
            words = set(pair.source.split())
            for word in words:
                self._where[word].append(number)
            self._sizes.append(math.sqrt(sum(self._weights[word] ** 2 for word in words)) or 1.0)

    def answer(self, source: str) -> str:
        """Return the target of the training source that is most like a source; the first where none is."""
        shares: dict[int, float] = defaultdict(float)
        for word in set(source.split()):
            weight = self._weights.get(word, 0.0)
            for number in self._where.get(word, ()):
                shares[number] += weight**2
        best = max(shares, key=lambda number: (shares[number] / self._sizes[number], -number), default=0)
        return self._pairs[best].target


class AttentionOnly(nn.Module):
    """A translation model without recurrence.

    Args:
        encoder: numbers both sides.
        size: of an embedding, and of all between.
    """

    def __init__(self, encoder: PairEncoder, size: int) -> None:
        super().__init__()
        self.target, self.source = nn.Embedding(encoder.target.size, size), nn.Embedding(encoder.source.size, size)
        self.place = nn.Embedding(_PLACES, size)
        for table in (self.target, self.source, self.place):
            nn.init.normal_(table.weight, 0.0, size**-0.5)
        self.hidden = nn.Linear(size, size)
        self.attention = Attention(size, size)
        self.join = nn.Linear(2 * size, size)
        self.bias = nn.Parameter(torch.zeros(encoder.target.size))

    def read(self, source: Tensor, lengths: Tensor) -> AttentionMemory:
        """Embed sources (S, B), every unit for itself."""
        places = torch.arange(len(source), device=source.device).clamp(max=_PLACES - 1)
        return self.attention.prepare(self.source(source) + self.place(places)[:, None], lengths)

    def forward(self, units: Tensor, memory: AttentionMemory, step: int = 0) -> Tensor:
        """Return what the readout reads behind each unit of targets, (T, B, E)."""
        places = torch.arange(step, step + len(units), device=units.device).clamp(max=_PLACES - 1)
        query = torch.relu(self.hidden(self.target(units) + self.place(places)[:, None]))
        context, _ = self.attention(query, memory)
        return torch.tanh(self.join(torch.cat([query, context], 2)))


class _State(NamedTuple):
    memory: AttentionMemory
    step: int


class _NetworkWriter(Writer):
    def __init__(self, module: AttentionOnly, source: Tensor, lengths: Tensor, begin: int) -> None:
        self._module, self._source, self._begin, self.lengths = module, source, begin, lengths

    def begin(self, sources: int) -> tuple[Tensor, _State]:
        memory = self._module.read(self._source, self.lengths)
        return self.step(torch.full((sources,), self._begin), _State(memory, 0))

    def step(self, units: Tensor, state: _State) -> tuple[Tensor, _State]:
        joined = self._module(units[None], state.memory, state.step)[0]
        logits = F.linear(joined, self._module.target.weight, self._module.bias)
        return logits.log_softmax(1), _State(state.memory, state.step + 1)

    def select(self, state: _State, rows: Tensor) -> _State:
        return _State(state.memory.select(rows), state.step)


def train_baselines(
    training: EncodedPairs,
    held_out: EncodedPairs,
    encoder: PairEncoder,
    *,
    measure: str,
    parameters: int,
    seed: int,
    seconds: float,
    bags: bool = False,
) -> TranslationBaselines:
    """Learn from the training pairs, and score the answers to the pairs held out.

    The same seed gives the same network.

    Args:
        training: to learn from.
        held_out: to score.
        encoder: of both.
        measure: what models are compared by, see :func:`~elman.scores.translations.score_texts`.
        parameters: about how many the network has.
        seed: of the first weights, and of the order.
        seconds: stop after the work of about so many.
        bags: let the network write each unit of a source once.
    """
    sources = [pair.source for pair in held_out.pairs]
    references = [pair.target for pair in held_out.pairs]
    nearest = Nearest(training.pairs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = AttentionOnly(encoder, choose_size(encoder, parameters))
        plan = _plan(module, training, seconds)
        _fit(module, training, plan.updates, torch.Generator().manual_seed(seed))
    return TranslationBaselines(
        score_texts(sources, references, measure=measure),
        score_texts([nearest.answer(source) for source in sources], references, measure=measure),
        score_texts(_write(module, held_out, encoder, bags), references, measure=measure),
        count_parameters(module),
        *plan,
    )


def choose_size(encoder: PairEncoder, parameters: int) -> int:
    """Return the size with which the network has about so many parameters."""
    units = encoder.target.size
    # 4 E² + E (units of both sides, places, two biases) + units = parameters
    across = units + encoder.source.size + _PLACES + 2
    return max(_SMALLEST, round((math.sqrt(across**2 + 16 * max(0, parameters - units)) - across) / 8))


def count_parameters(module: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.numel() for parameter in module.parameters())


class _Plan(NamedTuple):
    """How many updates there are, and how many there should be."""

    updates: int
    planned: int


def _plan(module: AttentionOnly, pairs: EncodedPairs, seconds: float) -> _Plan:
    """Return as many updates as the time allows."""
    size, planned = module.place.embedding_dim, _EPOCHS * math.ceil(len(pairs) / _BATCH)
    # The readout costs most, forward and back; then an update of all parameters.
    products = 3 * _EPOCHS * int(pairs.targets.sum()) * size * (len(module.bias) + 4 * size)
    needed = seconds_of(products + 10 * planned * count_parameters(module), planned)
    return _Plan(min(planned, max(1, int(planned * seconds / needed))), planned)


def _fit(module: AttentionOnly, pairs: EncodedPairs, updates: int, chance: torch.Generator) -> None:
    """Train with a learning rate that falls to 0."""
    optimizer = torch.optim.Adam(module.parameters(), lr=_RATE, fused=True)
    batches = (chosen for _ in itertools.count() for chosen in pairs.draw(_BATCH, chance))
    for update, chosen in enumerate(itertools.islice(batches, updates)):
        optimizer.param_groups[0]["lr"] = _RATE * (1 - update / updates)
        few = pairs.batch(chosen)
        is_real = few.written != NOTHING
        joined = module(few.read, module.read(few.source, few.lengths))
        loss = linear_cross_entropy(joined[is_real], module.target.weight, module.bias, few.written[is_real])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def _write(module: AttentionOnly, pairs: EncodedPairs, encoder: PairEncoder, bags: bool) -> list[str]:
    texts, constraints = [""] * len(pairs), Constraints(bags=pairs.bags() if bags else ())
    with evaluating(module):
        for chosen in pairs.draw(_AT_ONCE, None):
            few = pairs.batch(chosen)
            writer = _NetworkWriter(module, few.source, few.lengths, encoder.target.end)
            longest = [longest_target(length) for length in few.lengths.tolist()]
            found = search(
                writer,
                len(chosen),
                end=encoder.target.end,
                longest=longest,
                beam=Beam(1),
                constraints=constraints.of(chosen),
            )
            for index, (best,) in zip(chosen, found, strict=True):
                texts[index] = encoder.target.decode(best.units)
    return texts

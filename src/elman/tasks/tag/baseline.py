"""Baselines that tag each word without its sentence, trained in seconds; a recurrent model must beat them.

Two models read one word at a time. One predicts the word's most frequent tag. The other is a feed-forward network on
the word, its prefixes and suffixes, and its capitals and digits, each hashed to one of many embeddings; their sum is
the hidden layer. The label of a sentence is predicted as the most frequent one.

>>> from elman.tasks.tag.model import as_sentences
>>> training = as_sentences([["so", "good"], ["so", "bad"]], [["RB", "JJ"], ["RB", "JJ"]])
>>> baseline = train_tag_baseline(training, TagTargets(("JJ", "RB")), seed=1)
>>> baseline.usual_tags(("so", "kind"))
('RB', 'JJ')
>>> baseline.all_tags(training)[0]
('RB', 'JJ')
"""

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.data.sentences.sentence import Sentence
from elman.tasks.tag.batches import units
from elman.tasks.tag.targets import TagTargets
from elman.training.allowance import Allowance

_MOST_BUCKETS = 2**15
_LONGEST_ENDING = 4  # letters; also of a prefix
_HIDDEN = 64
_RATE = 0.01
_BATCH = 256  # pairs of a word and a tag
_EPOCHS, _UPDATES = 10, 300  # at least
_COST_OF_A_FEATURE = 400 * _HIDDEN  # in multiplications
_MOST_AT_ONCE = 4096  # words


Unit = tuple[str, tuple[str, ...]]
"""A word, and what is read beside it."""


@dataclass
class TagBaseline:
    """Two baselines that tag words without their sentence.

    Attributes:
        parameters: how many the network has.
        finished: whether its training was completed; False where that would have taken too long.
        label: the most frequent label; None where there are none.
    """

    parameters: int
    finished: bool
    label: str | None
    _names: tuple[str, ...]
    _module: "_Network" = field(repr=False)
    _usual: dict[str, str] = field(repr=False)
    _commonest: str = field(repr=False)

    @property
    def what(self) -> str:
        """A description of the network."""
        return "a feed-forward network on each word and its letters" + ("" if self.finished else " (cut short)")

    def usual_tags(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the most frequent tag of each word; of an unknown one, that of all words."""
        return tuple(self._usual.get(word.lower(), self._commonest) for word in words)

    @torch.no_grad()
    def all_tags(self, sentences: Sequence[Sentence]) -> list[tuple[str, ...]]:
        """Return the network's tag of each word of many sentences; every distinct word is computed once."""
        distinct = sorted({unit for sentence in sentences for unit in units(sentence)})
        predicted: dict[Unit, str] = {}
        for start in range(0, len(distinct), _MOST_AT_ONCE):
            some = distinct[start : start + _MOST_AT_ONCE]
            numbers = self._module([_features(*unit) for unit in some]).argmax(1).tolist()
            predicted.update(zip(some, (self._names[number] for number in numbers), strict=True))
        return [tuple(predicted[unit] for unit in units(sentence)) for sentence in sentences]


class _Network(nn.Module):
    def __init__(self, buckets: int, tags: int) -> None:
        super().__init__()
        self.hidden = nn.EmbeddingBag(buckets, _HIDDEN, mode="sum", sparse=True)
        nn.init.normal_(self.hidden.weight, std=0.1)
        self.readout = nn.Linear(_HIDDEN, tags)

    def forward(self, words: Sequence[list[int]]) -> Tensor:
        """Return logits (N, tags) for the features of N words."""
        joined: list[int] = []
        offsets = []
        for features in words:
            offsets.append(len(joined))
            joined += [feature % self.hidden.num_embeddings for feature in features]
        logits: Tensor = self.readout(F.relu(self.hidden(torch.tensor(joined), torch.tensor(offsets))))
        return logits


def train_tag_baseline(
    sentences: Sequence[Sentence], targets: TagTargets, *, seed: int = 1, seconds: float = 20.0
) -> TagBaseline:
    """Train both baselines on sentences.

    The same seed gives the same network.

    Args:
        sentences: with tags.
        targets: the tags.
        seed: of the initial weights, and of the order.
        seconds: stop after the work of about this many.
    """
    pairs = Counter(pair for one in sentences for pair in zip(units(one), one.tags or (), strict=True))
    labels = Counter(sentence.label for sentence in sentences if sentence.label is not None)
    distinct_units = sorted({unit for unit, _ in pairs})
    index_of = {unit: index for index, unit in enumerate(distinct_units)}
    features = [_features(*unit) for unit in distinct_units]
    which = torch.tensor([index_of[unit] for unit, _ in pairs])
    answers = torch.tensor(targets.encode([tag for _, tag in pairs]))
    weights = torch.tensor([float(count) for count in pairs.values()])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        distinct = len({feature for own in features for feature in own})
        module = _Network(min(_MOST_BUCKETS, 2 * distinct), len(targets.tags))
        finished = _fit(module, features, which, answers, weights, Allowance(seconds))
    parameters = sum(p.numel() for p in module.parameters())
    usual, commonest = _count_usual(pairs)
    label = min(labels, key=lambda name: (-labels[name], name)) if labels else None
    return TagBaseline(parameters, finished, label, targets.tags, module, usual, commonest)


def _fit(
    module: _Network, features: list[list[int]], which: Tensor, answers: Tensor, weights: Tensor, allowance: Allowance
) -> bool:
    """Train on pairs of a word and a tag, weighted by their counts; return whether the allowance was enough."""
    # Only the embeddings of the words of a batch are updated.
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.SparseAdam(list(module.hidden.parameters()), lr=_RATE),
        torch.optim.Adam(module.readout.parameters(), lr=_RATE),
    ]
    mean = weights.mean()
    epochs = max(_EPOCHS, math.ceil(_UPDATES / math.ceil(len(which) / _BATCH)))
    for epoch in range(epochs):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = _RATE * (1 - epoch / epochs)
        for chosen in torch.randperm(len(which)).split(_BATCH):
            if allowance.is_over:
                return False
            batch = [features[index] for index in which[chosen].tolist()]
            # A feature costs what a look-up and the moments of its row do, much more than its multiplications.
            allowance.spend(_COST_OF_A_FEATURE * sum(map(len, batch)), updates=len(optimizers))
            losses = F.cross_entropy(module(batch), answers[chosen], reduction="none")
            module.zero_grad()
            ((losses * weights[chosen]).mean() / mean).backward()
            for optimizer in optimizers:
                optimizer.step()
    return True


def _features(word: str, further: Sequence[str]) -> list[int]:
    """Return hashes of the features of a word, and of what is read beside it."""
    low = word.lower()
    shape = (word[0].isupper(), word.isupper(), any(map(str.isdigit, word)), word.isalpha(), "-" in word)
    seen = [f"w {low}", f"s {shape}", *(f"{at} {value}" for at, value in enumerate(further))]
    for length in range(1, min(_LONGEST_ENDING, len(low)) + 1):
        seen += [f"b {low[:length]}", f"e {low[-length:]}"]
    return [zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in seen]


def _count_usual(pairs: Counter[tuple[Unit, str]]) -> tuple[dict[str, str], str]:
    """Return the most frequent tag of each word, and of all words."""
    counts: dict[str, Counter[str]] = {}
    for ((word, _), tag), count in pairs.items():
        counts.setdefault(word.lower(), Counter())[tag] += count
    of_all = sum(counts.values(), Counter[str]())
    usual = {word: min(tags, key=lambda tag: (-tags[tag], tag)) for word, tags in counts.items()}
    return usual, min(of_all, key=lambda tag: (-of_all[tag], tag))

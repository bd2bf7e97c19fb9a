"""Encode sentences with their tags, put them into batches of similar lengths, and compute a model's answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from elman.data.sentences.sentence import Sentence
from elman.encoders.batches import OnProgress, draw_batches
from elman.nn.evaluation import evaluating
from elman.tasks.tag.encoder import TagEncoder
from elman.tasks.tag.module import NO_TAG, SequenceTagger
from elman.tasks.tag.targets import TagTargets

_ANSWERED_AT_ONCE = 64


@dataclass(frozen=True)
class SentenceBatch:
    """A batch of sentences.

    Attributes:
        steps: (T, B, 1 + W + columns) int64, as :class:`~elman.tasks.tag.encoder.TagEncoder` encodes them; 0 after
            the end.
        lengths: (B,) int64, at least 1.
        tags: (T, B) int64; `NO_TAG` after the end and where a tag is not known.
        labels: (B,) int64; `NO_TAG` where a label is not known.
        indices: (B,) int64, of the sentences.
        orders: the order into which the words of each were put; None for their own.
        carried: (T, B, S) float32, the side inputs that the words carry, 0 after the end; None where they carry none.
    """

    steps: Tensor
    lengths: Tensor
    tags: Tensor
    labels: Tensor
    indices: Tensor
    orders: list[Tensor] | None
    carried: Tensor | None = None


class EncodedSentences:
    """Encoded sentences.

    Args:
        sentences: with or without tags.
        encoder: numbers words.
        targets: numbers tags and labels.

    Attributes:
        sentences: as given.
        lengths: (N,) int64, the words of each.
    """

    def __init__(self, sentences: Sequence[Sentence], encoder: TagEncoder, targets: TagTargets) -> None:
        self.sentences = sentences
        self.lengths = torch.tensor([len(sentence.words) for sentence in sentences], dtype=torch.int64)
        self.targets = targets
        lengths = self.lengths.tolist()
        # Each distinct word is encoded once, in a row of the table; row 0 is padding.
        rows: dict[tuple[str, tuple[str, ...]], int] = {}
        for sentence in sentences:
            encoder.require_further(sentence)
        numbered = map(encoder.without_sides, sentences)
        steps = [rows.setdefault(own, len(rows) + 1) for sentence in numbered for own in units(sentence)]
        self._carried = [encoder.carried(sentence) for sentence in sentences]
        table = [encoder.spell(*own) for own in rows]
        self._table = torch.tensor([[0] * len(row) for row in table[:1]] + table, dtype=torch.int32)
        self._steps = torch.tensor(steps, dtype=torch.int32).split(lengths)
        known = (targets.encode(own.tags) if own.tags else [NO_TAG] * len(own.words) for own in sentences)
        self._tags = torch.tensor(list(chain.from_iterable(known)), dtype=torch.int64).split(lengths)
        self._labels = torch.tensor([targets.encode_label(sentence.label) for sentence in sentences], dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.sentences)

    def batches(self, size: int, *, shuffled: torch.Generator | None = None) -> Iterator[SentenceBatch]:
        """Yield every sentence once, in padded batches, the shortest first; the last one may be smaller.

        Args:
            size: how many sentences a batch has, B.
            shuffled: see :meth:`batch`.
        """
        for chosen in draw_batches(self.lengths, size, None):
            yield self.batch(chosen, shuffled=shuffled)

    def batch(self, chosen: Sequence[int], *, shuffled: torch.Generator | None = None) -> SentenceBatch:
        """Pad some sentences to the longest of them.

        Args:
            chosen: which.
            shuffled: puts the words of each sentence, with their tags, in random order.
        """
        rows, tags = [self._steps[i] for i in chosen], [self._tags[i] for i in chosen]
        carried = [own for i in chosen if (own := self._carried[i]) is not None]
        orders = None
        if shuffled is not None:
            orders = [torch.randperm(len(row), generator=shuffled) for row in rows]
            rows = [row[order] for row, order in zip(rows, orders, strict=True)]
            tags = [tag[order] for tag, order in zip(tags, orders, strict=True)]
            carried = [own[order] for own, order in zip(carried, orders, strict=False)]
        indices = torch.tensor(chosen, dtype=torch.int64)
        return SentenceBatch(
            self._table[pad_sequence(rows)].long(),
            self.lengths[indices],
            pad_sequence(tags, padding_value=NO_TAG),
            self._labels[indices],
            indices,
            orders,
            pad_sequence(carried) if carried else None,
        )


def units(sentence: Sentence) -> list[tuple[str, tuple[str, ...]]]:
    """Return each word with what is read beside it."""
    return list(zip(sentence.words, sentence.further or [()] * len(sentence.words), strict=True))


@dataclass(frozen=True)
class Answers:
    """A model's answers to sentences.

    Attributes:
        tags: of each sentence, in the order of its words.
        labels: of each; None where the model has none.
        loss: the mean loss a word, in nats, over words whose tags are known; NaN where none is.
        is_finite: whether all outputs of the model are finite.
    """

    tags: list[tuple[str, ...]]
    labels: list[str | None]
    loss: float
    is_finite: bool = True


@torch.no_grad()
def answer_sentences(
    module: SequenceTagger,
    examples: EncodedSentences,
    *,
    shuffled: torch.Generator | None = None,
    on_progress: OnProgress | None = None,
) -> Answers:
    """Compute the tags and labels of sentences.

    Args:
        module: evaluated without dropout.
        examples: the sentences.
        shuffled: puts the words of each sentence in random order first; the answers are put back into the own order.
        on_progress: called with (how many are answered, how many there are).
    """
    targets, device = examples.targets, next(module.parameters()).device
    tags: list[tuple[str, ...]] = [()] * len(examples)
    labels: list[str | None] = [None] * len(examples)
    total, known, done, is_finite = 0.0, 0, 0, True
    with evaluating(module):
        for few in examples.batches(_ANSWERED_AT_ONCE, shuffled=shuffled):
            lengths = few.lengths.to(device)
            output = module(few.steps.to(device), lengths, None if few.carried is None else few.carried.to(device))
            is_finite &= all(bool(part.isfinite().all()) for part in output if part is not None)
            best = module.best(output.emissions, lengths).cpu()
            right = few.tags.to(device)
            if count := module.count(right, lengths):
                total += float(module.tag_loss(output.emissions, right, lengths)) * count
                known += count
            best_labels = None if output.labels is None else output.labels.argmax(1).tolist()
            for column, index in enumerate(few.indices.tolist()):
                numbers = best[: int(few.lengths[column]), column]
                if few.orders is not None:
                    numbers = torch.empty_like(numbers).index_copy_(0, few.orders[column], numbers)
                tags[index] = tuple(targets.tags[number] for number in numbers.tolist())
                labels[index] = None if best_labels is None else targets.labels[best_labels[column]]
            done += len(few.indices)
            if on_progress is not None:
                on_progress(done, len(examples))
    return Answers(tags, labels, total / known if known else float("nan"), is_finite)

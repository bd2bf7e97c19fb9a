"""Encode examples once, keep them as long as memory lasts, and put them into batches of similar lengths.

A batch is padded to its longest example, so it is made of examples of similar length. The shuffled examples are cut
into buckets of fifty batches, each bucket is sorted by length, and its batches come in random order: batches differ
from epoch to epoch, and little of a batch is padding.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from elman.data.dataset import Dataset, Example, read_examples
from elman.data.examples.survey import Chosen
from elman.encoders.kept import KeptFrames, KeptUnits
from elman.nn.evaluation import evaluating

OnProgress = Callable[[int, int], None]

_BUCKET = 50  # batches
_MOST_BYTES = 512 * 2**20
_ANSWERED_AT_ONCE = 128


class _Encoder(Protocol):
    def encode(self, example: Example) -> Tensor: ...

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor: ...


@dataclass(frozen=True)
class PaddedBatch:
    """Some examples of an `EncodedSet`, padded to the longest of them.

    Attributes:
        steps: (T, B, K) int64 or (T, B, D) float32, zeros behind the end of an example.
        lengths: (B,) int64, at least 1.
        targets: (B,) or (B, L).
        indices: (B,) int64, which examples of the set they are.
        weights: (B,) float32, the sample weight of each; None where all of the set are equal.
        covariates: (B, F) float32, what is read beside the steps of each; None where nothing is.
    """

    steps: Tensor
    lengths: Tensor
    targets: Tensor
    indices: Tensor
    weights: Tensor | None = None
    covariates: Tensor | None = None

    def inputs(self, device: torch.device) -> tuple[Tensor, ...]:
        """Return what a module takes: steps, lengths, and what is beside them if anything is."""
        given = (self.steps, self.lengths, self.covariates)
        return tuple(one.to(device) for one in given if one is not None)


class EncodedSet:
    """The encoded examples of a dataset at some indices.

    All are encoded at once, so an example that cannot be read raises before training begins. Examples that do not fit
    in memory are read and encoded again when they are needed.

    Args:
        dataset: the dataset.
        indices: the indices of the examples.
        encoder: turns one example into its steps.
        targets: (N,) or (N, L), the target of each; zeros where it is not known.
        examples: those at the indices, where they have been read; None reads them.
        most_bytes: most memory that the encoded examples may take.
        on_progress: called with (examples encoded, examples in all).
        prints: (N,) uint64, the fingerprints of the examples; None where nobody needs them.
        groups: the group of each example, such as its speaker; None where there are none.
        covariates: turns what is read beside the steps of one example into (1, F); None where nothing is.

    Attributes:
        prints: as given.
        groups: as given.
        targets: as given.
        lengths: (N,) int64, the steps of each example.
        weights: (N,) float32, the sample weight of each example, 1 in the mean; None where all are equal.
        covariates: (N, F) float32, what is read beside the steps; None where nothing is.

    Raises:
        DataError: an example cannot be read or encoded.
    """

    def __init__(
        self,
        dataset: Dataset,
        indices: Sequence[int],
        encoder: _Encoder,
        targets: Tensor,
        *,
        examples: Iterable[Example] | None = None,
        most_bytes: int = _MOST_BYTES,
        on_progress: OnProgress | None = None,
        prints: NDArray[np.uint64] | None = None,
        groups: Sequence[str | None] | None = None,
        covariates: _Encoder | None = None,
    ) -> None:
        self.targets, self.prints, self.groups = targets, prints, groups
        self._dataset, self._indices, self._encoder, self._covariates = dataset, list(indices), encoder, covariates
        self._kept = (KeptUnits if hasattr(encoder, "rows") else KeptFrames)(encoder, most_bytes)
        given = read_examples(dataset, self._indices) if examples is None else examples
        lengths, rest = self._kept.add_all(given)
        weights = given.weights[: len(lengths)] if isinstance(given, Chosen) else []
        rows: list[Tensor] = []
        for done, example in enumerate(rest, start=1 + len(lengths)):
            lengths.append(self._kept.add(example))
            weights.append(example.weight)
            if covariates is not None:
                rows.append(covariates.encode(example))
            if on_progress is not None:
                on_progress(done, len(self._indices))
        self.lengths = torch.tensor(lengths, dtype=torch.int64)
        self.weights = _to_mean_one(weights)
        self.covariates = torch.cat(rows) if rows else None

    def __len__(self) -> int:
        return len(self._indices)

    def encoded_by(self, encoder: _Encoder, covariates: _Encoder | None = None) -> "EncodedSet":
        """Read the same examples again, and encode them by other encoders.

        Raises:
            DataError: an example cannot be read or encoded.
        """
        return EncodedSet(
            self._dataset, self._indices, encoder, self.targets, groups=self.groups, covariates=covariates
        )

    def first(self, count: int) -> "EncodedSet":
        """Read the first examples again, at most so many."""
        groups = None if self.groups is None else self.groups[:count]
        return EncodedSet(
            self._dataset,
            self._indices[:count],
            self._encoder,
            self.targets[:count],
            groups=groups,
            covariates=self._covariates,
        )

    def steps(self, index: int) -> Tensor:
        """Return the encoded steps of one example, (T, K) int64 or (T, D) float32."""
        is_kept = index < len(self._kept)
        return _widen(self._kept.steps(index)) if is_kept else self._encoder.encode(self.example(index))

    def example(self, index: int) -> Example:
        """Read one example again, as it was before it was encoded."""
        return self._dataset[self._indices[index]]

    def where(self, index: int) -> str:
        """Name the file, and the line or row, of an example."""
        return self.example(index).where

    def batches(self, size: int, *, shuffled_steps: torch.Generator | None = None) -> Iterator[PaddedBatch]:
        """Yield every example once, in padded batches, the shortest examples first; the last one may be smaller.

        Args:
            size: B.
            shuffled_steps: see :meth:`batch`.
        """
        for chosen in draw_batches(self.lengths, size, None):
            yield self.batch(chosen, shuffled_steps=shuffled_steps)

    def batch(
        self,
        chosen: Sequence[int],
        *,
        augment: torch.Generator | None = None,
        shuffled_steps: torch.Generator | None = None,
    ) -> PaddedBatch:
        """Pad some examples to the longest of them.

        Args:
            chosen: their indices in the set.
            augment: the generator for the encoder's data augmentation; None for none.
            shuffled_steps: the generator that puts the steps of each example in random order; None keeps the order.
        """
        indices = torch.tensor(chosen, dtype=torch.int64)
        weights = None if self.weights is None else self.weights[indices]
        if augment is None and shuffled_steps is None and max(chosen) < len(self._kept):
            steps, lengths = _widen(self._kept.pad(chosen)), self.lengths[indices]
        else:
            rows = [self.steps(index) for index in chosen]
            if augment is not None:
                rows = [self._encoder.augment(row, augment) for row in rows]
            if shuffled_steps is not None:
                rows = [row[torch.randperm(len(row), generator=shuffled_steps)] for row in rows]
            steps, lengths = pad_sequence(rows), torch.tensor([len(row) for row in rows], dtype=torch.int64)
        covariates = None if self.covariates is None else self.covariates[indices]
        return PaddedBatch(steps, lengths, self.targets[indices], indices, weights, covariates)


def answer(module: nn.Module, examples: EncodedSet, on_progress: OnProgress | None = None, **options: Any) -> Tensor:
    """Return the outputs of a module for each example, (N, outputs), in their order and without gradients.

    Args:
        module: takes steps (T, B, ·) and lengths (B,), and what is beside them, (B, F), if anything is.
        examples: the examples.
        on_progress: called with (examples answered, examples in all).
        **options: see :meth:`EncodedSet.batches`.
    """
    device = next(module.parameters()).device
    outputs: list[Tensor] = []
    order: list[Tensor] = []
    with evaluating(module), torch.no_grad():
        for batch in examples.batches(_ANSWERED_AT_ONCE, **options):
            outputs.append(module(*batch.inputs(device)).float().cpu())
            order.append(batch.indices)
            if on_progress is not None:
                on_progress(sum(map(len, order)), len(examples))
    joined = torch.cat(outputs)
    return torch.empty_like(joined).index_copy_(0, torch.cat(order), joined)


def draw_batches(lengths: Tensor, size: int, randomness: torch.Generator | None) -> Iterator[list[int]]:
    """Yield the indices of examples, each once, in batches of similar lengths; the last one may be smaller.

    Args:
        lengths: (N,) int64, the steps of each example.
        size: B.
        randomness: shuffles the examples; None sorts them by length, the shortest first.
    """
    if randomness is None:
        yield from _cut(lengths.argsort(stable=True).tolist(), size)
        return
    shuffled = torch.randperm(len(lengths), generator=randomness)
    batches: list[list[int]] = []
    for bucket in shuffled.split(size * _BUCKET):
        batches += _cut(bucket[lengths[bucket].argsort(stable=True)].tolist(), size)
    for number in torch.randperm(len(batches), generator=randomness).tolist():
        yield batches[number]


def _cut(indices: list[int], size: int) -> list[list[int]]:
    rest = iter(indices)
    return list(iter(lambda: list(itertools.islice(rest, size)), []))


def _to_mean_one(weights: Sequence[float]) -> Tensor | None:
    """Scale weights to a mean of 1, so that the size of a loss does not depend on their unit."""
    if len(set(weights)) < 2:
        return None
    scaled = torch.tensor(weights, dtype=torch.float64)
    return (scaled / scaled.mean()).float()


def _widen(steps: Tensor) -> Tensor:
    return steps.long() if steps.dtype == torch.int32 else steps

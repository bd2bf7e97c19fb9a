"""Say what there is to learn from, before anything is learnt: how much, how long, which answers, and what looks wrong.

Examples that stand on both sides of a split make a score too good; equal examples with different answers put a bound on
any score. Both are found by a fingerprint of eight bytes an example, so that they are found among millions, too.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.encoders.batches import EncodedSet
from elman.encoders.lengths import Lengths
from elman.encoders.targets import Targets
from elman.phrases import format_share, name_shares, name_some

Prints = NDArray[np.uint64]

_RARE = 10  # a class with fewer examples to learn from is called rare
_MOST_NAMED = 5
_SHOWN = 3  # pairs of equal examples that are kept


@dataclass(frozen=True)
class DataReport:
    """Hold what there is to learn from.

    Attributes:
        training: how many examples to learn from.
        validation: how many to validate on.
        inputs: what is read, in one line.
        lengths: of the examples to learn from.
        classes: by name, how many examples of each there are to learn from, and to validate on; empty for numbers.
        several: whether an example may have several of these, or none.
        numbers: least, mean, most and standard deviation of the numbers to learn; None for classes.
        missing: by column, in how many examples of both parts a value is missing.
        in_both: how many examples to validate on are also among those to learn from.
        pairs: some of these: where the one is, and where the other.
        contradicting: how many examples, of both parts together, equal one with another answer.
    """

    training: int
    validation: int
    inputs: str
    lengths: Lengths
    classes: Mapping[str, tuple[int, int]]
    several: bool
    numbers: tuple[float, float, float, float] | None
    missing: Mapping[str, int]
    in_both: int
    pairs: tuple[tuple[str, str], ...]
    contradicting: int

    @property
    def rare(self) -> list[str]:
        """Return the classes with fewer than 10 examples to learn from, the rarest first."""
        return sorted((name for name, (count, _) in self.classes.items() if count < _RARE), key=self._count)

    def lines(self) -> list[str]:
        """Write it for a terminal: what there is, then what looks wrong."""
        amount = f"{self.training:,} examples to learn from, {self.validation:,} to validate on: {self.inputs}"
        return [amount, *self._length_line(), self._answer_line(), *self._warnings()]

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            **asdict(self),
            "classes": {name: list(counts) for name, counts in self.classes.items()},
            "numbers": None if self.numbers is None else list(self.numbers),
            "pairs": [list(pair) for pair in self.pairs],
            "rare": self.rare,
        }

    def _count(self, name: str) -> int:
        return self.classes[name][0]

    def _length_line(self) -> list[str]:
        found = self.lengths
        if found.most == 1:
            return []
        if found.least == found.most:
            return [f"{found.most:,} steps each"]
        return [
            f"{found.least:,} to {found.most:,} steps, half at most {found.median:,}, 95 % at most {found.most_of_95:,}"
        ]

    def _answer_line(self) -> str:
        if self.numbers is not None:
            least, mean, most, deviation = self.numbers
            return f"numbers from {least:.4g} to {most:.4g}, mean {mean:.4g}, standard deviation {deviation:.4g}"
        what = f"{len(self.classes):,} {'labels' if self.several else 'classes'}"
        counts = {name: self._count(name) for name in self.classes}
        shares = {format_share(count / self.training) for count in counts.values()}
        return f"{what}, {shares.pop()} each" if len(shares) == 1 else f"{what}: {name_shares(counts, self.training)}"

    def _warnings(self) -> list[str]:
        said = []
        if self.rare:
            named = name_some([f"{name} ({self._count(name)})" for name in self.rare], _MOST_NAMED)
            said.append(f"few examples to learn from: {named}")
        if self.missing:
            named = name_some([f"{name} {count:,}" for name, count in self.missing.items()], _MOST_NAMED)
            columns = " columns" if len(self.missing) > _MOST_NAMED else ""
            said.append(f"examples with missing values: {named}{columns}")
        if self.in_both:
            one, other = self.pairs[0]
            said.append(
                f"{self.in_both:,} of the {self.validation:,} examples to validate on are also among those to learn "
                f"from ({one} equals {other}): the score may be too good"
            )
        if self.contradicting:
            said.append(
                f"{self.contradicting:,} examples equal one with another answer: no model gets all of them right"
            )
        return said


def report_data(
    inputs: str,
    targets: Targets,
    training: EncodedSet,
    validation: EncodedSet,
    *,
    prints: tuple[Prints, Prints],
    missing: Mapping[str, int],
) -> DataReport:
    """Look at the examples of both parts.

    Args:
        inputs: what is read of them, in one line: `encoder.describe()`.
        targets: what is to be predicted.
        training: the examples to learn from.
        validation: those to validate on.
        prints: a fingerprint of each example of the one part and of the other. Of words or letters it is that of what
            was read, since different words may be unknown alike; of others, that of what is encoded.
        missing: by column, in how many examples of both parts a value is missing.
    """
    known, asked = prints
    in_both, pairs = _count_in_both(known, asked, training, validation)
    answers = torch.cat([training.targets, validation.targets])
    return DataReport(
        training=len(training),
        validation=len(validation),
        inputs=inputs,
        lengths=Lengths.of(training.lengths),
        classes=_count_classes(targets, training.targets, validation.targets),
        several=targets.kind == "labels",
        numbers=_describe_numbers(targets, training.targets),
        missing=missing,
        in_both=in_both,
        pairs=pairs,
        contradicting=_count_contradicting(np.concatenate([known, asked]), answers),
    )


def _count_in_both(
    known: Prints, asked: Prints, training: EncodedSet, validation: EncodedSet
) -> tuple[int, tuple[tuple[str, str], ...]]:
    order = known.argsort(kind="stable")
    place = np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)
    found = known[order[place]] == asked
    shown = found.nonzero()[0][:_SHOWN].tolist()
    pairs = tuple((validation.where(index), training.where(int(order[place[index]]))) for index in shown)
    return int(found.sum()), pairs


def _count_contradicting(prints: Prints, answers: Tensor) -> int:
    """Count the examples that equal one with another answer."""
    order = prints.argsort(kind="stable")
    prints, rows = prints[order], answers.reshape(len(answers), -1).numpy()[order]
    starts = np.concatenate([[0], (prints[1:] != prints[:-1]).nonzero()[0] + 1])
    sizes = np.diff(np.append(starts, len(prints)))
    first = np.repeat(starts, sizes)
    differs = (rows != rows[first]).any(1)
    return int(sizes[np.add.reduceat(differs, starts) > 0].sum())


def _count_classes(targets: Targets, training: Tensor, validation: Tensor) -> dict[str, tuple[int, int]]:
    if targets.kind == "number":
        return {}
    counts = [
        torch.bincount(part, minlength=targets.outputs) if targets.kind == "category" else part.sum(0)
        for part in (training, validation)
    ]
    return {name: (int(counts[0][k]), int(counts[1][k])) for k, name in enumerate(targets.classes)}


def _describe_numbers(targets: Targets, encoded: Tensor) -> tuple[float, float, float, float] | None:
    if targets.kind != "number":
        return None
    values = torch.tensor(targets.decode(encoded[:, None]), dtype=torch.float64)
    return float(values.min()), float(values.mean()), float(values.max()), float(values.std(correction=0))

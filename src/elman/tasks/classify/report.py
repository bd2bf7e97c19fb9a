"""Describe the data before a training: number of examples, lengths, classes, and likely mistakes in the data.

Examples on both sides of a split make a score too good; equal examples with different answers put a bound on any score.
Both are detected by a fingerprint of eight bytes an example, which is cheap even for millions.
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
from elman.phrases import counted, format_near, format_share, name_shares, name_some

Prints = NDArray[np.uint64]

_RARE = 10  # a class with fewer examples to learn from is called rare
_FEW_GROUPS = 5  # held out: fewer say little of others
_MOST_NAMED = 5
_SHOWN = 3  # pairs of equal examples that are kept


@dataclass(frozen=True)
class DataReport:
    """A description of the data of a training.

    Attributes:
        training: how many training examples there are.
        validation: how many validation examples there are.
        inputs: what is read, in one line.
        lengths: of the training examples.
        classes: by name, the number of training and of validation examples; empty for numbers.
        several: whether an example may have several classes, or none.
        numbers: minimum, mean, maximum and standard deviation of the numbers to learn; None for classes.
        missing: by column, in how many examples of both parts a value is missing.
        in_both: how many validation examples are also training examples.
        pairs: some of these: where the one is, and where the other.
        contradicting: how many examples, of both parts, equal an example with another answer.
        left_out: how many held-out examples were left out, since they equal training examples.
        copies: how many examples, of both parts, equal an earlier one.
        folded: whether texts are compared without regard to capitals and white space.
        groups: the column that names groups, how many are learnt from and how many are held out; None without one.
        folds: how many folds there are; the numbers of examples and of groups are then those of the first.
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
    left_out: int = 0
    copies: int = 0
    folded: bool = False
    groups: tuple[str, int, int] | None = None
    folds: int = 1

    @property
    def rare(self) -> list[str]:
        """Return the classes with fewer than 10 training examples, the rarest first."""
        return sorted((name for name, (count, _) in self.classes.items() if count < _RARE), key=self._count)

    def lines(self) -> list[str]:
        """Return lines for a terminal: the amounts, then the warnings."""
        amount = f"{counted(self.training, 'example')} to learn from, {self.validation:,} to validate on: {self.inputs}"
        if self.folds > 1:
            total = self.training + self.validation
            amount = (
                f"{total:,} examples in {self.folds} folds: a network learns from about {self.training:,}, and "
                f"{self.validation:,} that it has not seen score it: {self.inputs}"
            )
        return [amount, *self._length_line(), self._answer_line(), *self._group_line(), *self._warnings()]

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {
            **asdict(self),
            "groups": None if self.groups is None else list(self.groups),
            "classes": {name: list(counts) for name, counts in self.classes.items()},
            "numbers": None if self.numbers is None else list(self.numbers),
            "pairs": [list(pair) for pair in self.pairs],
            "rare": self.rare,
        }

    def _count(self, name: str) -> int:
        return self.classes[name][0]

    def _length_line(self) -> list[str]:
        steps = self.lengths
        if steps.most == 1:
            return []
        if steps.least == steps.most:
            return [f"{steps.most:,} steps each"]
        return [
            f"{steps.least:,} to {steps.most:,} steps, half at most {steps.median:,}, 95 % at most {steps.most_of_95:,}"
        ]

    def _group_line(self) -> list[str]:
        if self.groups is None:
            return []
        name, learnt, held_out = self.groups
        if self.folds > 1:
            few = "" if learnt + held_out >= _FEW_GROUPS else ": the score says little of others"
            return [f"{learnt + held_out:,} groups of {name}, each in one fold{few}"]
        few = "" if held_out >= _FEW_GROUPS else ": the score says little of others, as its interval shows"
        return [f"{held_out:,} of the {learnt + held_out:,} groups of {name} are held out{few}"]

    def _answer_line(self) -> str:
        if self.numbers is not None:
            deviation = self.numbers[3]
            least, mean, most = (format_near(number, deviation) for number in self.numbers[:3])
            return f"numbers from {least} to {most}, mean {mean}, standard deviation {deviation:.4g}"
        what = f"{len(self.classes):,} {'labels' if self.several else 'classes'}"
        counts = {name: self._count(name) for name in self.classes}
        shares = {format_share(count / self.training) for count in counts.values()}
        return f"{what}, {shares.pop()} each" if len(shares) == 1 else f"{what}: {name_shares(counts, self.training)}"

    def _warnings(self) -> list[str]:
        warnings = []
        if self.rare:
            named = name_some([f"{name} ({self._count(name)})" for name in self.rare], _MOST_NAMED)
            warnings.append(f"few examples to learn from: {named}")
        if self.missing:
            named = name_some([f"{name} {count:,}" for name, count in self.missing.items()], _MOST_NAMED)
            columns = " columns" if len(self.missing) > _MOST_NAMED else ""
            warnings.append(f"examples with missing values: {named}{columns}")
        if self.in_both:
            one, other = self.pairs[0]
            warnings.append(
                f"{self.in_both:,} of the {counted(self.validation, 'example')} to validate on "
                f"{'is' if self.in_both == 1 else 'are'} also among those to learn from ({one} equals {other}): the "
                "score may be too good"
            )
        aside = " (capitals and spaces aside)" if self.folded else ""
        if self.left_out:
            warnings.append(
                f"{counted(self.left_out, 'example')} to validate on "
                f"{'equals one' if self.left_out == 1 else 'equal examples'} to learn from{aside}, and "
                f"{'is' if self.left_out == 1 else 'are'} left out"
            )
        if self.copies and not self.in_both:
            warnings.append(
                f"{counted(self.copies, 'example equals', 'examples equal')} an earlier one{aside}; those that are "
                "equal are all learnt from, or all held out"
            )
        if self.contradicting:
            right = "hardly a model gets" if self.folded else "no model gets"
            warnings.append(
                f"{counted(self.contradicting, 'example equals', 'examples equal')} one with another answer{aside}: "
                f"{right} all of them right"
            )
        return warnings


def report_data(
    inputs: str,
    targets: Targets,
    training: EncodedSet,
    validation: EncodedSet,
    *,
    prints: tuple[Prints, Prints],
    missing: Mapping[str, int],
    left_out: int = 0,
    folded: bool = False,
    group: str | None = None,
    folds: int = 1,
) -> DataReport:
    """Describe the examples of both parts.

    Args:
        inputs: what is read of them, in one line: `encoder.describe()`.
        targets: the possible answers.
        training: the training examples.
        validation: the validation examples; of a fold, those that it is scored on.
        prints: the fingerprints of the training examples and of all others, see
            :mod:`elman.data.examples.fingerprints`.
        missing: by column, in how many examples of both parts a value is missing.
        left_out: how many held-out examples were left out, since they equal training examples.
        folded: whether texts are compared without regard to capitals and white space.
        group: the column that names groups; None without one.
        folds: how many folds there are.
    """
    in_both, pairs = _count_in_both(*prints, training, validation)
    answers = torch.cat([training.targets, validation.targets])
    together = np.concatenate(prints)
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
        contradicting=_count_contradicting(together, answers),
        left_out=left_out,
        copies=len(together) - len(np.unique(together)),
        folded=folded,
        groups=_count_groups(group, training, validation),
        folds=folds,
    )


def _count_groups(group: str | None, training: EncodedSet, validation: EncodedSet) -> tuple[str, int, int] | None:
    if group is None or training.groups is None or validation.groups is None:
        return None
    learnt, held_out = set(training.groups) - {None}, set(validation.groups) - {None}
    return group, len(learnt - held_out), len(held_out)


def _count_in_both(
    learnt: Prints, held_out: Prints, training: EncodedSet, validation: EncodedSet
) -> tuple[int, tuple[tuple[str, str], ...]]:
    order = learnt.argsort(kind="stable")
    place = np.minimum(np.searchsorted(learnt, held_out, sorter=order), len(learnt) - 1)
    in_both = learnt[order[place]] == held_out
    shown = in_both.nonzero()[0][:_SHOWN].tolist()
    pairs = tuple((validation.where(index), training.where(int(order[place[index]]))) for index in shown)
    return int(in_both.sum()), pairs


def _count_contradicting(prints: Prints, answers: Tensor) -> int:
    """Count the examples that equal an example with another answer."""
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

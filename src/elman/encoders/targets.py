"""Turn targets into numbers, and the outputs of a module into answers.

There are three kinds of target: one class of several (softmax and cross-entropy), any number of labels at once (a
sigmoid each), and a number (mean squared error on numbers scaled to mean 0 and deviation 1; answers are scaled back).

>>> targets = Targets.learn("category", ["yes", "no", "yes", "10", "9"])
>>> targets.classes, targets.encode(["no", "yes"]).tolist()
(('10', '9', 'no', 'yes'), [2, 3])
>>> targets.decode(torch.tensor([[0.0, 0.0, 5.0, 1.0]]))
['no']
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss, one_hot

from elman.data.dataset import TARGET_KINDS
from elman.data.plain import read_plain
from elman.data.tables.spellings import number_values
from elman.errors import DataError
from elman.phrases import name_some
from elman.scores.measured import Measured
from elman.vocabulary.growth import Growth

Where = Callable[[int], str]
"""Names an example in messages, by its index."""

SCALED = "numbers are scaled as there"
"""Said where scales stay as a model has them that a training goes on from."""

_MOST_NAMES = 5  # that a message lists
_FEW = 1000  # examples whose mean loss swings from one validation to the next
_LARGEST = 1e30  # what float32 reaches, with room for answers that are too large


@dataclass(frozen=True)
class Targets:
    """The possible answers of a model: classes, labels, or numbers with a scale.

    Attributes:
        kind: `category`, `labels` or `number`.
        classes: their names, in numerical order if all are numbers, else in alphabetical order; none for numbers.
        weights: the class weights in training; empty where all are equal.
        mean: of the numbers to learn from.
        deviation: their standard deviation.
    """

    kind: str
    classes: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def learn(
        cls,
        kind: str,
        values: Sequence[Any],
        class_weights: bool = False,
        weights: Sequence[float] | None = None,
    ) -> Self:
        """Learn the classes, or the scale, from the targets to learn from.

        Args:
            kind: see above.
            values: one an example: str, a tuple of str, or a number.
            class_weights: give every class the same weight in sum.
            weights: the sample weights; None where all are equal.

        Raises:
            DataError: there is nothing to tell apart: fewer than two classes, no label, or numbers that are all equal.
        """
        if kind == "number":
            numbers = _as_numbers(values)
            deviation = float(numbers.std(correction=0)) if len(numbers) else 0.0
            if not deviation > 1 / _LARGEST:
                raise DataError(
                    f"All {len(values)} targets to learn from are the number {values[0] if values else '(none)'}, or "
                    f"differ by less than {1 / _LARGEST:g}, so there is nothing to learn. Give examples that differ."
                )
            return cls(kind, mean=float(numbers.mean()), deviation=deviation)
        counts, total = _sum_weights(kind, values, weights)
        if len(counts) < (2 if kind == "category" else 1):
            targets = f"all of the class {next(iter(counts))!r}" if counts else "without a label"
            raise DataError(
                f"The training examples are {targets}, so there is nothing to tell apart. "
                "Give examples of two classes or more."
            )
        classes = sort_classes(counts)
        of_classes: tuple[float, ...] = ()
        if class_weights and kind == "category":
            of_classes = tuple(total / (len(classes) * counts[name]) for name in classes)
        elif class_weights:
            of_classes = tuple(max(1, total - counts[name]) / counts[name] for name in classes)
        return cls(kind, classes, of_classes)

    def grown(self, found: Self, growth: Growth) -> Self:
        """Return these targets with the classes that others have besides; numbers keep their scale.

        Args:
            found: what other examples are answered by; the weights of classes are theirs.
            growth: counts what is new.
        """
        if self.kind == "number":
            growth.keep(SCALED)
            return self
        kind = "class" if self.kind == "category" else "label"
        classes = growth.join(kind, self.classes, found.classes, number_values)
        # A class that is not among the others has no weight: nothing is answered by it.
        places = number_values(found.classes)
        weights = [found.weights[places[name]] if name in places else 1.0 for name in classes] if found.weights else ()
        return replace(self, classes=classes, weights=tuple(weights))

    @property
    def outputs(self) -> int:
        """Return the number of outputs of the module."""
        return 1 if self.kind == "number" else len(self.classes)

    def encode(self, values: Sequence[Any], where: Where | None = None) -> Tensor:
        """Return the targets as (N,) int64, for labels (N, L) float32 of 0 and 1, for numbers (N,) float32, scaled.

        Args:
            values: one an example.
            where: names an example in messages, by its index.

        Raises:
            DataError: a class that was not there to learn from, or a target that is missing.
        """
        self._refuse_unknown(values, where)
        if self.kind == "number":
            numbers = _as_numbers(values, where)
            return ((numbers - self.mean) / self.deviation).float()
        index = number_values(self.classes)
        if self.kind == "category":
            return torch.tensor([index[value] for value in values], dtype=torch.int64)
        encoded = torch.zeros(len(values), len(self.classes))
        for row, labels in enumerate(values):
            encoded[row, [index[label] for label in labels]] = 1.0
        return encoded

    def training_loss(
        self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0, weights: Tensor | None = None
    ) -> Tensor:
        """Return the loss of an update: with class weights and label smoothing, if there are any.

        Args:
            outputs: (N, outputs) of the module.
            targets: the true targets, as :meth:`encode` gives them.
            smoothing: probability spread over all classes.
            weights: (N,) sample weights, 1 in the mean of all training examples; None where all are equal.
        """
        of_classes = torch.tensor(self.weights, device=outputs.device, dtype=outputs.dtype) if self.weights else None
        reduction = "mean" if weights is None else "none"
        targets = targets.to(outputs.dtype) if targets.is_floating_point() else targets
        if self.kind == "number":
            return _weighted_mean(mse_loss(outputs[:, 0], targets, reduction=reduction), weights)
        if self.kind == "labels":
            smooth = targets * (1 - smoothing) + smoothing / 2
            losses = binary_cross_entropy_with_logits(outputs, smooth, pos_weight=of_classes, reduction=reduction)
            return _weighted_mean(losses, weights)
        losses = cross_entropy(outputs, targets, reduction="none", label_smoothing=smoothing)
        return _weighted_mean(losses if of_classes is None else losses * of_classes[targets], weights)

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the mean loss: cross-entropy in nats, or the mean square of the scaled error.

        Args:
            outputs: (N, outputs) of the module.
            targets: the true targets, as :meth:`encode` gives them.
            weights: (N,) sample weights, 1 in the mean; None where all are equal.
        """
        reduction = "mean" if weights is None else "none"
        if self.kind == "number":
            losses = mse_loss(outputs[:, 0], targets, reduction=reduction)
        elif self.kind == "labels":
            losses = binary_cross_entropy_with_logits(outputs, targets, reduction=reduction)
        else:
            losses = cross_entropy(outputs, targets, reduction=reduction)
        return _weighted_mean(losses, weights)

    def measure(
        self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None, select: str | None = None
    ) -> Measured:
        """Return the result of a validation.

        Args:
            outputs: (N, outputs) of the module.
            targets: the true targets, as :meth:`encode` gives them.
            weights: (N,) sample weights, 1 in the mean; None where all are equal.
            select: what chooses the best weights: the `loss`, the `accuracy` (all labels of an example right), or the
                mean `f1` of the classes; None is the loss.
        """
        loss = float(self.loss(outputs, targets, weights))
        is_noisy = len(targets) < _FEW
        if self.kind == "number":
            return Measured(loss, said=f"RMSE {math.sqrt(loss) * self.deviation:.4g}", is_noisy=is_noisy)
        predicted = self.one_hot(outputs.argmax(dim=1)) > 0 if self.kind == "category" else outputs > 0
        true = self.one_hot(targets) > 0.5
        each = torch.ones(len(targets), dtype=torch.float64) if weights is None else weights.double()
        right = float(each @ (predicted == true).all(dim=1).double() / each.sum())
        hits, both = (each @ marks.double() for marks in (predicted & true, predicted.long() + true.long()))
        if select == "f1":
            known = both > 0
            f1 = float((2 * hits[known] / both[known]).mean()) if bool(known.any()) else 0.0
            return Measured(loss, f1, f"macro-F1 {f1:.1%}")
        if self.kind == "category":
            said = f"accuracy {right:.1%}"
        else:
            said = f"micro-F1 {float(2 * hits.sum() / both.sum()) if bool(both.any()) else 0.0:.1%}"
        return Measured(loss, right, said) if select == "accuracy" else Measured(loss, said=said, is_noisy=is_noisy)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each class, (N, L); for numbers there is none, and the result is (N, 0)."""
        if self.kind == "number":
            return outputs[:, :0]
        return outputs.sigmoid() if self.kind == "labels" else outputs.softmax(dim=1)

    def decode(self, outputs: Tensor) -> list[Any]:
        """Return the answers: the likeliest class, the labels with a probability above 0.5, or the number."""
        if self.kind == "number":
            return (outputs[:, 0].double() * self.deviation + self.mean).tolist()
        if self.kind == "category":
            return [self.classes[number] for number in outputs.argmax(dim=1).tolist()]
        return [
            tuple(name for name, there in zip(self.classes, row, strict=True) if there)
            for row in (outputs > 0).tolist()
        ]

    def one_hot(self, targets: Tensor) -> Tensor:
        """Return encoded classes as (N, L) of 0 and 1."""
        return one_hot(targets, len(self.classes)) if self.kind == "category" else targets

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**asdict(self), "classes": list(self.classes), "weights": list(self.weights)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: the kind is unknown, or the classes or the scale make no sense.
        """
        targets = read_plain(cls, data, "targets")
        classes = targets.classes
        whole = targets.kind in TARGET_KINDS and targets.deviation > 0 and len(set(classes)) == len(classes)
        if not whole or (targets.kind == "number") == bool(classes) or len(targets.weights) not in (0, len(classes)):
            raise DataError(f"{targets.kind!r} with {len(classes)} classes is nothing that this program can predict.")
        return targets

    def _refuse_unknown(self, values: Sequence[Any], where: Where | None) -> None:
        known = number_values(self.classes)
        unknown: dict[str, str] = {}
        for at, value in enumerate(values):
            if value is None or (self.kind == "number" and not math.isfinite(float(value))):
                raise DataError(f"An example has no target{_place(where, at)}. Give it one, or leave it out.")
            if self.kind != "number":
                for name in (value,) if self.kind == "category" else value:
                    if name not in known and name not in unknown:
                        unknown[name] = _place(where, at)
        if unknown:
            names = name_some([f"{name!r}{place}" for name, place in unknown.items()], _MOST_NAMES)
            classes = ", ".join(self.classes[:_MOST_NAMES]) + (", …" if len(self.classes) > _MOST_NAMES else "")
            raise DataError(
                f"The model has not learnt to answer {names}; it knows {len(self.classes)} classes: {classes}. "
                "Leave these examples out, or train with some of them."
            )


def _sum_weights(
    kind: str, values: Sequence[Any], weights: Sequence[float] | None
) -> tuple[Mapping[str, float], float]:
    """Return the weighted number of examples of each class or label, and the number of all examples."""
    counts: dict[str, float] = {}
    total = len(values) if weights is None else sum(weights)
    for value, weight in zip(values, weights or [1.0] * len(values), strict=True):
        for name in (value,) if kind == "category" else value:
            counts[name] = counts.get(name, 0.0) + weight * len(values) / total
    return counts, len(values)


def _weighted_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Return the weighted mean over examples; weights are 1 in the mean of all training examples."""
    if weights is None:
        return losses.mean()
    return ((losses.mean(dim=1) if losses.dim() == 2 else losses) * weights).mean()


def sort_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Sort names in numerical order if all are numbers, else in alphabetical order.

    >>> sort_classes(["10", "9"]), sort_classes(["b", "10", "a"])
    (('9', '10'), ('10', 'a', 'b'))
    """
    distinct = sorted(set(names))
    try:
        return tuple(sorted(distinct, key=float))
    except ValueError:
        return tuple(distinct)


def _place(where: Where | None, at: int) -> str:
    return "" if where is None else f" ({where(at)})"


def _as_numbers(values: Sequence[Any], where: Where | None = None) -> Tensor:
    """Return targets as float64; refuse those beyond the range of answers in float32."""
    numbers = torch.tensor([float(value) for value in values], dtype=torch.float64)
    large = (numbers.abs() > _LARGEST).nonzero()
    if len(large):
        at = int(large[0])
        raise DataError(
            f"{where(at) if where else 'An example'}: the target {values[at]} is beyond {_LARGEST:g}. "
            "Write the targets in a larger unit."
        )
    return numbers

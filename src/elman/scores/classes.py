"""Score predictions: classes, several labels at once, or numbers.

All scores of classes follow from the confusion matrix, so they are a few sums: importing a library for them would take
longer than most evaluations.

Where examples have weights, every sum counts an example by its weight. Weights are scaled to sum to the effective
sample size, (Σw)² / Σw² (Kish 1965): then counts are not whole numbers, and intervals have the right width.

A class that is neither a target nor predicted has no score and is left out of means. An undefined score, such as the
precision of a class that was never predicted, is None.

>>> scores = score_classes(torch.tensor([0, 1, 1]), torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]), ("no", "yes"))
>>> scores.confusion, round(scores.accuracy, 3), round(scores.macro_f1, 3)
(((1, 0), (1, 1)), 0.667, 0.667)
>>> scores.per_class[1]
ClassScore(name='yes', precision=1.0, recall=0.5, f1=0.6666666666666666, support=2)
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.errors import DataError, ShapeError
from elman.scores.calibration import Reliability, reliability_of
from elman.scores.clusters import independent
from elman.scores.share import Share, wilson_interval


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class, or one label.

    Attributes:
        name: of the class.
        precision: share of the examples predicted as this class that are of it; None where there are none.
        recall: share of the examples of this class that are predicted as it; None where there are none.
        f1: harmonic mean of the two; None where the class is neither a target nor predicted.
        support: how many examples are of this class.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: float


@dataclass(frozen=True)
class ClassScores(Share):
    """Scores of predictions of one class for each example.

    Attributes:
        classes: K names.
        confusion: K rows of K counts: row the true class, column the predicted one.
        log_loss: mean of −log(probability of the true class), in nats; a probability below 1.2e-38 counts as 1.2e-38.
        independent: how many independent examples these are worth, see :mod:`elman.scores.clusters`; None for all.
        reliability: how far the probabilities can be believed; None where only answers are known.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[float, ...], ...]
    log_loss: float
    independent: float | None = None
    reliability: Reliability | None = None
    measure: ClassVar[str] = "accuracy"

    @property
    def count(self) -> float:
        """Return how many examples were scored."""
        return sum(map(sum, self.confusion))

    @property
    def worth(self) -> float:
        """Return how many independent examples were scored."""
        return self.count if self.independent is None else self.independent

    @property
    def accuracy(self) -> float:
        """Return the share of the examples whose class was predicted."""
        return sum(row[k] for k, row in enumerate(self.confusion)) / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % confidence interval of the accuracy (Wilson 1927)."""
        return wilson_interval(self.accuracy, self.worth)

    @cached_property
    def per_class(self) -> tuple[ClassScore, ...]:
        """Return the scores of each class."""
        predicted = [sum(column) for column in zip(*self.confusion, strict=True)]
        return tuple(
            _score_one(name, row[k], sum(row), predicted[k])
            for k, (name, row) in enumerate(zip(self.classes, self.confusion, strict=True))
        )

    @property
    def macro_f1(self) -> float:
        """Return the mean F1 of the classes, with equal weights."""
        return _mean_f1(self.per_class)

    @property
    def sensitivity(self) -> float | None:
        """Return, for two classes, the recall of the second; None for more."""
        return self.per_class[1].recall if len(self.classes) == 2 else None

    @property
    def specificity(self) -> float | None:
        """Return, for two classes, the recall of the first; None for more."""
        return self.per_class[0].recall if len(self.classes) == 2 else None

    @property
    def correlation(self) -> float | None:
        """Return, for two classes, the correlation coefficient of Matthews (1975); None for more.

        1 where all predictions are right, 0 for guesses. It is 0 where only one class is a target, or predicted.
        """
        if len(self.classes) != 2:
            return None
        (tn, fp), (fn, tp) = self.confusion
        scale = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return (tp * tn - fp * fn) / scale if scale else 0.0

    @property
    def quality(self) -> float:
        """Return the score that models are compared by; the higher the better."""
        return self.accuracy

    def constant(self) -> str:
        """Write the accuracy of always answering the most frequent class where the model is no better; else nothing."""
        commonest = max(self.per_class, key=lambda score: score.support)
        share = commonest.support / self.count
        if self.accuracy > share and self.differs(share):
            return ""
        return f"Always answering {commonest.name} reaches {share:.1%}."

    def most_confused(self, most: int = 10) -> list[tuple[str, str, float]]:
        """List the pairs (true class, predicted class, how often) that were confused most often, that one first."""
        wrong = [
            (count, row, column)
            for row, counts in enumerate(self.confusion)
            for column, count in enumerate(counts)
            if row != column and count
        ]
        wrong.sort(key=lambda pair: (-pair[0], *pair[1:]))
        return [(self.classes[row], self.classes[column], count) for count, row, column in wrong[:most]]

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        two = {"sensitivity": self.sensitivity, "specificity": self.specificity, "correlation": self.correlation}
        return {
            "count": self.count,
            **({} if self.independent is None else {"independent": self.independent}),
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.interval),
            "macro_f1": self.macro_f1,
            "log_loss": self.log_loss if math.isfinite(self.log_loss) else None,
            **({} if self.reliability is None else {"calibration_error": self.reliability.error}),
            **(two | {"positive": self.classes[1]} if len(self.classes) == 2 else {}),
            "classes": [asdict(score) for score in self.per_class],
            "confusion": [list(row) for row in self.confusion],
        }


@dataclass(frozen=True)
class LabelScores(Share):
    """Scores of predictions of any number of labels for each example.

    Attributes:
        count: how many examples were scored.
        exact_match: share of the examples whose labels are all right.
        micro_f1: F1 of all decisions together; None where no label is true or predicted.
        macro_f1: mean F1 of the labels, with equal weights.
        per_class: the scores of each label.
        independent: as for :class:`ClassScores`, by exact matches.
        reliability: as for :class:`ClassScores`, of each decision.
    """

    count: float
    exact_match: float
    micro_f1: float | None
    macro_f1: float
    per_class: tuple[ClassScore, ...]
    independent: float | None = None
    reliability: Reliability | None = None
    measure: ClassVar[str] = "micro-F1"

    @property
    def quality(self) -> float:
        """Return the score that models are compared by; the higher the better."""
        return 0.0 if self.micro_f1 is None else self.micro_f1

    @property
    def worth(self) -> float:
        """Return how many independent examples were scored."""
        return self.count if self.independent is None else self.independent

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        data = _without_none(asdict(self), "independent")
        labels = data.pop("per_class")
        del data["reliability"]
        calibration = {} if self.reliability is None else {"calibration_error": self.reliability.error}
        return {**data, **calibration, "labels": list(labels)}


@dataclass(frozen=True)
class NumberScores:
    """Scores of predictions of numbers, in the unit of the numbers.

    Attributes:
        count: how many examples were scored.
        rmse: root of the mean squared error.
        mae: mean absolute error.
        r2: 1 − squared error / squared distance from the mean of the targets; None where all targets are equal.
        independent: as for :class:`ClassScores`, by squared errors.
    """

    count: float
    rmse: float
    mae: float
    r2: float | None
    independent: float | None = None
    measure: ClassVar[str] = "RMSE"

    @property
    def quality(self) -> float:
        """Return the score that models are compared by; the higher the better."""
        return -self.rmse

    def write(self, quality: float) -> str:
        """Write a quality as an error."""
        return f"{-quality:.4g}"

    def differs(self, quality: float) -> bool:
        """Check whether a quality lies outside the 95 % interval of this one."""
        # The standard error of an RMSE over n normal errors is about RMSE / √(2n).
        worth = self.count if self.independent is None else self.independent
        return worth > 0 and abs(self.quality - quality) > 1.96 * self.rmse / math.sqrt(2 * worth)

    def constant(self) -> str:
        """Write a sentence where the model is no better than the mean of the targets; else nothing."""
        return "Always answering the mean does as well." if self.r2 is not None and self.r2 <= 0 else ""

    def said(self) -> str:
        """Write the score that models are compared by."""
        return self.write(self.quality)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data; what is not finite is None."""
        data = _without_none(asdict(self), "independent")
        return {name: value if value is not None and math.isfinite(value) else None for name, value in data.items()}


Scores = ClassScores | LabelScores | NumberScores


def score_classes(
    targets: Tensor,
    probabilities: Tensor,
    classes: Sequence[str],
    weights: Tensor | None = None,
    groups: Sequence[str | None] | None = None,
) -> ClassScores:
    """Score predictions of one class an example; the class with the highest probability is predicted.

    Args:
        targets: (N,) int64, the number of the true class.
        probabilities: (N, K), each row sums to 1.
        classes: K names.
        weights: (N,), of the examples; None where all have the same.
        groups: the group of each example, whose other examples resemble it; None where none does.

    Raises:
        DataError: there are no examples.
        ShapeError: the shapes do not fit.
    """
    _check(targets, probabilities, (len(targets), len(classes)))
    probabilities = probabilities.detach().cpu().double()
    targets = targets.detach().cpu()
    pairs = targets * len(classes) + probabilities.argmax(1)
    weights = _scale(weights)
    counts = torch.bincount(pairs, weights, minlength=len(classes) ** 2).view(len(classes), len(classes))
    true = probabilities.gather(1, targets[:, None]).clamp_min(torch.finfo(torch.float32).tiny)
    worth = _worth(probabilities.argmax(1) == targets, groups)
    log_loss = -_mean(true.log()[:, 0], weights)
    found = reliability_of(targets, probabilities, weights)
    return ClassScores(tuple(classes), tuple(map(tuple, counts.tolist())), log_loss, worth, found)


def score_labels(
    targets: Tensor,
    probabilities: Tensor,
    classes: Sequence[str],
    weights: Tensor | None = None,
    groups: Sequence[str | None] | None = None,
) -> LabelScores:
    """Score predictions of several labels an example; labels with a probability above a half are predicted.

    Args:
        targets: (N, L), 1 where the example has the label, else 0.
        probabilities: (N, L), each within 0 and 1.
        classes: L names.
        weights: (N,), of the examples; None where all have the same.
        groups: as for :func:`score_classes`.

    Raises:
        DataError: there are no examples.
        ShapeError: the shapes do not fit.
    """
    _check(targets, probabilities, (len(targets), len(classes)))
    _check(targets, targets, (len(targets), len(classes)))
    true, predicted = targets.detach().cpu() > 0.5, probabilities.detach().cpu() > 0.5
    weights = _scale(weights)
    hits, support, predictions = (_count(marks, weights) for marks in (true & predicted, true, predicted))
    scores = tuple(_score_one(*each) for each in zip(classes, hits, support, predictions, strict=True))
    together = _score_one("all", sum(hits), sum(support), sum(predictions))
    right = (true == predicted).all(1)
    count = len(targets) if weights is None else float(weights.sum())
    worth = _worth(right, groups)
    found = reliability_of(targets.detach().cpu(), probabilities.detach().cpu(), weights)
    return LabelScores(count, _mean(right.double(), weights), together.f1, _mean_f1(scores), scores, worth, found)


def score_numbers(
    targets: Tensor, predictions: Tensor, weights: Tensor | None = None, groups: Sequence[str | None] | None = None
) -> NumberScores:
    """Score predictions of a number an example.

    Args:
        targets: (N,) in the unit of the data.
        predictions: (N,) in the same.
        weights: (N,), of the examples; None where all have the same.
        groups: as for :func:`score_classes`.

    Raises:
        DataError: there are no examples.
        ShapeError: the shapes do not fit.
    """
    _check(targets, predictions, (len(targets),))
    true = targets.detach().cpu().double()
    errors = predictions.detach().cpu().double() - true
    weights = _scale(weights)
    square = _mean(errors.square(), weights)
    spread = _mean((true - _mean(true, weights)).square(), weights)
    r2 = 1 - square / spread if (true != true[0]).any() else None
    count = len(true) if weights is None else float(weights.sum())
    worth = _worth(errors.square(), groups)
    return NumberScores(count, math.sqrt(square), _mean(errors.abs(), weights), r2, worth)


def write_count(count: float) -> str:
    """Write a number of examples; of weighted ones with a decimal.

    >>> write_count(1200), write_count(2.31)
    ('1,200', '2.3')
    """
    return f"{count:,}" if isinstance(count, int) else f"{count:,.1f}"


def _scale(weights: Tensor | None) -> Tensor | None:
    """Scale weights so that they sum to the effective sample size (Kish 1965)."""
    if weights is None:
        return None
    weights = weights.detach().cpu().double()
    return weights * (weights.sum() / weights.square().sum())


def _worth(values: Tensor, groups: Sequence[str | None] | None) -> float | None:
    return None if groups is None else independent(values.double().numpy(), groups)


def _without_none(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != name or value is not None}


def _mean(values: Tensor, weights: Tensor | None) -> float:
    return float(values.mean() if weights is None else (values * weights).sum() / weights.sum())


def _count(marks: Tensor, weights: Tensor | None) -> list[float]:
    counts: list[float] = (marks.sum(0) if weights is None else weights @ marks.double()).tolist()
    return counts


def _score_one(name: str, hits: float, support: float, predicted: float) -> ClassScore:
    return ClassScore(
        name,
        hits / predicted if predicted else None,
        hits / support if support else None,
        2 * hits / (support + predicted) if support + predicted else None,
        support,
    )


def _mean_f1(scores: Sequence[ClassScore]) -> float:
    known = [score.f1 for score in scores if score.f1 is not None]
    return sum(known) / len(known) if known else 0.0


def _check(targets: Tensor, predictions: Tensor, shape: tuple[int, ...]) -> None:
    if len(targets) == 0:
        raise DataError("There are no examples to score. Give data with at least one.")
    if predictions.shape != shape:
        raise ShapeError(f"Predictions are {tuple(predictions.shape)}, but targets and classes need {shape}.")

"""The baseline of a language model: an n-gram model of the same units.

The n-gram model (:mod:`elman.decoding.ngrams`) is counted on the training text, and its order is the one with the
lowest loss on the held-out part. Both models predict the same positions in the same units, `<unk>` among them. The
n-gram model ignores classes.

>>> judge_text(4.71, TextBaseline(order=5, loss=4.995, counts=2_540_738, unit="word"))
'Perplexity 111.1; a 5-gram model, which does without recurrence, reaches 147.7.'
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from elman.decoding.ngrams import score_orders
from elman.models.finite import without_infinite
from elman.phrases import bits
from elman.tasks.generate.scores import perplexity

_MOST_ORDER = {"character": 8, "word": 5, "subword": 5}
_SECONDS_A_UNIT = 3e-7  # and order, on a slow core
_MOST_UNITS = 10_000_000  # they take at most 1 GB
_ALIKE = 0.01  # nats: perplexities within 1 %, the spread of two seeds


@dataclass(frozen=True)
class TextBaseline:
    """The score of the n-gram model on the held-out part.

    Attributes:
        order: n.
        loss: mean over the predicted units, in nats.
        counts: how many n-gram counts it keeps.
        unit: `character`, `word` or `subword`.
        learnt: how many units at the end of the training text were counted; None for all.
        classes: whether the data have classes, which it ignores.
    """

    order: int
    loss: float
    counts: int
    unit: str
    learnt: int | None = None
    classes: bool = False

    @property
    def what(self) -> str:
        """A description of the model."""
        most = "" if self.learnt is None else f" of the last {self.learnt:,} {self.unit}s"
        return f"{'an' if self.order == 8 else 'a'} {self.order}-gram model{most}{' without classes' * self.classes}"

    @property
    def said(self) -> str:
        """The loss in words."""
        return say_loss(self.loss, self.unit)

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        in_bits = {"bits_per_character": bits(self.loss)} if self.unit == "character" else {}
        facts = {"what": self.what, "order": self.order, "parameters": self.counts}
        return {**facts, "loss": self.loss, "perplexity": without_infinite(perplexity(self.loss)), **in_bits}


def train_text_baseline(
    learnt: Tensor,
    held_out: Tensor,
    *,
    size: int,
    unit: str,
    predicted: int,
    classes: bool = False,
    seconds: float = 20.0,
) -> TextBaseline:
    """Count n-grams, and choose their order.

    Args:
        learnt: (M,) the training units.
        held_out: (N,) the held-out units.
        size: V, how many different units there are.
        unit: `character`, `word` or `subword`.
        predicted: how many of the held-out units after the first are predicted.
        classes: whether there are classes.
        seconds: the time allowed; a longer text is counted at its end alone.
    """
    orders = _MOST_ORDER[unit]
    most = max(1, min(_MOST_UNITS, int(seconds / (_SECONDS_A_UNIT * orders))))
    counted, text = learnt[-most:].numpy(), held_out[: predicted + 1].numpy()
    scored = [
        (max(0.0, -float(np.log(model.probabilities[1:]).mean())), model.order, model.counts)
        for model in score_orders(counted, text, size, orders)
    ]
    loss, order, counts = min(scored)
    return TextBaseline(order, loss, counts, unit, most if most < len(learnt) else None, classes)


def judge_text(loss: float, baseline: TextBaseline) -> str:
    """Compare a loss with the baseline, in a sentence.

    Args:
        loss: of the recurrent model, in nats a unit.
        baseline: on the same units.
    """
    ours = say_loss(loss, baseline.unit)
    other, theirs = f"{baseline.what}, which does without recurrence,", _write(baseline.loss, baseline.unit)
    if abs(loss - baseline.loss) <= _ALIKE:
        return f"{ours[:1].upper()}{ours[1:]}: {other} does as well ({theirs})."
    if loss < baseline.loss:
        return f"{ours[:1].upper()}{ours[1:]}; {other} reaches {theirs}."
    return f"Worse than counting: {ours}; {other} reaches {theirs}. Train longer, or search for other settings."


def say_loss(loss: float, unit: str) -> str:
    """Write a loss in the usual measure of a unit.

    >>> say_loss(1.5165, "character"), say_loss(4.9954, "word")
    ('1.516 nats per character', 'perplexity 147.7')
    """
    return f"{_write(loss, unit)} nats per {unit}" if unit == "character" else f"perplexity {_write(loss, unit)}"


def _write(loss: float, unit: str) -> str:
    return f"{loss:.3f}" if unit == "character" else f"{perplexity(loss):,.1f}"

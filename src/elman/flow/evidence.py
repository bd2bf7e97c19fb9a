"""What a verdict is based on: figures of a model, values of its gates, and the gradients of its training.

>>> Clipping(updates=4, median=0.0).still, Clipping(updates=4, median=0.5).still
(True, False)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from elman.flow.figures import Flow, Gates
from elman.phrases import counted

HARD = 0.1
"""A gradient is clipped hard where clipping multiplies it by less than this; where more than this share of the updates
is clipped hard, the gradient explodes."""


@dataclass(frozen=True)
class GradientVerdict:
    """Verdict on the gradient of a model or of a training.

    Attributes:
        name: one of :data:`elman.flow.VERDICTS`.
        line: the reason, with its numbers.
        advice: what to try; empty where it is healthy.
    """

    name: str
    line: str
    advice: str = ""

    def __str__(self) -> str:
        """Write the verdict, its reason and the advice in one line."""
        return f"{self.name}: {self.line}" + (f". {self.advice}" if self.advice else "")


@dataclass(frozen=True)
class Clipping:
    """Summary of the gradients of a training, and how far they were clipped.

    Attributes:
        hard: share of the updates that were clipped by more than tenfold.
        left_out: the first update that was skipped, since its gradient was not finite; None if there was none.
        suggested: a threshold, see :meth:`elman.flow.Ledger.suggested`; None where none is known.
        updates: how many updates there were.
        skipped: how many of them were skipped, since their gradient was not finite.
        clipped: how many gradients were clipped.
        median: the median norm; None where no gradient was finite.
        limit: the norm above which gradients are clipped; None where they are not clipped by their norm.
        broken: the parameter whose gradient was not finite first, where known.
        supplier: the parameter that most often had the largest part of the gradient, and its share of the updates.
        bad_loss: an update with a finite gradient and a loss that is not finite, in training or validation; None if
            there was none.
        lost: whether every loss of the training was 0.
    """

    hard: float = 0.0
    left_out: int | None = None
    suggested: float | None = None
    updates: int = 0
    skipped: int = 0
    clipped: int = 0
    median: float | None = None
    limit: float | None = None
    broken: str = ""
    supplier: tuple[str, float] | None = None
    bad_loss: int | None = None
    lost: bool = False

    @property
    def still(self) -> bool:
        """Check whether the gradient was 0 in more than half of the updates."""
        return self.updates > self.skipped and not self.median

    def describe(self) -> str:
        """Write the facts in one line, without a verdict."""
        if not self.updates:
            return "no update was done"
        if self.median is None:
            return f"no gradient of {counted(self.updates, 'update')} was finite"
        facts = f"median norm {self.median:.2g}, {write_percent(self.clipped / self.updates)} of updates clipped"
        if self.supplier is None:
            return facts
        return f"{facts}; {self.supplier[0]} supplied most in {write_percent(self.supplier[1])}"


@dataclass(frozen=True)
class Evidence:
    """Everything that a verdict may use; what is not known is left out.

    Attributes:
        flow: figures of the model.
        gates: values of the gates and units by layer; those of the figures, or of a glance in training.
        training: gradients of the training.
        steps: T, of the longest example.
        needs: how many steps back the information lies that the data need; None if not known.
        longer_helps: whether longer context would lower the loss; None if not known. Where it would not, short memory
            is no fault.
        order_needed: False where a model without memory is known to do as well.
        units: length of the first state.
        options: names of the settings that the model's recipe has; None for a layer without a recipe.
    """

    flow: Flow | None = None
    gates: Mapping[str, Gates] = field(default_factory=dict)
    training: Clipping | None = None
    steps: int = 0
    needs: int | None = None
    longer_helps: bool | None = None
    order_needed: bool = True
    units: int | None = None
    options: frozenset[str] | None = None

    @property
    def used(self) -> int | None:
        """Return the memory in steps that the data need, as far as it is known.

        A model that has learnt nothing from earlier steps cannot tell; then `longer_helps` is None.
        """
        if self.needs is not None or self.longer_helps is None:
            return self.needs
        memories = () if self.flow is None else self.flow.memory.values()
        return next((memory.behavioural for memory in memories if memory.behavioural is not None), None)


def write_percent(share: float) -> str:
    """Write a share in whole per cent; a small one is never 0 %, and a large one never 100 %.

    >>> [write_percent(share) for share in (0.0, 0.001, 0.5, 0.999, 1.0)]
    ['0%', 'under 1%', '50%', 'over 99%', '100%']
    """
    if 0 < share < 0.005:
        return "under 1%"
    if 0.995 <= share < 1:
        return "over 99%"
    return f"{share:.0%}" if math.isfinite(share) else "an unknown share"

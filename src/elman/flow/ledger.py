"""Record the norm of the gradient at every update of a training, and how far it was clipped (figure 11).

A training of any length fits in a few hundred lines: when there are too many, neighbouring lines are joined in pairs.
Counts are exact; for the updates of a line the mean loss, the mean norm, the largest norm and the smallest factor are
saved. A norm that is not finite is flagged and never clipped: ``torch.nn.utils.clip_grad_norm_`` turns [1, inf, 2]
into [0, nan, 0].

>>> ledger = Ledger(("W", "b"))
>>> for norm in (0.3, 0.4, 50.0):
...     ledger.enter(loss=1.0, norms=[norm, 0.0], factor=clip_factor(norm, 1.0))
>>> ledger.verdict().name, ledger.clipped, ledger.tenfold
('EXPLODING', 1, 1)
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from elman.flow.evidence import HARD, Clipping, GradientVerdict
from elman.flow.verdict import judge_training

MOST_LINES = 256
_STEPS_OF_AN_OCTAVE = 8
_SUGGESTED = 0.9  # share of updates that the suggested threshold does not clip
_MOST_MEDIANS = 10  # half to ten times the average norm works (Pascanu et al. 2013, section 3.2)

_ENTERED = ("updates", "clipped", "tenfold", "left_out", "last_norm")

DIVERGED_AFTER = 50
_DIVERGED_TIMES = 100.0
_FIRST_LOSSES = 10


@dataclass
class Line:
    """Some successive updates, summed up.

    Attributes:
        update: the last of them, from 1.
        updates: how many.
        loss: their mean training loss; NaN if one was not finite.
        norm: the mean Euclidean norm of their gradients before clipping, over the finite ones; NaN if there is none.
        largest: the largest of these norms.
        factor: the smallest number that clipping multiplied a gradient by; 0 where an update was skipped.
        parameter: index of the parameter with the largest part of the largest gradient, or whose gradient was not
            finite.
        left_out: how many of them were skipped, since their gradient was not finite.
        step: the time step that contributed most to the gradient, at the last update for which it is known.
    """

    update: int
    updates: int
    loss: float
    norm: float
    largest: float
    factor: float
    parameter: int
    left_out: int
    step: int | None = None

    def joined(self, other: "Line") -> "Line":
        """Join two successive lines."""
        mine, its = self.updates - self.left_out, other.updates - other.left_out
        norms = [(line.norm, n) for line, n in ((self, mine), (other, its)) if n]
        most = max((self, other), key=lambda line: (line.left_out, line.largest if line.norm == line.norm else 0.0))
        return Line(
            other.update,
            self.updates + other.updates,
            (self.loss * self.updates + other.loss * other.updates) / (self.updates + other.updates),
            sum(norm * n for norm, n in norms) / (mine + its) if norms else math.nan,
            max((line.largest for line, n in ((self, mine), (other, its)) if n), default=math.nan),
            min(self.factor, other.factor),
            most.parameter,
            self.left_out + other.left_out,
            self.step if other.step is None else other.step,
        )


def clip_factor(norm: float, limit: float | None) -> float:
    """Compute min(1, limit / (norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_` has it; NaN if the norm is not finite.

    >>> clip_factor(3.0, None), clip_factor(math.inf, 1.0)
    (1.0, nan)
    """
    if not math.isfinite(norm):
        return math.nan
    return 1.0 if limit is None else min(1.0, limit / (norm + 1e-6))


class Ledger:
    """Record of every update of a training.

    Args:
        names: of the parameters.
        limit: the norm above which gradients are clipped; None where gradients are not clipped by their norm.

    Attributes:
        lines: at most `MOST_LINES`.
        updates: how many were entered.
        clipped: how many gradients were clipped.
        tenfold: how many of them more than tenfold.
        left_out: how many updates were skipped, since their gradient was not finite.
        suppliers: how often each parameter had the largest part of the gradient, by its index.
        last_norm: the last norm that was finite; NaN before one was.
    """

    def __init__(self, names: Sequence[str] = (), limit: float | None = None) -> None:
        self.names, self.limit = tuple(names), limit
        self.lines: list[Line] = []
        self.updates = self.clipped = self.tenfold = self.left_out = 0
        self.suppliers: Counter[int] = Counter()
        self.last_norm = math.nan
        self._first_left_out: tuple[int, int] | None = None
        self._octaves: Counter[int] = Counter()
        self._span = 1
        self._first_losses: list[float] = []
        self._high = 0

    def enter(self, loss: float, norms: Sequence[float], factor: float, step: int | None = None) -> None:
        """Enter one update.

        Args:
            loss: of its batches.
            norms: of the gradient of each parameter before clipping, in the order of the names.
            factor: what clipping multiplied the gradient by, see :func:`clip_factor`.
            step: the time step that contributed most to the gradient, where known; see :func:`elman.flow.glance`.
        """
        norm = math.hypot(*norms)
        self.updates += 1
        fine = math.isfinite(norm)
        if fine:
            parameter = max(range(len(norms)), key=norms.__getitem__) if norms else 0
            self.last_norm = norm
            self.clipped += factor < 1
            self.tenfold += factor < HARD
            if norm > 0:
                self.suppliers[parameter] += 1
                self._octaves[math.floor(math.log2(norm) * _STEPS_OF_AN_OCTAVE)] += 1
        else:
            parameter = next((i for i, one in enumerate(norms) if not math.isfinite(one)), 0)
            self.left_out += 1
            self._first_left_out = self._first_left_out or (self.updates, parameter)
        self._watch(loss)
        kept = norm if fine else math.nan
        self._write(Line(self.updates, 1, loss, kept, kept, factor if fine else 0.0, parameter, int(not fine), step))

    def _write(self, line: Line) -> None:
        if self.lines and self.lines[-1].updates < self._span:
            self.lines[-1] = self.lines[-1].joined(line)
            return
        if len(self.lines) == MOST_LINES:
            self.lines = [a.joined(b) for a, b in zip(self.lines[::2], self.lines[1::2], strict=True)]
            self._span *= 2
        self.lines.append(line)

    def _watch(self, loss: float) -> None:
        if len(self._first_losses) < _FIRST_LOSSES:
            self._first_losses.append(loss)
        limit = _DIVERGED_TIMES * max(1.0, *self._first_losses)
        self._high = self._high + 1 if loss > limit else 0

    def diverged(self) -> bool:
        """Check whether the loss has been over a hundred times that of the start, and over 100, for 50 updates."""
        return self._high >= DIVERGED_AFTER

    def supplier(self) -> str:
        """Return the parameter that most often had the largest part of the gradient; empty before the first update."""
        return self.names[self.suppliers.most_common(1)[0][0]] if self.suppliers and self.names else ""

    def quantile(self, share: float) -> float:
        """Return the norm that this share of the finite gradients stay below, with an error of up to 10 %.

        It is 0 where so many gradients are 0, and NaN where no gradient was finite.
        """
        finite = self.updates - self.left_out
        zeros = finite - self._octaves.total()
        if zeros > 0 and zeros >= share * finite:
            return 0.0
        return self._quantile_above(share * finite - zeros)

    def _quantile_above(self, wanted: float) -> float:
        seen = 0
        for octave in sorted(self._octaves):
            seen += self._octaves[octave]
            if seen >= wanted:
                return float(2.0 ** ((octave + 0.5) / _STEPS_OF_AN_OCTAVE))
        return math.nan

    def suggested(self) -> float:
        """Return a clipping threshold: the norm of which 90 % of the gradients stay below, up to ten medians.

        Half to ten times the average norm works (Pascanu et al. 2013, section 3.2). Gradients that are 0 do not count.
        """
        count = self._octaves.total()
        return min(self._quantile_above(_SUGGESTED * count), _MOST_MEDIANS * self._quantile_above(0.5 * count))

    def sum_up(self, validations: Sequence[tuple[int, float]] = ()) -> Clipping:
        """Sum up the training for a verdict.

        Args:
            validations: the update and the loss of each validation.
        """
        first, broken = self._first_left_out or (None, None)
        bad = [line.update for line in self.lines if not line.left_out and not math.isfinite(line.loss)]
        bad += [update for update, loss in validations if not math.isfinite(loss)]
        most = self.supplier()
        return Clipping(
            hard=self.tenfold / (self.updates or 1),
            left_out=first,
            suggested=short(self.suggested()),
            updates=self.updates,
            skipped=self.left_out,
            clipped=self.clipped,
            median=short(self.quantile(0.5)),
            limit=self.limit,
            broken=self.names[broken] if broken is not None and self.names else "",
            supplier=(most, self.suppliers.most_common(1)[0][1] / self.updates) if most else None,
            bad_loss=min(bad, default=None),
            lost=bool(self.lines) and all(line.loss == 0 for line in self.lines),
        )

    def verdict(self) -> GradientVerdict:
        """Judge the gradient of the whole training."""
        return judge_training(self.sum_up())

    def state_dict(self) -> dict[str, Any]:
        """Return the record as plain data, without names and limit, which come from the model and its settings."""
        return {
            **{name: getattr(self, name) for name in _ENTERED},
            "lines": [asdict(line) for line in self.lines],
            "suppliers": [list(pair) for pair in self.suppliers.items()],  # the order decides between equals
            "octaves": [list(pair) for pair in self._octaves.items()],
            "first_left_out": None if self._first_left_out is None else list(self._first_left_out),
            "span": self._span,
            "first_losses": list(self._first_losses),
            "high": self._high,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        for name in _ENTERED:
            setattr(self, name, state[name])
        self.lines = [Line(**line) for line in state["lines"]]
        self.suppliers = Counter(dict(state["suppliers"]))
        self._octaves = Counter(dict(state["octaves"]))
        first = state["first_left_out"]
        self._first_left_out = None if first is None else (first[0], first[1])
        self._span, self._high = state["span"], state["high"]
        self._first_losses = list(state["first_losses"])

    def to_dict(self) -> dict[str, Any]:
        """Write a summary of the whole training as lists, strings and numbers; numbers have four digits."""
        return {
            "updates": self.updates,
            "clipped": self.clipped,
            "clipped_tenfold": self.tenfold,
            "left_out": self.left_out,
            "first_left_out": None if self._first_left_out is None else self._first_left_out[0],
            "clip_norm": self.limit,
            "median_norm": short(self.quantile(0.5)),
            "suggested_clip_norm": short(self.suggested()),
            "parameters": [self.names[place] for place, _ in self.suppliers.most_common()] if self.names else [],
            "supplied_most": [count for _, count in self.suppliers.most_common()],
        }

    def rows(self) -> list[list[Any]]:
        """Write the lines: update, loss, mean norm, largest norm, smallest factor, parameter, left out, time step."""
        return [
            [
                line.update,
                *map(short, (line.loss, line.norm, line.largest, line.factor)),
                self.names[line.parameter] if self.names else "",
                line.left_out,
                line.step,
            ]
            for line in self.lines
        ]


def gradient_norms(module: nn.Module) -> list[float]:
    """Return the Euclidean norm of the gradient of each parameter, 0 where there is none.

    >>> layer = nn.Linear(1, 1)
    >>> layer.weight.grad = torch.tensor([[-3.0]])
    >>> gradient_norms(layer)
    [3.0, 0.0]
    """
    gradients = [p.grad for p in module.parameters()]
    there = [torch.linalg.vector_norm(grad) for grad in gradients if grad is not None]
    # One transfer for all of them: each would wait for the device.
    norms = iter(torch.stack(there).tolist() if there else [])
    return [0.0 if grad is None else next(norms) for grad in gradients]


def short(value: float, digits: int = 4) -> float | None:
    """Round to this many digits; None where the value is not finite.

    >>> short(1.23456), short(math.inf)
    (1.235, None)
    """
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None

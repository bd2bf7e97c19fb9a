"""Answer a sequence that is still arriving, by its steps so far: what `elman export --step` writes, in this process.

The state of the layers is carried, and the pooled value of their outputs: the sum and the number of them, their
maximum, or for attention their sum by the weights beside the sum of the weights, both relative to the highest score.
At the end of a sequence the answer is that of the whole: to the last bit, but for attention, whose weights are then
relative to another score.
"""

import math

import torch
from torch import Tensor

from elman.encoders.fronts import PlacedUnits, PlainFrames, Units
from elman.encoders.image import ImageEncoder
from elman.encoders.table import TableEncoder
from elman.models.finite import require_finite_output
from elman.nn.evaluation import evaluating
from elman.nn.rowwise import linear, sum_in_order
from elman.nn.states import States, listed
from elman.tasks.classify.model import TrainedClassifier


def can_stream(model: TrainedClassifier) -> bool:
    """Tell whether a model has an answer after each step: one network that reads forward, a step at a time."""
    return (
        model.alone() is model
        and not model.module.recurrent.bidirectional
        and model.module.strands is None  # the other strand begins where the sequence ends
        and isinstance(model.module.front, Units | PlacedUnits | PlainFrames)
        and not isinstance(model.encoder, ImageEncoder | TableEncoder)
        and len(model.columns.inputs) == 1
        and (model.columns.id is not None or not model.columns.sides)
    )


class StepwiseAnswer:
    """The answer of a model to the steps so far.

    Args:
        model: one that can stream.

    Attributes:
        steps: how many were read.
    """

    def __init__(self, model: TrainedClassifier) -> None:
        self._model, self._module = model, model.module
        limit = getattr(model.encoder, "limit", None)
        self._most = None if limit is None else limit.most
        self._state: States | None = None
        self._pooled: tuple[Tensor, ...] = ()
        self._outputs = torch.zeros(1, model.targets.outputs)
        self.steps = 0

    @property
    def outputs(self) -> Tensor:
        """The outputs (1, outputs) by the steps so far, as those of :meth:`TrainedClassifier.outputs`."""
        return self._outputs

    @torch.no_grad()
    def read(self, steps: Tensor) -> None:
        """Read the next steps (T, K) or (T, D); those behind the most that the model reads change nothing.

        Raises:
            ElmanError: the output of the module is not finite; the answer stays as it was.
        """
        steps = steps if self._most is None else steps[: max(0, self._most - self.steps)]
        if not len(steps):
            return
        with evaluating(self._module):
            steps, carried = self._module.sides.divide(steps[:, None])
            first = {"first": self.steps} if isinstance(self._module.front, PlacedUnits) else {}
            x, _ = self._module.front(steps, None, **first)
            output, state = self._module.recurrent(x, self._state, **self._module.sides.of(x, carried))
            pooled, vector = self._pool(output, state)
            outputs = self._model.blend.mix(self._module.readout(vector), None)
        require_finite_output(bool(outputs.isfinite().all()))
        self._state, self._pooled, self._outputs = state, pooled, outputs
        self.steps += len(x)

    def _pool(self, output: Tensor, state: States) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return what is carried of the outputs so far, and the pooled output (1, n)."""
        before, pooling = self._pooled, self._module.pooling
        if pooling == "last":
            return (), listed(state)[0][-1]
        if pooling == "max":
            highest = output.amax(0)
            highest = torch.maximum(before[0], highest) if before else highest
            return (highest,), highest
        if pooling == "mean":
            total = sum_in_order(torch.cat([before[0][None], output]) if before else output, 0)
            return (total,), total / (self.steps + len(output))
        assert self._module.query is not None
        scores = linear(output, self._module.query[None])
        highest, total, weight = before or (torch.tensor(-math.inf), torch.zeros(()), torch.zeros(()))
        now = torch.maximum(highest, scores.amax(0))
        kept, powers = (highest - now).exp(), (scores - now).exp()
        total, weight = total * kept + (powers * output).sum(0), weight * kept + powers.sum(0)
        return (now, total, weight), total / weight

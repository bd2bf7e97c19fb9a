"""The module that reads a sequence and gives one answer.

steps → front (embedding, spelling, convolution) → input dropout → stacked recurrent layers → pooling over the real
steps → dropout → readout

Where other columns are read beside the sequence, their numbers are joined to what is pooled, and a layer of rectified
units reads both, so that an answer may rest on the two together. Where both strands of DNA are read, all of it is done
for each, and the answer is the mean.

The answer is `outputs` numbers: logits of classes or labels, or one value.

>>> from elman import cells
>>> from elman.encoders.fronts import FramesFront
>>> module = SequenceClassifier(cells.gru, Layers(hidden=4), front=FramesFront(3), outputs=5)
>>> module(torch.randn(7, 2, 3), torch.tensor([7, 2])).shape
torch.Size([2, 5])
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from elman.backends.inputs import step_mask
from elman.encoders.fronts import Front, Suggestions
from elman.encoders.strands import Strands
from elman.errors import ConfigError
from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn.rows import Dropout
from elman.nn.rowwise import Linear, is_learning, linear, sum_in_order
from elman.nn.states import listed
from elman.tasks.classify.settings import POOLINGS

_NONE = Suggestions()
_JOINT = 64  # the fewest units that read a sequence and what is beside it


class SequenceClassifier(nn.Module):
    """A recurrent network with one answer a sequence.

    Args:
        cell: the equations of the recurrent layers.
        layers: their number, sizes and dropout.
        front: the front that an encoder needs, see :mod:`elman.encoders.fronts`.
        suggested: the encoder's suggestions, used where an option is None.
        outputs: numbers of an answer.
        pooling: pooling over the real time steps: the output of the `last` step (of the first one in the reverse
            direction), the `mean`, the `max`, or the mean weighted by `attention`: a softmax over the products with a
            learnt vector; None takes the suggestion.
        embedding: size of a unit's embedding.
        input_dropout: dropout on the input of the recurrent layers; None takes the suggestion.
        word_dropout: probability to read a unit as an unknown one, in training.
        covariates: F, how many numbers are read beside a sequence; 0 where nothing is.
        complements: the number of the reverse complement of each unit, where both strands are read; see
            :mod:`elman.encoders.strands`.

    Raises:
        ConfigError: the cell reads more than its input, or there is no such pooling.
    """

    def __init__(
        self,
        cell: Cell,
        layers: Layers,
        *,
        front: Front,
        outputs: int,
        suggested: Suggestions = _NONE,
        pooling: str | None = None,
        embedding: int = 100,
        input_dropout: float | None = None,
        word_dropout: float = 0.0,
        covariates: int = 0,
        complements: Sequence[int] = (),
    ) -> None:
        super().__init__()
        pooling = suggested.pooling if pooling is None else pooling
        if pooling not in POOLINGS:
            raise ConfigError(f"pooling is {pooling!r}; it must be one of {', '.join(POOLINGS)}.")
        self.pooling = pooling
        self.strands = Strands(complements) if complements else None
        self.front = front.build(embedding, word_dropout)
        self.input_dropout = Dropout(suggested.dropout if input_dropout is None else input_dropout)
        self.sides = layers.side_inputs(cell)
        self.recurrent = layers.build(cell, cast("int", self.front.size), "a sequence")
        size = self.recurrent.output_size
        self.query = nn.Parameter(torch.zeros(size)) if pooling == "attention" else None
        self.dropout = Dropout(layers.dropout)
        self.joint = Linear(size + covariates, max(size, _JOINT)) if covariates else None
        self.readout = Linear(max(size, _JOINT) if covariates else size, outputs)

    def forward(self, steps: Tensor, lengths: Tensor | None = None, covariates: Tensor | None = None) -> Tensor:
        """Give one answer a sequence.

        Args:
            steps: (T, B, K) units, int64, or (T, B, D) frames, behind which are the side inputs that they carry.
            lengths: (B,) the real steps of each, from 1 to T; None means T. Steps behind them are not read.
            covariates: (B, F) what is read beside the steps, where the module was made for it.

        Returns:
            (B, outputs): where both strands are read, the mean of the answers by each; in training that by one of them.
        """
        if self.strands is None:
            return self._answer(steps, lengths, covariates)
        if self.training:
            return self._answer(self.strands.draw(steps, lengths), lengths, covariates)
        both = torch.cat([steps, self.strands.other(steps, lengths)], dim=1)
        twice = (None if one is None else torch.cat([one, one]) for one in (lengths, covariates))
        first, second = self._answer(both, *twice).chunk(2)
        return (first + second) / 2

    def _answer(self, steps: Tensor, lengths: Tensor | None, covariates: Tensor | None) -> Tensor:
        if steps.is_floating_point():
            steps = steps.to(self.readout.weight.dtype)
        steps, carried = self.sides.divide(steps)
        x, lengths = self.front(steps, lengths)
        sides = self.sides.of(x, carried, lengths)
        output, final_state = self.recurrent(self.input_dropout(x), None, lengths, **sides)
        if self.pooling == "last":
            pooled = torch.cat(list(listed(final_state)[0][-2 if self.recurrent.bidirectional else -1 :]), dim=1)
        else:
            pooled = self._pool(output, lengths)
        pooled = self.dropout(pooled)
        if self.joint is not None:
            assert covariates is not None
            pooled = self.dropout(self.joint(torch.cat([pooled, covariates.to(pooled.dtype)], dim=1)).relu())
        answer: Tensor = self.readout(pooled)
        return answer

    def _pool(self, output: Tensor, lengths: Tensor | None) -> Tensor:
        """Pool outputs (T, B, n), which are 0 behind the real steps, to one vector a sequence, (B, n)."""
        if lengths is None:
            lengths = output.new_full((output.shape[1],), len(output), dtype=torch.int64)
        real = step_mask(lengths, len(output)).unsqueeze(2)
        add_up = torch.sum if is_learning(self) else sum_in_order
        if self.pooling == "mean":
            return add_up(output, dim=0) / lengths[:, None]
        if self.pooling == "max":
            return output.masked_fill(~real, -math.inf).amax(dim=0)
        assert self.query is not None
        scores = (output @ self.query).unsqueeze(2) if is_learning(self) else linear(output, self.query[None])
        scores = scores.masked_fill(~real, -math.inf)
        powers = (scores - scores.amax(dim=0)).exp()
        return add_up(powers * output, dim=0) / add_up(powers, dim=0)

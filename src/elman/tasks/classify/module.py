"""Hold the module that reads a sequence and gives one answer.

steps → front (embedding, spelling, convolution) → input dropout → stacked recurrent layers → pooling over the real
steps → dropout → readout

The answer is `outputs` numbers: logits of classes or labels, or one value.

>>> from elman import cells
>>> module = SequenceClassifier(cells.gru, front={"kind": "frames", "size": 3}, outputs=5, hidden=4)
>>> module(torch.randn(7, 2, 3), torch.tensor([7, 2])).shape
torch.Size([2, 5])
"""

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from elman.backends.inputs import step_mask
from elman.encoders.fronts import build_front
from elman.errors import ConfigError
from elman.expr import Cell
from elman.nn import Recurrent
from elman.nn.states import listed
from elman.tasks.classify.settings import POOLING, POOLINGS


class SequenceClassifier(nn.Module):
    """Read B sequences at once and answer once for each.

    Args:
        cell: the equations of the recurrent layers.
        front: what an encoder says of its sequences, see :mod:`elman.encoders.fronts`.
        outputs: numbers of an answer.
        hidden: H.
        layers: L.
        bidirectional: read from both ends.
        pooling: how the outputs of all real steps become one: that of the `last` step (of the reverse direction: of
            the first), their `mean`, their `max`, or their mean weighed by `attention`: a softmax over the products
            with a learnt vector; None is what the front says, or else the max.
        embedding: size of a unit's embedding.
        dropout: share dropped between layers and before the readout, in training, as are all that follow.
        input_dropout: share dropped of what the recurrent layers read; None is what the front says.
        word_dropout: chance for a unit to be read as an unknown one.
        recurrent_dropout: see :class:`elman.nn.Recurrent`.
        zoneout: chance for a state to stay what it was.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for a projection.

    Raises:
        ConfigError: the cell reads more than its input, or there is no such pooling.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        front: Mapping[str, Any],
        outputs: int,
        hidden: int,
        layers: int = 1,
        bidirectional: bool = True,
        pooling: str | None = None,
        embedding: int = 100,
        dropout: float = 0.0,
        input_dropout: float | None = None,
        word_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        if cell.sides:
            raise ConfigError(
                f"cell {cell.name} reads {', '.join(cell.sides)} at every step beside its input, and a sequence has no "
                "such numbers. Choose another cell."
            )
        if pooling is None:
            pooling = str(front.get("pooling", POOLING))
        if pooling not in POOLINGS:
            raise ConfigError(f"pooling is {pooling!r}; it must be one of {', '.join(POOLINGS)}.")
        self.pooling = pooling
        self.front = build_front(front, embedding=embedding, word_dropout=word_dropout)
        if input_dropout is None:
            input_dropout = float(front.get("dropout", 0.0))
        self.input_dropout = nn.Dropout(input_dropout)
        self.recurrent = Recurrent(
            cell,
            cast("int", self.front.size),
            hidden,
            layers,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            sizes=sizes,
        )
        size = self.recurrent.output_size
        self.query = nn.Parameter(torch.zeros(size)) if pooling == "attention" else None
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(size, outputs)

    def forward(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Answer for each sequence.

        Args:
            steps: (T, B, K) units, int64, or (T, B, D) frames.
            lengths: (B,) the real steps of each, from 1 to T; None counts all T. What stands behind them is not read.

        Returns:
            (B, outputs).
        """
        x, lengths = self.front(steps, lengths)
        output, final_state = self.recurrent(self.input_dropout(x), None, lengths)
        if self.pooling == "last":
            pooled = torch.cat(list(listed(final_state)[0][-2 if self.recurrent.bidirectional else -1 :]), dim=1)
        else:
            pooled = self._pool(output, lengths)
        answer: Tensor = self.readout(self.dropout(pooled))
        return answer

    def _pool(self, output: Tensor, lengths: Tensor | None) -> Tensor:
        """Make one vector (B, n) of the real steps of outputs (T, B, n); those behind them are 0."""
        if lengths is None:
            lengths = output.new_full((output.shape[1],), len(output), dtype=torch.int64)
        real = step_mask(lengths, len(output)).unsqueeze(2)
        if self.pooling == "mean":
            return output.sum(dim=0) / lengths[:, None]
        if self.pooling == "max":
            return output.masked_fill(~real, -math.inf).amax(dim=0)
        assert self.query is not None
        scores = (output @ self.query).unsqueeze(2).masked_fill(~real, -math.inf)
        return (scores.softmax(dim=0) * output).sum(dim=0)

"""The layers of a language model.

units → embedding (+ that of a class) → stacked recurrent layers → dropout → readout → softmax over the V units

A readout can be *tied* to the embedding (Press & Wolf 2017): the embedding of a unit is also its row of the readout.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.errors import ConfigError
from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn import LockedDropout
from elman.nn.linear_loss import linear_cross_entropy
from elman.nn.rows import Dropout
from elman.nn.rowwise import Linear, is_learning, linear
from elman.nn.states import States

# A row is also a weight of the softmax; with unit variance, the initial distribution would be far from uniform.
_TIED_BOUND = 0.1


class LanguageModel(nn.Module):
    """A network that predicts the next unit of B streams.

    Args:
        cell: the equations of the recurrent layers.
        units: V, the size of the vocabulary.
        layers: the recurrent layers; their dropout is also applied before the readout.
        embedding: size of a unit's embedding.
        tied: read out with the embedding; its size must be that of the output.
        classes: number of classes to condition on; each adds a vector to every embedding.
        input_dropout: dropout on the embedded units.
        embedding_dropout: share of the vocabulary whose whole embedding is dropped (Merity et al. 2018, section 4.2).

    Raises:
        ConfigError: the cell reads more than its input, or `tied` and the sizes do not fit.
    """

    def __init__(
        self,
        cell: Cell,
        units: int,
        layers: Layers,
        *,
        embedding: int,
        tied: bool = False,
        classes: int = 0,
        input_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(units, embedding)
        self.given = nn.Embedding(classes, embedding) if classes else None
        self.sides = layers.side_inputs(cell)
        self.sides.refuse_columns("a text has no columns and no times", timed=False)
        self.recurrent = layers.build(cell, embedding, "a text")
        self.embedding_dropout = embedding_dropout
        self.input_dropout: nn.Module = LockedDropout(input_dropout) if layers.locked else Dropout(input_dropout)
        self.dropout: nn.Module = LockedDropout(layers.dropout) if layers.locked else Dropout(layers.dropout)
        size = self.recurrent.output_size
        if tied and size != embedding:
            raise ConfigError(
                f"tied: the embedding has size {embedding} and the output of {cell.name} {size}; one matrix cannot be "
                f"both. Use --embedding {size}, or --no-tied."
            )
        self.readout = Linear(size, units) if not tied else None
        self.bias = nn.Parameter(torch.zeros(units)) if tied else None
        if tied:
            nn.init.uniform_(self.embedding.weight, -_TIED_BOUND, _TIED_BOUND)

    def forward(
        self,
        numbers: Tensor,
        state: States | None = None,
        lengths: list[int] | None = None,
        given: Tensor | None = None,
        targets: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> Any:
        """Return the logits of the next unit, (T, B, V), or the loss; and the final state.

        Args:
            numbers: (T, B) units, int64.
            state: the initial state; None is zero.
            lengths: B time steps that count; None counts all T.
            given: (T, B) the class of the unit that is predicted; needed if and only if the model has classes.
            targets: (T, B) the next units. With them the first result is their mean cross entropy in nats, and the
                output (T, B, n) follows after dropout, as the readout sees it, and before dropout; the penalties on
                activations need both.
            label_smoothing: share of the probability given to all units alike, in the loss.
        """
        embedded = self.input_dropout(self.embed(numbers, given, self._draw_kept_units()))
        output, final_state = self.recurrent(embedded, state, lengths, **self.sides.of(embedded))
        dropped = self.dropout(output)
        if targets is None:
            return self.read_out(dropped), final_state
        readout = self.readout
        weight, bias = (self.embedding.weight, self.bias) if readout is None else (readout.weight, readout.bias)
        loss = linear_cross_entropy(dropped.flatten(0, 1), weight, bias, targets.flatten(), label_smoothing)
        return loss, final_state, dropped, output

    def embed(self, numbers: Tensor, given: Tensor | None = None, kept: Tensor | None = None) -> Tensor:
        """Turn units (…) and their classes into vectors (…, embedding).

        Args:
            numbers: units, int64.
            given: their classes.
            kept: (V, 1) the factor of each unit's embedding.
        """
        embedded: Tensor = self.embedding(numbers)
        if kept is not None:
            embedded = embedded * kept[numbers]
        return embedded if self.given is None else embedded + self.given(given)

    def _draw_kept_units(self) -> Tensor | None:
        """Draw the factors of embedding dropout, one for each unit of the vocabulary; None without dropout."""
        if not self.training or self.embedding_dropout == 0:
            return None
        return F.dropout(torch.ones_like(self.embedding.weight[:, :1]), self.embedding_dropout)

    def read_out(self, output: Tensor) -> Tensor:
        """Turn outputs (…, n) into logits (…, V)."""
        if self.readout is None:
            multiply = F.linear if is_learning(self) else linear
            return multiply(output, self.embedding.weight, self.bias)
        return self.readout(output)

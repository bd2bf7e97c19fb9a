"""Hold the language model: its layers, and how they read.

units → embedding (+ that of a class) → stacked recurrent layers → dropout → readout → softmax over the V units

A readout can be *tied* to the embedding (Press & Wolf 2017): the row that reads a word also predicts it.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.errors import ConfigError
from elman.expr import Cell
from elman.nn import LockedDropout, Recurrent
from elman.nn.states import States

# A row is a target of the softmax as well; of unit variance it would start far from uniform.
_TIED_BOUND = 0.1


class LanguageModel(nn.Module):
    """Predict the next unit of B streams at once.

    Args:
        cell: the equations of the recurrent layers.
        units: V, the size of the vocabulary.
        embedding: size of a unit's embedding.
        hidden: H.
        layers: L.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for a projection.
        tied: read out with the embedding; its size must be that of the output.
        classes: number of classes that a text may be conditioned on; each adds a vector to every embedding.
        dropout: share dropped between layers and before the readout, in training, as are all that follow.
        locked: draw one such mask for all time steps of a window (Gal & Ghahramani 2016, section 4).
        input_dropout: share dropped of the embedded units.
        embedding_dropout: share of the vocabulary whose embedding is dropped whole (ibid., section 4.2).
        recurrent_dropout: see :class:`elman.nn.Recurrent`, as for the next two.
        weight_dropout: share of hidden-to-hidden weights dropped.
        zoneout: chance for a state to stay what it was.

    Raises:
        ConfigError: the cell reads more than its input, or `tied` and the sizes do not fit.
    """

    def __init__(
        self,
        cell: Cell,
        units: int,
        *,
        embedding: int,
        hidden: int,
        layers: int = 1,
        sizes: Mapping[str, int] | None = None,
        tied: bool = False,
        classes: int = 0,
        dropout: float = 0.0,
        locked: bool = False,
        input_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        zoneout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell.sides:
            raise ConfigError(
                f"cell {cell.name} reads {', '.join(cell.sides)} at every step beside its input, and a text has no "
                "such numbers. Choose another cell."
            )
        self.embedding = nn.Embedding(units, embedding)
        self.given = nn.Embedding(classes, embedding) if classes else None
        self.recurrent = Recurrent(
            cell,
            embedding,
            hidden,
            layers,
            dropout=dropout if layers > 1 else 0.0,
            sizes=sizes,
            locked=locked,
            recurrent_dropout=recurrent_dropout,
            weight_dropout=weight_dropout,
            zoneout=zoneout,
        )
        self.embedding_dropout = embedding_dropout
        self.input_dropout: nn.Module = LockedDropout(input_dropout) if locked else nn.Dropout(input_dropout)
        self.dropout: nn.Module = LockedDropout(dropout) if locked else nn.Dropout(dropout)
        size = self.recurrent.output_size
        if tied and size != embedding:
            raise ConfigError(
                f"tied: the embedding has size {embedding} and the output of {cell.name} {size}; one matrix cannot be "
                f"both. Use --embedding {size}, or --no-tied."
            )
        self.readout = nn.Linear(size, units) if not tied else None
        self.bias = nn.Parameter(torch.zeros(units)) if tied else None
        if tied:
            nn.init.uniform_(self.embedding.weight, -_TIED_BOUND, _TIED_BOUND)

    def forward(
        self,
        numbers: Tensor,
        state: States | None = None,
        lengths: list[int] | None = None,
        given: Tensor | None = None,
        with_output: bool = False,
    ) -> Any:
        """Return the logits of the next unit, (T, B, V), and the final state.

        Args:
            numbers: (T, B) units, int64.
            state: the initial state; None is zero.
            lengths: B time steps that count; None counts all T.
            given: (T, B) the class of the unit that is predicted; needed if and only if the model has classes.
            with_output: return two values more, the output (T, B, n) as the readout sees it, dropped out, and whole:
                the penalties on activations are of these.
        """
        embedded = self.input_dropout(self.embed(numbers, given, self._draw_kept_units()))
        output, final_state = self.recurrent(embedded, state, lengths)
        dropped = self.dropout(output)
        logits = self.read_out(dropped)
        return (logits, final_state, dropped, output) if with_output else (logits, final_state)

    def embed(self, numbers: Tensor, given: Tensor | None = None, kept: Tensor | None = None) -> Tensor:
        """Turn units (…) and their classes into vectors (…, embedding).

        Args:
            numbers: units, int64.
            given: their classes.
            kept: (V, 1) what the embedding of each unit is multiplied by.
        """
        embedded: Tensor = self.embedding(numbers)
        if kept is not None:
            embedded = embedded * kept[numbers]
        return embedded if self.given is None else embedded + self.given(given)

    def _draw_kept_units(self) -> Tensor | None:
        """Choose the units that are dropped wherever they stand in a window; None where none is."""
        if not self.training or self.embedding_dropout == 0:
            return None
        return F.dropout(torch.ones_like(self.embedding.weight[:, :1]), self.embedding_dropout)

    def read_out(self, output: Tensor) -> Tensor:
        """Turn outputs (…, n) into logits (…, V)."""
        if self.readout is None:
            return F.linear(output, self.embedding.weight, self.bias)
        return self.readout(output)

"""The configuration of recurrent layers, which is a part of the configuration of every model.

>>> from elman import cells
>>> layers, own = Layers.take({"hidden": 5, "layers": 2, "pooling": "max"})
>>> layers.build(cells.gru, 3, "a sequence").output_size, own
(5, {'pooling': 'max'})
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from elman.data.plain import read_plain
from elman.errors import ConfigError
from elman.expr import Cell
from elman.nn import Recurrent


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The options that build recurrent layers.

    Attributes:
        hidden: H.
        layers: L.
        bidirectional: whether layers run in both directions.
        dropout: dropout between layers; as all that follow, in training alone.
        locked: use the same dropout mask at every time step.
        recurrent_dropout: see :class:`elman.nn.Recurrent`, also for the following.
        weight_dropout: dropout on the hidden-to-hidden weights.
        zoneout: probability that a unit keeps its previous state.
        sizes: sizes that the cell leaves open, such as `{"h": 64}` for a projection.
    """

    hidden: int
    layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.0
    locked: bool = False
    recurrent_dropout: float = 0.0
    weight_dropout: float = 0.0
    zoneout: float = 0.0
    sizes: Mapping[str, int] | None = None

    @classmethod
    def take(cls, configuration: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Read them from the configuration of a model, and return the rest of it.

        Raises:
            DataError: one is missing, or of another kind.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        shared = {name: value for name, value in configuration.items() if name in names}
        own = {name: value for name, value in configuration.items() if name not in names}
        return read_plain(cls, shared, "configuration"), own

    def build(self, cell: Cell, input_size: int, what: str) -> Recurrent:
        """Build the layers.

        Args:
            cell: their equations.
            input_size: I.
            what: the input in words, such as `a text`.

        Raises:
            ConfigError: the cell reads more than its input.
        """
        if cell.sides:
            raise ConfigError(
                f"cell {cell.name} reads {', '.join(cell.sides)} at every step besides its input, and {what} has no "
                "such numbers. Choose another cell."
            )
        return Recurrent(
            cell,
            input_size,
            self.hidden,
            self.layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout if self.layers > 1 else 0.0,
            sizes=self.sizes,
            locked=self.locked,
            recurrent_dropout=self.recurrent_dropout,
            weight_dropout=self.weight_dropout,
            zoneout=self.zoneout,
        )

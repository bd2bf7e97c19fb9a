"""The configuration of recurrent layers, which is a part of the configuration of every model.

>>> from elman import cells
>>> layers, own = Layers.take({"hidden": 5, "layers": 2, "pooling": "max"})
>>> layers.build(cells.gru, 3, "a sequence").output_size, own
(5, {'pooling': 'max'})
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from elman.data.plain import read_plain
from elman.errors import ConfigError
from elman.expr import Cell
from elman.models.sides import SideInputs, carried_names
from elman.nn import Recurrent
from elman.sides import SideSource, parse_sides, write_sides


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
        sides: the source of each side input of the cell, by name, see :mod:`elman.sides`.
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
    sides: Mapping[str, str] = field(default_factory=dict)

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

    @property
    def carried(self) -> tuple[str, ...]:
        """The names of the side inputs of which each step carries a number, in its order there."""
        return carried_names(self._sources())

    def _sources(self) -> dict[str, SideSource]:
        return parse_sides(write_sides(self.sides)) if self.sides else {}

    def side_inputs(self, cell: Cell) -> SideInputs:
        """Return how the layers get the side inputs of their cell, for the modules that give them some.

        Raises:
            ConfigError: the cell reads others than there are.
        """
        return SideInputs(cell, self._sources(), bidirectional=self.bidirectional)

    def build(self, cell: Cell, input_size: int, what: str) -> Recurrent:
        """Build the layers.

        Args:
            cell: their equations.
            input_size: I.
            what: the input in words, such as `a text`.

        Raises:
            ConfigError: the cell reads more than its input, and nothing gives it that.
        """
        if set(cell.sides) - set(self.sides):
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

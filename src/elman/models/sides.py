"""How a module gets the side inputs of its cell: with its steps, or as a number that is the same at all of them.

What each step carries stands behind its own numbers, in the order of the names. So it goes with the step wherever that
goes: through batches, padding, folds and processes.

>>> from elman import cells
>>> sides = SideInputs(cells.cfc, {"dt": SideSource(gaps=True)}, bidirectional=True)
>>> steps = torch.tensor([[[7.0, 0.0]], [[8.0, 0.5]], [[9.0, 2.0]]])
>>> x, carried = sides.divide(steps)
>>> forward, backward = sides.of(x, carried)["dt"]
>>> x.flatten().tolist(), forward.flatten().tolist(), backward.flatten().tolist()
([7.0, 8.0, 9.0], [0.0, 0.5, 2.0], [0.5, 2.0, 0.0])
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from elman.backends.inputs import step_mask
from elman.errors import ConfigError
from elman.expr import Cell
from elman.phrases import name_some
from elman.sides import FORM, GAPS, SideSource

Side = Tensor | tuple[Tensor, Tensor]


class SideInputs:
    """The side inputs of a module's layers.

    Args:
        cell: the equations of the layers.
        sources: of each side input, by name.
        bidirectional: whether the layers read backwards as well.

    Attributes:
        sources: of each side input, by name.
        carried: the names of those of which each step carries a number, in its order there.

    Raises:
        ConfigError: the cell reads others.
    """

    def __init__(self, cell: Cell, sources: Mapping[str, SideSource], *, bidirectional: bool = False) -> None:
        _require_names(cell, sources)
        self.sources, self._bidirectional = dict(sources), bidirectional
        self.carried = carried_names(sources)

    def refuse_columns(self, why: str, *, timed: bool = True) -> None:
        """Refuse side inputs that are read from a column, for the modules that have none.

        Args:
            why: the reason, for the message.
            timed: whether the module knows the time between its steps.

        Raises:
            ConfigError: one is.
        """
        for name in self.carried:
            if self.sources[name].column or not timed:
                known = f"{name}={GAPS}, or " if timed else ""
                raise ConfigError(f"side is {name}={self.sources[name]}, and {why}. Give {known}a number: {name}=1.")

    def divide(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Divide steps (…, D + S) into their own numbers and what they carry, (…, D) and (…, S)."""
        own = steps.shape[-1] - len(self.carried)
        return steps[..., :own], steps[..., own:]

    def of(self, x: Tensor, carried: Tensor | None = None, lengths: Tensor | None = None) -> dict[str, Any]:
        """Return the side inputs of a layer by name, as :class:`elman.nn.Recurrent` takes them.

        Where steps are read backwards, the time since the step before is that to the step behind, and 0 at the last.

        Args:
            x: (T, B, I), or (B, I) for one step, what the layer reads.
            carried: (T, B, S) what its steps carry; None where they carry nothing.
            lengths: (B,) the real steps of each example; None means T.
        """
        given: dict[str, Side] = {}
        for name, source in self.sources.items():
            if source.constant is not None:
                given[name] = x.new_full(x.shape[:-1], source.constant)
                continue
            assert carried is not None
            side = carried[..., self.carried.index(name)].to(x.dtype)
            given[name] = (side, _backwards(side, lengths)) if source.gaps and self._bidirectional else side
        return given


def carried_names(sources: Mapping[str, SideSource]) -> tuple[str, ...]:
    """Return the names of the side inputs of which each step carries a number, in its order there."""
    return tuple(sorted(name for name, source in sources.items() if source.constant is None))


def _backwards(gaps: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the gaps (T, B) of steps that are read backwards."""
    later = torch.cat([gaps[1:], gaps.new_zeros(1, gaps.shape[1])])
    return later if lengths is None else torch.where(step_mask(lengths - 1, len(gaps)), later, 0.0)


def _require_names(cell: Cell, sources: Mapping[str, SideSource]) -> None:
    missing = [name for name in cell.sides if name not in sources]
    if missing:
        first = missing[0]
        raise ConfigError(
            f"cell {cell.name} reads {name_some(cell.sides)} at every step besides its input. Say where "
            f"{name_some(missing)} comes from with --side {FORM.replace('NAME', first)}."
        )
    unknown = [name for name in sources if name not in cell.sides]
    if unknown:
        reads = f"{name_some(cell.sides)} besides its input" if cell.sides else "nothing besides its input"
        raise ConfigError(f"side gives {name_some(unknown)}, and cell {cell.name} reads {reads}. Drop it.")

"""Count with recurrent layers: the last output, read out as one number."""

from torch import Tensor, nn

from elman.expr import Cell
from elman.models.layers import Layers


class Counter(nn.Module):
    """A recurrent network that counts the ones of a sequence."""

    def __init__(self, cell: Cell, layers: Layers) -> None:
        super().__init__()
        self.recurrent = layers.build(cell, 1, "a sequence")
        self.readout = nn.Linear(self.recurrent.output_size, 1)

    def forward(self, steps: Tensor) -> Tensor:
        """Read (T, B, 1), and return counts (B,)."""
        return self.readout(self.recurrent(steps)[0][-1])[:, 0]

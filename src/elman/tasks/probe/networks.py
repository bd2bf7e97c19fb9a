"""The networks that `probe` examines: a recurrent one, and feed-forward ones that read a window at once.

Letters as in `problems`: N examples, K answers, I inputs.

>>> import elman
>>> from elman.tasks.probe.problems import PROBLEMS
>>> from elman.tasks.probe.settings import ProbeSettings
>>> reader = CellReader(elman.cells.gru, PROBLEMS["copy"], ProbeSettings(hidden=5))
>>> window = WindowReader(PROBLEMS["copy"], length=7, hidden=5)
>>> x = torch.zeros(27, 2, 10)
>>> reader(x).shape, window(x).shape
(torch.Size([10, 2, 8]), torch.Size([10, 2, 8]))
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from elman.expr import Cell
from elman.nn import Recurrent
from elman.tasks.probe.problems import Problem
from elman.tasks.probe.settings import ProbeSettings
from elman.training.start import refuse_giants, start


class CellReader(nn.Module):
    """A network with one recurrent layer; the answers are read from its last K outputs.

    Side inputs are 1 at every step, which is a constant time between steps.

    Args:
        cell: the equations.
        problem: the problem to solve.
        settings: the number of units, and their initialisation.
        sizes: sizes that the equations leave open, by name; those not given are the number of units.

    Raises:
        ConfigError: the cell does not support the initialisation.
        ShapeError: the sizes do not fit the equations.
    """

    def __init__(
        self, cell: Cell, problem: Problem, settings: ProbeSettings, sizes: Mapping[str, int] | None = None
    ) -> None:
        super().__init__()
        named = {**dict.fromkeys(cell.open_sizes, settings.hidden), **(sizes or {})}
        with refuse_giants(settings.hidden):
            self.layer = Recurrent(cell, problem.input_size, settings.hidden, sizes=named)
        start(self.layer, settings.init, settings.forget_bias, settings.chrono)
        self.readout = nn.Linear(self.layer.output_size, problem.outputs)
        self._answers_due = problem.answers_due

    def forward(self, inputs: Tensor) -> Tensor:
        """Answer (steps, N, I) with (K, N, outputs)."""
        sides = {name: inputs.new_ones(inputs.shape[:2]) for name in self.layer.cell.sides}
        return self.readout(self.layer(inputs, **sides)[0][-self._answers_due :])


class WindowReader(nn.Module):
    """A feed-forward network with one hidden layer that reads the last steps of a sequence, or all, at once.

    Its weights are for one number of steps alone, which they grow with.

    Args:
        problem: the problem to solve.
        length: T, or how many of the last steps it reads.
        hidden: units of the hidden layer.

    Raises:
        ConfigError: it does not fit in memory.
    """

    def __init__(self, problem: Problem, length: int, hidden: int) -> None:
        super().__init__()
        self._read = length + problem.extra_steps
        self._shape = (problem.answers_due, problem.outputs)
        with refuse_giants(hidden):
            self.layers = nn.Sequential(
                nn.Linear(self._read * problem.input_size, hidden),
                nn.ReLU(),
                nn.Linear(hidden, problem.answers_due * problem.outputs),
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """Answer (steps, N, I) with (K, N, outputs)."""
        answers = self.layers(inputs[-self._read :].transpose(0, 1).flatten(1))
        return answers.unflatten(1, self._shape).transpose(0, 1)


def count_parameters(module: nn.Module) -> int:
    """Count the parameters of a network.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in module.parameters())


def manual_seed(seed: int, length: int, purpose: int) -> torch.Generator:
    """Make a random generator for a length and a purpose, such as training or testing; all are different."""
    return torch.Generator().manual_seed((seed * 8 + purpose) * 1_000_003 + length)

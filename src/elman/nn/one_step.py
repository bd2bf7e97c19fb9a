"""Modules that run one time step a call: any cell, and drop-ins for torch.nn's LSTMCell, GRUCell and RNNCell.

A loop over such a module is for what a layer cannot do, such as reading its own output. It records gradients, so it
takes longer than a layer's own loop; where no gradient is needed, a stream takes less.

>>> import elman, torch
>>> step = elman.nn.LSTMCell(3, 5)
>>> h, c = step(torch.randn(2, 3), (torch.randn(2, 5), torch.randn(2, 5)))
>>> h.shape, c.shape
(torch.Size([2, 5]), torch.Size([2, 5]))
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from elman import ops
from elman.autodiff.program import Program, derive
from elman.backends import require
from elman.cells import torch_layers as cells
from elman.errors import CellError, ShapeError
from elman.expr import Cell
from elman.nn import init
from elman.nn.sequences import check_sides
from elman.nn.stack import Direction
from elman.nn.states import States, as_states, listed
from elman.nn.torch_tools import TorchTools, as_node, is_exported_to_onnx
from elman.nn.weights import present
from elman.ops import under_autocast
from elman.ops.small import run_small


class OneStep(TorchTools):
    """One time step of any cell, as a module: `elman.nn.Cell`.

    Args:
        cell: the equations of one time step.
        input_size: I.
        hidden_size: rows of the cell's first matrix.
        bias: keep the cell's biases (vectors that are only ever added).
        backend: the backend that runs the step, see :mod:`elman.backends`.
        sizes: sizes that the equations do not bind to `input_size` and `hidden_size`, by name.
        device: of the parameters.
        dtype: of the parameters.

    Parameters are named and initialised as those of :class:`~elman.nn.Recurrent`, without ``_l0``.

    Raises:
        ShapeError: sizes do not fit the equations.
        CellError: a size is missing, or the cell has no parameters.

    Example:
        >>> import elman, torch
        >>> step = elman.nn.Cell(elman.cells.gru, input_size=3, hidden_size=5)
        >>> step(torch.randn(2, 3)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        backend: str = "auto",
        *,
        sizes: Mapping[str, int] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(cell, Cell):
            raise CellError(
                f"Cell: the cell is a {type(cell).__name__}.\n  A cell is the equations of one time step.\n"
                "  Write @elman.cell above a function, or choose one of elman.cells."
            )
        self.cell, self.input_size, self.hidden_size, self.bias = cell, input_size, hidden_size, bias
        self.backend = require(backend)
        self.program = derive(cell, bias)
        if not self.program.parameters:
            raise CellError(f"Cell: {cell.name} has no parameters.\n  A module learns them.\n  Give the cell one.")
        own = cell.sizes(input_size, hidden_size, sizes)
        self.state_sizes = tuple(own[cell.state_size(state)] for state in cell.states)
        for parameter in self.program.parameters:
            tensor = torch.empty(parameter.full_shape(own), device=device, dtype=dtype)
            self.register_parameter(parameter.name, nn.Parameter(tensor))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise all parameters again, in the order of their registration."""
        init.uniform_(self)

    def layers(self) -> list[list[Direction]]:
        """List the one layer in its one direction, with its present parameters."""
        return [[_direction(self, self.program)]]

    def forward(self, x: Tensor, state: States | None = None, **sides: Tensor) -> States:
        """Run one time step.

        Args:
            x: (B, I), or unbatched (I,).
            state: before the step, (B, its size) or (its size,); a tuple if there are several. Zeros if it is None.
            **sides: the cell's side inputs by name, each (B,) or a tensor without axes. They receive no gradient.

        Returns:
            The state after the step, in the same form; the first state is the cell's output.

        Raises:
            ShapeError: a shape, dtype or device does not fit; a side input is missing or unknown.
        """
        if isinstance(x, Tensor) and not sides and (small := _run_small(self, x, state, self.state_sizes)) is not None:
            return small
        if (node := as_node(self, x, {"state": state}, sides)) is not None:
            return node  # type: ignore[no-any-return]
        if not isinstance(x, Tensor) or x.dim() not in (1, 2) or x.shape[-1] != self.input_size:
            kind = f"has shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"is a {type(x).__name__}"
            raise ShapeError(f"Cell: x {kind}.\n  It is (B, I), or unbatched (I,).\n  Give I = {self.input_size}.")
        own_sides = check_sides(self.cell, sides, x)
        shapes = [(*x.shape[:-1], size) for size in self.state_sizes]
        given = [x.new_zeros(shape) for shape in shapes] if state is None else listed(state)
        if [tuple(s.shape) for s in given] != shapes:
            raise ShapeError(
                f"Cell: the state has the shapes {[tuple(s.shape) for s in given]}.\n  It is one for each of "
                f"{', '.join(self.cell.states)}, (B, its size).\n  Give {shapes}."
            )
        return as_states(_run(self, x, given, own_sides))

    def _get_name(self) -> str:
        return "Cell"

    def extra_repr(self) -> str:
        """Show the cell and the sizes."""
        return f"{self.cell.name}, {self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class TorchCell(TorchTools, nn.RNNCellBase):
    """The base of :class:`RNNCell`, :class:`LSTMCell` and :class:`GRUCell`: torch's cells, run by programs.

    Attributes:
        program: the program of the equations.
    """

    backend = "auto"
    program: Program
    states = 1
    torchs: type[nn.RNNCellBase]

    def layers(self) -> list[list[Direction]]:
        """List the one layer in its one direction, with its present parameters."""
        return [[_direction(self, self.program)]]

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """Run one time step, as torch's cell does.

        Args:
            input: (B, I), or unbatched (I,).
            hx: the state before the step, (B, H) or (H,); for the LSTM a pair. Zeros if it is None.

        Returns:
            The state after the step, in the same form.

        Raises:
            RuntimeError, ValueError: the same as torch's cell, with its text.
        """
        if (small := _run_small(self, input, hx, (self.hidden_size,) * self.states)) is not None:
            return small
        if (node := as_node(self, input, {"hx": hx})) is not None:
            return node
        if is_exported_to_onnx():
            return self.torchs.forward(self, input, hx)
        if not isinstance(input, Tensor):
            raise ShapeError(
                f"{self._get_name()}: the input is a {type(input).__name__}.\n  It is a tensor.\n"
                "  Give torch.as_tensor(…)."
            )
        self._check_dimensions("input", input)
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            given = [x.new_zeros((x.shape[0], self.hidden_size))] * self.states
        else:
            given = [state if batched else state.unsqueeze(0) for state in self._check_state(hx)]
        self._check_sizes(x, given)
        new = _run(self, x, given)
        return as_states(new if batched else [state.squeeze(0) for state in new])

    def _check_state(self, hx: Any) -> list[Tensor]:
        given = listed(hx)
        if len(given) != self.states:
            raise RuntimeError(f"{self._get_name()} expects {self.states} hidden state{'s' if self.states > 1 else ''}")
        for number, state in enumerate(given):
            self._check_dimensions("hidden" if self.states == 1 else f"hx[{number}]", state)
        return given

    def _check_dimensions(self, what: str, tensor: Tensor) -> None:
        if tensor.dim() not in (1, 2):
            raise ValueError(f"{self._get_name()}: Expected {what} to be 1D or 2D, got {tensor.dim()}D instead")

    def _check_sizes(self, x: Tensor, given: Sequence[Tensor]) -> None:
        if x.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}")
        for number, state in enumerate(given):
            if state.shape[-1] != self.hidden_size:
                size = state.shape[-1]
                raise RuntimeError(
                    f"hidden{number} has inconsistent hidden_size: got {size}, expected {self.hidden_size}"
                )
            if len(x) != len(state):
                raise RuntimeError(f"Input batch size {len(x)} doesn't match hidden{number} batch size {len(state)}")


class RNNCell(TorchCell):
    """A drop-in for `torch.nn.RNNCell`: h' = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or relu.

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are biases.
        nonlinearity: tanh or relu.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        ValueError: there is no such nonlinearity; torch's cell raises when it is called.

    Example:
        >>> RNNCell(3, 5, nonlinearity="relu")(torch.randn(2, 3)).shape
        torch.Size([2, 5])
    """

    torchs = nn.RNNCell

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity
        self.program = derive(cells.torch_rnn_relu if nonlinearity == "relu" else cells.torch_rnn_tanh, bias)


class LSTMCell(TorchCell):
    """A drop-in for `torch.nn.LSTMCell`.

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are biases.
        device: of the parameters.
        dtype: of the parameters.

    Example:
        >>> h, c = LSTMCell(3, 5)(torch.randn(2, 3))
        >>> h.shape
        torch.Size([2, 5])
    """

    states = 2
    torchs = nn.LSTMCell

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)
        self.program = derive(cells.torch_lstm, bias)


class GRUCell(TorchCell):
    """A drop-in for `torch.nn.GRUCell` (reset-after).

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are biases.
        device: of the parameters.
        dtype: of the parameters.

    Example:
        >>> GRUCell(3, 5)(torch.randn(3)).shape
        torch.Size([5])
    """

    torchs = nn.GRUCell

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)
        self.program = derive(cells.torch_gru, bias)


_STATES = (Tensor, tuple, list)


def _direction(module: nn.Module, program: Program) -> Direction:
    return Direction(program, present(module, program.parameter_names))


def _run_small(module: OneStep | TorchCell, x: Any, state: Any, sizes: Sequence[int]) -> States | None:
    """Run a small call of valid tensors; else return None."""
    if state is not None and not isinstance(state, _STATES):
        return None
    states, program = sizes if state is None else listed(state), module.program
    if not states or not isinstance(x, Tensor) or not program.parameters:
        return None
    own = present(module, program.parameter_names)
    new = run_small(program, module.backend, x, states, own, sees_autocast=not _keeps_float32(module))
    return None if new is None or x.dim() != 2 else as_states(new)


def _run(
    module: OneStep | TorchCell, x: Tensor, states: Sequence[Tensor], sides: Sequence[Tensor] = ()
) -> list[Tensor]:
    """Run one time step of x (B, I) or (I,), and the states before it, of as many axes."""
    program, parameters = _direction(module, module.program)
    whole = [s.reshape(1, -1, s.shape[-1]) for s in (x, *sides)]
    flat = [s.reshape(-1, s.shape[-1]) for s in states]
    keeps = _keeps_float32(module) and under_autocast(x)
    with torch.autocast(x.device.type, enabled=False) if keeps else nullcontext():
        _, new = ops.run(program, module.backend, whole[0], flat, parameters, sides=whole[1:])
    return new if x.dim() == 2 else [s.reshape(s.shape[1:]) for s in new]


def _keeps_float32(module: OneStep | TorchCell) -> bool:
    """Test for cells of torch in which a new state is a sum with the old one: float32 stays float32 under autocast."""
    return isinstance(module, LSTMCell | GRUCell)

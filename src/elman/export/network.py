"""Take the recurrent network out of a layer: programs, sizes and numbers, without torch's modules around them.

Every export is made from a :class:`NetworkData`, and compared with it; the reference backend runs it.

>>> import elman
>>> network = take(elman.nn.GRU(3, 5, num_layers=2))
>>> network.states, network.state_sizes, [len(directions) for directions in network.layers]
(('h',), (5,), [1, 1])
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from elman.autodiff.program import Program
from elman.backends.tensor_calls import FUNCTIONS
from elman.errors import ConfigError
from elman.expr import Cell
from elman.expr.graph import ROW
from elman.nn.sequences import Batch
from elman.nn.stack import Direction, run_stack
from elman.nn.weights import computed_weights, computes_weights

_PRODUCTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "product": lambda m, v: m @ v,
    "product_t": lambda m, v: v @ m,
}
_FORWARD = ("elman.nn.recurrent", "elman.nn.torch_layers", "elman.nn.one_step")


@dataclass(frozen=True)
class Part:
    """One layer in one direction.

    Attributes:
        program: of its equations.
        parameters: the tensors that the program reads, in its order.
        sizes: a number for every axis of the graph.
    """

    program: Program
    parameters: tuple[Tensor, ...]
    sizes: dict[str, int]

    @cached_property
    def members(self) -> dict[str, Tensor]:
        """The parameters by the names of the equations: `W.i`."""
        tensors: dict[str, Tensor] = {}
        for parameter, stacked in zip(self.program.parameters, self.parameters, strict=True):
            tensors.update(zip(parameter.members, stacked.chunk(len(parameter.members)), strict=True))
        return tensors

    @cached_property
    def static(self) -> dict[int, Tensor]:
        """The values that depend on no input: of parameters and numbers, and what is computed from them alone."""
        values: dict[int, Tensor] = {}
        nodes = self.program.graph.nodes
        for index, node in enumerate(nodes):
            if node.op == "parameter":
                values[index] = self.members[node.name]
            elif node.op in ("constant", "size"):
                number = node.value if node.op == "constant" else self.sizes[node.name]
                values[index] = torch.tensor(number, dtype=self.parameters[0].dtype)
        for index in self.program.forward.once:
            first, *rest = (values[a] for a in nodes[index].args)
            function = _PRODUCTS.get(nodes[index].op) or FUNCTIONS[nodes[index].op]
            values[index] = function(first, *rest)
        return values

    def size(self, index: int) -> int:
        """Return the length of the value of a node."""
        shape = self.program.graph.nodes[index].shape
        return self.sizes[shape[-1]] if shape else 1


@dataclass(frozen=True)
class NetworkData:
    """Stacked recurrent layers, as data.

    Attributes:
        cell: the equations.
        input_size: I.
        state_sizes: for each state.
        layers: from the input upwards, each with its directions.
        batch_first: whether input and output are (B, T, …).
        is_step: whether it was a module of one time step.
    """

    cell: Cell
    input_size: int
    state_sizes: tuple[int, ...]
    layers: tuple[tuple[Part, ...], ...]
    batch_first: bool
    is_step: bool

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the states; the first is the output."""
        return self.cell.states

    @property
    def sides(self) -> tuple[str, ...]:
        """The names of the side inputs."""
        return self.cell.sides

    @property
    def directions(self) -> int:
        """D, 1 or 2."""
        return len(self.layers[0])

    @property
    def output_size(self) -> int:
        """The length of an output vector."""
        return self.directions * self.state_sizes[0]

    @torch.no_grad()
    def run(
        self,
        x: Tensor,
        states: Sequence[Tensor],
        lengths: Tensor | None = None,
        sides: Sequence[Tensor] = (),
        dtype: torch.dtype = torch.float64,
    ) -> list[Tensor]:
        """Run the reference over a batch.

        Args:
            x: (T, B, I).
            states: for each state (L·D, B, its size).
            lengths: (B,).
            sides: for each side input (T, B).
            dtype: in which it computes.

        Returns:
            The output (T, B, D · size of the first state), and the final states.
        """
        layers = [[Direction(p.program, [t.to(dtype) for t in p.parameters]) for p in layer] for layer in self.layers]
        batch = Batch(x.to(dtype), lengths, sides=[side.to(dtype).unsqueeze(-1) for side in sides])
        output, final = run_stack(layers, batch, [s.to(dtype) for s in states], 0.0, False, "reference")
        return [output, *final]


def take(layer: Any) -> NetworkData:
    """Take the network out of a layer or a module of one step.

    Args:
        layer: one of `elman.nn`: Recurrent, RNN, LSTM, GRU, Cell, RNNCell, LSTMCell, GRUCell. Its present weights are
            copied, those that torch computes as they are in evaluation.

    Raises:
        ConfigError: it is another object, has hooks or a `forward` of its own, or is not in float32.
    """
    program = getattr(layer, "program", None)
    if isinstance(layer, Cell):
        raise ConfigError(
            f"export: {layer.name} is a cell, and its sizes are not chosen yet.\n  What is exported has weights.\n"
            f"  Give a layer: elman.nn.Recurrent({layer.name}, input_size, hidden_size)."
        )
    if not isinstance(layer, nn.Module) or not isinstance(program, Program):
        raise ConfigError(
            f"export: a {type(layer).__name__} is no recurrent layer.\n  Layers and cells of elman.nn are exported.\n"
            "  Give one, such as model.rnn."
        )
    _check_forward(layer)
    source: Any = layer
    with computed_weights(layer), torch.no_grad():
        layers = tuple(
            tuple(_part(d.program, tuple(p.detach().cpu().clone() for p in d.parameters)) for d in directions)
            for directions in source.layers()
        )
    for part in (part for directions in layers for part in directions):
        _check_numbers(part)
    first, cell = layers[0][0], program.cell
    sizes = tuple(getattr(layer, "state_sizes", ())) or tuple(first.sizes[cell.state_size(s)] for s in cell.states)
    first = replace(first, sizes={**dict(zip(map(cell.state_size, cell.states), sizes, strict=True)), **first.sizes})
    is_step = layer.forward.__module__ == _FORWARD[2]
    return NetworkData(cell, int(source.input_size), sizes, layers, bool(getattr(layer, "batch_first", False)), is_step)


def _check_forward(layer: nn.Module) -> None:
    if layer.forward.__module__ not in _FORWARD:
        raise ConfigError(
            f"export: {type(layer).__name__} overrides forward.\n  The file would not contain it.\n"
            "  Move its code into a module around the layer, and export the layer."
        )
    for hook in (*layer._forward_pre_hooks.values(), *layer._forward_hooks.values()):
        if not computes_weights(hook):
            raise ConfigError(
                f"export: the layer has the hook {getattr(hook, '__qualname__', type(hook).__qualname__)}.\n"
                "  The file would not contain it.\n  Remove it, or register it on a module around the layer."
            )


def _part(program: Program, parameters: tuple[Tensor, ...]) -> Part:
    sizes = {ROW: 1}
    for parameter, tensor in zip(program.parameters, parameters, strict=True):
        rows, *columns = tensor.shape
        sizes |= dict(zip(parameter.shape, (rows // len(parameter.members), *columns), strict=True))
    return Part(program, parameters, sizes)


def _check_numbers(part: Part) -> None:
    for parameter, tensor in zip(part.program.parameters, part.parameters, strict=True):
        if tensor.dtype != torch.float32:
            raise ConfigError(
                f"export: {parameter.name} is {tensor.dtype}.\n  Files are written in float32.\n"
                "  Convert the layer with layer.float()."
            )
        if not bool(tensor.isfinite().all()):
            raise ConfigError(
                f"export: {parameter.name} contains a number that is not finite.\n  The layer gives no values.\n"
                "  Train it again."
            )

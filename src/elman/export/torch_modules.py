"""Convert a layer into a module of plain torch: torch's own where it has the cell, else a loop in TorchScript.

The loop needs no package but torch, in Python or C++: its method `save` writes it, `torch.jit.load` reads it. It takes
x (T, B, I) and the states joined along their last axis, (L·D, B, all sizes), and returns the output and the final
states in the same form. It can be trained, and does not know of lengths.

>>> import elman
>>> convert(elman.nn.LSTM(3, 5, num_layers=2))
LSTM(3, 5, num_layers=2)
>>> output, final = convert(elman.nn.Recurrent(elman.cells.mgu, 3, 5))(torch.randn(7, 2, 3), torch.zeros(1, 2, 5))
>>> output.shape, final.shape
(torch.Size([7, 2, 5]), torch.Size([1, 2, 5]))
"""

import logging
import operator
import warnings
from typing import Any

import torch
from torch import Tensor, fx, nn

from elman.errors import ConfigError
from elman.export.checking import TwoSequences, compare
from elman.export.network import NetworkData, Part, take
from elman.export.stack import recognise
from elman.export.standard import GateTerms, Recognised
from elman.nn.weights import plain_state

BOUND = 1e-5
_CALLS: dict[str, Any] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "select": torch.where,
    **{
        name: getattr(torch, name)
        for name in ("exp", "log", "log1p", "sin", "cos", "sqrt", "sigmoid", "tanh", "maximum")
    },
}
# Where torch's gates stand among ONNX's.
_ORDER = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
_ACTIVATIONS: dict[str, set[tuple[str, ...]]] = {
    "RNN": {("Tanh",), ("Relu",)},
    "LSTM": {("Sigmoid", "Tanh", "Tanh")},
    "GRU": {("Sigmoid", "Tanh")},
}

_logger = logging.getLogger("elman")


def convert(layer: Any) -> nn.Module:
    """Convert a layer, see :func:`elman.export.to_torch`."""
    network = take(layer)
    if isinstance(layer, nn.RNNBase | nn.RNNCellBase):
        return _torchs_own(layer)
    if network.sides:
        raise ConfigError(
            f"export: {network.cell.name} reads {', '.join(network.sides)} besides its input, and a loop of torch has "
            "one input. Export the layer to ONNX."
        )
    node = recognise(network)
    if node is not None and _is_torchs(node):
        return _standard(network, node)
    _logger.warning("to_torch: torch has no cell like %s, so it becomes a loop in TorchScript.", network.cell.name)
    return _loop(network)


def _torchs_own(layer: Any) -> nn.Module:
    names = ("bias", "num_layers", "batch_first", "dropout", "bidirectional")
    options = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    options |= {"nonlinearity": layer.nonlinearity} if hasattr(layer, "nonlinearity") else {}
    options |= {"proj_size": layer.proj_size} if getattr(layer, "proj_size", 0) else {}
    module: nn.Module = layer.torchs(layer.input_size, layer.hidden_size, **options)
    module.load_state_dict(plain_state(layer))
    return module.train(layer.training)


def _is_torchs(node: Recognised) -> bool:
    peepholes = any(gate is None or gate.peephole for gate in node.gates)
    return node.activations in _ACTIVATIONS[node.op] and not peepholes and (node.op != "GRU" or node.after)


def _standard(network: NetworkData, node: Recognised) -> nn.Module:
    gates = [gate for place in _ORDER[node.op] if (gate := node.gates[place]) is not None]
    weights = [[_stack(part, gates) for part in directions] for directions in network.layers]
    has_bias = any(bool(w[2].any() or w[3].any()) for directions in weights for w in directions)
    options: dict[str, Any] = {"bias": has_bias}
    if not network.is_step:
        options |= {"num_layers": len(network.layers), "bidirectional": network.directions == 2}
        options |= {"batch_first": network.batch_first}
    if node.op == "RNN":
        options["nonlinearity"] = node.activations[0].lower()
    kind = getattr(nn, node.op + ("Cell" if network.is_step else ""))
    module: nn.Module = kind(network.input_size, network.state_sizes[0], **options)
    state: dict[str, Tensor] = {}
    for k, directions in enumerate(weights):
        for direction, tensors in zip(("", "_reverse"), directions, strict=False):
            end = "" if network.is_step else f"_l{k}{direction}"
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if has_bias else 2]
            state |= {name + end: tensor for name, tensor in zip(names, tensors, strict=False)}
    module.load_state_dict(state)
    return module


def _stack(part: Part, gates: list[GateTerms]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return W, U and the two biases of a part, its gates in torch's order."""
    members, zeros = part.members, torch.zeros(len(part.members[gates[0].h]))

    def added(names: list[str]) -> Tensor:
        return sum((members[name] for name in names if name in members), zeros)

    biases = [torch.cat([added(gate.biases) for gate in gates]), torch.cat([added(g.state_biases) for g in gates])]
    return torch.cat([members[g.x] for g in gates]), torch.cat([members[g.h] for g in gates]), biases[0], biases[1]


class RecurrentLoop(nn.Module):
    """A loop over time, of one step a layer and direction.

    Args:
        steps: layer by layer, direction by direction.
        directions: D.
        output_size: of the first state.
    """

    def __init__(self, steps: list[nn.Module], directions: int, output_size: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.directions, self.output_size = directions, output_size

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Run over x (T, B, I), from states (L·D, B, all sizes)."""
        outputs: list[Tensor] = []
        final: list[Tensor] = []
        for k, step in enumerate(self.steps):
            reverse = k % self.directions == 1
            joined = state[k]
            rows: list[Tensor] = []
            for t in range(x.size(0)):
                joined = step(x[x.size(0) - 1 - t if reverse else t], joined)
                rows.append(joined[:, : self.output_size])
            if reverse:
                rows.reverse()
            outputs.append(torch.stack(rows))
            final.append(joined)
            if len(outputs) == self.directions:
                x = torch.cat(outputs, -1)
                outputs.clear()
        return x, torch.stack(final)


def _loop(network: NetworkData) -> nn.Module:
    steps: list[nn.Module] = [_step(network, part) for directions in network.layers for part in directions]
    loop = RecurrentLoop(steps, network.directions, network.state_sizes[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch prefers torch.export, which fixes the length
        scripted: nn.Module = torch.jit.script(loop)

    def run(example: TwoSequences) -> list[Tensor]:
        with torch.no_grad():
            output, final = scripted(example.x, torch.cat(example.given(network), -1))
        return [output, *final.split(list(network.state_sizes), -1)]

    compare(network, run, BOUND, unequal=False)
    return scripted


def _step(network: NetworkData, part: Part) -> fx.GraphModule:
    """Write the equations of one step as a module of torch: x (B, I) and joined states give joined states."""
    nodes, forward, root, graph = part.program.graph.nodes, part.program.forward, nn.Module(), fx.Graph()
    values: dict[int, Any] = {part.program.graph.input: graph.placeholder("x")}
    split = graph.call_function(torch.split, (graph.placeholder("joined"), list(network.state_sizes), -1))
    for number, leaf in enumerate(forward.carries):
        values[leaf] = graph.call_function(operator.getitem, (split, number))
    before = [values[leaf] for leaf in forward.carries]

    def value(index: int) -> Any:
        if index not in values:
            is_parameter = nodes[index].op == "parameter"
            name = nodes[index].name.replace(".", "_") if is_parameter else f"number_{index}"
            if is_parameter:
                setattr(root, name, nn.Parameter(part.static[index].clone()))
            else:
                root.register_buffer(name, part.static[index].clone())
            values[index] = graph.get_attr(name)
        return values[index]

    loop = [i for stage in forward.stages for i in (*stage.reductions, *stage.pointwise)]
    for index in (*forward.once, *forward.before, *loop):
        node = nodes[index]
        args = [value(a) for a in node.args]
        if node.op == "sum":
            values[index] = graph.call_method("sum", (args[0], -1, True))
        elif node.op == "max":
            values[index] = graph.call_method("amax", (args[0], -1, True))
        elif node.op == "spread":
            values[index] = graph.call_method("expand_as", tuple(args))
        elif node.op == "product":
            values[index] = graph.call_function(torch.nn.functional.linear, (args[1], args[0]))
        elif node.op == "product_t":
            values[index] = graph.call_function(torch.matmul, (args[1], args[0]))
        else:
            values[index] = graph.call_function(_CALLS[node.op], tuple(args))
    new = [graph.call_method("expand_as", (value(r), old)) for r, old in zip(forward.results, before, strict=True)]
    graph.output(graph.call_function(torch.cat, (new, -1)))
    return fx.GraphModule(root, graph)

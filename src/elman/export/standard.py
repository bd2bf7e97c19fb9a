"""Recognise a cell that ONNX has: RNN, LSTM (peepholes, coupled gates) or GRU (reset before or after the product).

The equations are read as sums of terms, in any order of their factors and summands. What is recognised runs as one
node, several times as fast as a loop.

>>> import elman
>>> read(elman.cells.lstm_peephole).op, read(elman.cells.mgu)
('LSTM', None)
>>> read(elman.cells.gru).after, read(elman.cells.gru_reset_before).after
(True, False)
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from elman.expr import Cell
from elman.expr.graph import Graph

ACTIVATIONS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "softplus": "Softplus"}


@dataclass
class GateTerms:
    """An activation of a sum: of one product with the input, one with the state, and vectors.

    Attributes:
        activation: its name in ONNX.
        x, h: members of the parameters that multiply the input and the state.
        biases: vectors that are added.
        state_biases: vectors that are added to the product with the state, before it is reset.
        peephole: the vector that multiplies the cell state.
    """

    activation: str = ""
    x: str = ""
    h: str = ""
    biases: list[str] = field(default_factory=list)
    state_biases: list[str] = field(default_factory=list)
    peephole: str = ""


@dataclass(frozen=True)
class Recognised:
    """A cell as a node of ONNX.

    Attributes:
        op: RNN, LSTM or GRU.
        gates: in ONNX's order; None for a forget gate that is coupled to the input gate.
        activations: of the node.
        after: whether a GRU resets after the product.
    """

    op: str
    gates: tuple[GateTerms | None, ...]
    activations: tuple[str, ...]
    after: bool = False


def read(cell: Cell) -> Recognised | None:
    """Return the node that a cell is, or None."""
    if cell.sides or cell.open_sizes or any(cell.state_size(state) != "hidden" for state in cell.states):
        return None
    graph = cell.graph
    leaves = [graph.leaves["state", state] for state in cell.states]
    new = [graph.output[state] for state in cell.states]
    if len(leaves) == 1:
        return _read_rnn(graph, leaves[0], new[0]) or _read_gru(graph, leaves[0], new[0])
    return _read_lstm(graph, *leaves, *new) if len(leaves) == 2 else None


def _read_rnn(graph: Graph, h: int, new: int) -> Recognised | None:
    gate = _gate(graph, new, h)
    return None if gate is None else Recognised("RNN", (gate,), (gate.activation,))


def _read_lstm(graph: Graph, h: int, c: int, new_h: int, new_c: int) -> Recognised | None:
    nodes = graph.nodes
    for o_index, squashed in _both(graph, new_h, "mul"):
        squash, o = nodes[squashed], _gate(graph, o_index, h, new_c)
        if o is None or squash.op not in ACTIVATIONS or squash.args[0] != new_c:
            continue
        for kept, added in _both(graph, new_c, "add"):
            for (f_index, old), (i_index, g_index) in itertools.product(
                _both(graph, kept, "mul"), _both(graph, added, "mul")
            ):
                i, g = _gate(graph, i_index, h, c), _gate(graph, g_index, h)
                coupled = _one_minus(graph, f_index) == i_index
                f = None if coupled else _gate(graph, f_index, h, c)
                if old != c or i is None or g is None or (f is None and not coupled):
                    continue
                if {gate.activation for gate in (i, o, f) if gate} == {i.activation}:
                    activations = (i.activation, g.activation, ACTIVATIONS[squash.op])
                    return Recognised("LSTM", (i, o, f, g), activations)
    return None


def _read_gru(graph: Graph, h: int, new: int) -> Recognised | None:
    for written, kept in _both(graph, new, "add"):
        for (less_z, n_index), (z_index, old) in itertools.product(
            _both(graph, written, "mul"), _both(graph, kept, "mul")
        ):
            z = _gate(graph, z_index, h)
            if old != h or z is None or _one_minus(graph, less_z) != z_index:
                continue
            found = _candidate(graph, n_index, h)
            if found is not None and found[0].activation == z.activation:
                r, n, after = found
                return Recognised("GRU", (z, r, n), (z.activation, n.activation), after)
    return None


def _candidate(graph: Graph, index: int, h: int) -> tuple[GateTerms, GateTerms, bool] | None:
    """Read the candidate of a GRU: its reset gate, itself, and whether it resets after the product."""
    node = graph.nodes[index]
    if node.op not in ACTIVATIONS:
        return None
    terms = list(_terms(graph, node.args[0]))
    for term in terms:
        rest = _sum_of(graph, [t for t in terms if t != term], h)
        if rest is None or rest.h or not rest.x:
            continue
        rest.activation = ACTIVATIONS[node.op]
        inner = graph.nodes[term]
        is_product = inner.op == "product" and graph.nodes[inner.args[0]].op == "parameter"
        for r_index, other in _both(graph, inner.args[1] if is_product else term, "mul"):
            r = _gate(graph, r_index, h)
            if r is None:
                continue
            if is_product and other == h:
                rest.h = graph.nodes[inner.args[0]].name
                return r, rest, False
            carried = None if is_product else _sum_of(graph, list(_terms(graph, other)), h)
            if carried is not None and carried.h and not carried.x and not carried.peephole:
                rest.h, rest.state_biases = carried.h, carried.biases
                return r, rest, True
    return None


def _gate(graph: Graph, index: int, h: int, c: int | None = None) -> GateTerms | None:
    """Read a gate; one that may look at the cell state names it."""
    node = graph.nodes[index]
    if node.op not in ACTIVATIONS:
        return None
    gate = _sum_of(graph, list(_terms(graph, node.args[0])), h, c)
    if gate is None or not gate.x or not gate.h:
        return None
    gate.activation = ACTIVATIONS[node.op]
    return gate


def _sum_of(graph: Graph, terms: list[int], h: int, c: int | None = None) -> GateTerms | None:
    nodes, gate = graph.nodes, GateTerms()
    for term in terms:
        node = nodes[term]
        kinds = [nodes[a].op for a in node.args]
        if node.op == "parameter":
            gate.biases.append(node.name)
        elif node.op == "product" and kinds[0] == "parameter" and node.args[1] == graph.input and not gate.x:
            gate.x = nodes[node.args[0]].name
        elif node.op == "product" and kinds[0] == "parameter" and node.args[1] == h and not gate.h:
            gate.h = nodes[node.args[0]].name
        elif node.op == "mul" and c in node.args and "parameter" in kinds and not gate.peephole:
            gate.peephole = nodes[node.args[kinds.index("parameter")]].name
        else:
            return None
    return gate


def _terms(graph: Graph, index: int) -> Iterator[int]:
    waiting = [index]
    while waiting:
        node = graph.nodes[waiting[-1]]
        if node.op == "add":
            waiting.pop()
            waiting.extend(node.args)
        else:
            yield waiting.pop()


def _both(graph: Graph, index: int, op: str) -> list[tuple[int, int]]:
    """Return the arguments of an operation in both orders; none if it is another."""
    node = graph.nodes[index]
    return [(node.args[0], node.args[1]), (node.args[1], node.args[0])] if node.op == op else []


def _one_minus(graph: Graph, index: int) -> int | None:
    node = graph.nodes[index]
    if node.op == "sub" and graph.nodes[node.args[0]].op == "constant" and graph.nodes[node.args[0]].value == 1.0:
        return node.args[1]
    return None

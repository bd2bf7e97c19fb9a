"""Find the forget gates in the equations of any cell: those that decide how long a state is kept.

A new state is read as a sum. If the old state has the weight ``f`` in it, the gate f *keeps*; if its weight is
``1 - z``, the gate z *overwrites*. It does not matter how that is written:

>>> from elman.expr import cell, sigmoid, tanh
>>> @cell
... def leaky(x, h, *, W, U, b):
...     z = sigmoid(W.z @ x + U.z @ h + b.z)
...     return h + z * (tanh(W.n @ x + U.n @ h + b.n) - h)
>>> [(r.state, r.sign, r.gate.biases) for r in retention_gates(leaky.graph)]
[('h', -1, ('b.z',))]
"""

import heapq
from dataclasses import dataclass

from elman.expr.graph import Graph

GATES = frozenset({"sigmoid", "hard_sigmoid"})
SIGNS = {"add": (1.0, 1.0), "sub": (1.0, -1.0), "neg": (-1.0,)}  # of the terms of a sum
ONE = -1  # key of the number in a weight that is a sum of gates and a number
# A weight of more gates is not followed: it is no form that is searched for, and a wide sum would copy all of them.
MOST_GATES = 32

Weight = dict[int, float] | None
"""Numbers by gate, ``{ONE: 1, z: -1}`` for 1 − z; empty for 0; None for anything else."""


@dataclass(frozen=True)
class Gate:
    """A sigmoid, and the constant part of its pre-activation.

    Attributes:
        node: its index in the graph.
        biases: members that are added in its pre-activation and used nowhere else, from left to right; empty where
            another constant term is added too.
        offset: the number that is added too.
    """

    node: int
    biases: tuple[str, ...]
    offset: float


@dataclass(frozen=True)
class Retention:
    """Gate that weighs an old state in the sum that is the new one.

    Attributes:
        state: name of the state.
        gate: the gate.
        sign: +1 where the weight is the gate, which keeps; −1 where it is 1 minus the gate, which overwrites.
        others: gates that weigh the other terms of the sum, such as the input gate.
    """

    state: str
    gate: Gate
    sign: int
    others: tuple[Gate, ...]


def retention_gates(graph: Graph) -> tuple[Retention, ...]:
    """Find the gate of every state that is weighed by exactly one.

    A weight that is a quotient or a product of gates, as in minLSTM, is not recognised, and its state is left out.

    Args:
        graph: the equations of one time step.

    Returns:
        In the order of the states.
    """
    forms, alone, readers = _gate_forms(graph), _gates_alone(graph), graph.readers()
    retentions = []
    for state in graph.states:
        weights = _weights(graph, graph.leaves["state", state], forms)
        weight = weights[graph.output[state]] or {}
        gate = next((index for index in weight if index != ONE), None)
        if gate is None or weight not in ({gate: 1.0}, {ONE: 1.0, gate: -1.0}):
            continue
        others = _weighing_gates(graph, graph.output[state], weights, alone) - {gate}
        retentions.append(
            Retention(
                state,
                _describe(graph, gate, readers),
                1 if weight[gate] > 0 else -1,
                tuple(_describe(graph, other, readers) for other in sorted(others)),
            )
        )
    return tuple(retentions)


def _gate_forms(graph: Graph) -> list[Weight]:
    """Write every value as a sum of gates and a number, where it is one."""
    forms: list[Weight] = []
    for index, node in enumerate(graph.nodes):
        args = [forms[a] for a in node.args]
        if node.op == "constant":
            forms.append({ONE: node.value})
        elif node.op in GATES:
            forms.append({index: 1.0})
        elif node.op in SIGNS:
            forms.append(_sum(node.op, args))
        elif node.op == "mul":
            forms.append(_times(*args))
        else:
            forms.append(None)
    return forms


def _weights(graph: Graph, state: int, forms: list[Weight]) -> list[Weight]:
    """Compute the factor of a state in every value, through sums and products."""
    weights: list[Weight] = []
    for index, node in enumerate(graph.nodes):
        args = [weights[a] for a in node.args]
        if index == state:
            weights.append({ONE: 1.0})
        elif node.op in SIGNS:
            weights.append(_sum(node.op, args))
        elif node.op == "mul" and any(weight != {} for weight in args):
            own, other = node.args if args[0] != {} else node.args[::-1]
            weights.append(_times(weights[own], forms[other]) if weights[other] == {} else None)
        elif node.op == "div" and args[0] != {}:
            weights.append(None)
        else:
            weights.append({})
    return weights


def _sum(op: str, args: list[Weight]) -> Weight:
    total: dict[int, float] = {}
    for sign, weight in zip(SIGNS[op], args, strict=True):
        if weight is None:
            return None
        for index, factor in weight.items():
            total[index] = total.get(index, 0.0) + sign * factor
    nonzero = {index: factor for index, factor in total.items() if factor}
    return nonzero if len(nonzero) <= MOST_GATES else None


def _times(a: Weight, b: Weight) -> Weight:
    """Multiply two weights of which one is a number."""
    if a is None or b is None:
        return None
    gates, number = (a, b) if b.keys() <= {ONE} else (b, a)
    if not number.keys() <= {ONE}:
        return None
    scale = number.get(ONE, 0.0)
    return {index: scale * factor for index, factor in gates.items() if scale * factor}


def _gates_alone(graph: Graph) -> list[set[int]]:
    """Find the gates that are factors of every value; of more than two, any two are listed."""
    factors: list[set[int]] = []
    for index, node in enumerate(graph.nodes):
        if node.op == "mul":
            factors.append(set(sorted(factors[node.args[0]] | factors[node.args[1]])[:2]))
        else:
            factors.append({index} if node.op in GATES else set())
    return factors


def _weighing_gates(graph: Graph, new: int, weights: list[Weight], alone: list[set[int]]) -> set[int]:
    """Collect the gates that weigh, each alone, a term of the sum without the old state."""
    gates: set[int] = set()
    waiting, seen = [new], set()
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        node = graph.nodes[index]
        if node.op in SIGNS:
            waiting.extend(node.args)
        elif node.op == "mul" and weights[index] == {}:
            gates |= alone[index] if len(alone[index]) == 1 else set()
    return gates


def _describe(graph: Graph, gate: int, readers: list[int]) -> Gate:
    """Read the constant terms of a gate's pre-activation, from left to right.

    A bias belongs to the gate if it is added once, and neither it nor a partial sum with it is used elsewhere.
    """
    top = graph.nodes[gate].args[0]
    shares = _shares(graph, top)
    biases, offset, understood = list[str](), 0.0, True
    waiting, seen = [(top, True)], set[int]()
    while waiting:
        index, own = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        node, own = graph.nodes[index], own and readers[index] == 1
        if node.op in SIGNS:
            waiting.extend((a, own) for a in reversed(node.args))
        elif node.op == "constant":
            offset += shares[index] * node.value
        elif node.op == "parameter" and own and shares[index] > 0:
            biases.append(node.name)
        else:
            understood &= graph.moves[index]
    return Gate(gate, tuple(biases) if understood else (), offset)


def _shares(graph: Graph, top: int) -> dict[int, float]:
    """Count how often each value is added in a sum, less how often it is subtracted."""
    shares: dict[int, float] = {top: 1.0}
    waiting = [-top]  # the last first: a value comes when all its readers have
    while waiting:
        index = -heapq.heappop(waiting)
        node = graph.nodes[index]
        for arg, sign in zip(node.args, SIGNS.get(node.op, ()), strict=False):
            if arg not in shares:
                heapq.heappush(waiting, -arg)
            shares[arg] = shares.get(arg, 0.0) + sign * shares[index]
    return shares

"""Find, in the equations of any cell, the gates that decide how long a state is remembered.

A new state is read as a sum. Where the old state stands in it with the weight ``f``, the gate f *keeps*; where its
weight is ``1 - z``, the gate z *overwrites*. It does not matter how that is written:

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
ONE = -1  # stands for the number 1 where a weight is written as a sum of gates and a number
# A weight of more gates is not taken further: it is none of the forms looked for, and a wide sum would hold each anew.
MOST_GATES = 32

Weight = dict[int, float] | None
"""Numbers by gate, ``{ONE: 1, z: -1}`` for 1 − z; empty for 0; None for anything else."""


@dataclass(frozen=True)
class Gate:
    """Describe a sigmoid by what is constant in its pre-activation.

    Attributes:
        node: its place in the graph.
        biases: members that are added in its pre-activation and read nowhere else, from left to right; none where
            something else that is constant is added to it too.
        offset: the number that is added beside them.
    """

    node: int
    biases: tuple[str, ...]
    offset: float


@dataclass(frozen=True)
class Retention:
    """Say which gate weighs an old state in the sum that makes the new one.

    Attributes:
        state: name of the state.
        gate: the gate.
        sign: +1 where the weight is the gate, which keeps; −1 where it is 1 minus the gate, which overwrites.
        others: gates of their own that weigh the other terms of the sum, such as the input gate.
    """

    state: str
    gate: Gate
    sign: int
    others: tuple[Gate, ...]


def retention_gates(graph: Graph) -> tuple[Retention, ...]:
    """Find the gate of every state that is weighed by exactly one.

    A weight that is a quotient or a product of gates, as in minLSTM, is not understood, and its state is left out.

    Args:
        graph: the equations of one time step.

    Returns:
        What was found, in the order of the states.
    """
    forms, alone, readers = _gate_forms(graph), _gates_alone(graph), graph.readers()
    found = []
    for state in graph.states:
        weights = _weights(graph, graph.leaves["state", state], forms)
        weight = weights[graph.output[state]] or {}
        gate = next((index for index in weight if index != ONE), None)
        if gate is None or weight not in ({gate: 1.0}, {ONE: 1.0, gate: -1.0}):
            continue
        others = _weighing_gates(graph, graph.output[state], weights, alone) - {gate}
        found.append(
            Retention(
                state,
                _describe(graph, gate, readers),
                1 if weight[gate] > 0 else -1,
                tuple(_describe(graph, other, readers) for other in sorted(others)),
            )
        )
    return tuple(found)


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
    """Find the factor of a state in every value, as far as sums and products reach."""
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
    found = {index: factor for index, factor in total.items() if factor}
    return found if len(found) <= MOST_GATES else None


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
    """Find the gates that are factors of every value; of more than one any two stand for all."""
    found: list[set[int]] = []
    for index, node in enumerate(graph.nodes):
        if node.op == "mul":
            found.append(set(sorted(found[node.args[0]] | found[node.args[1]])[:2]))
        else:
            found.append({index} if node.op in GATES else set())
    return found


def _weighing_gates(graph: Graph, new: int, weights: list[Weight], alone: list[set[int]]) -> set[int]:
    """Collect the gates that weigh, each alone, a term of a sum in which the old state does not stand."""
    found: set[int] = set()
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
            found |= alone[index] if len(alone[index]) == 1 else set()
    return found


def _describe(graph: Graph, gate: int, readers: list[int]) -> Gate:
    """Read what is constant in the sum in front of a gate, from left to right.

    A bias is the gate's own where it is added once, and nothing but this sum reads it or a sum that it stands in.
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

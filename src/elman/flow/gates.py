"""Look at gates and units: how much of the time they are shut, open, saturated or dead (figure 8).

The equations are computed once more, on every real step by itself, so that each value of them can be looked at.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.backends.reference_calls import FUNCTIONS
from elman.expr.builder import Builder
from elman.expr.cell import Cell
from elman.expr.graph import Graph
from elman.expr.lower import expand_into
from elman.expr.retention import GATES, retention_gates
from elman.flow.figures import Gate, Gates
from elman.flow.trajectory import CHUNK, Track

SHUT, OPEN, SATURATED = 0.1, 0.9, 0.99


def look_at_gates(track: Track) -> Gates:
    """Collect how the gates and units of a layer in one direction are used, over all its real steps."""
    graph = track.program.cell.graph
    kinds = {op: [i for i, n in enumerate(graph.nodes) if n.op == op] for op in ("tanh", "relu")}
    gates = [i for i, n in enumerate(graph.nodes) if n.op in GATES]
    watched = [*gates, *kinds["tanh"], *kinds["relu"]]
    columns: dict[int, list[Tensor]] = {i: [] for i in watched}
    for values in _values(track):
        for index in watched:
            columns[index].append(_summary(values[index], values[graph.input]))
    joined = {i: torch.stack(column) for i, column in columns.items()}
    tanh = [joined[i][:, 4].sum() / joined[i][:, 0].sum() for i in kinds["tanh"]]
    dead = [float((joined[i][:, 5] == 0).all(0).double().mean()) for i in kinds["relu"]]
    found = tuple(_gate(track.program.cell, i, joined[i]) for i in gates)
    return Gates(
        found,
        _mean([gate.below + gate.above for gate in found]),
        _mean([float(share) for share in tanh]),
        _mean(dead),
    )


def _summary(value: Tensor, x: Tensor) -> Tensor:
    """Count, for each unit: rows, their sum, those shut, open, saturated, and not 0."""
    value = value.expand(len(x), value.shape[-1]) if value.dim() else value.expand(len(x), 1)
    marks = [value < SHUT, value > OPEN, value.abs() > SATURATED, value != 0]
    return torch.stack([torch.ones_like(value).sum(0), value.sum(0), *(mark.double().sum(0) for mark in marks)])


def _gate(cell: Cell, index: int, counts: Tensor) -> Gate:
    rows, total, below, above = (counts[:, i].sum(0) for i in range(4))
    kept = next((r for r in retention_gates(cell.graph) if r.gate.node == index), None)
    names = [label for label, node in cell.labels if node == index]
    sigmoids = [i for i, n in enumerate(cell.graph.nodes) if n.op in GATES]
    name = names[0] if names else f"sigmoid {sigmoids.index(index) + 1}"
    lives = None
    if kept is not None:
        weight = total / rows if kept.sign > 0 else 1 - total / rows
        lives = (math.log(0.5) / weight.log()).numpy()
    mean, shut, wide = (float(part.sum() / rows.sum()) for part in (total, below, above))
    return Gate(name, mean, shut, wide, "" if kept is None else kept.state, lives)


def _mean(shares: list[float]) -> float:
    return sum(shares) / len(shares) if shares else math.nan


def _values(track: Track) -> Iterator[dict[int, Tensor]]:
    """Compute every value of a cell's equations, on its real steps, some at a time."""
    graph = track.program.cell.graph
    builder = Builder()
    place = expand_into(builder, graph, keep_derivatives=False)
    lowered = builder.graph({state: place[index] for state, index in graph.outputs})
    fixed = _parameters(track)
    real = track.valid.flatten().nonzero().flatten()
    for rows in real.split(CHUNK):
        leaves = {("input", graph.nodes[graph.input].name): track.x.flatten(0, 1)[rows]}
        for op, names, tensors in (("state", graph.states, track.before), ("side", graph.sides, track.sides)):
            leaves |= {(op, n): t.flatten(0, 1)[rows] for n, t in zip(names, tensors, strict=True)}
        found = _compute(lowered, leaves | fixed, track)
        yield {index: found[place[index]] for index in range(len(graph.nodes))}


def _parameters(track: Track) -> dict[tuple[str, str], Tensor]:
    found = {}
    for parameter, whole in zip(track.program.parameters, track.parameters, strict=True):
        for name, part in zip(parameter.members, whole.chunk(len(parameter.members)), strict=True):
            found["parameter", name] = part
    return found


def _compute(graph: Graph, leaves: dict[tuple[str, str], Tensor], track: Track) -> list[Tensor]:
    functions: dict[str, Callable[..., Tensor]] = {**FUNCTIONS, "product": lambda m, v: F.linear(v, m)}
    values: list[Tensor] = []
    for node in graph.nodes:
        if node.op == "constant":
            values.append(track.x.new_full((), node.value))
        elif node.op == "size":
            values.append(track.x.new_full((), float(_size(graph, node.name, values))))
        elif not node.args:
            # A bias that the layer was built without is 0.
            values.append(leaves.get((node.op, node.name), track.x.new_zeros(())))
        else:
            values.append(functions[node.op](*[values[a] for a in node.args]))
    return values


def _size(graph: Graph, axis: str, values: list[Tensor]) -> int:
    for node, value in zip(graph.nodes, values, strict=False):
        if node.shape[-1:] == (axis,) and value.dim():
            return value.shape[-1]
    raise AssertionError("verified: an axis is that of a value before it")

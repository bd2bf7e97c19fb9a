"""Measure gates and units: for how much of the time they are shut, open, saturated or dead (figure 8).

The equations are computed again, for every real step alone, so that each of their values can be read.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from elman.backends.inputs import sizes_of
from elman.backends.tensor_calls import FUNCTIONS
from elman.expr.builder import Builder
from elman.expr.graph import Graph
from elman.expr.lower import expand_into
from elman.expr.retention import GATES, Retention, retention_gates
from elman.flow.figures import Gates, GateUsage
from elman.flow.lags import half_life
from elman.flow.trajectory import CHUNK, Track

SHUT, OPEN, SATURATED = 0.1, 0.9, 0.99
STUCK = 0.95
"""A unit's gate is stuck if this share of its values lies at the same end: a gate that opens for some steps and shuts
for others works, however far it goes. A tanh is stuck if this share of its values lies at either end."""


def look_at_gates(track: Track) -> Gates:
    """Measure the gates and units of a layer in one direction, over all its real steps."""
    graph = track.program.cell.graph
    kinds = {op: [i for i, n in enumerate(graph.nodes) if n.op == op] for op in ("tanh", "relu")}
    gates = [i for i, n in enumerate(graph.nodes) if n.op in GATES]
    watched = [*gates, *kinds["tanh"], *kinds["relu"]]
    columns: dict[int, list[Tensor]] = {i: [] for i in watched}
    for values in _values(track, watched):
        for index in watched:
            columns[index].append(_summary(values[index]))
    joined = {i: torch.stack(column) for i, column in columns.items()}
    tanh = [(joined[i][:, 4].sum(0) >= STUCK * joined[i][:, 0].sum(0)).double().mean() for i in kinds["tanh"]]
    dead = [float((joined[i][:, 5] == 0).all(0).double().mean()) for i in kinds["relu"]]
    kept = {r.gate.node: r for r in retention_gates(graph)}
    labels = {node: label for label, node in reversed(track.program.cell.labels)}
    names = [labels.get(i, f"sigmoid {number}") for number, i in enumerate(gates, start=1)]
    usages = tuple(_gate(name, joined[i], kept.get(i)) for name, i in zip(names, gates, strict=True))
    signs = {i: r.sign for i, r in kept.items()}
    return Gates(
        usages,
        _mean([_stuck(joined[i], signs.get(i, 0)) for i in gates]),
        _mean([float(share) for share in tanh]),
        _mean(dead),
    )


def _summary(value: Tensor) -> Tensor:
    """Count, for each unit of (rows, units): rows, their sum, those shut, open, saturated, and not 0."""
    marks = [value < SHUT, value > OPEN, value.abs() > SATURATED, value != 0]
    return torch.stack([torch.ones_like(value).sum(0), value.sum(0), *(mark.double().sum(0) for mark in marks)])


def _stuck(counts: Tensor, sign: int) -> float:
    """Compute the share of units whose gate is stuck; a forget gate that keeps its state is not."""
    rows, below, above = (counts[:, i].sum(0) for i in (0, 2, 3))
    shut = below >= STUCK * rows if sign >= 0 else torch.zeros_like(rows, dtype=torch.bool)
    wide = above >= STUCK * rows if sign <= 0 else torch.zeros_like(rows, dtype=torch.bool)
    return float((shut | wide).double().mean())


def _gate(name: str, counts: Tensor, kept: Retention | None) -> GateUsage:
    rows, total, below, above = (counts[:, i].sum(0) for i in range(4))
    lives = None
    if kept is not None:
        weight = total / rows if kept.sign > 0 else 1 - total / rows
        lives = np.array([half_life(slope) for slope in weight.log().tolist()])
    mean, shut, wide = (float(part.sum() / rows.sum()) for part in (total, below, above))
    return GateUsage(name, mean, shut, wide, "" if kept is None else kept.state, lives)


def _mean(shares: list[float]) -> float:
    return sum(shares) / len(shares) if shares else math.nan


def _values(track: Track, watched: list[int]) -> Iterator[dict[int, Tensor]]:
    """Compute values of a cell's equations, by their nodes, on its real steps, some at a time."""
    graph = track.program.cell.graph
    builder = Builder()
    place = expand_into(builder, graph, keep_derivatives=False)
    lowered = builder.graph({str(index): place[index] for index in watched})
    fixed = _parameters(track)
    real = track.valid.flatten().nonzero().flatten()
    for rows in real.split(CHUNK):
        leaves = {("input", graph.nodes[graph.input].name): track.x.flatten(0, 1)[rows]}
        for op, names, tensors in (("state", graph.states, track.before), ("side", graph.sides, track.sides)):
            leaves |= {(op, n): t.flatten(0, 1)[rows] for n, t in zip(names, tensors, strict=True)}
        computed = _compute(lowered, leaves | fixed, track)
        values = {index: computed[lowered.output[str(index)]] for index in watched}
        # A value that depends on parameters alone is the same for all rows; a number is the same for all units too.
        yield {index: v.expand(len(rows), v.shape[-1] if v.dim() else 1) for index, v in values.items()}


def _parameters(track: Track) -> dict[tuple[str, str], Tensor]:
    tensors = {}
    for parameter, whole in zip(track.program.parameters, track.parameters, strict=True):
        for name, part in zip(parameter.members, whole.chunk(len(parameter.members)), strict=True):
            tensors["parameter", name] = part
    return tensors


def _compute(graph: Graph, leaves: dict[tuple[str, str], Tensor], track: Track) -> list[Tensor]:
    functions: dict[str, Callable[..., Tensor]] = {**FUNCTIONS, "product": lambda m, v: F.linear(v, m)}
    functions["product_t"] = lambda m, v: v @ m
    sizes = sizes_of(track.program, track.flat(slice(0, 1)))
    values: list[Tensor] = []
    for node in graph.nodes:
        if node.op == "constant":
            values.append(track.x.new_full((), node.value))
        elif node.op == "size":
            values.append(track.x.new_full((), float(sizes[node.name])))
        elif not node.args:
            # A bias that the layer was built without is 0.
            values.append(leaves.get((node.op, node.name), track.x.new_zeros(())))
        else:
            values.append(functions[node.op](*[values[a] for a in node.args]))
    return values

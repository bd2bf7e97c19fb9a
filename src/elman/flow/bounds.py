"""Say what the weights alone guarantee: the radius and the largest singular value of hidden-to-hidden matrices.

Figure 7; Pascanu et al. 2013, section 2.1. With h' = f(U h + …), ‖J‖ ≤ σ₁(U) γ where γ bounds |f'|: below 1, gradients
vanish, whatever the data. That a radius above 1 is not enough for them to explode shows every saturated tanh.

>>> import elman
>>> import torch
>>> program = elman.autodiff.derive(elman.cells.elman)
>>> u = 0.5 * torch.eye(2, dtype=torch.float64)
>>> [b.guarantee for b in find_bounds(program, [torch.zeros(2, 3), u, torch.zeros(2)])]
['vanishing']
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.autodiff.noise import NONE
from elman.autodiff.program import Program
from elman.expr.graph import Graph
from elman.expr.roles import hidden_to_hidden
from elman.flow.figures import Bound

STEEPEST = {"": 1.0, "tanh": 1.0, "sigmoid": 0.25, "relu": 1.0, "hard_sigmoid": 1 / 6, "softplus": 1.0}
SUMS = frozenset({"add", "sub", "neg"})


def find_bounds(program: Program, parameters: Sequence[Tensor]) -> tuple[Bound, ...]:
    """Find the bounds of every hidden-to-hidden matrix, in the order in which the equations name them.

    Args:
        program: of the layer.
        parameters: its tensors.
    """
    graph = program.cell.graph
    members = hidden_to_hidden(graph)
    parts = {
        name: part
        for parameter, whole in zip(program.parameters, parameters, strict=True)
        for name, part in zip(parameter.members, whole.chunk(len(parameter.members)), strict=True)
    }
    found = []
    for name in members:
        matrix = parts[name]
        square = matrix.shape[0] == matrix.shape[1]
        radius = float(torch.linalg.eigvals(matrix).abs().max()) if square else math.nan
        sigma = float(torch.linalg.matrix_norm(matrix, 2))
        behind = _functions_behind(graph, name)
        gamma = max((STEEPEST.get(op, math.nan) for op in behind), key=lambda g: (math.isnan(g), g))
        only = len(members) == 1 and program.noise == NONE and _is_only_way(graph, name)
        guarantee = _guarantee(radius, sigma * gamma, linear=behind == {""}) if only else ""
        found.append(Bound(name, radius, sigma, gamma, guarantee))
    return tuple(found)


def _guarantee(radius: float, steepest: float, linear: bool) -> str:
    if linear:
        return "vanishing" if radius < 1 else "exploding" if radius > 1 else ""
    return "vanishing" if steepest < 1 else ""


def _functions_behind(graph: Graph, member: str) -> set[str]:
    """Name the functions behind sums with a product of a matrix; the empty name where such a sum is a new state."""
    matrix = graph.leaves["parameter", member]
    waiting = [i for i, n in enumerate(graph.nodes) if n.op == "product" and n.args[0] == matrix]
    found, seen, new = set[str](), set[int](), set(graph.output.values())
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        if index in new:
            found.add("")
        readers = graph.read_by[index]
        waiting += [i for i in readers if graph.nodes[i].op in SUMS]
        found |= {graph.nodes[i].op for i in readers} - SUMS
    return found


def _is_only_way(graph: Graph, member: str) -> bool:
    """Tell whether the new state is f(U h + …) of its only state h, which goes no other way."""
    if len(graph.states) != 1:
        return False
    state, matrix = graph.leaves["state", graph.states[0]], graph.leaves["parameter", member]
    readers = graph.read_by[state]
    if [graph.nodes[i].args for i in readers] != [(matrix, state)] or graph.nodes[readers[0]].op != "product":
        return False
    index = graph.output[graph.states[0]]
    after = graph.nodes[index]
    inside = after.args[0] if after.op in STEEPEST and len(after.args) == 1 else index
    waiting, seen = [inside], set[int]()
    while waiting:
        index = waiting.pop()
        if index == readers[0]:
            return graph.readers()[index] == 1
        if index not in seen and graph.nodes[index].op in SUMS:
            waiting += graph.nodes[index].args
        seen.add(index)
    return False

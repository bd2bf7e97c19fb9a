"""Bound the gradient by the weights alone: radius and largest singular value of hidden-to-hidden matrices.

Figure 7; Pascanu et al. 2013, section 2.1. With h' = f(U h + …), ‖J‖ ≤ σ₁(U) γ where γ bounds |f'|: below 1, gradients
vanish, whatever the data. A radius above 1 does not make them explode: a saturated tanh is the counterexample.

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
from elman.expr.graph import PRODUCTS, Graph
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
    bounds = []
    for name in members:
        matrix = parts[name]
        square = matrix.shape[0] == matrix.shape[1]
        radius = float(torch.linalg.eigvals(matrix).abs().max()) if square else math.nan
        sigma = float(torch.linalg.matrix_norm(matrix, 2))
        behind = _functions_behind(graph, name)
        gamma = max((STEEPEST.get(op, math.nan) for op in behind), key=lambda g: (math.isnan(g), g))
        only = len(members) == 1 and program.noise == NONE and _is_only_way(graph, name)
        guarantee = _guarantee(radius, sigma * gamma, linear=behind == {""}) if only else ""
        bounds.append(Bound(name, radius, sigma, gamma, guarantee))
    return tuple(bounds)


def _guarantee(radius: float, steepest: float, linear: bool) -> str:
    if linear:
        return "vanishing" if radius < 1 else "exploding" if radius > 1 else ""
    return "vanishing" if steepest < 1 else ""


def _functions_behind(graph: Graph, member: str) -> set[str]:
    """Name the functions applied to sums that hold a product of the matrix; "" where such a sum is a new state."""
    matrix = graph.leaves["parameter", member]
    waiting = [i for i, n in enumerate(graph.nodes) if n.op in PRODUCTS and n.args[0] == matrix]
    functions, seen, new = set[str](), set[int](), set(graph.output.values())
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        if index in new:
            functions.add("")
        readers = graph.read_by[index]
        waiting += [i for i in readers if graph.nodes[i].op in SUMS]
        functions |= {graph.nodes[i].op for i in readers} - SUMS
    return functions


def _is_only_way(graph: Graph, member: str) -> bool:
    """Check whether the new state is f(U h + …) of the only state h, and h is used nowhere else."""
    if len(graph.states) != 1:
        return False
    state, matrix = graph.leaves["state", graph.states[0]], graph.leaves["parameter", member]
    readers = graph.read_by[state]
    if [graph.nodes[i].args for i in readers] != [(matrix, state)] or graph.nodes[readers[0]].op not in PRODUCTS:
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

"""Rewrite derived primitives into base ones, the only ones that a backend implements."""

from elman.expr.builder import Builder, Expr
from elman.expr.graph import Graph
from elman.expr.primitives import PRIMITIVES
from elman.expr.verify import verify


def expand_into(builder: Builder, graph: Graph, *, keep_derivatives: bool) -> list[int]:
    """Copy a graph into a builder, expanding derived primitives.

    Args:
        builder: gets the copies.
        graph: to copy.
        keep_derivatives: keep a derived primitive that has a derivative of its own.

    Returns:
        For every node of the graph, its index in the builder.
    """
    place: list[int] = []
    for node in graph.nodes:
        builder.line = node.line
        row = PRIMITIVES.get(node.op)
        args = tuple(place[a] for a in node.args)
        if row is None or row.expand is None or (keep_derivatives and row.derivative is not None):
            place.append(builder.add(node.op, *args, name=node.name, value=node.value, shape=node.shape))
        else:
            known = len(builder.nodes)
            place.append(_expand(builder, row.expand(*(builder.expr(a) for a in args)), keep_derivatives, known, {}))
    return place


def _expand(builder: Builder, value: Expr, keep_derivatives: bool, known: int, place: dict[int, int]) -> int:
    """Expand the new nodes of an expansion until only base primitives are left, each once.

    `place` maps each new node to its expansion; nodes below `known` are expanded already. The calls nest as deep as a
    row's own equations, which no cell can lengthen.
    """
    index = builder.index(value, "expansion")
    node = builder.nodes[index]
    row = PRIMITIVES.get(node.op)
    if row is None or index < known:
        return index
    if index not in place:
        args = tuple(_expand(builder, builder.expr(a), keep_derivatives, known, place) for a in node.args)
        if row.expand is None or (keep_derivatives and row.derivative is not None):
            place[index] = builder.add(node.op, *args, name=node.name, value=node.value)
        else:
            again = row.expand(*(builder.expr(a) for a in args))
            place[index] = _expand(builder, again, keep_derivatives, known, place)
    return place[index]


def lower(graph: Graph, builder: Builder) -> Graph:
    """Rewrite a graph in base primitives.

    Args:
        graph: a verified graph.
        builder: an empty builder; one that simplifies makes the result simpler.

    Returns:
        An equivalent graph in which every primitive is a base one.
    """
    place = expand_into(builder, graph, keep_derivatives=False)
    return verify(builder.graph({name: place[index] for name, index in graph.outputs}))

"""Read from the equations what part a parameter plays in the recurrence.

Initialisers and regularisers ask this, so that they hold for any cell and know no gate by its name.

>>> from elman.expr import cell, sigmoid, tanh
>>> @cell
... def mgu(x, h, *, W, U, b):
...     f = sigmoid(W.f @ x + U.f @ h + b.f)
...     return (1 - f) * h + f * tanh(W.n @ x + U.n @ (f * h) + b.n)
>>> hidden_to_hidden(mgu.graph)
('U.f', 'U.n')
"""

from elman.expr.graph import Graph


def hidden_to_hidden(graph: Graph) -> tuple[str, ...]:
    """Name the matrices that a state passes through on its way to the next step.

    These multiply a state before the step (``U.i @ h``), a new state (``U.y @ z`` where z was made in this step), or an
    elementwise product with one of them as a factor (``U.n @ (r * h)``). A projection ``R @ (o * tanh(c))`` and
    Jordan's ``V @ h``, whose h is no state, are not among them.

    Args:
        graph: the equations of one time step.

    Returns:
        Members (``U.i``, or ``U`` for a bare family), in the order in which the equations first name them.
    """
    states = {graph.leaves["state", s] for s in graph.states} | {graph.output[s] for s in graph.states}
    found = {n.args[0] for n in graph.nodes if n.op == "product" and _factors(graph, n.args[1], states) & states}
    return tuple(graph.nodes[index].name for index in sorted(found))


def _factors(graph: Graph, index: int, whole: set[int]) -> set[int]:
    """Collect the factors of a chain of products; what is in `whole` is not taken apart."""
    node = graph.nodes[index]
    if node.op != "mul" or index in whole:
        return {index}
    return set().union(*(_factors(graph, a, whole) for a in node.args))

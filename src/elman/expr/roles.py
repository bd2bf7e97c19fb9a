"""Find the role of a parameter in the recurrence, from the equations.

Initialisers and regularisers use it, so that they work for any cell, whatever its parameters are called.

>>> from elman.expr import cell, sigmoid, tanh
>>> @cell
... def mgu(x, h, *, W, U, b):
...     f = sigmoid(W.f @ x + U.f @ h + b.f)
...     return (1 - f) * h + f * tanh(W.n @ x + U.n @ (f * h) + b.n)
>>> hidden_to_hidden(mgu.graph)
('U.f', 'U.n')
"""

from elman.expr.graph import PRODUCTS, Graph


def hidden_to_hidden(graph: Graph) -> tuple[str, ...]:
    """List the hidden-to-hidden matrices: those that a state passes through on its way to the next step.

    These multiply a state before the step (``U.i @ h``), a new state (``U.y @ z`` where z is of this step), or an
    elementwise product with one of them as a factor (``U.n @ (r * h)``). A projection ``R @ (o * tanh(c))`` and
    Jordan's ``V @ h``, whose h is no state, are not among them.

    Args:
        graph: the equations of one time step.

    Returns:
        Members (``U.i``, or ``U`` for a bare family), in the order in which the equations first name them.
    """
    carried = carried_factors(graph)
    matrices = {n.args[0] for n in graph.nodes if n.op in PRODUCTS and carried[n.args[1]]}
    return tuple(graph.nodes[index].name for index in sorted(matrices))


def multiplied_states(graph: Graph) -> tuple[str, ...]:
    """List the states that those matrices multiply, alone or as a factor, in the order of the states."""
    carried = carried_factors(graph)
    multiplied = {s for n in graph.nodes if n.op in PRODUCTS for s in carried[n.args[1]]}
    return tuple(state for state in graph.states if state in multiplied)


def carried_factors(graph: Graph) -> list[frozenset[str]]:
    """List the states, before the step or new, that are factors of each value; do not follow those of a new state.

    Args:
        graph: the equations of one time step.

    Returns:
        For each node the states.
    """
    # if the new state is the input itself, or a parameter, that leaf does not count as a state
    new = {index: state for state, index in reversed(graph.outputs) if graph.nodes[index].args}
    whole = new | {graph.leaves["state", s]: s for s in graph.states}
    factors: list[frozenset[str]] = []
    for index, node in enumerate(graph.nodes):
        if index in whole:
            factors.append(frozenset({whole[index]}))
        elif node.op == "mul":
            factors.append(factors[node.args[0]] | factors[node.args[1]])
        else:
            factors.append(frozenset())
    return factors

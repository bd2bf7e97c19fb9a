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

from collections.abc import Collection

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
    found = {n.args[0] for n in graph.nodes if n.op == "product" and carried_factors(graph, n.args[1])}
    return tuple(graph.nodes[index].name for index in sorted(found))


def multiplied_states(graph: Graph) -> tuple[str, ...]:
    """Name the states that those matrices multiply, alone or as a factor, in the order of the states."""
    found = {s for n in graph.nodes if n.op == "product" for s in carried_factors(graph, n.args[1])}
    return tuple(state for state in graph.states if state in found)


def carried_factors(graph: Graph, vector: int) -> tuple[str, ...]:
    """Name the states, before the step or new, that are factors of a value; a new state is not taken apart.

    Args:
        graph: the equations of one time step.
        vector: the node that holds the value.

    Returns:
        Each state once, in the order of the states.
    """
    # a state that becomes the input itself, or a parameter, makes no state of these
    new = {index: state for state, index in reversed(graph.outputs) if graph.nodes[index].args}
    carried = new | {graph.leaves["state", s]: s for s in graph.states}
    found = {carried[index] for index in factors(graph, vector, carried) if index in carried}
    return tuple(state for state in graph.states if state in found)


def factors(graph: Graph, index: int, whole: Collection[int] = ()) -> set[int]:
    """Take a chain of elementwise products apart.

    Args:
        graph: holds the nodes.
        index: where the chain ends.
        whole: values that are not taken apart, though they may be products.

    Returns:
        The factors; the value itself, if it is none such.
    """
    found: set[int] = set()
    waiting, seen = [index], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if graph.nodes[current].op == "mul" and current not in whole:
            waiting.extend(graph.nodes[current].args)
        else:
            found.add(current)
    return found

"""Count the floating-point operations of the matrix products that an update needs, and nothing else.

A product of (B, n) with (n, m) has 2 · B · n · m of them. Going back, the gradient of every matrix costs as much as its
product going forward, and so does the adjoint of the state; the adjoint of the input is not asked for.
"""

from typing import Any

from bench.speed.torch_peer import Case
from elman.expr.roles import hidden_to_hidden

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def count_forward(case: Case) -> int:
    """Count the operations of a forward pass.

    >>> from bench.speed.torch_peer import Size
    >>> count_forward(Case("GRU", Size(5, 3, 7, 11)))
    17820
    """
    size = case.size
    return 2 * size.steps * size.batch * GATES[case.kind] * size.hidden * (size.inputs + size.hidden)


def count_update(case: Case) -> int:
    """Count the operations of a forward and a backward pass.

    >>> from bench.speed.torch_peer import Size
    >>> count_update(Case("GRU", Size(5, 3, 7, 11)))
    46530
    """
    size = case.size
    going_back = size.inputs + 2 * size.hidden
    return count_forward(case) + 2 * size.steps * size.batch * GATES[case.kind] * size.hidden * going_back


def count_cell_update(layer: Any, steps: int, batch: int) -> int:
    """Count the operations of an update of one layer of any cell.

    >>> import elman
    >>> layer = elman.nn.Recurrent(elman.cells.gru, 7, 11)
    >>> count_cell_update(layer, steps=5, batch=3)
    46530
    """
    sizes = layer.cell.sizes(layer.input_size, layer.hidden_size, layer.sizes)
    carried = set(hidden_to_hidden(layer.cell.graph))
    total = 0
    for node in layer.cell.graph.nodes:
        if node.op == "product":
            matrix = layer.cell.graph.nodes[node.args[0]]
            rows, columns = (sizes[length] for length in matrix.shape)
            total += rows * columns * (3 if matrix.name in carried else 2)
    return 2 * steps * batch * total

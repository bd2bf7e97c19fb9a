"""Products with matrices that are written as sums: ``(U - U.T) @ h`` becomes ``U @ h - U.T @ h``.

A matrix of the equations is a parameter, its transpose, a sum or difference of matrices, or one scaled by a number. A
graph holds products with parameters and with transposed parameters alone.
"""

from elman.expr.graph import Node

MOST_TERMS = 64  # of one matrix; a sum that doubles itself again and again would have millions

Term = tuple[float, int, bool]


def read_matrix(nodes: list[Node], index: int) -> tuple[list[Term], set[int]] | None:
    """Write a matrix as a sum.

    Args:
        nodes: of the cell that is being traced.
        index: of the matrix.

    Returns:
        For each term its factor, its parameter, and whether that is transposed; and the nodes that are a part of the
        matrix alone. None if it is no matrix, or has too many terms.
    """
    terms: list[Term] = []
    parts: set[int] = set()
    waiting: list[Term] = [(1.0, index, False)]
    while waiting and len(terms) + len(waiting) <= MOST_TERMS:
        factor, at, transposed = waiting.pop()
        node = nodes[at]
        if node.op == "parameter":
            terms.append((factor, at, transposed))
            continue
        parts.add(at)
        numbers = [nodes[a].value if nodes[a].op == "constant" else None for a in node.args]
        match node.op, node.args, numbers:
            case "transpose", (inner,), _:
                waiting.append((factor, inner, not transposed))
            case "neg", (inner,), _:
                waiting.append((-factor, inner, transposed))
            case (("add" | "sub"), (left, right), [None, None]):
                sign = -1.0 if node.op == "sub" else 1.0
                waiting += [(sign * factor, right, transposed), (factor, left, transposed)]
            case "mul", (_, inner), [float(number), None]:
                waiting.append((number * factor, inner, transposed))
            case (("mul" | "div"), (inner, _), [None, float(number)]) if number or node.op == "mul":
                scaled = number * factor if node.op == "mul" else factor / number
                waiting.append((scaled, inner, transposed))
            case _:
                return None
    return None if waiting else (terms, parts)

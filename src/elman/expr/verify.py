"""Check a graph against its rules, after every pass and on every graph from a file.

A pass or a backend may rely on these rules and no others:

1. Every argument comes before the node that reads it; every operation is known and has the right number of arguments.
2. Shapes are those that :func:`elman.expr.builder.result_shape` derives; the first argument of a product is a
parameter. 3. A comparison is read by ``where`` (as its condition), by ``&``, ``|`` and ``~``, and by nothing else; what
these read are comparisons. 4. The exponent of a power, the slope of a leaky relu and the bounds of a clamp are
constants; a layer normalisation, a softmax, and what makes one number of a vector read a vector.
5. A leaf occurs once; there is one input; every state has an output of its name and shape (or a number, of all examples
or of each). 6. A side input has one axis; no input, state or parameter is one number for each example.
"""

from typing import NoReturn

from elman.errors import CellError
from elman.expr.builder import result_shape
from elman.expr.graph import LEAVES, LOGIC, MASKS, OVER_UNITS, PRODUCTS, ROW, STRUCTURAL, Graph, Node
from elman.expr.limits import LARGEST_EXPONENT, MOST_LETTERS, MOST_NODES, MOST_STATES, is_exponent
from elman.expr.primitives import PRIMITIVES

OF_VECTORS = {
    "layer_norm": "it normalises",
    "softmax": "it makes a distribution of",
    "mean": "it is the mean over",
    "norm": "it is the length of",
}
ARITY = {
    "product": 2,
    "outer": 2,
    "total": 1,
    "spread": 2,
    "sum": 1,
    "max": 1,
    "select": 3,
    "clamp": 3,
    "power": 2,
    "leaky_relu": 2,
} | dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum", "less", "less_equal", "equal", "and", "or"), 2)


def verify(graph: Graph) -> Graph:
    """Check the rules above.

    Returns:
        The graph itself, so that a pass ends with ``return verify(graph)``.

    Raises:
        CellError: a rule is broken; the message names the node and the rule.
    """
    seen: set[tuple[str, str]] = set()
    for index, node in enumerate(graph.nodes):
        _verify_form(index, node)
        if node.op == "constant":
            if node.args or node.shape:
                _break(index, node, "a constant is one number and reads nothing")
        elif node.op in LEAVES:
            if (node.op, node.name) in seen or node.args:
                _break(index, node, "a leaf occurs once and reads nothing")
            seen.add((node.op, node.name))
            if (node.op == "side" and len(node.shape) != 1) or (node.op != "side" and ROW in node.shape):
                _break(index, node, "one number for each example is a side input, which has one axis")
        else:
            _verify_kinds(graph, index, node)
            if result_shape(node.op, [graph.nodes[a].shape for a in node.args]) != node.shape:
                _break(index, node, f"its shape {node.shape} is not what its arguments give")
    _verify_outputs(graph)
    return graph


def verify_step(graph: Graph) -> Graph:
    """Check the rules above, and those that tracing guarantees and a file may break.

    7. The outputs are the states, and every parameter reaches one. 8. No operation that only passes add. 9. An input
    and a state are vectors, a side input is one number for each example, a parameter is a vector or a matrix; all have
    different names, as the tensors of a layer must have: identifiers. 10. Nodes, states, names and exponents are within
    the limits of :mod:`elman.expr.limits`.

    Returns:
        The graph itself.

    Raises:
        CellError: a rule is broken; the message names the node and the rule.
    """
    if len(graph.nodes) > MOST_NODES:
        raise CellError(f"graph: it has {len(graph.nodes):,} values, and at most {MOST_NODES:,} are run. Write fewer.")
    if len(graph.states) > MOST_STATES:
        raise CellError(f"graph: it has {len(graph.states):,} states, and at most {MOST_STATES} are run. Write fewer.")
    verify(graph)
    if not graph.states or tuple(name for name, _ in graph.outputs) != graph.states:
        raise CellError("graph: its outputs are not its states. Save the model again.")
    _verify_leaves(graph)
    members = [name for name in graph.parameters if "." in name]
    joined = [name.replace(".", "_") for name in members]
    families = {name.split(".")[0] for name in graph.parameters}
    alone = {name.split(".")[0] for name in members} & set(graph.parameters)
    if alone or len(set(joined)) < len(joined) or families & set(joined):
        raise CellError("graph: two parameters would have one name in a layer. Save the model again.")
    return graph


def _verify_leaves(graph: Graph) -> None:
    reached, names = graph.ancestors(graph.output.values()), set[str]()
    for index, node in enumerate(graph.nodes):
        if node.op in STRUCTURAL - OVER_UNITS - PRODUCTS | {"adjoint", "size"} or len(node.args) > 3:
            _break(index, node, "only passes add this operation")
        if node.op == "power" and not is_exponent(graph.nodes[node.args[1]].value):
            _break(index, node, f"an exponent is not 0, and from -{LARGEST_EXPONENT:,.0f} to {LARGEST_EXPONENT:,.0f}")
        if node.op not in LEAVES - {"constant"}:
            continue
        if not node.name or node.name in names:
            _break(index, node, "every leaf of a step has a name of its own")
        names.add(node.name)
        _verify_names(index, node)
        if (node.op == "side") != (node.shape == (ROW,)) or len(node.shape) not in {1, 1 + (node.op == "parameter")}:
            _break(index, node, f"it cannot have the shape {node.shape}")
        if node.op == "parameter" and index not in reached:
            _break(index, node, "a parameter reaches a new state")


def _verify_names(index: int, node: Node) -> None:
    family, _, member = node.name.partition(".")
    parts = [family, member] if node.op == "parameter" and "." in node.name else [node.name]
    parts += [axis for axis in node.shape if axis != ROW]
    if (
        not all(part.isidentifier() and len(part) <= 2 * MOST_LETTERS for part in parts)
        or len(node.name) > MOST_LETTERS
    ):
        _break(index, node, f"names and sizes are identifiers of at most {MOST_LETTERS} letters")
    if node.op == "state" and node.name.startswith("d_"):
        _break(index, node, "names that begin with d_ belong to adjoints")


def _verify_form(index: int, node: Node) -> None:
    if node.op not in LEAVES | STRUCTURAL and node.op not in PRIMITIVES:
        _break(index, node, "the operation is unknown")
    if any(not 0 <= a < index for a in node.args):
        _break(index, node, "an argument does not come before it")
    if node.op == "product_t":
        fits = len(node.args) >= 2 and len(node.args) % 2 == 0
    else:
        fits = node.op in LEAVES or len(node.args) == ARITY.get(node.op, 1)
    if not fits:
        _break(index, node, f"it has {len(node.args)} arguments")


def _verify_kinds(graph: Graph, index: int, node: Node) -> None:
    args = [graph.nodes[a] for a in node.args]
    if node.is_mask != (node.op in MASKS):
        _break(index, node, "only a comparison is a mask")
    for position, arg in enumerate(args):
        if arg.is_mask != (node.op in LOGIC or (node.op == "select" and position == 0)):
            _break(index, node, "a comparison is the condition of `where`, and a condition is a comparison")
        if arg.op == "parameter" and len(arg.shape) == 2 and node.op not in {"product", "product_t"}:
            _break(index, node, "a matrix is used outside of a product")
    if node.op in {"product", "product_t"} and any(m.op != "parameter" for m in args[::2]):
        _break(index, node, "the matrix of a product is a parameter")
    if node.op in {"power", "leaky_relu", "clamp"} and any(arg.op != "constant" for arg in args[1:]):
        _break(index, node, "its second argument is a constant")
    if node.op == "clamp" and not args[1].value <= args[2].value:
        _break(index, node, "its lower bound comes first")
    if node.op in OF_VECTORS and args[0].shape in {(), (ROW,)}:
        _break(index, node, f"{OF_VECTORS[node.op]} a vector")


def _verify_outputs(graph: Graph) -> None:
    inputs = [n for n in graph.nodes if n.op == "input"]
    if len(inputs) != 1:
        raise CellError(f"graph: it has {len(inputs)} inputs, not one. Save the model again.")
    for name, index in graph.outputs:
        if not 0 <= index < len(graph.nodes):
            raise CellError(f"graph: output {name} points outside of it. Save the model again.")
    for node in graph.nodes:
        if node.op == "state":
            new = graph.nodes[graph.output[node.name]] if node.name in graph.output else None
            if new is None or new.is_mask or new.shape not in {node.shape, (), (ROW,)}:
                raise CellError(f"graph: state {node.name} has no new value of its shape. Save the model again.")


def _break(index: int, node: Node, rule: str) -> NoReturn:
    raise CellError(
        f"graph: node {index} (`{node.op[:40]}`, line {node.line}): {rule[:400]}. "
        "The graph is damaged, or a pass is wrong."
    )

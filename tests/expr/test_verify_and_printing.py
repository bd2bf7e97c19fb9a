"""Verification breaks on every broken rule; printing gives back equations that trace to the same graph."""

import dataclasses

import pytest

from elman import CellError, cell, cells, layer_norm, leaky_relu, maximum, relu, tanh, where
from elman.expr import Cell, Graph, verify
from elman.testing import random_cell


@cell
def model(x, h, c, *, W, U, b):
    g = where(h > 0.5, leaky_relu(W.a @ x), U.a @ h) ** 1.5
    c = maximum(c, g) - (1 - b.a)
    return tanh(c), c


def change(target, **fields):
    """Give the graph of `model` with its first node of an operation changed."""
    nodes = list(model.graph.nodes)
    index = next(i for i, n in enumerate(nodes) if n.op == target)
    nodes[index] = dataclasses.replace(nodes[index], **fields)
    return Graph(tuple(nodes), model.graph.outputs)


def at(target):
    return next(i for i, n in enumerate(model.graph.nodes) if n.op == target)


@pytest.mark.parametrize(
    ("op", "fields", "rule"),
    [
        ("tanh", {"op": "system"}, "operation is unknown"),
        ("maximum", {"args": (0, 10_000)}, "does not come before it"),
        ("maximum", {"args": (1,)}, "it has 1 arguments"),
        ("tanh", {"shape": ("input",)}, "is not what its arguments give"),
        ("tanh", {"is_mask": True}, "only a comparison is a mask"),
        ("state", {"args": (0,)}, "reads nothing"),
        ("state", {"name": "c"}, "a leaf occurs once"),
        ("product", {"args": (0, 0)}, "the matrix of a product is a parameter"),
        ("select", {"args": (1, 1, 1)}, "a condition is a comparison"),
        ("power", {"args": (1, 1)}, "is a constant"),
        ("input", {"op": "state", "name": "y"}, "0 inputs"),
    ],
)
def test_every_broken_rule_is_found(op, fields, rule):
    with pytest.raises(CellError, match=rule):
        verify(change(op, **fields))


def test_a_node_that_reads_itself_is_found():
    with pytest.raises(CellError, match="does not come before it"):
        verify(change("tanh", args=(at("tanh"),)))


@cell
def timed(x, dt, /, h, *, W, v):
    return tanh(W.a @ x + W.b @ h + v * dt - 2)


def rename(old, new):
    return lambda d: next(n for n in d["graph"]["nodes"] if n.get("name") == old).update(name=new)


def reshape(name, *shape):
    return lambda d: next(n for n in d["graph"]["nodes"] if n.get("name") == name).update(shape=shape)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda d: d["graph"]["outputs"].append(["dt", 1]), "outputs are not its states"),
        (lambda d: d["graph"]["outputs"].__setitem__(0, ["h", 2]), "a parameter reaches a new state"),
        (rename("dt", "x"), "a name of its own"),
        (rename("dt", ""), "a name of its own"),
        (rename("v", "h"), "a name of its own"),
        (rename("v", "W"), "two parameters would have one name"),
        (rename("v", "W_a"), "two parameters would have one name"),
        (reshape("dt", "hidden"), "cannot have the shape"),
        (lambda d: next(n for n in d["graph"]["nodes"] if n["op"] == "constant").update(args=[0]), "a constant is one"),
        (lambda d: d["graph"]["nodes"].append({"op": "adjoint", "name": "d_h", "shape": ["hidden"]}), "only passes"),
    ],
)
def test_a_saved_graph_that_no_equations_leave_is_refused(spoil, rule):
    data = timed.to_dict()
    assert Cell.from_dict(data).graph == timed.graph
    spoil(data)
    with pytest.raises(CellError, match=rule):
        Cell.from_dict(data)


def test_a_mask_used_as_a_number_is_found():
    mask = at("less")
    with pytest.raises(CellError, match="a comparison is the condition of `where`"):
        verify(change("tanh", args=(mask,)))


def test_a_matrix_used_elementwise_is_found():
    matrix = next(i for i, n in enumerate(model.graph.nodes) if n.op == "parameter" and len(n.shape) == 2)
    with pytest.raises(CellError, match="a matrix is used outside of a product"):
        verify(change("tanh", args=(matrix,)))


def test_a_state_without_a_new_value_is_found():
    with pytest.raises(CellError, match="state c has no new value"):
        verify(Graph(model.graph.nodes, model.graph.outputs[:1]))


def retrace(original):
    """Run printed equations as Python, under @cell."""
    families = sorted({p.split(".")[0] for p in original.graph.parameters})
    names = [*original.states]
    body, renamed = [], {}
    for line in original.equations().splitlines():
        left, right = (part.strip() for part in line.split(" = ", 1))
        for old, new in renamed.items():
            right = right.replace(old, new)
        if left.endswith("'"):
            renamed[left] = f"new_{left[:-1]}"
            left = renamed[left]
        body.append(f"    {left} = {right}")
    entry = original.graph.nodes[original.graph.input].name
    inputs = ", ".join([entry, *original.sides]) + ", /" * bool(original.sides)
    text = f"def {original.name}({inputs}, {', '.join(names)}, *, {', '.join(families)}):\n" + "\n".join(body)
    text += f"\n    return {', '.join('new_' + n for n in names)}\n"
    import elman

    scope = {n: getattr(elman, n) for n in elman.__all__}
    exec(compile(text, "printed", "exec"), scope)
    return cell(scope[original.name])


@pytest.mark.parametrize("name", cells.names())
def test_printed_equations_trace_to_the_same_gradient_program(name):
    original = cells.find(name)
    again = retrace(original)
    assert again.equations() == original.equations()
    assert sorted(n.op for n in again.graph.nodes) == sorted(n.op for n in original.graph.nodes)


@pytest.mark.parametrize("seed", range(40))
def test_printed_random_equations_trace_to_the_same_graph(seed):
    original = random_cell(seed)
    again = retrace(original)
    count = [sorted((n.op, n.name, n.value) for n in c.graph.nodes) for c in (original, again)]
    assert count[0] == count[1]


def test_brackets_are_where_arithmetic_needs_them_and_nowhere_else():
    @cell
    def brackets(x, h, *, W, a, b):
        p = (a - b) - h
        q = a - (b - h)
        r = a / (b * h) / (b / h)
        s = -((p + q) ** 2) * -r
        return W @ (x * relu(s)) + layer_norm(h) * -1.0

    assert brackets.equations().splitlines() == [
        "p  = a - b - h",
        "q  = a - (b - h)",
        "r  = a / (b * h) / (b / h)",
        "s  = -(p + q) ** 2 * -r",
        "h' = W @ (x * relu(s)) + layer_norm(h) * (-1)",
    ]


def test_a_variable_that_reuses_an_arguments_name_is_written_out():
    @cell
    def reused(x, h, *, W, U):
        x = tanh(W @ x)
        h = relu(U @ h)
        return x - h

    assert reused.equations() == "h' = tanh(W @ x) - relu(U @ h)"


def test_numbers_without_end_and_names_like_v1_print_as_they_read():
    @cell
    def endless(x, h, *, W, v1):
        return where(W @ x > float("inf"), 0.5, tanh(W @ x + h) * tanh(W @ x + h) ** 2 + v1)

    lines = endless.equations().splitlines()
    assert lines == ["v2 = tanh(W @ x + h)", 'h\' = where(float("inf") < W @ x, 0.5, v2 * v2 ** 2 + v1)']


def test_gates_are_the_sigmoids_that_have_a_name():
    assert cells.lstm.gates() == ("i", "f", "o")
    assert cells.gru.gates() == ("r", "z")
    assert cells.elman_sigmoid.gates() == ()

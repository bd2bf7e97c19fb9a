"""Side inputs in the language: what stands before the `/`, what may be done with it, and what it reads like."""

import pickle

import pytest

from elman import Cell, cell, cells, layer_norm, sigmoid, tanh, where
from elman.autodiff import derive
from elman.errors import CellError
from elman.expr import Graph
from elman.expr.graph import Node
from elman.expr.verify import verify


@cell
def fading(x, dt, age, /, h, *, W, rate, p):
    """Two side inputs, of which one decides."""
    keep = sigmoid(-rate * dt)
    return where(age > 0.5, keep * h, p * age) + tanh(W @ x)


def test_what_stands_before_the_stroke_is_input_and_the_first_of_it_is_x():
    assert (fading.sides, fading.states) == (("dt", "age"), ("h",))
    assert fading.graph.nodes[fading.graph.input].name == "x"
    assert repr(fading) == "<cell fading: side inputs dt, age; states h; parameters rate, p, W>"


def test_without_a_stroke_or_with_x_alone_before_it_a_cell_is_what_it_was():
    def plain(x, h, *, W, U):
        return tanh(W @ x + U @ h)

    def stroked(x, /, h, *, W, U):
        return tanh(W @ x + U @ h)

    one, other = cell(plain).graph.to_dict(), cell(stroked).graph.to_dict()
    for row in (*one["nodes"], *other["nodes"]):
        row.pop("line", None)
    assert one == other
    assert cell(stroked).sides == ()


def test_a_side_input_is_one_number_for_each_example_and_fits_every_vector():
    shapes = {n.name: n.shape for n in fading.graph.nodes if n.name}
    assert shapes == {
        "x": ("input",),
        "dt": ("1",),
        "age": ("1",),
        "h": ("hidden",),
        "W": ("hidden", "input"),
        "rate": ("hidden",),
        "p": ("hidden",),
    }
    assert fading.open_sizes == ()
    assert fading.sizes(3, 5) == {"input": 3, "hidden": 5}
    assert fading.count(3, 5) == 25


def test_side_inputs_print_by_their_names():
    assert fading.equations() == (
        "keep = sigmoid(-rate * dt)\nh'   = where(0.5 < age, keep * h, p * age) + tanh(W @ x)"
    )


def test_a_cell_with_side_inputs_comes_back_from_its_data():
    for again in (Cell.from_dict(fading.to_dict()), pickle.loads(pickle.dumps(fading))):
        assert again.graph == fading.graph
        assert again.sides == ("dt", "age")
    assert pickle.loads(pickle.dumps(derive(fading))).sides == ("dt", "age")


def test_a_vector_that_is_added_to_a_side_input_alone_is_no_bias():
    @cell
    def shifted(x, dt, /, h, *, W, b, p):
        return tanh(W @ x + b) * (dt + p) + h

    assert {p.name: p.role for p in shifted.parameters} == {"W": "matrix", "b": "bias", "p": "vector"}
    assert "p" in {p.name for p in derive(shifted, bias=False).parameters}


def test_what_follows_side_inputs_alone_leaves_the_loop_and_is_not_saved_twice():
    program = derive(cells.cfc)
    nodes = program.graph.nodes
    side = program.graph.leaves["side", "dt"]
    for schedule in (program.forward, program.mirror, program.mirror_without_input):
        assert side in schedule.given
    assert side not in program.saved

    program = derive(fading)
    inner = [nodes.op for s in program.forward.stages for i in s.pointwise for nodes in [program.graph.nodes[i]]]
    assert inner == ["mul", "select", "add"]
    assert not any(name.endswith(("dt", "age")) for name, _ in program.graph.outputs)
    assert nodes[side].shape == ("1",)


# Equations that are refused, with what the message must say.
REFUSED = {
    "a matrix multiplies a side input": (
        lambda x, dt, /, h, *, W: tanh(W.a @ x + W.b @ dt + h),
        "a matrix multiplies dt, one number for each example",
        "Write w * dt with a vector w",
    ),
    "a matrix multiplies what follows side inputs": (
        lambda x, dt, /, h, *, W: tanh(W.a @ x + W.b @ sigmoid(dt) + h),
        "a matrix multiplies the value of `sigmoid`",
        "make it a part of x",
    ),
    "a normalised side input": (
        lambda x, dt, /, h, *, W: W @ x + h * layer_norm(dt),
        "layer_norm was given a number",
        "layer_norm(W @ x)",
    ),
    "a side input that nothing reads": (
        lambda x, dt, /, h, *, W: tanh(W @ x + h),
        "side input `dt` reaches no new state",
        "Use it, or drop `dt`",
    ),
    "no state behind the stroke": (
        lambda x, h, /, *, W: tanh(W @ x + h),
        "this one takes the inputs x, h",
        "def cell(x, dt, /, h, *, W, U, b)",
    ),
}


@pytest.mark.parametrize(("equations", "what", "remedy"), REFUSED.values(), ids=REFUSED)
def test_side_inputs_that_make_no_sense_are_refused_with_what_to_write(equations, what, remedy):
    with pytest.raises(CellError) as caught:
        cell(equations)
    assert what in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shape"), [("dt", ()), ("dt", ("1", "1")), ("x", ("1",)), ("h", ("1",)), ("W", ("hidden", "1"))]
)
def test_a_saved_cell_with_a_side_input_of_another_shape_is_found(name, shape):
    nodes = list(fading.graph.nodes)
    index = next(i for i, n in enumerate(nodes) if n.name == name)
    nodes[index] = Node(nodes[index].op, (), shape, name)
    with pytest.raises(CellError, match="one number for each example is a side input"):
        verify(Graph(tuple(nodes), fading.graph.outputs))

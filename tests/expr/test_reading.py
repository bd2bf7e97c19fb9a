"""Equations that come from data: run rightly or refused with a CellError, soon, whatever somebody wrote there."""

import copy
import json
import random

import pytest
import torch

import elman
from elman import CellError, cell, layer_norm, leaky_relu, maximum, tanh, where
from elman.autodiff import derive
from elman.autodiff.program import read_program
from elman.backends import reference
from elman.backends.inputs import Inputs
from elman.expr import Cell
from elman.expr.limits import MOST_NODES, MOST_STATES
from elman.testing import random_cell


@cell
def model(x, dt, /, h, c, *, W, U, b, rate=(-1.0, 1.0)):
    gate = where(h > 0.5, leaky_relu(W.a @ x), U.a @ h) ** 3
    c = maximum(c, gate * dt) - (1 - layer_norm(b.a + c)) * rate
    return tanh(c), c


@cell
def tied(x, h, *, W):
    return tanh(W @ h) * x


def node(data, op):
    return next(n for n in data["graph"]["nodes"] if n["op"] == op)


def set_node(which, **fields):
    return lambda d: node(d, which).update(fields)


def at_node(op):
    return lambda d: next(i for i, n in enumerate(d["graph"]["nodes"]) if n["op"] == op)


def resize(data):
    text = json.dumps(data["graph"]["nodes"])
    data["graph"]["nodes"] = json.loads(
        text.replace('"shape": ["input"]', '"shape": ["a b"]').replace('"input"]', '"a b"]')
    )


def exponent(value):
    def spoil(data):
        place = node(data, "power")["args"][1]
        data["graph"]["nodes"][place]["value"] = value

    return spoil


def nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


SPOILT = {
    "an exponent of a billion": (exponent(1e9), "an exponent is not 0"),
    "an exponent beyond all numbers": (exponent(10**400), "not the form"),
    "an exponent of NaN": (exponent("nan"), "an exponent is not 0"),
    "an infinite exponent": (exponent("-inf"), "an exponent is not 0"),
    "an exponent of 0": (exponent(0), "an exponent is not 0"),
    "a forward reference": (set_node("tanh", args=[10_000]), "does not come before it"),
    "a value that reads itself": (lambda d: node(d, "tanh").update(args=[at_node("tanh")(d)]), "does not come before"),
    "a negative index": (set_node("tanh", args=[-1]), "not the form"),
    "an index with a fraction": (set_node("tanh", args=[1.5]), "a float is in the place of a whole number"),
    "an index that is a truth value": (set_node("tanh", args=[True]), "a bool is in the place of a whole number"),
    "an index that is text": (set_node("tanh", args=["1"]), "a str is in the place of a whole number"),
    "arguments that are text": (set_node("tanh", args="1"), "a str is in the place of a list"),
    "two arguments too many": (set_node("tanh", args=[0, 1, 2]), "it has 3 arguments"),
    "an operation that is unknown": (set_node("tanh", op="x" * 100_000), "the operation is unknown"),
    "an operation that is a list": (set_node("tanh", op=nest(5000)), "a list is in the place of text"),
    "an operation that is missing": (lambda d: node(d, "tanh").pop("op"), "not the form"),
    "a field that does not exist": (set_node("tanh", shpe=["hidden"]), "has not the fields of a node"),
    "a mask that is text": (set_node("less", is_mask="false"), "a str is in the place of true or false"),
    "a value that is text": (set_node("constant", value="1e9"), "a str is in the place of a number"),
    "a line of five thousand digits": (set_node("tanh", line=10**5000), "not the form"),
    "a value of five thousand digits": (set_node("constant", value=10**5000), "not the form"),
    "a name that is no identifier": (lambda d: rename_state(d, "h; import os"), "identifiers"),
    "a member that is no identifier": (lambda d: node(d, "parameter").update(name="W.a b"), "identifiers"),
    "a member of a member": (lambda d: node(d, "parameter").update(name="W.a.b"), "identifiers"),
    "a very long name": (lambda d: node(d, "parameter").update(name="W." + "a" * 1000), "identifiers"),
    "a size that is no identifier": (resize, "identifiers"),
    "a state that is called like an adjoint": (lambda d: rename_state(d, "d_c"), "belong to adjoints"),
    "a layer normalisation of a number": (
        lambda d: node(d, "layer_norm").update(args=[at_node("constant")(d)], shape=[]), "it normalises a vector"),
    "a side input that is normalised": (
        lambda d: node(d, "layer_norm").update(args=[at_node("side")(d)], shape=["1"]), "it normalises a vector"),
    "nodes that are text": (lambda d: d["graph"].update(nodes="input"), "a str is in the place of a list"),
    "a node that is a list": (lambda d: d["graph"]["nodes"].__setitem__(0, []), "has not the fields of a node"),
    "a graph that is a list": (lambda d: d.update(graph=[]), "not the form"),
    "a graph of a million values": (lambda d: d["graph"].update(nodes=d["graph"]["nodes"] * 100_000), "at most 12,000"),
    "an output that is nowhere": (lambda d: d["graph"]["outputs"].__setitem__(0, ["h", 10_000]), "points outside"),
    "an output with three parts": (lambda d: d["graph"]["outputs"].__setitem__(0, ["h", 1, 2]), "not the form"),
    "a label that is nowhere": (lambda d: d["labels"].append(["late", 10_000]), "not a unique name"),
    "a label that is there": (lambda d: d["labels"].append(d["labels"][0]), "not a unique name"),
    "a label that is a state's": (lambda d: d["labels"].append(["h", 1]), "not a unique name"),
    "a label that is no identifier": (lambda d: d["labels"].append(["a\nb", 1]), "not a unique name"),
    "a tie of sizes that are not there": (lambda d: d["ties"].append(["m", "n", 1]), "size of its input"),
    "a tie that no equation asks for": (lambda d: d["ties"].append(["input", "hidden", 1]), "size of its input"),
    "a start of no family": (lambda d: d.update(starts=[["v", 0.0, 1.0]]), "not the range of a family"),
    "a start of NaN": (lambda d: d.update(starts=[["rate", "nan", 1.0]]), "not the range of a family"),
    "a name of two lines": (lambda d: d.update(name="a\nb"), "not one line"),
    "a name that cannot be written": (lambda d: d.update(name="\ud800"), "not the form"),
    "a very long name of the cell": (lambda d: d.update(name="a" * 10_000), "not one line"),
    "a docstring that cannot be written": (lambda d: d.update(doc="\ud800"), "not the form"),
}  # fmt: skip


def rename_state(data, name):
    node(data, "state").update(name=name)
    data["graph"]["outputs"][0][0] = name


@pytest.mark.parametrize("what", SPOILT)
def test_a_damaged_cell_is_refused_in_a_line(what):
    data = json.loads(json.dumps(model.to_dict()))
    assert Cell.from_dict(data).graph == model.graph
    spoil, says = SPOILT[what]
    spoil(data)
    with pytest.raises(CellError, match=says) as refused:
        Cell.from_dict(data)
    assert len(str(refused.value)) < 1000


def test_an_input_that_is_as_long_as_a_state_needs_the_tie_that_says_so():
    data = tied.to_dict()
    assert Cell.from_dict(data).ties == tied.ties
    data["ties"] = []
    with pytest.raises(CellError, match="the size of its input contradicts its ties"):
        Cell.from_dict(data)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", 1e308, 5e-324])
def test_a_constant_that_is_no_ordinary_number_is_computed_with(value):
    @cell
    def shifted(x, h, *, W):
        return where(h > 0.0, W @ x, h * 1.5)

    data = shifted.to_dict()
    next(n for n in data["graph"]["nodes"] if n.get("value") == 1.5)["value"] = value
    read = Cell.from_dict(json.loads(json.dumps(data)))
    assert Cell.from_dict(json.loads(json.dumps(read.to_dict()))).graph.to_dict() == read.graph.to_dict()
    x, h, weight = torch.ones(1, 1, 2), torch.tensor([[-1.0, 1.0, -2.0]]), torch.ones(3, 2)
    expected = torch.where(h > 0, x[0] @ weight.T, h * float(value))
    assert expected.isfinite().all() == (value == 5e-324)
    for name in ("reference", "llvm"):
        output, _, _ = elman.backends.load(name).run_forward(derive(read), Inputs(x, [h], [weight]))
        torch.testing.assert_close(output[0], expected, equal_nan=True)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"cell": ' * 50_000,
        "{}",
        "[]",
        "null",
        "",
        '{"bias": 1, "cell": {}, "noise": {"drawn": true, "recurrent_dropout": [], "zoneout": []}}',
        '{"bias": true, "cell": 3, "noise": {"drawn": true, "recurrent_dropout": [], "zoneout": []}}',
        '{"bias": true, "cell": {}, "noise": {"drawn": "no", "recurrent_dropout": [], "zoneout": []}}',
        '{"bias": true, "cell": {}, "noise": {"drawn": true, "recurrent_dropout": [["h", "0.5"]], "zoneout": []}}',
        '{"bias": ' + "9" * 5000 + "}",
    ],
    ids=lambda text: text[:20],
)
def test_a_text_that_is_no_program_is_refused(text):
    with pytest.raises(CellError, match=r"Export it again|Save the model again"):
        read_program(text)


def test_as_many_values_as_are_traced_are_read():
    @cell
    def full(x, h, *, W):
        v = W @ x + h
        for _ in range(MOST_NODES - len("x h W Wx v")):
            v = tanh(v)
        return v

    assert Cell.from_dict(full.to_dict()).graph == full.graph


def test_a_cell_of_too_many_states_is_refused():
    data = elman.cells.gru.to_dict()
    shape = next(row["shape"] for row in data["graph"]["nodes"] if row["op"] == "state")
    for number in range(MOST_STATES - len(elman.cells.gru.states) + 1):
        data["graph"]["outputs"].append([f"s{number}", len(data["graph"]["nodes"])])
        data["graph"]["nodes"].append({"op": "state", "name": f"s{number}", "shape": shape})
        if number == 0:
            assert len(Cell.from_dict(data).states) == 2
    with pytest.raises(CellError, match=f"it has {MOST_STATES + 1} states, and at most {MOST_STATES} are run"):
        Cell.from_dict(data)


def test_a_cell_that_is_damaged_anywhere_is_refused_or_runs():
    draw, refused = random.Random(3), 0
    odd = [None, True, -1, 0, 3, 2.5, "", "x", "h", "inf", [], [0], {}, 10**30, "power", "product", ["hidden"], ["1"]]
    for number in range(600):
        data = copy.deepcopy(random_cell(number % 7).to_dict())
        row = draw.choice(data["graph"]["nodes"])
        field = draw.choice(["op", "args", "shape", "name", "value", "line", "is_mask"])
        row[field] = draw.choice(odd) if field != "args" or draw.random() < 0.5 else [draw.randrange(60) for _ in "ab"]
        try:
            read = Cell.from_dict(data)
            program = derive(read)
            sizes = read.sizes(5, 5, dict.fromkeys(read.open_sizes, 5))
        except CellError:
            refused += 1
            continue
        parameters = [torch.randn(p.full_shape(sizes)) for p in program.parameters]
        states = [torch.randn(2, sizes[read.state_size(s)]) for s in read.states]
        given = Inputs(torch.randn(3, 2, 5), states, parameters, sides=[torch.rand(3, 2, 1) for _ in read.sides])
        output, final, saved = reference.run_forward(program, given)
        reference.run_mirror(program, given, output, saved, output, final)
    assert 200 < refused < 600

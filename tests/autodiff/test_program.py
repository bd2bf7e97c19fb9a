"""Programs: values computed outside the time loop, saved values, and the rewrites of simplification."""

import copy
import pickle

import pytest

from elman import cell, cells, hard_sigmoid, relu, sigmoid, softplus, tanh
from elman.autodiff import derive
from elman.autodiff.simplify import Simplifier
from elman.cells import torch_layers
from elman.testing import random_cell


def operations(program, indices):
    return sorted(program.graph.nodes[i].op for i in indices)


def in_loop(program, schedule):
    return [i for stage in schedule.stages for i in (*stage.reductions, *stage.pointwise)]


def test_an_lstms_loop_holds_one_product_a_gate_forward_and_one_product_back():
    program = derive(cells.lstm)
    (stage,) = program.forward.stages
    assert operations(program, stage.reductions) == ["product"] * 4
    assert operations(program, program.forward.before) == ["add"] * 4 + ["product"] * 4
    back = [s.reductions for s in program.mirror.stages if s.reductions]
    assert [operations(program, r) for r in back] == [["product_t"]]
    assert operations(program, program.mirror.after) == ["product_t"]
    assert operations(program, program.mirror.end) == ["outer"] * 8 + ["total"] * 4


def test_torchs_two_biases_become_one_outside_of_every_loop():
    program = derive(torch_layers.torch_lstm)
    assert operations(program, program.forward.once) == ["add"] * 4
    assert len(program.forward.before) == 8
    assert operations(program, program.mirror.end).count("total") == 4


def test_grus_candidate_bias_stays_inside_its_reset_gate():
    program = derive(torch_layers.torch_gru)
    assert operations(program, program.forward.once) == ["add"] * 2


def test_a_product_that_waits_for_another_makes_a_second_stage():
    program = derive(cells.mgu)
    assert [len(s.reductions) for s in program.forward.stages] == [1, 1]


def test_without_biases_no_bias_is_left():
    program = derive(torch_layers.torch_gru, bias=False)
    assert [p.name for p in program.parameters] == ["weight_ih", "weight_hh"]
    assert not program.forward.once


def test_every_saved_value_is_read_by_the_mirror_and_cheap_ones_are_computed_again():
    for chosen in [cells.find(n) for n in cells.names()] + [random_cell(s) for s in range(20)]:
        program = derive(chosen)
        mirror = {*program.mirror.once, *program.mirror.before, *in_loop(program, program.mirror)}
        mirror |= {*program.mirror.after, *program.mirror.end}
        read = {a for i in mirror for a in program.graph.nodes[i].args} | set(program.mirror.results)
        assert set(program.saved) <= read, chosen.name
    assert len(derive(cells.lstm).saved) == 7  # h, i, f, g, o, tanh(c), and f·c
    assert len(derive(cells.elman).saved) == 2  # h before and after


def test_every_node_runs_before_its_readers():
    for seed in range(30):
        program = derive(random_cell(seed))
        for schedule in (program.forward, program.mirror, program.mirror_without_input):
            known = {*schedule.carries, *schedule.given}
            known |= {i for i, n in enumerate(program.graph.nodes) if n.op in {"parameter", "constant", "size"}}
            for part in (schedule.once, schedule.before, in_loop(program, schedule), schedule.after, schedule.end):
                for index in part:
                    assert set(program.graph.nodes[index].args) <= known
                    known.add(index)
            assert set(schedule.results) <= known


def test_a_step_that_does_not_look_back_has_an_empty_loop():
    @cell
    def memoryless(x, h, *, W):
        return tanh(W @ x)

    program = derive(memoryless)
    assert in_loop(program, program.forward) == []
    assert operations(program, program.forward.before) == ["product", "tanh"]


def test_a_long_chain_of_derived_primitives_is_derived_in_no_time():
    @cell
    def chained(x, h, *, W):
        h = W @ x + h
        for _ in range(60):
            h = hard_sigmoid(softplus(relu(h)) - 0.5)
        return h

    assert len(derive(chained).graph.nodes) < 3000


def test_one_program_for_a_cell_and_copies_are_the_same():
    program = derive(cells.lstm)
    assert derive(cells.lstm) is program
    assert copy.deepcopy(program) is program
    assert pickle.loads(pickle.dumps(program)) is program
    assert derive(cells.lstm, bias=False) is not program


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda x, y: x + 0, "x"),
        (lambda x, y: 0 + x, "x"),
        (lambda x, y: x - 0, "x"),
        (lambda x, y: 1 * x, "x"),
        (lambda x, y: x / 1, "x"),
        (lambda x, y: 0 - (0 - x), "x"),
        (lambda x, y: x + (-y), "x - y"),
        (lambda x, y: (-y) + x, "x - y"),
        (lambda x, y: x - (-y), "x + y"),
        (lambda x, y: 0 - x, "-x"),
        (lambda x, y: x * (2.0 - 1.0), "x"),
    ],
)
def test_simplification_finds_the_simpler_value(write, expected):
    builder = Simplifier()
    x, y = (builder.expr(builder.add("state", name=n, shape=("hidden",))) for n in "xy")
    simple = {"x": x, "x - y": x - y, "x + y": x + y, "-x": -x}
    assert builder.index(write(x, y), "test") == builder.index(simple[expected], "test")


def test_zero_times_a_value_stays_because_the_value_may_not_be_finite():
    builder = Simplifier()
    x = builder.expr(builder.add("state", name="x", shape=("hidden",)))
    assert builder.nodes[builder.index(0 * x, "test")].op == "mul"


def test_numbers_fold():
    @cell
    def folded(x, h, *, W):
        return tanh(W @ x + h * (2.0 * sigmoid(0.0) + 3.0))

    program = derive(folded)
    assert 4.0 in [n.value for n in program.graph.nodes if n.op == "constant"]

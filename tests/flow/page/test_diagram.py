"""The drawings of a network hold what its equations hold, for every cell."""

import xml.etree.ElementTree as ET

import pytest
import torch

from elman import CellError, cell, cells, exp, tanh
from elman.flow import examine
from elman.flow.page.dataflow import read_dataflow
from elman.flow.page.diagram import draw_folded
from elman.flow.page.layering import place_boxes
from elman.flow.page.report import Subject, write_report
from elman.flow.page.unfolded import draw_unfolded
from elman.nn import Recurrent
from elman.testing import random_cells

SVG = "{http://www.w3.org/2000/svg}"


def some_cells():
    return [cells.find(name) for name in cells.names()]


def words(drawing) -> list[str]:
    return [element.text for element in ET.fromstring(drawing).iter(f"{SVG}text")]


@pytest.mark.parametrize("one", some_cells(), ids=lambda one: one.name)
def test_every_parameter_stands_in_one_box_and_every_state_and_input_has_its_own(one):
    boxes = read_dataflow(one)
    members = [member for box in boxes for member in box.members]
    assert sorted(members) == sorted(m for p in one.parameters for m in p.members)
    assert [box.name for box in boxes if box.kind == "state"] == list(one.states)
    assert [box.name for box in boxes if box.kind == "output"] == list(one.states)
    assert len([box for box in boxes if box.kind == "input"]) == 1 + len(one.sides)


@pytest.mark.parametrize("one", some_cells(), ids=lambda one: one.name)
def test_the_counts_in_the_boxes_add_up_to_the_parameters_of_a_layer(one):
    # A parameter that scales a value element by element stands in its circle, which says no count.
    sizes = one.sizes(13 if not one.ties else 11, 11, dict.fromkeys(one.open_sizes, 7))
    found = [int(word.replace(",", "")) for word in words(draw_folded(one, sizes)) if word.replace(",", "").isdigit()]
    lengths = [sizes.get(one.state_size(state)) for state in one.states]
    layer = Recurrent(one, sizes["input"], 11, sizes=dict.fromkeys(one.open_sizes, 7))
    entries = 2 * sum(lengths) + sizes["input"] + len(one.sides)
    circles = [box for box in read_dataflow(one) if box.kind == "point"]
    within = sum(sizes.get(box.size) for box in circles for _ in box.members)
    assert sum(found) - entries == sum(p.numel() for p in layer.parameters()) - within


def test_the_gates_and_arrows_of_an_lstm_are_those_of_its_equations():
    boxes = {box.key: box for box in read_dataflow(cells.lstm)}
    named = {box.name: box for box in boxes.values() if box.kind in ("gate", "activation") and box.name}
    assert set(named) == {"i", "f", "g", "o"}
    for box in named.values():
        assert {boxes[arrow.source].name for arrow in box.arrows} == {"x", "h"}
    (new_c,) = (boxes[box.arrows[0].source] for box in boxes.values() if box.kind == "output" and box.name == "c")
    assert (new_c.title, len(new_c.arrows)) == ("+", 2)
    factors = [{boxes[a.source].name for a in boxes[arrow.source].arrows} for arrow in new_c.arrows]
    assert {"f", "c"} in factors
    assert {"i", "g"} in factors


def test_what_is_subtracted_is_marked_and_what_is_fixed_is_written_into_its_circle():
    @cell
    def leaky(x, h, *, W, U, rate):
        new = tanh(W @ x + U @ h)
        return h - 0.5 * (h - new) * exp(rate)

    boxes = {box.key: box for box in read_dataflow(leaky)}
    titles = [box.title for box in boxes.values()]
    assert "× 0.5" in titles
    assert "× exp(rate)" in titles
    assert sum(arrow.mark == "−" for box in boxes.values() for arrow in box.arrows) == 2
    assert sorted(m for box in boxes.values() for m in box.members) == ["U", "W", "rate"]


@pytest.mark.parametrize("seed", range(40))
def test_any_cell_can_be_drawn_and_its_boxes_do_not_overlap(seed):
    one = random_cells.random_cell(seed)
    boxes = read_dataflow(one)
    members = {member for box in boxes for member in box.members}
    assert members == {m for p in one.parameters for m in p.members}
    ET.fromstring(draw_folded(one))
    sizes = {box.key: (50.0 + box.key % 7, 30.0 + box.key % 5) for box in boxes}
    found = place_boxes(sizes, [(a.source, box.key) for box in boxes for a in box.arrows])
    rows = [(*found.centres[key], *sizes[key]) for key in sizes]
    for i, (x, y, w, h) in enumerate(rows):
        for u, v, a, b in rows[:i]:
            assert abs(x - u) >= (w + a) / 2 - 1e-6 or abs(y - v) >= (h + b) / 2 - 1e-6
    for box in boxes:
        for arrow in box.arrows:
            assert found.centres[arrow.source][0] < found.centres[box.key][0], "every arrow leads to the right"


@pytest.mark.parametrize(("layers", "both", "steps"), [(1, False, 1), (1, False, 2), (2, True, 57), (3, False, None)])
def test_the_unfolded_network_has_a_copy_of_the_cell_for_each_layer_direction_and_step_that_is_drawn(
    layers, both, steps
):
    said = words(draw_unfolded("gru", ("h",), layers=layers, bidirectional=both, steps=steps, alone=True))
    columns = 4 if steps is None else min(steps, 4)
    assert said.count("gru") == layers * (1 + both) * columns
    assert f"t = {steps or 'T'}" in said
    assert said.count("0") == layers * (1 + both), "every row starts from a zero state"


def test_names_are_written_as_text_and_not_as_markup():
    drawing = draw_unfolded("<b>&", ("h",))
    assert "<b>&" in words(drawing)
    assert "<b>" not in drawing


def test_equations_too_long_for_a_drawing_are_refused_and_their_page_says_so():
    @cell
    def long(x, h, *, W, U, b):
        v = W @ x + U @ h + b
        for _ in range(450):
            v = tanh(v)
        return v

    with pytest.raises(CellError, match=r"(?s)long: it is too large to be drawn.*at most 400.*print\(cell.equations"):
        draw_folded(long)
    layer = Recurrent(long, 3, 5)
    page = write_report(examine(layer, torch.randn(7, 2, 3)), Subject.of(layer, "long", []))
    assert "too large to be drawn; its equations are below" in page
    assert page.count("<svg") > 1


def test_what_follows_parameters_alone_is_written_as_deep_as_a_title_holds_it():
    @cell
    def scaled(x, h, *, W, b):
        scale = b
        for _ in range(60):
            scale = scale * scale
        return tanh(W @ x + h) * scale

    (title,) = [box.title for box in read_dataflow(scaled) if box.title.startswith("×")]
    assert "…" in title
    assert len(title) < 120

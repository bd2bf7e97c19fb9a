"""The page on a layer: whole, closed in itself, and saying what the figures say."""

import re
import zlib

import numpy as np
import pytest
import torch

import elman
from balanced import Balanced
from elman.expr.html import write_html
from elman.flow import examine
from elman.flow.page.charts import Bar, Curve, Mark, draw_bars, draw_curves, draw_map
from elman.flow.page.mattered import Mattered, draw_mattered
from elman.flow.page.pictures import draw_figures
from elman.flow.page.report import Subject, write_report
from elman.flow.page.style import DARK, HUES, LIGHT
from elman.flow.page.training_pictures import Training, draw_training
from elman.nn import Recurrent


@pytest.fixture(scope="module")
def layer():
    torch.manual_seed(3)
    return Recurrent(elman.cells.lstm, 3, 5, num_layers=2, bidirectional=True)


@pytest.fixture(scope="module")
def flow(layer):
    return examine(layer, torch.randn(23, 2, 3), lengths=[23, 17])


@pytest.fixture(scope="module")
def page(layer, flow):
    rows = [[1, 2.0, 3.0, 3.0, 0.33, "W", 0], [2, None, None, None, 0.0, "W", 1], [3, 1.0, 0.5, 0.5, 1.0, "U", 0]]
    training = Training(rows, [[2, 1.5, 1.7], [3, 1.0, None]], [("W", 2), ("U", 1)], "HEALTHY: it is", 1.0)
    mattered = [Mattered("“b” comes next", np.array([0.2, -0.1]), np.array([0.1, 0.0]), 0.001, words=("<", "b"))]
    return write_report(flow, Subject.of(layer, "a <model>", ["seen & looked at"]), training, mattered)


def test_a_page_is_closed_in_itself_and_asks_nothing_of_the_network(page):
    found = Balanced(page)
    assert found.open == []
    assert not found.tags & {"script", "link", "iframe", "img"}
    assert all(address.startswith("data:image/png;base64,") for address in found.addresses)
    assert "url(" not in page
    assert "@import" not in page
    assert len(page) < 1_000_000


def test_a_page_is_readable_in_light_and_dark_and_by_name_of_colour(page):
    assert "prefers-color-scheme:dark" in page
    assert LIGHT.keys() == DARK.keys()
    assert set(re.findall(r"var\(--(\w+)\)", page)) <= LIGHT.keys()


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_stands_out_from_its_paper(theme):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for name in theme.keys() - {"paper", "panel", "line"}:
        for ground in ("paper", "panel"):
            high, low = sorted((luminance(theme[name]), luminance(theme[ground])), reverse=True)
            least = 4.5 if name in ("ink", "soft") else 3.0  # WCAG 2.2: 1.4.3 of words, 1.4.11 of graphics
            assert (high + 0.05) / (low + 0.05) >= least, (name, ground)


def test_a_page_has_every_figure_and_a_sentence_for_each(page, flow):
    titles = re.findall(r"<h2>([^<]*)</h2>", page)
    assert titles == [
        "The network", "Loss in training", "Clipping ledger", "Gradient through time",
        "Influence of each step on each loss", "Where dL/dW comes from", "Transport gain",
        "Singular values of the Jacobians", "Lyapunov spectrum", "Bounds from the weights", "Gates and units",
        "Effective memory", "What mattered",
    ]  # fmt: skip
    sentences = re.findall(r"<p class=says>([^<]*)</p>", page)
    assert len(sentences) == len(titles)
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in sentences)
    assert flow.verdict in page


def test_names_are_text_and_never_markup(page):
    words = Balanced(page).words
    assert "a <model>" in words
    assert "<model>" not in re.sub(r"<title>.*?</title>", "", page)
    assert any("seen & looked at" in word for word in words)


def test_the_parameters_of_a_page_are_those_of_the_layer(page, layer):
    assert f"{sum(p.numel() for p in layer.parameters()):,} parameters" in page
    first = sum(p.numel() for name, p in layer.named_parameters() if name.endswith("_l0"))
    assert f"{first:,}</td>" in page


def test_nothing_is_drawn_of_a_run_that_was_not_finite_and_the_page_says_so(layer):
    x = torch.randn(7, 2, 3)
    x[4, 1, 0] = torch.inf
    flow = examine(layer, x)
    page = write_report(flow, Subject.of(layer, "broken"))
    assert draw_figures(flow) == []
    assert "NON-FINITE" in page
    assert "step 4" in page
    assert Balanced(page).open == []


@pytest.mark.parametrize("name", elman.cells.names())
def test_a_page_can_be_written_for_every_cell(name):
    cell = elman.cells.find(name)
    torch.manual_seed(1)
    layer = Recurrent(cell, 5, 5, sizes=dict.fromkeys(cell.open_sizes, 5))
    sides = {side: torch.ones(13, 2) for side in cell.sides}
    page = write_report(examine(layer, torch.randn(13, 2, 5), sides=sides), Subject.of(layer, name))
    assert Balanced(page).open == []
    assert " nan" not in page
    assert "inf " not in page


def test_the_sentence_on_a_linear_layer_names_its_known_half_life():
    @elman.cell
    def linear(x, h, *, W):
        return W @ h + x

    layer = Recurrent(linear, 3, 3).double()
    with torch.no_grad():
        layer.W_l0.copy_(0.9 * torch.eye(3))
    x = torch.randn(101, 1, 3, dtype=torch.float64)
    sections = {section.title: section.says for section in draw_figures(examine(layer, x))}
    assert (
        "shrinks to 0.9 of itself with each step back, and halves every 6.6 steps"
        in sections["Influence of each step on each loss"]
    )
    assert "0.00515 of it is left" in sections["Influence of each step on each loss"]
    assert "λ₁ = −0.105" in sections["Lyapunov spectrum"]
    assert "multiplies the gradient's norm by 0.9" in sections["Transport gain"]
    assert "guarantees vanishing" in sections["Bounds from the weights"]


def test_equations_are_set_with_subscripts_and_the_states_of_the_step_before():
    written = write_html(elman.cells.lem).replace("<i>", "").replace("</i>", "")
    assert "z<sub>t</sub>" in written
    assert "y<sub>t−1</sub>" in written
    assert "&delta;<sub>z, t</sub>" in written
    assert "⊙" in written
    assert Balanced(write_html(elman.cells.minlstm)).open == []


def test_a_curve_goes_through_its_points_and_breaks_where_there_are_none():
    y = np.array([1.0, 1.0, np.nan, 4.0, 4.0, 0.0, 2.0, 2.0])
    drawing = draw_curves([Curve(np.arange(8.0), y, "y")], ("x", "y"), log=True)
    (data,) = re.findall(r'<path d="(M[^"]*)" class="line blue"', drawing)
    assert data.count("M") == 3, "0 has no logarithm, and NaN is no number"
    heights = [float(h) for h in re.findall(r"M[\d.]+ ([\d.]+)", data)]
    first, third, last = heights
    assert third < last < first
    assert last == pytest.approx((first + third) / 2, abs=0.11), "2 lies midway between 1 and 4"


@pytest.mark.parametrize("dashed", [False, True])
def test_a_point_that_no_line_reaches_is_a_dot(dashed):
    """A path of a single point has no length, or one that a render does not show."""
    one = Curve(np.array([7.0]), np.array([3.0]), "validation", "red", dashed=dashed)
    y = np.array([1.0, np.nan, 4.0, np.nan, 2.0, 5.0])
    drawing = draw_curves([Curve(np.arange(6.0), y, "training", "blue"), one], ("x", "y"))
    dots = {hue: re.findall(rf'<circle cx="([\d.]+)" cy="([\d.]+)" r="3" class="fill {hue}"', drawing) for hue in HUES}
    assert {hue: len(places) for hue, places in dots.items() if places} == {"blue": 2, "red": 2}
    (first, third), (last, legend) = dots["blue"], dots["red"]
    heights = [float(y) for _, y in (third, last, first)]
    assert heights[1] == pytest.approx(heights[0] + (heights[2] - heights[0]) / 3, abs=0.11), "3 is a third down"
    assert float(legend[1]) < 20, "and so it is in the legend"
    (line,) = re.findall(r'<path d="(M[^"]*L[^"]*)" class="line blue"', drawing)
    assert line.count("M") == 1, "the points that are alone are no part of a line"
    assert '<path d=""' not in drawing


def test_a_long_curve_is_thinned_and_its_highest_stem_stays():
    y = np.zeros(10_007)
    y[5_003] = 7.0
    drawing = draw_curves([Curve(np.arange(10_007.0), y, "y", stems=True)], ("x", "y"), marks=[Mark(1.0, "one")])
    (data,) = re.findall(r'<path d="(M[^"]*)" class="line blue"', drawing)
    assert data.count("M") <= 500
    assert len(set(re.findall(r"V([\d.]+)", data))) == 2


def test_a_map_paints_each_value_with_a_colour_that_grows_and_leaves_0_empty():
    values = np.array([[1.0, 0.0], [1e-4, 1e-2]])
    drawing = draw_map(values, np.array([0.0, 1.0]), ("k", "t"))
    picture = __import__("base64").b64decode(re.findall(r'base64,([^"]*)"', drawing)[0])
    raw = zlib.decompress(picture[picture.index(b"IDAT") + 4 : picture.index(b"IEND") - 8])
    pixels = np.frombuffer(raw, np.uint8).reshape(2, 9)[:, 1:].reshape(2, 2, 4).astype(int)
    assert pixels[0, 1, 3] == 0
    assert pixels[0, 0].tolist() == [254, 232, 56, 255]
    assert pixels[1, 0].tolist() == [0, 34, 78, 255]
    assert pixels[1, 0].sum() < pixels[1, 1].sum() < pixels[0, 0].sum()


def test_a_large_map_is_made_smaller_and_keeps_its_largest_value():
    values = np.full((3, 5_003), 1e-3)
    values[1, 4_001] = 1.0
    assert len(draw_map(values, np.arange(3.0), ("k", "t"))) < 30_000


def test_bars_are_as_long_as_their_shares():
    drawing = draw_bars([Bar("a", (0.5, 0.5)), Bar("b", (0.25, 0.75))], ("x", "y"), most=1.0)
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="17"', drawing)]
    assert widths[0] == widths[1]
    assert widths[3] == pytest.approx(3 * widths[2], abs=0.2)
    assert sum(widths[:2]) == pytest.approx(sum(widths[2:]), abs=0.2)


def test_what_was_left_out_of_a_training_is_said():
    rows = [[1, 2.0, None, None, 0.0, "W", 1]]
    (losses, ledger) = draw_training(Training(rows, line="NON-FINITE: it is"))
    assert "1 update was left out" in ledger.says
    assert losses.says.startswith("The training loss was lowest, 2,")


@pytest.mark.parametrize(
    ("stuck", "said"), [(0.0, "Looked at 4 times; no gate was stuck. At"), (0.25, "Looked at 4 times. At")]
)
def test_glances_at_a_training_are_drawn_early_half_way_and_late(stuck, said):
    glances = [
        {
            "update": update,
            "layers": {
                "recurrent.l0": {
                    "at": [0, 5, 10], "norms": [0.001, None, 0.1], "half_life": 3.0, "step": 5, "share": 0.7,
                    "saturated": stuck, "saturated_tanh": None, "dead": None,
                }
            },
        }
        for update in (2, 30, 400, 5000)
    ]  # fmt: skip
    (section,) = draw_training(Training(glances=glances))
    assert said in section.says
    assert "At update 5,000 the state of time step 5 supplied 70\u00a0%" in section.says
    assert re.findall(r"(recurrent\.l0, )?update ([\d,]+)", section.drawings[0]) == [
        ("recurrent.l0, ", "2"),
        ("", "400"),
        ("", "5,000"),
    ]
    assert len(section.drawings) == (2 if stuck else 1)


def test_what_mattered_names_the_strongest_steps_and_the_residual():
    one = Mattered("It says so", np.array([0.1, -0.7, 0.2]), np.array([0.0, -0.3, 0.1]), 0.02, words=("a", "b", "c"))
    drawn = draw_mattered([one])
    assert "“b” at step 1 (70" in drawn
    assert "residual is 2" in drawn
    assert drawn.count("<span") == 3

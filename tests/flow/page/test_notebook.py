"""A block in a notebook: readable, bounded, closed in itself, and without an effect on the rest of the page."""

import re
from dataclasses import replace

import pytest
import torch

import elman
from balanced import Balanced
from elman.flow import examine
from elman.flow.page.notebook import MOST_BYTES, write_block
from elman.flow.page.pictures import Section, draw_figures
from elman.flow.page.style import DARK, LIGHT
from elman.nn import Recurrent


@pytest.fixture(scope="module")
def flow():
    torch.manual_seed(5)
    return examine(Recurrent(elman.cells.lstm, 3, 5), torch.randn(23, 2, 3))


def test_a_flow_shows_its_verdict_and_every_figure_and_asks_nothing_of_the_network(flow):
    block = flow._repr_html_()
    found = Balanced(block)
    assert found.open == []
    assert not found.tags & {"script", "link", "iframe", "object"}
    assert all(address.startswith("data:image/png;base64,") for address in found.addresses)
    assert "url(" not in block
    assert re.findall(r"<summary>([^<]*)</summary>", block) == [one.title for one in draw_figures(flow)]
    assert flow.verdict in block
    assert len(block.encode()) < 200_000


def test_showing_draws_no_random_numbers_and_changes_nothing(flow):
    before = torch.random.get_rng_state(), flow.to_dict()
    assert flow._repr_html_() == flow._repr_html_()
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == flow.to_dict()


def test_every_rule_is_for_the_inside_of_a_block_alone(flow):
    (rules,) = re.findall(r"<style>(.*?)</style>", flow._repr_html_(), re.DOTALL)
    flat = rules.replace("@media(prefers-color-scheme:dark){", "")
    selectors = [one.strip() for group in re.findall(r"([^{}]+)\{", flat) for one in group.split(",")]
    assert len(selectors) > 60
    assert [one for one in selectors if ".elman-view" not in one] == []


def test_the_colours_are_those_of_the_notebook_and_else_those_of_the_system(flow):
    block = flow._repr_html_()
    for theme, colours in (('[data-jp-theme-light="true"]', LIGHT), ('[data-jp-theme-light="false"]', DARK)):
        (found,) = re.findall(rf"{re.escape(theme)} \.elman-view[^{{}}]*\{{([^}}]*)\}}", block)
        assert f"--ink:{colours['ink']};" in found
        assert f"--paper:{colours['paper']};" in found
    assert f"@media(prefers-color-scheme:dark){{.elman-view{{--paper:{DARK['paper']};" in block
    assert re.search(r"\.elman-view\{background:var\(--paper\);color:var\(--ink\)", block)


def test_what_has_no_room_is_left_out_and_named():
    large = [Section(f"part {n}", "It is.", ("x" * 80_000,), "") for n in range(4)]
    block = write_block("<h3>a</h3>", [*large, Section("small", "It is.", (), "")], "save(<FILE>)")
    assert re.findall(r"<summary>([^<]*)</summary>", block) == ["part 0", "part 1", "small"]
    assert "Too large for a notebook, and in save(&lt;FILE&gt;): part 2, part 3." in block
    assert len(block.encode()) < MOST_BYTES + 500


def test_names_are_text(flow):
    hostile = replace(flow, cell="<script>a</script>", line="<img src=x onerror=a>", advice=("<b>",))
    block = hostile._repr_html_()
    assert not Balanced(block).tags & {"script", "img", "b"}
    assert "&lt;script&gt;a&lt;/script&gt;" in block


def test_a_run_that_was_not_finite_shows_its_verdict():
    layer = Recurrent(elman.cells.lstm, 3, 5)
    block = examine(layer, torch.full((7, 2, 3), torch.nan))._repr_html_()
    assert "NON-FINITE" in block
    assert "<summary>" not in block

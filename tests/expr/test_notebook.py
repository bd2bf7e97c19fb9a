"""A cell in a notebook: HTML that needs no MathJax, and LaTeX for documents."""

import re
from html.parser import HTMLParser

import pytest

import elman
from elman import cells
from elman.expr.html import write_html

ZOO = [getattr(cells, name) for name in cells.__all__ if isinstance(getattr(cells, name), elman.Cell)]


class Tags(HTMLParser):
    """Remember every tag."""

    def __init__(self, page):
        super().__init__()
        self.found = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)


@pytest.mark.parametrize("cell", ZOO, ids=lambda cell: cell.name)
def test_every_cell_shows_its_equations_in_both_forms(cell):
    shown, latex = cell._repr_html_(), cell._repr_latex_()
    assert write_html(cell) in shown
    assert cell.name in shown
    assert len(shown) < 10_000
    assert latex.startswith("$$\\begin{aligned}\n")
    assert latex.endswith("\n\\end{aligned}$$")
    assert latex[2:-2].replace("{aligned}", "{align*}") == cell.latex()


def test_a_docstring_is_text_and_no_markup_and_no_mathematics():
    @elman.cell
    def plain(x, h, *, W, U):
        """Costs $1 <script>alert(1)</script> or $2.

        Another line.
        """
        return elman.tanh(W @ x + U @ h)

    shown = plain._repr_html_()
    assert Tags(shown).found == {"div", "style", "p", "b", "table", "tr", "td", "i", "sub"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt; or $2." in shown
    assert "Another line" not in shown
    assert 'class="elman-cell tex2jax_ignore mathjax_ignore"' in shown


def test_the_rules_of_a_cell_reach_nothing_else_and_set_no_colour():
    (rules,) = re.findall(r"<style>(.*?)</style>", cells.lstm._repr_html_())
    selectors = [one for group in re.findall(r"([^{}]+)\{", rules) for one in group.split(",")]
    assert all(one.startswith(".elman-cell") for one in selectors)
    assert "color:inherit" in rules
    assert not re.search(r"(?<!-)color:(?!inherit)|#[0-9a-f]{3}", rules)


def test_of_a_very_large_cell_the_number_of_its_values_is_shown():
    @elman.cell
    def deep(x, h, *, W, U):
        a = W @ x + U @ h
        for _ in range(3000):
            a = elman.tanh(a)
        return a

    shown = deep._repr_html_()
    assert f"{len(deep.graph.nodes):,} values, too many to be shown; see equations()" in shown
    assert len(shown) < 2000
    assert deep._repr_latex_() is None

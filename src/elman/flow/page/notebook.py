"""Show things in a notebook: a block of HTML with the rules and colours of a page, for itself alone.

A notebook is one page with the rules of others, so every rule of a block begins with its class. The colours follow the
theme of the notebook (JupyterLab, VS Code, Colab, pages of Sphinx), else that of the system, and the block has a
background of its own, so that it can be read whichever of them it meets. No script, and nothing from the network.

>>> block = write_block("<h3>a &lt; b</h3>", [Section("Loss", "It falls.", (), "Lower is better.")], "the report")
>>> block.startswith('<div class="elman-view'), "<details><summary>Loss" in block
(True, True)
"""

import re
from collections.abc import Sequence
from html import escape

from elman.flow.figures import Flow
from elman.flow.page.pictures import Section, draw_figures
from elman.flow.page.sections import write_section, write_table, write_verdict
from elman.flow.page.style import DARK, LIGHT, page, rules
from elman.flow.page.tables import figure_rows
from elman.phrases import name_some

MOST_BYTES = 190_000
"""Of one block: a notebook keeps every output in its file."""

_CLASS = ".elman-view"
# How notebooks and their pages say which theme they have.
_DARK_THEMES = (
    '[data-jp-theme-light="false"]', ".vscode-dark", ".vscode-high-contrast", "html[theme=dark]",
    "html[data-theme=dark]", "body[data-theme=dark]",
)  # fmt: skip
_LIGHT_THEMES = (
    '[data-jp-theme-light="true"]', ".vscode-light", "html[theme=light]", "html[data-theme=light]",
    "body[data-theme=light]",
)  # fmt: skip
_RULE = re.compile(r"([^{}]+)(\{[^{}]*\})")
_OWN = (
    f"{_CLASS}{{background:var(--paper);color:var(--ink);padding:.6rem .9rem;border-radius:6px;overflow-x:auto;"
    "line-height:1.45;font-size:14px;max-width:1040px}"
    f"{_CLASS} h3{{font-size:1.15rem;margin:.2rem 0}}{_CLASS} summary{{cursor:pointer;font-weight:600;margin:.4rem 0}}"
    f"{_CLASS} table{{margin:.5rem 0}}{_CLASS} tr{{background:none!important}}{_CLASS} p{{margin:.3rem 0}}"
    f"{_CLASS} th,{_CLASS} td{{text-align:left!important}}{_CLASS} section{{border:0;margin:0;padding:0}}"
    f"{_CLASS} section h2{{display:none}}{_CLASS} table.confusion th,{_CLASS} table.confusion td"
    "{text-align:right!important}"
)


def write_block(head: str, sections: Sequence[Section], whole: str, unfolded: int = 0) -> str:
    """Write a block: its head, and each section, which can be folded, as far as there is room.

    Args:
        head: HTML.
        sections: what can be opened below it.
        whole: what has the sections for which there is no room, such as `report.save(FILE)`.
        unfolded: how many of them are open at first.
    """
    style = f"<style>{_rules()}</style>"
    parts, left_out = [head], []
    room = MOST_BYTES - len(style) - len(head.encode())
    for number, one in enumerate(sections):
        is_open = " open" if number < unfolded else ""
        written = f"<details{is_open}><summary>{escape(one.title)}</summary>{write_section(one)}</details>"
        size = len(written.encode())
        if size > room:
            left_out.append(one.title)
            continue
        parts.append(written)
        room -= size
    if left_out:
        parts.append(
            f"<p class=facts>Too large for a notebook, and in {escape(whole)}: {escape(name_some(left_out))}.</p>"
        )
    return f'<div class="elman-view tex2jax_ignore mathjax_ignore">{style}{"".join(parts)}</div>'


def show_flow(flow: Flow) -> str:
    """Show the verdict, the main figures as a table, and every figure drawn."""
    head = f"<h3>Inside {escape(flow.cell)}</h3>{write_verdict(flow)}{write_table(figure_rows(flow))}"
    return write_block(head, draw_figures(flow), "the attributes of this object")


def _rules() -> str:
    """Write the rules of a page, each for what is inside of a block."""
    light, dark = ("".join(f"--{name}:{value};" for name, value in of.items()) for of in (LIGHT, DARK))
    themed = "".join(
        f"{','.join(f'{theme} {_CLASS}' for theme in themes)}{{{colours}}}"
        for themes, colours in ((_LIGHT_THEMES, light), (_DARK_THEMES, dark))
    )
    own = _RULE.sub(lambda found: f"{_inside(found[1])}{found[2]}", rules() + page())
    return f"{_CLASS}{{{light}}}@media(prefers-color-scheme:dark){{{_CLASS}{{{dark}}}}}{themed}{own}{_OWN}"


def _inside(selectors: str) -> str:
    return ",".join(f"{_CLASS} {one.strip()}" for one in selectors.split(","))

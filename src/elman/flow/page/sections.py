"""Write parts of a page as HTML: a section with its pictures and its table, and the verdict.

>>> write_section(Section("A & B", "It holds.", (), "See there."))[:38]
'<section><h2>A &amp; B</h2><p class=sa'
"""

from collections.abc import Sequence
from html import escape

from elman.flow.figures import Flow
from elman.flow.page.pictures import Section

_GOOD = {"HEALTHY": "green"}
_MARKS = {"HEALTHY": "✓"}


def write_section(one: Section, equations: str = "") -> str:
    """Write a section.

    Args:
        one: the section; everything of it is escaped but its drawings.
        equations: HTML below the drawings, for a section over the whole width.
    """
    figures = "".join(f"<div class=drawing>{drawing}</div>" for drawing in one.drawings)
    figures = f"<figure>{figures}</figure>" if figures else ""
    kind = "body whole" if equations else "body"
    return (
        f"<section><h2>{escape(one.title)}</h2><p class=says>{escape(one.says)}</p>"
        f'<div class="{kind}"><div class=shown>{figures}{equations}{write_table(one.table)}</div>'
        f"<p class=how>{escape(one.how)}</p></div></section>"
    )


def write_table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows of cells, the first of them the header, as a table; nothing for no rows."""
    if not rows:
        return ""
    head, *body = rows
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body)
    return f"<div class=wide><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>"


def write_verdict(flow: Flow) -> str:
    """Write the verdict, its reason, and what to try."""
    hue = _GOOD.get(flow.verdict, "red")
    advice = "".join(f"<li>{escape(one)}</li>" for one in flow.advice)
    advice = f"<p>What to try, most promising first:</p><ol>{advice}</ol>" if advice else ""
    return (
        f'<div class="verdict {hue}"><strong>{_MARKS.get(flow.verdict, "!")} {escape(flow.verdict)}</strong>'
        f"<p>{escape(flow.line)}.</p>{advice}</div>"
    )

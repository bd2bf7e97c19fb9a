"""Draw answers for a page: a confusion matrix, and examples with their truth, the answer, and a picture.

>>> "<b>3</b>" in draw_confusion(["no", "yes"], [[3, 1], [0, 2]])
True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_STRONGEST = 0.6  # how opaque the largest share is
_LONGEST_NAME = 18


@dataclass(frozen=True)
class Shown:
    """One example with an answer.

    Attributes:
        title: where it is.
        says: its truth and the answer.
        text: what was read, where that is text.
        marked: the start and the end of the part of the text that the answer is about.
        drawing: HTML of a picture; empty for none.
    """

    title: str
    says: str
    text: str = ""
    marked: tuple[int, int] = (0, 0)
    drawing: str = ""


def draw_confusion(names: Sequence[str], counts: Sequence[Sequence[float]]) -> str:
    """Draw a confusion matrix as a table, coloured by the share of its row.

    Args:
        names: K classes.
        counts: K rows of K: row the true class, column the answer.
    """
    top = "".join(f'<th title="{escape(one)}">{escape(_shorten(one))}</th>' for one in names)
    rows = []
    for row, values in enumerate(counts):
        whole = sum(values) or 1.0
        cells = [_cell(names[row], names[at], value, value / whole, at == row) for at, value in enumerate(values)]
        rows.append(f'<tr><th title="{escape(names[row])}">{escape(_shorten(names[row]))}</th>{"".join(cells)}</tr>')
    corner = "<th>true ↓ &nbsp; answer →</th>"
    return f'<table class="confusion"><thead><tr>{corner}{top}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _cell(true: str, answer: str, count: float, share: float, right: bool) -> str:
    hue = "green" if right else "red"
    colour = f"background:color-mix(in srgb,var(--{hue}) {100 * _STRONGEST * share:.0f}%,transparent)"
    hint = escape(f"{true} answered as {answer}: {count:g}, {share:.1%} of its row")
    written = f"{count:,.0f}" if float(count).is_integer() else f"{count:,.1f}"
    shown = "·" if not count else f"<b>{written}</b>" if right else written
    return f'<td style="{colour}" title="{hint}">{shown}</td>'


def choose_confused(
    names: Sequence[str], counts: Sequence[Sequence[float]], most: int
) -> tuple[list[str], list[list[float]], str]:
    """Return the names and the counts of a matrix that is small enough to read: of many classes the most confused.

    Returns:
        Names, rows, and a sentence on what is left out; empty where nothing is.
    """
    if len(names) <= most:
        return list(names), [list(row) for row in counts], ""
    pairs = [(-count, row, at) for row, values in enumerate(counts) for at, count in enumerate(values) if row != at]
    chosen = sorted(list(dict.fromkeys(k for _, *pair in sorted(pairs) for k in pair))[:most])
    some = f" It has {most} of {len(names):,} classes, those of the most confused pairs."
    return [names[k] for k in chosen], [[counts[row][at] for at in chosen] for row in chosen], some


def draw_examples(examples: Sequence[Shown]) -> str:
    """Draw examples one below the other, numbered from 1."""
    return f"<ol class=examples>{''.join(map(_example, examples))}</ol>"


def _example(one: Shown) -> str:
    start, end = one.marked
    text = escape(one.text)
    if end > start:
        before, found, after = map(escape, (one.text[:start], one.text[start:end], one.text[end:]))
        text = f"{before}<mark>{found}</mark>{after}"
    text = f"<p class=text>{text}</p>" if text else ""
    drawing = f"<div class=drawing>{one.drawing}</div>" if one.drawing else ""
    return f"<li><b>{escape(one.says)}</b> <span class=facts>{escape(one.title)}</span>{text}{drawing}</li>"


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"

"""Draw a network unrolled over time: the same step repeated, and the state passed on to the right.

>>> drawing = draw_unfolded("lstm", ("h", "c"), layers=2, bidirectional=True, steps=200)
>>> drawing.count("lstm") > 8, "t = 200" in drawing
(True, True)
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from elman.flow.page.style import along, number, path, rect, svg, text, up

_COLUMN, _ROW = 132.0, 62.0
_WIDTH, _HEIGHT = 74.0, 32.0
_ASIDE = 20.0  # distance of the two directions from the middle of their column
_LEFT, _TOP = 110.0, 24.0


@dataclass(frozen=True)
class _Row:
    """One layer in one direction: its height, its shift from the middle, and which way it reads."""

    name: str
    middle: float
    shift: float
    reverse: bool


def draw_unfolded(
    name: str,
    states: Sequence[str],
    *,
    input_name: str = "x",
    layers: int = 1,
    bidirectional: bool = False,
    steps: int | None = None,
    alone: bool = False,
) -> str:
    """Draw the first three time steps and the last.

    Args:
        name: of the cell.
        states: its states; the first is the output.
        input_name: what the cell calls its input.
        layers: from the input upwards.
        bidirectional: whether each layer has a second direction, from the last step to the first.
        steps: T, if it is known.
        alone: whether the drawing is a file of its own.
    """
    last = "T" if steps is None else str(steps)
    times = [str(t) for t in range(1, 4)] if steps is None or steps > 3 else [str(t) for t in range(1, steps)]
    columns = [*times, last]
    gap = 0.5 if steps is None or steps > len(times) + 1 else 0.0
    middles = [_LEFT + _COLUMN * (i + 0.5 + (gap if i == len(times) else 0)) for i in range(len(columns))]
    rows = _rows(layers, bidirectional)
    bottom = max(row.middle for row in rows) + _ROW
    parts = [_column(middle, rows, bottom, bidirectional) for middle in middles]
    for row in rows:
        parts += _row(row, middles, name, ", ".join(states), bool(gap))
    for middle, time in zip(middles, columns, strict=True):
        parts.append(rect(middle - 20, bottom - 2, 40, 24, "tint green", 4))
        parts.append(text(middle, bottom + 14, _below(input_name, time), "bold middle"))
        parts.append(text(middle, bottom + 38, f"t = {time}", "small soft middle"))
        parts.append(text(middle, _TOP - 4, _below(states[0], time), "bold middle"))
    if gap:
        middle = (middles[-2] + middles[-1]) / 2
        parts.append(text(middle, bottom + 14, "…", "bold middle"))
    width = middles[-1] + _COLUMN / 2 + 40
    title = f"{name} unfolded over {last} time steps"
    return svg(width, bottom + 50, title, parts, alone)


def _rows(layers: int, bidirectional: bool) -> list[_Row]:
    directions = 2 if bidirectional else 1
    rows = []
    for layer in range(layers):
        for direction in range(directions):
            # The last layer is on top; in each layer, the direction that reads forward.
            place = (layers - 1 - layer) * (directions + 0.35 * bidirectional) + direction
            name = f"layer {layer + 1}" + (", reverse" if direction else "")
            shift = (_ASIDE if direction else -_ASIDE) if bidirectional else 0.0
            rows.append(_Row(name, _TOP + _ROW * (place + 0.75), shift, direction == 1))
    return rows


def _column(middle: float, rows: Sequence[_Row], bottom: float, bidirectional: bool) -> str:
    """Draw the arrows upwards at one time step."""
    if not bidirectional:
        stops = [bottom - 2, *(row.middle for row in rows)]
        lines = [up(middle, a - (_HEIGHT / 2 if i else 0), b + _HEIGHT / 2) for i, (a, b) in enumerate(_pairs(stops))]
        return "".join([*lines, up(middle, stops[-1] - _HEIGHT / 2, _TOP)])
    parts, at = [], bottom - 2
    for forward, back in zip(rows[::2], rows[1::2], strict=True):
        (top, low), half = (forward.middle, back.middle), _HEIGHT / 2
        joint, join = low + half + 10, top - half - 8
        aside, other_side = middle - _ASIDE - 24, middle + _ASIDE + 24
        parts.append(_line(f"M{number(middle)} {number(at)}V{number(joint)}H{number(aside)}"))
        parts += [up(aside, joint, top + half), up(middle, joint, low + half)]
        parts.append(_line(f"M{number(other_side)} {number(low - half)}V{number(join)}H{number(middle)}"))
        parts.append(_line(f"M{number(middle - 10)} {number(top - half)}V{number(join)}H{number(middle)}"))
        at = join
    return "".join([*parts, up(middle, at, _TOP)])


def _line(data: str) -> str:
    return path(data, "line")


def _pairs(stops: Sequence[float]) -> list[tuple[float, float]]:
    return list(itertools.pairwise(stops))


def _row(row: _Row, middles: Sequence[float], name: str, states: str, gap: bool) -> list[str]:
    """Draw one layer in one direction: its copies, and the state between them."""
    y, hue = row.middle, "blue"
    parts = [text(10, y + 4, row.name, "small soft")]
    centres = [middle + row.shift for middle in middles]
    half = _WIDTH / 2
    edges = [(a + half, b - half) for a, b in _pairs(centres)]
    first, sign = (centres[-1] + half, 1) if row.reverse else (centres[0] - half, -1)
    parts += [text(first + 32 * sign, y + 4, "0", "small soft middle"), along(first + 24 * sign, first, y, hue)]
    for i, (a, b) in enumerate(edges):
        start, end = (b, a) if row.reverse else (a, b)
        parts.append(along(start, end, y, hue, dashed=gap and i == len(edges) - 1))
        if i == 0:
            parts.append(text(a + 6, y - 6, states, f"small {hue}"))
    for centre in centres:
        for kind in ("paper", "tint purple" if row.reverse else "tint orange"):
            parts.append(rect(centre - half, y - _HEIGHT / 2, _WIDTH, _HEIGHT, kind, 8))
        parts.append(text(centre, y + 4, name if len(name) < 11 else f"{name[:9]}…", "small bold middle"))
    return parts


def _below(name: str, time: str) -> str:
    """Write a value at a time step, with digits as subscripts."""
    digits = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return f"{name}{time.translate(digits)}" if time.isdigit() else f"{name}({time})"

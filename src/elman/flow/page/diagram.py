"""Draw one time step of a cell from its equations, with a loop for each state.

The drawing is SVG, and works for any cell.

>>> from elman import cells
>>> drawing = draw_folded(cells.gru, {"input": 64, "hidden": 128})
>>> drawing.startswith("<svg"), "r = σ" in drawing, "U.n" in drawing
(True, True, True)
"""

import math
from collections.abc import Mapping

from elman.expr import Cell
from elman.flow.page.dataflow import Box, read_dataflow
from elman.flow.page.layering import Placement, Point, place_boxes
from elman.flow.page.style import number, path, rect, svg, text

_LETTER, _SMALL_LETTER = 7.6, 6.5  # width of a letter in pixels
_MARGIN, _LANE, _HEADROOM = 14.0, 24.0, 30.0
_MOST_LETTERS = 18  # of parameters in one line of a box
_INPUT_HUES, _STATE_HUES = ("green", "sky"), ("blue", "red", "purple", "orange")
_HUE = {"gate": "orange", "activation": "purple"}


def draw_folded(cell: Cell, sizes: Mapping[str, int] | None = None, alone: bool = False) -> str:
    """Draw one time step, and the loop that passes each state to the next one.

    Args:
        cell: the equations.
        sizes: a number for each symbolic size, see :meth:`elman.expr.Cell.sizes`; without it their names are drawn.
        alone: for a file of its own.
    """
    boxes = {box.key: box for box in read_dataflow(cell)}
    labels = {key: _Label(box, _count(cell, box, sizes), _length(box, sizes)) for key, box in boxes.items()}
    arrows = [(arrow.source, box.key) for box in boxes.values() for arrow in box.arrows]
    ends = [key for key, box in boxes.items() if box.kind == "output"]
    placement = place_boxes({key: label.size for key, label in labels.items()}, arrows, ends)
    hues = _entry_hues(boxes)
    lanes = len(ends)
    left, top = _MARGIN + _LANE * lanes, _MARGIN + _HEADROOM
    parts = [_frame(cell.name, boxes, labels, placement)]
    for (source, target), points in placement.routes.items():
        parts += _arrow(points, hues.get(source, ""))
        parts += [
            text(points[-1][0] - 12, points[-1][1] - 4, arrow.mark, "bold end")
            for arrow in boxes[target].arrows
            if arrow.source == source and arrow.mark
        ]
    for key, box in boxes.items():
        parts += labels[key].draw(placement.centres[key], hues.get(key, _HUE.get(box.kind, "")))
    # The lowest takes the inner lane, so that loops do not cross.
    for lane, key in enumerate(sorted(ends, key=lambda k: -placement.centres[k][1])):
        parts += _loop(lane, boxes, labels, placement, key, hues)
    body = f'<g transform="translate({number(left)} {number(top)})">{"".join(parts)}</g>'
    width = left + placement.width + _MARGIN + _LANE * lanes
    height = top + placement.height + 26 + _LANE * lanes + _MARGIN
    return svg(width, height, f"One time step of {cell.name}, with its loop", [body], alone)


class _Label:
    """Text of a box, and the size of the box."""

    def __init__(self, box: Box, count: str, length: str) -> None:
        self.box = box
        self.lines: list[tuple[str, str]] = []
        if box.kind in ("input", "state", "output"):
            self.lines = [(_in_time(box), "bold middle"), (length, "small soft middle")]
        elif box.kind == "point":
            self.lines = [(box.title, "bold middle")]
        else:
            members = [(line, "small mono middle") for line in _fill(box.members)]
            self.lines = [(box.title, "bold middle"), *members, *([(count, "small soft middle")] if count else [])]
        widths = [len(words) * (_LETTER if "bold" in kind else _SMALL_LETTER) for words, kind in self.lines]
        if box.kind == "point":
            side = max(26.0, widths[0] + 12)
            self.size: Point = (side, 26.0)
        else:
            self.size = (max(44.0, *widths) + 14, 8 + 15.0 * len(self.lines))

    def draw(self, centre: Point, hue: str) -> list[str]:
        (x, y), (width, height) = centre, self.size
        if self.box.kind == "point":
            parts = [rect(x - width / 2, y - height / 2, width, height, "paper", 13)]
            parts.append(rect(x - width / 2, y - height / 2, width, height, "tint", 13))
        else:
            round_by = 4 if self.box.kind in ("input", "state", "output") else 9
            parts = [rect(x - width / 2, y - height / 2, width, height, "paper", round_by)]
            parts.append(rect(x - width / 2, y - height / 2, width, height, f"tint {hue}", round_by))
        first = y - 15.0 * (len(self.lines) - 1) / 2 + 4.5
        return parts + [text(x, first + 15 * i, words, kind) for i, (words, kind) in enumerate(self.lines)]


def _fill(members: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for member in members:
        if lines and len(lines[-1]) + len(member) < _MOST_LETTERS:
            lines[-1] += f" {member}"
        else:
            lines.append(member)
    return lines


def _in_time(box: Box) -> str:
    below = {"input": "ₜ", "state": "ₜ₋₁", "output": "ₜ"}[box.kind]
    return f"{box.name}{below}"


def _count(cell: Cell, box: Box, sizes: Mapping[str, int] | None) -> str:
    """Write how many numbers the parameters of a box have."""
    if sizes is None or not box.members:
        return ""
    shapes = {node.name: node.shape for node in cell.graph.nodes if node.op == "parameter"}
    return f"{sum(math.prod(sizes[s] for s in shapes[name]) for name in box.members):,}"


def _length(box: Box, sizes: Mapping[str, int] | None) -> str:
    return f"{sizes[box.size]:,}" if sizes and box.size in sizes else box.size


def _entry_hues(boxes: Mapping[int, Box]) -> dict[int, str]:
    """Choose a hue for each input and state; an output has that of its state."""
    named: dict[str, str] = {}
    for kind, hues in (("input", _INPUT_HUES), ("state", _STATE_HUES)):
        of_kind = [box.name for box in boxes.values() if box.kind == kind]
        named |= {name: hues[i % len(hues)] for i, name in enumerate(of_kind)}
    return {key: named[box.name] for key, box in boxes.items() if box.kind in ("state", "input", "output")}


def _frame(name: str, boxes: Mapping[int, Box], labels: Mapping[int, _Label], placement: Placement) -> str:
    inner = [key for key, box in boxes.items() if box.kind not in ("input", "state", "output")]
    if not inner:
        return ""
    left = min(placement.centres[key][0] - labels[key].size[0] / 2 for key in inner) - 26
    right = max(placement.centres[key][0] + labels[key].size[0] / 2 for key in inner) + 16
    frame = rect(left, -_HEADROOM + 4, right - left, placement.height + _HEADROOM + 8, "frame", 12)
    words = f"{name}, one time step"
    title = words if len(words) * _SMALL_LETTER < right - left - 20 else name
    return frame + text(left + 12, -_HEADROOM + 20, title, "small soft")


def _arrow(points: list[Point], hue: str) -> list[str]:
    """Draw a smooth line through points, with an arrow head at its end."""
    (x, y), tip = points[0], points[-1]
    data = f"M{number(x)} {number(y)}"
    stops = [*points[1:-1], (tip[0] - 6, tip[1])]
    for a, b in stops:
        half = (a - x) / 2
        bend = f"{number(x + half)} {number(y)} {number(a - half)} {number(b)}"
        data += f"C{bend} {number(a)} {number(b)}"
        x, y = a, b
    head = f"M{number(tip[0])} {number(tip[1])}l-8 -4v8z"
    return [path(data, f"line {hue}"), path(head, f"fill {hue}")]


def _loop(
    lane: int,
    boxes: Mapping[int, Box],
    labels: Mapping[int, _Label],
    placement: Placement,
    key: int,
    hues: Mapping[int, str],
) -> list[str]:
    """Draw the loop of a new state around the step, back to where the next step reads it."""
    name = boxes[key].name
    start = next(k for k, box in boxes.items() if box.kind == "state" and box.name == name)
    right, left = placement.centres[key], placement.centres[start]
    out, back = right[0] + labels[key].size[0] / 2, left[0] - labels[start].size[0] / 2
    far, near = placement.width + _LANE * (lane + 0.5), -_LANE * (lane + 0.5)
    low = placement.height + 28 + _LANE * lane
    data = (
        f"M{number(out)} {number(right[1])}H{number(far - 6)}q6 0 6 6V{number(low - 6)}q0 6 -6 6"
        f"H{number(near + 6)}q-6 0 -6 -6V{number(left[1] + 6)}q0 -6 6 -6H{number(back - 6)}"
    )
    middle, hue = placement.width / 2, hues[key]
    words = f"{name}: one step later"
    half = len(words) * _SMALL_LETTER / 2 + 6
    return [
        path(data, f"line dashed {hue}"),
        path(f"M{number(back)} {number(left[1])}l-8 -4v8z", f"fill {hue}"),
        rect(middle - half, low - 8, 2 * half, 16, "paper", 3),
        text(middle, low + 4, words, f"small middle {hue}"),
    ]

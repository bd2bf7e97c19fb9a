"""Draw curves, maps and bars as SVG, ready for a page.

>>> drawing = draw_curves([Curve(np.arange(3.0), np.array([1.0, 0.1, 0.01]), "falls")], ("step", "norm"), log=True)
>>> drawing.startswith("<svg"), "10⁻¹" in drawing
(True, True)
"""

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from elman.flow.figures import Array
from elman.flow.page.style import HUES, circle, number, path, rect, svg, text

_WIDTH, _HEIGHT = 640.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 16.0, 14.0, 42.0
_MOST_POINTS = 500
_MOST_PIXELS = 320
_DECADES = 10  # of a logarithmic axis or scale
_DASHES = ("", " dashed")
_SHADES = 63  # steps of the colour scale: finer ones are not seen, and make a map twice as large
# The colours of cividis (Nuñez et al. 2018), which colour-blind people see alike, from small to large.
_SCALE = (
    (0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115),
    (138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56),
)  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """One curve of a chart.

    Attributes:
        x: horizontal positions.
        y: values; NaN is left out.
        label: of the curve.
        hue: of its line; empty for the next free one.
        lower: lower edge of a band around it, if it has one.
        upper: upper edge of the band.
        dashed: whether its line is dashed.
        stems: whether each point is drawn as a line from 0, instead of one line through all points.
    """

    x: Array
    y: Array
    label: str
    hue: str = ""
    lower: Array | None = None
    upper: Array | None = None
    dashed: bool = False
    stems: bool = False


@dataclass(frozen=True)
class Mark:
    """A labelled straight line across a chart: horizontal, or vertical with `upright`."""

    at: float
    label: str
    upright: bool = False


class _Axis:
    """One axis: turns values into pixels, and chooses the ticks."""

    def __init__(self, low: float, high: float, start: float, end: float, log: bool = False) -> None:
        self.log = log
        if log:
            low, high = math.log10(low), math.log10(high)
            low = max(low, high - 3 * _DECADES)
        if high - low < 1e-9 * max(1.0, abs(high)):
            low, high = low - 0.5, high + 0.5
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        if self.log:
            value = math.log10(value) if value > 0 else -math.inf
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Check that a value is not below the axis; a logarithmic axis leaves out smaller values."""
        return not self.log or (value > 0 and math.log10(value) >= self.low - 1e-9)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        if self.log:
            decades = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
            every = max(1, math.ceil(len(decades) / most))
            if len(decades) >= 3:
                return [(10.0**d, power_of_ten(d)) for d in decades[::every]]
            between = [f * 10.0**d for d in range(math.floor(self.low), math.ceil(self.high)) for f in (1, 2, 5, 10)]
            within = sorted({v for v in between if self.low - 1e-9 <= math.log10(v) <= self.high + 1e-9})
            if len(within) >= 2:
                return [(v, f"{v:g}") for v in within]
            return [(10.0**v, f"{10.0**v:.3g}") for v in np.linspace(self.low, self.high, 4)]
        raw = (self.high - self.low) / most
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(size * f for f in (1, 2, 5, 10) if size * f >= raw)
        first = math.ceil(self.low / step - 1e-9)
        values = [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]
        return [(v, f"{0.0 if abs(v) < step / 2 else v:g}" if abs(v) < 1e6 else f"{v:.0e}") for v in values]


def draw_curves(
    curves: Sequence[Curve],
    axes: tuple[str, str],
    *,
    log: bool = False,
    marks: Sequence[Mark] = (),
    low: float | None = None,
    high: float | None = None,
    title: str = "",
    width: float = _WIDTH,
) -> str:
    """Draw curves over one axis.

    Args:
        curves: to be drawn; a legend has their labels where there are several.
        axes: labels of the axes, the horizontal one first.
        log: whether the vertical axis is logarithmic; values that are not above 0 are left out.
        marks: lines across.
        low: smallest value of the vertical axis; None: that of the values.
        high: largest value of the vertical axis; None: that of the values.
        title: what it shows.
        width: in pixels.
    """
    curves = [_thin(curve, log) for curve in curves]
    bounds = [v for c in curves for v in (c.y, c.lower, c.upper) if v is not None]
    values = np.concatenate([*bounds, np.array([m.at for m in marks if not m.upright], dtype=float)])
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    places = np.concatenate([c.x for c in curves])
    if not len(values) or not len(places):
        return svg(width, 40, title, [text(10, 24, "nothing to draw: no value is finite and above 0", "soft")])
    legend = len(curves) > 1
    top = _TOP + (18 if legend else 0)
    across = _Axis(float(places.min()), float(places.max()), _LEFT, width - _RIGHT)
    up = _Axis(
        float(values.min()) if low is None else low,
        float(values.max()) if high is None else high,
        _HEIGHT - _BOTTOM, top, log,
    )  # fmt: skip
    parts = [*_frame(across, up, axes, width), *(_mark(mark, across, up) for mark in marks)]
    at = _LEFT
    for i, curve in enumerate(curves):
        hue = curve.hue or HUES[i % len(HUES)]
        line = f"line {hue}{_DASHES[curve.dashed]}"
        if curve.lower is not None and curve.upper is not None:
            parts.append(_band(curve, across, up, hue))
        runs = [] if curve.stems else _runs(curve.x, curve.y, across, up)
        drawn = _stems(curve, across, up) if curve.stems else _line(run for run in runs if len(run) > 1)
        alone = [run[0] for run in runs if len(run) == 1]
        parts += [path(drawn, line)] if drawn else []
        parts += [circle(x, y, 3, f"fill {hue}") for x, y in alone]
        if legend:
            dotted = alone and not drawn
            parts.append(
                circle(at + 10, 14, 3, f"fill {hue}") if dotted else path(f"M{number(at)} 14h20", f"{line} heavy")
            )
            parts.append(text(at + 26, 18, curve.label, "small"))
            at += 48 + 6.4 * len(curve.label)
    return svg(width, _HEIGHT, title or f"{axes[1]} over {axes[0]}", parts)


def _frame(across: _Axis, up: _Axis, axes: tuple[str, str], width: float) -> list[str]:
    parts = []
    for value, words in up.ticks():
        y = up(value)
        parts += [path(f"M{number(_LEFT)} {number(y)}H{number(width - _RIGHT)}", "grid")]
        parts += [text(_LEFT - 6, y + 4, words, "small soft end")]
    for value, words in across.ticks(8):
        x = across(value)
        parts += [
            path(f"M{number(x)} {number(up.start)}v4", "grid"),
            text(x, up.start + 17, words, "small soft middle"),
        ]
    middle = (up.start + up.end) / 2
    parts.append(text((_LEFT + width - _RIGHT) / 2, up.start + 34, axes[0], "small middle"))
    parts.append(text(14, middle, axes[1], "small middle", turned=True))
    return parts


def _mark(mark: Mark, across: _Axis, up: _Axis) -> str:
    if mark.upright:
        x = across(mark.at)
        right = x > (across.start + across.end) / 2
        words = text(x + (-5 if right else 5), up.end + 12, mark.label, "small soft end" if right else "small soft")
        return path(f"M{number(x)} {number(up.start)}V{number(up.end)}", "line dashed") + words
    y = up(mark.at)
    line = path(f"M{number(across.start)} {number(y)}H{number(across.end)}", "line dashed")
    return line + text(across.end - 4, y - 5, mark.label, "small soft end")


def _thin(curve: Curve, log: bool) -> Curve:
    """Keep every n-th point of a long curve; of stems the largest of each n."""
    x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
    y = np.where(y > 0, y, np.nan) if log else y
    bands = [None if b is None else np.asarray(b, dtype=float) for b in (curve.lower, curve.upper)]
    if len(x) > _MOST_POINTS:
        edges = np.linspace(0, len(x), _MOST_POINTS + 1).astype(int)[:-1]
        if curve.stems:
            ends = [*edges[1:], len(x)]
            edges = np.array([a + int(np.nanargmax(np.abs(y[a:b]))) for a, b in zip(edges, ends, strict=True)])
        x, y = x[edges], y[edges]
        bands = [None if b is None else b[edges] for b in bands]
    return Curve(x, y, curve.label, curve.hue, bands[0], bands[1], curve.dashed, curve.stems)


def _runs(x: Array, y: Array, across: _Axis, up: _Axis) -> list[list[tuple[float, float]]]:
    """Return the places of points that follow each other; a run ends where a value is missing."""
    runs: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if math.isfinite(b) and up.holds(b):
            runs[-1].append((across(a), up(b)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _line(runs: Iterable[list[tuple[float, float]]]) -> str:
    return "".join("M" + "L".join(f"{number(x)} {number(y)}" for x, y in run) for run in runs)


def _stems(curve: Curve, across: _Axis, up: _Axis) -> str:
    zero = number(up(0.0))
    pairs = zip(curve.x.tolist(), curve.y.tolist(), strict=True)
    return "".join(f"M{number(across(a))} {zero}V{number(up(b))}" for a, b in pairs if math.isfinite(b))


def _band(curve: Curve, across: _Axis, up: _Axis, hue: str) -> str:
    assert curve.lower is not None
    assert curve.upper is not None
    fine = np.isfinite(curve.lower) & np.isfinite(curve.upper)
    x, lower, upper = curve.x[fine], curve.lower[fine], curve.upper[fine]
    if len(x) < 2:
        return ""
    there = _line(_runs(x, upper, across, up))
    back = _line(_runs(x[::-1], lower[::-1], across, up))
    return path(f"{there}L{back[1:]}z", f"fill band {hue}")


def draw_map(values: Array, rows: Array, axes: tuple[str, str], title: str = "", caption: str = "") -> str:
    """Draw a map (R, T) of values from 0 on a logarithmic scale: dark blue for small values, yellow for large ones.

    Args:
        values: 0 and NaN stay empty.
        rows: (R,), the steps of the rows.
        axes: labels of the axes, the horizontal one first.
        title: what it shows.
        caption: text above the map.
    """
    shown = _shrink(np.nan_to_num(np.asarray(values, dtype=float)))
    positive = shown[shown > 0]
    if not len(positive):
        return svg(_WIDTH / 2, 40, title, [text(10, 24, "nothing to draw: all is 0", "soft")])
    high = math.log10(positive.max())
    low = max(math.log10(positive.min()), high - _DECADES)
    size, left, top = 200.0, 50.0, 26.0 if caption else 10.0
    if len(rows) == 1:  # a strip
        return _draw_strip(paint(shown, low, high), values.shape[1], axes, title)
    across = _Axis(0, max(values.shape[1] - 1, 1), left, left + size)
    down = _Axis(float(rows[0]), float(max(rows[-1], rows[0] + 1)), top, top + size)
    parts = [text(left, 16, caption, "small bold")] if caption else []
    parts += [rect(left, top, size, size, "frame", 0), _image(paint(shown, low, high), left, top, size, size)]
    for value, words in across.ticks(5):
        parts.append(text(across(value), top + size + 14, words, "small soft middle"))
    for value, words in down.ticks(5):
        parts.append(text(left - 5, down(value) + 4, words, "small soft end"))
    parts.append(text(left + size / 2, top + size + 32, axes[0], "small middle"))
    parts.append(text(13, top + size / 2, axes[1], "small middle", turned=True))
    bar = np.logspace(high, low, 64)[:, None]
    parts.append(_image(paint(bar, low, high), left + size + 16, top, 12, size))
    scale = _Axis(10.0**low, 10.0**high, top + size, top, log=True)
    parts += [text(left + size + 33, scale(value) + 4, words, "small soft") for value, words in scale.ticks(5)]
    return svg(left + size + 84, top + size + 42, title, parts)


def _draw_strip(pixels: Array, length: int, axes: tuple[str, str], title: str) -> str:
    """Draw a map of one row."""
    across = _Axis(0, max(length - 1, 1), _LEFT, _WIDTH - _RIGHT)
    wide = _WIDTH - _RIGHT - _LEFT
    parts = [rect(_LEFT, 10, wide, 34, "frame", 0), _image(pixels, _LEFT, 10, wide, 34)]
    parts += [text(across(value), 58, words, "small soft middle") for value, words in across.ticks(8)]
    parts.append(text(_LEFT + wide / 2, 76, f"{axes[0]}; brighter is stronger", "small middle"))
    return svg(_WIDTH, 84, title, parts)


def _shrink(values: Array) -> Array:
    """Make a large map smaller; a pixel has the largest of its values."""
    for axis in (0, 1):
        length = values.shape[axis]
        if length > _MOST_PIXELS:
            edges = np.linspace(0, length, _MOST_PIXELS + 1).astype(int)[:-1]
            values = np.maximum.reduceat(values, edges, axis=axis)
    return values


def paint(values: Array, low: float, high: float) -> Array:
    """Compute the colour of each value, (rows, columns, 4); 0 is transparent."""
    with np.errstate(divide="ignore"):
        share = np.clip((np.log10(values) - low) / (high - low if high > low else 1.0), 0, 1)
    share = np.round(share * _SHADES) / _SHADES
    places = np.linspace(0, 1, len(_SCALE))
    channels = [np.interp(share, places, [colour[i] for colour in _SCALE]) for i in range(3)]
    return np.stack([*channels, np.where(values > 0, 255, 0)], -1).round().astype(np.uint8)


def _image(pixels: Array, x: float, y: float, width: float, height: float) -> str:
    data = base64.b64encode(encode_png(pixels)).decode()
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    sharp = 'preserveAspectRatio="none" style="image-rendering:pixelated"'
    return f'<image {place} {sharp} href="data:image/png;base64,{data}"/>'


def encode_png(pixels: Array) -> bytes:
    """Encode pixels (rows, columns, 4) as PNG (PNG specification, third edition)."""
    rows, columns = pixels.shape[:2]
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@dataclass(frozen=True)
class Bar:
    """One bar: its label, the lengths of its parts, and a note at its end."""

    label: str
    parts: tuple[float, ...]
    note: str = ""


def draw_bars(
    bars: Sequence[Bar],
    legend: Sequence[str] = (),
    hues: Sequence[str] = HUES,
    most: float | None = None,
    title: str = "",
) -> str:
    """Draw horizontal bars, each of one or more parts.

    Args:
        bars: from top to bottom.
        legend: names of the parts.
        hues: of the parts.
        most: value of the full width; None: that of the longest bar.
        title: what it shows.
    """
    left = 12 + 6.6 * max((len(bar.label) for bar in bars), default=0)
    room = _WIDTH - left - 14 - 6.2 * max((len(bar.note) for bar in bars), default=0)
    whole = most or max((sum(bar.parts) for bar in bars), default=1.0) or 1.0
    parts, y = [], 24.0 if legend else 6.0
    at = left
    for words, hue in zip(legend, hues, strict=False):
        parts += [rect(at, 4, 12, 12, f"tint {hue}", 2), text(at + 17, 14, words, "small")]
        at += 36 + 6.4 * len(words)
    for bar in bars:
        parts.append(text(left - 6, y + 13, bar.label, "small end mono"))
        x = left
        for i, share in enumerate(bar.parts):
            length = max(0.0, room * min(share / whole, 1.0))
            if length > 0.3:
                parts.append(rect(x, y, length, 17, f"tint {hues[i % len(hues)]}", 2))
            x += length
        parts.append(text(x + 8 if not most else left + room + 8, y + 13, bar.note, "small soft"))
        y += 24
    return svg(_WIDTH, y + 4, title, parts)


def power_of_ten(exponent: int) -> str:
    """Write a power of ten.

    >>> power_of_ten(-12), power_of_ten(0)
    ('10⁻¹²', '1')
    """
    if exponent in (0, 1):
        return str(10**exponent)
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))

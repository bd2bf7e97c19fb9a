"""The colours of drawings and pages, in a light and a dark theme, and the elements of every drawing.

The hues are those of Okabe and Ito (2008), which colour-blind people can tell apart; no information is in the colour
alone. A drawing names a colour by its class; the page, or a drawing in its own file, defines it.

>>> text(3, 4, "a < b", "small")
'<text x="3" y="4" class="small">a &lt; b</text>'
"""

from collections.abc import Iterable
from html import escape

LIGHT = {
    "paper": "#ffffff", "panel": "#f6f7f9", "ink": "#1b1f24", "soft": "#5b6570", "line": "#c9d0d8",
    "blue": "#0072b2", "orange": "#b87800", "green": "#00805d", "red": "#c04a00", "purple": "#a8487f", "sky": "#2585be",
}  # fmt: skip
DARK = {
    "paper": "#14171a", "panel": "#1d2126", "ink": "#e8ebee", "soft": "#a3adb8", "line": "#434b54",
    "blue": "#5ab4ef", "orange": "#eeb02c", "green": "#2fc79a", "red": "#ff8f57", "purple": "#e59bc6", "sky": "#8fd0f7",
}  # fmt: skip
HUES = ("blue", "red", "green", "purple", "orange", "sky")

_FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"
_MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def colours() -> str:
    """Write the rules that give the colours their values, dark ones where the reader's system is dark."""
    light, dark = ("".join(f"--{name}:{value};" for name, value in of.items()) for of in (LIGHT, DARK))
    return f":root{{color-scheme:light dark;{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def rules() -> str:
    """Write the rules for the classes that drawings use."""
    hues = "".join(
        f"svg .{hue}{{color:var(--{hue})}}svg .fill.{hue}{{fill:var(--{hue})}}svg .line.{hue}{{stroke:var(--{hue})}}"
        f"svg .tint.{hue}{{fill:var(--{hue});fill-opacity:.14;stroke:var(--{hue})}}svg text.{hue}{{fill:var(--{hue})}}"
        for hue in HUES
    )
    return (
        f"svg{{font-family:{_FONT};font-size:12px}}svg text{{fill:var(--ink)}}svg .mono{{font-family:{_MONO}}}"
        "svg .small{font-size:10.5px}svg .bold{font-weight:600}svg text.soft{fill:var(--soft)}"
        "svg .middle{text-anchor:middle}svg .end{text-anchor:end}"
        "svg .line{fill:none;stroke:var(--soft);stroke-width:1.4}svg .fill{fill:var(--soft)}"
        "svg .grid{stroke:var(--line);stroke-width:.7;fill:none}svg .frame{fill:var(--panel);stroke:var(--line)}"
        "svg .tint{fill:var(--soft);fill-opacity:.1;stroke:var(--soft);stroke-width:1.3}"
        "svg .paper{fill:var(--paper)}svg .dashed{stroke-dasharray:5 4}svg .band{fill-opacity:.2;stroke:none}"
        "svg .heavy{stroke-width:2}" + hues
    )


def svg(width: float, height: float, title: str, parts: Iterable[str], alone: bool = False) -> str:
    """Make one drawing.

    Args:
        width: in pixels; on a narrow page it shrinks.
        height: in pixels.
        title: what it shows, for screen readers.
        parts: elements.
        alone: whether it includes its colours, as a file of its own needs.
    """
    style = f"<style>{colours()}{rules()}svg{{background:var(--paper)}}</style>" if alone else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'width="{number(width)}" height="{number(height)}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{style}{''.join(parts)}</svg>"
    )


def text(x: float, y: float, words: str, kind: str = "", turned: bool = False) -> str:
    """Write words at a place; `kind` are classes: small, bold, mono, soft, middle, end, or a hue."""
    turn = f' transform="rotate(-90 {number(x)} {number(y)})"' if turned else ""
    return f'<text x="{number(x)}" y="{number(y)}" class="{kind}"{turn}>{escape(words)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str, round_by: float = 6) -> str:
    """Draw a rectangle from its upper left corner."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect {place} rx="{number(round_by)}" class="{kind}"/>'


def path(data: str, kind: str) -> str:
    """Draw a path; `line` is a stroke, `fill` a surface, and a hue gives the colour."""
    return f'<path d="{data}" class="{kind}"/>'


def circle(x: float, y: float, radius: float, kind: str) -> str:
    """Draw a circle around its centre, such as a dot."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" class="{kind}"/>'


def up(x: float, start: float, end: float) -> str:
    """Draw an arrow upwards, from one height to another."""
    line = path(f"M{number(x)} {number(start)}V{number(end + 6)}", "line")
    return line + path(f"M{number(x)} {number(end)}l-4 8h8z", "fill")


def along(start: float, end: float, y: float, hue: str, dashed: bool = False) -> str:
    """Draw an arrow to the right or to the left, at one height."""
    sign = 1 if end > start else -1
    line = path(f"M{number(start)} {number(y)}H{number(end - 6 * sign)}", f"line {hue}{' dashed' if dashed else ''}")
    return line + path(f"M{number(end)} {number(y)}l{-8 * sign} -4v8z", f"fill {hue}")


def number(value: float) -> str:
    """Write a coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def page() -> str:
    """Write the rules of a whole page around its drawings."""
    return _PAGE.replace("FONT", _FONT).replace("MONO", _MONO)


_PAGE = """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);line-height:1.5;font-family:FONT}
main{max-width:1040px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:1.7rem;margin:0}
h2{font-size:1.2rem;margin:0 0 .3rem}
section{margin-top:2.4rem;border-top:1px solid var(--line);padding-top:1.2rem}
.facts,.how,footer{color:var(--soft);font-size:.9rem}
.facts{margin:.2rem 0 1rem}
.says{font-size:1.05rem;margin:.2rem 0 .8rem}
.how{max-width:75ch}
figure{margin:0;display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start}
.drawing{max-width:100%;overflow-x:auto}
.drawing svg{max-width:100%;height:auto;display:block}
.verdict{border-left:5px solid;padding:.6rem 1rem;background:var(--panel)}
section+.verdict{margin-top:2.4rem}
.verdict p,.verdict ol{margin:.2rem 0}
.verdict.green{border-color:var(--green)}
.verdict.red{border-color:var(--red)}
.verdict.green strong{color:var(--green)}
.verdict.red strong{color:var(--red)}
.verdict strong{font-size:1.2rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;margin:.8rem 0}
th,td{text-align:left;padding:3px 18px 3px 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500}
pre,.mono{font-family:MONO}
pre{background:var(--panel);padding:.8rem 1rem;border-radius:8px;overflow-x:auto;font-size:.9rem;line-height:1.6}
.body{display:flex;flex-wrap:wrap;gap:10px 28px;align-items:flex-start}
.shown{flex:0 1 690px;min-width:0;max-width:100%}
.whole .shown{flex-basis:100%}
.body .how{flex:1 1 270px;margin:.3rem 0 0}
div.equations{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start;margin-top:.8rem}

table.equations{margin:.3rem 1rem .3rem 0;font:1.1rem/1.8 Georgia,'Times New Roman','DejaVu Serif',serif}
table.equations td{border:0;padding:0 .5rem 0 0}
table.equations td:first-child{text-align:right}
sub{font-size:.72em}
.text{font-size:1.05rem;line-height:2.1;white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0}
.text span{padding:2px 1px;border-radius:3px;position:relative}
table.confusion th,table.confusion td{padding:3px 9px;border:1px solid var(--line);text-align:right}
table.confusion th{font-size:.8rem;white-space:nowrap}
.examples{padding-left:1.6rem;margin:.4rem 0}
.examples li{margin:0 0 .9rem}
.examples .text{line-height:1.5;font-size:.95rem}
mark{background:color-mix(in srgb,var(--orange) 35%,transparent);color:inherit;padding:1px 2px;border-radius:3px}
.text .read{outline:2px solid var(--ink);outline-offset:1px}
"""

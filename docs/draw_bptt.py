"""Draw the figures of `bptt.md`: `python docs/draw_bptt.py`, or with a folder as its argument.

Everything in them is computed here, by the package. The colours are Okabe and Ito's, which colour-blind readers can
tell apart, and every line has its name beside it. A reader's dark mode turns the paper dark and the colours lighter.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import elman

FOLDER = Path(__file__).parent / "figures"
STEPS = 50
BLUE, ORANGE, GREEN, PINK, INK, PAPER, FAINT = (
    "#0072b2", "#d55e00", "#009e73", "#b5468b", "#1b1f24", "#ffffff", "#c9d0dc",
)  # fmt: skip
IN_THE_DARK = {
    BLUE: "#56b4e9", ORANGE: "#ff9a4d", GREEN: "#2fc79b", PINK: "#f29ac8",
    INK: "#e6e8eb", PAPER: "#0d1117", FAINT: "#3d4450",
}  # fmt: skip
PLAIN = {
    "font.size": 11, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK,
    "ytick.color": INK, "axes.facecolor": PAPER, "figure.facecolor": PAPER, "grid.color": FAINT,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "svg.hashsalt": "elman", "lines.linewidth": 2.2,
}  # fmt: skip


def draw_all(folder: Path) -> None:
    """Draw every figure into a folder as SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        with mpl.rc_context({**mpl.rcParamsDefault, **PLAIN}):
            (folder / f"{name}.svg").write_text(with_dark_mode(draw()), encoding="utf-8")


def with_dark_mode(figure: Figure) -> str:
    """Give a figure as SVG text, in which each colour has another for dark mode."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    rules = " ".join(
        f'[style*="{kind}: {light}"] {{ {kind}: {dark} !important }}'
        for light, dark in IN_THE_DARK.items()
        for kind in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme: dark) {{ {rules} }}</style>"
    head, end, rest = drawn.getvalue().partition("<defs>")
    return f"{head}{style}\n {end}{rest}"


def draw_unfolded() -> Figure:
    """Draw one network folded, and over three time steps."""
    figure = Figure(figsize=(9.2, 3.5))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 9.2), ylim=(0, 3.5))
    axes.axis("off")
    _column(axes, 1.1, "h", "word", "next word")
    back = FancyArrowPatch(
        (1.52, 1.6),
        (1.52, 1.95),
        connectionstyle="arc3,rad=2.4",
        arrowstyle="-|>",
        mutation_scale=13,
        color=ORANGE,
        lw=2,
    )
    axes.add_patch(back)
    axes.text(2.04, 1.77, "U", color=ORANGE, ha="left", va="center", fontsize=13)
    axes.text(2.98, 1.77, "=", ha="center", va="center", fontsize=22)
    axes.text(3.75, 1.77, "0", ha="center", va="center", fontsize=13)
    for number, (read, said) in enumerate((("please", "stay"), ("stay", "at"), ("at", "home"))):
        x = 5.0 + 1.6 * number
        _column(axes, x, f"h$_{number + 1}$", read, said)
        _arrow(axes, (x - (1.1 if number == 0 else 1.18), 1.77), (x - 0.42, 1.77), ORANGE)
        axes.text(x - 0.8, 1.93, "U", color=ORANGE, ha="center", fontsize=13)
    axes.text(1.1, 0.12, "folded", ha="center", fontsize=11, style="italic")
    axes.text(6.6, 0.12, "unfolded: the same U, W and V at every step", ha="center", fontsize=11, style="italic")
    return figure


def _column(axes: Any, x: float, state: str, read: str, said: str) -> None:
    """Draw one time step: the word below, the state in its box, the answer above."""
    box = FancyBboxPatch(
        (x - 0.4, 1.47), 0.8, 0.6, boxstyle="round,pad=0.0,rounding_size=0.12", facecolor=PAPER, edgecolor=INK, lw=1.6
    )
    axes.add_patch(box)
    axes.text(x, 1.77, state, ha="center", va="center", fontsize=14)
    _arrow(axes, (x, 0.82), (x, 1.47), BLUE)
    _arrow(axes, (x, 2.07), (x, 2.76), GREEN)
    axes.text(x + 0.1, 1.1, "W", color=BLUE, fontsize=13)
    axes.text(x + 0.1, 2.32, "V", color=GREEN, fontsize=13)
    axes.text(x, 0.52, read, ha="center", fontsize=12)
    axes.text(x, 2.86, said, ha="center", fontsize=12)


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, color=colour, lw=2, shrinkA=0, shrinkB=0)
    )


def draw_powers() -> Figure:
    """Draw the gradient of h_t = w h_{t−1} against the steps that it came back."""
    figure, axes = _axes("steps back through time", "gradient, times")
    for w, colour, dashes in ((1.9, ORANGE, "-"), (1.0, INK, ":"), (0.9, BLUE, "--")):
        values = [w**steps for steps in range(STEPS + 1)]
        axes.semilogy(values, color=colour, linestyle=dashes)
        axes.annotate(f"w = {w}", (STEPS, values[-1]), (6, 0), textcoords="offset points", va="center", color=colour)
    axes.annotate(
        f"{1.9**STEPS:.2e}", (STEPS, 1.9**STEPS), (-8, -2), textcoords="offset points", ha="right", va="bottom"
    )
    axes.annotate(f"{0.9**STEPS:.4f}", (STEPS, 0.9**STEPS), (-8, -7), textcoords="offset points", ha="right", va="top")
    axes.set_ylim(1e-5, 1e16)
    axes.set_yticks([1e-4, 1, 1e4, 1e8, 1e12, 1e16])
    axes.set_xlim(0, STEPS)
    return figure


def draw_cliff() -> Figure:
    """Draw the loss of w^50 that should be 0.5, and one update with and without clipping."""
    figure, axes = _axes("w", "loss")
    weights = torch.linspace(0.85, 1.05, 401, dtype=torch.float64)
    axes.plot(weights, 0.5 * (weights**STEPS - 0.5) ** 2, color=INK)
    w, power = 1.03, 1.03**STEPS
    loss, gradient = 0.5 * (power - 0.5) ** 2, (power - 0.5) * STEPS * power / w
    kept = w - 0.01
    lower = 0.5 * (kept**STEPS - 0.5) ** 2
    axes.plot([w], [loss], "o", color=INK, markersize=8, zorder=4)
    for start, end, colour in (((w, loss), (0.852, loss), ORANGE), ((w, loss), (kept, lower), BLUE)):
        axes.annotate(
            "", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2.2, "mutation_scale": 16}
        )
    thrown = w - 0.01 * gradient
    axes.text(0.935, loss + 0.25, f"not clipped: to w = −{-thrown:.2f}", color=ORANGE, ha="center")
    axes.text(kept - 0.006, lower + 0.1, f"clipped: to w = {kept:.2f}", color=BLUE, ha="right")
    axes.set_xlim(0.85, 1.05)
    axes.set_ylim(-0.3, 10)
    return figure


def draw_gates() -> Figure:
    """Draw how much of a gradient comes back through four untrained networks."""
    figure, axes = _axes("steps back through time", "‖dL/ds‖, of its first value")
    torch.manual_seed(1)
    names = ("LSTM, forget bias 5", "GRU", "LSTM, forget bias 0", "tanh")
    styles = ((ORANGE, "-"), (GREEN, "-."), (PINK, "--"), (BLUE, ":"))
    for name, (colour, dashes) in zip(names, styles, strict=True):
        values = through_time(_untrained(name))
        axes.semilogy(values, color=colour, linestyle=dashes)
        beside = (6, 7) if name == "GRU" else (6, -2)  # its end is close to another's
        axes.annotate(name, (STEPS, values[-1]), beside, textcoords="offset points", va="center", color=colour)
    axes.set_xlim(0, STEPS)
    return figure


def _untrained(name: str) -> torch.nn.Module:
    """Build a layer of 32 units with an input of 8 numbers."""
    if name == "tanh":
        return elman.nn.RNN(8, 32).double()
    if name == "GRU":
        return elman.nn.GRU(8, 32).double()
    layer = elman.nn.LSTM(8, 32).double()
    elman.nn.init.forget_bias_(layer, float(name[-1]))
    return layer


def through_time(layer: torch.nn.Module, examples: int = 64) -> list[float]:
    """Give ‖dL/ds_k‖ for k = 50, 49, …, 0 as shares of the first: its median over examples, with L = ⟨random, h_50⟩.

    The state s is all that is carried: h, or h and c.
    """
    x = torch.randn(STEPS, examples, 8, dtype=torch.float64)
    wanted = torch.randn(examples, 32, dtype=torch.float64)
    norms = []
    for steps in range(STEPS + 1):
        with torch.no_grad():
            state = layer(x[: STEPS - steps])[1] if steps < STEPS else layer(x[:1])[1]
        states = [s.requires_grad_() for s in (state if isinstance(state, tuple) else (state,))]
        last = (
            layer(x[STEPS - steps :], tuple(states) if len(states) > 1 else states[0])[0][-1] if steps else states[0][0]
        )
        grads = torch.autograd.grad((last * wanted).sum(), states, materialize_grads=True)
        norms.append(torch.cat(grads, dim=2).norm(dim=2).median().item())
    return [norm / norms[0] for norm in norms]


def _axes(x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    return figure, axes


FIGURES: dict[str, Callable[[], Figure]] = {
    "unfolded": draw_unfolded,
    "powers": draw_powers,
    "cliff": draw_cliff,
    "gates": draw_gates,
}

if __name__ == "__main__":
    draw_all(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)

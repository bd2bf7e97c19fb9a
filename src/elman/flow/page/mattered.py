"""Draw the attribution of a prediction over the text or the series that was read.

>>> one = Mattered("it says so", np.array([0.1, -0.4]), np.array([0.0, -0.3]), words=("a", "<b>"))
>>> "&lt;b&gt;" in draw_mattered([one])
True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from elman.flow.figures import Array
from elman.flow.page.charts import Curve, draw_curves
from elman.flow.page.wording import write_number, write_share

_STRONGEST = 0.75  # how opaque the largest contribution is
_MOST_NAMED = 3


@dataclass(frozen=True)
class Mattered:
    """Attribution of one prediction to the steps of its input.

    Attributes:
        answer: the prediction, and which part of it is explained.
        contributions: (T,), signed, by integrated gradients.
        leave_one_out: (T,), how much lower the score is without the step.
        residual: difference between the sum of the contributions and the score's difference from the baseline, as a
            share of the sum of their absolute values.
        words: (T,), the units that were read, where the input is a text.
        series: (T, channels), the numbers that were read, where the input is a series.
        baseline: the input that this one is compared with, in words.
    """

    answer: str
    contributions: Array
    leave_one_out: Array
    residual: float = 0.0
    words: Sequence[str] = ()
    series: Array | None = None
    baseline: str = "an input of zeros"


def draw_mattered(mattered: Sequence[Mattered]) -> str:
    """Make the section, as HTML."""
    parts = [_text(one) if one.words else _series(one) for one in mattered]
    how = (
        "Blue steps speak for the answer, red ones with a dashed line against it; the stronger the colour, the more. "
        f"Shares are integrated gradients (Sundararajan et al. 2017), from {mattered[0].baseline} to this input; they "
        "add up to the difference of the score, apart from the residual. Leave-one-out is how much lower the score is "
        "when one step alone is replaced by that of the baseline: where the two disagree, the model combines steps."
    )
    return f"<section><h2>What mattered</h2>{''.join(parts)}<p class=how>{how}</p></section>"


def _text(one: Mattered) -> str:
    most = float(np.abs(one.contributions).max()) or 1.0
    spans = []
    for word, value, alone in zip(one.words, one.contributions.tolist(), one.leave_one_out.tolist(), strict=True):
        hue, strength = ("blue" if value > 0 else "red"), abs(value) / most * _STRONGEST
        below = "" if value >= 0 or strength < 0.1 else "border-bottom:2px dashed var(--red);"
        colour = f"background:color-mix(in srgb,var(--{hue}) {100 * strength:.0f}%,transparent)"
        hint = escape(f"{write_number(value)}; without it {write_number(-alone)}", quote=True)
        spans.append(f'<span style="{below}{colour}" title="{hint}">{escape(word)}</span>')
    return f"<p class=says>{escape(_say(one))}</p><p class=text>{''.join(spans)}</p>"


def _series(one: Mattered) -> str:
    at = np.arange(len(one.contributions), dtype=float)
    curves = [
        Curve(at, one.contributions, "integrated gradients", "blue", stems=True),
        Curve(at, one.leave_one_out, "leave-one-out", "red", dashed=True),
    ]
    drawings = []
    if one.series is not None:
        series = np.asarray(one.series, dtype=float).reshape(len(at), -1)
        channels = [Curve(at, series[:, i], f"channel {i + 1}") for i in range(min(series.shape[1], 6))]
        drawings.append(draw_curves(channels, ("time step", "input"), title="The input", width=900))
    drawings.append(
        draw_curves(curves, ("time step", "contribution"), title="What mattered", low=_below(one), width=900)
    )
    figures = "".join(f"<div class=drawing>{drawing}</div>" for drawing in drawings)
    return f"<p class=says>{escape(_say(one))}</p><figure>{figures}</figure>"


def _below(one: Mattered) -> float:
    return min(0.0, float(one.contributions.min()), float(one.leave_one_out.min()))


def _say(one: Mattered) -> str:
    strength = np.abs(one.contributions)
    total = float(strength.sum())
    if not total:
        return f"{one.answer}: no step changes it."
    first = np.argsort(-strength, kind="stable")[:_MOST_NAMED]
    named = [f"{_name(one, int(i))} ({write_share(float(strength[i]) / total)})" for i in first]
    return f"{one.answer}: most of it rests on {', '.join(named)}; the residual is {write_share(one.residual)}."


def _name(one: Mattered, step: int) -> str:
    if not one.words:
        return f"step {step}"
    word = one.words[step].strip()
    return f"“{word}” at step {step}" if word else f"the space at step {step}"

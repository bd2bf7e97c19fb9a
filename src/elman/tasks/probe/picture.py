"""Draw an examination: the error of each network at each length, and its number of updates.

Colours are those of Okabe and Ito, which the colour-blind can distinguish, and every line has a marker of its own.

>>> draw_exam(exam, "memories.png")   # doctest: +SKIP
"""

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any

from elman.scores.picture_files import figure_file
from elman.tasks.probe.exam import Exam, Result, describe_longest

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_TICKS_APART = 1.3  # the label of a length nearer to the longest would overlap with its label
_SMALLEST_ERROR = 1e-4  # that is drawn: 0 has no place on a logarithmic axis


def draw_exam(exam: Exam, path: str | PathLike[str]) -> None:
    """Draw an examination into a file; an existing file is replaced.

    Raises:
        ConfigError: `path` ends in none of .png, .svg, .pdf.
        ElmanError: the file cannot be written.
    """
    with figure_file(path, (11, max(3.6, 2.2 + 0.4 * len(exam.by_name())))) as figure:
        figure.suptitle(f"{exam.problem.name}: {exam.problem.text}", fontsize=11)
        far, cost = figure.subplots(1, 2)
        for axes in (far, cost):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.3, linewidth=0.6)
            axes.set_axisbelow(True)
        _draw_errors(far, exam)
        _draw_updates(cost, exam)
        figure.legend(*far.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)


def _draw_errors(axes: Any, exam: Exam) -> None:
    """Draw the error at each length; markers at lengths without training are hollow."""
    for style, label, result in _styled(exam):
        lengths = [rung.length for rung in result.rungs]
        errors = [max(_SMALLEST_ERROR, rung.error) for rung in result.rungs]
        axes.plot(lengths, errors, label=label, **style)
        if result.error_at_longest is not None:
            end = (exam.lengths[-1], max(_SMALLEST_ERROR, result.error_at_longest))
            axes.plot(*zip((lengths[-1], errors[-1]), end, strict=True), color=style["color"], linestyle=":")
            axes.plot(*end, **{**style, "markerfacecolor": "white"})
    for height, label in ((exam.problem.goal, "solved below"), (exam.problem.guess, "guessing")):
        axes.axhline(height, color="black", linewidth=1, linestyle="--")
        axes.text(exam.lengths[-1], height * 1.08, label, fontsize=8, va="bottom", ha="right")
    axes.set(xscale="log", yscale="log", xlabel="length", ylabel=exam.problem.measure)
    axes.set_title(f"error, drawn from {_SMALLEST_ERROR:g} up; hollow: not trained at this length", fontsize=10)
    _tick_lengths(axes, exam)


def _draw_updates(axes: Any, exam: Exam) -> None:
    """Draw the number of updates at each length; a cross marks a length that was not solved."""
    for style, _, result in _styled(exam):
        axes.plot([r.length for r in result.rungs], [max(1, r.updates) for r in result.rungs], **style)
        for rung in result.rungs:
            if not rung.solved:
                axes.plot([rung.length], [max(1, rung.updates)], "x", color="black", markersize=11, zorder=4)
    axes.set(xscale="log", yscale="log", xlabel="length", ylabel="updates")
    axes.set_title("updates until it was solved; a cross: it was not", fontsize=10)
    axes.set_ylim(min(20, exam.settings.updates / 2), exam.settings.updates * 1.5)
    _tick_lengths(axes, exam)


def _styled(exam: Exam) -> Iterator[tuple[dict[str, Any], str | None, Result]]:
    """Yield each result with the style of its network, and the first of each network with a label."""
    for number, results in enumerate(exam.by_name().values()):
        style = {
            "color": _COLOURS[number % len(_COLOURS)],
            "marker": _MARKERS[number % len(_MARKERS)],
            # Equal results lie behind one another: the first in front, and smallest.
            "markersize": 5 + 1.5 * number,
            "linewidth": 1.8,
            "zorder": 3 - 0.1 * number,
        }
        for result in results:
            yield style, _label(results) if result is results[0] else None, result


def _label(results: Sequence[Result]) -> str:
    longest = describe_longest(results)
    most = max((rung.parameters for result in results for rung in result.rungs), default=None)
    parameters = "" if most is None else f", {most:,} parameters"
    name = results[0].name.replace("$", r"\$")  # $ begins mathematics
    return f"{name}: solved {longest}{parameters}"


def _tick_lengths(axes: Any, exam: Exam) -> None:
    axes.set_xlim(exam.lengths[0] / 1.2, exam.lengths[-1] * 1.2)
    apart = [length for length in exam.lengths if length * _TICKS_APART < exam.lengths[-1]]
    axes.set_xticks([*apart, exam.lengths[-1]], [f"{length:,}" for length in (*apart, exam.lengths[-1])], fontsize=8)
    axes.minorticks_off()

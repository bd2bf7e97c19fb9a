"""`elman probe`: measure how long the memory of cells can become."""

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from elman.cli.options import Json, Quiet, Size, parse_sizes, training_rows, with_options
from elman.cli.show import INTERRUPTED, print_json
from elman.phrases import format_duration
from elman.tasks.probe.settings import DEFAULT_CELLS, TASKS, ProbeSettings

if TYPE_CHECKING:
    from elman.tasks.probe.exam import Exam, Result

_ENDED = {
    "solved": "all lengths solved",
    "not solved": "not solved",
    "not finite": "gradients were not finite",
    "time budget": "the time budget ended",
    "interrupted": "interrupted",
}


@with_options(training_rows(ProbeSettings))
def probe(
    cell: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CELL",
            help="cells of elman cells, or FILE.py:NAME "
            f"[dim](default: {' '.join(DEFAULT_CELLS)}; for sentence elman alone)[/]",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            metavar="|".join(TASKS),
            help="what to remember: two marked numbers, ten letters, the order of signs, the value of a key, or the "
            "first word of a sentence",
        ),
    ] = "adding",
    length: Annotated[int, typer.Option(metavar="T", help="the longest sequence, in time steps", min=1)] = 200,
    size: Size = None,
    plot: Annotated[
        str | None,
        typer.Option(metavar="PICTURE", help="draw the comparison into a .png, .svg or .pdf file", show_default=False),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
    **options: Any,
) -> None:
    """Measure memory: train cells on a problem with growing lengths, and report the longest that each solves.

    They are compared with a feed-forward network on the whole window; for sentence, with two that see its end alone as
    well. Ctrl-C ends the command and prints the results so far.
    """
    from elman.scores.picture_files import check_format
    from elman.tasks.probe import probe as examine
    from elman.tasks.probe.picture import draw_exam

    if plot is not None:
        check_format(plot)
    exam = examine(cell or (), task=task, length=length, sizes=parse_sizes(size), quiet=quiet, **options)
    if json:
        print_json(exam.to_dict())
    else:
        _print_exam(exam)
    if plot is not None:
        draw_exam(exam, plot)
    if exam.interrupted:
        sys.stderr.write("elman: interrupted; the results so far are printed\n")
        raise typer.Exit(INTERRUPTED)


def _print_exam(exam: "Exam") -> None:
    problem = exam.problem
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{problem.name}: {problem.text}", style="bold"))
    console.print(f"solved where the {problem.measure} is at most {problem.goal:g}; guessing has {problem.guess:.3g}")
    rows = [("", "solved", "parameters", "updates", "time", "")]
    rows += [_row(exam, results) for results in exam.by_name().values()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for name, *numbers, ending in rows:
        right = "   ".join(f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        console.print(
            Text(f"{name:<{widths[0]}}   ", style="bold").append(f"{right}   {ending}".rstrip(), style="not bold")
        )


def _row(exam: "Exam", results: Sequence["Result"]) -> tuple[str, str, str, str, str, str]:
    from elman.tasks.probe.exam import describe_longest

    parameters = [rung.parameters for result in results for rung in result.rungs]
    return (
        results[0].name,
        describe_longest(results),
        f"{max(parameters):,}" if parameters else "",
        f"{sum(result.updates for result in results):,}",
        format_duration(sum(result.seconds for result in results)),
        _describe_end(exam, results[0]) if len(results) == 1 else _describe_ends(results),
    )


def _describe_ends(results: Sequence["Result"]) -> str:
    """Say how the trainings of one network ended, those that ended alike together, with their errors."""
    alike: dict[str, list[float]] = {}
    for result in results:
        at = f" at {result.rungs[-1].length:,}" if result.rungs and not result.solved else ""
        alike.setdefault(f"{_ENDED[result.ended]}{at}", []).extend(r.error for r in result.rungs[-1:])
    ends = []
    for ending, errors in alike.items():
        least, most = (f"{error:.3g}" for error in (min(errors, default=math.nan), max(errors, default=math.nan)))
        ends.append(ending if not errors else f"{ending}: {least}" + (f" to {most}" if least != most else ""))
    return "; ".join(ends)


def _describe_end(exam: "Exam", result: "Result") -> str:
    if not result.rungs:
        return _ENDED[result.ended]
    last, longest = result.rungs[-1], exam.lengths[-1]
    reason = _ENDED[result.ended]
    if result.ended == "interrupted":
        return f"{reason}; {last.error:.3g} at {last.length:,}"
    ending = reason if result.solved else f"{reason} at {last.length:,}"
    at_longest = "" if result.error_at_longest is None else f"; {result.error_at_longest:.3g} at {longest:,}"
    return f"{ending}: {last.error:.3g}{at_longest}"

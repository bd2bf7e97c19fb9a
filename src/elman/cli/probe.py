"""`elman probe`: measure how long the memory of cells can become."""

import sys
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
            help=f"cells of elman cells, or FILE.py:NAME [dim](default: {' '.join(DEFAULT_CELLS)})[/]",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            metavar="|".join(TASKS),
            help="what to remember: two marked numbers, ten letters, the order of signs, or the value of a key",
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

    They are compared with a feed-forward network on the whole window. Ctrl-C ends the command and prints the results so
    far.
    """
    from elman.scores.picture_files import check_format
    from elman.tasks.probe import probe as examine
    from elman.tasks.probe.picture import draw_exam

    if plot is not None:
        check_format(plot)
    exam = examine(cell or DEFAULT_CELLS, task=task, length=length, sizes=parse_sizes(size), quiet=quiet, **options)
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
    rows += [_row(exam, result) for result in exam.results]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for name, *numbers, ending in rows:
        right = "   ".join(f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        console.print(
            Text(f"{name:<{widths[0]}}   ", style="bold").append(f"{right}   {ending}".rstrip(), style="not bold")
        )


def _row(exam: "Exam", result: "Result") -> tuple[str, str, str, str, str, str]:
    return (
        result.name,
        "none" if result.longest is None else f"{result.longest:,}",
        f"{result.rungs[-1].parameters:,}" if result.rungs else "",
        f"{result.updates:,}",
        format_duration(result.seconds),
        _describe_end(exam, result),
    )


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

"""`elman probe`: examine how long cells can be taught to remember."""

import sys
from pathlib import Path
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
    "time budget": "the time was over",
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
            help="to remember two marked numbers, ten letters, which signs came first, or what stood behind a key",
        ),
    ] = "adding",
    length: Annotated[int, typer.Option(metavar="T", help="the longest length to be solved", min=1)] = 200,
    size: Size = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="PICTURE", help="draw the comparison, as .png, .svg or .pdf", show_default=False),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
    **options: Any,
) -> None:
    """Examine memories: train cells on a problem at growing lengths, and report the longest that each solves.

    A feed-forward network that sees the whole window stands beside them. Ctrl-C ends it; what is known is printed.
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
        sys.stderr.write("elman: interrupted; what is known is printed\n")
        raise typer.Exit(INTERRUPTED)


def _print_exam(exam: "Exam") -> None:
    problem = exam.problem
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{problem.name}: {problem.text}", style="bold"))
    console.print(f"solved where the {problem.measure} is at most {problem.goal:g}; guessing has {problem.guess:.3g}")
    rows = [("", "solved", "parameters", "updates", "time", "")]
    rows += [_row(exam, result) for result in exam.results]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for name, *numbers, told in rows:
        right = "   ".join(f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        console.print(
            Text(f"{name:<{widths[0]}}   ", style="bold").append(f"{right}   {told}".rstrip(), style="not bold")
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
    said = _ENDED[result.ended]
    if result.ended == "interrupted":
        return f"{said}; {last.error:.3g} at {last.length:,}"
    told = said if result.solved else f"{said} at {last.length:,}"
    at_longest = "" if result.error_at_longest is None else f"; {result.error_at_longest:.3g} at {longest:,}"
    return f"{told}: {last.error:.3g}{at_longest}"

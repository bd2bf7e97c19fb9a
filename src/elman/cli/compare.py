"""`elman compare NAME`: compare cells over several seeds, on data of each recipe or on a problem of `probe`."""

import dataclasses
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from elman.cli.mistakes import CommandGroup
from elman.cli.options import (
    Json,
    Quiet,
    Size,
    check_data,
    parse_sizes,
    refuse_shared_files,
    training_rows,
    with_options,
)
from elman.cli.show import INTERRUPTED, print_json
from elman.cli.train import WRONG_USAGE
from elman.errors import ConfigError
from elman.options import OptionTable
from elman.tasks.compare.settings import KEPT_EQUAL, LENGTH, SEEDS
from elman.tasks.probe.settings import TASKS, ProbeSettings
from elman.tasks.registry import RECIPES, Entry

if TYPE_CHECKING:
    from elman.tasks.compare.result import Comparison

_CELLS = "two or more cells of elman cells, or FILE.py:NAME"

Seeds = Annotated[int, typer.Option("--seeds", metavar="N", help="train each cell with so many seeds")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="the first seed")]
Picture = Annotated[
    str | None,
    typer.Option(
        "--picture", metavar="PICTURE", help="draw the scores into a .png, .svg or .pdf file", show_default=False
    ),
]
Latex = Annotated[bool, typer.Option("--latex", help="print a table for a paper (LaTeX, booktabs)")]

compare = typer.Typer(
    cls=CommandGroup, help="Compare several cells: each is trained with several seeds.", no_args_is_help=False
)


@compare.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(WRONG_USAGE)


def compare_command(recipe: Entry) -> Callable[..., None]:
    """Return the command that compares cells on data of a recipe."""
    settings = recipe.commands.settings

    @with_options(_rows(settings))
    def command(
        cell: Annotated[list[str], typer.Argument(metavar="CELL...", help=_CELLS, show_default=False)],
        data: Annotated[
            str, typer.Argument(metavar="DATA", help=f"one path: {recipe.commands.data}", show_default=False)
        ],
        seeds: Seeds = SEEDS,
        seed: Seed = 1,
        size: Size = None,
        picture: Picture = None,
        latex: Latex = False,
        json: Json = False,
        quiet: Quiet = False,
        **options: Any,
    ) -> None:
        from elman.cells import names

        check_data([data])
        if data in names() and not Path(data).exists():
            raise ConfigError(f"{data} is a cell, and the data are missing. Name the data behind the cells.")
        files = {"the data": [data], "the cell": [name.rpartition(":")[0] for name in cell]}
        refuse_shared_files(dataclasses.fields(settings), options, {"--picture": picture}, files)
        given = {"recipe": recipe.name, "seeds": seeds, "seed": seed, "sizes": parse_sizes(size), "quiet": quiet}
        _compare(cell, data, picture, latex, json, {**given, **options})

    return command


def _rows(settings: type[OptionTable]) -> list[inspect.Parameter]:
    """Return the options of a training that a comparison has: none that would end trainings unequally, or write."""
    writes = {row.name for row in dataclasses.fields(settings) if row.metadata["writes"]}
    return [row for row in training_rows(settings) if row.name not in {*KEPT_EQUAL, *writes}]


@compare.command("probe", help="Compare cells on a problem of elman probe, at one length.")
@with_options(_rows(ProbeSettings))
def _on_problem(
    cell: Annotated[list[str], typer.Argument(metavar="CELL...", help=_CELLS, show_default=False)],
    task: Annotated[str, typer.Option(metavar="|".join(TASKS), help="what to remember, see elman probe")] = "adding",
    length: Annotated[
        int, typer.Option(metavar="T", help="the length of all sequences, in time steps", min=1)
    ] = LENGTH,
    seeds: Seeds = SEEDS,
    seed: Seed = 1,
    size: Size = None,
    picture: Picture = None,
    latex: Latex = False,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    given = {"task": task, "length": length, "seeds": seeds, "seed": seed, "sizes": parse_sizes(size), "quiet": quiet}
    _compare(cell, None, picture, latex, json, {**given, **options})


def _compare(
    cells: list[str], data: str | None, picture: str | None, latex: bool, json: bool, options: dict[str, Any]
) -> None:
    """Compare, and print and draw the result."""
    from elman.scores.picture_files import check_format
    from elman.tasks.compare.picture import draw_comparison
    from elman.tasks.compare.run import compare as train_all
    from elman.tasks.compare.table import write_latex

    if json and latex:
        raise ConfigError("--json and --latex both say how the result is printed. Drop one of them.")
    if picture is not None:
        check_format(picture)
    result = train_all(cells, data, **options)
    if json:
        print_json(result.to_dict())
    elif latex:
        typer.echo(write_latex(result))
    else:
        _print_table(result)
    if picture is not None:
        draw_comparison(result, picture)
    if result.interrupted:
        sys.stderr.write("elman: interrupted; the results so far are printed\n")
        raise typer.Exit(INTERRUPTED)


def _print_table(result: "Comparison") -> None:
    from elman.tasks.compare.table import describe_differences, describe_scores, table_rows

    console, rows = Console(highlight=False, soft_wrap=True), table_rows(result)
    console.print(Text(describe_scores(result), style="bold"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *numbers in rows:
        right = "   ".join(f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        console.print(Text(f"{name:<{widths[0]}}   ", style="bold").append(right, style="not bold"))
    for line in describe_differences(result):
        console.print(Text(line))


for _recipe in RECIPES:
    _help = f"Compare cells over several seeds, each trained as by elman train {_recipe.name}."
    compare.command(_recipe.name, help=_help)(compare_command(_recipe))

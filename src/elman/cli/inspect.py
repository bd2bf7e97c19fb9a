"""`elman inspect`: show the gradient flow inside a model or a cell, with a verdict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from elman.cli.options import Json, Size, check_data, check_page, parse_sizes, was_given
from elman.cli.show import print_json
from elman.errors import ConfigError, ElmanError

if TYPE_CHECKING:
    from elman.flow import Flow
    from elman.tasks.inspection import Inspected

CONDITION_MET = 3
_OF_A_CELL = ("hidden", "layers", "input_size", "size", "seed")


def inspect(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="a file that elman train wrote", show_default=False)
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATA...]", help="data like those of its training", show_default=False),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE.py:NAME", help="inspect an untrained cell instead", show_default=False),
    ] = None,
    hidden: Annotated[int, typer.Option(help="cell: size of the hidden state", min=1)] = 128,
    layers: Annotated[int, typer.Option(help="cell: number of layers", min=1)] = 1,
    input_size: Annotated[
        int | None, typer.Option("--input", help="cell: size of the input [dim](default: 64)[/]", show_default=False)
    ] = None,
    size: Size = None,
    seed: Annotated[int, typer.Option(help="cell: seed of its weights", min=0)] = 1,
    length: Annotated[
        int | None,
        typer.Option(help="number of time steps [dim](default: 200)[/]", min=1, show_default=False),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option("--html", "-o", metavar="FILE", help="write an HTML page with pictures", show_default=False),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="VERDICT,...",
            help="exit with code 3 for these verdicts, such as VANISHING,EXPLODING",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Look inside a model: how the gradient flows through time, how far back it reaches, and what to try.

    Give a model and data like those of its training, or --cell for an untrained cell.
    """
    from elman import cells
    from elman.tasks.inspection import inspect_cell, inspect_model

    wanted, page = _read_verdicts(fail_on), check_page(html, "--html")
    check_data(data or [])
    if cell is not None:
        if model is not None:
            raise ConfigError("A model and --cell are both given. Drop one of the two.")
        inspected = inspect_cell(
            cells.find(cell),
            input_size=input_size,
            hidden=hidden,
            length=200 if length is None else length,
            layers=layers,
            sizes=parse_sizes(size),
            seed=seed,
        )
    else:
        if model is None or not data:
            raise ConfigError(
                "inspect takes a model and data, or a cell. Write e.g.: elman inspect MODEL DATA, or "
                "elman inspect --cell lstm"
            )
        for name in _OF_A_CELL:
            if was_given(context, name):
                option = "--input" if name == "input_size" else f"--{name}"
                raise ConfigError(f"{option} has no meaning for a trained model. Drop it.")
        inspected = inspect_model(model, data, length, explain=page is not None)
    if page is not None:
        inspected.save(page)
    if json:
        print_json(inspected.to_dict())
    else:
        _show(inspected, page)
    if inspected.flow.verdict in wanted:
        raise typer.Exit(CONDITION_MET)


def check_report(report: str | None, data: list[str]) -> Path | None:
    """Return the path of a report, refused before a training where it could not be written after it.

    Args:
        report: the value of `--report`; None where it is not given.
        data: the paths of the data.

    Raises:
        ConfigError: see :func:`elman.cli.options.check_page`; or the data cannot be read a second time.
    """
    page = check_page(report, "--report")
    if page is not None and "-" in data:
        raise ConfigError("--report reads the data again, and standard input can be read once. Name a file instead.")
    return page


def write_training_report(model: Path, data: list[str], path: Path | None) -> "Flow | None":
    """Inspect a model that has just been trained, and write the report; return its figures, None without a report."""
    if path is None:
        return None
    from elman.tasks.inspection import inspect_model

    try:
        inspected = inspect_model(model, data)
        inspected.save(path)
    except ElmanError as error:
        error.add_note(f"The model is kept in {model}.")
        raise
    return inspected.flow


def _read_verdicts(text: str | None) -> set[str]:
    from elman.flow import VERDICTS

    wanted = {name.strip().upper() for name in (text or "").split(",") if name.strip()}
    unknown = sorted(wanted - set(VERDICTS))
    if unknown:
        raise ConfigError(f"--fail-on {unknown[0]} is no verdict. There are: {', '.join(VERDICTS)}.")
    return wanted


def _show(inspected: "Inspected", html: Path | None) -> None:
    console = Console(highlight=False)
    subject, flow = inspected.subject, inspected.flow
    console.print(Text(subject.name, style="bold"), Text(" · ".join(subject.facts)), soft_wrap=True)
    table = Table.grid(padding=(0, 3))
    rows: list[tuple[Any, ...]] = inspected.rows()
    for i, row in enumerate(rows):
        table.add_row(*row, style="bold" if i == 0 else "")
    console.print(table)
    if flow.sampling is not None and flow.sampling.sentence:
        console.print(Text(flow.sampling.sentence, style="dim"), soft_wrap=True)
    style = "bold green" if flow.verdict == "HEALTHY" else "bold red"
    console.print(
        Text(f"\n{flow.verdict}", style=style).append(f": {flow.line}", style="not bold default"), soft_wrap=True
    )
    for advice in flow.advice:
        console.print(Text(f"  try: {advice}"), soft_wrap=True)
    if html is not None:
        console.print(Text(f"report  {html}"), soft_wrap=True)

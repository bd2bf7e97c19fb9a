"""`elman evaluate`: measure a model of any task on other data."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from elman.cli.dispatch import call_recipe, rows_of_all
from elman.cli.options import Json, Model, Quiet, with_options
from elman.cli.show import print_json, print_rows


@with_options(rows_of_all("evaluate"))
def evaluate(
    model: Model,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="data like those of its training; for a language model text files, or - for standard input",
            show_default=False,
        ),
    ],
    quiet: Quiet = False,
    json: Json = False,
    **options: Any,
) -> None:
    """Measure how good a model is on data that it was not trained on."""
    evaluated = call_recipe("evaluate", model, data, options, quiet=quiet, json=json)
    if json:
        print_json({"model": str(model), **evaluated.facts})
        return
    console = Console(highlight=False)
    for part in evaluated.shown:
        if isinstance(part, list):
            print_rows(*part)
        else:
            console.print(part, soft_wrap=isinstance(part, Text))

"""`elman predict`: let a model answer every row of a table, every file, or every line that arrives."""

from typing import Annotated, Any

import typer

from elman.cli.asking import ask, rows_of_all
from elman.cli.options import Model, with_options
from elman.cli.show import write_pieces


@with_options(rows_of_all("predict"))
def predict(
    model: Model,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="data like those of the training, with or without the target; - answers each line as it arrives",
            show_default=False,
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="write a JSON object a line, whatever is read")] = False,
    **options: Any,
) -> None:
    """Answer every row of a table, or every sentence: the same rows come out, with a column `prediction`.

    For a class there is the column `probability` as well. What is no table, such as files of sound, gives a row each,
    with its name. A model of tags gives sentences back in their form, with tags.
    """
    write_pieces(ask("predict", model, data, options, quiet=True, json=json))

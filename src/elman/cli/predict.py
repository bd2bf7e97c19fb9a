"""`elman predict`: the answers of a model for the rows of a table, for files, or for lines as they arrive."""

from typing import Annotated, Any

import typer

from elman.cli.dispatch import call_recipe, rows_of_all
from elman.cli.options import Model, with_options
from elman.cli.show import write_pieces


@with_options(rows_of_all("predict"))
def predict(
    model: Model,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="data like those of the training, with or without the target; - reads standard input as it arrives, "
            "line by line, or sound in 16-bit samples",
            show_default=False,
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="write JSON lines, whatever the form of the data")] = False,
    **options: Any,
) -> None:
    """Predict: print the rows of a table with a column `prediction`, for classes also `probability`.

    Files that are not tables, such as sound or images, get one row each with the name of the file. A tagger prints the
    sentences with tags, in the format of the file. A forecaster prints the values that follow each series.
    """
    write_pieces(call_recipe("predict", model, data, options, quiet=True, json=json))

"""`elman align`: when each word of a known text is said in its sound."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.cli.dispatch import write_note
from elman.cli.options import Json, Model, Quiet, check_data, own_rows, with_options
from elman.cli.show import write_pieces
from elman.errors import DataError
from elman.tasks.contract import Request
from elman.tasks.registry import recipe_of
from elman.tasks.transcribe.settings import AlignOptions


@with_options(own_rows(dataclasses.fields(AlignOptions)))
def align(
    model: Model,
    sound: Annotated[
        str,
        typer.Argument(
            metavar="SOUND", help="a sound; or, without TEXT, a data set of speech with transcripts", show_default=False
        ),
    ],
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="the file of what is said; - is standard input", show_default=False),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
    **options: Any,
) -> None:
    """Align a known text with its sound: when each word is said, and how sure that is.

    A TextGrid for Praat is written, if no other form is named. Of a data set, each transcript is aligned.
    """
    data = [sound] if text is None else [sound, text]
    check_data(data)
    recipe = recipe_of(model)
    if recipe.name != "transcribe":
        raise DataError(
            f"{model} is a model for {recipe.name!r}, and `elman align` needs a transcriber. "
            f"Use: {recipe.commands.use} {model}"
        )
    request = Request(Path(model), data, AlignOptions(**options), quiet, json, write_note)
    write_pieces(recipe.part("commands", "align")(request))

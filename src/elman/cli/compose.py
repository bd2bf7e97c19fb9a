"""`elman compose`: write a piece of music with a model of music."""

import dataclasses
from pathlib import Path
from typing import Any

from elman.cli.dispatch import write_note
from elman.cli.options import Json, Model, Quiet, own_rows, refuse_shared_files, with_options
from elman.cli.show import write_pieces
from elman.errors import DataError
from elman.tasks.compose.settings import CompositionOptions
from elman.tasks.contract import Request
from elman.tasks.registry import recipe_of

_ROWS = dataclasses.fields(CompositionOptions)


@with_options(own_rows(_ROWS))
def compose(model: Model, quiet: Quiet = False, json: Json = False, **options: Any) -> None:
    """Compose music in the style that a model has learnt, continue a piece, or harmonise a melody."""
    wanted = CompositionOptions(**options)
    recipe = recipe_of(model)
    if recipe.name != "compose":
        raise DataError(
            f"{model} is a model for {recipe.name!r}, and `elman compose` needs a model of music. "
            f"Use: {recipe.commands.use} {model}"
        )
    refuse_shared_files(_ROWS, options, {}, {"the model": [model]})
    request = Request(Path(model), [], wanted, quiet, json, write_note)
    write_pieces(recipe.part("commands", "compose")(request))

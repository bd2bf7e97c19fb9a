"""Call the recipe of a model, and refuse options that have no meaning for it."""

import dataclasses
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from elman.cli.options import check_data, own_rows, refuse_shared_files
from elman.errors import ConfigError, DataError
from elman.options import OptionTable
from elman.tasks.contract import Request
from elman.tasks.registry import RECIPES, Entry, recipe_of

Command = Literal["evaluate", "predict"]
_NO_MEANING = "--{name} has no meaning for {model}, a model for {task!r}. Drop it."


def rows_of_all(command: Command) -> list[inspect.Parameter]:
    """Return the options that all recipes have for a command, each once."""
    return own_rows(list({row.name: row for recipe in _able(command) for row in _rows(recipe, command)}.values()))


def call_recipe(
    command: Command, model: str, data: list[str], given: Mapping[str, Any], *, quiet: bool, json: bool
) -> Any:
    """Run a command for a model by its recipe.

    Args:
        command: the name of the command.
        model: the file of the model.
        data: the paths of the data.
        given: the options that were given, of all recipes.
        quiet: show no progress.
        json: return JSON.

    Raises:
        ConfigError: an option has no meaning for this model.
        DataError: the file is not a model, or its task does not have this command.
    """
    check_data(data)
    recipe, able = recipe_of(model), _able(command)
    task = recipe.name
    if task not in [entry.name for entry in able]:
        served = ", ".join(entry.name for entry in able)
        raise DataError(
            f"{model} is a model for {task!r}, and `elman {command}` is for models of {served}. "
            f"Use: {recipe.commands.use} {model}"
        )
    meant = {row.name for row in _rows(recipe, command)}
    for row in (row for other in able for row in _rows(other, command)):
        if row.name in given and row.name not in meant:
            wrong, name = row.metadata["foreign"] or _NO_MEANING, row.name.replace("_", "-")
            raise ConfigError(wrong.format(name=name, model=model, task=task, answers=recipe.commands.answers))
    refuse_shared_files(_rows(recipe, command), given, {}, {"the model": [model], "the data": data})
    options = getattr(recipe.commands, command)(**given)
    return recipe.part("commands", command)(Request(Path(model), data, options, quiet, json, write_note))


def _able(command: Command) -> list[Entry]:
    return [recipe for recipe in RECIPES if getattr(recipe.commands, command) is not None]


def _rows(recipe: Entry, command: Command) -> tuple["dataclasses.Field[Any]", ...]:
    table: type[OptionTable] = getattr(recipe.commands, command)
    return dataclasses.fields(table)


def write_note(line: str) -> None:
    """Write a line on standard error."""
    sys.stderr.write(f"{line}\n")

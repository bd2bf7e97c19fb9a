"""Ask a model of any task: find its recipe, and refuse options that have no meaning for it."""

import dataclasses
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from elman.cli.options import own_rows
from elman.errors import ConfigError
from elman.options import OptionTable
from elman.tasks.contract import Request
from elman.tasks.registry import RECIPES, Entry

Asked = Literal["evaluate", "predict"]
_NO_MEANING = "--{name} has no meaning for {model}, a model for {task!r}. Drop it."


def rows_of_all(command: Asked) -> list[inspect.Parameter]:
    """Make an option of each row that a recipe has for a command; what several have is one."""
    return own_rows(list({row.name: row for recipe in _able(command) for row in _rows(recipe, command)}.values()))


def ask(command: Asked, model: Path, data: list[str], given: Mapping[str, Any], *, quiet: bool, json: bool) -> Any:
    """Let the recipe of a model do what a command asks.

    Args:
        command: what is asked.
        model: its file.
        data: the paths that were given.
        given: the options that were given, of those of all recipes.
        quiet: show no progress.
        json: give JSON.

    Raises:
        ConfigError: an option has no meaning for this model.
        DataError: the file is no model, or one of a task without this command.
    """
    from elman.models.file import task_of

    task, able = task_of(model), _able(command)
    # A model of no recipe is read by the first, which says what is wrong with it.
    recipe = next((one for one in able if one.name == task), able[0])
    meant = {row.name for row in _rows(recipe, command)}
    for row in (row for other in able for row in _rows(other, command)):
        if row.name in given and row.name not in meant:
            wrong, name = row.metadata["foreign"] or _NO_MEANING, row.name.replace("_", "-")
            raise ConfigError(wrong.format(name=name, model=model, task=task, answers=recipe.commands.answers))
    options = getattr(recipe.commands, command)(**given)
    return recipe.part("commands", command)(Request(model, data, options, quiet, json, _note))


def _able(command: Asked) -> list[Entry]:
    return [recipe for recipe in RECIPES if getattr(recipe.commands, command) is not None]


def _rows(recipe: Entry, command: Asked) -> tuple["dataclasses.Field[Any]", ...]:
    table: type[OptionTable] = getattr(recipe.commands, command)
    return dataclasses.fields(table)


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")

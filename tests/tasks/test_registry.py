"""Every recipe matches its line in the registry, and its folder has the files that all recipes share."""

import dataclasses
import re
from pathlib import Path

import pytest

import elman.tasks
from elman.errors import ConfigError
from elman.models.estimator import Estimator
from elman.models.file import ModelFile
from elman.options import OptionTable
from elman.tasks import registry
from elman.tasks.inspection import inspect_model
from elman.tasks.recipe_model import RecipeModel
from elman.tasks.registry import RECIPES, Entry, find

SHARED = {"__init__", "settings", "reading", "recipe", "module", "model", "view", "commands"}
FOLDER = Path(elman.tasks.__file__).parent
each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)


@each_recipe
def test_every_name_of_a_registry_line_exists(recipe):
    says = recipe.commands
    assert issubclass(says.settings, OptionTable)
    trains = recipe.part("recipe", "RECIPE")
    assert (says.settings, says.cell) == (trains.settings, trains.cell)
    for name in ("summarise", "validation_score", "next_command", "evaluate", *(["predict"] if says.predict else [])):
        assert callable(recipe.part("commands", name))
    assert callable(recipe.part("view", "view"))
    for name in recipe.estimators:
        assert issubclass(getattr(elman.tasks, name), Estimator)
    folder = getattr(elman.tasks, recipe.name)
    assert (folder.train, folder.load) == (recipe.part("recipe", "train"), recipe.part("model", "load"))


@each_recipe
def test_a_folder_has_the_files_that_all_recipes_have(recipe):
    files = {path.stem for path in (FOLDER / recipe.name).glob("*.py")}
    assert files >= SHARED
    assert ("estimator" in files) == bool(recipe.estimators)


@each_recipe
def test_a_model_names_its_recipe_and_the_parts_of_its_file(recipe):
    recipe.part("model", "load")
    (kind,) = (one for one in RecipeModel.__subclasses__() if one.task == recipe.name)
    assert kind.part_names


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_an_option_that_several_recipes_have_is_the_same_in_all(command):
    tables = [table for recipe in RECIPES if (table := getattr(recipe.commands, command))]
    rows = [row for table in tables for row in dataclasses.fields(table)]
    assert len({row.name: row for row in rows}) == len({(row.name, row.type, str(row.metadata)) for row in rows})


def test_every_folder_that_trains_has_a_line():
    there = {path.parent.name for path in FOLDER.glob("*/model.py")}
    assert there == {recipe.name for recipe in RECIPES}


def test_an_unknown_task_has_no_recipe():
    assert find("sing") is None
    with pytest.raises(AttributeError, match="no attribute 'sing'"):
        elman.tasks.sing  # noqa: B018


def write_model(path, task):
    ModelFile(task, cell={}, configuration={}, metrics={}, versions={}, weights={}, parts={}).write(path)
    return path


def test_inside_a_model_of_an_unknown_task_there_is_nothing_to_look_at(tmp_path):
    path = write_model(tmp_path / "m", "sing")
    with pytest.raises(ConfigError, match=re.escape(f"{path} is a model for 'sing', and there is nothing to look")):
        inspect_model(path, ["song.mid"])
    with pytest.raises(ConfigError, match="length is given, and each example has its own"):
        inspect_model(path, ["song.mid"], length=5)


def test_a_line_without_its_folder_is_no_recipe(monkeypatch):
    monkeypatch.setattr(registry, "RECIPES", (*RECIPES, Entry("sing")))
    with pytest.raises(ModuleNotFoundError, match=r"elman\.tasks\.sing"):
        find("sing").commands  # noqa: B018

"""A recipe that is made up here: it gets its own options, and the options of others are refused."""

import re
from pathlib import Path

import pytest

import elman.tasks
from elman.cli import dispatch
from elman.cli.dispatch import call_recipe, rows_of_all
from elman.errors import ConfigError, DataError
from elman.models.file import ModelFile
from elman.tasks import registry
from elman.tasks.registry import RECIPES, Entry

SETTINGS = '''
"""Options of a recipe that is made up."""

from dataclasses import dataclass

from elman.options import OptionTable, option
from elman.tasks.contract import Commands


@dataclass(frozen=True, kw_only=True)
class CountOptions(OptionTable):
    """Options of counting."""

    from_end: bool = option(False, "count from the end")
    most: int = option(9, "count up to N", least=1, metavar="N")


COMMANDS = Commands(
    settings=OptionTable,
    data="a file of ones",
    trains="Train to count.",
    trials_by="lines",
    evaluate=CountOptions,
    predict=OptionTable,
)
'''
COMMANDS = '''
"""Return the request."""


def evaluate(request):
    return request


def predict(request):
    yield from request.data
'''


@pytest.fixture
def counting(tmp_path, monkeypatch) -> Path:
    """Add a recipe, and return the file of a model that claims to be of it."""
    folder = tmp_path / "recipes" / "counting"
    folder.mkdir(parents=True)
    for name, text in (("__init__", '"""Count."""'), ("settings", SETTINGS), ("commands", COMMANDS)):
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(elman.tasks, "__path__", [*elman.tasks.__path__, str(folder.parent)])
    for module in (dispatch, registry):
        monkeypatch.setattr(module, "RECIPES", (*RECIPES, Entry("counting")))
    return write_model(tmp_path / "counting.model", "counting")


def write_model(path: Path, task: str) -> Path:
    ModelFile(task, cell={}, configuration={}, metrics={}, versions={}, weights={}, parts={}).write(path)
    return path


def evaluate(model, **given):
    return call_recipe("evaluate", model, ["ones.txt"], given, quiet=True, json=False)


def predict(model, **given):
    return call_recipe("predict", model, ["ones.txt"], given, quiet=True, json=False)


def test_a_recipe_gets_the_request_and_its_own_options(counting):
    request = evaluate(counting, most=3)
    assert (request.model, request.data, request.quiet, request.json) == (counting, ["ones.txt"], True, False)
    assert (request.options.most, request.options.from_end) == (3, False)
    assert list(predict(counting)) == ["ones.txt"]
    assert [row.name for row in rows_of_all("evaluate")][-2:] == ["from_end", "most"]


@pytest.mark.parametrize("task", ["generate", "classify", "tag", "forecast"])
def test_its_options_are_refused_for_models_of_others(counting, tmp_path, task):
    model = write_model(tmp_path / "other.model", task)
    message = f"--from-end has no meaning for {model}, a model for '{task}'. Drop it."
    with pytest.raises(ConfigError, match=re.escape(message)):
        evaluate(model, from_end=True)


def test_options_of_others_are_refused_for_its_models_each_in_its_own_words(counting):
    with pytest.raises(ConfigError, match=r"--worst has no meaning for .*, a model for 'counting'"):
        evaluate(counting, worst=3)
    with pytest.raises(ConfigError, match=r"--probabilities is for classes, and .* gives none"):
        predict(counting, probabilities=True)
    with pytest.raises(ConfigError, match=r"--picture draws forecasts and speech, and .* makes neither"):
        predict(counting, picture="a.png")


def test_a_model_that_cannot_answer_is_refused_with_what_it_can_do(counting, tmp_path):
    unknown, text = write_model(tmp_path / "a", "sing"), write_model(tmp_path / "b", "generate")
    with pytest.raises(
        DataError, match="a is a model for 'sing', and this version of elman has recipes for generate, "
    ):
        evaluate(unknown)
    with pytest.raises(
        DataError, match=r"b is a model for 'generate', and `elman predict` is for models of .* Use: elman generate"
    ):
        predict(text)

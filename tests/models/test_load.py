"""`elman.load` reads a model of any task, and refuses everything else with a `DataError` that says what it is."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import elman
from elman.errors import DataError
from elman.models.file import ModelFile
from elman.tasks import Tagger, classify, forecast, generate, tag
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.generate.model import TrainedModel
from elman.tasks.tag.model import TrainedTagger
from forecastable import write_sales
from forged import seal, take_apart
from taggable import write_conllu

SMALL = {"hidden": 3, "epochs": 1, "quiet": True, "compare": False}
LOADS = [elman.load, generate.load, classify.load, tag.load, forecast.load]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "book.txt").write_text("to be or not to be. " * 50)
    (folder / "films.csv").write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 9)
    sales = write_sales(folder / "sales.csv", 60, columns=2)
    generate.train(folder / "book.txt", output=folder / "generate", **SMALL)
    classify.train(folder / "films.csv", output=folder / "classify", **SMALL)
    tag.train(write_conllu(folder / "w.conllu", 20), output=folder / "tag", **SMALL)
    forecast.train(sales, output=folder / "forecast", horizon=4, lookback=8, **SMALL)
    return folder


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("generate", TrainedModel),
        ("classify", TrainedClassifier),
        ("tag", TrainedTagger),
        ("forecast", TrainedForecaster),
    ],
)
def test_a_model_of_every_task_is_read_by_its_recipe(models, task, kind):
    for path in (models / task, str(models / task)):
        model = elman.load(path)
        assert type(model) is kind
        assert model.task == task
    other = getattr(elman.tasks, task).load(models / task)
    assert [torch.equal(a, b) for a, b in zip(model.weights().values(), other.weights().values(), strict=True)]


@pytest.mark.parametrize("load", LOADS, ids=["elman", "generate", "classify", "tag", "forecast"])
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", "The path of the model is empty. Name a file."),
        (" ", "The path of the model is blank."),
        ("a\0b", "has a NUL character"),
        ("x" * 5000, "has 5,000 characters, too many for a file"),
        (3, "The path of the model is 3. Give a string or a pathlib.Path."),
        (None, "The path of the model is None. Give a string"),
        (b"book", "The path of the model is b'book'. Give a string or a pathlib.Path."),
        (["a"], r"The path of the model is \['a'\]\. Give a string"),
        ("missing", "missing does not exist"),
        (".", r"\. is a folder, not a model"),
    ],
    ids=["empty", "blank", "NUL", "long", "number", "None", "bytes", "list", "missing", "folder"],
)
def test_what_is_no_file_is_a_data_error(load, path, text):
    with pytest.raises(DataError, match=text):
        load(path)


def test_files_that_are_no_models_are_data_errors(tmp_path):
    (tmp_path / "pickle").write_bytes(pickle.dumps({"weight": 3}))
    (tmp_path / "text").write_text("to be or not to be. " * 9)
    (tmp_path / "empty").write_bytes(b"")
    torch.save({"weight": torch.ones(3)}, tmp_path / "torch")
    save_file({"weight": torch.ones(3)}, tmp_path / "safetensors")
    for name, text in {
        "pickle": "is not a model, or is cut short .it is a Python pickle",
        "torch": "PyTorch file",
        "safetensors": "a safetensors file of another program",
        "text": "is not a model",
        "empty": "is not a model",
    }.items():
        with pytest.raises(DataError, match=text):
            elman.load(tmp_path / name)


def test_a_model_of_an_unknown_task_and_of_a_newer_format_are_data_errors(models, tmp_path):
    ModelFile("sing", cell={}, configuration={}, metrics={}, versions={}, weights={}, parts={}).write(tmp_path / "a")
    with pytest.raises(DataError, match=r"a model for 'sing', and this version of elman has recipes for generate"):
        elman.load(tmp_path / "a")
    newer = take_apart(models / "generate")
    newer.entry["format"] = 4
    (tmp_path / "newer").write_bytes(seal(newer))
    with pytest.raises(DataError, match=r"has model format 4; this program reads formats 2 and 3"):
        elman.load(tmp_path / "newer")


@pytest.mark.parametrize("path", ["", "a\0b", 3, "x" * 5000])
def test_a_model_is_not_written_to_what_is_no_path(models, path):
    with pytest.raises(DataError, match="The path of the model"):
        elman.load(models / "classify").save(path)
    with pytest.raises(DataError, match="The path of the model"):
        generate.train(models / "book.txt", output=path, **SMALL)


@pytest.mark.parametrize("recipe", [generate, classify, tag, forecast], ids=lambda recipe: recipe.__name__)
@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000])
def test_data_that_are_no_path_are_refused(recipe, path):
    with pytest.raises(DataError, match="The path of the data"):
        recipe.train(path, quiet=True)


def test_an_estimator_writes_what_load_reads(tmp_path):
    Tagger(hidden=3, epochs=1).fit([["we", "run"]] * 9, [["PRON", "VERB"]] * 9).save(tmp_path / "m")
    assert elman.load(tmp_path / "m").task == "tag"

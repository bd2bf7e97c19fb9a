"""`elman train NAME DATA --from MODEL`: what is printed, written and refused."""

import json
from pathlib import Path

import pytest

from elman.tasks import generate

SMALL = ("--hidden", "3", "--batch", "5", "--window", "17")


@pytest.fixture
def base(elman):
    """Return a command line with a model of the book beside it."""
    done = elman(
        "train", "generate", "book.txt", "--epochs", "1", "--quiet", "--cell", "mgu", *SMALL, "-o", "base.model"
    )
    assert done.code == 0
    return elman


def test_a_model_that_a_training_goes_on_from_is_not_its_end(base):
    before = Path("base.model").read_bytes()
    command = ("train", "generate", "book.txt", "--from", "base.model", "--epochs", "1", "-o", "base.model", "--resume")
    done = base(*command, "--force")
    assert done.code == 0
    assert "There is no base.model.checkpoint, so the training begins." in done.err
    assert Path("base.model").read_bytes() != before


@pytest.mark.slow
def test_a_training_names_the_model_that_it_went_on_from(base):
    done = base("train", "generate", "book.txt", "--from", "base.model", "--epochs", "1", "-o", "new.model")
    assert done.code == 0
    assert "goes on from base.model: 1 layer kept" in done.err
    kept = generate.load("new.model").metrics["from_model"]
    assert f"from        base.model  (sha256 {kept['sha256'][:12]}…)" in done.out.splitlines()
    assert generate.load("new.model").module.recurrent.cell.name == "mgu"
    looked = base("inspect", "new.model", "book.txt")
    assert "went on from base.model" in looked.out
    shown = base("train", "generate", "book.txt", "--from", "base.model", "--quiet", "--json", "-o", "other.model")
    assert json.loads(shown.out)["from_model"] == kept


def test_the_command_that_trains_the_best_of_a_search_again_goes_on_from_the_model_too(base):
    pytest.importorskip("optuna")
    options = ("--epochs", "1", "--search", "2", "--quiet")
    done = base("train", "generate", "book.txt", "--from", "base.model", *options, "-o", "new.model")
    again = next(line for line in done.out.splitlines() if line.startswith("again"))
    assert "elman train generate book.txt --from base.model" in again
    assert "--cell" not in again


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cell", "lstm"), "The cell is lstm, and that of base.model is mgu."),
        (("--hidden", "4"), "hidden is 4, and for base.model it is 3."),
        (("--log", "base.model"), "--log names base.model, which is read as the model to go on from."),
        (("-o", "base.model"), "base.model exists. Give --force to replace it"),
        (("--from", "book.txt"), "book.txt is not a model"),
        (("--preset", "awd-lstm"), "preset is for layers that begin anew"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(options, said, base):
    before = sorted(Path.cwd().iterdir())
    done = base("train", "generate", "book.txt", "--from", "base.model", "-o", "new.model", *options)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert sorted(Path.cwd().iterdir()) == before

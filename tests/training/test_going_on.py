"""A training that is killed and goes on ends with the same file: every recipe, in a search, over several breaks."""

import os
import re

import numpy as np
import pytest
import torch

from answerable import write_doses, write_reviews
from elman.errors import ConfigError, DataError, ElmanError
from elman.tasks import classify, forecast, generate, tag
from elman.tasks.classify import recipe as classify_recipe
from elman.tasks.transcribe import recipe as speech_recipe
from elman.training import resumable, resuming, run
from elman.training.beside import only_one
from elman.training.checkpoint import read_checkpoint, write_checkpoint
from elman.training.fingerprint import fingerprint
from elman.training.resuming import CheckpointedRun
from elman.training.search import Between
from forecastable import write_sales
from small_trainings import CUTS, RECIPES, SMALL, write_book


class Killed(BaseException):
    """A process that ends here."""


def kill_after(monkeypatch, update, number=0):
    """Write a checkpoint after every update, and end training `number` after an update."""
    pause = CheckpointedRun.pause

    def pause_or_die(place, progress):
        pause(place, progress)
        if (place._number, place._run.outcome.updates) == (number, update):
            raise Killed

    monkeypatch.setattr(resuming, "SECONDS", -1.0)
    monkeypatch.setattr(resuming, "_OF_TIME", 0)
    monkeypatch.setattr(CheckpointedRun, "pause", pause_or_die)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_that_goes_on_ends_with_the_same_file(name, tmp_path, monkeypatch):
    monkeypatch.setattr(speech_recipe, "_LEFT", 1e3)
    recipe, write, file, options = RECIPES[name]
    data = write(tmp_path / file)
    before = {path.name for path in tmp_path.iterdir()}

    def train(output, **more):
        recipe.train(data, output=tmp_path / output, **{**SMALL, **options, **more})
        return (tmp_path / output).read_bytes()

    whole = train("whole.model")
    with monkeypatch.context() as patched:
        kill_after(patched, CUTS.get(name, 13))
        with pytest.raises(Killed):
            train("rest.model")
    assert (tmp_path / "rest.model.checkpoint").exists()
    assert train("rest.model", resume=True) == whole
    left = {path.name for path in tmp_path.iterdir()}
    assert left - before == {"rest.model", "whole.model"}


@pytest.mark.slow
def test_a_search_goes_on_in_the_middle_of_a_trial(tmp_path, monkeypatch):
    data = write_reviews(tmp_path / "a.csv")
    monkeypatch.setattr(run, "_VALIDATE_AT_MOST_EVERY", 12)  # trials are compared after tenths of their run
    monkeypatch.setattr(run, "_TRAINING_PER_VALIDATION", 0)
    rates = {"learning_rate": Between(0.004, 1e-5, 0.1, log=True)}
    monkeypatch.setattr(classify_recipe.ClassifyRecipe, "space", lambda *_: rates)
    options = {**SMALL, "target": "label", "input": "text", "search": 8}

    def train(output, **more):
        model = classify.train(data, output=tmp_path / output, **options, **more)
        return (tmp_path / output).read_bytes(), model.metrics["search"]

    whole, search = train("whole.model")
    assert "given up" in [one["ended"] for one in search["tried"][:7]], "a trial that is given up is part of this"
    with monkeypatch.context() as patched:
        kill_after(patched, 5, number=7)
        with pytest.raises(Killed):
            train("rest.model")
    assert train("rest.model", resume=True) == (whole, search)


def test_folds_go_on_in_the_middle_of_one(tmp_path, monkeypatch):
    # No text says anything of its label, so that other folds choose another update than a fold itself.
    rows = [f"{'abcd'[n * n % 4]} {'pqr'[n % 3]} {'xyz'[n * n % 7 % 3]},{'nm'[n * n * n % 11 % 2]}" for n in range(60)]
    data = tmp_path / "a.csv"
    data.write_text("text,label\n" + "\n".join(rows) + "\n")
    monkeypatch.setattr(run, "_VALIDATE_AT_MOST_EVERY", 2)
    monkeypatch.setattr(run, "_VALIDATE_AT_LEAST_EVERY", 2)
    monkeypatch.setattr(run, "_TRAINING_PER_VALIDATION", 0)
    options = {**SMALL, "target": "label", "input": "text", "word_dropout": 0.2, "folds": 3, "learning_rate": 0.05}

    def train(output, **more):
        model = classify.train(data, output=tmp_path / output, **options, **more)
        own = min(model.metrics["history"], key=lambda one: one[2])[0]
        assert own != model.metrics["best_update"], "the first fold keeps the weights that it would choose itself"
        return (tmp_path / output).read_bytes()

    whole = train("whole.model")
    with monkeypatch.context() as patched:
        kill_after(patched, 7, number=1)
        with pytest.raises(Killed):
            train("rest.model")
    assert train("rest.model", resume=True) == whole


def write_late(path):
    """Write sentences of words, when each was said, and tags."""
    lines = [
        [f"w{(i * j) % 5}\t{i + 0.37 * j * j}\t{'LATE' if j > i % 7 else 'O'}" for j in range(7)] for i in range(40)
    ]
    path.write_text("\n\n".join("\n".join(one) for one in lines) + "\n")
    return path


CLOCKS = {
    "classify": (
        classify,
        lambda path: write_doses(path, 30),
        {"side": "dt=gaps", "folds": 1, "search": 2},
        "dt=gaps:t",
    ),
    "tag": (tag, write_late, {"side": "dt=gaps:2", "letter_hidden": 3, "search": 2}, "dt=2"),
    "forecast": (forecast, write_sales, {"side": "dt=gaps", "horizon": 3, "lookback": 7, "validation": 20}, "dt=1"),
    "generate": (generate, write_book, {"side": "dt=2.5", "window": 11}, "dt=2.25"),
}


@pytest.mark.parametrize(
    "name", ["classify", "tag", *(pytest.param(name, marks=pytest.mark.slow) for name in ("forecast", "generate"))]
)
def test_a_training_by_the_clock_goes_on_by_the_same_alone_and_a_search_keeps_it(name, tmp_path, monkeypatch):
    recipe, write, options, other = CLOCKS[name]
    data = write(tmp_path / "a.csv")

    def train(output, **more):
        return recipe.train(data, cell="cfc", output=tmp_path / output, **{**SMALL, **options, **more})

    whole = train("whole.model")
    with monkeypatch.context() as patched:
        kill_after(patched, 5, number=1 if "search" in options else 0)
        with pytest.raises(Killed):
            train("rest.model")
    for changed in (other, None):
        with pytest.raises(DataError, match=f"side was {options['side']} and is {changed}"):
            train("rest.model", resume=True, side=changed)
    train("rest.model", resume=True)
    assert (tmp_path / "rest.model").read_bytes() == (tmp_path / "whole.model").read_bytes()
    assert whole.configuration["sides"] == {"dt": options["side"].removeprefix("dt=")}
    if "search" in options:
        facts = whole.metrics["search"]
        assert not any("side" in one["options"] for one in facts["tried"])
        again = train("again.model", search=None, **facts["chosen"])
        for one, same in zip(again.module.state_dict().values(), whole.module.state_dict().values(), strict=True):
            assert torch.equal(one, same)


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """Return a function that trains a little, of which a checkpoint is there."""
    data = write_reviews(tmp_path / "a.csv")

    def train(**more):
        given = {**SMALL, "target": "label", "input": "text", "output": tmp_path / "m", **more}
        return classify.train(data, **given)

    with monkeypatch.context() as patched:
        kill_after(patched, 7)
        with pytest.raises(Killed):
            train()
    return train


def test_a_checkpoint_is_of_one_training_and_the_difference_is_named(stopped, tmp_path):
    for changed, said in (
        ({"hidden": 6}, "hidden was 5 and is 6"),
        ({"seed": 2}, "seed was 1 and is 2"),
        ({"cell": "gru"}, "cell|name has changed"),
        ({"search": 3}, "search was None and is 3"),
    ):
        with pytest.raises(DataError, match=said):
            stopped(resume=True, **changed)
    with (tmp_path / "a.csv").open("a") as file:
        file.write("good,good\n")
    with pytest.raises(DataError, match=r"a\.csv has changed"):
        stopped(resume=True)


def test_a_checkpoint_stays_until_it_is_gone_on_from_or_begun_anew(stopped, tmp_path):
    with pytest.raises(DataError, match="Go on with --resume, or begin anew with --force"):
        stopped()
    whole = stopped(output=tmp_path / "whole")
    assert stopped(force=True).weights().keys() == whole.weights().keys()
    assert not (tmp_path / "m.checkpoint").exists()
    assert (tmp_path / "m").read_bytes() == (tmp_path / "whole").read_bytes()


def test_what_has_ended_is_read_again_and_what_never_began_begins(stopped, tmp_path, capsys):
    first = stopped(resume=True, output=tmp_path / "new", quiet=False)
    assert "There is no" in capsys.readouterr().err
    again = stopped(resume=True, output=tmp_path / "new")
    assert (again.stopped, again.kept) == ("ended before", tmp_path / "new")
    for (name, ours), theirs in zip(first.weights().items(), again.weights().values(), strict=True):
        assert torch.equal(ours, theirs), name
    with pytest.raises(ConfigError, match="there is no output"):
        stopped(resume=True, output=None)


def test_a_model_that_is_replaced_stays_over_any_number_of_breaks(stopped, tmp_path, monkeypatch):
    stopped(output=tmp_path / "old", seed=3)
    old = (tmp_path / "old").read_bytes()
    for update, more in ((20, {"force": True}), (40, {"resume": True})):
        with monkeypatch.context() as patched:
            kill_after(patched, update)
            with pytest.raises(Killed):
                stopped(output=tmp_path / "old", seed=4, **more)
        assert (tmp_path / "old").read_bytes() == old
    stopped(output=tmp_path / "old", seed=4, resume=True)
    stopped(output=tmp_path / "other", seed=4)
    assert (tmp_path / "old").read_bytes() == (tmp_path / "other").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "m.checkpoint", "old", "other"]


def test_a_model_that_is_newer_than_its_checkpoint_is_replaced(stopped, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        kill_after(patched, 55)  # behind the first validation
        patched.setattr(resuming, "SECONDS", 1e9)
        with pytest.raises(Killed):
            stopped(output=tmp_path / "new")
    assert (tmp_path / "new").exists()
    stopped(output=tmp_path / "new", resume=True)
    stopped(output=tmp_path / "whole")
    assert (tmp_path / "new").read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "m.checkpoint", "new", "whole"]


def test_another_number_of_threads_is_said_and_does_not_refuse(stopped, monkeypatch, capsys):
    here = resumable.describe_machine()
    monkeypatch.setattr(resumable, "describe_machine", lambda: {**here, "the number of threads": "31"})
    stopped(resume=True, quiet=False)
    said = capsys.readouterr().err
    assert re.search("not bit-identical from here on: the number of threads was [0-9]+ and is 31\n", said)
    assert "goes on after update 7, " in said


def test_a_full_disk_is_said_once_and_the_training_goes_on(stopped, tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise ElmanError("no space. Make room.")

    with monkeypatch.context() as patched:
        patched.setattr(resuming, "write_checkpoint", fail)
        patched.setattr(resuming, "SECONDS", -1.0)
        stopped(output=tmp_path / "full", quiet=False)
    assert capsys.readouterr().err.count("no space; the training goes on without a new checkpoint") == 1
    stopped(output=tmp_path / "whole")
    assert (tmp_path / "full").read_bytes() == (tmp_path / "whole").read_bytes()


def test_data_that_cannot_be_recognised_are_trained_on_without_a_checkpoint(tmp_path):
    rows = [{"text": "good", "label": object()}]
    assert fingerprint(rows) is None
    os.mkfifo(tmp_path / "pipe")
    assert fingerprint([tmp_path / "pipe"]) is None
    assert fingerprint(["-"]) is None
    assert fingerprint(np.ones(3)) != fingerprint(np.ones((3, 1))) != fingerprint(np.ones(3, np.float32))


def test_a_second_training_for_one_output_is_refused_with_the_process_of_the_first(tmp_path):
    with only_one(tmp_path / "m"):
        refused = pytest.raises(DataError, match=f"the output of another training, process {os.getpid()}")
        with refused, only_one(tmp_path / "m"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_forged_checkpoint_writes_no_file_but_its_own_and_stays(tmp_path, monkeypatch):
    recipe, write, file, options = RECIPES["generate"]
    data = write(tmp_path / file)
    with monkeypatch.context() as patched:
        kill_after(patched, 3)
        with pytest.raises(Killed):
            recipe.train(data, output=tmp_path / "m", **SMALL, **options)
    path, precious = tmp_path / "m.checkpoint", tmp_path / "precious"
    precious.write_text("a poem")
    kept = read_checkpoint(path)
    for change in (
        {"keeper": {"replaces": True, "name": "../precious"}},
        {"keeper": {"replaces": True, "name": str(precious)}},
        {"keeper": {"replaces": True, "name": "precious"}},
        {"keeper": {"replaces": True, "name": 7}},
        {"current": {**kept["current"], "run": {}}},
        {"current": {**kept["current"], "run": {**kept["current"]["run"], "seconds": "3"}}},
        {"current": {**kept["current"], "module": {}}},
        {"current": 7},
    ):
        write_checkpoint(path, {**kept, **change})
        with pytest.raises(DataError, match=r"m\.checkpoint is damaged: it is no state of this training \("):
            recipe.train(data, output=tmp_path / "m", resume=True, **SMALL, **options)
        assert path.exists()
        assert precious.read_text() == "a poem"

"""The log of a training: its lines are what callbacks get, it goes on, and nothing that is not a log is replaced."""

import json
import os

import pytest

from answerable import write_reviews
from elman.errors import ConfigError, DataError
from elman.tasks import classify
from elman.training import ranks, resuming, run
from elman.training.outcome import Outcome, Validation
from elman.training.progress import Moment, QuietProgress
from elman.training.resuming import CheckpointedRun
from elman.training.run_log import RunLog
from elman.writing import GrowingFile
from small_trainings import SMALL

OPTIONS = {**SMALL, "target": "label", "input": "text", "folds": 1}


class Killed(BaseException):
    """A process that ends here."""


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Return a function that trains on a few reviews, with a validation an epoch, of 13 updates."""
    monkeypatch.setattr(run, "_VALIDATE_AT_MOST_EVERY", 12)
    monkeypatch.setattr(run, "_TRAINING_PER_VALIDATION", 0)
    data = write_reviews(tmp_path / "a.csv", 60)
    return lambda **more: classify.train(data, **{**OPTIONS, **more})


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def validations(path):
    """Return the validations of a log, without what depends on time."""
    return [{**one, "seconds": 0} for one in read(path) if one["event"] == "validation"]


def test_the_lines_are_what_callbacks_got_and_the_model_keeps(train, tmp_path):
    heard, log = [], tmp_path / "run.jsonl"
    model = train(log=log, callbacks=[heard.append, lambda event: event.clear()], output=tmp_path / "m")
    first, *lines, last = read(log)
    assert lines == heard
    assert len(lines) >= 3
    assert (first["event"], first["cell"], first["task"]) == ("start", "lstm", "classify")
    assert first["options"]["hidden"] == SMALL["hidden"]
    assert first["data"] == [str(tmp_path / "a.csv")]
    history = [[one["update"], one["training_loss"], one["validation_loss"]] for one in lines]
    assert history == model.metrics["history"]
    assert [one["update"] for one in lines if one["best"]][-1] == model.metrics["best_update"]
    assert all(one["gradient_norm"] > 0 and one["epoch"] >= 1 for one in lines)
    rates = [one["learning_rate"] for one in lines]
    assert rates[-1] < max(rates), "the cosine falls"
    assert (last["event"], last["stopped"], last["model"]) == ("end", "epochs", str(tmp_path / "m"))
    assert last["parameters"] == model.parameters
    assert "history" not in last["metrics"]


def kill_after(monkeypatch, update):
    """Write a checkpoint after every update, and end the training after one of them."""
    pause = CheckpointedRun.pause

    def pause_or_die(place, progress):
        pause(place, progress)
        if place._run.outcome.updates == update:
            raise Killed

    monkeypatch.setattr(resuming, "SECONDS", -1.0)
    monkeypatch.setattr(resuming, "_OF_TIME", 0)
    monkeypatch.setattr(CheckpointedRun, "pause", pause_or_die)


def test_a_log_goes_on_with_its_training_and_drops_what_the_checkpoint_does_not_know(train, tmp_path, monkeypatch):
    heard, whole, rest = [], tmp_path / "whole.jsonl", tmp_path / "rest.jsonl"
    train(output=tmp_path / "whole", log=whole)
    with monkeypatch.context() as patched:
        kill_after(patched, 17)
        with pytest.raises(Killed):
            train(output=tmp_path / "rest", log=rest, callbacks=[heard.append])
    assert 0 < len(heard) < len(validations(whole))
    with rest.open("a", encoding="utf-8") as file:  # of updates that are lost, the last line torn
        file.write(json.dumps({**heard[-1], "update": 18, "score": -7.0}) + "\n" + '{"event": "valid')
    with pytest.raises(DataError, match="go on with --resume"):
        RunLog(rest)
    train(output=tmp_path / "rest", log=rest, callbacks=[heard.append], resume=True)
    assert validations(rest) == validations(whole) == [{**one, "seconds": 0} for one in heard]
    events = [one["event"] for one in read(rest) if one["event"] != "validation"]
    assert events == ["start", "end", "resume", "end"]
    assert read(rest)[-1]["metrics"] == read(whole)[-1]["metrics"]


def test_lines_say_of_which_fold_or_trial_they_are(train, tmp_path):
    for kind, options in (("fold", {"folds": 2}), ("trial", {"search": 2})):
        heard = []
        train(log=tmp_path / kind, callbacks=[heard.append], epochs=1, **options)
        assert {one[kind] for one in heard} == {1, 2} == {one[kind] for one in validations(tmp_path / kind)}


def test_an_exception_of_a_callback_ends_the_training_and_ctrl_c_keeps_the_best(train, tmp_path):
    def fail(event):
        raise ZeroDivisionError(event["update"])

    def stop(event):
        raise KeyboardInterrupt

    with pytest.raises(ZeroDivisionError, match=r"^13$"):
        train(log=tmp_path / "a", callbacks=[fail])
    assert read(tmp_path / "a")[-1] == {"event": "end", "stopped": "error", "error": "ZeroDivisionError: 13"}
    model = train(log=tmp_path / "b", callbacks=[stop])
    assert model.stopped == "interrupted" == read(tmp_path / "b")[-1]["stopped"]
    with pytest.raises(ConfigError, match="must be a list of functions"):
        train(callbacks=print)


def test_only_a_log_is_replaced_and_only_by_force(train, tmp_path):
    (tmp_path / "notes").write_text("mine\n")
    (tmp_path / "log").write_text('{"event": "start"}\n{"event": "validation"}\n')
    for name, more, says in (
        ("notes", {"force": True}, "is not the log of a training"),
        ("notes", {"resume": True}, "is not the log of a training"),
        ("log", {}, "exists already"),
        ("none/log", {}, "there is no folder"),
        (".", {}, "is a folder"),
    ):
        with pytest.raises(DataError, match=says):
            RunLog(tmp_path / name, **more)
    with pytest.raises(DataError):
        classify.train(tmp_path / "none.csv", log=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "notes").read_text() == "mine\n"
    with RunLog(tmp_path / "log", force=True) as log:
        log.begin({}, QuietProgress())
    assert [one["event"] for one in read(tmp_path / "log")] == ["start"]


def test_a_line_that_cannot_be_written_whole_is_not_there_and_is_tried_again(tmp_path, monkeypatch):
    def hear(log, update):
        outcome = Outcome(history=[Validation(1, update, 0.5, float("nan"))])
        log.hear(outcome, Moment(1, update, 0.1, None, 0.5, 1.0, float("inf")), False)

    def half(file, content):
        if calls:
            raise OSError(28, "No space left on device")
        calls.append(write(file, bytes(content)[:5]))
        return 5

    class Noted(QuietProgress):
        def note(self, text):
            notes.append(text)

    calls, notes, write, path = [], [], os.write, tmp_path / "log"
    with RunLog(path) as log:
        log.begin({}, Noted())
        before = path.read_bytes()
        with monkeypatch.context() as full:
            full.setattr(os, "write", half)
            hear(log, 3)
            assert calls
            assert path.read_bytes() == before
            hear(log, 5)
        hear(log, 7)
    assert [one["update"] for one in validations(path)] == [3, 5, 7]
    assert validations(path)[0]["validation_loss"] is None is validations(path)[0]["gradient_norm"]
    assert [note.partition(" cannot")[2] for note in notes] == [
        " be written: No space left on device; it is tried again at each validation"
    ]


def test_a_growing_file_keeps_what_others_wrote(tmp_path):
    (tmp_path / "a").write_text("one\n")
    file = GrowingFile(tmp_path / "a")
    file.add("two")
    file.close()
    assert (tmp_path / "a").read_text() == "one\ntwo\n"
    assert not file.was_made


def test_another_process_than_the_first_writes_and_calls_nothing(train, tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "is_first", lambda: False)
    monkeypatch.setattr("elman.training.recipe.is_first", lambda: False)
    heard = []
    train(log=tmp_path / "log", callbacks=[heard.append], epochs=1)
    assert heard == []
    assert not (tmp_path / "log").exists()

"""How a training of several processes ends and goes on: other numbers of processes, signals, a killed one, the time."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from elman.tasks import generate
from elman.training import resuming
from small_trainings import write_book
from training_together import distance, environments, prepare, train, train_together, write_tickets

EXACT = {"precision": "64", "epochs": 12, "dropout": 0.3, "zoneout": 0.2}
SIZES = ["--hidden", "5", "--batch", "4", "--window", "11"]
ENDLESS = ["--epochs", "100000", "--patience", "1"]


@pytest.mark.slow
def test_two_processes_then_one_and_two_again_end_as_one_without_a_break(tmp_path, monkeypatch):
    monkeypatch.setattr(resuming, "SECONDS", -1.0)
    monkeypatch.setattr(resuming, "_OF_TIME", 0)
    written = prepare(tmp_path, ["generate"])
    whole, _ = train("generate", written["generate"], EXACT, [10**9])
    options = {**EXACT, "output": str(tmp_path / "m.model")}
    train_together(tmp_path, 2, written, {"all": options}, [70], "begins")
    assert (tmp_path / "m.model.checkpoint").exists()
    train("generate", written["generate"], {**options, "resume": True}, [140])
    found = train_together(tmp_path, 2, written, {"all": {**options, "resume": True}}, [10**9], "ends")
    for one in found:
        assert distance(one["generate"][0][0], whole[0])[0] < 1e-9
        assert len(one["generate"][1]) > 50, "it went on, and did not begin anew"
    assert len(found[0]["generate"][1]) < 140
    assert {path.name for path in tmp_path.glob("m.model*")} == {"m.model"}
    assert generate.load(tmp_path / "m.model").metrics["updates"] > 200


@contextlib.contextmanager
def processes(folder, *arguments, count=2):
    """Run `elman train generate` in some processes, until they have made an update or two."""
    write_book(folder / "a.txt")
    command = [sys.executable, "-m", "elman", "train", "generate", "a.txt", "-o", "m.model", *SIZES, *arguments]
    started = [
        subprocess.Popen(
            command, cwd=folder, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for own in environments(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def wait_for(process, text):
    """Read what a process says until a text; return all of it."""
    seen = ""
    for line in process.stderr:
        seen += line
        if text in line:
            break
    return seen


def end(started):
    """Wait until all have ended; return their codes, and what they said."""
    said = [process.communicate(timeout=120) for process in started]
    return [process.returncode for process in started], [err for _, err in said], [out for out, _ in said]


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_training_with_one_line_and_it_goes_on(victim, tmp_path):
    with processes(tmp_path, *ENDLESS) as started:
        wait_for(started[0], "best so far")
        started[victim].kill()
        codes, said, _ = end(started)
    assert codes[victim] == -signal.SIGKILL
    assert codes[1 - victim] == 1
    lines = [line for err in said for line in err.splitlines() if line.startswith("elman:")]
    assert len(lines) == 1, said
    assert "has ended, or does not answer" in lines[0]
    assert lines[0].endswith("the same command with --resume goes on")
    assert "Traceback" not in said[1 - victim]
    assert (tmp_path / "m.model.checkpoint").exists()
    with processes(tmp_path, *ENDLESS, "--resume") as started:
        seen = wait_for(started[0], "goes on after update")
        assert "goes on after update" in seen
        started[1].send_signal(signal.SIGTERM)  # one of them is told, and all end after the same update
        codes, said, _ = end(started)
    assert codes == [128 + signal.SIGTERM] * 2
    assert re.search(r"elman: ended by SIGTERM; the same command with --resume goes on after update [\d,]+$", said[0])
    assert said[1] == ""


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_after_the_same_update(tmp_path):
    with processes(tmp_path, *ENDLESS) as started:
        wait_for(started[0], "best so far")
        for process in started:
            process.send_signal(signal.SIGINT)
        time.sleep(0.01)
        started[1].send_signal(signal.SIGINT)  # a launcher passes on what the terminal has sent
        codes, said, _ = end(started)
    assert codes == [130, 130], said
    assert "elman: interrupted; the best model so far is kept in m.model" in said[0]
    assert said[1] == ""
    assert generate.load(tmp_path / "m.model").metrics["updates"] > 0


@pytest.mark.slow
def test_the_time_of_the_first_process_ends_all(tmp_path):
    with processes(tmp_path, "--epochs", "auto", "--time-budget", "3s") as started:
        codes, said, printed = end(started)
    assert codes == [0, 0], said
    assert "ended by the time budget" in printed[0]
    assert printed[1] == said[1] == ""


@pytest.mark.slow
def test_a_search_in_two_processes_tries_the_same_settings(tmp_path):
    with processes(tmp_path, "--epochs", "2", "--search", "3") as started:
        codes, said, printed = end(started)
    assert codes == [0, 0], said
    assert "best of 3 trials" in printed[0]
    assert printed[1] == said[1] == ""


@pytest.mark.slow
def test_an_error_that_all_processes_have_is_one_line_and_other_data_are_refused(tmp_path):
    with processes(tmp_path, "--window", "0") as started:
        codes, said, _ = end(started)
    assert codes == [2, 2]
    assert sum(err.count("elman:") for err in said) == 1
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("another text, and a long one. " * 50)
    command = [sys.executable, "-m", "elman", "train", "generate", "a.txt", *SIZES, "--epochs", "1"]
    write_book(tmp_path / "a.txt")
    started = [
        subprocess.Popen(
            command, cwd=folder, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for folder, own in zip([tmp_path, other], environments(2), strict=True)
    ]
    codes, said, _ = end(started)
    assert codes[1] == 2
    assert "process 1: This process has data other than the first one's" in said[1]
    assert codes[0] == 1


def read_log(path):
    """Return the events of a log, without what depends on time and place."""
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        {name: value for name, value in event.items() if name not in ("time", "seconds", "data", "model")}
        for event in events
    ]


def require_alike(one, other, place="log"):
    """Compare plain data; numbers may differ by the order of sums."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for name, value in one.items():
            require_alike(value, other[name], f"{place}.{name}")
    elif isinstance(one, list):
        assert len(one) == len(other), place
        for number, (value, its) in enumerate(zip(one, other, strict=True)):
            require_alike(value, its, f"{place}[{number}]")
    else:
        assert one == (pytest.approx(other, rel=1e-9) if isinstance(other, float) else other), place


@pytest.mark.slow
@pytest.mark.parametrize("folds", ["1", "3"])
def test_the_log_under_torchrun_is_that_of_one_process(folds, tmp_path):
    # With columns of several kinds; each process has a folder of its own, to see what it writes.
    options = ["--target", "urgent", "--hidden", "5", "--batch", "7", "--epochs", "13", "--precision", "64"]
    command = ["elman", "train", "classify", "a.csv", "-o", "m.model", "--log", "run.jsonl", "--folds", folds, *options]
    launched = ["torch.distributed.run", "--nproc-per-node", "2", "--no-python", "--"]
    in_folder = ["bash", "-c", 'cd "$RANK" && exec "$0" -m "$@"', sys.executable]
    for name in ("alone", "0", "1"):
        (tmp_path / name).mkdir()
        write_tickets(tmp_path / name / "a.csv")
    for words, folder in ((command, tmp_path / "alone"), ([*launched, *in_folder, *command], tmp_path)):
        subprocess.run(
            [sys.executable, "-m", *words],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            check=True,
        )
    one, two = (read_log(tmp_path / name / "run.jsonl") for name in ("alone", "0"))
    assert [event["event"] for event in one] == ["start", *["validation"] * (len(one) - 2), "end"]
    assert len(one) - 2 >= 2 * int(folds)
    assert {event.get("fold") for event in one[1:-1]} == ({None} if folds == "1" else {1, 2, 3})
    require_alike(two, one)
    assert {path.name for path in (tmp_path / "0").iterdir()} == {"a.csv", "m.model", "run.jsonl"}
    assert {path.name for path in (tmp_path / "1").iterdir()} == {"a.csv"}, "the first process alone writes"


@pytest.mark.slow
def test_torchrun_starts_a_training_again_that_a_process_has_left(tmp_path):
    write_book(tmp_path / "a.txt")
    command = [
        *[sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "2"],
        *["-m", "elman", "train", "generate", "a.txt", "-o", "m.model", *SIZES, "--epochs", "150", "--patience", "1"],
        "--resume",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    launcher = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(launcher, "best so far")
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(launcher.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        os.kill(int(children[-1]), signal.SIGKILL)
        out, err = launcher.communicate(timeout=300)
    finally:
        launcher.kill()
    assert launcher.returncode == 0, err
    assert "goes on after update" in err
    assert "all epochs done" in out
    assert not (tmp_path / "m.model.checkpoint").exists()

"""Ctrl-C and other signals that end a command, sent to a real process."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from elman.tasks import generate
from processes import interrupt, run_elman, start_elman

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 40


def train_and_interrupt(folder, until: str, *options: str, after: float = 0.0) -> tuple[int, str, str]:
    """Train for ever, press Ctrl-C some seconds after standard error has shown `until`; return code, output, errors."""
    (folder / "book.txt").write_text(BOOK)
    command = ["train", "generate", "book.txt", "--hidden", "7", "--window", "11", "--batch", "3"]
    process = start_elman(folder, *command, "--epochs", "100000", "--patience", "100000", *options)
    out, err = interrupt(process, until, after)
    return process.returncode, out, err


def test_the_best_model_so_far_is_kept_and_named(tmp_path):
    code, out, err = train_and_interrupt(tmp_path, "best so far")
    assert code == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == (
        "elman: interrupted; the best model so far is kept in book.elman.safetensors; the same command with --resume "
        "goes on"
    )
    assert re.search(r"updates in \d+:\d\d, interrupted", out)
    model = generate.load(tmp_path / "book.elman.safetensors")
    losses = [float(loss) for loss in re.findall(r"^update.* validation (\d+\.\d+)", err, re.MULTILINE)]
    assert model.metrics["validation_loss"] == pytest.approx(min(losses), abs=1e-3)
    assert {path.name for path in tmp_path.iterdir()} == {
        "book.txt",
        "book.elman.safetensors",
        "book.elman.safetensors.checkpoint",
    }
    assert len("".join(model.generate(length=20))) == 20


@pytest.mark.slow
def test_before_the_first_validation_the_present_model_is_kept(tmp_path):
    # The note is said just before the first update; the first validation follows 50 of these large updates later.
    options = ("--batch", "187", "--hidden", "512", "--layers", "2")
    for seconds in (1.0, 2.0, 4.0, 8.0):  # the slower the machine, the later the first update, and the 50th
        code, out, err = train_and_interrupt(tmp_path, "fewer than the window", *options, after=seconds)
        if "was not written" not in err:
            break
    assert code == 130
    assert "Traceback" not in err
    assert "no validation was reached" in out
    metrics = generate.load(tmp_path / "book.elman.safetensors").metrics
    assert metrics["history"] == []
    assert metrics["updates"] == metrics["best_update"]


@pytest.mark.slow
def test_before_training_has_begun_nothing_is_written(tmp_path):
    # Naps, not one sleep: a signal that the system hands to another thread does not wake the main one.
    naps = "import sys, time\nprint('here', file=sys.stderr, flush=True)\nfor _ in range(600):\n    time.sleep(0.1)\n"
    (tmp_path / "waits.py").write_text(naps)
    code, _, err = train_and_interrupt(tmp_path, "here", "--cell", "waits.py:x")
    assert code == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "elman: interrupted; book.elman.safetensors was not written"
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt", "waits.py"}


def write_slow_module(folder, name: str, nap: str) -> dict[str, str]:
    """Put a module in the place of another; return the environment in which it is found."""
    (folder / f"{name}.py").write_text(f"import sys, time\nprint('here', file=sys.stderr, flush=True)\n{nap}\n")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("module", ["typer", "torch"])
def test_a_module_that_swallows_the_exception_while_it_is_imported_does_not_keep_the_process(tmp_path, module):
    swallows = "for _ in range(300):\n    try:\n        time.sleep(0.1)\n    except BaseException:\n        pass"
    process = start_elman(tmp_path, "probe", **write_slow_module(tmp_path, module, swallows))
    assert interrupt(process, "here", seconds=20) == ("", "here\n")
    assert process.returncode == -signal.SIGINT


def test_when_all_is_done_an_interrupt_shows_no_traceback(tmp_path):
    at_exit = "import atexit\natexit.register(lambda: (print('over', file=sys.stderr), time.sleep(30)))"
    process = start_elman(tmp_path, "--version", **write_slow_module(tmp_path, "sitecustomize", at_exit))
    out, err = interrupt(process, "over")
    assert (out.split()[0], err) == ("elman", "here\nover\n")
    assert process.returncode == -signal.SIGINT


def test_a_process_that_ignores_interrupts_goes_on_ignoring_them(tmp_path):
    environment = write_slow_module(tmp_path, "typer", "time.sleep(0.5)\nraise SystemExit(7)")
    ignore = "import signal, runpy\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    code = f"{ignore}runpy.run_module('elman', run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | environment, stderr=subprocess.PIPE, text=True
    )
    with process:
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert process.returncode == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        (("--help",), 0.8),
        (("predict", "MODEL", "-"), 5.0),
        (("train", "generate", "book.txt", "--epochs", "100000"), 6.0),
    ],
    ids=["help", "predict", "train"],
)
def test_no_moment_from_the_start_on_answers_with_a_traceback(tmp_path, trained, arguments, seconds):
    (tmp_path / "book.txt").write_text(BOOK)
    for number in range(18):
        process = start_elman(tmp_path, *(str(trained) if part == "MODEL" else part for part in arguments))
        time.sleep(0.2 + seconds * number / 18)  # the first tenths of a second are the interpreter's
        over = process.poll() is not None
        process.send_signal(signal.SIGINT)
        with process:
            try:
                code = process.wait(timeout=60)
            finally:
                process.kill()
            assert "Traceback" not in process.stderr.read()
        assert over or code in (130, -signal.SIGINT)
        (tmp_path / "book.elman.safetensors").unlink(missing_ok=True)


@pytest.mark.slow
def test_signals_end_a_training_that_goes_on_to_the_same_end(tmp_path):
    (tmp_path / "book.txt").write_text(BOOK)
    generate.train(tmp_path / "book.txt", output=tmp_path / "whole", hidden=7, window=11, batch=3, epochs=9, quiet=True)
    command = ["train", "generate", "book.txt", "--hidden", "7", "--window", "11", "--batch", "3", "--epochs", "9"]
    gone_on, resume = [], []
    for name, until in (("SIGHUP", "best so far"), ("SIGTERM", "goes on after")):
        process = start_elman(tmp_path, *command, "-o", "m.model", *resume)
        out, err = interrupt(process, until, number=getattr(signal, name))
        assert (process.returncode, out) == (128 + getattr(signal, name), ""), err
        last = err.splitlines()[-1]
        said = re.fullmatch(rf"elman: ended by {name}; the same command with --resume goes on after update (\d+)", last)
        assert said, last
        gone_on += [f"goes on after update {said[1]}, "]
        resume = ["--resume"]
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {"book.txt", "whole", "m.model", "m.model.checkpoint"}
        assert gone_on[0] in err or name == "SIGHUP"
    code, out, err = run_elman(tmp_path, *command, "-o", "m.model", *resume)
    assert code == 0, err
    assert gone_on[1] in err
    assert (tmp_path / "m.model").read_bytes() == (tmp_path / "whole").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt", "whole", "m.model"}


@pytest.mark.slow
def test_a_signal_before_training_ends_at_once(tmp_path):
    naps = "import sys, time\nprint('here', file=sys.stderr, flush=True)\nfor _ in range(600):\n    time.sleep(0.1)\n"
    (tmp_path / "waits.py").write_text(naps)
    (tmp_path / "book.txt").write_text(BOOK)
    process = start_elman(tmp_path, "train", "generate", "book.txt", "--cell", "waits.py:x")
    _, err = interrupt(process, "here", number=signal.SIGTERM)
    assert process.returncode == 143
    assert err.splitlines()[-1] == "elman: ended by SIGTERM"
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt", "waits.py"}

"""Ctrl-C, sent to a real process as a terminal does."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from elman.tasks import generate
from processes import interrupt, start_elman

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
    assert err.splitlines()[-1] == "elman: interrupted; the best model so far is kept in book.elman.safetensors"
    assert re.search(r"updates in \d+:\d\d, interrupted", out)
    model = generate.load(tmp_path / "book.elman.safetensors")
    losses = [float(loss) for loss in re.findall(r"^update.* validation (\d+\.\d+)", err, re.MULTILINE)]
    assert model.metrics["validation_loss"] == pytest.approx(min(losses), abs=1e-3)
    assert {path.name for path in tmp_path.iterdir()} == {"book.txt", "book.elman.safetensors"}
    assert len("".join(model.generate(length=20))) == 20


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
                code = process.wait(timeout=20)
            finally:
                process.kill()
            assert "Traceback" not in process.stderr.read()
        assert over or code in (130, -signal.SIGINT)
        (tmp_path / "book.elman.safetensors").unlink(missing_ok=True)

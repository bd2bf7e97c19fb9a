"""Ctrl-C, sent to a real process as a terminal does."""

import re
import signal
import subprocess
import sys
import time

import pytest

from elman.tasks import generate

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 40


def train_and_interrupt(folder, until: str, *options: str, after: float = 0.0) -> tuple[int, str, str]:
    """Train for ever, press Ctrl-C some seconds after standard error has shown `until`; return code, output, errors."""
    (folder / "book.txt").write_text(BOOK)
    command = [sys.executable, "-u", "-m", "elman", "train", "generate", "book.txt", "--hidden", "7", "--window", "11"]
    command += ["--batch", "3", "--epochs", "100000", "--patience", "100000", *options]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        seen = ""
        for line in process.stderr:
            seen += line
            if until in line:
                break
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, seen + err


def test_the_best_model_so_far_is_kept_and_named(tmp_path):
    code, out, err = train_and_interrupt(tmp_path, "best so far")
    assert code == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "elman: interrupted; the best model so far is kept in book.elman.safetensors"
    assert re.search(r"updates in \d+:\d\d, interrupted", out)
    model = generate.load(tmp_path / "book.elman.safetensors")
    losses = [float(loss) for loss in re.findall(r"validation (\d+\.\d+)", err)]
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
    assert "not reached yet" in out
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

"""The package has types for its users: a program of theirs runs, and passes `mypy --strict`."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import typed_user

ROOT = Path(__file__).parents[1]
COMMAND = ["-m", "mypy", "--strict", "--config-file=", "tests/typed_user.py"]


def test_the_program_of_a_user_runs(tmp_path):
    tensors = typed_user.run_layers()
    assert torch.equal(tensors["streamed"], tensors["whole"])
    assert (tensors["output"].shape, tensors["c_n"].shape) == ((7, 2, 10), (2, 2, 5))
    texts = typed_user.train_and_load(tmp_path)
    assert {texts["class"], texts["estimated"]} <= {"pos", "neg"}
    assert texts["tag"] in ("PRON", "VERB")
    assert len(texts["written"]) == 10
    assert "book.txt" in texts["refused"]


def test_make_check_checks_its_types():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")[2].partition("\n\n")[0]
    assert " ".join(["$(RUN)", *COMMAND]) in recipe


def test_the_package_says_that_it_has_types():
    assert (ROOT / "src" / "elman" / "py.typed").is_file()


@pytest.mark.slow
def test_the_program_of_a_user_has_the_types_that_it_expects(tmp_path):
    command = [sys.executable, *COMMAND, f"--cache-dir={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_name_that_the_package_does_not_have_is_a_type_error(tmp_path):
    (tmp_path / "wrong.py").write_text("import elman\nelman.nonsense\nelman.cell(3)\n")
    command = [sys.executable, *COMMAND[:-1], f"--cache-dir={tmp_path}", "wrong.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.count("error:") == 2, done.stdout

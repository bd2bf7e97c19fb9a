"""A recipe that nobody has written yet takes a folder and a line, and then has every command."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(__file__).parent / "fifth" / "command.py"
COMMANDS = {
    "train": "train ones lines.txt -o m --epochs 40 --report page.html",
    "predict": "predict m more.txt",
    "evaluate": "evaluate m more.txt --json",
    "within": "evaluate m more.txt --json --within 2",
    "inspect": "inspect m more.txt --json",
    "search": "train ones lines.txt --epochs 2 --layers 1 --search 3 --json -o searched",
    "helps": "train --help",
    "help": "train ones --help",
    "evaluate help": "evaluate --help",
    "hidden": "train ones lines.txt --hidden 0 -o w",
    "wrong": "train ones wrong.txt -o w",
    "worst": "evaluate m more.txt --worst 3",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ones")
    drawn = random.Random(3)
    for name, count in (("lines", 120), ("more", 41)):
        lines = ["".join(drawn.choices("01", k=drawn.randint(3, 11))) for _ in range(count)]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (folder / "wrong.txt").write_text("0120\n" * 99)
    return folder


@pytest.fixture(scope="module")
def given(folder):
    asked = json.dumps([one.split() for one in COMMANDS.values()])
    found = subprocess.run(
        [sys.executable, str(COMMAND)], input=asked, cwd=folder, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return dict(zip(COMMANDS, json.loads(found.stdout), strict=True))


def test_it_is_trained_and_looked_into(given, folder):
    assert "100 sequences of 0 and 1, 20 held out" in given["train"]["told"]
    assert "always the mean: RMSE" in given["train"]["told"]
    assert "validation  RMSE" in given["train"]["out"]
    assert (folder / "page.html").read_text().startswith("<!doctype html>")
    assert json.loads(given["inspect"]["out"])["verdict"]


def test_it_answers_and_is_measured(given):
    answers = [line.split(",") for line in given["predict"]["out"].splitlines()]
    right = [int(count) == line.count("1") for line, count in answers]
    assert len(right) == 41
    assert sum(right) > 30
    exact, near = (json.loads(given[name]["out"])["right"] for name in ("evaluate", "within"))
    assert exact == pytest.approx(sum(right) / 41)
    assert near >= exact


def test_it_is_searched(given):
    found = json.loads(given["search"]["out"])["search"]
    assert found["trials"] == 3
    assert all("layers" not in one["options"] for one in found["tried"])


def test_its_help_and_its_refusals_are_those_of_every_recipe(given, folder):
    assert "counts the ones" in given["helps"]["out"]
    assert "--held-out" in given["help"]["out"]
    assert "--search" in given["help"]["out"]
    assert "--within" in given["evaluate help"]["out"]
    for name, said in (
        ("hidden", "hidden is 0; it must be at least 1."),
        ("wrong", "wrong.txt line 1 has other digits than 0 and 1. Take them out."),
        ("worst", "--worst has no meaning for m, a model for 'ones'. Drop it."),
    ):
        assert given[name]["code"] == 2
        assert given[name]["told"].splitlines()[-1] == f"elman: {said}"
    assert not (folder / "w").exists()

"""Threads, and processes that have one id as in two containers, save models in one folder: no two are ever mixed."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from elman.models.file import ModelFile

SAVE = """
import os, sys, threading
os.getpid = lambda: 1
sys.path[:0] = sys.argv[4:]
from pathlib import Path
from test_saving_together import save_many
folder, threads, saves = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
wrong = save_many(folder, threads, saves, "b")
assert not wrong, wrong
"""


def model_of(number: int) -> ModelFile:
    """Return a model whose every part says which it is; a larger number is a larger model."""
    weights = {"w": torch.full((700 + 131 * (number % 7), 29), float(number))}
    parts = {"vocabulary": {"number": number}}
    return ModelFile("generate", {"n": number}, {"n": number}, {"n": number}, {}, weights, parts)


def number_in(path: Path) -> int:
    """Read a model, and see that all of it is of one number."""
    back = ModelFile.read(path, "generate", ["vocabulary"])
    number = back.parts["vocabulary"]["number"]
    assert (back.cell, back.configuration, back.metrics) == ({"n": number},) * 3
    assert torch.equal(back.weights["w"], model_of(number).weights["w"])
    return number


def save_many(folder: Path, threads: int, saves: int, whose: str) -> list[str]:
    """Save in threads, each to a file of its own and to one of all; return what was not read back as it was saved."""
    wrong: list[str] = []

    def save(thread: int) -> None:
        for turn in range(saves):
            number = 1000 * thread + turn + (500 if whose == "b" else 0)
            own = folder / f"{whose}{thread}"
            try:
                model_of(number).write(own)
                model_of(number).write(folder / "shared")
                if (found := number_in(own)) != number:
                    wrong.append(f"{own}: {found}, not {number}")
                number_in(folder / "shared")
            except Exception as error:
                wrong.append(f"{own}: {type(error).__name__}: {error}")

    running = [threading.Thread(target=save, args=[thread]) for thread in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return wrong


@pytest.mark.parametrize(
    ("threads", "saves"), [pytest.param(3, 4, id="few"), pytest.param(8, 40, id="many", marks=pytest.mark.slow)]
)
def test_models_that_are_saved_at_once_are_never_mixed(threads, saves, tmp_path, monkeypatch):
    monkeypatch.setattr("os.getpid", lambda: 1)
    here = str(Path(__file__).parent)
    other = subprocess.Popen([sys.executable, "-c", SAVE, tmp_path, str(threads), str(saves), here])
    wrong = save_many(tmp_path, threads, saves, "a")
    assert other.wait() == 0
    assert wrong == []
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"shared"} | {f"{whose}{thread}" for whose in "ab" for thread in range(threads)}

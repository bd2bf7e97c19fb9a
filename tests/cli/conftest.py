"""Run the command line in this process, and keep one small trained model for all tests."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from elman.cli import main
from elman.tasks import generate

BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 20


@dataclass(frozen=True)
class Finished:
    """The exit code of a command and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def elman(tmp_path, monkeypatch, capsys) -> Callable[..., Finished]:
    """Run `elman` with arguments in an empty folder that holds `book.txt`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "book.txt").write_text(BOOK)

    def run(*arguments: object, stdin: bytes = b"") -> Finished:
        monkeypatch.setattr(sys, "argv", ["elman", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        out, err = capsys.readouterr()
        return Finished(int(code), out, err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """Train one small model; tests read it and do not change it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "book.txt").write_text(BOOK)
    path = folder / "book.elman.safetensors"
    generate.train(folder / "book.txt", hidden=13, window=11, batch=3, epochs=3, output=path, quiet=True)
    return path

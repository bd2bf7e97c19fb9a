"""What a user can get wrong: one clear line on standard error, exit code 2, nothing written."""

import errno
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from elman import cli


def refused(done, *words: str) -> None:
    """Insist on exit code 2, silence on standard output, and a message without a traceback that has the words."""
    assert done.code == 2
    assert done.out == ""
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
    assert done.err.startswith("elman: ")


def files(folder) -> set[str]:
    return {path.name for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["bad.txt is empty"]),
        (b"a" * 5000 + b"\xe9", ["bad.txt is not UTF-8: byte 0xe9 at offset 5000"]),
        (b"short\n", ["too short: 5 characters to train on", "the window is 64"]),
    ],
)
def test_a_text_that_cannot_be_trained_on(elman, tmp_path, content, words):
    (tmp_path / "bad.txt").write_bytes(content)
    done = elman("train", "generate", "bad.txt")
    refused(done, *words)
    assert done.err.count("\n") == 1, "one line"
    assert files(tmp_path) == {"book.txt", "bad.txt"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.txt"], ["nowhere.txt does not exist"]),
        (["."], [". is a folder"]),
        (["-"], ["standard input is empty"]),
        (["book.txt", "--cell", "lstn"], ["lstn", "Did you mean lstm?"]),
        (["book.txt", "--cell", "none.py:x"], ["there is no file none.py"]),
        (["book.txt", "--cell", "lstm_projected"], ["size of `h`"]),
        (["book.txt", "--size", "h:3"], ["--size h:3 is not of the form NAME=N"]),
        (["book.txt", "--size", "h=0"], ["--size h=0 is not of the form NAME=N"]),
        (["book.txt", "--size", "h=3"], ["`h`"]),
        (["book.txt", "-o", "none/m"], ["the folder none does not exist"]),
        (["book.txt", "-o", "book.txt"], ["--output names book.txt, which is read as the data"]),
        (["book.txt", "-o", "book.txt", "--force"], ["--output names book.txt, which is read as the data"]),
        (["book.txt", "--hidden", "0"], ["hidden is 0; it must be at least 1"]),
        (["book.txt", "--dropout", "1"], ["dropout is 1.0"]),
        (["book.txt", "--optimizer", "lion"], ["adam, adamw, sgd"]),
        (["book.txt", "--time-budget", "soon"], ["90s, 10m or 1h30m"]),
        (["book.txt", "--batch", "99999"], ["batch is 99999"]),
        (["book.txt", "--clip-norm", "1", "--clip-value", "1"], ["both given"]),
    ],
)
def test_a_training_that_cannot_begin(elman, tmp_path, arguments, words):
    refused(elman("train", "generate", *arguments), *words)
    assert files(tmp_path) == {"book.txt"}


def test_a_cell_file_that_fails_is_told_with_its_line(elman, tmp_path):
    (tmp_path / "mine.py").write_text("from elman import cell\n\nx = 1 / 0\n")
    refused(elman("train", "generate", "book.txt", "--cell", "mine.py:x"), "mine.py", "line 3", "division by zero")


@pytest.mark.parametrize("command", [["generate"], ["evaluate"]])
@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "foreign", "missing", "folder"])
def test_a_model_that_is_not_one(elman, tmp_path, trained, command, kind):
    path = tmp_path / "m"
    if kind == "text":
        path.write_text("Once upon a time, there was no model.")
    elif kind == "empty":
        path.touch()
    elif kind == "truncated":
        path.write_bytes(trained.read_bytes()[:-7])
    elif kind == "foreign":
        save_file({"weight": torch.zeros(3)}, path)
    elif kind == "folder":
        path.mkdir()
    before = files(tmp_path)
    done = elman(*command, path, *(["book.txt"] if command == ["evaluate"] else []))
    refused(done, str(path))
    assert done.err.count("\n") == 1
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prompt", "the Zebra €"], ["'Z' (U+005A LATIN CAPITAL LETTER Z)", "'€' (U+20AC EURO SIGN)", "never seen"]),
        (["--temperature", "-1"], ["temperature is -1.0"]),
        (["--top-k", "0"], ["Top-k is 0"]),
        (["--top-p", "1.5"], ["Top-p is 1.5"]),
        (["--length", "-1"], ["length is -1"]),
        (["--seed", "-1"], ["seed is -1"]),
    ],
)
def test_text_that_cannot_be_generated(elman, trained, arguments, words):
    done = elman("generate", trained, *arguments)
    refused(done, *words)
    assert done.err.count("\n") == 1


def test_a_text_with_unseen_characters_cannot_be_evaluated(elman, trained):
    refused(elman("evaluate", trained, "-", stdin="the caté\n".encode()), "U+00E9", "at offset 7")


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["train"], ["train", "generate"], ["train", "generate", "book.txt", "--hiden", "3"], ["generate"]],
)
def test_a_command_that_does_not_exist_or_is_not_whole(elman, tmp_path, arguments):
    done = elman(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert files(tmp_path) == {"book.txt"}


def test_an_unknown_cell_is_not_shown(elman):
    refused(elman("cells", "grv"), "Did you mean gru?")


def test_sizes_that_do_not_fit_are_told(elman):
    refused(elman("cells", "lstm", "--hidden", "0"), "size of hidden is 0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hidden", "9" * 400], "hidden"),
        (["--hidden", 10**9], "does not fit in memory"),
        (["--learning-rate", "1e200"], "learning_rate is 1e+200; it must be at most 1000"),
        (["-o", "m" * 300], "too many for a file"),
    ],
)
def test_values_beyond_all_bounds_are_refused_in_one_line(elman, tmp_path, arguments, words):
    done = elman("train", "generate", "book.txt", "--window", 7, *arguments)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["book.txt"]


@pytest.mark.slow
def test_an_output_that_cannot_be_written_is_told(trained):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "elman", "evaluate", trained, trained.with_name("book.txt")]
        # buffered, as it is outside of tests: the failure comes when the rest is flushed
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert done.stderr == (
        "elman: the output cannot be read or written: No space left on device. Check the disk and the permissions.\n"
    )


def raise_of_the_system():
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


@pytest.mark.parametrize("ask", [lambda: torch.empty(1 << 50), lambda: bytearray(1 << 60), raise_of_the_system])
def test_memory_that_cannot_be_had_is_told_in_one_line(ask, monkeypatch, capsys):
    monkeypatch.setattr(cli, "app", lambda **_: ask())
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    err = capsys.readouterr().err
    assert err.startswith("elman: There is not enough memory.")
    assert err.count("\n") == 1


def test_a_fault_of_the_program_is_still_shown(monkeypatch):
    def fail(**_):
        raise RuntimeError("a fault")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        cli.main()

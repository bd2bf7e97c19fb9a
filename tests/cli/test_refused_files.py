"""A file that is not what it should be is refused in one line that names it, and nothing is left behind."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from elman.tasks import classify

SMALL = ("--hidden", "3", "--epochs", "1", "-q")
NO_PATH = {
    "": "is empty. Name a file.",
    " ": "is blank. Name a file.",
    "x" * 5000: "has 5,000 characters, too many for a file",
    "y" * 300 + "/z": "has 302 characters, too many for a file",
    "a\0b": "has a NUL character. Name a file without it.",
}
READING = [
    ("generate", "FILE"),
    ("next", "FILE", "a"),
    ("evaluate", "FILE", "book.txt"),
    ("evaluate", "MODEL", "FILE"),
    ("predict", "FILE", "book.txt"),
    ("predict", "CLASSIFIER", "FILE"),
    ("inspect", "FILE", "book.txt"),
    ("inspect", "MODEL", "FILE"),
    ("reorder", "MODEL", "--file", "FILE"),
    ("train", "generate", "FILE"),
    ("train", "classify", "FILE"),
    ("train", "tag", "FILE"),
    ("train", "forecast", "FILE"),
    ("train", "generate", "book.txt", "FILE"),
    ("train", "generate", "book.txt", "--validation-data", "FILE"),
]
WRITING = [
    ("train", "generate", "book.txt", *SMALL, "-o", "FILE"),
    ("train", "generate", "book.txt", *SMALL, "--report", "FILE"),
    ("inspect", "MODEL", "book.txt", "--html", "FILE"),
    ("inspect", "--cell", "lstm", "--html", "FILE"),
    ("probe", "lstm", "--plot", "FILE"),
    ("evaluate", "CLASSIFIER", "book.txt", "--confusion", "FILE"),
]
BINARY = {
    "image.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a PNG image"),
    "page.pdf": (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF document"),
    "kept.pkl": (pickle.dumps({"weights": [0.5]}), "a Python pickle"),
    "noise": (bytes(range(256)) * 9, "binary data, with byte 0x00 in line 1"),
}


@pytest.fixture(scope="session")
def classifier(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    (folder / "t.csv").write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 9)
    classify.train(folder / "t.csv", hidden=3, epochs=1, output=folder / "c", quiet=True, compare=False)
    return folder / "c"


@pytest.fixture
def run(elman, trained, classifier, tmp_path):
    """Run a command with a file in the place of `FILE`; it must fail in one line and leave nothing."""

    def refuse(command, file, *texts, code=2):
        before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
        places = {"FILE": file, "MODEL": trained, "CLASSIFIER": classifier}
        done = elman(*(places.get(part, part) for part in command))
        assert done.code == code, done
        assert done.err.startswith("elman: ")
        assert done.err.count("\n") == 1, done.err
        assert len(done.err) < 1000
        for text in texts:
            assert text in done.err, done.err
        assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        return done

    return refuse


@pytest.mark.parametrize("path", NO_PATH, ids=["empty", "blank", "long", "long name", "NUL"])
@pytest.mark.parametrize("command", [*READING, *WRITING], ids=" ".join)
def test_what_is_no_path_is_refused_before_any_work(run, command, path):
    run(command, path, NO_PATH[path])


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_file_that_does_not_exist_is_named(run, command, tmp_path):
    os.symlink("nowhere", tmp_path / "dangling")
    run(command, "missing", "missing", "does not exist")
    run(command, "dangling", "dangling", "does not exist")


@pytest.mark.parametrize("file", ["folder", "fifo", "/dev/null"])
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_folder_a_pipe_and_a_device_are_refused(run, command, file, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    run(command, file, file)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(
    "command", [("train", "generate", "FILE"), ("train", "tag", "FILE"), ("evaluate", "MODEL", "FILE")]
)
def test_a_binary_file_is_called_what_it_is_and_not_an_encoding(run, command, name, tmp_path):
    content, what = BINARY[name]
    (tmp_path / name).write_bytes(content)
    done = run(command, name, f"{name} is not a text file: it is {what}.")
    assert "iconv" not in done.err


def test_a_text_in_another_encoding_is_told_how_to_convert_it(run, tmp_path):
    (tmp_path / "latin.txt").write_bytes("déjà vu. ".encode("latin-1") * 90)
    run(("train", "generate", "FILE"), "latin.txt", "latin.txt is not UTF-8", "iconv")
    (tmp_path / "wide.txt").write_bytes("to be or not to be".encode("utf-16-le") * 9)
    run(("train", "generate", "FILE"), "wide.txt", "wide.txt is UTF-16LE without a byte order mark")


def test_a_model_is_not_read_as_data_nor_data_as_a_model(run, elman, trained, tmp_path):
    os.link(trained, tmp_path / "model")
    run(("train", "generate", "FILE"), "model", "model is not a text file: it is a safetensors file")
    run(("train", "tag", "FILE"), "model", "model is not a text file: it is a safetensors file")
    run(("generate", "FILE"), "book.txt", "book.txt is not a model", "Name a file that `elman train` wrote.")


def test_what_looks_like_a_model_is_refused_by_its_name(run, trained, tmp_path):
    whole = trained.read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "short").write_bytes(whole[:9])
    torch.save({"weight": torch.ones(3)}, tmp_path / "weights.pt")
    (tmp_path / "kept.pkl").write_bytes(pickle.dumps({"weight": 3}))
    save_file({"weight": torch.ones(3)}, tmp_path / "other.safetensors")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("book.txt", "to be")
    for name, text in {
        "cut": "is cut short",
        "short": "is cut short",
        "weights.pt": "ZIP archive, or a document or PyTorch file",
        "kept.pkl": "a Python pickle",
        "other.safetensors": "a safetensors file of another program",
        "packed.zip": "ZIP archive",
    }.items():
        run(("generate", "FILE"), name, name, text)
        run(("evaluate", "FILE", "book.txt"), name, name, text)


def test_a_model_of_another_task_is_named_with_its_command(run, trained, classifier):
    text = f"{classifier} is a model for 'classify', and `elman next` needs a language model. Use: elman predict"
    run(("next", "FILE", "a"), classifier, text)
    run(("reorder", "FILE", "a b"), classifier, "`elman reorder` needs a language model")
    run(("predict", "FILE", "book.txt"), trained, "is a model for 'generate'", f"Use: elman generate {trained}")


@pytest.mark.parametrize("command", WRITING[1:4], ids=" ".join)
def test_a_page_never_replaces_what_is_not_a_page(run, command, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("notes")
    run(command, "notes.txt", "notes.txt exists and is not an HTML page, so it is never overwritten.")
    run(command, "folder", "folder is a folder. Name a file in it, e.g. folder/page.html")
    run(command, "missing/page.html", "there is no folder missing")


def test_a_page_replaces_a_page(elman, tmp_path):
    (tmp_path / "page.html").write_text("<!DOCTYPE html><title>replaced</title>")
    assert elman("inspect", "--cell", "gru", "--hidden", 3, "--length", 5, "--html", "page.html").code == 0
    assert "replaced" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("command", WRITING[4:], ids=" ".join)
def test_a_picture_that_could_not_be_written_is_refused_before_any_work(run, command, tmp_path):
    (tmp_path / "folder.png").mkdir()
    run(command, "picture.jpg", "picture.jpg names no format for a picture. End it in one of .png, .svg, .pdf.")
    run(command, "missing/picture.png", "the folder missing does not exist")
    run(command, "folder.png", "folder.png is a folder")


def test_a_model_and_a_page_need_two_names(run):
    run(("train", "generate", "book.txt", *SMALL, "-o", "x", "--report", "FILE"), "x", "both name x")


def test_a_model_is_not_written_through_a_link_to_nowhere(run, tmp_path):
    os.symlink("nowhere", tmp_path / "dangling")
    run(WRITING[0], "dangling", "dangling is a link to a file that does not exist.")


def test_a_page_that_cannot_be_written_says_where_the_model_is(elman, tmp_path):
    done = elman("train", "generate", "book.txt", *SMALL, "--report", "/dev/full")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "elman: /dev/full cannot be written: No space left on device. Choose another place. "
        "The model is kept in book.elman.safetensors.\n"
    )
    assert (tmp_path / "book.elman.safetensors").exists()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("nope.py", "cell nope.py: there is no file nope.py."),
        ("nope.py:a", "cell nope.py:a: there is no file nope.py."),
        ("LSTM", "cell 'LSTM' is unknown. Did you mean lstm?"),
        ("", "cell '' is unknown."),
        ("x" * 5000, "…"),
        ("three.py:X", "X is a int, not a cell. Write @cell above its definition."),
        ("syntax.py:f", "cell file syntax.py, line 1: SyntaxError"),
        ("two.py", "a file may define several cells. Give the name of one: two.py:NAME."),
        ("two.py:c", "the file does not define c. Its cells are: a, b."),
    ],
    ids=lambda text: text[:12],
)
def test_a_cell_that_cannot_be_used_is_refused(run, cell, text, tmp_path):
    (tmp_path / "three.py").write_text("X = 3\n")
    (tmp_path / "syntax.py").write_text("def f(:\n")
    body = "@elman.cell\ndef {}(x, h, *, W, U, b):\n    return elman.tanh(W @ x + U @ h + b)\n"
    (tmp_path / "two.py").write_text("import elman\n" + body.format("a") + body.format("b"))
    run(("cells", "FILE"), cell, text)
    run(("train", "generate", "book.txt", "--cell", "FILE"), cell, text)


def test_a_message_does_not_steer_the_terminal(run):
    done = run(("generate", "FILE"), "a\x1b[2Jb", "a·[2Jb does not exist.")
    assert "\x1b" not in done.err

"""`elman export` and `elman card`: what they write, print and refuse."""

import json

import pytest

pytest.importorskip("onnxruntime", reason="runs the exported files; it comes with elman[onnx]")


def test_a_model_is_exported_with_its_card_beside_it(elman, trained, tmp_path):
    done = elman("export", trained, "-o", "book.onnx")
    assert done.code == 0, done.err
    assert "differs from the model by at most" in done.out
    assert json.loads((tmp_path / "book.onnx.json").read_text())["task"] == "generate"
    again = elman("export", trained, "-o", "book.onnx", "--force", "--json")
    assert json.loads(again.out)["verified"]["difference"] < 1e-5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("-o", "book.bin"), "names no form. There are: onnx (.onnx), c (.c). Choose one with --to."),
        (("-o", "book.bin", "--to", "pdf"), "the form 'pdf' is unknown"),
        (("-o", "book.txt", "--to", "onnx"), "exists"),
        (("-o", ".", "--to", "onnx"), "is a folder"),
        (("-o", "no/book.onnx"), "there is no folder no"),
        (("-o", "MODEL", "--to", "c", "--force"), "which is read as the model"),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_a_line(elman, trained, tmp_path, arguments, text):
    before = {path: path.read_bytes() for path in (*tmp_path.iterdir(), trained)}
    done = elman("export", trained, *(trained if part == "MODEL" else part for part in arguments))
    assert done.code == 2
    assert text in done.err
    assert done.err.count("\n") == 1
    assert {path: path.read_bytes() for path in (*tmp_path.iterdir(), trained)} == before


def test_a_card_is_printed(elman, trained):
    done = elman("card", trained)
    assert done.code == 0, done.err
    labels = [line.split()[0] for line in done.out.splitlines() if line[:1].strip()]
    assert labels == ["task", "cell", "parameters", "scores", "gradient", "options", "with", "licence", "limits"]
    assert json.loads(elman("card", trained, "--json").out)["cell"] == "lstm"

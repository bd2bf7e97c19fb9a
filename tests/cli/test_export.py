"""`elman export` and `elman card`: what they write, print and refuse."""

import json

import pytest
from safetensors.torch import load, save

from forged import take_apart

pytest.importorskip("onnxruntime", reason="runs the exported files; it comes with elman[onnx]")


def test_a_model_is_exported_with_its_card_beside_it(elman, trained, tmp_path):
    done = elman("export", trained, "-o", "book.onnx")
    assert done.code == 0, done.err
    assert "differs from the model by at most" in done.out
    assert "holds     one step: a unit and the states in" in done.out
    assert json.loads((tmp_path / "book.onnx.json").read_text())["task"] == "generate"
    again = elman("export", trained, "-o", "book.onnx", "--force", "--json")
    assert json.loads(again.out)["verified"]["difference"] < 1e-5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("-o", "book.bin"),
            "names no form. There are: onnx (.onnx), c (.c), object (.o), wasm (.wasm), html (.html). Choose one",
        ),
        (("-o", "book.bin", "--to", "pdf"), "the form 'pdf' is unknown"),
        (("-o", "book.txt", "--to", "onnx"), "exists"),
        (("-o", ".", "--to", "onnx"), "is a folder"),
        (("-o", "no/book.onnx"), "there is no folder no"),
        (("-o", "MODEL", "--to", "c", "--force"), "which is read as the model"),
        (("-o", "book.onnx", "--alone"), "is that of one network already. Drop --alone."),
        (("-o", "book.c", "--licence", "CC0"), "a file of C has none. Drop --licence."),
        (("-o", "book.c", "--target", "thumbv7em-none-eabihf"), "a target is that of an object file."),
        (("-o", "book.o", "--target", "pdp11"), "the target 'pdp11' is unknown. There are: aarch64-apple-darwin,"),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_a_line(elman, trained, tmp_path, arguments, text):
    before = {path: path.read_bytes() for path in (*tmp_path.iterdir(), trained)}
    done = elman("export", trained, *(trained if part == "MODEL" else part for part in arguments))
    assert done.code == 2
    assert text in done.err
    assert done.err.count("\n") == 1
    assert {path: path.read_bytes() for path in (*tmp_path.iterdir(), trained)} == before


def test_c_holds_the_recurrent_layers_alone_and_says_so(elman, trained, tmp_path):
    done = elman("export", trained, "-o", "net.c")
    assert done.code == 0, done.err
    assert "holds     the recurrent layers alone" in done.out
    assert "note      what stands around them" in done.out
    assert [path.name for path in tmp_path.glob("net*")] == ["net.c"]


def test_an_object_file_has_a_header_and_says_what_was_compared(elman, trained, tmp_path):
    done = elman("export", trained, "-o", "net.o", "--target", "thumbv7em-none-eabihf")
    assert done.code == 0, done.err
    assert "holds     the recurrent layers alone" in done.out
    assert "compared was the program, compiled here, not thumbv7em-none-eabihf" in done.out
    assert {path.name for path in tmp_path.glob("net*")} == {"net.o", "net.h"}
    again = elman("export", trained, "-o", "net.o", "--force", "--json")
    found = json.loads(again.out)
    assert found["verified"]["difference"] < 2e-6
    assert "compared" not in found["note"]
    (tmp_path / "mine.h").write_bytes(trained.read_bytes())
    refused = elman("export", "mine.h", "-o", "mine.o", "--force")
    assert "which is read as the model" in refused.err


def test_a_licence_stands_in_the_card_of_the_export(elman, trained, tmp_path):
    assert elman("export", trained, "-o", "book.onnx", "--licence", "CC-BY-4.0", "--step").code == 0
    assert json.loads((tmp_path / "book.onnx.json").read_text())["licence"] == "CC-BY-4.0"


def test_a_model_of_a_later_version_and_an_old_runtime_are_refused_in_a_line(elman, trained, tmp_path, monkeypatch):
    entry = {**take_apart(trained).entry, "format": 99}
    (tmp_path / "later").write_bytes(save(load(trained.read_bytes()), metadata={"elman": json.dumps(entry)}))
    monkeypatch.setattr("onnxruntime.__version__", "1.9.3")
    before = sorted(tmp_path.iterdir())
    for model, text in ((tmp_path / "later", "version"), (trained, "1.9.3 is too old")):
        done = elman("export", model, "-o", "book.onnx")
        assert done.code != 0
        assert text in done.err
        assert done.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_the_model_is_never_replaced_by_a_part_of_its_export(elman, trained, tmp_path):
    (tmp_path / "a.onnx.json").write_bytes(trained.read_bytes())
    done = elman("export", "a.onnx.json", "-o", "a.onnx", "--force")
    assert done.code == 2
    assert "which is read as the model" in done.err
    assert (tmp_path / "a.onnx.json").read_bytes() == trained.read_bytes()


def test_a_card_is_printed(elman, trained):
    done = elman("card", trained)
    assert done.code == 0, done.err
    labels = [line.split()[0] for line in done.out.splitlines() if line[:1].strip()]
    assert labels == ["task", "cell", "parameters", "scores", "gradient", "options", "with", "licence", "limits"]
    assert json.loads(elman("card", trained, "--json").out)["cell"] == "lstm"


def test_a_model_becomes_a_page_and_a_module(elman, trained, tmp_path):
    for form, holds in (("html", "the model and a page"), ("wasm", "one step: a unit in, the logits")):
        done = elman("export", trained, "-o", f"book.{form}")
        assert done.code == 0, done.err
        assert holds in done.out
        assert "verified" in done.out
    assert "<title>book</title>" in (tmp_path / "book.html").read_text()
    done = elman("export", trained, "-o", "one.html", "--step")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "a page is no single step. Drop --step." in done.err

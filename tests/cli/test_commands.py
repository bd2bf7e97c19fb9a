"""Commands that succeed: what they print, and where."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import elman as package
from elman.cli.show import print_json
from elman.tasks import generate
from elman.training.loop import Trainer

SMALL = ("--hidden", 7, "--window", 11, "--batch", 3, "--epochs", 1)


def files(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_training_just_works_and_names_its_file(elman, tmp_path):
    done = elman("train", "generate", "book.txt", *SMALL)
    assert done.code == 0
    assert files(tmp_path) == {"book.txt", "book.elman.safetensors"}
    assert "book.elman.safetensors" in done.out
    assert "elman generate book.elman.safetensors" in done.out
    assert "validation" in done.err, "progress goes to standard error"


def test_the_printed_next_step_works(elman):
    done = elman("train", "generate", "book.txt", "-q", *SMALL)
    step = next(line for line in done.out.splitlines() if line.startswith("next")).split()[2:]
    assert elman(*step, "--length", 30, "--seed", 1).code == 0


def test_quiet_training_prints_the_result_alone(elman):
    done = elman("train", "generate", "book.txt", "--quiet", "--json", *SMALL)
    assert done.err == ""
    result = json.loads(done.out)
    assert result["stopped"] == "epochs"
    assert result["model"] == "book.elman.safetensors"
    assert result["bits_per_character"] == pytest.approx(result["validation_loss"] / math.log(2))


def test_several_files_and_standard_input_are_trained_on(elman, tmp_path):
    (tmp_path / "more.txt").write_text("£" * 50)
    done = elman("train", "generate", "book.txt", "more.txt", "-", *SMALL, "-q", "--json", stdin=b"\xc2\xa5" * 60)
    assert json.loads(done.out)["model"] == "book.elman.safetensors", "the first file names the model"
    model = generate.load(tmp_path / "book.elman.safetensors")
    assert {"£", "¥", "t"} <= set(model.vocabulary.characters)


def test_standard_input_names_its_model(elman, tmp_path):
    assert elman("train", "generate", "-", *SMALL, "-q", stdin=b"over and over again. " * 30).code == 0
    assert "stdin.elman.safetensors" in files(tmp_path)


def test_the_model_goes_where_it_is_told(elman, tmp_path):
    assert elman("train", "generate", "book.txt", *SMALL, "-q", "-o", tmp_path / "mine").code == 0
    assert files(tmp_path) == {"book.txt", "mine"}


@pytest.mark.parametrize("as_json", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_interrupted_under_force_the_old_model_stays_and_each_file_is_named(elman, tmp_path, monkeypatch, as_json):
    train = ("train", "generate", "book.txt", "--hidden", 7, "--window", 11, "--batch", 3, "--quiet")
    assert elman(*train, "--epochs", 1).code == 0
    old = (tmp_path / "book.elman.safetensors").read_bytes()
    update = Trainer._update

    def update_or_stop(trainer, group, run):
        if run.outcome.history:
            raise KeyboardInterrupt
        update(trainer, group, run)

    monkeypatch.setattr(Trainer, "_update", update_or_stop)
    done = elman(*train, "--epochs", 100, "--force", "--report", "page.html", *(["--json"] if as_json else []))
    assert done.code == 130
    assert done.err == (
        "elman: interrupted; the best model so far is kept in book.interrupted.elman.safetensors; "
        "book.elman.safetensors is as it was; the same command with --resume goes on\n"
    )
    assert (tmp_path / "book.elman.safetensors").read_bytes() == old
    assert generate.load("book.interrupted.elman.safetensors").metrics["history"]
    said = json.loads(done.out)["model"] if as_json else done.out.split()[1]
    assert said == "book.interrupted.elman.safetensors"
    assert (tmp_path / "page.html").stat().st_size > 1000


def test_a_model_that_cannot_be_written_is_written_elsewhere_and_the_path_is_told(elman, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    update = Trainer._update

    def update_without_folder(trainer, group, run):
        if run.outcome.updates == 2:
            shutil.rmtree(tmp_path / "models")
        update(trainer, group, run)

    monkeypatch.setattr(Trainer, "_update", update_without_folder)
    done = elman("train", "generate", "book.txt", "--hidden", 7, "--epochs", 2, "--quiet", "-o", "models/m")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"elman: models/m cannot be written: No such file or directory. The model is kept in {tmp_path / 'm'}.\n"
    )
    assert generate.load("m").metrics["epoch"] >= 2


def test_a_model_is_replaced_only_by_force(elman, tmp_path):
    train = ("train", "generate", "book.txt", *SMALL, "-q")
    elman(*train)
    before = (tmp_path / "book.elman.safetensors").read_bytes()
    again = elman(*train, "--seed", 9)
    assert (again.code, again.err) == (
        2,
        "elman: book.elman.safetensors exists. Give --force to replace it, or another name with -o.\n",
    )
    assert (tmp_path / "book.elman.safetensors").read_bytes() == before
    assert elman(*train, "--seed", 9, "--force").code == 0
    assert (tmp_path / "book.elman.safetensors").read_bytes() != before


def test_every_option_reaches_the_recipe(elman, monkeypatch):
    given = {}

    def stop(data, **options):
        given.update(options, data=data)
        raise package.ConfigError("stop here")

    monkeypatch.setattr(generate, "train", stop)
    options = {
        "hidden": 3, "layers": 2, "embedding": 4, "dropout": 0.5, "window": 6, "batch": 7, "validation": 0.25,
        "epochs": 8, "time_budget": "9s", "optimizer": "sgd", "learning_rate": 0.75, "weight_decay": 0.125,
        "clip_norm": 10.0, "clip_value": 11.0, "patience": 12, "seed": 13, "precision": "64", "device": "auto",
        "sample_every": 14, "schedule": "step", "decay": 0.25, "decay_from": 15, "accumulate": 16,
    }  # fmt: skip
    line = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    assert elman("train", "generate", "a", "b", "--cell", "gru", "--size", "h=5", *line).code == 2
    assert given.pop("data") == ["a", "b"]
    others = {"cell": "gru", "sizes": {"h": 5}, "force": False, "quiet": False, "search": None, "resume": False}
    others |= {"log": None, "from_model": None}
    assert {name: value for name, value in given.items() if name != "output"} == {**options, **others}


def test_defaults_of_the_command_are_those_of_python(elman, monkeypatch):
    given = {}

    def stop(data, **options):
        given.update(options)
        raise package.ConfigError("stop here")

    monkeypatch.setattr(generate, "train", stop)
    elman("train", "generate", "a")
    settings = package.tasks.generate.settings.Settings
    own = ("cell", "sizes", "output", "force", "quiet", "search", "resume", "log", "from_model")
    assert settings(**{k: v for k, v in given.items() if k not in own}) == settings()
    assert given["cell"] == "lstm"


def test_a_cell_of_ones_own_trains_writes_and_is_measured(elman, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from elman import cell, sigmoid, tanh\n\n"
        "@cell\n"
        "def gru_without_reset(x, h, *, W, U, b):\n"
        "    z = sigmoid(W.z @ x + U.z @ h + b.z)\n"
        "    n = tanh(W.n @ x + U.n @ h + b.n)\n"
        "    return (1 - z) * n + z * h\n"
    )
    assert elman("train", "generate", "book.txt", "--cell", "mine.py:gru_without_reset", *SMALL, "-q").code == 0
    (tmp_path / "mine.py").unlink()  # the model needs its equations no more
    assert len(elman("generate", "book.elman.safetensors", "--length", 30).out) == 31
    assert elman("evaluate", "book.elman.safetensors", "book.txt").code == 0


def test_generated_text_is_the_prompt_and_what_the_model_writes(elman, trained):
    options = {"length": 50, "temperature": 0.7, "top_k": 5, "top_p": 0.9, "seed": 3}
    line = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    done = elman("generate", trained, "--prompt", "the dog", *line)
    expected = "".join(generate.load(trained).generate("the dog", **options))
    assert (done.code, done.out, done.err) == (0, f"the dog{expected}\n", "")


@pytest.mark.slow
def test_text_is_streamed_as_it_is_made(trained):
    command = [sys.executable, "-m", "elman", "generate", str(trained), "--length", "1000000000", "--seed", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        first = process.stdout.read(40)  # an endless text: only a stream gives these
        process.stdout.close()  # as `head` does
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""
    assert first.decode() == "".join(generate.load(trained).generate(length=40, seed=1))


def test_evaluate_prints_what_the_model_measures(elman, trained):
    found = generate.load(trained).evaluate("the dog sat on the cat.\n")
    line = elman("evaluate", trained, "-", "--json", stdin=b"the dog sat on the cat.\r\n")
    assert json.loads(line.out) == {
        "model": str(trained),
        "loss": found.loss,
        "bits_per_character": found.loss / math.log(2),
        "bits_per_byte": found.loss / math.log(2),
        "perplexity": math.exp(found.loss),
        "characters": 23,
        "learnt_from": 0,
    }
    table = elman("evaluate", trained, "book.txt").out
    assert f"{generate.load(trained).evaluate(Path('book.txt').read_text()).loss:.4f} nats per character" in table


def test_the_list_of_cells_has_a_line_for_each(elman):
    out = elman("cells").out
    assert [line.split()[0] for line in out.splitlines()] == package.cells.names()


def test_a_cell_is_shown_with_its_equations_and_its_count(elman):
    out = elman("cells", "gru", "--input", 5, "--hidden", 7, "--layers", 3).out
    for line in package.cells.gru.equations().splitlines():
        assert line in out
    total = sum(p.numel() for p in package.nn.Recurrent(package.cells.gru, 5, 7, 3).parameters())
    assert f"{total:,} for input 5, hidden 7, 3 layers" in out
    assert "gates   r, z" in out


def test_a_size_that_a_cell_leaves_open_is_counted(elman):
    layer = package.nn.Recurrent(package.cells.lstm_projected, 5, 7, 2, sizes={"h": 3})
    total = sum(p.numel() for p in layer.parameters())
    out = elman("cells", "lstm_projected", "--input", 5, "--hidden", 7, "--layers", 2, "--size", "h=3").out
    assert f"{total:,} for input 5, hidden 7" in out
    without = elman("cells", "lstm_projected").out
    assert "h' = R @ (o * tanh(c'))" in without
    assert "depends on h: add --size h=N" in without


def test_version_and_help_answer(elman):
    assert elman("--version").out == f"elman {package.__version__}\n"
    for line in ((), ("--help",), ("-h",)):
        done = elman(*line)
        assert done.code == 0
        positions = [done.out.index(f" {name} ") for name in ("train", "generate", "evaluate", "cells")]
        assert positions == sorted(positions), "commands are listed in the order of use"


@pytest.mark.parametrize(
    "line", [("--help",), ("--version",), ("cells",), ("cells", "lstm"), ("train", "generate", "--help")]
)
def test_torch_is_not_imported_where_it_is_not_needed(line):
    probe = (
        "import sys; sys.argv = ['elman', *sys.argv[1:]]\n"
        "from elman.cli import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "assert not {'torch', 'numpy', 'lightning_fabric'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe, *line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_not_finite_is_null_in_json(capsys):
    print_json({"mase": math.inf, "rows": [[1, math.nan], ("é", -math.inf)]})
    assert capsys.readouterr().out == '{"mase": null, "rows": [[1, null], ["é", null]]}\n'

"""The recipe: what an update sees, what is held out, and that a run can be repeated to the last bit."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from elman import cells
from elman.errors import CellError, ConfigError, DataError, ElmanError
from elman.models.layers import Layers
from elman.tasks import generate
from elman.tasks.generate import recipe
from elman.tasks.generate.corpus import Corpus
from elman.tasks.generate.module import LanguageModel
from elman.tasks.generate.reading import split
from elman.tasks.generate.recipe import window_losses
from elman.tasks.generate.settings import Settings
from elman.training.windows import Streams

WINDOW = Settings(window=8)
SMALL = {"hidden": 13, "embedding": 5, "window": 11, "batch": 7, "quiet": True}


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("the cat sat on the mat, and the dog sat on the log.\n" * 20)
    return path


def some_module(cell: str = "gru") -> LanguageModel:
    module = LanguageModel(cells.find(cell), 7, Layers(hidden=11, layers=2), embedding=5).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2.0)
    return module


def some_streams(steps: int = 29, batch: int = 3) -> Streams:
    return Streams(torch.randint(7, (steps * batch + 1,)), batch)


def gradients(module: LanguageModel, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    return dict(zip(dict(module.named_parameters()), torch.autograd.grad(loss, list(module.parameters())), strict=True))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_state_is_carried_so_that_windows_add_up_to_an_unwindowed_pass(cell):
    module, streams = some_module(cell), some_streams()
    inputs, targets, _ = streams.window(0, 29)
    logits, _ = module(inputs)
    whole = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(29, 3)
    seen = 0
    for loss, count in window_losses(module, streams, WINDOW):
        steps = count // 3
        assert float(loss.detach()) == pytest.approx(float(whole[seen : seen + steps].mean().detach()), rel=1e-12)
        seen += steps
    assert seen == 29


def test_the_gradient_is_cut_at_the_left_edge_of_the_window_and_nowhere_else():
    module, streams = some_module(), some_streams(steps=16)
    (_, _), (second, _) = window_losses(module, streams, WINDOW)
    found = gradients(module, second)

    # The same, by the definition: the state at the edge is a constant.
    (first_inputs, *_), (inputs, targets, _) = streams.window(0, 8), streams.window(8, 16)
    with torch.no_grad():
        _, state = module(first_inputs)
    logits, _ = module(inputs, state.clone())
    cut = gradients(module, cross_entropy(logits.flatten(0, 1), targets.flatten()))

    # What full BPTT would give: the gradient crosses the edge.
    logits, _ = module(streams.window(0, 16)[0])
    full = gradients(module, cross_entropy(logits[8:].flatten(0, 1), targets.flatten()))
    for name, value in found.items():
        assert torch.allclose(value, cut[name], rtol=1e-12, atol=1e-15), name
    crossing = [name for name, value in found.items() if (value - full[name]).norm() > 1e-6 * value.norm()]
    assert crossing == [name for name in found if not name.startswith("readout")]


def test_each_epoch_starts_from_the_zero_state():
    module, streams = some_module(), some_streams()
    first, second = ([float(loss.detach()) for loss, _ in window_losses(module, streams, WINDOW)] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("count", "share", "held"),
    [
        (1000, None, 100),
        (1001, None, 101),
        (3_000_000, None, 200_000),
        (1000, 0.25, 250),
        (1001, 0.25, 251),
        (1000, 0, 0),
    ],
)
def test_the_end_of_the_text_is_held_out(count, share, held):
    text = "".join(chr(97 + number % 23) for number in range(count))
    training, held_out = split(Corpus(text), Settings(validation=share))
    assert held_out.text == text[count - held :]
    assert training.text == text[: count - held]


@pytest.mark.parametrize("unit", ["word", "subword"])
def test_no_word_is_cut_through(unit):
    text = "stay at home\n" * 50
    training, held_out = split(Corpus(text), Settings(unit=unit, validation=0.11))
    assert training.text + held_out.text == text
    assert len(held_out.text) == 78, "the last six lines: a tenth, and up to the line end before it"
    assert split(Corpus("a" * 100), Settings(unit=unit, validation=0.1))[1].text == "a" * 10


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("one two three", "three"),
        ("A title\n" + "word " * 400, "word " * 41),
        ("a line\n" * 30, "a line\n" * 3),
    ],
)
def test_the_cut_is_behind_a_line_end_that_is_near_or_else_behind_a_space(text, held):
    assert split(Corpus(text), Settings(unit="word"))[1].text == held


def test_no_example_of_a_class_is_cut_through():
    corpus = Corpus("abc\n" * 25, ("x", "y"), torch.arange(100) // 50)
    training, held_out = split(corpus, Settings(validation=0.07))
    assert held_out.text == "abc\n" * 2
    assert (len(training.given), held_out.given.tolist()) == (92, [1] * 8)


def test_a_text_not_longer_than_the_window_is_refused(book):
    book.write_text("abcdefghijk" * 2)
    with pytest.raises(DataError, match=r"too short: 19 characters.*\(3 more are held out.*window is 19.*below 19"):
        generate.train(book, window=19, quiet=True)
    assert generate.train(book, window=18, epochs=1, hidden=3, quiet=True).metrics["updates"] == 1


def test_one_held_out_character_is_refused(book):
    book.write_text("abcd" * 25)
    with pytest.raises(DataError, match="One character is held out"):
        generate.train(book, validation=0.01, quiet=True)


def test_more_streams_than_characters_are_refused(book):
    with pytest.raises(ConfigError, match="batch is 1000"):
        generate.train(book, batch=1000, quiet=True)


@pytest.mark.parametrize("precision", ["32", "64", "bf16"])
def test_same_seed_same_model_bit_for_bit(book, tmp_path, precision):
    options = {**SMALL, "epochs": 2, "layers": 2, "dropout": 0.25, "precision": precision}
    for name, seed in {"a": 5, "b": 5, "c": 6}.items():
        torch.manual_seed(ord(name))  # what happened before must not matter
        generate.train(book, output=tmp_path / name, seed=seed, **options)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_training_leaves_the_callers_chance_alone(book):
    torch.manual_seed(11)
    expected = torch.rand(5)
    torch.manual_seed(11)
    generate.train(book, epochs=1, **SMALL)
    assert torch.equal(torch.rand(5), expected)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_loss_falls_well_below_guessing(book, optimizer):
    model = generate.train(book, epochs=12, optimizer=optimizer, **{**SMALL, "hidden": 31})
    guessing = math.log(len(model.vocabulary))
    assert model.metrics["validation_loss"] < 0.6 * guessing
    assert model.metrics["training_loss"] < model.metrics["history"][0][1]


def test_metrics_say_what_the_model_in_hand_scores(book):
    model = generate.train(book, epochs=4, **SMALL)
    text = book.read_text()
    held_out = text[-model.metrics["validation_characters"] :]
    assert model.evaluate(held_out).loss == pytest.approx(model.metrics["validation_loss"], rel=1e-5)
    assert model.metrics["bits_per_character"] == pytest.approx(model.metrics["validation_loss"] / math.log(2))
    assert model.metrics["training_characters"] + len(held_out) == len(text)


def test_the_file_holds_the_best_model_already_during_training(book, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "elman.training.progress.QuietProgress.validation",
        lambda self, moment, loss, improved, said="": seen.append((tmp_path / "m").exists()),
    )
    generate.train(book, epochs=6, output=tmp_path / "m", **SMALL)
    assert seen[0] is False
    assert set(seen[1:]) == {True}


def test_options_reach_the_model(book):
    model = generate.train(book, cell="lstm_projected", sizes={"h": 7}, layers=2, epochs=1, **SMALL)
    shapes = {name: tuple(value.shape) for name, value in model.module.state_dict().items()}
    assert shapes["embedding.weight"] == (len(model.vocabulary), 5)
    assert shapes["recurrent.W_l0"] == (4 * 13, 5)
    assert shapes["recurrent.U_l1"] == (4 * 13, 7)
    assert shapes["readout.weight"] == (len(model.vocabulary), 7)


def test_a_cell_object_can_be_given(book):
    assert generate.train(book, cell=cells.mgu, epochs=1, **SMALL).module.recurrent.cell is cells.mgu


def test_an_unknown_cell_or_option_is_refused_before_the_text_is_read(book, tmp_path):
    with pytest.raises(CellError, match="Did you mean lstm"):
        generate.train(book, cell="lstn", output=tmp_path / "m")
    with pytest.raises(ConfigError, match="Did you mean hidden"):
        generate.train(book, hiddn=5, output=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_without_validation_the_last_model_is_kept(book, tmp_path):
    model = generate.train(book, epochs=2, validation=0, output=tmp_path / "m", **SMALL)
    assert model.metrics["validation_loss"] is None
    assert generate.load(tmp_path / "m").metrics["best_update"] == model.metrics["updates"]


def test_a_short_text_gets_fewer_streams(book):
    few = generate.train(book, epochs=1, hidden=3, window=11, quiet=True).metrics["updates"]
    text = len(book.read_text())
    batch = (math.floor(text * 0.9) - 1) // 44
    assert few == math.ceil((math.floor(text * 0.9) - 1) // batch / 11)


def test_samples_are_shown_as_often_as_the_option_says(book, capfd):
    shown = {}
    for every in (0, 2):
        generate.train(book, sample_every=every, **{**SMALL, "quiet": False, "epochs": 20})
        lines = capfd.readouterr().err.splitlines()
        # v for a validation, s for the lines of a sample
        kinds = ["v" if line.startswith("update") else "s" for line in lines if line.startswith(("update", "    │"))]
        shown[every] = "".join(kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind + before != "ss")
    assert shown == {0: "vvvvvv", 2: "vvsvvsvvs"}


def test_what_is_shown_on_the_way_changes_nothing(book, tmp_path):
    for name, every in {"silent": 0, "shown": 1}.items():
        options = {"dropout": 0.5, "epochs": 12, "layers": 2, "sample_every": every, "quiet": False}
        generate.train(book, output=tmp_path / name, **{**SMALL, **options})
    assert (tmp_path / "silent").read_bytes() == (tmp_path / "shown").read_bytes()


@pytest.mark.parametrize("there", [False, True])
def test_ctrl_c_before_the_first_update_writes_no_model_and_loses_none(book, tmp_path, monkeypatch, there):
    target = tmp_path / "model.elman.safetensors"
    if there:
        generate.train(book, output=target, epochs=1, **SMALL)
    before = target.read_bytes() if there else None

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "window_losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate.train(book, output=target, force=True, epochs=1, **SMALL)
    assert (target.read_bytes() if target.exists() else None) == before


def test_a_training_that_diverges_says_so_and_writes_no_model(book, tmp_path, monkeypatch):
    target = tmp_path / "model.elman.safetensors"

    fit = recipe.RECIPE.fit

    def poisoned(model, *rest):
        outcome = fit(model, *rest)
        with torch.no_grad():
            model.module.readout.bias[0] = math.nan
        return outcome

    monkeypatch.setattr(recipe.RECIPE, "fit", poisoned)
    with pytest.raises(ElmanError, match="not finite"):
        generate.train(book, output=target, epochs=1, validation=0.0, **SMALL)
    assert not target.exists()

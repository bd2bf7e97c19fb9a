"""The recipe on words, subwords and classes: what is known and held out, what an update lowers, what does not fit."""

import itertools
import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from elman import cells
from elman.errors import ConfigError, DataError
from elman.models.layers import Layers
from elman.nn import activation_penalty, temporal_activation_penalty
from elman.tasks import generate
from elman.tasks.generate.module import LanguageModel
from elman.tasks.generate.recipe import feed_windows, window_losses
from elman.tasks.generate.settings import PRESETS, Settings
from elman.training.windows import Streams

SMALL = {"hidden": 13, "window": 11, "batch": 5, "epochs": 1, "quiet": True}
LINES = ("please stay at home", "I am reading an article", "stay here please , I am at home .")


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("".join(f"{LINES[n % 3]} {chr(97 + n % 7)}\n" for n in range(60)))
    return path


@pytest.fixture
def names(tmp_path):
    folder = tmp_path / "language"
    folder.mkdir()
    (folder / "double.txt").write_text("aabb\nbbaa\nccaa\n" * 20)
    (folder / "single.txt").write_text("abab\nbaba\ncaca\n" * 20)
    return folder


def test_words_are_counted_in_what_is_trained_on_alone(book):
    book.write_text("old words only\n" * 100 + "never trained on\n")
    model = generate.train(book, unit="word", validation=0.01, **SMALL)
    assert set(model.vocabulary.words) == {"<eos>", "<unk>", "old", "words", "only"}
    assert model.metrics["validation_words"] == 4
    assert model.metrics["training_words"] == 400


def test_a_validation_text_of_its_own_is_measured_whole(book, tmp_path):
    (tmp_path / "valid.txt").write_text("please stay here\n" * 10)
    model = generate.train(book, unit="word", validation_data=str(tmp_path / "valid.txt"), **SMALL)
    assert model.metrics["training_words"] == len(model.vocabulary.encode(book.read_text()))
    assert model.metrics["validation_words"] == 40
    found = model.evaluate("please stay here\n" * 10)
    assert found.loss == pytest.approx(model.metrics["validation_loss"], rel=1e-5)
    assert model.metrics["perplexity"] == pytest.approx(math.exp(found.loss), rel=1e-4)


def test_characters_of_a_validation_text_are_known(book, tmp_path):
    (tmp_path / "valid.txt").write_text("ça va\n" * 10)
    model = generate.train(book, validation_data=str(tmp_path / "valid.txt"), **SMALL)
    assert "ç" in model.vocabulary.characters


@pytest.mark.parametrize("unit", ["word", "subword"])
def test_words_and_subwords_are_tied_and_as_wide_as_the_output_by_default(book, unit):
    model = generate.train(book, unit=unit, **SMALL)
    assert (model.configuration["tied"], model.configuration["embedding"]) == (True, 13)
    model = generate.train(book, unit=unit, tied=False, embedding=7, **SMALL)
    assert model.module.readout.weight.shape == (len(model.vocabulary), 13)
    model = generate.train(book, unit=unit, cell="lstm_projected", sizes={"h": 7}, **SMALL)
    assert (model.configuration["tied"], model.configuration["embedding"]) == (True, 7)


def test_the_options_of_words_reach_the_vocabulary(book):
    model = generate.train(book, unit="word", vocabulary=5, tokenized=True, **SMALL)
    assert (len(model.vocabulary), model.vocabulary.tokenized) == (5, True)
    model = generate.train(book, unit="word", min_count=15, **SMALL)
    assert min(model.vocabulary.counts[2:]) >= 15


def test_a_model_learns_the_sentences_of_the_articles(book):
    book.write_text("".join(f"{line}\n" for line in LINES) * 20)
    model = generate.train(book, unit="word", **{**SMALL, "hidden": 31, "epochs": 40})
    (word, share), *_ = model.next("please stay at")
    assert word == "home"
    assert share > 0.9
    ((ordered, _),) = model.reorder(["article am I an reading"], beam=64)
    assert ordered == "I am reading an article"


def test_each_class_is_learnt_apart(names):
    model = generate.train(names, **{**SMALL, "hidden": 31, "epochs": 60})
    assert (model.classes, model.configuration["given"]) == (["double", "single"], "language")
    for name, beginning, expected in (
        ("double", "a", "a"),
        ("single", "a", "b"),
        ("double", "c", "c"),
        ("single", "c", "a"),
    ):
        assert model.next(f"\n{beginning}", given=f"language={name}")[0][0] == expected
    written = "".join(model.generate(lines=20, given="single", temperature=0.3, seed=1))
    assert all(a != b for line in written.split() for a, b in itertools.pairwise(line))


def test_the_classes_may_be_called_otherwise(names):
    assert generate.train(names, given="kind", **SMALL).configuration["given"] == "kind"


def test_other_classes_to_validate_on_are_refused(names, book, tmp_path):
    for other in (book, tmp_path / "other"):
        if not other.exists():
            other.mkdir()
            (other / "x.txt").write_text("a\n")
            (other / "y.txt").write_text("a\n")
        with pytest.raises(DataError, match="other classes than the training data"):
            generate.train(names, validation_data=str(other), **SMALL)


def some_module(**options) -> LanguageModel:
    torch.manual_seed(5)
    layers, own = Layers.take({"embedding": 5, "hidden": 11, "layers": 2, **options})
    module = LanguageModel(cells.gru, 7, layers, **own).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2.0)
    return module


def test_what_an_update_lowers_is_the_loss_with_its_penalties():
    streams = Streams(torch.randint(7, (88,)), 3)
    options = {"label_smoothing": 0.125, "activation_penalty": 2.0, "temporal_penalty": 3.0}
    module = some_module()
    ((loss, count),) = window_losses(module, streams, Settings(window=29, **options))
    inputs, targets, _ = streams.window(0, 29)
    output, _ = module.recurrent(module.embedding(inputs))
    logs = torch.log_softmax(module.readout(output), -1)
    hard = -logs.gather(2, targets[..., None]).mean()
    change = (output[1:] - output[:-1]).pow(2).mean()
    expected = 0.875 * hard - 0.125 * logs.mean() + 2.0 * output.pow(2).mean() + 3.0 * change
    assert count == 87
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)


def test_the_first_penalty_is_of_the_dropped_output_and_the_second_of_the_whole():
    streams = Streams(torch.randint(7, (88,)), 3)
    module = some_module(dropout=0.5, locked=True).train()
    settings = Settings(window=29, dropout=0.5, locked=True, activation_penalty=2.0, temporal_penalty=3.0)
    torch.manual_seed(1)
    ((loss, _),) = window_losses(module, streams, settings)
    torch.manual_seed(1)
    inputs, targets, _ = streams.window(0, 29)
    loss_alone, _, dropped, output = module(inputs, targets=targets)
    assert 0.3 < float((dropped == 0).double().mean()) < 0.7
    expected = cross_entropy(module.read_out(dropped).flatten(0, 1), targets.flatten())
    assert float(loss_alone.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)
    expected = expected + 2.0 * activation_penalty(dropped) + 3.0 * temporal_activation_penalty(output)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)


def test_a_dropped_unit_is_dropped_wherever_it_stands_and_the_rest_is_scaled():
    module = some_module(embedding_dropout=0.5).train()
    numbers = torch.arange(7).repeat(4, 1)
    seen = []
    module.recurrent.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    module(numbers)
    (embedded,) = seen
    whole = module.embedding(numbers)
    dropped = (embedded == 0).all(-1)
    assert 0 < int(dropped[0].sum()) < 7
    assert all(torch.equal(dropped[0], row) for row in dropped)
    assert torch.allclose(embedded[~dropped], 2 * whole[~dropped])
    module.eval()(numbers)
    assert torch.equal(seen[1], whole)


@pytest.mark.parametrize("locked", [True, False])
def test_locked_dropout_is_the_same_at_every_step_and_any_other_is_not(locked):
    module = some_module(dropout=0.5, input_dropout=0.5, locked=locked).train()
    for layer in (module.dropout, module.input_dropout):
        dropped = layer(torch.ones(13, 3, 11, dtype=torch.float64)) == 0
        assert bool((dropped == dropped[0]).all()) is locked
        assert not torch.equal(dropped[:, 0], dropped[:, 1])
    assert module.recurrent.locked is locked


def test_windows_are_shifted_in_every_epoch_and_lose_nothing(book):
    streams, module = Streams(torch.randint(7, (3 * 93 + 1,)), 3), some_module()
    settings = Settings(window=20, shift_windows=True)
    feed = feed_windows(streams, settings)
    cuts = [[count // 3 for _, count in window_losses(module, streams, settings, feed)] for _ in range(4)]
    assert all(sum(cut) == 93 for cut in cuts)
    assert len({cut[0] for cut in cuts}) > 1
    assert {len(cut) for cut in cuts} == {6}
    assert all(set(cut[1:-1]) == {20} for cut in cuts)


@pytest.mark.parametrize("init", ["xavier", "orthogonal", "identity"])
def test_the_initialiser_is_used(book, init, monkeypatch):
    used = []
    monkeypatch.setattr(f"elman.nn.init.{init}_", used.append)
    model = generate.train(book, init=init, **SMALL)
    assert used[-1] is model.module.recurrent


def test_forget_bias_and_chrono_are_used(book, monkeypatch):
    used = []
    monkeypatch.setattr("elman.nn.init.forget_bias_", lambda layer, value: used.append(value))
    monkeypatch.setattr("elman.nn.init.chrono_", lambda layer, longest: used.append(longest))
    generate.train(book, forget_bias=2.5, **SMALL)
    generate.train(book, chrono=35, **SMALL)
    assert sorted(set(used)) == [2.5, 35]


def test_the_preset_trains_and_its_options_give_way(book):
    options = {**SMALL, "epochs": 2, "layers": 2, "sample_every": 0}
    model = generate.train(book, preset="awd-lstm", **options)
    configuration = model.configuration
    assert (configuration["hidden"], configuration["layers"], configuration["tied"]) == (13, 2, True)
    recurrent = model.module.recurrent
    assert (recurrent.weight_dropout, recurrent.dropout, recurrent.locked) == (0.5, 0.4, True)
    assert PRESETS["awd-lstm"]["hidden"] == 400, "the preset itself is as it was"


@pytest.mark.parametrize("cell", ["mingru", "indrnn"])
def test_a_preset_that_does_not_fit_the_cell_is_refused(book, cell):
    with pytest.raises(ConfigError, match=rf"preset awd-lstm does not fit cell {cell}"):
        generate.train(book, cell=cell, preset="awd-lstm", **SMALL)


def test_a_preset_is_not_blamed_for_sizes_that_do_not_fit(book):
    with pytest.raises(ConfigError, match=r"^tied: the embedding has size 7"):
        generate.train(book, preset="awd-lstm", **{**SMALL, "embedding": 7})


def test_the_report_counts_known_words_and_different_characters(book, capfd):
    for options, expected in (({"unit": "word", "vocabulary": 5}, "words, 5 known;"), ({}, "different;")):
        generate.train(book, **{**SMALL, "quiet": False}, **options)
        assert expected in capfd.readouterr().err


def test_a_cell_that_reads_time_gaps_is_refused(book):
    with pytest.raises(ConfigError, match="cell cfc reads dt"):
        generate.train(book, cell="cfc", **SMALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "asgd", "validation": 0}, "waits for validations"),
        ({"schedule": "plateau", "validation": 0}, "waits for validations"),
        ({"init": "orthogonal", "cell": "mingru"}, "mingru"),
        ({"forget_bias": 1.0, "cell": "elman"}, "elman"),
    ],
)
def test_options_that_do_not_go_together_are_refused(book, options, message):
    with pytest.raises(ConfigError, match=message):
        generate.train(book, **{**SMALL, **options})


@pytest.mark.parametrize("unit", ["word", "subword"])
def test_same_seed_same_model_bit_for_bit(book, tmp_path, unit):
    options = {**SMALL, "epochs": 2, "dropout": 0.25, "locked": True, "embedding_dropout": 0.1, "weight_dropout": 0.25}
    for name, seed in {"a": 5, "b": 5, "c": 6}.items():
        torch.manual_seed(ord(name))
        generate.train(book, unit=unit, output=tmp_path / name, seed=seed, zoneout=0.1, **options)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()

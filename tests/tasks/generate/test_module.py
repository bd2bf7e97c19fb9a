"""The character model, against `torch.nn.LSTM` and plain arithmetic."""

import math

import pytest
import torch
from torch import nn

from elman import cells
from elman.errors import ConfigError, DataError
from elman.tasks.generate.model import TrainedModel, build_module, load
from elman.tasks.generate.scores import mean_loss
from elman.vocabulary.characters import Characters
from open_sizes import sizes_of

ALPHABET = "\n abcdefghij"
CONFIGURATION = {"embedding": 5, "hidden": 11, "layers": 2, "dropout": 0.0, "sizes": {}, "classes": [], "given": ""}


def some_text(length: int, seed: int = 1) -> str:
    numbers = torch.randint(len(ALPHABET), (length,), generator=torch.Generator().manual_seed(seed))
    return "".join(ALPHABET[number] for number in numbers)


def some_model(cell: str = "lstm", **changes) -> TrainedModel:
    configuration = {**CONFIGURATION, **changes}
    torch.manual_seed(3)
    module = build_module(cells.find(cell), len(ALPHABET), configuration)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3.0)  # so that the distribution is far from uniform and the state matters
    return TrainedModel(module=module, vocabulary=Characters(ALPHABET), configuration=configuration, versions={})


def torch_lstm(model: TrainedModel) -> nn.LSTM:
    """Give torch's LSTM the weights of ours, in float64."""
    ours = dict(model.module.recurrent.named_parameters())
    theirs = nn.LSTM(CONFIGURATION["embedding"], CONFIGURATION["hidden"], CONFIGURATION["layers"]).double()
    with torch.no_grad():
        for layer in range(CONFIGURATION["layers"]):
            getattr(theirs, f"weight_ih_l{layer}").copy_(ours[f"W_l{layer}"])
            getattr(theirs, f"weight_hh_l{layer}").copy_(ours[f"U_l{layer}"])
            getattr(theirs, f"bias_ih_l{layer}").copy_(ours[f"b_l{layer}"])
            getattr(theirs, f"bias_hh_l{layer}").zero_()
    return theirs


@torch.no_grad()
def log_probabilities(model: TrainedModel, text: str) -> torch.Tensor:
    """Return log P of each next character in one unbroken pass, (N, V), without anything of ours but the weights."""
    module = model.module
    numbers = torch.tensor([ALPHABET.index(character) for character in text])
    output, _ = torch_lstm(model)(module.embedding.weight.double()[numbers])
    logits = output @ module.readout.weight.double().t() + module.readout.bias.double()
    return logits - logits.exp().sum(dim=1, keepdim=True).log()


def test_evaluate_equals_an_unbroken_pass_of_torchs_lstm():
    model, text = some_model(), some_text(1201)  # more than two windows of the evaluation
    found = model.evaluate(text)
    table = log_probabilities(model, text)
    expected = -sum(float(table[t, ALPHABET.index(text[t + 1])]) for t in range(1200)) / 1200
    assert found.loss == pytest.approx(expected, rel=1e-6)
    assert found.units == found.characters == found.bytes == 1200
    assert found.bits_per_character == pytest.approx(expected / math.log(2), rel=1e-6)
    assert found.perplexity == pytest.approx(math.exp(expected), rel=1e-5)


def test_evaluate_carries_the_state_across_its_windows():
    model, text = some_model(), some_text(1201)
    cut = [model.evaluate(text[:513]), model.evaluate(text[512:])]
    forgetful = sum(one.loss * one.units for one in cut) / 1200
    assert abs(forgetful - model.evaluate(text).loss) > 1e-5


def test_evaluate_does_not_depend_on_the_dropout_or_the_mode():
    model, text = some_model(dropout=0.5), some_text(101)
    model.module.train()
    assert model.evaluate(text) == some_model().evaluate(text)


def test_parallel_streams_start_from_the_state_before_them():
    model = some_model().module.eval()
    numbers = Characters(ALPHABET).encode(some_text(7 * 400 + 1))
    whole = mean_loss(model, numbers)
    assert mean_loss(model, numbers, batch=7) == pytest.approx(whole, rel=1e-6)
    cold = sum(mean_loss(model, numbers[400 * b : 400 * b + 401]) for b in range(7)) / 7
    assert abs(cold - whole) > 1e-4


@pytest.mark.parametrize(
    ("text", "message"), [("a", r"1 character\(s\)"), ("", r"0 character\(s\)"), ("aéa", "U\\+00E9")]
)
def test_a_text_that_cannot_be_measured_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        some_model().evaluate(text)


def test_greedy_text_is_the_likeliest_character_each_time():
    model, text = some_model(), "abca"
    for character in model.generate(text, length=60, temperature=0):
        row = log_probabilities(model, text)[-1]
        assert ALPHABET[int(row.argmax())] == character
        text += character
    assert len(text) == 64


def test_characters_are_drawn_from_the_models_distribution_after_the_prompt():
    model = some_model()
    expected = log_probabilities(model, "cab")[-1].exp()
    drawn = torch.zeros(len(ALPHABET))
    for seed in range(600):
        drawn[ALPHABET.index(next(model.generate("cab", length=1, temperature=1.0, seed=seed)))] += 1
    # three standard deviations of a share among 600 draws
    assert ((drawn / 600 - expected).abs() <= 3 * (expected * (1 - expected) / 600).sqrt() + 1e-3).all()


def test_same_seed_same_text_and_no_seed_another_each_time():
    model = some_model()
    once, again, other = ("".join(model.generate("ab", length=80, seed=seed)) for seed in (5, 5, 6))
    assert once == again != other
    assert len({"".join(model.generate(length=40)) for _ in range(3)}) == 3


def test_without_a_prompt_text_starts_as_after_a_line_end():
    model = some_model()
    assert list(model.generate(length=30, seed=1)) == list(model.generate("\n", length=30, seed=1))


def test_the_prompt_is_not_repeated_and_the_length_is_kept():
    assert len("".join(some_model().generate("abc", length=17))) == 17
    assert list(some_model().generate("abc", length=0)) == []


def test_generating_records_no_gradient_and_leaves_the_switch_alone():
    characters = some_model().generate("ab", length=3)
    next(characters)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"prompt": "aé"}, DataError, "never seen 'é'"),
        ({"length": -1}, ConfigError, "length is -1"),
        ({"temperature": -1.0}, ConfigError, "temperature"),
        ({"top_k": 0}, ConfigError, "Top-k"),
        ({"top_p": 2.0}, ConfigError, "Top-p"),
        ({"seed": -1}, ConfigError, "seed is -1"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(options, error, message):
    with pytest.raises(error, match=message):
        some_model().generate(**options)


def test_a_cell_that_reads_more_than_its_input_is_refused():
    with pytest.raises(
        ConfigError, match=r"cell cfc reads dt at every step besides its input. Say where dt comes from"
    ):
        some_model("cfc")


@pytest.mark.parametrize("cell", [name for name in cells.names() if not cells.find(name).sides])
def test_every_cell_of_the_zoo_comes_back_from_its_file(tmp_path, cell):
    model = some_model(cell, sizes=sizes_of(cell))
    model.metrics, model.versions = {"validation_loss": 1.5}, {"elman": "0"}
    model.save(tmp_path / "m")
    back = load(tmp_path / "m")
    assert back.module.recurrent.cell.to_dict() == model.module.recurrent.cell.to_dict()
    assert (back.vocabulary, back.configuration) == (model.vocabulary, model.configuration)
    assert (back.metrics, back.versions) == (model.metrics, model.versions)
    assert back.evaluate(some_text(61)) == model.evaluate(some_text(61))
    assert list(back.generate(length=40, seed=1)) == list(model.generate(length=40, seed=1))


def test_a_loaded_model_can_be_trained_on(tmp_path):
    some_model().save(tmp_path / "m")
    module = load(tmp_path / "m").module
    logits, _ = module(torch.zeros(3, 2, dtype=torch.int64))
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize(
    "harm",
    [
        {"hidden": 12},
        {"hidden": 10**12},
        {"layers": 1},
        {"layers": -1},
        {"hidden": "11"},
        {"surprise": 1},
        {"sizes": {"h": 3}},
        {"dropout": "no"},
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, harm):
    model = some_model()
    model.configuration = {**model.configuration, **harm}
    model.save(tmp_path / "m")
    with pytest.raises(DataError, match="m is damaged: its parts do not fit"):
        load(tmp_path / "m")


def test_a_vocabulary_of_another_size_is_refused(tmp_path):
    model = some_model()
    model.vocabulary = Characters(ALPHABET + "z")
    model.save(tmp_path / "m")
    with pytest.raises(DataError, match="do not fit"):
        load(tmp_path / "m")


def test_a_forged_cell_is_refused(tmp_path):
    model = some_model()
    forged = model.module.recurrent.cell.to_dict()
    forged["graph"]["nodes"] = forged["graph"]["nodes"][::-1]
    model.module.recurrent.cell = type("Forged", (), {"to_dict": lambda self: forged})()
    model.save(tmp_path / "m")
    with pytest.raises(DataError, match="do not fit"):
        load(tmp_path / "m")

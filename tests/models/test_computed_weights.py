"""A trained model whose weights torch computes, or stores in odd ways, answers the same once saved and loaded."""

import warnings

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import parametrizations, prune

import elman
from elman.errors import ElmanError
from elman.tasks import classify, forecast, generate, tag
from forecastable import draw_values, make_series, make_set
from taggable import write_conllu
from tolerances import assert_close

NAME = "U_l0"  # the hidden-to-hidden matrices
SMALL = {"hidden": 7, "epochs": 1, "quiet": True}
TEXTS = ["a good film", "a bad film", "nice", "an awful one"]


def old_weight_norm(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and used
        nn.utils.weight_norm(layer, NAME)


def scaled(layer):
    """Parametrise so that the weight in use is far from the stored one."""
    nn.utils.parametrize.register_parametrization(layer, NAME, Tripled())


class Tripled(nn.Module):
    """A parametrisation that multiplies a weight by three."""

    def forward(self, weight):
        return 3 * weight


TOOLS = {
    "weight_norm by a hook": old_weight_norm,
    "weight_norm": lambda layer: parametrizations.weight_norm(layer, NAME),
    "spectral_norm by a hook": lambda layer: nn.utils.spectral_norm(layer, NAME),
    "spectral_norm": lambda layer: parametrizations.spectral_norm(layer, NAME),
    "pruning": lambda layer: prune.l1_unstructured(layer, NAME, 0.5),
    "orthogonal": lambda layer: parametrizations.orthogonal(layer, NAME),
    "tripled": scaled,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a small model for each task; return its file and a function that asks a model for numbers."""
    folder = tmp_path_factory.mktemp("trained")
    book, reviews, words = folder / "book.txt", folder / "reviews.csv", write_conllu(folder / "w.conllu", 20)
    book.write_text("the cat sat on the mat, and the dog sat on the log.\n" * 8)
    reviews.write_text("text,label\n" + "".join(f"{t},{'pn'[i % 2]}\n" for i, t in enumerate(TEXTS * 20)))
    series = make_set(make_series(draw_values(60)))
    generate.train(book, output=folder / "generate", window=7, batch=2, embedding=3, **SMALL)
    classify.train(reviews, target="label", output=folder / "classify", compare=False, **SMALL)
    tag.train(words, output=folder / "tag", letter_hidden=3, letter_embedding=3, embedding=3, compare=False, **SMALL)
    forecast.train(series, output=folder / "forecast", horizon=4, lookback=8, batch=16, validation=15, **SMALL)
    asks = {
        "generate": lambda model: [chance for _, chance in sorted(model.next("the cat", top=9))],
        "classify": lambda model: model.probabilities(TEXTS),
        "tag": lambda model: [
            len(tag) for tags in model.predict([["the", "cat"], ["a", "dog", "sat"]]) for tag in tags
        ],
        "forecast": lambda model: model.forecast(series)[0].point,
    }
    return {task: (folder / task, ask) for task, ask in asks.items()}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("task", ["generate", "classify", "tag", "forecast"])
def test_a_model_with_computed_weights_is_saved_with_their_values(task, tool, trained, tmp_path):
    path, ask = trained[task]
    model = elman.load(path)
    layer = model.module.recurrent
    before, names = layer.U_l0.detach().clone(), load_file(path).keys()
    TOOLS[tool](layer)
    model.module.train()  # neither saving nor answers continue the iteration of spectral normalisation there
    state = {name: value.clone() for name, value in model.module.state_dict().items()}
    model.save(tmp_path / "saved")
    assert model.module.training
    assert layer.training
    assert all(torch.equal(value, state[name]) for name, value in model.module.state_dict().items())
    weights = load_file(tmp_path / "saved")
    assert weights.keys() == names
    answers, loaded = (torch.as_tensor(ask(m), dtype=torch.float32) for m in (model, elman.load(tmp_path / "saved")))
    assert_close("answers", loaded, answers)
    layer.eval()(torch.zeros(2, 1, layer.input_size))  # computes them anew
    assert_close("weights", weights[f"recurrent.{NAME}"], layer.U_l0.detach())
    if tool == "tripled":
        assert_close("weights", weights[f"recurrent.{NAME}"], 3 * before)


def answers_of(path):
    return elman.load(path).probabilities(TEXTS)


ODD = {
    "a lazy negation": lambda tensor: torch._neg_view(-tensor),
    "transposed": lambda tensor: tensor.mT.contiguous().mT if tensor.dim() > 1 else tensor.flip(0).flip(0),
    "a part of a larger tensor": lambda tensor: torch.stack([tensor, tensor + 1], -1)[..., 0],
}


@pytest.mark.parametrize("kind", ODD)
def test_a_weight_of_any_layout_is_saved_with_its_values(kind, trained, tmp_path):
    model = elman.load(trained["classify"][0])
    expected = model.probabilities(TEXTS)
    for parameter in model.module.parameters():
        parameter.data = ODD[kind](parameter.data)
    assert_close("before saving", model.probabilities(TEXTS), expected)
    model.save(tmp_path / "saved")
    assert_close("loaded", answers_of(tmp_path / "saved"), expected)


def test_weights_that_share_memory_are_saved_apart(trained, tmp_path):
    model = elman.load(trained["classify"][0])
    memory = torch.randn(10_000)
    for parameter in model.module.recurrent.parameters():
        parameter.data = memory[: parameter.numel()].view(parameter.shape)
    model.save(tmp_path / "saved")
    assert_close("loaded", answers_of(tmp_path / "saved"), model.probabilities(TEXTS))


@pytest.mark.parametrize("whole", [True, False], ids=["the module", "a layer"])
def test_a_compiled_module_is_saved_under_its_plain_names(whole, trained, tmp_path):
    path, _ = trained["classify"]
    model = elman.load(path)
    if whole:
        model.module = torch.compile(model.module, backend="eager")
    else:
        model.module.recurrent = torch.compile(model.module.recurrent, backend="eager")
    model.save(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == path.read_bytes()


def test_a_module_without_plain_tensors_is_not_saved(trained, tmp_path):
    model = elman.load(trained["classify"][0])
    weight, bias = model.module.readout.weight, model.module.readout.bias
    model.module.readout = nn.Linear(*weight.T.shape)  # torch converts its own class alone
    model.module.readout.weight, model.module.readout.bias = weight, bias
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and used
        model.module = torch.ao.quantization.quantize_dynamic(model.module, {nn.Linear}, dtype=torch.qint8)
    with pytest.raises(ElmanError, match="Save the model before its module is converted"):
        model.save(tmp_path / "saved")
    other = elman.load(trained["classify"][0])
    other.module.to("meta")
    with pytest.raises(ElmanError, match="without values"):
        other.save(tmp_path / "saved")
    assert not list(tmp_path.iterdir())

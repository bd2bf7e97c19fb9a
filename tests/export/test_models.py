"""Models of tasks as files of ONNX: a process without elman and torch gives the model's own answers."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from alone import code_of_page, function_of_page, run_alone, run_code
from elman import cells, export
from elman.errors import ConfigError, ElmanError
from elman.export.checking import difference
from elman.export.graph import Session
from elman.export.models import run_steps, write_models
from elman.models.layers import Layers
from elman.tasks import generate
from elman.tasks.exporting import export_model
from elman.tasks.forecast.exported import graphs as forecast_graphs
from elman.tasks.forecast.module import SegmentForecaster, Windows
from elman.tasks.tag.encoder import learn_tag_encoder
from elman.tasks.tag.exported import graphs as tag_graphs
from elman.tasks.tag.exported import step_graphs
from elman.tasks.tag.module import SequenceTagger
from elman.tasks.transcribe.exported import graphs as speech_graphs
from untrained import make_transcriber
from unusual_cells import two_sided


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    (folder / "book.txt").write_text("the cat sat on the mat, and the dog sat on the log.\n" * 8)
    generate.train(
        folder / "book.txt",
        output=folder / "book.model",
        hidden=7,
        epochs=1,
        window=7,
        batch=2,
        embedding=3,
        quiet=True,
    )
    return folder / "book.model"


def test_the_program_of_the_page_writes_what_a_language_model_writes(language, tmp_path):
    export_model(language, tmp_path / "sentences.onnx")
    written = run_code(code_of_page("# write.py\n"), tmp_path)
    assert written == "the " + "".join(generate.load(language).generate("the ", length=40, temperature=0)).rstrip()


def test_what_a_model_cannot_be_is_refused_in_a_line(language, tmp_path):
    target = tmp_path / "book.onnx"
    export_model(language, target)
    before = target.read_bytes()
    for path, form, text in (
        (target, None, "exists"),
        (tmp_path, "onnx", "is a folder"),
        (tmp_path / "book.bin", None, "names no form"),
        (tmp_path / "book.bin", "pdf", "is unknown"),
    ):
        with pytest.raises(ConfigError, match=text) as caught:
            export_model(language, path, form)
        assert "\n" not in str(caught.value)
    target.unlink()
    with pytest.raises(ConfigError, match=r"book\.onnx\.json exists"):
        export_model(language, target)
    export_model(language, target, force=True)
    assert target.read_bytes() == before


def test_the_recurrent_layers_of_a_model_become_c(language, tmp_path):
    export_model(language, tmp_path / "book.c")
    assert "void book_step(" in (tmp_path / "book.c").read_text()


def tagger(crf, bidirectional=True):
    torch.manual_seed(3)
    sentences = [["So", "good", "a", "film"], ["bad"], ["What", "a", "bad", "night", "it", "was"]]
    encoder = learn_tag_encoder(sentences, letters=True, min_count=1).learn_further((), (), shapes=True)
    words, letters = encoder.sizes
    options = {"labels": 2, "embedding": 5, "letter_embedding": 3, "letter_hidden": 4, "crf": crf}
    layers, options = Layers(hidden=7, bidirectional=bidirectional), {**options, "further": encoder.further_sizes}
    module = SequenceTagger(cells.lstm, layers, words=words, letters=letters, tags=3, **options).eval()
    model = SimpleNamespace(
        module=module, encoder=encoder, targets=SimpleNamespace(tags=("A", "B", "C"), labels=("x", "y"))
    )
    return model, sentences


@pytest.mark.parametrize("crf", [False, True])
def test_a_tagger_gives_scores_and_transitions(crf, tmp_path):
    model, sentences = tagger(crf)
    module, encoder = model.module, model.encoder
    write_models(tmp_path / "tags.onnx", tag_graphs(model), {"task": "tag"}, force=False)
    encoded = [encoder.encode(sentence) for sentence in sentences]
    steps, lengths = pad_sequence(encoded), torch.tensor([len(one) for one in encoded])
    found, _ = run_alone(
        tmp_path / "tags.onnx", {"steps": steps.transpose(0, 1).numpy(), "lengths": lengths.numpy()}, tmp_path
    )
    with torch.no_grad():
        output = module(steps, lengths)
        best = module.best(output.emissions, lengths)
    assert difference(found[:2], [output.emissions.transpose(0, 1), output.labels.softmax(1)]) <= 1e-5
    if crf:
        viterbi, chain = function_of_page("viterbi"), [tensor.numpy() for tensor in found[2:]]
        for row, (length, emissions) in enumerate(zip(lengths, found[0].numpy(), strict=True)):
            assert viterbi(emissions[:length], *chain) == best[:length, row].tolist()


def test_a_tagger_that_reads_forward_has_a_step(tmp_path):
    model, sentences = tagger(crf=True, bidirectional=False)
    write_models(tmp_path / "tags.onnx", step_graphs(model), {"task": "tag"}, force=False)
    names = [name for name in export.read_card(tmp_path / "tags.onnx")["inputs"] if name.startswith("initial")]
    steps = model.encoder.encode(sentences[2])[:, None]
    session = Session((tmp_path / "tags.onnx").read_bytes())
    emissions, labels, *_ = run_steps(session, [{"steps": step.numpy()} for step in steps], names)
    with torch.no_grad():
        outputs = [model.module(steps[: t + 1], torch.tensor([t + 1])) for t in range(len(steps))]
    assert difference([torch.from_numpy(emissions)], [outputs[-1].emissions]) <= 1e-5
    assert difference([torch.from_numpy(labels)], [torch.stack([one.labels.softmax(1) for one in outputs])]) <= 1e-5
    with pytest.raises(ConfigError, match="reads from both ends"):
        step_graphs(tagger(crf=True)[0])


@pytest.mark.parametrize(
    ("seasons", "logarithms", "sides"), [((), False, {}), ((2, 5), True, {}), ((), False, {"dt": "gaps", "age": 0.25})]
)
@pytest.mark.parametrize("decode", ["segment", "direct", "recursive"])
def test_a_forecaster_forecasts_in_the_units_of_the_series(decode, seasons, logarithms, sides, tmp_path):
    torch.manual_seed(3)
    read = {"missing": True, "past": 2, "known": 1, "calendar": 4, "static": 3, "series": 2}
    shape = {"lookback": 11, "horizon": 7, "segment": 3, "quantiles": [0.1, 0.3, 0.5, 0.7, 0.9]}
    layers, cell = Layers(hidden=5, layers=2, sides=sides), two_sided if sides else cells.mgu
    module = SegmentForecaster(cell, layers, decode=decode, seasons=seasons, **shape, **read).eval()
    if seasons:
        torch.nn.init.normal_(module.lags.weight)
    torch.nn.init.normal_(module.effect.weight)
    module.margins.copy_(torch.rand(2, 7))
    nothing = {"blend": None, "mixed": None, "blended_margins": None}
    model = SimpleNamespace(module=module, reading=SimpleNamespace(logarithms=logarithms), **nothing)
    write_models(tmp_path / "f.onnx", forecast_graphs(model), {"task": "forecast"}, force=False)
    history = torch.randn(3, 11, dtype=torch.float64).cumsum(1)
    history[1, :6], history[2, 4] = torch.nan, torch.nan
    sizes = {"past": (3, 11, 2), "known": (3, 18, 1), "calendar": (3, 18, 4), "static": (3, 3)}
    feeds = {name: torch.randn(size) for name, size in sizes.items()}
    feeds |= {
        "history": history,
        "usual": torch.tensor([0.5, 2.0, 1e-3], dtype=torch.float64),
        "series": torch.tensor([2, 0, 1]),
    }
    with torch.no_grad():
        expected = module.forecast(Windows(**feeds))
    if logarithms:
        feeds["history"], expected = history.exp(), expected.exp()
    found, _ = run_alone(tmp_path / "f.onnx", {name: value.numpy() for name, value in feeds.items()}, tmp_path)
    assert difference(found, [expected]) <= 1e-5


@pytest.mark.parametrize("options", [{"bidirectional": True}, {"look_ahead": 5}])
def test_a_transcriber_gives_the_probabilities_that_greedy_ctc_reads(tmp_path, options):
    model = make_transcriber("mgu", **options)
    write_models(tmp_path / "s.onnx", speech_graphs(model), {"task": "transcribe"}, force=False)
    frames, lengths = 2 * torch.randn(3, 51, model.encoder.width), torch.tensor([51, 9, 30])
    feeds = {"frames": frames.numpy(), "lengths": lengths.numpy()}
    (log_p, steps), _ = run_alone(tmp_path / "s.onnx", feeds, tmp_path)
    with torch.no_grad():
        expected, real = model.module(frames.transpose(0, 1), lengths)
    assert difference([log_p], [expected.transpose(0, 1)]) <= 1e-5
    assert torch.equal(steps, real)
    greedy = function_of_page("greedy")
    assert any(greedy(row[:length].numpy()) for row, length in zip(log_p, steps, strict=True))


def test_a_card_is_printed_and_has_neither_dates_nor_paths(language):
    from elman.tasks.exporting import describe
    from elman.tasks.registry import recipe_of

    recipe = recipe_of(language)
    card = describe(recipe, recipe.load(language))
    assert card["task"] == "generate"
    assert card["scores"]
    assert str(language.parent) not in json.dumps(card)


def test_a_model_whose_numbers_leave_float32_is_not_written(language, tmp_path):
    model = generate.load(language)
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.copy_(3e38 * weight.sign())
    model.save(tmp_path / "m")
    for name in ("m.onnx", "m.html"):
        with pytest.raises(ElmanError, match="the numbers of the model itself leave the range of float32"):
            export_model(tmp_path / "m", tmp_path / name)
        assert not (tmp_path / name).exists()

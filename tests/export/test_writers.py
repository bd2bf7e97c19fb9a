"""Models that write, as files of ONNX: the loops of docs/export.md write what the models write, without elman."""

import json

import numpy as np
import pytest
import torch

from alone import code_of_page, run_code
from elman import cells, export
from elman.data.music.piece import PITCHES
from elman.encoders.pictures.encoder import PictureEncoder
from elman.encoders.scaling import Scaling
from elman.errors import ConfigError, ElmanError
from elman.export.graph import Session
from elman.export.models import write_models
from elman.models.layers import Layers
from elman.tasks.caption.encoder import CaptionEncoder, learn_words
from elman.tasks.caption.exported import describe as describe_captions
from elman.tasks.caption.exported import graphs as caption_graphs
from elman.tasks.caption.model import TrainedCaptioner
from elman.tasks.caption.module import CaptionModel
from elman.tasks.compose.exported import describe as describe_music
from elman.tasks.compose.exported import graphs as music_graphs
from elman.tasks.translate.encoder import learn_pair_encoder
from elman.tasks.translate.exported import describe as describe_pairs
from elman.tasks.translate.exported import graphs as pair_graphs
from elman.tasks.translate.model import TrainedTranslator
from elman.tasks.translate.module import TranslationModel
from tasks.compose.test_composing import make_model

SOURCES = ["ab ca", "b", "", "dcb a bcd", "xa"]


def run_page(folder, code):
    """Run code beside the programs of the page; return what it prints as JSON."""
    (folder / "greedy.py").write_text(code_of_page("# greedy.py\n"), "utf-8")
    for name, first in (("music", "def compose("), ("subwords", "def translate_subwords(")):
        (folder / f"{name}.py").write_text(f"from greedy import *\n{code_of_page(first)}", "utf-8")
    return json.loads(run_code(code, folder))


def write(path, model, graphs, describe):
    card = {"task": model.task, **describe(model)}
    return write_models(path, graphs(model), card, force=False)


def translator(cell="gru", unit="character", **options):
    torch.manual_seed(3)
    encoder = learn_pair_encoder(SOURCES, ["uvw u", "w v\n"], unit=unit, size=None, separate=True, tokenized=True)
    layers = Layers(hidden=11, bidirectional=options.get("wait") is None, layers=2 if options else 1)
    sizes = {"source_units": encoder.source.size, "target_units": encoder.target.size}
    if options.get("shared"):
        encoder = learn_pair_encoder(SOURCES, ["dcb a"], unit=unit, size=None, separate=False)
        sizes = dict.fromkeys(sizes, encoder.target.size)
    module = TranslationModel(cells.find(cell), layers, **sizes, **options).eval()
    with torch.no_grad():
        module.bias.normal_(std=0.3)
        module.bias[encoder.target.end] = -0.5
    return TrainedTranslator(module=module, encoder=encoder, configuration={})


MODELS = {
    "two looks": ("gru", "character", {"heads": 2, "embedding": 6}),
    "additive": ("lstm", "word", {"attention": "additive", "embedding": 6}),
    "one look, shared": ("mgu", "character", {"second_attention": False, "shared": True}),
    "waiting and feeding": ("lstm", "character", {"wait": 2, "input_feeding": True, "embedding": 6}),
}


@pytest.mark.parametrize("kind", MODELS)
def test_the_loop_of_the_page_translates_greedily(kind, tmp_path):
    cell, unit, options = MODELS[kind]
    model = translator(cell, unit, **options)
    written = write(tmp_path / "m.onnx", model, pair_graphs, describe_pairs)
    assert [file.name for file in written.files] == ["m.encoder.onnx", "m.decoder.onnx"]
    code = f"import greedy; w = greedy.Writer('m'); print(json.dumps([w.translate(text) for text in {SOURCES}]))"
    found = run_page(tmp_path, code)
    assert found == model.predict(SOURCES, beam=1)
    assert len(set(found)) > 2
    assert export.read_card(tmp_path / "m.decoder.onnx")["files"] == {
        "encoder": "m.encoder.onnx",
        "decoder": "m.decoder.onnx",
    }


def test_the_page_translates_subwords(tmp_path):
    model = translator(unit="subword", heads=2)
    write(tmp_path / "m.onnx", model, pair_graphs, describe_pairs)
    texts = [text for text in SOURCES if text]
    code = (
        "import greedy, subwords; w = greedy.Writer('m')\n"
        f"print(json.dumps([subwords.translate_subwords(w, text) for text in {texts}]))"
    )
    found = run_page(tmp_path, code)
    assert found == model.predict(texts, beam=1)
    assert any(found)


def test_the_loop_is_short():
    code = code_of_page("# greedy.py\n")
    assert len(code.splitlines()) < 60


def test_words_that_are_left_are_put_in_order(tmp_path):
    model = translator("gru", "word", bag=True, shared=True)
    write(tmp_path / "m.onnx", model, pair_graphs, describe_pairs)
    encoder, decoder = (Session((tmp_path / f"m.{p}.onnx").read_bytes()) for p in ("encoder", "decoder"))
    bag = model.encoder.target.encode("bcd ab a dcb ab")
    given, names = (
        json.loads((tmp_path / f"m.{part}.onnx.json").read_text())["outputs"] for part in ("encoder", "decoder")
    )
    held = dict(zip(given, encoder.run({"units": np.array([bag])}), strict=True))
    left, last, order = list(bag), model.encoder.target.end, []
    while left:
        found = dict(zip(names, decoder.run({"units": np.array([last]), **held}), strict=True))
        last = max(sorted(set(left)), key=lambda unit: found["log_probabilities"][0, unit])
        left.remove(last)
        order.append(last)
        held |= {name.replace("final", "initial"): value for name, value in found.items() if name.startswith("final")}
    assert model.encoder.target.decode(order) == model.reorder(["bcd ab a dcb ab"], beam=1)[0][0]


@pytest.mark.parametrize("reader", ["features", "convolution"])
def test_the_loop_of_the_page_captions_greedily(reader, tmp_path):
    torch.manual_seed(3)
    words = learn_words(["a red square on the left", "one blue square", "two of them"], None, None)
    size = (3, 17, 17) if reader == "convolution" else (5, 2, 3)
    scaling = Scaling(tuple(3.0 + n for n in range(size[0])), tuple(2.0 + n for n in range(size[0])))
    pictures = PictureEncoder(reader, size, 17 if reader == "convolution" else 0, scaling)
    module = CaptionModel(
        cells.lstm, Layers(hidden=11), size=size, words=words.size, convolution=reader == "convolution"
    ).eval()
    with torch.no_grad():
        torch.nn.init.normal_(module.places)
        module.bias[words.end] = -1
    encoder = CaptionEncoder(words, pictures, longest=7)
    model = TrainedCaptioner(module=module, encoder=encoder, configuration={})
    write(tmp_path / "m.onnx", model, caption_graphs, describe_captions)
    random = np.random.default_rng(5)
    shape, kind = ((17, 17, 3), np.uint8) if reader == "convolution" else (size, np.float32)
    given = [(random.random(shape) * 255).astype(kind) for _ in range(3)]
    read = [one.transpose(2, 0, 1) for one in given] if reader == "convolution" else given
    np.savez(tmp_path / "given.npz", *read)
    code = (
        "import greedy; w = greedy.Writer('m'); given = numpy.load('given.npz')\n"
        "print(json.dumps([w.caption(given[name]) for name in given.files]))"
    )
    found = run_page(tmp_path, code)
    assert found == model.predict(given, beam=1)
    assert all(found)


def composer(notes, onsets, classes=()):
    model = make_model(notes, onsets, classes)
    with torch.no_grad():
        model.module.notes.readout.bias[-1] -= 4  # otherwise frames are empty
    model.module.float()
    return model


@pytest.mark.parametrize("onsets", [True, False])
def test_the_loop_of_the_page_composes_greedily(onsets, tmp_path):
    model = composer("joint", onsets)
    written = write(tmp_path / "m.onnx", model, music_graphs, describe_music)
    assert [file.name for file in written.files] == ["m.frame.onnx", "m.notes.onnx"]
    found = run_page(tmp_path, "import music; print(json.dumps(music.compose('m', 24, 6)))")
    made = model.compose(bars=4, temperature=0, seed=1)
    assert [tuple(frame) for frame in found] == list(made.frames)
    assert sum(map(len, found)) > 6


@pytest.mark.parametrize("onsets", [True, False])
def test_notes_that_are_independent_are_probabilities_of_each_pitch(onsets, tmp_path):
    model = composer("independent", onsets, ("anna", "bert"))
    written = write(tmp_path / "m.onnx", model, music_graphs, describe_music)
    assert [file.name for file in written.files] == ["m.onnx"]
    before = [67, 60] + [60 + PITCHES] * onsets + [model.module.notes.end]
    feeds = {"before": np.array([before]), "since": np.array([1]), "until": np.array([5]), "class": np.array([1])}
    shares, *_ = Session((tmp_path / "m.onnx").read_bytes()).run(feeds)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
    sounds = [pitch for pitch in range(PITCHES) if shares[0, -1, pitch] > 0]
    assert sounds == ([60, 67] if onsets else list(range(PITCHES)))


def test_both_files_are_written_or_none(tmp_path):
    model = translator()
    (tmp_path / "m.decoder.onnx").write_text("mine")
    with pytest.raises(ConfigError, match=r"m\.decoder\.onnx exists"):
        write(tmp_path / "m.onnx", model, pair_graphs, describe_pairs)
    assert [path.name for path in tmp_path.iterdir()] == ["m.decoder.onnx"]
    graphs = pair_graphs(model)
    with torch.no_grad():
        model.module.join.weight.mul_(1.01)
    with pytest.raises(ElmanError, match="Nothing was written"):
        write_models(tmp_path / "m.onnx", graphs, {}, force=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"m.decoder.onnx": "mine"}

"""Classifiers as files of ONNX: all networks, their baselines and the temperature, without elman and torch."""

import json
import re

import numpy as np
import pytest
import torch

from alone import code_of_page, run_alone
from elman import cells, export
from elman.data.dataset import Columns, Example, SideColumn, Sound
from elman.data.examples.values import Listed
from elman.encoders.batches import EncodedSet
from elman.encoders.encoder import learn_covariates, learn_encoder, read_encoder
from elman.encoders.settings import InputSettings
from elman.encoders.targets import Targets
from elman.errors import ConfigError, ElmanError
from elman.export.checking import difference
from elman.export.graph import Session
from elman.export.models import run_steps, write_models
from elman.models.layers import Layers
from elman.tasks import classify
from elman.tasks.classify.baseline.bags import BagReader, LinearOnBags
from elman.tasks.classify.baseline.frame_summaries import SummaryReader
from elman.tasks.classify.baseline.linear import Baseline, build_network
from elman.tasks.classify.blending import BlendWeights
from elman.tasks.classify.exported import describe, graphs, step_graphs
from elman.tasks.classify.member import FoldMember
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.module import SequenceClassifier
from elman.tasks.exporting import export_model
from unusual_cells import two_sided

TEXTS = ["so bad", "What a good film it was", "good", "a Bad, bad night", "Ünder the sea it was good", ""]
WINDOWS = ["acgtt", "ttgca", "cagta", "acgca", "tacgcgt", "gtu"]  # those that the first network learns from are alike
GENES = ["acgtacgtta", "ttgac", "ca", "ggggttta", "tacgc", "gt"]
STRANDS = ["ACGTACGTTA", "TTGAC", "CA", "GGGGTTTA", "TACNC", "GT"]
CLASSES = Targets.learn("category", ["a", "b", "c"])
LABELS = Targets.learn("labels", [("a", "b"), ("c",), ()])
NUMBER = None  # each network has a scale of its own


def texts(values, kind="text"):
    return {"s": kind}, [(value,) for value in values]


def series(same=None, size=3):
    random = np.random.default_rng(1)
    made = [(random.normal(9, 4, (same or length, size)).astype(np.float32),) for length in (11, 4, 7, 2, 5, 8)]
    made[1][0][1, 1] = np.nan
    return {"s": "series"}, made


def timed():
    """Make series whose steps carry a number and the time since the step before, as a table has them."""
    random, (kinds, rows) = np.random.default_rng(4), series(size=2)
    carried = [random.exponential(40, (len(row), 2)).astype(np.float32) for (row,) in rows]
    for one in carried:
        one[0, 1] = 0
    return kinds, [(np.hstack([row, one]),) for (row,), one in zip(rows, carried, strict=True)]


def table():
    rows = [(1.0, "x", 3.0), (np.nan, "y", 5.5), (7.0, "", 9.0), (2.0, "z", 1.0), (4.0, "x", 2.5), (5.0, "u", np.nan)]
    return {"n": "number", "c": "category", "m": "number"}, rows


def with_row(kinds, rows):
    """Put numbers, categories and dates beside; one of each is missing, and a category is written in two ways."""
    more = [
        (1.0, 5e6, "x", 1.7e9, "3", np.nan),
        (np.nan, 4e6, "y", -3e8, "3.0", 9e8),
        (7.0, np.nan, "", 1.2e9 + 0.25, "3", 1e9),
        (2.0, 6e6, "z", 5e8, "4", -86_400.0),
        (4.0, 8e6, "x", 1.6e9, "", 7e8),
        (5.0, 7e6, "u", 1.65e9, "5", 2e9),
    ]
    beside = {"n": "number", "m": "number", "c": "category", "at": "date", "k": "category", "till": "date"}
    return {**kinds, **beside}, [(*own, *other) for own, other in zip(rows, more, strict=True)]


def sounds():
    random = np.random.default_rng(2)
    return {"s": "sound"}, [(Sound(random.normal(size=n).astype(np.float32), 8000),) for n in range(900, 3000, 400)]


def images():
    random = np.random.default_rng(3)
    return {"s": "image"}, [(random.integers(0, 200 + 9 * n, (5, 7, 3), np.uint8),) for n in range(6)]


KINDS = {
    "words and letters": (texts(TEXTS), {"unit": "word"}, "max", CLASSES),
    "characters": (texts(TEXTS), {"unit": "character", "max_length": 5}, "last", LABELS),
    "words with n-grams": (texts(TEXTS), {"unit": "word"}, "max", CLASSES),
    "characters with n-grams": (texts(TEXTS), {"unit": "character"}, "max", CLASSES),
    "motifs": (texts(GENES, "letters"), {"kmer": 2, "convolution": True}, "mean", CLASSES),
    "windows": (texts(WINDOWS, "letters"), {"kmer": 1}, "max", CLASSES),
    "motifs at places": (texts(WINDOWS, "letters"), {"kmer": 2, "convolution": True}, "mean", CLASSES),
    "both strands": (texts(STRANDS, "letters"), {"kmer": 2, "both_strands": True, "max_length": 7}, "max", NUMBER),
    "strands and a row": (with_row(*texts(STRANDS, "letters")), {"kmer": 1, "both_strands": True}, "last", LABELS),
    "series": (series(), {}, "attention", NUMBER),
    "timed series": (timed(), {}, "max", CLASSES),
    "timed, the start": (timed(), {"max_length": 6}, "last", NUMBER),
    "short series": (series(same=4), {}, "mean", CLASSES),
    "table": (table(), {}, "mean", NUMBER),
    "sound": (sounds(), {"mels": 8, "coefficients": 3, "convolution": True, "normalise": "recording"}, "mean", CLASSES),
    "rows of images": (images(), {"longest_side": 7}, "max", CLASSES),
    "table with dates": (with_row({}, [()] * 6), {}, "mean", CLASSES),
    "words and a row": (with_row(*texts(TEXTS)), {"unit": "word"}, "max", CLASSES),
    "characters and a row": (with_row(*texts(TEXTS)), {"unit": "character", "max_length": 5}, "last", LABELS),
    "sound and a row": (with_row(*sounds()), {"mels": 8, "coefficients": 3, "convolution": True}, "mean", NUMBER),
    "short series and a row": (with_row(*series(same=4)), {}, "mean", CLASSES),
    "timed series and a row": (with_row(*timed()), {}, "max", NUMBER),
    "pixels": (images(), {"longest_side": 7, "read": "permuted"}, "last", LABELS),
}
SIDES = {"dt": SideColumn("clock", gaps=True), "age": SideColumn("years")}
LEARNT = ([0, 1, 2, 3], [1, 2, 3, 5], [0, 2, 4, 5])
"""The examples from which each of three networks has learnt what it knows of its input."""


def network(kind, number, own_cell="mgu", pooling=None, bidirectional=True):
    """Make a network that was never trained, with a baseline beside it."""
    (kinds, values), options, usual, targets = KINDS[kind]
    timed = kind.startswith("timed")
    dates = {name: "iso" for name, kind in kinds.items() if kind == "date"}
    columns = Columns(kinds, "target", "category", sides=SIDES if timed else {}, dates=dates)
    examples = [Example(dict(zip(kinds, row, strict=True)), "a", f"line {i}") for i, row in enumerate(values)]
    learnt = Listed([examples[place] for place in LEARNT[number]], columns)
    torch.manual_seed(3 + number)
    settings = InputSettings(**options)
    encoder, covariates = learn_encoder(columns, learnt, settings), learn_covariates(columns, learnt, settings)
    own = targets or Targets("number", mean=7.0 * number, deviation=2.0 + number)
    module = SequenceClassifier(
        two_sided if timed else cells.find(own_cell),
        Layers(
            hidden=7,
            layers=1 + timed,
            bidirectional=bidirectional,
            sides={"dt": "gaps", "age": "years"} if timed else {},
        ),
        front=encoder.front,
        outputs=own.outputs,
        pooling=pooling or usual,
        embedding=5,
        covariates=0 if covariates is None else covariates.size,
        complements=getattr(encoder, "complements", ()),
    )
    if module.query is not None:
        torch.nn.init.normal_(module.query)
    encoded = EncodedSet(learnt, range(len(learnt)), encoder, torch.zeros(len(learnt)), covariates=covariates)
    if encoder.units:
        reader = BagReader.learn(
            encoded,
            range(len(learnt)),
            {"windows": 29, "words with n-grams": 101, "characters with n-grams": 53}.get(kind, 9),
            getattr(encoder, "places", 0),
            getattr(encoder, "complements", ()),
            encoder.ngrams if "n-grams" in kind else None,
        )
        layers = LinearOnBags(len(reader), own.outputs)
        torch.nn.init.normal_(layers.weight)
    else:
        reader = SummaryReader.learn(encoded, range(len(learnt)))
        layers = build_network(len(reader), own.outputs)
    baseline = Baseline("a baseline", 1, 4, 0.0, True, layers.eval(), reader)
    return FoldMember(module.eval(), encoder, own, baseline, covariates), Listed(examples, columns)


def joined(kind, count=3, blend=None, **options):
    members, examples = zip(*(network(kind, number, **options) for number in range(count)), strict=True)
    first, *others = members
    blend = blend or BlendWeights(1.0 if KINDS[kind][3] is None else 0.7, 0.4)
    model = TrainedClassifier(
        module=first.module,
        configuration={},
        columns=examples[0].columns,
        encoder=first.encoder,
        targets=first.targets,
        covariates=first.covariates,
        blend=blend,
        baseline=first.baseline,
        others=tuple(others),
    )
    return model, examples[0]


def feeds_of(card, examples):
    """What a user of the file gives, by its card: units as its encoder numbers them, numbers as they are."""
    encoder = read_encoder(card["encoder"])
    if encoder.kind == "table":
        return _row_feeds(encoder, examples)
    given = [_steps(encoder, example) for example in examples]
    feeds = {"steps": _pad(given), "lengths": np.array([len(one) for one in given])}
    if getattr(encoder, "sides", {}):
        carried = [example.values["s"][:, -2:].astype(float) for example in examples]
        feeds |= {"age": _pad([one[:, 0] for one in carried])}
        feeds |= {"dt_times": _pad([1e6 + one[:, 1].cumsum() for one in carried])}
    return feeds | (_row_feeds(read_encoder(card["covariates"]), examples) if "covariates" in card else {})


def _row_feeds(encoder, examples):
    feeds = {
        name: np.array([[e.values[c] for c in columns] for e in examples])
        for name, columns in (("numbers", encoder.numbers), ("dates", encoder.dates))
        if columns
    }
    known = [(column, list(places)) for column, places in encoder.categories.items()]
    chosen = [[p.index(e.values[c]) if e.values[c] in p else -1 for c, p in known] for e in examples]
    return {**feeds, "categories": np.array(chosen)}


def _rows_of(feeds):
    """What each step of a file of steps is given; what is beside a sequence is the same at all."""
    carried = {"steps", "age", "dt_times"} & feeds.keys()
    steps = range(feeds["steps"].shape[1])
    return [{name: one[:, t] if name in carried else one for name, one in feeds.items()} for t in steps]


def _pad(given):
    padded = np.zeros((len(given), max(map(len, given)), *given[0].shape[1:]), given[0].dtype)
    for row, one in zip(padded, given, strict=True):
        row[: len(one)] = one
    return padded


def _steps(encoder, example):
    value = next(iter(example.values.values()))
    if encoder.kind == "series":
        return value[:, : len(encoder.scaling.means)].astype(float)
    if encoder.kind == "sound":
        return encoder.features.compute(value).numpy()
    if encoder.kind == "image":
        pixels = value.astype(np.float32) / 255
        if encoder.read == "rows":
            return pixels.transpose(0, 2, 1).reshape(len(pixels), -1)
        return pixels.reshape(-1, pixels.shape[2])[list(encoder.permutation)]
    return encoder.encode(example).numpy()


def answers(model, examples):
    if model.targets.kind == "number":
        return torch.tensor(model.predict(examples), dtype=torch.float64)
    return model.probabilities(examples)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_all_networks_and_baselines_answer_as_the_model_does(kind, count, tmp_path):
    model, examples = joined(kind, count)
    path = tmp_path / "model.onnx"
    written = write_models(path, graphs(model), {"task": "classify", **describe(model)}, force=False)
    assert written.files == (path,)
    card = json.loads((tmp_path / "model.onnx.json").read_text())
    assert card == export.read_card(path)
    assert card["verified"]["difference"] <= 1e-5
    read = [examples[place] for place in range(len(examples))]
    session = Session(path.read_bytes())
    found = [torch.from_numpy(value) for value in session.run(feeds_of(card, read))]
    assert difference(found, [answers(model, examples)]) <= 1e-5
    alone = torch.from_numpy(session.run(feeds_of(card, read[2:3]))[0])
    assert difference([alone], [found[0][2:3]]) <= 1e-5
    assert card["task"] == "classify"


def test_a_vocabulary_is_that_of_all_networks():
    model, _ = joined("words and letters")
    known = set(describe(model)["encoder"]["known"])
    assert known == {word for one in model.members for word in one.encoder.known}
    assert len({one.encoder.known for one in model.members}) == 3


@pytest.mark.parametrize("kind", ["words and letters", "characters"])
def test_the_page_numbers_a_text_as_the_encoder_does(kind):
    names = {"numpy": np, "re": re}
    exec(re.search(r"^def number.*?(?=^options)", code_of_page("# ask.py\n"), re.DOTALL | re.MULTILINE).group(0), names)
    model, _ = joined(kind)
    card = json.loads(json.dumps(describe(model)))
    encoder = read_encoder({**card["encoder"], "limit": {"most": None, "longest": 9}})
    for text in (*TEXTS, "It's well-known: 3.5 of\n« 5 »", "  "):
        assert names["number"](card, text)[0].tolist() == encoder.encode(Example({"s": text}, None, "")).tolist()


def test_networks_that_read_in_different_ways_have_no_one_input():
    words, _ = network("words and letters", 0)
    model, _ = joined("characters", 1)
    model.others = (words,)
    with pytest.raises(ConfigError, match=r"in different ways .*characters.*words.*--alone"):
        graphs(model)


@pytest.mark.parametrize("blend", [BlendWeights(0.7), BlendWeights(0.7, 0.4)])
def test_alone_the_first_network_has_a_temperature_that_was_learnt_without_a_baseline(blend):
    model, _ = joined("characters", 3, blend)
    alone = model.alone()
    assert alone.module is model.module
    assert (alone.others, alone.baseline) == ((), None)
    assert alone.blend == BlendWeights(1.0 if blend.baseline else 0.7)
    assert alone.alone() is alone


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "one network, at temperature 1.43, mixed with"), (3, "3 networks, at temperature 1.43, each")],
)
def test_what_a_file_holds_is_each_of_several_networks_and_never_of_one(count, said):
    model, _ = joined("characters", count)
    assert said in describe(model)["holds"]


def test_a_model_of_folds_is_exported_by_default_and_alone_if_asked(tmp_path):
    rows = [
        f"{'good' if n % 2 else 'bad'} film {n % 5} {'abcdefg'[n % 7]},{'pos' if n % 2 else 'neg'}" for n in range(40)
    ]
    (tmp_path / "r.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    options = {
        "hidden": 3,
        "epochs": 1,
        "batch": 8,
        "embedding": 3,
        "unit": "word",
        "direction": "forward",
        "quiet": True,
    }
    model = classify.train(tmp_path / "r.csv", target="label", output=tmp_path / "m", folds=2, cell="mgu", **options)
    assert len(model.members) == 2
    written = export_model(tmp_path / "m", tmp_path / "m.onnx", licence="CC0-1.0")
    assert written.holds.startswith("the mean of 2 networks")
    card = export.read_card(tmp_path / "m.onnx")
    assert (card["networks"], card["licence"]) == (2, "CC0-1.0")
    assert card["mixed"]["baseline"] > 0
    texts = ["a good film", "Bad film 3 e"]
    examples = [Example({"text": text}, None, "here") for text in texts]
    (found,), _ = run_alone(tmp_path / "m.onnx", feeds_of(card, examples), tmp_path)
    assert difference([found], [model.probabilities(texts)]) <= 1e-5
    with pytest.raises(ConfigError, match=r"C takes one\. Add --alone"):
        export_model(tmp_path / "m", tmp_path / "m.c")
    assert export_model(tmp_path / "m", tmp_path / "m.c", alone=True).holds.endswith("of the first network alone")
    export_model(tmp_path / "m", tmp_path / "one.onnx", alone=True)
    card = export.read_card(tmp_path / "one.onnx")
    assert card["networks"] == 1
    assert "the first network alone" in card["limits"]
    (found,) = Session((tmp_path / "one.onnx").read_bytes()).run(feeds_of(card, examples))
    assert difference([torch.from_numpy(found)], [model.alone().probabilities(texts)]) <= 1e-5


def test_what_differs_is_refused_and_leaves_nothing(tmp_path):
    model, _ = joined("table")
    wrong = graphs(model)
    model.blend = BlendWeights(1.0, 0.5)
    with pytest.raises(ElmanError, match=r"differs by .* Nothing was written"):
        write_models(tmp_path / "m.onnx", wrong, {}, force=False)
    assert not list(tmp_path.iterdir())


WRONG = {
    "times that go back": ("dt_times", lambda own: own[::-1]),
    "a time twice": ("dt_times", lambda own: np.where(np.arange(len(own)) == 2, own[1], own)),
    "no time": ("dt_times", lambda own: np.where(np.arange(len(own)) == 3, np.nan, own)),
    "a first time that is infinite": ("dt_times", lambda own: np.where(np.arange(len(own)) == 0, -np.inf, own)),
    "a negative number": ("age", lambda own: np.where(np.arange(len(own)) == 1, -1e-3, own)),
    "a number that float32 does not hold": ("age", lambda own: np.where(np.arange(len(own)) == 1, 1e39, own)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_series_with_wrong_times_or_numbers_has_no_answer_and_the_others_have_theirs(wrong, tmp_path):
    model, examples = joined("timed series", 1, bidirectional=False)
    write_models(tmp_path / "m.onnx", graphs(model.alone()), describe(model), force=False)
    session, (name, change) = Session((tmp_path / "m.onnx").read_bytes()), WRONG[wrong]
    feeds = feeds_of(export.read_card(tmp_path / "m.onnx"), [examples[place] for place in range(3)])
    (right,) = session.run(feeds)
    feeds[name][1, :4] = change(feeds[name][1, :4])
    feeds[name][1, 4:] = -feeds[name][1, 4:]  # behind the end
    (found,) = session.run(feeds)
    assert np.isnan(found[1]).all()
    assert np.array_equal(found[[0, 2]], right[[0, 2]])


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_a_step_at_a_wrong_time_has_no_answer_and_no_later_one_has(pooling, tmp_path):
    model, examples = joined("timed series", 1, own_cell="lstm", pooling=pooling, bidirectional=False)
    write_models(tmp_path / "m.onnx", step_graphs(model.alone()), describe(model), force=False)
    card = export.read_card(tmp_path / "m.onnx")
    feeds = feeds_of(card, [examples[0]])
    del feeds["lengths"]
    feeds["dt_times"][0, 5] = feeds["dt_times"][0, 2]
    names = [name for name in card["inputs"] if name.startswith("initial")]
    found, *_ = run_steps(Session((tmp_path / "m.onnx").read_bytes()), _rows_of(feeds), names)
    assert not np.isnan(found[:5]).any()
    assert np.isnan(found[5:]).all()


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize(
    "kind", ["words and letters", "characters", "series", "timed series", "timed, the start", "words and a row"]
)
def test_a_step_answers_by_the_steps_so_far(kind, pooling, tmp_path):
    model, examples = joined(kind, 1, own_cell="lstm", pooling=pooling, bidirectional=False)
    model = model.alone()
    write_models(tmp_path / "m.onnx", step_graphs(model), describe(model), force=False)
    card = export.read_card(tmp_path / "m.onnx")
    names = [name for name in card["inputs"] if name.startswith("initial")]
    session = Session((tmp_path / "m.onnx").read_bytes())
    for place in range(len(examples)):
        feeds = feeds_of(card, [examples[place]])
        del feeds["lengths"]
        if kind == "characters" and feeds["steps"].shape[1] >= 5:
            feeds = {"steps": np.concatenate([feeds["steps"], feeds["steps"][:, :1]], 1)}
        found, *_ = run_steps(session, _rows_of(feeds), names)
        expected = answers(model, Listed([examples[place]], examples.columns))
        assert difference([torch.from_numpy(found[-1])], [expected]) <= 1e-5


@pytest.mark.parametrize(
    ("kind", "count", "options", "text"),
    [
        ("characters", 3, {"bidirectional": False}, "more than one network, and a step is of one. Add --alone"),
        ("characters", 1, {}, "reads from both ends"),
        ("motifs", 1, {"bidirectional": False}, "reads several steps at once"),
        ("table", 1, {"bidirectional": False}, "reads rows, which are one step"),
    ],
)
def test_what_has_no_answer_at_a_step_is_refused(kind, count, options, text):
    model, _ = joined(kind, count, **options)
    with pytest.raises(ConfigError, match=text):
        step_graphs(model if count > 1 else model.alone())

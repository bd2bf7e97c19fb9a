"""A training that goes on from a model: what the model knows stays, bit for bit, and what is new is added."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

import elman
from answerable import write_images, write_reviews, write_series, write_sounds, write_table, write_tone
from elman.data import open_dataset
from elman.data.series.opening import open_series
from elman.errors import ConfigError, DataError
from elman.models.file import task_of
from elman.tasks import Classifier, classify
from elman.tasks.caption.reading import open_again
from elman.tasks.classify.blending import BlendWeights
from elman.tasks.registry import find
from elman.tasks.tag.batches import EncodedSentences
from elman.training import loop, pretrained
from every_recipe import subjects
from forecastable import write_sales
from grown import DATA, write_grown
from taggable import write_conllu

STILL = {"time_budget": "0.001s", "compare": False, "quiet": True}
"""The time is over after the validation that comes before the first update."""

_LONG = {"subword", "names", "series", "genome", "sound", "images", "rows"}
EVERY = [pytest.param(name, marks=[pytest.mark.slow] * (name in _LONG)) for name in DATA]

OWN = {"sales": {"validation": 15}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a small model of each recipe and input, and their data."""
    made = tmp_path_factory.mktemp("every")
    subjects(made)
    return made


def options_of(name):
    return {**STILL, **OWN.get(name, {}), **({"folds": 1} if task_of_name(name) == "classify" else {})}


def task_of_name(name):
    tasks = {"generate": ("character", "word", "subword", "names"), "tag": ("words", "chunks"), "forecast": ("sales",)}
    tasks |= {"compose": ("music",), "translate": ("pairs",), "caption": ("captions",), "transcribe": ("speech",)}
    return next((task for task, names in tasks.items() if name in names), "classify")


def go_on(folder, name, data, **options):
    path = folder / f"{name}.model"
    recipe = find(task_of(path))
    assert recipe.name == task_of_name(name)
    trained = recipe.train([str(one) for one in data], from_model=path, **{**options_of(name), **options})
    return recipe.load(path), trained


def network(model):
    """Return the weights of the first network, without those of baselines."""
    return {name: value for name, value in model.module.state_dict().items() if name != "margins"}


def plain(data):
    """Return parts of a model file without the counts of words, which add up."""
    if isinstance(data, dict):
        return {name: plain(value) for name, value in data.items() if name != "counts"}
    return data


@pytest.mark.parametrize("name", EVERY)
def test_without_an_update_a_model_that_meets_nothing_new_is_the_same(name, folder, tmp_path):
    before, after = go_on(folder, name, [folder / one for one in DATA[name]], output=tmp_path / "new.model")
    assert after.metrics["updates"] == 0
    assert after.metrics["from_model"]["name"] == f"{name}.model"
    weights = network(before)
    assert all(torch.equal(value, weights[key]) for key, value in network(after).items())
    parts = after.parts()
    for key, part in before.parts().items():
        if key not in ("blend", "members", "baselines"):
            assert plain(parts[key]) == plain(part), key
    again = find(after.task).load(tmp_path / "new.model")
    assert again.metrics["from_model"] == after.metrics["from_model"]


@torch.no_grad()
def answers(model, name, data):
    """Return what a network makes of data, by what each of its numbers stands for."""
    module, data = model.module.eval(), [str(one) for one in data]
    if model.task == "classify":
        alone = dataclasses.replace(model.alone(), blend=BlendWeights())
        outputs = alone.outputs(open_dataset(data, like=model.columns))
        return dict(zip(model.classes or ["number"], outputs.T, strict=True))
    if model.task == "tag":
        few = EncodedSentences(tag_sentences(data, model), model.encoder, model.targets).batch(range(5))
        output = module(few.steps, few.lengths)
        labels = [] if output.labels is None else output.labels.T
        chain = module.chain
        moves = (
            {}
            if chain is None
            else {
                (one, other): chain.transitions[a, b]
                for a, one in enumerate(model.targets.tags)
                for b, other in enumerate(model.targets.tags)
            }
        )
        ends = {} if chain is None else {("end", one): chain.end[a] for a, one in enumerate(model.targets.tags)}
        tags = dict(zip(model.targets.tags, output.emissions.permute(2, 0, 1), strict=True))
        return {**tags, **dict(zip(model.targets.labels, labels, strict=True)), **moves, **ends}
    if model.task == "generate":
        text = "the cat sat on the mat.\n" if name != "names" else "Nolan\n"
        given = torch.full((1, 1), model.classes.index("Irish")) if model.classes else None
        logits, _ = module(model.vocabulary.encode(text)[:, None], given=given)
        return {model.vocabulary.show(unit): logits[..., unit] for unit in range(len(model.vocabulary))}
    if model.task == "forecast":
        found = model.alone().forecast(open_series(data, like=model.columns))
        return {one.series.name: torch.from_numpy(one.point) for one in found}
    if model.task == "translate":
        source, target = model.encoder.source, model.encoder.target
        read = torch.tensor([source.encode("10110"), source.encode("11011")]).T
        written = torch.tensor([[target.end], *([unit] for unit in target.encode("26"))]).expand(-1, 2)
        logits = module(read, torch.tensor([5, 4]), written)
        return {target.show(unit): logits[..., unit] for unit in range(target.size)}
    if model.task == "caption":
        captions = open_again(model, data)
        maps = torch.from_numpy(np.stack([captions.pictures.read(one.index) for one in captions.items[:3]]))
        words = model.encoder.words
        read = torch.tensor([words.end, *words.encode("a red square")])[:, None].expand(-1, 3)
        logits = module(model.encoder.pictures.scale(maps), torch.arange(3), read)
        names = [*words.vocabulary.words, "the end", "nothing"]
        return {name: logits[..., unit] for unit, name in enumerate(names)}
    if model.task == "transcribe":
        frames = torch.linspace(-1, 1, 40 * model.encoder.width).view(40, 1, -1)
        steps, lengths = module.convolve(frames, torch.tensor([40]))
        logits = module.readout(module.recurrent(steps, None, lengths)[0])
        return {model.encoder.show(unit) if unit else "blank": logits[..., unit] for unit in range(model.encoder.units)}
    return dict(module.state_dict())


def tag_sentences(data, model):
    return elman.data.sentences.opening.open_tagged(data, like=model.layout).sentences


NOTHING_NEW = ("subword", "music", "sales")
"""Its bytes write every text, its notes are those of all music, and a new column of a table needs to be named."""


@pytest.mark.parametrize("name", EVERY)
def test_what_a_model_knows_is_answered_as_before_where_much_is_new(name, folder, tmp_path):
    before, after = go_on(folder, name, write_grown(name, tmp_path))
    assert after.metrics["updates"] == 0
    old = [folder / one for one in DATA[name]]
    known, grown = answers(before, name, old), answers(after, name, old)
    for label, value in known.items():
        assert torch.equal(value, grown[label]), label
    sizes = {key: value.numel() for key, value in network(before).items()}
    larger = [value for key, value in network(after).items() if value.numel() > sizes[key]]
    assert bool(larger) == (name not in NOTHING_NEW)
    assert all(value.dim() == 1 or float(value.std(0).min()) > 0 for value in larger), "no two new rows are alike"


def test_a_category_that_is_new_changes_nothing_for_those_that_are_known(folder, tmp_path):
    before, after = go_on(folder, "table", write_grown("table", tmp_path))
    assert after.encoder.categories["colour"] == (*before.encoder.categories["colour"], "amber")
    assert after.encoder.scaling == before.encoder.scaling
    assert (after.targets.mean, after.targets.deviation) == (before.targets.mean, before.targets.deviation)


def test_series_keep_their_number_and_their_scale(folder, tmp_path):
    before, after = go_on(folder, "sales", write_grown("sales", tmp_path), target="visits,calls,sales")
    assert list(after.reading.spreads) == [*before.reading.spreads, "calls"]
    assert list(after.reading.scales)[:2] == list(before.reading.scales)
    assert all(after.reading.scales[name] == scale for name, scale in before.reading.scales.items())
    assert torch.equal(after.module.own.weight[:3], before.module.own.weight)


def test_classes_and_words_keep_their_numbers_also_those_that_are_absent(folder, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("text,label\n" + "our opera was fair,fair\nthis opera was good,good\n" * 9)
    before, after = go_on(folder, "text", [path])
    assert after.classes == [*before.classes, "fair"]
    assert after.encoder.known[: len(before.encoder.known)] == before.encoder.known


def test_one_line_says_what_is_kept_and_what_is_new(folder, tmp_path, capsys):
    go_on(folder, "text", write_grown("text", tmp_path), quiet=False)
    line = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("goes on from"))
    known = r"1 layer kept, \d+ of \d+ words known, \d+ new; 1 new class; \d+ new letters"
    assert re.fullmatch(rf"goes on from \S+text\.model: {known}", line), line


HELD_OUT = {
    "text": lambda folder, seed: write_reviews(folder / "v.csv", 15, seed=seed),
    "table": lambda folder, seed: write_table(folder / "v.csv", 15, seed=seed),
    "series": lambda folder, seed: write_series(folder / "v.npz", 15, seed=seed),
    "sound": lambda folder, seed: write_sounds(folder / "v", 5, seed=seed),
    "rows": lambda folder, seed: write_images(folder / "v", 5, seed=seed),
    "words": lambda folder, seed: write_conllu(folder / "v.conllu", 9, seed=seed),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ("series", "sound", "rows"))) for name in HELD_OUT]
)
def test_what_is_held_out_changes_no_weight(name, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "validates_first", lambda: False)  # nothing is chosen: it validates once, at the end
    data, found = write_grown(name, tmp_path), []
    for seed in (21, 22):
        other = tmp_path / str(seed)
        other.mkdir()
        held = HELD_OUT[name](other, seed)
        options = {"time_budget": None, "epochs": 1, "learning_rate": 0.01, "validation_data": str(held)}
        if name != "words":
            options["folds"] = None
        found.append(go_on(folder, name, data, **options)[1])
    one, other = found
    assert one.metrics["validation_loss"] != other.metrics["validation_loss"]
    assert len(one.metrics["history"]) == 1
    assert all(torch.equal(value, network(other)[key]) for key, value in network(one).items())
    assert {**one.parts(), "blend": 0} == {**other.parts(), "blend": 0}


def test_the_held_out_end_of_a_series_changes_no_weight(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "validates_first", lambda: False)
    path = write_sales(tmp_path / "sales.csv", 60, columns=3)
    lines, found = path.read_text().splitlines(), []
    for factor in (1, -900):
        changed = [",".join([line.split(",")[0], *(f"{factor * float(cell)}" for cell in line.split(",")[1:])])
                   for line in lines[-15:]]  # fmt: skip
        path.write_text("\n".join([*lines[:-15], *changed]) + "\n")
        options = {"time_budget": None, "epochs": 1, "learning_rate": 0.01}
        found.append(go_on(folder, "sales", [path], **options)[1])
    one, other = found
    assert one.metrics["validation_loss"] != other.metrics["validation_loss"]
    assert all(torch.equal(value, network(other)[key]) for key, value in network(one).items())
    assert one.parts() == other.parts()


@pytest.mark.slow
def test_each_fold_goes_on_from_its_own_network(folder, tmp_path):
    data, options = folder / "r.csv", {"epochs": 1, "compare": False, "quiet": True}
    before = classify.train(data, target="label", input="text", folds=3, hidden=3, embedding=3, **options)
    after = classify.train(data, from_model=before, learning_rate=1e-30, folds=3, **options)
    assert len(after.members) == len(before.members) == 3
    for one, other in zip(before.members, after.members, strict=True):
        kept = one.module.state_dict()
        assert all(torch.equal(value, kept[key]) for key, value in other.module.state_dict().items())
        assert other.encoder == one.encoder
    more = classify.train(data, from_model=before, learning_rate=1e-30, folds=5, **options)
    first, fourth = before.members[0].module.recurrent, more.members[3].module.recurrent
    assert torch.equal(fourth.W_l0, first.W_l0)
    assert not torch.equal(fourth.W_l0, before.members[1].module.recurrent.W_l0)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("text", {"hidden": 4}, "hidden is 4, and for .*text.model it is 3"),
        ("text", {"cell": "gru"}, "The cell is gru, and that of .*text.model is lstm"),
        ("text", {"unit": "character"}, "unit is 'character', and for .* it is 'word'"),
        ("text", {"init": "xavier"}, "init is for layers that begin anew"),
        ("text", {"target": "no"}, "target is 'no', and for .* it is 'label'"),
        ("sound", {"mels": 9}, "mels is 9, and for .* it is 8"),
        ("images", {"read": "rows"}, "read is 'rows', and for .* it is 'permuted'"),
        ("subword", {"vocabulary": 300}, "vocabulary is 300, and for .* it is 262"),
        ("words", {"scheme": "iob2"}, "scheme is 'iob2', and for .* it is 'none'"),
        ("sales", {"horizon": 5}, "horizon is 5, and for .* it is 4"),
        ("pairs", {"separate": True}, "separate is True, and for .* it is False"),
        ("speech", {"streaming": True, "direction": None}, "streaming is True, and for .* it is False"),
        ("captions", {"attention": "dot"}, "attention is 'dot', and for .* it is 'bilinear'"),
        ("music", {"grid": 8}, "grid is 8, and for .* it is 16"),
    ],
)
def test_an_option_that_contradicts_the_model_is_refused(name, options, said, folder):
    with pytest.raises(ConfigError, match=said):
        go_on(folder, name, [folder / one for one in DATA[name]], **options)


def test_options_of_the_training_and_equal_ones_are_free(folder):
    options = {"hidden": 3, "cell": "lstm", "dropout": 0.1, "word_dropout": 0.2, "batch": 3, "optimizer": "adam"}
    _, after = go_on(folder, "text", [folder / "r.csv"], **options)
    assert after.configuration["dropout"] == 0.1


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("text", "t.csv", "t.csv has no column text"),
        ("text", "images", "images holds image, and the model reads text"),
        ("images", "sound", "sound holds sound, and the model reads file .image"),
        ("word", "names", "names has classes, and .*word.model has none"),
        ("names", "book.txt", "book.txt has no classes, and .*names.model has some"),
        ("sales", "r.csv", "r.csv has no column sales"),
    ],
)
def test_data_of_another_kind_are_refused(name, data, said, folder):
    with pytest.raises(DataError, match=said):
        go_on(folder, name, [folder / data])


def test_numbers_of_another_shape_are_refused(folder, tmp_path):
    np.savez(tmp_path / "s.npz", x=np.random.default_rng(1).normal(size=(20, 5, 3)), y=["a", "b"] * 10)
    with pytest.raises(DataError, match="series of 3 numbers a step, and the model reads series of 2 numbers a step"):
        go_on(folder, "series", [tmp_path / "s.npz"])
    for kind in ("lying", "standing"):
        (tmp_path / "images" / kind).mkdir(parents=True)
        for number in range(9):
            drawn = np.random.default_rng(number).integers(0, 255, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(drawn).save(tmp_path / "images" / kind / f"{number}.png")
    with pytest.raises(DataError, match="images are in colour, and the model reads images that are grey"):
        go_on(folder, "rows", [tmp_path / "images"])


def test_sounds_of_another_rate_are_refused(folder, tmp_path):
    for kind, pitch in (("high", 1500.0), ("low", 300.0)):
        (tmp_path / "sound" / kind).mkdir(parents=True)
        for number in range(6):
            write_tone(tmp_path / "sound" / kind / f"{number}.wav", pitch + number, 0.1, rate=16000)
    with pytest.raises(DataError, match="sounds of 16,000 samples a second, and the model reads sounds of 8,000"):
        go_on(folder, "sound", [tmp_path / "sound"])


def test_models_that_are_none_are_refused(folder, tmp_path):
    data = folder / "r.csv"
    with pytest.raises(DataError, match="does not exist"):
        classify.train(data, from_model=tmp_path / "none.model")
    with pytest.raises(DataError, match="is a model for 'tag', not for 'classify'"):
        classify.train(data, from_model=folder / "words.model")
    raw = bytearray((folder / "text.model").read_bytes())
    raw[-7] ^= 4
    (tmp_path / "text.model").write_bytes(raw)
    with pytest.raises(DataError, match="is damaged"):
        classify.train(data, from_model=tmp_path / "text.model")
    with pytest.raises(DataError, match="goes on from a file or a trained model, not from a int"):
        classify.train(data, from_model=7)


def test_a_model_in_memory_stays_as_it_is(folder):
    before = classify.load(folder / "text.model")
    kept = {name: value.clone() for name, value in before.weights().items()}
    after = classify.train(folder / "r.csv", from_model=before, epochs=1, folds=1, compare=False, quiet=True)
    assert all(torch.equal(value, kept[name]) for name, value in before.weights().items())
    assert after.metrics["updates"] > 0
    assert after.metrics["from_model"]["name"] == pretrained.IN_MEMORY


def test_the_output_may_be_the_model_itself_by_force(folder, tmp_path):
    path = tmp_path / "own.model"
    path.write_bytes((folder / "text.model").read_bytes())
    options = {"output": path, "from_model": path, "epochs": 1, "folds": 1, "compare": False, "quiet": True}
    with pytest.raises(DataError, match=r"exists\. Give --force"):
        classify.train(folder / "r.csv", **options)
    trained = classify.train(folder / "r.csv", force=True, **options)
    assert classify.load(path).metrics["from_model"] == trained.metrics["from_model"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_weights_that_it_begins_with_stay_where_no_update_is_better(folder):
    options = {"time_budget": None, "epochs": 2, "learning_rate": 100.0, "optimizer": "sgd", "clip_norm": 1e9}
    before, after = go_on(folder, "text", [folder / "r.csv"], **options)
    assert after.metrics["updates"] > 0
    history = after.metrics["history"]
    assert history[0][0] == 0
    if after.metrics["best_update"] == 0:
        assert all(torch.equal(value, network(before)[key]) for key, value in network(after).items())
    assert after.metrics["validation_loss"] == min(loss for _, _, loss in history if loss is not None)


def test_the_default_rate_is_a_share_of_the_usual_one(folder, tmp_path):
    log = tmp_path / "run.jsonl"
    options = {"time_budget": None, "epochs": 1, "schedule": "constant", "log": log}
    _, after = go_on(folder, "words", [folder / "w.conllu"], **options)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    *_, last = [event for event in events if event["event"] == "validation"]
    assert last["learning_rate"] == pytest.approx(0.004 * pretrained.RATE * after.metrics["updates"] / 50)


def test_examples_of_either_training_are_recognised(folder, tmp_path):
    data = write_grown("text", tmp_path)
    _, after = go_on(folder, "text", data)
    for path in (folder / "r.csv", *data):
        encoded = after.encode(open_dataset([path], like=after.columns))
        assert after.compare_learnt(encoded.prints).learnt > 0.6 * len(encoded)


def test_what_the_model_has_learnt_from_is_said_of_what_is_held_out(folder, capsys):
    go_on(folder, "text", [folder / "r.csv"], quiet=False, seed=5)
    assert re.search(r"\d+ of the \d examples? held out were? learnt from by \S+text.model", capsys.readouterr().err)


def test_another_model_is_another_training(folder, tmp_path):
    def stop(*_):
        raise RuntimeError("enough")

    options = {"epochs": 3, "folds": 1, "compare": False, "quiet": True, "output": tmp_path / "new.model"}
    with pytest.raises(RuntimeError, match="enough"):
        classify.train(folder / "r.csv", from_model=folder / "text.model", callbacks=[stop], **options)
    assert list(tmp_path.glob("*checkpoint*")), "there is something to go on with"
    other = tmp_path / "other.model"
    classify.train(
        folder / "r.csv", target="label", input="text", **{**options, "output": other}, hidden=3, embedding=3
    )
    with pytest.raises(DataError, match="is of another training"):
        classify.train(folder / "r.csv", from_model=other, resume=True, **options)
    resumed = classify.train(folder / "r.csv", from_model=folder / "text.model", resume=True, **options)
    whole = classify.train(folder / "r.csv", from_model=folder / "text.model", **{**options, "output": None})
    assert all(torch.equal(value, whole.weights()[key]) for key, value in resumed.weights().items())


@pytest.mark.slow
def test_a_search_keeps_what_the_model_decides(folder, tmp_path):
    pytest.importorskip("optuna")
    options = {"search": 3, "epochs": 1, "folds": 1, "compare": False, "quiet": True}
    found = classify.train(folder / "r.csv", from_model=folder / "text.model", **options)
    tried = [one["options"] for one in found.metrics["search"]["tried"]]
    assert all(not {"hidden", "layers", "unit", "pooling"} & one.keys() for one in tried)
    assert any("learning_rate" in one for one in tried)


def test_a_classifier_knows_the_classes_of_the_model_that_it_went_on_from():
    texts = ["a good start", "a bad start", "so good", "so bad"] * 8
    options = {"hidden": 6, "epochs": 3, "folds": 1, "learning_rate": 0.02, "seed": 3}
    first = Classifier(**options).fit(texts, [1, 0, 1, 0] * 8)
    more = Classifier(from_model=first.model_, epochs=3, folds=1).fit(["so fair", "so good"] * 9, [2, 1] * 9)
    assert more.classes_.tolist() == [1, 2, 0]
    assert more.predict_proba(["so bad"]).shape == (1, 3)
    assert set(more.predict(["so bad", "so fair"])) <= {0, 1, 2}
    with pytest.raises(DataError, match="knows the class '0'"):
        Classifier(from_model=first.model_, epochs=1, folds=1).fit(texts, [True, False, True, False] * 8)


@pytest.mark.slow
def test_of_few_examples_more_is_learnt_by_going_on(tmp_path):
    """The same kind of sentences, few of them: the model that has read others begins far ahead."""
    base = write_reviews(tmp_path / "base.csv", 300, seed=11)
    few, held = write_reviews(tmp_path / "few.csv", 24, seed=12), write_reviews(tmp_path / "held.csv", 100, seed=13)
    small = {"target": "label", "input": "text", "hidden": 16, "embedding": 12, "quiet": True, "compare": False}
    model = classify.train(base, folds=1, epochs=8, **small)
    options = {"validation_data": str(held), "epochs": 5, "quiet": True, "compare": False}
    tuned = classify.train(few, from_model=model, **options)
    scratch = classify.train(few, **{**small, **options})
    assert tuned.metrics["validation_loss"] < 0.5 * scratch.metrics["validation_loss"]

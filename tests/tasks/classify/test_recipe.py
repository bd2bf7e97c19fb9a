"""A tiny task of each kind of input is learnt, kept in one file, and answered again from that file."""

import random

import numpy as np
import pytest
import torch

from answerable import (
    write_genome,
    write_images,
    write_reviews,
    write_series,
    write_sounds,
    write_table,
    write_tone,
)
from elman.data import open_dataset
from elman.data.dataset import Columns, Sound
from elman.data.examples.values import open_values
from elman.encoders.batches import EncodedSet, answer
from elman.errors import ConfigError, DataError
from elman.tasks import classify
from elman.tasks.classify import recipe
from elman.tasks.classify.blending import BlendWeights
from forged import forge

SMALL = {"hidden": 17, "batch": 8, "epochs": 12, "dropout": 0.0, "learning_rate": 0.01, "quiet": True}


def learn(data, folder, **options):
    path = folder / "m.elman.safetensors"
    classify.train(data, output=path, force=True, **{**SMALL, **options})
    return classify.load(path)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reviews")
    return learn(write_reviews(folder / "reviews.csv"), folder)


def test_text_is_read_in_its_order(reviews, tmp_path):
    assert reviews.predict(["the film was good, and my trip was bad", "his joke was bad, and that play was good"]) == [
        "good",
        "bad",
    ]
    unseen = open_dataset([write_reviews(tmp_path / "more.csv", 50, seed=2)], like=reviews.columns)
    assert reviews.evaluate(unseen).accuracy > 0.95
    assert reviews.metrics["validation"]["accuracy"] > 0.95
    assert reviews.metrics["baseline"]["accuracy"] < 0.8
    assert "Order matters" in reviews.metrics["verdict"]
    shares = reviews.probabilities(["the film was good, and my trip was bad"])
    assert shares.shape == (1, 2)
    assert float(shares.sum()) == pytest.approx(1)
    assert shares[0, reviews.classes.index("good")] > 0.8


def test_series_of_unequal_lengths(tmp_path):
    model = learn(write_series(tmp_path / "train.npz"), tmp_path)
    unseen = open_dataset([write_series(tmp_path / "test.npz", 60, seed=2)], like=model.columns)
    assert model.evaluate(unseen).accuracy > 0.9
    rising = np.stack([np.linspace(-1, 1, 9), np.zeros(9)], axis=1)
    assert model.predict([rising, -rising[:4]]) == ["rises", "falls"]


def test_a_table_of_single_rows_gives_a_number(tmp_path):
    model = learn(write_table(tmp_path / "t.csv"), tmp_path, target="price", epochs=40)
    assert model.targets.kind == "number"
    unseen = open_dataset([write_table(tmp_path / "more.csv", 60, seed=2)], like=model.columns)
    assert model.evaluate(unseen).r2 > 0.9
    [low, high] = model.predict(
        [{"size": 2.0, "colour": "blue", "weight": 50.0}, {"size": 8.0, "colour": "red", "weight": float("nan")}]
    )
    assert low == pytest.approx(20, abs=8)
    assert high == pytest.approx(105, abs=12)


def test_sound_of_two_pitches(tmp_path):
    model = learn(write_sounds(tmp_path / "tones"), tmp_path, epochs=6)
    assert model.metrics["validation"]["accuracy"] == 1.0
    paths = [write_tone(tmp_path / "a.wav", 300.0, 0.15), write_tone(tmp_path / "b.wav", 2000.0, 0.1)]
    assert model.predict(open_dataset(paths, like=model.columns)) == ["low", "high"]
    samples = np.sin(np.arange(1500) * 2 * np.pi * 320 / 8000).astype(np.float32) / 2
    assert model.predict([Sound(samples, 8000)]) == ["low"]


@pytest.mark.parametrize(
    ("options", "longest"),
    [
        ({"read": "pixels", "cell": "gru"}, 12 * 12),
        ({"read": "pixels", "cell": "lstm", "chrono": 9}, 9),
        ({"read": "pixels", "cell": "gru", "forget_bias": 1.0}, None),
        ({"read": "pixels", "cell": "gru", "init": "orthogonal"}, None),
        ({"read": "pixels", "cell": "elman"}, None),
        ({"read": "rows", "cell": "gru"}, None),
    ],
)
def test_pixels_in_order_have_chrono_initialisation_unless_an_option_is_given(options, longest, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(recipe, "start", lambda layer, how, bias, chrono: started.append(chrono))
    classify.train(write_images(tmp_path / "stripes"), **{**SMALL, **options, "epochs": 1}, compare=False)
    assert set(started) == {longest}


@pytest.mark.parametrize(
    ("options", "rate", "epochs"),
    [
        ({"read": "pixels"}, 0.008, 10),
        ({"read": "pixels", "learning_rate": 0.02, "epochs": 2}, 0.02, 2),
        ({"read": "pixels", "optimizer": "sgd"}, 0.5, 10),
        ({"read": "rows"}, 0.004, 5),
    ],
)
def test_pixels_in_order_are_learnt_for_longer_and_faster(options, rate, epochs, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe.choose_epochs, "__kwdefaults__", {"updates": 1, "fewest": 5, "most": 60})
    kept = []

    class Stopped(recipe.Trainer):
        def __init__(self, module, settings, progress) -> None:
            kept.append((settings.learning_rate, settings.epochs))
            raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "Trainer", Stopped)
    with pytest.raises(KeyboardInterrupt):
        classify.train(write_images(tmp_path / "stripes"), quiet=True, compare=False, hidden=3, batch=8, **options)
    assert kept == [(rate, epochs)]


def test_images_of_two_patterns(tmp_path):
    model = learn(write_images(tmp_path / "stripes"), tmp_path, epochs=6)
    assert model.metrics["validation"]["accuracy"] == 1.0
    unseen = write_images(tmp_path / "more", 5, seed=2)
    assert model.evaluate(open_dataset([unseen], like=model.columns)).accuracy == 1.0
    assert model.predict(open_dataset(sorted((unseen / "lying").iterdir()), like=model.columns)) == ["lying"] * 5


def test_a_genome_with_and_without_a_box(tmp_path, caplog):
    model = learn(write_genome(tmp_path), tmp_path, epochs=8)
    (tmp_path / "more").mkdir()
    unseen = open_dataset(write_genome(tmp_path / "more", 40, seed=2), like=model.columns)
    assert model.evaluate(unseen).accuracy > 0.9
    assert not caplog.messages
    model.predict(["ACGTACG", "ACGT" * 8])
    assert "2 of 2 sequences differ in length from those of training, which have 28 steps" in caplog.messages[-1]


def test_several_labels_at_once():
    colours = ("red", "green", "blue")
    rows = [tuple(name for name, bit in zip(colours, f"{n:03b}", strict=True) if bit == "1") for n in range(8)] * 12
    texts = [" ".join(("a", *labels[::-1], "thing")) for labels in rows]
    columns = Columns({"text": "text"}, target="colours", target_kind="labels")
    model = classify.train(open_values(texts, columns, rows), **SMALL, unit="word")
    assert model.classes == ["blue", "green", "red"]
    assert model.predict(["a red thing", "a thing", "a blue green thing"]) == [("red",), (), ("blue", "green")]
    assert model.metrics["validation"]["micro_f1"] > 0.95


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    data = write_series(tmp_path / "s.npz", 40)
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        torch.rand(7)
        classify.train(data, output=tmp_path / name, **{**SMALL, "epochs": 2, "seed": seed, "dropout": 0.3})
    one, two, three = ((tmp_path / name).read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_training_leaves_the_caller_s_randomness_alone(tmp_path):
    data = write_series(tmp_path / "s.npz", 20)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    classify.train(data, **{**SMALL, "epochs": 1})
    assert torch.equal(torch.rand(3), expected)


def test_neither_padding_nor_company_changes_an_answer(tmp_path):
    data = write_series(tmp_path / "s.npz", 40)
    model = classify.train(data, **{**SMALL, "epochs": 1})
    series = [open_dataset([data], like=model.columns)[index].values["x"] for index in range(40)]
    together = model.outputs(series)
    alone = torch.cat([model.outputs([one]) for one in series])
    assert torch.allclose(together, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_every_pooling_is_kept_in_the_file(tmp_path, pooling):
    data = write_series(tmp_path / "s.npz", 20)
    model = classify.train(data, **{**SMALL, "epochs": 1, "pooling": pooling}, output=tmp_path / "m")
    series = [np.ones((5, 2)), np.zeros((3, 2))]
    assert torch.equal(classify.load(tmp_path / "m").outputs(series), model.outputs(series))


def test_the_best_weights_stay_and_are_what_is_reported(tmp_path):
    data, apart = write_series(tmp_path / "s.npz", 60), write_series(tmp_path / "v.npz", 50, seed=9)
    options = {**SMALL, "epochs": 80, "learning_rate": 0.05, "schedule": "constant", "patience": 100, "alone": True}
    model = classify.train(data, validation_data=str(apart), **options)
    history = model.metrics["history"]
    assert len(history) > 3
    found = model.evaluate(open_dataset([apart], like=model.columns))
    assert found.accuracy == model.metrics["validation"]["accuracy"]
    model.blend = BlendWeights()
    plain = model.evaluate(open_dataset([apart], like=model.columns))
    assert model.metrics["validation_loss"] == pytest.approx(plain.log_loss, rel=1e-4)
    best = next(loss for update, _, loss in history if update == model.metrics["best_update"])
    assert best == model.metrics["validation_loss"]


def test_scales_are_learnt_from_the_training_part_alone(tmp_path):
    drawn = np.random.default_rng(1)
    for name, shift in (("train", 0.0), ("apart", 1000.0)):
        np.savez(tmp_path / f"{name}.npz", x=drawn.normal(shift, 1, (30, 4, 1)), y=["a", "b"] * 15)
    apart = str(tmp_path / "apart.npz")
    model = classify.train(tmp_path / "train.npz", validation_data=apart, **{**SMALL, "epochs": 1})
    [mean] = model.encoder.to_dict()["scaling"]["means"]
    assert abs(mean) < 1


def test_groups_are_kept_together(tmp_path):
    lines = ["speaker,text,label"]
    lines += [
        f"s{n % 6},{'so good' if n % 2 else 'too bad'} said {n % 5},{'yes' if n % 2 else 'no'}" for n in range(60)
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    model = classify.train(tmp_path / "t.csv", group="speaker", input="text", **{**SMALL, "epochs": 1})
    assert model.metrics["validation_examples"] % 10 == 0


def test_a_score_rests_on_groups_and_not_on_examples(tmp_path, capsys):
    drawn = random.Random(4)
    lines = ["speaker,text,label"]
    lines += [f"s{n % 8},{drawn.random()} {drawn.random()},{'yes' if n % 3 else 'no'}" for n in range(160)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    options = {**SMALL, "epochs": 1, "input": "text", "quiet": False, "compare": True}
    model = classify.train(tmp_path / "t.csv", group="speaker", **options)
    found = model.metrics["validation"]
    assert (found["count"], found["independent"] < 10) == (40, True)
    low, high = found["accuracy_interval"]
    assert high - low > 0.6
    said = capsys.readouterr().err
    assert "2 of the 8 groups of speaker are held out: the score says little of others" in said
    assert "--group" not in said
    whole = model.evaluate(open_dataset([tmp_path / "t.csv"], like=model.columns))
    assert whole.worth < whole.count == 160
    classify.train(tmp_path / "t.csv", **options)
    assert "--group speaker keeps them on one side" in " ".join(capsys.readouterr().err.split())


def test_a_label_on_validation_data_that_was_never_learnt_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\n" + "so good,yes\ntoo bad,no\n" * 5)
    (tmp_path / "v.csv").write_text("text,label\nso good,yes\nso so,maybe\n")
    with pytest.raises(DataError, match=r"'maybe' \(.*v.csv line 3\)"):
        classify.train(tmp_path / "t.csv", validation_data=str(tmp_path / "v.csv"), **SMALL)


@pytest.mark.parametrize("option", [{"label_smoothing": 0.1}, {"class_weights": True}])
def test_options_of_classes_are_refused_for_numbers(tmp_path, option):
    with pytest.raises(ConfigError, match=f"{next(iter(option))} is for classes, and the target price is a number"):
        classify.train(write_table(tmp_path / "t.csv", 20), target="price", **option, quiet=True)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["good,a", "bad,a"] * 5, "so there is nothing to tell apart"),
        (["good,a", "bad,a", "odd,b"], r"A class has one example: 'b', in .*t\.csv line 4\."),
    ],
)
def test_too_little_to_tell_apart_is_refused_before_anything_is_written(tmp_path, rows, said):
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    with pytest.raises(DataError, match=said):
        classify.train(tmp_path / "t.csv", target="label", input="text", output=tmp_path / "m", **SMALL)
    assert not (tmp_path / "m").exists()


def test_options_are_those_of_the_settings(tmp_path):
    with pytest.raises(ConfigError, match=r"no option 'hiden'\. Did you mean hidden"):
        classify.train(tmp_path / "t.csv", hiden=3)


def test_one_short_epoch_is_enough_for_a_time_budget(tmp_path):
    model = classify.train(
        write_series(tmp_path / "s.npz", 40),
        time_budget="1s",
        epochs="auto",
        patience=10**6,
        quiet=True,
        hidden=7,
        output=tmp_path / "m",
    )
    assert model.stopped == "time budget"
    assert model.metrics["validation"]["count"] == 8


def test_the_model_file_names_the_columns_that_it_reads(reviews, tmp_path):
    reviews.save(tmp_path / "m")
    assert classify.load(tmp_path / "m").columns == reviews.columns
    assert reviews.columns.inputs == {"text": "text"}
    assert (tmp_path / "m").read_bytes().count(b"reviews.csv") == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda h, w: h["configuration"].update(hidden=10**9), id="a giant"),
        pytest.param(lambda h, w: h["configuration"].update(layers=10**6), id="a tower"),
        pytest.param(lambda h, w: h["configuration"].update(pooling="guess"), id="unknown pooling"),
        pytest.param(lambda h, w: h["targets"].update(classes=["a"] * 2), id="equal classes"),
        pytest.param(lambda h, w: h["targets"].update(classes=["a", "b", "c"]), id="a class too many"),
        pytest.param(lambda h, w: h["targets"].pop("kind"), id="no kind"),
        pytest.param(lambda h, w: h["encoder"].update(kind="oracle"), id="unknown encoder"),
        pytest.param(lambda h, w: h["encoder"].clear(), id="empty encoder"),
        pytest.param(lambda h, w: h["encoder"]["known"].append("more"), id="a word too many"),
        pytest.param(lambda h, w: h["columns"].update(inputs={"text": "smell"}), id="unknown kind of column"),
        pytest.param(lambda h, w: h["columns"].update(inputs=7), id="inputs that are none"),
        pytest.param(lambda h, w: h["columns"].update(inputs={"text": "number"}), id="text that is a number"),
        pytest.param(lambda h, w: h["columns"].update(inputs={"more": "text"}), id="another column"),
        pytest.param(lambda h, w: h["columns"].update(target_kind="number"), id="a target of another kind"),
        pytest.param(lambda h, w: h["encoder"].update(width=3.5), id="half a letter"),
        pytest.param(lambda h, w: h["encoder"].update(width=2**62), id="a word of letters without end"),
        pytest.param(lambda h, w: h["configuration"].update(hidden=17.0), id="a size that is no whole number"),
        pytest.param(lambda h, w: h["configuration"].update(dropout="0.5"), id="a chance that is a text"),
        pytest.param(lambda h, w: h["configuration"].update(bidirectional=1), id="a switch that is a number"),
        pytest.param(lambda h, w: h["configuration"].update(heads=4), id="an unknown setting"),
        pytest.param(lambda h, w: w.update({n: one.to(torch.float8_e5m2) for n, one in w.items()}), id="eight bits"),
        pytest.param(lambda h, w: w.pop("readout.weight"), id="no weights"),
        pytest.param(lambda h, w: w.update({"readout.bias": w["readout.bias"].double()}), id="mixed types"),
    ],
)
def test_forged_files_are_refused(reviews, tmp_path, change):
    path = tmp_path / "m"
    reviews.save(path)
    forge(path, change)
    with pytest.raises(DataError, match=r"m is damaged: its parts do not fit") as caught:
        classify.load(path)
    assert "\n" not in str(caught.value)


def test_values_that_do_not_fit_are_refused(reviews):
    with pytest.raises(DataError, match=r"example 2, text: this is no text \(int is no text\)"):
        reviews.predict(["so good", 7])
    with pytest.raises(DataError, match="example 1 has no column text"):
        reviews.predict([{"txt": "so good"}])
    assert reviews.predict([]) == []


def test_an_answer_does_not_depend_on_training_mode(reviews):
    examples = open_values(["the film was good"], reviews.columns)
    encoded = EncodedSet(examples, [0], reviews.encoder, torch.zeros(1))
    reviews.module.train()
    try:
        assert torch.equal(answer(reviews.module, encoded), reviews.outputs(["the film was good"]))
        assert reviews.module.training
    finally:
        reviews.module.eval()


def test_a_first_row_in_place_of_a_header_is_named_where_classes_cannot_be_split(tmp_path):
    table = tmp_path / "sms.tsv"
    table.write_text("".join(f"{'ham' if k % 3 else 'spam'}\tmessage {k} {'of many words ' * 9}\n" for k in range(60)))
    with pytest.raises(DataError, match="classes have one example each") as refused:
        classify.train(table, quiet=True)
    assert len(str(refused.value)) < 500
    assert any("'spam' is a value of its column as well" in note for note in refused.value.__notes__)


def test_a_genome_without_classes_is_told_where_they_are_written(tmp_path):
    (tmp_path / "p53.fasta").write_text(">a one\nMEEPQSDPSVEPPLSQETFSD\n>b two\nMEESQAELGVEPPLSQETFSG\n")
    with pytest.raises(DataError, match="label=CLASS"):
        classify.train(tmp_path / "p53.fasta", quiet=True)

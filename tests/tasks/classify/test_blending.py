"""Answers are mixed and made honest by what is learnt on other answers than those it is measured on, and kept."""

import random

import numpy as np
import pytest
import torch

from answerable import write_reviews
from elman.data import open_dataset
from elman.data.dataset import Columns, Example
from elman.encoders.batches import answer
from elman.encoders.settings import InputSettings
from elman.encoders.targets import Targets
from elman.encoders.words import learn_words
from elman.errors import ConfigError, DataError
from elman.tasks import classify
from elman.tasks.classify.baseline.linear import train_baseline
from elman.tasks.classify.baseline.storage import read_baseline, write_baseline
from elman.tasks.classify.blending import BlendWeights, blend, draw_parts
from elman.tasks.classify.calibration_picture import draw_calibration
from elman.tasks.classify.settings import ClassifySettings
from few_examples import encoded
from forged import forge

CLASSES = Targets("category", ("a", "b", "c"))
SMOOTH = {"hidden": 11, "batch": 8, "epochs": 8, "learning_rate": 0.01, "label_smoothing": 0.5, "quiet": True}
TINY = {"hidden": 7, "batch": 8, "epochs": 3, "learning_rate": 0.01, "quiet": True}


def draw_answers(count, temperature):
    """Draw logits that are surer than their classes by a factor."""
    drawn = torch.Generator().manual_seed(5)
    honest = 1.7 * torch.randn(count, 3, generator=drawn)
    return temperature * honest, honest.softmax(1).multinomial(1, generator=drawn)[:, 0]


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_temperature_that_made_probabilities_wrong_is_found(temperature):
    outputs, right = draw_answers(3000, temperature)
    found = blend(CLASSES, outputs, None, right, draw_parts(3000, None, seed=1))
    assert found.weights.temperature == pytest.approx(temperature, rel=0.1)
    assert found.weights.baseline == 0
    assert torch.equal(found.outputs.argmax(1), outputs.argmax(1)), "no answer changes"
    assert CLASSES.loss(found.outputs, right) < CLASSES.loss(outputs, right)


def draw_opinions(count, network, baseline):
    """Draw two opinions, and classes by their mixture."""
    drawn = torch.Generator().manual_seed(8)
    one, other = 2 * torch.randn(count, 3, generator=drawn), torch.randn(count, 3, generator=drawn)
    return one, other, (network * one + baseline * other).softmax(1).multinomial(1, generator=drawn)[:, 0]


def test_two_opinions_are_mixed_as_their_classes_were():
    one, other, right = draw_opinions(4000, 0.6, 1.3)
    found = blend(CLASSES, one, other, right, draw_parts(4000, None, seed=1))
    assert found.weights.network == pytest.approx(0.6, rel=0.1)
    assert found.weights.baseline == pytest.approx(1.3, rel=0.1)
    assert CLASSES.loss(found.outputs, right) < CLASSES.loss(found.alone, right)
    assert torch.allclose(found.weights.mix(one, other), found.outputs, atol=0.2)


def test_an_opinion_that_says_nothing_is_not_mixed_in():
    one, other, right = draw_opinions(300, 1.0, 0.0)
    found = blend(CLASSES, one, other, right, draw_parts(300, None, seed=1))
    assert found.weights.baseline == pytest.approx(0, abs=0.1)
    assert found.weights.network == pytest.approx(1, abs=0.2)
    assert CLASSES.loss(found.outputs, right) < CLASSES.loss(found.alone, right) + 0.01


@pytest.mark.parametrize("mixed", [False, True])
def test_an_answer_is_measured_by_weights_of_other_answers(mixed):
    one, other, right = draw_opinions(95, 0.4, 1.0)
    baseline = other if mixed else None
    parts = draw_parts(95, [f"s{number // 7}" for number in range(95)], seed=2)
    assert len(set(parts)) == 5
    assert all(len(set(parts[at : at + 7])) == 1 for at in range(0, 95, 7)), "a group lies in one part"
    apart = torch.tensor(parts) == 3
    swapped = right.where(~apart, (right + 1) % 3)
    found = [blend(CLASSES, one, baseline, these, parts) for these in (right, swapped)]
    assert torch.equal(found[0].outputs[apart], found[1].outputs[apart])
    assert not torch.equal(found[0].outputs[~apart], found[1].outputs[~apart])


def test_numbers_are_mixed_and_have_no_temperature():
    drawn = torch.Generator().manual_seed(3)
    right = torch.randn(500, generator=drawn)
    one, other = (right[:, None] + torch.randn(500, 1, generator=drawn) for _ in range(2))
    numbers, parts = Targets("number"), draw_parts(500, None, seed=1)
    found = blend(numbers, one, other, right, parts)
    # Both have as much noise as signal: a third of each is the regression on both.
    assert found.weights.network == pytest.approx(1 / 3, abs=0.08)
    assert found.weights.baseline == pytest.approx(1 / 3, abs=0.08)
    assert blend(numbers, one, None, right, parts).weights.network == 1


def test_few_perfect_answers_do_not_make_probabilities_certain():
    outputs = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]]).repeat(4, 1)
    found = blend(CLASSES, outputs, None, torch.tensor([0, 1, 2] * 4), draw_parts(12, None, seed=1))
    assert 0.25 < found.weights.temperature < 1


def test_labels_have_a_temperature():
    drawn = torch.Generator().manual_seed(4)
    honest = torch.randn(900, 2, generator=drawn)
    truth = (honest.sigmoid() > torch.rand(900, 2, generator=drawn)).float()
    found = blend(Targets("labels", ("a", "b")), 4 * honest, None, truth, draw_parts(900, None, seed=1))
    assert found.weights.temperature == pytest.approx(4, rel=0.25)


def test_a_model_keeps_its_temperature_and_says_what_it_is_worth(tmp_path):
    path = tmp_path / "m"
    model = classify.train(write_reviews(tmp_path / "r.csv", 120), output=path, **SMOOTH, compare=False)
    assert model.blend.network != 1
    again, texts = classify.load(path), ["the film was good", "bad", "his play was bad, and my trip was good"]
    assert torch.equal(again.outputs(texts), model.outputs(texts))
    plain = classify.load(path)
    plain.blend = BlendWeights()
    assert torch.equal(again.outputs(texts), plain.outputs(texts) * model.blend.network)
    validation = model.metrics["validation"]
    assert validation["log_loss"] < validation["uncalibrated"]["log_loss"]
    forge(path, lambda entry, _: entry["blend"].update(network=0.0))
    with pytest.raises(DataError, match="multiplied with 0"):
        classify.load(path)


def write_bags(path, count=90):
    """Write texts whose class is a matter of which words they have, in any order, with some noise."""
    drawn = random.Random(6)
    rows = []
    for _ in range(count):
        words = drawn.choices(("sun", "sea", "rain", "fog", "hill", "road"), k=7)
        sunny = words.count("sun") + words.count("sea") - words.count("rain") - words.count("fog")
        rows.append(f"{' '.join(words)},{'fine' if sunny + drawn.gauss(0, 1) > 0 else 'wet'}\n")
    path.write_text("text,label\n" + "".join(rows))
    return path


@pytest.mark.parametrize("folds", [1, 3])
def test_where_order_says_nothing_the_bag_is_mixed_in_and_kept(folds, tmp_path):
    path, options = tmp_path / "m", {**TINY, "epochs": 1, "folds": folds}
    model = classify.train(write_bags(tmp_path / "t.csv"), output=path, **options)
    assert model.blend.baseline > 0
    validation, alone = model.metrics["validation"], model.metrics["network"]
    assert validation["log_loss"] < min(alone["log_loss"], validation["uncalibrated"]["log_loss"])
    assert "The answers of both are mixed: accuracy" in model.metrics["verdict"]
    again, texts = classify.load(path), ["sun sea hill", "rain", "fog sun fog road", "unknown words"]
    together = again.outputs(texts)
    assert torch.equal(together, model.outputs(texts))
    assert torch.equal(together, torch.cat([again.outputs([text]) for text in texts]))
    assert again.parts() == model.parts()
    assert again.parameters == model.parameters
    members = [(one.module, one.encoder, one.baseline) for one in again.members]
    examples = model.encode(open_dataset([tmp_path / "t.csv"], like=model.columns))
    by_hand = 0
    for module, encoder, baseline in members:
        read = examples.encoded_by(encoder)
        by_hand += model.blend.network * answer(module, read) + model.blend.baseline * baseline.outputs(read)
    assert torch.allclose(model.answer(examples), by_hand / folds, rtol=1e-5, atol=1e-6)
    lonely = classify.train(tmp_path / "t.csv", **options, alone=True)
    assert (lonely.blend.baseline, lonely.baseline) == (0, None)
    assert "mixed" not in lonely.metrics["verdict"]


def test_frames_are_read_by_a_stored_baseline_alone_as_in_a_batch(tmp_path):
    drawn = np.random.default_rng(3)
    values = [drawn.normal(size=(drawn.integers(2, 9), 3)).astype(np.float32) for _ in range(40)]
    names = ["ab"[int(value[:, 1].mean() > 0)] for value in values]
    for value in values:
        value[:, 2] = 5.0  # a number that never varies
    targets, columns = Targets("category", ("a", "b")), Columns({"x": "series"})
    examples = encoded(values, names, targets, columns)
    baseline = train_baseline(examples, examples, targets, units=None, seconds=0.3)
    again = read_baseline(*write_baseline(baseline))
    together = again.outputs(examples)
    assert torch.equal(together, baseline.outputs(examples))
    alone = [again.outputs(encoded([value], ["a"], targets, columns)) for value in values]
    assert torch.equal(together, torch.cat(alone))
    assert again.parameters == baseline.parameters


def test_a_stored_baseline_knows_the_places_of_units():
    drawn = np.random.default_rng(5)
    texts = ["".join(drawn.choice(list("acgt"), 7)) for _ in range(60)]
    names = ["ab"[text[2] == "g"] for text in texts]
    targets, columns = Targets("category", ("a", "b")), Columns({"x": "letters"})
    examples = encoded(texts, names, targets, columns)
    baseline = train_baseline(examples, examples, targets, units="letters", places=7)
    assert (baseline.what, baseline.reads_order) == ("a bag of letters and their places", True)
    again = read_baseline(*write_baseline(baseline))
    assert torch.equal(again.outputs(examples), baseline.outputs(examples))
    assert targets.decode(again.outputs(examples)) == names


@pytest.mark.parametrize("unit", ["word", "character"])
def test_a_stored_baseline_knows_its_ngrams(unit):
    drawn = random.Random(7)
    texts = ["".join(drawn.choices("abcd ", k=drawn.randint(1, 19))) for _ in range(83)]
    names = ["ab"["abc" in text] for text in texts]
    targets, columns = Targets("category", ("a", "b")), Columns({"x": "text"})
    encoder = learn_words(columns, [Example({"x": text}, None, "") for text in texts], InputSettings(unit=unit))
    steps = [encoder.encode(Example({"x": text}, None, "")) for text in texts]
    examples = encoded(steps, names, targets, columns)
    baseline = train_baseline(examples, examples, targets, units=f"{unit}s", ngrams=encoder.ngrams)
    what = {"word": "a bag of words with n-grams of letters", "character": "a bag of characters with n-grams"}[unit]
    assert (baseline.what, baseline.reads_order) == (what, unit == "character")
    again = read_baseline(*write_baseline(baseline))
    together = again.outputs(examples)
    assert torch.equal(together, baseline.outputs(examples))
    assert torch.equal(together, torch.cat([again.outputs(encoded([one], ["a"], targets, columns)) for one in steps]))
    assert targets.decode(together) == names


@pytest.mark.parametrize("name", ["baseline.reader.known", "baseline.module.weight"])
def test_a_file_whose_baseline_does_not_fit_is_damaged(name, tmp_path):
    path = tmp_path / "m"
    classify.train(write_bags(tmp_path / "t.csv"), output=path, **{**TINY, "epochs": 1})
    forge(path, lambda _, weights: weights.update({name: weights[name].flip(0)[:-1].contiguous()}))
    with pytest.raises(DataError, match="damaged"):
        classify.load(path)


def test_a_loss_chooses_other_weights_than_an_accuracy():
    targets = torch.tensor([0, 1, 2, 2])
    unsure = torch.eye(3)[[0, 1, 2, 1]] * 0.3
    sure = torch.eye(3)[[0, 1, 2, 2]] * 0.2
    wrong = torch.eye(3)[[0, 1, 2, 1]] * 9.0
    by = {name: [CLASSES.measure(one, targets, None, name) for one in (unsure, sure, wrong)] for name in ("f1", "loss")}
    assert by["loss"][0].better_than(by["loss"][2]), "the same answers, and less sure of the wrong one"
    assert by["f1"][1].better_than(by["f1"][0])
    assert by["f1"][0].score == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert ClassifySettings().select is None
    with pytest.raises(ConfigError, match="must be one of loss, accuracy, f1"):
        ClassifySettings(select="bleu")


def test_numbers_are_chosen_by_their_loss_alone(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{7 * n % 20}.5,{2.5 * n}\n" for n in range(20)))
    with pytest.raises(ConfigError, match="select is for classes"):
        classify.train(tmp_path / "t.csv", target="y", select="accuracy", **TINY)


def test_the_picture_of_probabilities_is_written(tmp_path):
    outputs, right = draw_answers(200, 2.0)
    from elman.scores.calibration import reliability_of

    draw_calibration(reliability_of(right, outputs.softmax(1)), tmp_path / "r.svg")
    assert (tmp_path / "r.svg").read_text().count("<path") > 20

"""What a language model is compared with: the n-gram model of what it learns from, on the same places."""

import math

import numpy as np
import pytest
import torch

from elman.decoding.ngrams import score_orders
from elman.errors import ConfigError
from elman.tasks import generate
from elman.tasks.generate import baseline
from elman.tasks.generate.baseline import TextBaseline, judge_text, train_text_baseline
from elman.tasks.generate.model import TrainedModel
from elman.tasks.generate.settings import PRESETS, Settings
from elman.tasks.generate.space import search_space
from elman.training.optimizers import LEARNING_RATE
from elman.training.search import Between

SMALL = {"hidden": 13, "window": 11, "batch": 7, "epochs": 2, "quiet": True}
WORDS = ("good", "bad", "fine", "film", "plot", "the", "a", "was")


@pytest.fixture
def book(tmp_path):
    drawn = np.random.default_rng(3)
    path = tmp_path / "book.txt"
    path.write_text("".join(" ".join(drawn.choice(WORDS, 5)) + "\n" for _ in range(250)))
    return path


def losses_of(learnt, held_out, size, most, predicted):
    scored = score_orders(learnt.numpy(), held_out.numpy(), size, most)
    return [float(-np.log(one.probabilities[1 : predicted + 1]).mean()) for one in scored]


def test_the_order_is_the_one_that_predicts_what_is_held_out():
    drawn = torch.Generator().manual_seed(5)
    chance, pattern = torch.randint(11, (997,), generator=drawn), torch.tensor([0, 1, 2, 0, 1, 3, 0, 1] * 120)
    for text, best in ((chance, 1), (pattern, 5)):
        found = train_text_baseline(text[:701], text[701:], size=11, unit="word", predicted=len(text) - 702)
        losses = losses_of(text[:701], text[701:], 11, 5, len(text) - 702)
        assert (found.order, found.loss) == (best, min(losses))


def test_what_would_take_too_long_is_counted_at_its_end(monkeypatch):
    text = torch.randint(7, (1009,), generator=torch.Generator().manual_seed(5))
    options = {"size": 7, "unit": "character", "predicted": 100}
    monkeypatch.setattr(baseline, "_SECONDS_A_UNIT", 1 / 8 / 300)
    found = train_text_baseline(text[:900], text[900:], seconds=2.0, **options)
    assert (found.learnt, found.what) == (600, f"a {found.order}-gram model of the last 600 characters")
    end = train_text_baseline(text[300:900], text[900:], seconds=2.0, **options)
    assert (end.loss, end.counts, end.learnt) == (found.loss, found.counts, None)


def test_a_verdict_says_who_is_better():
    words, characters = (TextBaseline(5, 2.0, 100, unit) for unit in ("word", "character"))
    assert judge_text(1.0, words) == "Perplexity 2.7; a 5-gram model, which does without recurrence, reaches 7.4."
    assert judge_text(2.009, characters) == (
        "2.009 nats per character: a 5-gram model, which does without recurrence, does as well (2.000)."
    )
    assert judge_text(2.02, characters) == (
        "Worse than counting: 2.020 nats per character; a 5-gram model, which does without recurrence, reaches 2.000. "
        "Train longer, or search for other settings."
    )
    assert TextBaseline(8, 2.0, 100, "word", classes=True).what == "an 8-gram model without classes"
    assert math.isinf(float(judge_text(1e4, words).split()[4].strip(";")))


@pytest.mark.parametrize("unit", ["character", "word"])
def test_both_are_measured_on_the_same_places(unit, book, tmp_path):
    text = book.read_text() * 2
    held = tmp_path / "held.txt"
    held.write_text(text[:-3] if unit == "character" else text)
    model = generate.train(book, unit=unit, validation_data=str(held), **SMALL)
    learnt, held_out = model.vocabulary.encode(book.read_text()), model.vocabulary.encode(held.read_text())
    streams = (len(held_out) - 1) // 1000
    predicted = (len(held_out) - 1) // streams * streams
    assert streams > 1, "one stream leaves nothing out"
    assert predicted < len(held_out) - 1, "nothing is left out at the end"
    found = model.metrics["baseline"]
    losses = losses_of(learnt, held_out, len(model.vocabulary), 8 if unit == "character" else 5, predicted)
    assert found["loss"] == min(losses) == losses[found["order"] - 1]
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]))
    assert found.get("bits_per_character") == (pytest.approx(found["loss"] / math.log(2)) if unit != "word" else None)
    assert model.metrics["verdict"] == judge_text(
        model.metrics["validation_loss"], TextBaseline(found["order"], found["loss"], 1, unit)
    )


def test_a_baseline_changes_no_weight_of_the_model(book, tmp_path):
    plain, compared = (generate.train(book, compare=compare, **SMALL) for compare in (False, True))
    rest = {name: one for name, one in compared.metrics.items() if name not in ("baseline", "verdict")}
    assert rest == plain.metrics
    assert len(rest) == len(compared.metrics) - 2
    for name, weight in plain.weights().items():
        assert torch.equal(weight, compared.weights()[name]), name


def test_without_validation_there_is_nothing_to_compare_or_to_search(book, tmp_path):
    model = generate.train(book, validation=0, **SMALL)
    assert not {"baseline", "verdict"} & set(model.metrics)
    with pytest.raises(ConfigError, match="validation is 0"):
        generate.train(book, validation=0, search=2, output=tmp_path / "m", **SMALL)
    assert not (tmp_path / "m").exists()


def test_the_baseline_ignores_classes_and_its_description_says_so(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{name} {word}\n" for word in WORDS * 9))
    found = generate.train(tmp_path, **SMALL).metrics["baseline"]
    assert found["what"].endswith("-gram model without classes")


def test_a_note_says_what_counting_reaches(book, capfd):
    model = generate.train(book, unit="word", **{**SMALL, "quiet": False})
    found = model.metrics["baseline"]
    said = f"without recurrence, {found['what']}: validation perplexity {found['perplexity']:.1f}"
    assert said in capfd.readouterr().err


def test_a_search_begins_with_the_defaults_and_keeps_what_was_given(book, tmp_path):
    options = {"unit": "word", "hidden": 13, "epochs": 1, "quiet": True}
    plain = generate.train(book, **options)
    model = generate.train(book, search=3, output=tmp_path / "m", **options)
    tried = model.metrics["search"]["tried"]
    assert (tried[0]["options"], tried[0]["loss"]) == ({}, plain.metrics["validation_loss"])
    assert [one["ended"] for one in tried] == ["finished"] * 3
    assert "input_dropout" in tried[1]["options"]
    assert not {"hidden", "unit"} & set(tried[1]["options"])
    assert min(one["loss"] for one in tried) == model.metrics["validation_loss"]
    assert generate.load(tmp_path / "m").metrics == model.metrics


def test_a_model_says_the_window_that_a_search_chose(book, monkeypatch):
    def narrow(*_):
        return {"window": Between(11, 3, 29)}

    monkeypatch.setattr("elman.tasks.generate.recipe.search_space", narrow)
    model = generate.train(book, search=4, **{**SMALL, "epochs": 3})
    assert model.metrics["window"] == model.metrics["search"]["chosen"].get("window", 11)
    assert {one["options"].get("window", 11) for one in model.metrics["search"]["tried"]} > {11}


@pytest.mark.parametrize("options", [{"search": 2}, {}], ids=["a trial", "a quiet training"])
def test_where_no_sample_is_shown_none_is_written(options, book, monkeypatch):
    monkeypatch.setattr(TrainedModel, "generate", lambda *_, **__: pytest.fail("a sample was written"))
    generate.train(book, sample_every=1, **{**SMALL, **options})


def test_a_search_chooses_what_the_unit_has_and_what_nobody_gave():
    characters, words = (search_space({"unit": unit}, Settings(unit=unit), 9000, 32) for unit in ("character", "word"))
    assert set(words) - set(characters) == {"input_dropout"}
    assert (words["tied"].default, characters["tied"].default) == (True, False)
    for space in (words, characters):
        plain = Settings.of({name: row.default for name, row in space.items()})
        assert (plain.hidden, plain.window, plain.layers) == (256, 64, 1)
        assert plain.learning_rate == LEARNING_RATE["adamw"]
    given = {"tied": True, "embedding": 7, "window": 11}
    assert not set(given) & set(search_space(given, Settings(**given), 9000, 32))


def test_a_search_keeps_what_a_preset_gives():
    preset = {"preset": "awd-lstm"}
    assert set(search_space(preset, Settings.of(preset), 90_000, 20)) == {"recurrent_dropout"}
    other = {**preset, "optimizer": "adam"}
    assert "learning_rate" in PRESETS["awd-lstm"]
    assert set(search_space(other, Settings.of(other), 90_000, 20)) == {"recurrent_dropout", "learning_rate"}


def test_a_search_proposes_no_streams_that_a_short_text_has_not():
    space = search_space({}, Settings(window=64), 100, 1)
    assert (space["window"].values, space["batch"].values) == ((32, 64), (1, 2))


def test_a_text_of_one_letter_has_the_loss_zero_and_no_sign(tmp_path):
    (tmp_path / "a.txt").write_text("a" * 600)
    model = generate.train(tmp_path / "a.txt", hidden=5, epochs=1, quiet=True)
    assert model.metrics["validation_loss"] == 0.0
    assert model.metrics["perplexity"] == 1.0
    assert math.copysign(1.0, model.metrics["baseline"]["loss"]) == 1.0
    assert "-0.000" not in model.metrics["verdict"]
    assert "nan" not in str(model.metrics).lower()

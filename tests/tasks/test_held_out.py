"""What is held out says nothing to what is learnt: with other data in its place a training gives the same model.

Each recipe is trained twice. The second time everything that is held out is another: other words, numbers of another
size, other sounds and images. Both trainings are so short that they validate once, at their end, so that no weights are
chosen by what is held out; all that a model file holds must then be the same, scales, vocabularies and weights.
"""

import dataclasses

import numpy as np
import pytest
import torch

from answerable import write_doses, write_genome, write_images, write_reviews, write_series, write_sounds, write_table
from elman.data import open_dataset
from elman.data.dataset import Sound
from elman.data.examples.survey import Survey
from elman.data.sentences.opening import open_tagged
from elman.decoding.ngrams import score_orders
from elman.tasks import Forecaster, classify, compose, forecast, generate, tag
from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.training.splits import split
from forecastable import draw_values, make_series, make_set
from playable import draw_tune, write_song, write_songs
from taggable import write_conllu, write_folder

SHARE, SEED = 0.25, 3
TINY = {"epochs": 1, "hidden": 5, "quiet": True, "seed": SEED}


def assert_learnt_alike(one, other, *, apart=()):
    """Compare all that two model files hold, but for the weights that are measured on held-out data."""
    assert len(one.metrics["history"]) == len(other.metrics["history"]) == 1, "a second validation chooses weights"
    assert one.metrics["validation_loss"] != other.metrics["validation_loss"], "both were validated on the same"
    assert one.configuration == other.configuration
    measured = {"blend"}  # how answers are mixed is learnt on held-out ones
    learnt = [{name: part for name, part in each.parts().items() if name not in measured} for each in (one, other)]
    assert learnt[0] == learnt[1]
    for (name, ours), theirs in zip(one.weights().items(), other.weights().values(), strict=True):
        assert name.startswith(apart) or torch.equal(ours, theirs), name


class Swapped:
    """A dataset in which some examples are others."""

    def __init__(self, dataset, indices):
        self.name, self.columns, self.notes = dataset.name, dataset.columns, dataset.notes
        self._dataset, self._indices = dataset, set(indices)

    def __len__(self):
        return len(self._dataset)

    def __getitem__(self, index):
        example = self._dataset[index]
        if index not in self._indices:
            return example
        values = {name: spoil(value) for name, value in example.values.items()}
        target = -1000.0 * example.target if isinstance(example.target, float) else example.target
        return dataclasses.replace(example, values=values, target=target)


def spoil(value):
    """Make of a value another of its kind that no training example is like."""
    if isinstance(value, str):
        return "TTTT" * len(value) + value if value.isupper() else f"{value} Qxy" * 3
    if isinstance(value, float):
        return 1000.0 * value + 7.0
    if isinstance(value, Sound):
        noise = np.random.default_rng(1).uniform(-1, 1, 3 * len(value.samples))
        return Sound(noise.astype(np.float32), value.rate)
    if value.dtype == np.uint8:
        return np.repeat(255 - value // 9, 2, axis=0)
    return np.concatenate([100.0 * value + 50.0] * 2).astype(np.float32)


READ = {
    "words": (lambda folder: [write_reviews(folder / "t.csv", 60)], {"compare": True}),
    "characters": (lambda folder: [write_reviews(folder / "t.csv", 60)], {"unit": "character"}),
    "letters": (lambda folder: write_genome(folder, 24), {}),
    "a table": (lambda folder: [write_table(folder / "t.csv", 60)], {"target": "price", "compare": True}),
    "series": (lambda folder: [write_series(folder / "t.npz", 60)], {"class_weights": True, "compare": True}),
    "gaps": (lambda folder: [write_doses(folder / "t.csv", 60)], {"cell": "cfc", "side": {"dt": "gaps"}}),
    "log-mel": (lambda folder: [write_sounds(folder / "s", 12)], {"mels": 16}),
    "mfcc": (lambda folder: [write_sounds(folder / "s", 12)], {"features": "mfcc", "mels": 16}),
    "rows": (lambda folder: [write_images(folder / "i", 12)], {}),
    "pixels": (lambda folder: [write_images(folder / "i", 12)], {"read": "pixels", "longest_side": 4}),
    "permuted pixels": (lambda folder: [write_images(folder / "i", 12)], {"read": "permuted", "longest_side": 4}),
}


@pytest.mark.parametrize("read", READ)
def test_a_classifier_learns_nothing_of_what_is_held_out(read, tmp_path):
    write, options = READ[read]
    inputs = ("text",) if "character" in read else ()
    plain = open_dataset(write(tmp_path), target=options.get("target"), inputs=inputs, sides=options.get("side"))
    survey = Survey(plain)  # what is equal is held out together, and stays equal when it is spoiled
    _, hold = split(survey.targets, share=SHARE, seed=SEED, hashes=survey.prints, together=True)
    options = {"compare": False, "alone": True, **TINY, "validation": SHARE, "batch": 16, **options}
    one, other = (classify.train(data, **options) for data in (plain, Swapped(plain, hold)))
    assert_learnt_alike(one, other)
    if options["compare"]:
        assert one.metrics["baseline"]["parameters"] == other.metrics["baseline"]["parameters"]


@pytest.mark.parametrize("write", [write_conllu, write_folder], ids=["tags", "chunks and labels"])
def test_a_tagger_learns_nothing_of_what_is_held_out(write, tmp_path):
    data = open_tagged([write(tmp_path / "d.conllu" if write is write_conllu else tmp_path / "d", 40)])
    _, hold = split([None] * 40, share=SHARE, seed=SEED)
    others = {
        index: dataclasses.replace(
            one, words=tuple(f"{word}Qx" for word in one.words), tags=("S-new", *one.tags[1:]), label=one.label and "x"
        )
        for index, one in enumerate(data.sentences)
        if index in hold
    }
    sentences = [others.get(index, one) for index, one in enumerate(data.sentences)]
    scheme = "none" if write is write_folder else None
    options = {"validation": SHARE, "batch": 8, "embedding": 5, "letter_hidden": 3, "scheme": scheme}
    one, other = (
        tag.train(these, **TINY, **options) for these in (data, dataclasses.replace(data, sentences=sentences))
    )
    assert_learnt_alike(one, other)
    assert one.metrics["baseline"]["parameters"] == other.metrics["baseline"]["parameters"]


def test_a_forecaster_learns_nothing_of_what_is_held_out(monkeypatch):
    # Which of the linear models is best is chosen on held-out values; what they are is not.
    monkeypatch.setattr(LinearForecast, "_error", lambda *_: 0.0)
    steps, held = 70, 20
    drawn = np.random.default_rng(5)
    beside = {"past": drawn.normal(3, 2, (steps, 1)), "known": drawn.normal(-1, 5, (steps, 1)), "static": {"size": 2.0}}
    one = make_series(draw_values(steps, 1), "sales", **beside)

    def other(values):
        changed = values.copy()
        changed[steps - held :] = -100 * changed[steps - held :][::-1] + drawn.normal(0, 900, changed[-held:].shape)
        return changed

    swapped = dataclasses.replace(one, values=other(one.values), past=other(one.past), known=other(one.known))
    options = {"horizon": 4, "lookback": 11, "validation": held, "batch": 8, "learning_rate": 0.02}
    columns = {"past": ("a",), "known": ("b",), "static": ("size",)}
    found = [forecast.train(make_set(these, **columns), **TINY, **options) for these in (one, swapped)]
    # What is mixed in is chosen on held-out values too.
    assert_learnt_alike(*(model.alone() for model in found), apart=("margins", "beside.reach"))
    units = [model.metrics["validation"]["mae"] / model.metrics["validation"]["mase"] for model in found]
    assert units[0] == pytest.approx(units[1], rel=1e-9), "errors are measured in a unit that was held out"


@pytest.mark.parametrize("validation", [None, 40])
def test_a_season_is_not_sought_in_what_is_held_out(validation, tmp_path):
    steps, held = 120, 40 if validation else 24
    drawn = np.random.default_rng(7)
    values = np.tile([3.0, 9.0, 1.0, 5.0, 2.0], steps // 5) + drawn.normal(0, 0.1, steps)
    noise = np.concatenate([values[:-held], drawn.normal(4, 30, held)])
    found = []
    for number, those in enumerate((values, noise)):
        path = tmp_path / f"{number}.csv"
        path.write_text("load\n" + "\n".join(f"{v:.3f}" for v in those) + "\n")
        model = forecast.train(path, validation=validation, **TINY)
        estimator = Forecaster(validation=validation, **TINY).fit(those)
        found.append([model.columns.frequency.season, estimator.model_.columns.frequency.season])
    assert found == [[5, 5], [5, 5]]


def test_a_model_of_music_learns_nothing_of_what_is_held_out(tmp_path):
    # Poisoned are the pieces that are held out: other notes, another tempo and loudness, and as many frames.
    write_songs(tmp_path / "one", 9)
    _, hold = split([None] * 9, share=SHARE, seed=SEED)
    write_songs(tmp_path / "other", 9)
    for number in hold:
        notes = [(start, end, 127 - pitch, 1) for start, end, pitch, _ in draw_tune(number)]
        write_song(tmp_path / "other" / f"{number:02}.mid", notes, tempo=33, program=99)
    options = {"validation": SHARE, "batch": 3, "embedding": 5, "note_hidden": 3, "compare": False}
    one, other = (compose.train(tmp_path / name, **TINY, **options) for name in ("one", "other"))
    assert_learnt_alike(one, other)


@pytest.mark.parametrize("unit", ["character", "word", "subword"])
def test_a_language_model_learns_nothing_of_what_is_held_out(unit, tmp_path):
    line = "please stay at home , I am here .\n"
    learnt, held = line * 30, line * 10
    # The characters of both parts are known, so that they are the same in other order; words are others.
    other = held[::-1].strip() + "\n" if unit == "character" else "quick foxes over dogs , we jump so .\n" * 10
    found = []
    for name, end in (("one", held), ("other", other[: len(held)].ljust(len(held)))):
        path = tmp_path / f"{name}.txt"
        path.write_text(learnt + end)
        options = {"validation": len(held) / len(learnt + held), "window": 11, "batch": 5, "unit": unit}
        found.append(generate.train(path, **TINY, **options))
    assert_learnt_alike(*found)
    # The order is chosen by what is held out; what is counted is not.
    counted = found[0].vocabulary.encode(learnt).numpy()
    orders = list(score_orders(counted, counted[:0], len(found[0].vocabulary), most=8))
    for beside in (model.metrics["baseline"] for model in found):
        assert beside["parameters"] == orders[beside["order"] - 1].counts

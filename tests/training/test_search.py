"""A search tries the defaults first, keeps to what was given and to its time, and tells how to do the best again."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from answerable import write_reviews, write_series, write_sounds
from elman.data.dataset import Columns
from elman.encoders.fronts import ConvolutionFront, FramesFront, Suggestions, UnitsFront
from elman.errors import ConfigError, DataError, ElmanError
from elman.scores.measured import Measured
from elman.tasks import Classifier, classify
from elman.tasks.classify import reading
from elman.tasks.classify.space import search_space
from elman.training import progress as progress_file
from elman.training import search as search_file
from elman.training.progress import Moment, QuietProgress
from elman.training.search import Between, Choice, search_settings
from small_trainings import RECIPES
from small_trainings import SMALL as QUICK

SPACE = {"layers": Choice(1, (1, 2)), "rate": Between(0.01, 0.001, 0.1, log=True), "hidden": Between(20, 10, 30)}
SMALL = {"hidden": 5, "epochs": 3, "dropout": 0.0, "quiet": True, "compare": False}
UNITS = UnitsFront(50, letters=9)
OTHERS = UnitsFront(50)


def reach(options):
    """Return the validation of some options: the best are a rate of 0.03 and two layers."""
    options = {"layers": 1, "rate": 0.01, "hidden": 20, **options}
    return Measured(abs(np.log(options["rate"] / 0.03)) + (options["layers"] == 1))


class Listening(QuietProgress):
    """A progress that records its events."""

    def __init__(self):
        self.notes, self.moments = [], []

    def note(self, text):
        self.notes.append(text)

    def update(self, moment):
        self.moments.append(moment)


@pytest.fixture
def clock(monkeypatch):
    """Replace the time by a clock that only the test moves."""
    found = SimpleNamespace(now=100.0)
    for file in (search_file, progress_file):
        monkeypatch.setattr(file, "time", SimpleNamespace(perf_counter=lambda: found.now))
    return found


def test_the_defaults_come_first_and_the_best_stays():
    seen = []

    def train(trial):
        seen.append(trial.options)
        assert (trial.best is None) == (len(seen) == 1)
        return len(seen) - 1, reach(trial.options)

    found = search_settings(train, SPACE, trials=25, seed=2)
    assert seen[0] == {}
    assert len(seen) == len(found.tried) == 25
    losses = [reach(options).loss for options in seen]
    assert found.measured.loss == min(losses) == losses[found.result]
    assert found.options == seen[found.result]
    assert losses[found.result] < losses[0]
    for options in seen[1:]:
        assert options["layers"] in (1, 2)
        assert 0.001 <= options["rate"] <= 0.1
        assert options["rate"] == float(f"{options['rate']:.3g}")
        assert 10 <= options["hidden"] <= 30
        assert isinstance(options["hidden"], int)


def test_nothing_beats_defaults_that_are_best():
    found = search_settings(lambda trial: ("", Measured(len(trial.options))), SPACE, trials=4)
    assert found.options == {}
    assert found.measured == Measured(0)


def test_equal_scores_are_decided_by_the_loss():
    found = search_settings(lambda t: (t.number, Measured(9.0 - t.number, score=0.5)), SPACE, trials=4)
    assert found.result == 3


def test_the_same_seed_tries_the_same():
    def tried(seed):
        found = search_settings(lambda trial: (None, reach(trial.options)), SPACE, trials=8, seed=seed)
        return [one.options for one in found.tried]

    assert tried(3) == tried(3) != tried(4)


def test_a_trial_that_is_worse_than_half_of_the_others_is_given_up():
    reached = []

    def train(trial):
        score = 0.1 if trial.number == 6 else 0.8 + trial.number / 100
        for tenth in (2, 5, 10):
            reached.append((trial.number, tenth))
            trial.hear(tenth / 10, Measured(1.0, score))
        return trial.number, trial.measured

    shown = Listening()
    found = search_settings(train, SPACE, trials=8, progress=shown)
    assert [one.ended for one in found.tried] == ["finished"] * 6 + ["given up", "finished"]
    assert (6, 5) in reached
    assert (6, 10) not in reached
    assert found.result == 7
    assert "trial 7 of 8: loss 1, given up" in shown.notes[6]


def test_time_is_shared_equally_and_what_is_left_goes_to_the_others(clock):
    shares = []

    def train(trial):
        shares.append(trial.seconds_left())
        clock.now += 10 if trial.number == 0 else shares[-1]
        assert trial.seconds_left() == pytest.approx(30 if trial.number == 0 else 0.1)
        return "", reach(trial.options)

    search_settings(train, SPACE, trials=4, seconds=160)
    assert shares == pytest.approx([40, 50, 50, 50])


def test_trials_that_find_no_time_are_not_begun(clock):
    def train(trial):
        clock.now += 99
        return "", reach(trial.options)

    shown = Listening()
    found = search_settings(train, SPACE, trials=4, seconds=100, progress=shown)
    assert len(found.tried) == 1
    assert shown.notes[-1] == "the time is over after 1 of 4 trials"


@pytest.mark.parametrize(("seconds", "left"), [(100.0, 70.0), (None, 130.0)])
def test_progress_is_that_of_the_whole_search(clock, seconds, left):
    moment = Moment(epoch=1, update=7, share=0.5, seconds_left=1.0, loss=0.3, units_per_second=5.0, gradient_norm=0.1)

    def train(trial):
        if trial.number == 1:
            clock.now += 30
            trial.progress.update(moment)
            trial.progress.note("not shown")
            trial.progress.validation(moment, 0.3, True)
        return "", reach(trial.options)

    shown = Listening()
    search_settings(train, SPACE, trials=8, seconds=seconds, progress=shown)
    [seen] = shown.moments
    assert seen.share == 1.5 / 8
    assert seen.seconds_left == pytest.approx(left)
    assert "trial 2 of 8" in seen.pieces()
    assert len(shown.notes) == 8
    assert shown.notes[0].endswith("best so far  (the defaults)")


def test_ctrl_c_keeps_the_best_so_far():
    def train(trial):
        if trial.number == 2:
            raise KeyboardInterrupt
        return trial.number, Measured(float(trial.number))

    found = search_settings(train, SPACE, trials=5)
    assert (found.result, found.interrupted, len(found.tried)) == (0, True, 2)

    def stop(trial):
        trial.interrupted = trial.number == 1
        return trial.number, Measured(-float(trial.number))

    found = search_settings(stop, SPACE, trials=5)
    assert (found.result, found.interrupted, len(found.tried)) == (1, True, 2)
    with pytest.raises(KeyboardInterrupt):
        search_settings(lambda trial: (_ for _ in ()).throw(KeyboardInterrupt), SPACE, trials=5)


def test_a_trial_that_fails_is_told_and_the_first_one_is_the_caller_s_fault():
    def train(trial):
        if trial.number == wrong:
            raise ElmanError("the gradient is not finite")
        return trial.number, Measured(float("nan")) if trial.number == 2 else reach(trial.options)

    shown = Listening()
    wrong = 1
    found = search_settings(train, SPACE, trials=4, progress=shown)
    assert [one.ended for one in found.tried] == ["finished", "the gradient is not finite", "finished", "finished"]
    assert "no validation, the gradient is not finite" in shown.notes[1]
    assert found.result not in (1, 2)
    wrong = 0
    with pytest.raises(ElmanError, match="not finite"):
        search_settings(train, SPACE, trials=4)


def test_no_validation_at_all_is_refused():
    with pytest.raises(ElmanError, match="None of 2 trials came to a validation"):
        search_settings(lambda trial: ("", None), SPACE, trials=2)


@pytest.mark.parametrize(("space", "trials", "said"), [({}, 3, "Every option"), (SPACE, 0, "search is 0")])
def test_nothing_to_search_is_refused(space, trials, said):
    with pytest.raises(ConfigError, match=said):
        search_settings(lambda trial: ("", Measured(1.0)), space, trials=trials)


def test_optuna_is_named_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'elman\[search\]'"):
        search_settings(lambda trial: ("", Measured(1.0)), SPACE, trials=3)
    with pytest.raises(ConfigError, match=r"pip install 'elman\[search\]'"):
        classify.train(write_series(tmp_path / "s.npz", 20), search=2, **SMALL, output=tmp_path / "m")
    assert not (tmp_path / "m").exists()
    with pytest.raises(ConfigError, match=r"pip install 'elman\[search\]'"):  # before anything is read
        classify.train(tmp_path / "nowhere.npz", search=2)


def test_optuna_writes_nothing_and_is_left_as_it_was(capfd):
    import optuna

    before = optuna.logging.get_verbosity()
    search_settings(lambda trial: ("", reach(trial.options)), SPACE, trials=3)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("kind", "front", "longest", "given", "more", "less"),
    [
        ("text", UNITS, 20, {}, {"unit", "word_dropout", "pooling", "hidden"}, {"augment", "kmer"}),
        ("text", UNITS, 2000, {}, {"word_dropout"}, {"unit"}),
        ("text", UNITS, 20, {"min_count": 2}, {"word_dropout"}, {"unit", "min_count"}),
        ("text", UNITS, 20, {"unit": "word", "hidden": 9}, {"layers"}, {"unit", "hidden"}),
        ("letters", OTHERS, 20, {}, {"kmer"}, {"unit"}),
        ("sound", FramesFront(40), 20, {}, {"augment", "pooling"}, {"word_dropout"}),
        ("image", ConvolutionFront(9, 1), 20, {}, {"augment"}, {"word_dropout"}),
        ("number", FramesFront(3), 1, {}, {"hidden"}, {"pooling", "augment"}),
    ],
)
def test_each_input_has_a_space_of_its_own_without_what_was_given(kind, front, longest, given, more, less):
    space = search_space(given, Columns({"x": kind}), front, Suggestions(), longest, batch=8)
    assert more <= space.keys()
    assert not less & space.keys()
    for row in space.values():
        assert row.default in row.values if isinstance(row, Choice) else row.low <= row.default <= row.high


def test_the_default_of_characters_is_characters():
    space = search_space({}, Columns({"x": "text"}), OTHERS, Suggestions(), 20, batch=8)
    assert space["unit"].default == "character"
    space = search_space({"letters": False}, Columns({"x": "text"}), OTHERS, Suggestions(), 20, batch=8)
    assert space["unit"].default == "word"


def test_a_search_is_as_good_as_the_defaults_and_can_be_done_again(tmp_path):
    data = write_reviews(tmp_path / "t.csv", 60)
    options = {**SMALL, "select": "accuracy", "alone": True}
    plain = classify.train(data, **options)
    found = classify.train(data, **options, search=4, output=tmp_path / "m")
    facts = found.metrics["search"]
    assert facts["trials"] == len(facts["tried"]) == 4
    assert facts["tried"][0] == {
        "options": {}, "loss": plain.metrics["validation_loss"], "ended": "finished",
        "score": plain.metrics["validation"]["accuracy"],
    }  # fmt: skip
    assert found.metrics["validation"]["accuracy"] == max(one["score"] for one in facts["tried"])
    assert found.configuration["hidden"] == 5
    assert all("hidden" not in one["options"] and "dropout" not in one["options"] for one in facts["tried"])
    again = classify.train(data, **{**options, **facts["chosen"]})
    for one, other in zip(again.module.state_dict().values(), found.module.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    loaded = classify.load(tmp_path / "m")
    assert loaded.metrics["search"] == facts
    assert loaded.predict(["the film was good"]) == found.predict(["the film was good"])


def test_examples_are_encoded_once_for_each_way_to_read_them(tmp_path, monkeypatch):
    read = []
    learn = reading.learn_encoder
    monkeypatch.setattr(reading, "learn_encoder", lambda c, e, s: read.append(s.unit) or learn(c, e, s))
    data = write_reviews(tmp_path / "t.csv", 40)
    fixed = {"layers": 1, "batch": 16, "pooling": "max", "learning_rate": 0.01}
    found = classify.train(data, **{**SMALL, "epochs": 1}, **fixed, search=8)
    tried = {one["options"].get("unit", "word") for one in found.metrics["search"]["tried"]}
    assert tried == {"word", "character"}
    assert read == [None, "character"]


@pytest.mark.parametrize(("name", "epochs"), [("generate", "auto"), ("tag", 10**6), ("forecast", "auto")])
def test_the_best_of_a_search_that_time_ended_is_trained_again_by_its_updates(name, epochs, tmp_path):
    recipe, write, file, more = RECIPES[name]
    options = {**QUICK, **more, "epochs": epochs, "time_budget": "1.2s"}
    found = recipe.train(write(tmp_path / file), **options, search=2)
    chosen = found.metrics["search"]["chosen"]
    assert chosen["time_budget"] is None
    assert (found.stopped == "time budget") == ("last_update" in chosen)
    assert ("updates" in chosen) == (epochs == "auto")
    again = recipe.train(tmp_path / file, **{**options, **chosen})
    assert again.metrics == {name: value for name, value in found.metrics.items() if name != "search"}
    for one, other in zip(again.module.state_dict().values(), found.module.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_the_best_of_a_search_that_was_interrupted_is_trained_again_without_folds(tmp_path):
    def interrupt(event):
        if (event["trial"], event["update"]) == (1, 100):
            raise KeyboardInterrupt

    data, options = write_reviews(tmp_path / "t.csv", 60), {**QUICK, "target": "label", "folds": 3, "epochs": 30}
    found = classify.train(data, **options, search=2, callbacks=[interrupt])
    chosen = found.metrics["search"]["chosen"]
    assert (found.stopped, chosen) == ("interrupted", {"last_update": 100, "folds": 1})
    again = classify.train(data, **{**options, **chosen})
    assert again.stopped == "last update"
    for one, other in zip(again.module.state_dict().values(), found.module.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("epochs", ["auto", 10**6])
def test_the_folds_of_a_search_that_time_ended_are_trained_again_by_their_updates(epochs, tmp_path):
    options = {**QUICK, "target": "label", "folds": 2, "epochs": epochs, "time_budget": "12s"}
    data = write_reviews(tmp_path / "t.csv", 60)
    found = classify.train(data, **options, search=2)
    facts = found.metrics["search"]
    if "folds" in facts:
        pytest.skip("other programs took the time of a fold")
    again = classify.train(data, **{**options, **facts["chosen"]})
    assert again.metrics == {name: value for name, value in found.metrics.items() if name != "search"}
    for one, other in zip(again.weights().values(), found.weights().values(), strict=True):
        assert torch.equal(one, other)


def test_sound_may_be_varied(tmp_path):
    found = classify.train(write_sounds(tmp_path / "tones", 6), **{**SMALL, "epochs": 1}, search=3)
    assert all("augment" in one["options"] for one in found.metrics["search"]["tried"][1:])


def test_what_is_wrong_with_the_data_is_told_before_anything_is_tried(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\ngood,a\nbad,a\n")
    with pytest.raises(DataError):
        classify.train(tmp_path / "t.csv", target="label", **SMALL, search=3)


def test_an_estimator_searches_what_it_was_not_given():
    rows = np.random.default_rng(1).normal(size=(40, 2))
    model = Classifier(hidden=5, epochs=2, search=3).fit(rows, rows[:, 0] > 0)
    tried = model.model_.metrics["search"]["tried"]
    assert len(tried) == 3
    assert all("hidden" not in one["options"] and "layers" in one["options"] for one in tried[1:])

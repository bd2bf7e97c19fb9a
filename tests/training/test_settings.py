"""Settings: every row has a range, and every wrong value one sentence."""

import dataclasses

import pytest

from elman.errors import ConfigError
from elman.phrases import format_duration, parse_duration
from elman.tasks.generate.settings import Settings


@pytest.mark.parametrize("name", [row.name for row in dataclasses.fields(Settings)])
def test_every_row_explains_itself_and_refuses_nonsense(name):
    row = next(row for row in dataclasses.fields(Settings) if row.name == name)
    assert row.metadata["text"]
    for nonsense in (object(), 1 if "bool" in str(row.type) else True, [1]):
        with pytest.raises(ConfigError, match=f"^{name} is "):
            Settings(**{name: nonsense})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 0}, "hidden is 0; it must be at least 1"),
        ({"hidden": 7.0}, "hidden is 7.0; it must be of type int"),
        ({"dropout": 1.0}, "dropout is 1.0; it must be at least 0 and below 1"),
        ({"validation": -0.1}, "validation is -0.1"),
        ({"learning_rate": 0}, "learning_rate is 0; it must be at most 1000 and above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0; it must be above 0"),
        ({"optimizer": "lion"}, "optimizer is 'lion'; it must be one of adam, adamw, sgd, asgd"),
        ({"precision": "16"}, "it must be one of 32, 64, bf16"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "both given"),
        ({"tied": 1}, "tied is 1; it must be True or False"),
        ({"vocabulary": 100}, "vocabulary has no meaning for characters"),
        ({"tokenized": True}, "tokenized has no meaning for characters"),
        ({"unit": "subword", "min_count": 2}, "min_count has no meaning for subwords"),
        ({"unit": "syllable"}, "it must be one of character, word, subword"),
        ({"validation": 0.1, "validation_data": "v.txt"}, "validation and validation_data are both given"),
        ({"forget_bias": 1.0, "chrono": 20}, "forget_bias and chrono both set"),
        ({"init": "magic"}, "it must be one of uniform, xavier, orthogonal, identity"),
        ({"preset": "awd"}, "it must be one of awd-lstm"),
        ({"locked": True}, "locked"),
        ({"schedule": "linear"}, "schedule is 'linear'; it must be one of cosine, constant, step, plateau"),
        ({"decay": 0.5}, "decay is given, and the schedule cosine has no use for it"),
        ({"decay": 0.5, "schedule": "constant"}, "decay is given, and the schedule constant has no use for it"),
        ({"decay": 0.5, "optimizer": "asgd"}, "decay is given, and the schedule constant has no use for it"),
        ({"decay": 1.0, "schedule": "plateau"}, "decay is 1.0; it must be above 0 and below 1"),
        ({"decay_from": 4, "schedule": "plateau"}, "decay_from is given, and the schedule plateau has no use for it"),
        ({"schedule": "step", "epochs": 5}, "step has no decay_from"),
        ({"schedule": "step", "decay_from": 4}, "step counts epochs"),
        ({"schedule": "step", "decay_from": 4, "epochs": 4}, "the learning rate would never fall"),
        ({"optimizer": "adam", "weight_decay": 0.1}, "the optimiser adam has no use for it"),
        ({"accumulate": 0}, "accumulate is 0; it must be at least 1"),
        ({"time_budget": "soon"}, "'soon' is not a duration"),
        ({"epochs": "auto"}, "Give time_budget"),
        ({"epochs": 2, "updates": 9}, "epochs and updates are both given"),
        ({"epochs": "many"}, "epochs is 'many'; it must be of type int or auto"),
        ({"schedule": "step", "decay_from": 4, "time_budget": "1h"}, "Say how many with epochs"),
        ({"patience": 0}, "patience is 0; it must be above 0"),
        ({"seed": 2**32}, "it must be at least 0 and below 4294967296"),
    ],
)
def test_values_outside_their_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Settings(**options)


@pytest.mark.parametrize(
    ("options", "schedule"),
    [
        ({}, "cosine"),
        ({"optimizer": "sgd"}, "cosine"),
        ({"optimizer": "asgd"}, "constant"),
        ({"optimizer": "asgd", "schedule": "plateau", "decay": 0.1}, "plateau"),
        ({"schedule": "step", "decay_from": 4, "epochs": 5}, "step"),
        ({"schedule": "step", "decay_from": 4, "time_budget": "1h", "epochs": "auto"}, "step"),
    ],
)
def test_asgd_has_a_constant_rate_unless_another_is_asked_for(options, schedule):
    assert Settings(**options).chosen_schedule() == schedule


def test_a_preset_lies_beneath_what_is_given():
    settings = Settings.of({"preset": "awd-lstm", "hidden": 57, "optimizer": "adamw", "learning_rate": None})
    assert (settings.hidden, settings.optimizer, settings.learning_rate) == (57, "adamw", None)
    assert (settings.weight_dropout, settings.unit, settings.tied) == (0.5, "word", True)
    assert Settings.of({"preset": None}) == Settings()


def test_what_replaces_a_value_of_a_preset_takes_what_belongs_to_it_along():
    adam = Settings.of({"preset": "awd-lstm", "optimizer": "adam"})
    assert (adam.learning_rate, adam.weight_decay, adam.clip_norm) == (None, None, 0.25)
    assert Settings.of({"preset": "awd-lstm", "optimizer": "adam", "learning_rate": 0.1}).learning_rate == 0.1
    assert Settings.of({"preset": "awd-lstm", "optimizer": "asgd"}).learning_rate == 30.0
    clipped = Settings.of({"preset": "awd-lstm", "clip_value": 0.5})
    assert (clipped.clip_value, clipped.clip_norm, clipped.learning_rate) == (0.5, None, 30.0)


def test_an_unknown_option_suggests_the_nearest():
    with pytest.raises(ConfigError, match=r"no option 'hiden'\. Did you mean hidden\?"):
        Settings.of({"hiden": 3})
    with pytest.raises(ConfigError, match="There are: "):
        Settings.of({"qqq": 3})


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("10m", 600), ("1h30m", 5400), ("1h0m5s", 3605)]
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "m", "-5", "5 minutes", "30m1h", "1e3", "nan", "1h 30m"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ConfigError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00")])
def test_durations_are_written(seconds, text):
    assert format_duration(seconds) == text

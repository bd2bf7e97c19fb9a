"""The options of `classify`: every row has a range, and every wrong value one sentence."""

import dataclasses

import pytest

from elman.data import dataset
from elman.encoders import settings as input_settings
from elman.errors import ConfigError
from elman.tasks.classify.settings import ClassifySettings
from elman.training.settings import TrainingSettings

OWN = [row for row in dataclasses.fields(ClassifySettings) if row not in dataclasses.fields(TrainingSettings)]


@pytest.mark.parametrize("row", OWN, ids=lambda row: row.name)
def test_every_row_explains_itself_and_refuses_nonsense(row):
    assert row.metadata["text"]
    assert row.metadata["group"] in ("Input", "Model", "Training", "Regularising")
    for nonsense in (object(), 1 if "bool" in str(row.type) else True, [1]):
        with pytest.raises(ConfigError, match=f"^{row.name} is "):
            ClassifySettings(**{row.name: nonsense})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "backward"}, "must be one of both, forward"),
        ({"validation": 0.0}, "validation is 0.0; it must be above 0 and below 1"),
        ({"validation": 0.2, "validation_data": "v.csv"}, "validation and validation_data are both given"),
        ({"forget_bias": 1.0, "chrono": 20}, "forget_bias and chrono both set"),
        ({"unit": "character", "min_count": 2}, "no meaning for characters"),
        ({"unit": "character", "vocabulary": 99}, "no meaning for characters"),
        ({"coefficients": 41}, "coefficients is 41 and mels is 40"),
        ({"hop": 0.0}, "hop is 0.0; it must be at least 1 and at most 1000"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_values_that_cannot_work_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ClassifySettings(**options)


def test_the_columns_of_an_option_are_split_at_commas():
    assert ClassifySettings(input=" a , b,c d,").columns() == ("a", "b", "c d")
    assert ClassifySettings().columns() == ()


def test_the_kinds_of_targets_are_those_of_the_data():
    assert input_settings.TARGET_KINDS == dataset.TARGET_KINDS

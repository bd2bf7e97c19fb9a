"""Numbers of a high level are scored and written as finely as they differ."""

import numpy as np
import pytest
import torch

from elman.encoders.targets import Targets
from elman.tasks.classify.mistakes import find_mistakes
from elman.tasks.classify.scoring import score_outputs

TARGETS = Targets("number", mean=2e9, deviation=70.0)
TRUE = 2e9 + 70.0 * np.array([-1.5, -0.2, 0.3, 1.1, 0.7])
ERRORS = np.array([3.0, -4.0, 5.0, 1.0, -2.0])


def outputs() -> torch.Tensor:
    return torch.tensor((TRUE + ERRORS - 2e9) / 70.0, dtype=torch.float32)[:, None]


def test_the_error_of_numbers_far_from_zero_is_not_rounded_away():
    scores = score_outputs(TARGETS, outputs(), TARGETS.encode(TRUE.tolist()))
    assert scores.rmse == pytest.approx(np.sqrt(np.mean(ERRORS**2)), rel=1e-5)
    assert scores.mae == pytest.approx(3.0, rel=1e-5)
    assert scores.r2 == pytest.approx(1 - np.sum(ERRORS**2) / np.sum((TRUE - TRUE.mean()) ** 2), rel=1e-5)


def test_listed_mistakes_show_how_numbers_far_from_zero_differ():
    mistakes = find_mistakes(TARGETS, outputs(), TARGETS.encode(TRUE.tolist()), str, most=2)
    assert [mistake.where for mistake in mistakes] == ["2", "1"]
    for mistake, error in zip(mistakes, (5.0, -4.0), strict=True):
        assert float(mistake.predicted) - float(mistake.true) == pytest.approx(error, abs=0.2)

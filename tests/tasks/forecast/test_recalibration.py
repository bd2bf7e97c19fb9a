"""Margins follow the recent errors of a series, and use no value after an origin."""

import numpy as np
import pytest
import torch

from elman.tasks import forecast
from elman.tasks.forecast.intervals.conformal import margins
from elman.tasks.forecast.intervals.recalibration import recalibrate
from forecastable import draw_values, make_series, make_set

H, STEPS = 3, 4000
STORED = torch.tensor([[7.0, 8.0, 9.0]])


def errors_of(steps: int, seed: int = 1) -> np.ndarray:
    """Draw the error of each step: from step 2000 on they are five times as large."""
    return np.random.default_rng(seed).normal(0, np.where(np.arange(steps + H) < 2000, 1.0, 5.0))


def reader(errors: np.ndarray):
    def read(origins: np.ndarray):
        right = torch.from_numpy(np.stack([errors[at : at + H] for at in origins[:, 1]]))
        return torch.zeros(len(origins), H, 3, dtype=torch.float64), right

    return read


def at(*steps: int, series: int = 0) -> np.ndarray:
    return np.array([[series, step] for step in steps])


def test_coverage_stays_where_errors_grow():
    errors = errors_of(STEPS)
    origins = at(*range(3000, STEPS))
    found = recalibrate(reader(errors), origins, [0], STORED, [80])
    inside = np.stack([np.abs(errors[step : step + H]) for step in origins[:, 1]]) <= found[:, 0].numpy()
    assert inside.mean() == pytest.approx(0.8, abs=0.04)
    assert found.mean() > 5


def test_margins_are_those_of_the_latest_windows_that_are_known():
    errors = errors_of(STEPS)
    read = reader(errors)
    found = recalibrate(read, at(2500), [0], STORED, [80])
    ahead, right = read(at(*range(2500 - H - 1000 + 1, 2500 - H + 1)))
    assert found[0, 0].tolist() == pytest.approx(margins(ahead[:, :, 0], ahead[:, :, 2], right, 80).tolist())


def test_values_after_an_origin_change_nothing():
    errors = errors_of(STEPS)
    before = recalibrate(reader(errors), at(900, 2300), [0], STORED, [80])
    errors[2300:] = 1e9
    torch.testing.assert_close(recalibrate(reader(errors), at(900, 2300), [0], STORED, [80]), before)


def test_the_margins_of_an_origin_do_not_depend_on_other_origins():
    read = reader(errors_of(STEPS))
    together = recalibrate(read, at(60, 700, 701, 2600, 3999), [0], STORED, [80])
    alone = [recalibrate(read, at(step), [0], STORED, [80])[0] for step in (60, 700, 701, 2600, 3999)]
    torch.testing.assert_close(together, torch.stack(alone))


def test_a_short_past_keeps_the_stored_margins():
    read = reader(errors_of(STEPS))
    # From step 300 on nothing was learnt from: 49 windows are known at 351, 50 at 352.
    found = recalibrate(read, at(351, 352), [300], STORED, [80])
    assert found[0].tolist() == STORED.tolist()
    assert found[1].tolist() != STORED.tolist()


def test_each_series_has_margins_of_its_own():
    calm, wild = errors_of(STEPS), 100 * errors_of(STEPS, 2)

    def read(origins: np.ndarray):
        assert len(set(origins[:, 0])) == 1
        return reader((calm, wild)[origins[0, 0]])(origins)

    origins = np.concatenate([at(900, series=1), at(900, series=0), at(800, series=1)])
    found = recalibrate(read, origins, [0, 0], STORED, [80])[:, 0, 0]
    assert found[1] < 3
    assert found[0] > 50
    assert found[2] > 50


def test_a_model_is_recalibrated_by_windows_after_its_training_part():
    values = draw_values(400)
    settings = {"horizon": 4, "lookback": 11, "hidden": 13, "epochs": 3, "validation": 100, "quiet": True}
    model = forecast.train(make_set(make_series(values)), compare=False, **settings)
    table = model.table(make_set(make_series(values)))
    assert table.unlearnt == [300]
    wild = values.copy()
    wild[300:] += np.random.default_rng(1).normal(0, 50, 100)
    ends = [model.forecast(make_set(make_series(one)))[0].intervals[80] for one in (values, wild)]
    assert (ends[1][1] - ends[1][0]).mean() > 3 * (ends[0][1] - ends[0][0]).mean()
    torch.testing.assert_close(
        torch.from_numpy(model.ahead(table, at(300))[1][80][0]),
        model.module.forecast(table.windows(at(300))[0])[:, :, 0],
    )

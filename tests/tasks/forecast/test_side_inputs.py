"""A forecaster whose cell reads the time since the step before: it counts segments."""

import pytest
import torch

from elman import cells
from elman.errors import ConfigError
from elman.models.layers import Layers
from elman.tasks import forecast
from elman.tasks.forecast.module import SegmentForecaster, Windows
from forecastable import write_sales

B, LOOKBACK, HORIZON, SEGMENT = 3, 13, 11, 5


def make(decode, source, **options):
    layers = Layers(hidden=7, sides={"dt": source})
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "segment": SEGMENT}
    return SegmentForecaster(cells.cfc, layers, quantiles=[0.1, 0.5, 0.9], decode=decode, **sizes, **options).eval()


def gaps_of(module):
    """Return what each call of the recurrent layers was given as dt."""
    seen = []
    hook = module.recurrent.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["dt"]), with_kwargs=True
    )
    with torch.no_grad():
        module(Windows(torch.randn(B, LOOKBACK).double().cumsum(1), torch.ones(B).double()))
    hook.remove()
    return [dt.tolist() for dt in seen]


@pytest.mark.parametrize(
    ("decode", "ahead"),
    [
        ("segment", [[[1.0] * B + [2.0] * B + [3.0] * B]]),
        ("direct", [[[1.0] * B]]),
        ("recursive", [[[1.0] * B]] * 2),
    ],
)
def test_gaps_count_segments_of_the_look_back_and_ahead(decode, ahead):
    assert gaps_of(make(decode, "gaps")) == [[[0.0] * B, [1.0] * B, [1.0] * B], *ahead]


@pytest.mark.parametrize("decode", ["segment", "direct", "recursive"])
def test_a_number_is_the_same_at_every_step(decode):
    assert {dt for call in gaps_of(make(decode, "0.25")) for step in call for dt in step} == {0.25}


def test_a_model_is_kept_with_its_side_inputs(tmp_path):
    data = write_sales(tmp_path / "sales.csv")
    options = {"cell": "cfc", "hidden": 5, "epochs": 1, "quiet": True, "compare": False}
    model = forecast.train(data, output=tmp_path / "m", side="dt=gaps", **options)
    again = forecast.load(tmp_path / "m")
    assert again.configuration["sides"] == {"dt": "gaps"}
    for one, other in zip(*(each.module.state_dict().values() for each in (model, again)), strict=True):
        assert torch.equal(one, other)
    assert forecast_of(model) == forecast_of(again)


def forecast_of(model):
    windows = Windows(torch.ones(1, model.lookback).double().cumsum(1), torch.ones(1).double())
    with torch.no_grad():
        return model.module.forecast(windows).tolist()


@pytest.mark.parametrize("side", ["dt=price", "dt=gaps:date"])
def test_a_column_is_refused(side, tmp_path):
    data = write_sales(tmp_path / "sales.csv")
    with pytest.raises(
        ConfigError, match=r"a step of a forecast is a segment of rows .* Give dt=gaps, or a number: dt=1"
    ):
        forecast.train(data, cell="cfc", side=side, quiet=True)

"""The baseline of an exported forecaster, mixed into the quantiles of its network.

The graph computes in float64 what :mod:`elman.tasks.forecast.baseline` does: from the same look-back, scaled as the
network reads it.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from elman.errors import ConfigError
from elman.export.graph import FLOAT, GraphWriter
from elman.tasks.forecast.baseline.baselines import NAIVE
from elman.tasks.forecast.baseline.linear import SMALLEST, LinearForecast
from elman.tasks.forecast.model import TrainedForecaster


@dataclass(frozen=True)
class WrittenScaling:
    """The names of what scales the windows of a graph.

    Attributes:
        moved: (B, L) the look-back, scaled.
        scale: (B,).
        center: (B,) the last value.
    """

    moved: str
    scale: str
    center: str


def write_mixture(writer: GraphWriter, model: TrainedForecaster, scaling: WrittenScaling, ahead: str) -> str:
    """Write the mixture of scaled quantiles (B, H, Q) with the baseline of a model; itself where there is none.

    Raises:
        ConfigError: the baseline fills in missing values.
    """
    blend, baseline = model.blend, model.mixed
    if blend is None or baseline is None:
        return ahead
    shares = writer.add("Mul", ahead, writer.constant(np.float32(1 - blend.weight)))
    if blend.baseline == NAIVE:  # the last value is where windows begin: 0
        return shares
    if model.module.missing:
        raise ConfigError(
            f"export: this model mixes in the {blend.baseline} forecast, which fills in missing values, and ONNX has "
            "no operator for it. Add --alone to write the network."
        )
    linear = getattr(baseline.forecast, "__self__", None)
    if isinstance(linear, LinearForecast):
        found = _write_linear(writer, linear, scaling, model.lookback)
    else:
        season: int = cast("Any", baseline.forecast).keywords["season"]
        found = _write_season(writer, season, scaling, model.lookback, model.horizon)
    part = writer.add("Cast", writer.add("Mul", found, writer.constant(np.float64(blend.weight))), to=FLOAT)
    return writer.add("Add", shares, writer.add("Unsqueeze", part, writer.indices(2)))


def _write_season(writer: GraphWriter, season: int, scaling: WrittenScaling, lookback: int, horizon: int) -> str:
    """Repeat the last season of a look-back, or its last value where it is shorter."""
    first, steps = (lookback - season, season) if season <= lookback else (lookback - 1, 1)
    places = [first + step % steps for step in range(horizon)]
    return writer.add("Gather", scaling.moved, writer.indices(*places), axis=1)


def _write_linear(writer: GraphWriter, linear: LinearForecast, scaling: WrittenScaling, lookback: int) -> str:
    """Forecast by a weighted sum of the last values, in units of their own deviation; all is scaled already."""
    add, steps, constant = writer.add, len(linear.weights) - 1, writer.constant
    places = writer.indices(*range(lookback - steps, lookback))
    window = add("Gather", scaling.moved, places, axis=1)
    mean = add("ReduceMean", window, axes=[1], keepdims=1)
    last = add("Gather", window, writer.indices(steps - 1), axis=1)
    level = mean if linear.by_mean else last
    apart = add("Sub", window, mean)
    size = add("Sqrt", add("ReduceMean", add("Mul", apart, apart), axes=[1], keepdims=1))
    flat = _is_flat(writer, size, window, scaling)
    divisor = add("Where", flat, constant(np.float64(1)), size)
    weighed = add("MatMul", add("Div", add("Sub", window, level), divisor), constant(linear.weights[:-1]))
    size = add("Where", flat, constant(np.float64(0)), size)
    return add("Add", add("Mul", add("Add", weighed, constant(linear.weights[-1:])), size), level)


def _is_flat(writer: GraphWriter, size: str, window: str, scaling: WrittenScaling) -> str:
    """Tell where the deviation is what rounding leaves in a constant window, in the units of the series."""
    add = writer.add
    scale, center = (add("Unsqueeze", part, writer.indices(1)) for part in (scaling.scale, scaling.center))
    values = add("Abs", add("Add", add("Mul", window, scale), center))
    bound = add("Mul", add("ReduceMax", values, axes=[1], keepdims=1), writer.constant(np.float64(SMALLEST)))
    return add("LessOrEqual", add("Mul", size, scale), bound)

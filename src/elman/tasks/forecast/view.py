"""Prepare a forecasting model and some windows of series for the inspector.

A step of its recurrent layers is a segment of the look-back, and the loss reaches them through the final state.
"""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.series.opening import open_series
from elman.data.series.series import SeriesSet
from elman.errors import DataError
from elman.flow import attribute
from elman.flow.page.mattered import Mattered
from elman.models.view import EXAMPLES, EXPLAINED, LONGEST_EXPLAINED, OF_LAST, POINTS, View, mattered
from elman.phrases import format_near
from elman.tasks.forecast.backtest import thin
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.module import SegmentForecaster, Windows, pinball
from elman.tasks.forecast.windows import SeriesTable

_REFERENCE = "a look-back that is constant at its last value"


def view(model: TrainedForecaster, data: Any) -> View:
    """Return a model with windows of series whose actual values are known.

    Raises:
        DataError: the series cannot be read, or are shorter than a look-back and a horizon.
    """
    series = open_again(model, data)
    table = model.table(series)
    origins = table.origins([(0, len(one)) for one in series.series])
    if not len(origins):
        raise DataError(
            f"{series.name} has no look-back of {model.lookback:,} steps with {model.horizon:,} after it. "
            "Give longer series."
        )
    module = copy.deepcopy(model.module).double().eval()
    few, actual_of_few = table.windows(thin(origins, EXAMPLES))
    many, actual_of_many = table.windows(thin(origins, OF_LAST))
    read = module.read

    def of_last(n: int) -> float:
        if n < read:
            shorter, windows = _shorten(module, many, n * module.segment)
        else:
            shorter, windows = module, many
        with torch.no_grad():
            return float(_loss(shorter, windows, actual_of_many))

    description = (
        f"{len(actual_of_few)} windows of {model.lookback} values, read as {read} segments of {module.segment}"
    )
    return View(
        module,
        module.recurrent,
        lambda: _loss(module, few, actual_of_few) * len(actual_of_few),
        of_last,
        lambda: _explain(module, table, thin(origins, EXPLAINED), model.blend is not None),
        description,
        model.metrics,
    )


def open_again(model: TrainedForecaster, data: Any) -> SeriesSet:
    """Return series as they are, and open paths as in the training.

    Raises:
        DataError: the series cannot be read.
    """
    return data if isinstance(data, SeriesSet) else open_series(list(data), like=model.columns)


def _loss(module: SegmentForecaster, windows: Windows, actual: Tensor) -> Tensor:
    ahead, scaling = module(windows)
    return pinball(ahead, scaling.apply(actual), module.quantiles)


def _shorten(module: SegmentForecaster, windows: Windows, steps: int) -> tuple[SegmentForecaster, Windows]:
    """Return a module that reads fewer steps, and windows with the last of them."""
    shorter, left_out = copy.copy(module), windows.history.shape[1] - steps
    shorter.lookback, shorter.read = steps, steps // module.segment
    past, known, calendar = (
        None if part is None else part[:, left_out:] for part in (windows.past, windows.known, windows.calendar)
    )
    return shorter, windows._replace(history=windows.history[:, left_out:], past=past, known=known, calendar=calendar)


def _explain(
    module: SegmentForecaster, table: SeriesTable, origins: NDArray[np.int64], is_mixed: bool
) -> list[Mattered]:
    """Explain what the network forecasts for the next step, relative to a look-back constant at its last value."""
    explained = []
    said = "is forecast by the network alone to be" if is_mixed else "is forecast to be"
    if module.lookback > LONGEST_EXPLAINED:
        return []
    for origin in origins:
        windows, reading = table.windows(origin[None])[0], table.reading
        (last,) = module.scale(windows)[0].center.tolist()
        missing = windows.history.isnan()

        def score(x: Tensor, windows: Windows = windows, last: float = last, missing: Tensor = missing) -> Tensor:
            history = torch.where(missing, torch.nan, x[..., 0].T + last)
            ahead, scaling = module(windows._replace(history=history))
            ahead = scaling.undo(ahead)[:, 0, len(module.quantiles) // 2]
            return ahead.exp() if table.reading.logarithms else ahead

        moved = torch.where(missing, 0.0, windows.history - last).T[..., None]
        attribution = attribute(score, moved, points=POINTS)
        series = table.series[int(origin[0])]
        real, found = float(table.actual(origin[None])[0, 0]), float(attribution.score[0])
        usual = float(windows.usual[0]) * (abs(found) if reading.logarithms else 1.0)
        answer = f"{format_near(found, usual)} at the step after its step {origin[1]}"
        known = "" if real != real else f" (it was {format_near(real, usual)})"
        shown = {"series": reading.restore(windows.history[0, :, None].numpy()), "baseline": _REFERENCE}
        explained.append(mattered(attribution, 0, len(moved), f"{series.name} {said} {answer}{known}", **shown))
    return explained

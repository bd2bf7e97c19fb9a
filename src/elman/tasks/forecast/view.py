"""Show a forecasting model some windows of series, so that its layers can be looked at while it works.

A step of its recurrent layers is a segment of the look-back, and the loss reaches them through the state behind it.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.series.opening import open_series
from elman.errors import DataError
from elman.flow import attribute
from elman.flow.page.mattered import Mattered
from elman.models.view import EXAMPLES, EXPLAINED, LONGEST_EXPLAINED, OF_LAST, POINTS, View, mattered
from elman.tasks.forecast.backtest import thin
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.module import SegmentForecaster, Windows, pinball
from elman.tasks.forecast.windows import SeriesTable

_BESIDE = "a look-back that stands still at its last value"


def view(model: TrainedForecaster, data: Sequence[str]) -> View:
    """Show a forecasting model windows of series whose outcome is known.

    Raises:
        DataError: the series cannot be read, or are shorter than a look-back and what is forecast from it.
    """
    series = open_series(list(data), like=model.columns)
    table = model.table(series)
    origins = table.origins([(0, len(one)) for one in series.series])
    if not len(origins):
        raise DataError(
            f"{series.name} has no look-back of {model.lookback:,} steps with {model.horizon:,} behind it. "
            "Give longer series."
        )
    module = copy.deepcopy(model.module).double().eval()
    few, came = table.windows(thin(origins, EXAMPLES))
    many, behind = table.windows(thin(origins, OF_LAST))
    read = module.read

    def of_last(n: int) -> float:
        if n < read:
            shorter, windows = _shorten(module, many, n * module.segment)
        else:
            shorter, windows = module, many
        with torch.no_grad():
            return float(_loss(shorter, windows, behind))

    what = f"{len(came)} windows of {model.lookback} values, read as {read} segments of {module.segment}"
    return View(
        module,
        module.recurrent,
        lambda: _loss(module, few, came) * len(came),
        of_last,
        lambda: _explain(module, table, thin(origins, EXPLAINED)),
        what,
        model.metrics,
    )


def _loss(module: SegmentForecaster, windows: Windows, came: Tensor) -> Tensor:
    ahead, scaling = module(windows)
    return pinball(ahead, scaling.apply(came), module.quantiles)


def _shorten(module: SegmentForecaster, windows: Windows, steps: int) -> tuple[SegmentForecaster, Windows]:
    """Return a module that reads so few steps, and windows with the last of them."""
    shorter, left_out = copy.copy(module), windows.history.shape[1] - steps
    shorter.lookback, shorter.read = steps, steps // module.segment
    past, known, calendar = (
        None if part is None else part[:, left_out:] for part in (windows.past, windows.known, windows.calendar)
    )
    return shorter, windows._replace(history=windows.history[:, left_out:], past=past, known=known, calendar=calendar)


def _explain(module: SegmentForecaster, table: SeriesTable, origins: NDArray[np.int64]) -> list[Mattered]:
    """Explain the next step, beside a series that stood still at the last value of its look-back."""
    explained = []
    if module.lookback > LONGEST_EXPLAINED:
        return []
    for origin in origins:
        windows, came = table.windows(origin[None])
        (last,) = module.scale(windows)[0].center.tolist()
        missing = windows.history.isnan()

        def score(x: Tensor, windows: Windows = windows, last: float = last, missing: Tensor = missing) -> Tensor:
            history = torch.where(missing, torch.nan, x[..., 0].T + last)
            ahead, scaling = module(windows._replace(history=history))
            return scaling.undo(ahead)[:, 0, len(module.quantiles) // 2]

        moved = torch.where(missing, 0.0, windows.history - last).T[..., None]
        found = attribute(score, moved, points=POINTS)
        series = table.series[int(origin[0])]
        real = float(came[0, 0])
        answer = f"{series.name} is forecast to be {float(found.score[0]):.4g} at the step behind its step {origin[1]}"
        known = "" if real != real else f" (it was {real:.4g})"
        shown = {"series": windows.history[0, :, None].numpy(), "beside": _BESIDE}
        explained.append(mattered(found, 0, len(moved), answer + known, **shown))
    return explained

"""Keep the baselines of a forecaster in its model file, so that they stand beside every later score as well.

>>> kept = Beside.fit([np.arange(40.0)], [], horizon=2, lookback=4, season=1, levels=(80,))
>>> again = Beside.from_tensors(kept.tensors(), horizon=2, lookback=4, season=1, levels=(80,))
>>> [one.name for one in again.baselines], again.baselines[-1].point([np.arange(5.0)]).round(3).tolist()
(['naive', 'Naive2', 'linear'], [[5.0, 6.0]])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.errors import DataError
from elman.tasks.forecast.baseline.baselines import LINEAR, ForecastBaseline, Window, assemble, fit_baselines
from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.tasks.forecast.scores import Numbers

PREFIX = "beside."
_BY_MEAN, _BY_LAST = f"{PREFIX}linear_from_mean", f"{PREFIX}linear_from_last"
_REACH = f"{PREFIX}reach."


@dataclass(frozen=True)
class Beside:
    """Hold what forecasts without recurrence.

    Attributes:
        baselines: in the order in which they are shown; none where nobody asked for a comparison.
        levels: of their intervals, in percent.
    """

    baselines: Sequence[ForecastBaseline] = ()
    levels: Sequence[int] = ()

    @classmethod
    def fit(
        cls,
        training: Sequence[Numbers],
        validation: Sequence[Window],
        *,
        horizon: int,
        lookback: int,
        season: int,
        levels: Sequence[int],
    ) -> "Beside":
        """Fit all, see :func:`elman.tasks.forecast.baseline.baselines.fit_baselines`."""
        sizes = {"horizon": horizon, "lookback": lookback, "season": season}
        return cls(fit_baselines(training, validation, levels=levels, **sizes), tuple(levels))

    def tensors(self) -> dict[str, Tensor]:
        """Return what was fitted: the weights of the linear one, and how far each interval reaches, (levels, H)."""
        found = {
            f"{_REACH}{one.name}": torch.from_numpy(np.stack([one.reach[level] for level in self.levels])).float()
            for one in self.baselines
            if one.reach
        }
        for one in self.baselines:
            linear = getattr(one.forecast, "__self__", None)
            if one.name == LINEAR and isinstance(linear, LinearForecast):
                found[_BY_MEAN if linear.by_mean else _BY_LAST] = torch.from_numpy(linear.weights).float()
        return found

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], *, horizon: int, lookback: int, season: int, levels: Sequence[int]
    ) -> "Beside":
        """Read what :meth:`tensors` gave; without any there are no baselines.

        Raises:
            DataError: a tensor is not of the shape that goes with the sizes, or has an unknown name.
        """
        if not tensors:
            return cls()
        for name, one in tensors.items():
            rows = len(levels) if name.startswith(_REACH) else max(2, min(len(one), lookback + 1))
            known = name.startswith(_REACH) or name in (_BY_MEAN, _BY_LAST)
            if not known or one.shape != (rows, horizon):
                raise DataError(f"A baseline of this model, {name[:40]!r}, has not its shape. Train the model again.")
        linear = None
        for name, by_mean in ((_BY_MEAN, True), (_BY_LAST, False)):
            if name in tensors:
                linear = LinearForecast(tensors[name].double().numpy(), by_mean, 0.0)
        reach = {
            name.removeprefix(_REACH): dict(zip(levels, rows.double().numpy(), strict=True))
            for name, rows in tensors.items()
            if name.startswith(_REACH)
        }
        return cls(assemble(linear, horizon=horizon, lookback=lookback, season=season, reach=reach), tuple(levels))

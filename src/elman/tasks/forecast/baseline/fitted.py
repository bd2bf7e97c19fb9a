"""Store the baselines of a forecaster in its model file, so that every later evaluation compares with them.

>>> fitted = FittedBaselines.fit([np.arange(40.0)], [], horizon=2, lookback=4, season=1, levels=(80,))
>>> again = FittedBaselines.from_tensors(fitted.tensors(), horizon=2, lookback=4, season=1, levels=(80,))
>>> [one.name for one in again.forecasters], again.forecasters[-1].point([np.arange(5.0)]).round(3).tolist()
(['naive', 'Naive2', 'linear'], [[5.0, 6.0]])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.errors import DataError
from elman.renamed import warn_of_renamed
from elman.tasks.forecast.baseline.baselines import LINEAR, ForecastBaseline, ValidationWindow, assemble, fit_baselines
from elman.tasks.forecast.baseline.linear import LinearForecast
from elman.tasks.forecast.scores import Numbers

PREFIX = "beside."
_BY_MEAN, _BY_LAST = f"{PREFIX}linear_from_mean", f"{PREFIX}linear_from_last"
_REACH = f"{PREFIX}reach."


@dataclass(frozen=True)
class FittedBaselines:
    """The fitted baselines of a model.

    Attributes:
        forecasters: in the order of tables; none where no comparison was requested.
        levels: of their intervals, in percent.
    """

    forecasters: Sequence[ForecastBaseline] = ()
    levels: Sequence[int] = ()

    @property
    def baselines(self) -> Sequence[ForecastBaseline]:
        """Return `forecasters` under its old name."""
        warn_of_renamed("FittedBaselines.baselines", "`forecasters`")
        return self.forecasters

    @classmethod
    def fit(
        cls,
        training: Sequence[Numbers],
        validation: Sequence[ValidationWindow],
        *,
        horizon: int,
        lookback: int,
        season: int,
        longer: Sequence[int] = (),
        levels: Sequence[int],
        logarithms: bool = False,
    ) -> "FittedBaselines":
        """Fit all, see :func:`elman.tasks.forecast.baseline.baselines.fit_baselines`."""
        sizes: dict[str, Any] = {"horizon": horizon, "lookback": lookback, "season": season, "longer": longer}
        return cls(fit_baselines(training, validation, levels=levels, logarithms=logarithms, **sizes), tuple(levels))

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights of the linear baseline, and the half-widths of the intervals of each, (levels, H)."""
        tensors = {
            f"{_REACH}{one.name}": torch.from_numpy(np.stack([one.reach[level] for level in self.levels])).float()
            for one in self.forecasters
            if one.reach
        }
        for one in self.forecasters:
            linear = getattr(one.forecast, "__self__", None)
            if one.name == LINEAR and isinstance(linear, LinearForecast):
                tensors[_BY_MEAN if linear.by_mean else _BY_LAST] = torch.from_numpy(linear.weights).float()
        return tensors

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Tensor],
        *,
        horizon: int,
        lookback: int,
        season: int,
        longer: Sequence[int] = (),
        levels: Sequence[int],
        logarithms: bool = False,
    ) -> "FittedBaselines":
        """Read what :meth:`tensors` returned; without any there are no baselines.

        Raises:
            DataError: the shape of a tensor does not fit the sizes, or its name is unknown.
        """
        if not tensors:
            return cls()
        for name, one in tensors.items():
            rows = len(levels) if name.startswith(_REACH) else max(2, min(len(one), lookback + 1))
            known = name.startswith(_REACH) or name in (_BY_MEAN, _BY_LAST)
            if not known or one.shape != (rows, horizon):
                raise DataError(
                    f"A baseline of this model, {name[:40]!r}, has another shape than expected. Train the model again."
                )
        linear = None
        for name, by_mean in ((_BY_MEAN, True), (_BY_LAST, False)):
            if name in tensors:
                linear = LinearForecast(tensors[name].double().numpy(), by_mean, 0.0, logarithms)
        reach = {
            name.removeprefix(_REACH): dict(zip(levels, rows.double().numpy(), strict=True))
            for name, rows in tensors.items()
            if name.startswith(_REACH)
        }
        forecasters = assemble(linear, horizon=horizon, lookback=lookback, season=season, longer=longer, reach=reach)
        return cls(forecasters, tuple(levels))

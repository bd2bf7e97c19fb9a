"""Mix the forecast of a network with that of a baseline.

The mean of two forecasts often has a lower error than either (Bates & Granger 1969). Each quantile of the answer is
(1 − w) times that of the network, plus w times the point forecast of one baseline from the same look-back. w is its
posterior mean (Hoeting et al. 1999): before anything is known, the network alone is as likely as a mixture, and of a
mixture every w. The absolute error E(w) of the median on held-out windows, in scaled units, is read as the scale of a
Laplace distribution, so w has the likelihood E(w)^−N, where N horizons do not overlap. So a baseline that few windows
favour has a smaller part in the forecast than one that many windows favour. The baseline is the one of the highest
evidence. Intervals are calibrated on the mixed quantiles.

What is reported is cross-fitted: baseline and w for a window are learnt on windows of other parts.

>>> network, right = torch.tensor([[[0.0, 1.0, 2.0]]] * 60), torch.full((60, 1), 2.0)
>>> origins = np.stack([np.arange(60), np.full(60, 8)], axis=1)
>>> learn(network, right, {"naive": torch.full((60, 1), 5.0)}, origins)
('naive', 0.25)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.plain import read_plain
from elman.data.series.series import Numbers
from elman.errors import DataError
from elman.tasks.forecast.baseline.baselines import LINEAR, NAIVE, SEASONAL, ForecastBaseline
from elman.tasks.forecast.module import WindowScaling
from elman.tasks.forecast.windows import Reading

MARGINS = "blend.margins"
"""The name of the tensor of the margins in a model file."""
_PARTS = 5
_WEIGHTS = [at / 20 for at in range(1, 21)]
_ALONE = 0.5  # the prior probability that the network answers alone
_LEAST = 1e-12  # an error, whose logarithm is taken


@dataclass(frozen=True)
class ForecastBlend:
    """What the quantiles of a network are mixed with.

    Attributes:
        baseline: the name of one.
        weight: its share, above 0, up to 1.
    """

    baseline: str
    weight: float

    def __post_init__(self) -> None:
        if not is_mixable(self.baseline) or not 0 < self.weight <= 1:
            raise DataError("The mixture of this model is none of a network and a baseline. Train the model again.")

    def mix(self, quantiles: Tensor, baseline: Tensor) -> Tensor:
        """Mix quantiles (N, H, Q) with point forecasts (N, H), both scaled."""
        return quantiles * (1 - self.weight) + (baseline * self.weight).to(quantiles.dtype)[:, :, None]

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {"baseline": self.baseline, "weight": self.weight}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ForecastBlend":
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a field is missing, of another kind, or out of range.
        """
        return read_plain(cls, data, "blend")


def is_mixable(baseline: str) -> bool:
    """Tell whether a baseline forecasts from a look-back alone; Naive2 reads fifty seasons."""
    return baseline in (NAIVE, LINEAR) or baseline.startswith(SEASONAL)


def forecast_scaled(baseline: ForecastBaseline, histories: Numbers, scaling: WindowScaling, reading: Reading) -> Tensor:
    """Return what a baseline forecasts from look-backs, scaled as the forecasts of the network, (N, H).

    Args:
        baseline: a mixable one.
        histories: (N, L) in the units of the series, NaN where missing.
        scaling: of the same windows.
        reading: how series become numbers.
    """
    ahead = reading.read(baseline.point(list(histories)))
    return scaling.apply(torch.from_numpy(ahead).to(scaling.scale.device))


def learn(
    network: Tensor, right: Tensor, baselines: Mapping[str, Tensor], origins: NDArray[np.int64]
) -> tuple[str, float] | None:
    """Find the baseline to mix in, and its weight, a multiple of 1/20; None where the network answers alone.

    Args:
        network: (N, H, Q) quantiles.
        right: (N, H) actual values, NaN where missing.
        baselines: (N, H) by name.
        origins: (N, 2) number of a series, first step ahead.
    """
    median, known = network[:, :, network.shape[2] // 2], ~right.isnan()

    def error(median: Tensor) -> float:
        return float((median - right)[known].abs().double().mean())

    horizon = right.shape[1]
    count = len({(number, step // horizon) for number, step in origins.tolist()})
    priors = np.array([_ALONE, *[(1 - _ALONE) / len(_WEIGHTS)] * len(_WEIGHTS)])
    alone, best, highest = error(median), None, -math.inf
    for name, baseline in baselines.items():
        mixed = (ForecastBlend(name, weight).mix(median[:, :, None], baseline)[:, :, 0] for weight in _WEIGHTS)
        errors = np.maximum([alone, *map(error, mixed)], _LEAST)
        logarithms = np.log(priors) - count * np.log(errors)
        shares = np.exp(logarithms - logarithms.max())
        evidence = float(logarithms.max() + np.log(shares.sum()))
        if evidence > highest:
            mean = float(shares @ [0.0, *_WEIGHTS] / shares.sum())
            best, highest = (name, round(len(_WEIGHTS) * mean) / len(_WEIGHTS)), evidence
    return None if best is None or best[1] == 0 else best


def draw_parts(origins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide windows into five parts, (N,): by series where there are as many, else by time.

    >>> draw_parts(np.array([[0, 7], [0, 8], [0, 9], [0, 10], [0, 11]])).tolist()
    [0, 1, 2, 3, 4]
    """
    numbers, place, counts = np.unique(origins[:, 0], return_inverse=True, return_counts=True)
    if len(numbers) >= _PARTS:
        return place % _PARTS
    ranks = np.empty(len(origins), np.int64)
    ranks[np.lexsort((origins[:, 1], place))] = np.concatenate([np.arange(count) for count in counts])
    return ranks * _PARTS // counts[place]

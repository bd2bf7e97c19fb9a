"""Judge a trained network on the held-out part: what is mixed into its answer, its intervals, its scores.

The mixture (:mod:`elman.tasks.forecast.blending`) and the margins of the intervals are learnt on the windows of the
held-out part. The scores of a mixture are cross-fitted: each window is answered by the mixture of the other parts.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.tasks.forecast.backtest import (
    MOST_COMPARED,
    Ahead,
    Backtest,
    compare,
    judge_forecasts,
    judge_mixed,
    score,
    thin,
)
from elman.tasks.forecast.blending import ForecastBlend, draw_parts, is_mixable, learn
from elman.tasks.forecast.intervals.conformal import margins
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.reading import Parts
from elman.tasks.forecast.scores import ForecastScores, Intervals, Numbers

_MOST_CALIBRATED = 8000


def judge_forecaster(
    model: TrainedForecaster, parts: Parts, baselines: Mapping[str, ForecastScores], alone: bool
) -> dict[str, Any]:
    """Decide how a model answers, calibrate its intervals, and score it beside its baselines.

    Args:
        model: whose mixture and margins are set.
        parts: the encoded data.
        baselines: scores on the held-out part, by name.
        alone: never mix a baseline in.

    Returns:
        What the model file says was measured.
    """
    held_out = _HeldOut.of(model, parts, alone)
    model.module.margins.copy_(_calibrate(model.percents, held_out.network, held_out.right))
    blend = held_out.learn()
    origins = thin(parts.hold, MOST_COMPARED)

    def score_by(ahead: Ahead) -> ForecastScores:
        return score(ahead, parts.table, parts.ends, origins)

    network = score_by(lambda part: model.ahead(parts.table, part))
    if blend is None:
        scores = compare(network, baselines)
        return {**_describe(scores), "verdict": judge_forecasts(scores)}
    model.blend, model.blended_margins = blend, held_out.calibrate(model.percents, blend)
    found = compare(score_by(_cross(model, parts, held_out, origins)), baselines)
    alone_scores = compare(network, baselines).ours
    return {
        **_describe(found),
        "network": alone_scores.to_dict(),
        "verdict": f"{judge_forecasts(found)} {judge_mixed(alone_scores, blend)}",
    }


@dataclasses.dataclass(frozen=True)
class _HeldOut:
    """Forecasts of held-out windows, scaled.

    Attributes:
        origins: (N, 2).
        network: (N, H, Q) quantiles in order.
        right: (N, H) actual values, NaN where missing.
        baselines: (N, H) of each that may be mixed in, by name.
    """

    origins: NDArray[np.int64]
    network: Tensor
    right: Tensor
    baselines: Mapping[str, Tensor]

    @classmethod
    def of(cls, model: TrainedForecaster, parts: Parts, alone: bool) -> "_HeldOut":
        origins = thin(parts.hold, _MOST_CALIBRATED)
        network, right = model.scaled(parts.table, origins)
        able = [] if alone else [one for one in model.baselines.forecasters if is_mixable(one.name)]
        found = {one.name: model.scaled_baseline(one, parts.table, origins) for one in able}
        return cls(origins, network, right, found)

    def at(self, rows: NDArray[np.bool_]) -> "_HeldOut":
        at = torch.from_numpy(rows)
        baselines = {name: one[at] for name, one in self.baselines.items()}
        return _HeldOut(self.origins[rows], self.network[at], self.right[at], baselines)

    def learn(self) -> ForecastBlend | None:
        found = learn(self.network, self.right, self.baselines, self.origins) if len(self.origins) else None
        return None if found is None else ForecastBlend(*found)

    def calibrate(self, percents: Sequence[int], blend: ForecastBlend | None) -> Tensor:
        mixed = self.network if blend is None else blend.mix(self.network, self.baselines[blend.baseline])
        return _calibrate(percents, mixed, self.right)


def _calibrate(percents: Sequence[int], forecast: Tensor, right: Tensor) -> Tensor:
    """Return how far the ends of the intervals move, (levels, H), the outermost first."""
    levels = enumerate(percents[::-1])
    return torch.stack([margins(forecast[:, :, at], forecast[:, :, -1 - at], right, percent) for at, percent in levels])


def _cross(model: TrainedForecaster, parts: Parts, held_out: _HeldOut, origins: NDArray[np.int64]) -> Ahead:
    """Return forecasts of held-out windows, each by the mixture that is learnt on the other parts."""
    of_learnt, of_scored = draw_parts(held_out.origins), draw_parts(origins)
    answers: dict[int, TrainedForecaster] = {}
    for number in np.unique(of_scored).tolist():
        others = held_out.at(of_learnt != number)
        blend = others.learn()
        margins = None if blend is None else others.calibrate(model.percents, blend)
        answers[number] = dataclasses.replace(model, blend=blend, blended_margins=margins)
    numbers = {tuple(origin): number for origin, number in zip(origins.tolist(), of_scored.tolist(), strict=True)}

    def ahead(part: NDArray[np.int64]) -> tuple[Numbers, Intervals]:
        own = np.array([numbers[tuple(origin)] for origin in part.tolist()])
        point = np.empty((len(part), model.horizon))
        ends = {level: (np.empty_like(point), np.empty_like(point)) for level in model.percents}
        for number in np.unique(own).tolist():
            rows = own == number
            point[rows], intervals = answers[number].ahead(parts.table, part[rows])
            for level, (low, high) in intervals.items():
                ends[level][0][rows], ends[level][1][rows] = low, high
        return point, ends

    return ahead


def _describe(scores: Backtest) -> dict[str, Any]:
    return {"validation": scores.ours.to_dict(), **scores.baselines_to_dict()}

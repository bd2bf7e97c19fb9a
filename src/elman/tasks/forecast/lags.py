"""Look up the values one season before each step ahead, for series with several seasons.

With a day and a week in an hourly series, tomorrow at nine is forecast from today at nine and two days before, and
from the same hour in the last three weeks. A weighted sum of them, whose weights are learnt for each step ahead, is
what the network corrects; and the decoder reads them as inputs of its segments.

>>> lags = SeasonalLags([2, 3], lookback=6, horizon=3, segment=2, hidden=5)
>>> lags.back
((2, 1), (2, 2), (2, 3), (3, 1), (3, 2))
>>> found = lags(torch.arange(10.0, 16.0)[None])
>>> found[0].tolist()
[[14.0, 12.0, 10.0, 13.0, 10.0], [15.0, 13.0, 11.0, 14.0, 11.0], [14.0, 12.0, 10.0, 15.0, 12.0]]
>>> lags.base(found).shape, lags.inputs(found).shape
(torch.Size([1, 3]), torch.Size([2, 1, 5]))
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elman.nn.rowwise import Linear

_MOST_BACK = 3


class SeasonalLags(nn.Module):
    """The lags of several seasons, S in all, as a first forecast and as inputs of segments.

    Args:
        seasons: the steps of each.
        lookback: L, steps that are read; the lags are up to three seasons back, as far as it reaches.
        horizon: H, steps that are forecast.
        segment: W, steps of a segment.
        hidden: size of the inputs.

    Attributes:
        back: of each lag, the steps of its season, and how many seasons it is back.
    """

    def __init__(self, seasons: Sequence[int], lookback: int, horizon: int, segment: int, hidden: int) -> None:
        super().__init__()
        self.horizon, self.segment = horizon, segment
        self.back = tuple(
            (season, back) for season in seasons for back in range(1, 1 + min(_MOST_BACK, lookback // season))
        )
        self.weight = nn.Parameter(torch.full((horizon, len(self.back)), 1 / len(self.back)))
        self.embed = Linear(segment * len(self.back), hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return earlier values at the phase of each step ahead, (B, H, S); 0 before the first step.

        Args:
            x: (B, L) scaled values.
        """
        where = self.places(x.shape[1]).to(x.device)
        return torch.where(where >= 0, x[:, where.clamp(min=0)], 0.0)

    def places(self, steps: int) -> Tensor:
        """Return the step of each lag in so many that are read, (H, S); below 0 before the first."""
        ahead = torch.arange(self.horizon)
        return torch.stack([steps + ahead - season * (ahead // season + back) for season, back in self.back], dim=1)

    def base(self, lags: Tensor) -> Tensor:
        """Return the weighted sum of lags, (B, H)."""
        return (lags * self.weight).sum(dim=2)

    def inputs(self, lags: Tensor) -> Tensor:
        """Return what the decoder reads of them, (segments, B, hidden)."""
        segments = math.ceil(self.horizon / self.segment)
        lacking = segments * self.segment - self.horizon
        whole = torch.cat([lags, lags[:, -1:].expand(-1, lacking, -1)], dim=1)
        read: Tensor = self.embed(whole.reshape(len(lags), segments, -1).transpose(0, 1))
        return read

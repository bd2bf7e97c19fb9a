"""Choose the sizes that were not requested: horizon, look-back, segment and held-out part.

>>> choose_sizes(RequestedSizes(), season=7, lengths=[730])
Sizes(horizon=14, lookback=56, segment=14, held_out=(146,))
>>> choose_sizes(RequestedSizes(horizon=96, lookback=96), season=24, lengths=[11520] * 7).segment
48
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_high

from elman.errors import ConfigError

_SEASONS = ((12, 2), (96, 1))  # up to so many steps a season, so many seasons ahead
_HORIZON_WITHOUT_SEASON = 8
_OF_LENGTH = 8  # a horizon is at most an eighth of a series of median length
_LOOKBACK_IN_HORIZONS = 4
_LOOKBACK_IN_SEASONS = 2
_LOOKBACK_IN_LONGEST = 3  # of several seasons
_LONGEST_LOOKBACK = 512
_LONGEST_SEGMENT = 48
_HELD_OUT = 5  # a fifth
_MANY_SERIES = 100


@dataclass(frozen=True)
class RequestedSizes:
    """The sizes that the caller requested; None for the others."""

    horizon: int | None = None
    lookback: int | None = None
    segment: int | None = None
    held_out: int | None = None


@dataclass(frozen=True)
class Sizes:
    """The sizes of windows and of the held-out part.

    Attributes:
        horizon: H, steps to forecast.
        lookback: L, steps to read.
        segment: W, steps of a segment.
        held_out: for each series, steps at its end that are held out.
    """

    horizon: int
    lookback: int
    segment: int
    held_out: tuple[int, ...]

    @property
    def past(self) -> int:
        """Return the fewest steps of a look-back that must exist; the others are missing values."""
        return min(self.lookback, self.horizon)

    def fewest(self, past: int) -> list[int]:
        """Return the fewest steps of each series: one training window, and the held-out part.

        Args:
            past: steps that the window has before its forecast.
        """
        return [past + self.horizon + max(self.horizon, held) for held in self.held_out]


def choose_sizes(
    requested: RequestedSizes, *, season: int, lengths: Sequence[int], longer: Sequence[int] = ()
) -> Sizes:
    """Choose sizes.

    The horizon is two seasons, the shortest ones, of up to 12 steps, one of up to 96, and 8 steps without a season;
    never more than an eighth of the median length, the longer one of two in the middle. The look-back is four horizons,
    at least two seasons, at most 512 steps; where there are several seasons, at least three of the longest, whatever
    it is; as far as a series of median length has them. That median is over the series with a horizon to read, one to
    forecast and the held-out part, if there are any. A segment is the horizon in equal parts of at most 48 steps, at
    most half a look-back. Held out is a fifth of each series, at least a horizon; of a hundred series or more the last
    horizon of each.

    Args:
        requested: sizes that stay as they are.
        season: steps of a season, the shortest; 1 where there is none.
        lengths: steps of each series.
        longer: steps of longer seasons, ascending.

    Raises:
        ConfigError: the requested segment is longer than the look-back.
    """
    horizon = requested.horizon or max(1, min(_horizon(season), median_high(lengths) // _OF_LENGTH))
    held_out = tuple(_hold_out(length, horizon, requested.held_out, len(lengths)) for length in lengths)
    lookback = requested.lookback
    if lookback is None:
        learnt = [length - held for length, held in zip(lengths, held_out, strict=True)]
        room = median_high([steps for steps in learnt if steps >= 2 * horizon] or learnt) - horizon
        wanted = max(_LOOKBACK_IN_HORIZONS * horizon, _LOOKBACK_IN_SEASONS * season if season > 1 else 1)
        wanted = min(wanted, max(_LONGEST_LOOKBACK, horizon))
        if longer:
            wanted = max(wanted, _LOOKBACK_IN_LONGEST * longer[-1])
        lookback = max(1, min(wanted, room))
    segment = requested.segment or min(_part(horizon), max(1, math.ceil(lookback / 2)))
    if segment > lookback:
        raise ConfigError(
            f"segment is {segment}, and the look-back has {lookback:,} steps. Give a segment of 1 to {lookback:,}."
        )
    return Sizes(horizon, lookback, segment, held_out)


def _horizon(season: int) -> int:
    if season == 1:
        return _HORIZON_WITHOUT_SEASON
    for longest, seasons in _SEASONS:
        if season <= longest:
            return seasons * season
    return _SEASONS[-1][0]


def _hold_out(length: int, horizon: int, requested: int | None, series: int) -> int:
    if requested is not None:
        return requested
    return horizon if series >= _MANY_SERIES else max(horizon, length // _HELD_OUT)


def _part(horizon: int) -> int:
    return math.ceil(horizon / math.ceil(horizon / _LONGEST_SEGMENT))

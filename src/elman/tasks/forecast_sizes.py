"""Choose what nobody asked for: how far to forecast, how much to read, how much to hold out.

>>> choose_sizes(Asked(), season=7, lengths=[730])
Sizes(horizon=14, lookback=56, segment=14, held_out=(146,))
>>> choose_sizes(Asked(horizon=96, lookback=96), season=24, lengths=[11520] * 7).segment
48
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from elman.errors import ConfigError

_SEASONS = ((12, 2), (96, 1))  # up to so many steps a season, so many seasons ahead
_HORIZON_WITHOUT_SEASON = 8
_OF_SHORTEST = 8  # a horizon is at most this part of the shortest series
_LOOKBACK_IN_HORIZONS = 4
_LOOKBACK_IN_SEASONS = 2
_LONGEST_LOOKBACK = 512
_LONGEST_SEGMENT = 48
_HELD_OUT = 5  # a fifth
_MANY_SERIES = 100


@dataclass(frozen=True)
class Asked:
    """Hold what somebody asked for; None for the rest."""

    horizon: int | None = None
    lookback: int | None = None
    segment: int | None = None
    held_out: int | None = None


@dataclass(frozen=True)
class Sizes:
    """Hold what was chosen.

    Attributes:
        horizon: H, steps to forecast.
        lookback: L, steps to read.
        segment: W, steps of a segment.
        held_out: for each series, steps at its end that are not learnt from.
    """

    horizon: int
    lookback: int
    segment: int
    held_out: tuple[int, ...]

    def fewest(self) -> int:
        """Return the steps that a series must have: a window to learn from, and what is held out."""
        return self.lookback + self.horizon + max(self.horizon, min(self.held_out, default=0))


def choose_sizes(asked: Asked, *, season: int, lengths: Sequence[int]) -> Sizes:
    """Choose sizes.

    The horizon is two seasons of up to 12 steps, one of up to 96, and 8 steps without a season; never more than an
    eighth of the shortest series. The look-back is four horizons, at least two seasons, at most 512 steps, as far as
    the shortest series has them. A segment is the horizon in equal parts of at most 48 steps, at most half a look-back.
    Held out is a fifth of each series, at least a horizon; of a hundred series or more the last horizon of each.

    Args:
        asked: what is not to be chosen.
        season: steps of a season; 1 where there is none.
        lengths: steps of each series.

    Raises:
        ConfigError: a segment that is asked for is longer than the look-back.
    """
    shortest = min(lengths)
    horizon = asked.horizon or max(1, min(_horizon(season), shortest // _OF_SHORTEST))
    held_out = tuple(_hold_out(length, horizon, asked.held_out, len(lengths)) for length in lengths)
    lookback = asked.lookback
    if lookback is None:
        room = min(length - held for length, held in zip(lengths, held_out, strict=True)) - horizon
        wanted = max(_LOOKBACK_IN_HORIZONS * horizon, _LOOKBACK_IN_SEASONS * season if season > 1 else 1)
        lookback = max(1, min(wanted, max(_LONGEST_LOOKBACK, horizon), room))
    segment = asked.segment or min(_part(horizon), max(1, math.ceil(lookback / 2)))
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


def _hold_out(length: int, horizon: int, asked: int | None, series: int) -> int:
    if asked is not None:
        return asked
    return horizon if series >= _MANY_SERIES else max(horizon, length // _HELD_OUT)


def _part(horizon: int) -> int:
    return math.ceil(horizon / math.ceil(horizon / _LONGEST_SEGMENT))

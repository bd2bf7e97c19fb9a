"""Settle the seasons of series: those that were requested, those of the calendar, or those that values show.

>>> order_seasons([168, 24]), order_seasons(1)
((24, 168), ())
>>> hourly = Frequency("hour", 1, season=24)
>>> settle_seasons(hourly, [np.arange(30.0)], None)[1]
'A season of 24 steps does not fit twice into 30, so none is assumed.'
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.data.series.frequency import WITHOUT_CALENDAR, Frequency
from elman.data.series.regularity import steps_of_week
from elman.data.series.seasonality import find_longer_season, find_season
from elman.errors import ConfigError

_HELD_OUT = 5  # a fifth of each series, unless given


def order_seasons(given: int | Sequence[int]) -> tuple[int, ...]:
    """Return the steps of requested seasons in ascending order; none for 1.

    Raises:
        ConfigError: one is below 1, or one of several is 1.
    """
    seasons = tuple(sorted({given} if isinstance(given, int) else set(given)))
    if not seasons or seasons[0] < 1 or (seasons[0] == 1 and len(seasons) > 1):
        others = " beside others" if len(seasons) > 1 else ""
        raise ConfigError(
            f"A season cannot have {min(seasons, default=0)} steps{others}. Give 1 for no season, or more."
        )
    return () if seasons == (1,) else seasons


def settle_seasons(
    frequency: Frequency, series: Sequence[NDArray[np.float64]], held_out: int | None
) -> tuple[Frequency, str]:
    """Return the frequency with the seasons that series have, and a note; an empty one where there is none to make.

    Args:
        frequency: with the season of the calendar.
        series: (T,) each.
        held_out: steps at the end of each that are not looked at, since a training holds them out; None for a fifth.
    """
    if frequency.unit in WITHOUT_CALENDAR:
        seasons = find_seasons(series, held_out)
        said = " and ".join(f"{season:,}" for season in seasons)
        taken = "the season" if len(seasons) == 1 else "seasons"
        note = f"Values repeat every {said} steps, which is taken for {taken}." if seasons else ""
        return frequency.with_seasons(seasons), note
    season, longest = frequency.season, max(map(len, series))
    if longest < 2 * season:
        note = f"A season of {season:,} steps does not fit twice into {longest:,}, so none is assumed."
        return frequency.with_seasons(()), note
    week = steps_of_week(*frequency.step)
    if season == 1 or week is None or week <= season:
        return frequency, ""
    longer = find_longer_season(_learnt(series, held_out), season, [week])
    return frequency.with_seasons((season, longer) if longer > 1 else (season,)), ""


def find_seasons(series: Sequence[NDArray[np.float64]], held_out: int | None = None) -> tuple[int, ...]:
    """Find the seasons in all but the end of each series; none, one, or two.

    Args:
        series: (T,) each.
        held_out: see :func:`settle_seasons`.
    """
    learnt = _learnt(series, held_out)
    season = find_season(learnt)
    longer = 1 if season == 1 else find_longer_season(learnt, season)
    return tuple(steps for steps in (season, longer) if steps > 1)


def _learnt(series: Sequence[NDArray[np.float64]], held_out: int | None) -> list[NDArray[np.float64]]:
    ends = [len(values) - (len(values) // _HELD_OUT if held_out is None else held_out) for values in series]
    return [values[: max(0, end)] for values, end in zip(series, ends, strict=True)]

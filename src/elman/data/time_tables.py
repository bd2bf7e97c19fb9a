"""Read series from tables with a column of times: wide (a series a column) or long (the rows of an id a series)."""

from collections.abc import Sequence
from os import PathLike

from elman.data.series import SeriesColumns, SeriesSet

Source = str | PathLike[str]


def open_series(
    paths: Source | Sequence[Source],
    *,
    target: str | Sequence[str] | None = None,
    time: str | None = None,
    id: str | Sequence[str] | None = None,
    known: Sequence[str] = (),
    past: Sequence[str] = (),
    static: Sequence[str] = (),
    season: int | None = None,
    fill_gaps: bool = False,
    like: SeriesColumns | None = None,
) -> SeriesSet:
    """Read all series of some tables.

    Args:
        paths: `.csv`, `.tsv` or `.jsonl`, all with the same columns.
        target: the columns to forecast, one or several, `a,b`; by default all numbers of a wide table, and the one
            column of numbers of a long one.
        time: the column of times; by default the first that holds some. Empty if rows are to be counted.
        id: the columns that tell series apart; inferred where times come twice. Empty for none.
        known: covariates known beyond the last value, in rows whose target is empty.
        past: covariates that end with the values.
        static: covariates of a whole series, in a long table.
        season: how many steps make a season, where the calendar's is not meant.
        fill_gaps: whether missing times become missing values.
        like: the columns of a model. Nothing is inferred then.

    Raises:
        DataError: the tables cannot be read, or are not what was asked for.
    """
    raise NotImplementedError

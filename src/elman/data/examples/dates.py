"""Recognise columns of dates among those of a table.

A column is one of dates where all of its values are, in one form; numbers are none.

>>> from elman.data.tables.kinds import ColumnSummary
>>> opened = ColumnSummary("opened")
>>> opened.add(["31.01.2024 9:30", "", "01.02.2024 17:05"], 0)
>>> form_of_dates(opened), settle_date(opened, "tickets.csv")
('day first', 'day first')
"""

from elman.data.series.timestamps import count_fitting, guess_form, is_ambiguous
from elman.data.tables.kinds import MISSING_NUMBERS, ColumnSummary
from elman.errors import DataError

_SAMPLE = 500


def form_of_dates(summary: ColumnSummary) -> str | None:
    """Return the form of a column all of whose values are dates; None for another column."""
    cells = _sample(summary)
    form = guess_form(cells, named=False) if cells else None
    return form if form is not None and count_fitting(cells, form) == len(cells) else None


def tells_day(summary: ColumnSummary) -> bool:
    """Return whether dates show which number is the day and which the month."""
    return form_of_dates(summary) not in ("day first", "month first") or not is_ambiguous(_sample(summary))


def settle_date(summary: ColumnSummary, name: str) -> str:
    """Return the form of a column of dates.

    Args:
        summary: of the column.
        name: of the table, for messages.

    Raises:
        DataError: its values have no form in common, or day and month could be exchanged in all of them.
    """
    form = form_of_dates(summary)
    remedy = f"Write 2024-01-31, or read the column as {summary.name}:category."
    if form is None:
        raise DataError(f"{name}, column {summary.name}: its values are not dates of one form. {remedy}")
    if not tells_day(summary):
        first = min(_sample(summary))
        raise DataError(
            f"{name}, column {summary.name}: day and month cannot be told apart in {first!r} and all others. {remedy}"
        )
    return form


def _sample(summary: ColumnSummary) -> list[str]:
    """Return some different values, without spaces around them and without missing ones."""
    cells = sorted(cell.strip() for cell in summary.distinct if cell.strip() not in MISSING_NUMBERS)
    return cells[:: len(cells) // _SAMPLE + 1]

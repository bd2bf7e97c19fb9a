"""Choose the columns of a table of series: times, identifiers of series, targets and covariates.

Every inference is reported in a note of one sentence.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from elman.data.examples.choosing import SERIES_NAMES, find_column
from elman.data.series.frequency import Moments
from elman.data.tables.dialects import describe_nearest
from elman.data.tables.row_index import RowIndex
from elman.errors import ConfigError, DataError
from elman.phrases import name_some

VALUE_NAMES = (
    "y",
    "value",
    "values",
    "target",
    "sales",
    "demand",
    "quantity",
    "qty",
    "amount",
    "count",
    "price",
    "load",
)
ID_NAMES = (
    *SERIES_NAMES,
    "unique_id",
    "item_id",
    "item",
    "store",
    "store_id",
    "product",
    "sku",
    "key",
    "sensor",
    "name",
)
MOST_LEVELS = 50

_ROWS_PER_TIME = 1.5  # above it a table is long


@dataclass(frozen=True)
class RequestedRoles:
    """The columns that the caller requested; see :func:`elman.data.series.opening.open_series`."""

    targets: tuple[str, ...] = ()
    time: tuple[str, ...] | None = None
    id: tuple[str, ...] | None = None
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    def check(self, index: RowIndex, name: str) -> None:
        """Check that every column exists and has one role.

        Raises:
            DataError: a column does not exist, or has two roles.
        """
        columns = (*self.targets, *(self.time or ()), *(self.id or ()), *self.past, *self.known, *self.static)
        for column, roles in Counter(columns).items():
            find_column(column, index.summaries, name)
            if roles > 1:
                raise DataError(f"{name}: column {column} has two roles. Name it in one option.")

    def refuse_beside_rows(self, rows: str | None) -> None:
        """Refuse columns that a table does not have whose rows are series.

        Raises:
            ConfigError: one is named.
        """
        for role in ("targets", "past", "known", "static"):
            if rows == "series" and getattr(self, role):
                raise ConfigError(f"{role.removesuffix('s')} names a column, and with rows=series no column is one.")


def split_names(requested: str | Sequence[str] | None, columns: Sequence[str]) -> tuple[str, ...]:
    """Split `a,b` into the names of columns, unless a column has that name.

    >>> split_names("a, b", ["a", "b"]), split_names("a, b", ["a, b"])
    (('a', 'b'), ('a, b',))
    """
    if requested is None:
        return ()
    parts = [requested] if isinstance(requested, str) else requested
    names = [[part] if part in columns else part.split(",") for part in parts]
    return tuple(name.strip() for own in names for name in own if name.strip())


def choose_id(
    index: RowIndex, times: Moments | None, columns: Mapping[str, Sequence[str]], requested: RequestedRoles
) -> tuple[tuple[str, ...], str]:
    """Return the columns that identify series, and a note on how they were inferred; none for a wide table.

    Args:
        index: of the table.
        times: of each row; None where rows are counted.
        columns: the cells of the columns of :func:`list_id_candidates`.
        requested: the columns that the caller named.
    """
    if requested.id is not None:
        return requested.id, ""
    if times is None:
        named = next((name for name in columns if name.lower() in ID_NAMES and index.summaries[name].repeats), None)
        return ((named,), f"Rows with the same {named} form one series.") if named else ((), "")
    different = len(np.unique(times))
    if different == len(times):
        return (), ""
    ordered = sorted(columns, key=lambda name: name.lower() not in ID_NAMES)
    named_ones = [name for name in ordered if name.lower() in ID_NAMES]
    long = len(times) >= _ROWS_PER_TIME * different
    for names in [(name,) for name in (ordered if long else named_ones)] + (
        list(combinations(ordered, 2)) if long else []
    ):
        groups = group_rows([columns[name] for name in names])[1]
        pairs = np.unique(np.stack([groups, times.astype(np.int64)]), axis=1).shape[1]
        if pairs == len(times) and 2 * (groups.max() + 1) <= len(times):
            return names, f"Rows with the same {' and '.join(names)} form one series, because times repeat."
    return (), ""


def list_id_candidates(index: RowIndex, taken: Sequence[str], requested: RequestedRoles) -> list[str]:
    """List the columns that may identify series: texts, and numbers in a column with a usual name.

    Args:
        index: of the table.
        taken: columns of times, and of parts of them.
        requested: the columns that the caller named.
    """
    if requested.id is not None:
        return list(requested.id)
    used = {*taken, *requested.targets, *requested.past, *requested.known, *requested.static}
    kinds = ("category", "text", "letters")
    return [
        name
        for name, summary in index.summaries.items()
        if name not in used and summary.repeats and (summary.kind() in kinds or name.lower() in ID_NAMES)
    ]


def choose_targets(
    index: RowIndex, requested: RequestedRoles, times: Sequence[str], id: Sequence[str], name: str
) -> tuple[tuple[str, ...], str]:
    """Return the columns to forecast, and a note.

    Args:
        index: of the table.
        requested: the columns that the caller named.
        times: columns of times, and of parts of them.
        id: the columns that identify series; none for a wide table.
        name: of the table.

    Raises:
        DataError: there is none, or several of a long table.
    """
    if requested.targets:
        return requested.targets, ""
    taken = {*times, *id, *requested.past, *requested.known, *requested.static}
    numbers = [
        column
        for column, summary in index.summaries.items()
        if column not in taken and summary.kind() == "number" and not summary.counts_up()
    ]
    if not numbers:
        nearest = describe_nearest(index, [column for column in index.names if column not in taken])
        raise DataError(
            f"{name} has no column of numbers to forecast: {name_some(index.names)}. {nearest}{' ' * bool(nearest)}"
            "Add one, or name it with --target."
        )
    if id:
        lower = {column.lower(): column for column in reversed(numbers)}
        target = next((lower[usual] for usual in VALUE_NAMES if usual in lower), numbers[0])
        if len(numbers) > 1 and target.lower() not in VALUE_NAMES:
            raise DataError(f"{name} has several columns of numbers: {name_some(numbers)}. Name one with --target.")
        numbers = [target]
    constant = [column for column in numbers if index.summaries[column].is_constant()]
    left_out = frozenset(constant)
    varying = [column for column in numbers if column not in left_out]
    note = f"Left out, because its value never changes: {name_some(constant)}." if constant and varying else ""
    return tuple(varying or numbers), note


def choose_levels(index: RowIndex, columns: Sequence[str], name: str) -> dict[str, tuple[str, ...]]:
    """Return the values of covariates that are text.

    Raises:
        DataError: one has too many, or holds lists.
    """
    levels = {}
    for column in columns:
        summary = index.summaries[column]
        if summary.kind() in ("number", "empty"):
            continue
        if summary.kind() in ("series", "labels", "object"):
            raise DataError(f"{name}: column {column} holds lists or objects. Write numbers or short texts.")
        texts = sorted({text.strip() for text in summary.distinct} - {""})
        if summary.many or len(texts) > MOST_LEVELS:
            raise DataError(
                f"{name}: the covariate {column} has more than {MOST_LEVELS} different texts. Write numbers, or fewer "
                "kinds."
            )
        levels[column] = tuple(texts)
    return levels


def group_rows(columns: Sequence[Sequence[str]]) -> tuple[list[tuple[str, ...]], NDArray[np.int64]]:
    """Number rows by their values in some columns.

    Returns:
        The groups in the order of their first rows, and the number of each row.
    """
    numbers: dict[tuple[str, ...], int] = {}
    codes = [numbers.setdefault(cells, len(numbers)) for cells in zip(*columns, strict=True)]
    return list(numbers), np.array(codes, np.int64)

r"""Read series from tables with a column of times.

In a wide table every series has a column of its own; in a long one the rows with the same id are the steps of one
series; for a row that is a whole series see :mod:`elman.data.series.sideways`. Rows are in the order of time. An empty
cell is a missing value; rows after the last value hold covariates that are known ahead.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     file = Path(folder, "sales.csv")
...     _ = file.write_text("date,sales,promo\n2024-01-01,5,0\n2024-01-02,,1\n2024-01-03,7,0\n2024-01-04,,1\n")
...     data = open_series(file, target="sales", known=["promo"])
...     data.frequency.describe(), data.series[0].values, data.series[0].known.ravel()
('daily', array([ 5., nan,  7.]), array([0., 1., 0., 1.]))
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.examples.opening import check_paths
from elman.data.held import as_path
from elman.data.series.cells import to_levels, to_numbers
from elman.data.series.choosing import (
    RequestedRoles,
    choose_id,
    choose_levels,
    choose_targets,
    group_rows,
    list_id_candidates,
    split_names,
)
from elman.data.series.frequency import Frequency, Moments
from elman.data.series.notation import Offsets, TimeNotation
from elman.data.series.regularity import check_order, infer_frequency, place_on_grid
from elman.data.series.seasons import order_seasons, settle_seasons
from elman.data.series.series import Numbers, Series, SeriesColumns, SeriesSet
from elman.data.series.sideways import StepColumns, choose_rows, read_sideways
from elman.data.series.time_columns import TimeColumns, choose_time
from elman.data.series.time_names import describe_unread, list_time_parts
from elman.data.series.timestamps import settle_zones
from elman.data.tables.dialects import note_dialects, settle_all, stored_dialects
from elman.data.tables.header import DELIMITERS
from elman.data.tables.numbers import NumberDialect
from elman.data.tables.row_index import RowIndex
from elman.data.text import as_sources
from elman.errors import DataError
from elman.phrases import name_some

Source = str | PathLike[str]


def open_series(
    paths: Source | Sequence[Source],
    *,
    target: str | Sequence[str] | None = None,
    time: str | Sequence[str] | None = None,
    id: str | Sequence[str] | None = None,
    known: str | Sequence[str] = (),
    past: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    season: int | Sequence[int] | None = None,
    held_out: int | None = None,
    fill_gaps: bool = False,
    decimal: str | None = None,
    rows: str | None = None,
    like: SeriesColumns | None = None,
) -> SeriesSet:
    """Read all series of some tables.

    Args:
        paths: `.csv`, `.tsv` or `.jsonl`, all with the same columns.
        target: the columns to forecast, one or several, `a,b`; by default all numbers of a wide table, and the one
            column of numbers, or the one with a usual name, of a long one.
        time: the column of times, or several that are one time together, such as a date and a clock; by default as the
            table looks. Empty to count rows instead.
        id: the columns that identify series; inferred where times repeat. Empty for none.
        known: covariates known beyond the last value, in rows whose target is empty.
        past: covariates that end with the values.
        static: covariates of a whole series, in a long table.
        season: steps of a season, or of several, instead of the calendar's; 1 for none.
        held_out: steps at the end of each series that are not used to find seasons, since a training holds them
            out; None for a fifth.
        fill_gaps: whether missing times become missing values; always so if the model of `like` was trained so.
        decimal: the decimal mark of numbers, `.` or `,`, where cells such as 1.024 do not show it.
        rows: whether a row is one of the `steps` of every series, or rows are whole `series`; by default as the table
            looks.
        like: the columns of a model. Nothing is inferred then, and of the other arguments only `target` counts.

    Raises:
        ConfigError: `season` is below 1, or one of several is 1.
        DataError: the tables cannot be read, or do not hold what was requested.
    """
    files = [as_path(path) for path in as_sources(paths)]
    check_paths(files)
    for path in files:
        if path.suffix.lower() not in DELIMITERS:
            raise DataError(f"{path} is no table: series are read from .csv, .tsv and .jsonl. Convert it.")
    seasons = None if season is None else order_seasons(season)
    index = RowIndex(files)
    name = str(paths) if isinstance(paths, str | PathLike) else ", ".join(map(str, files[:3]))
    targets = split_names(target, index.names)
    if like and like.sideways:
        rows, targets, requested = "series", (), RequestedRoles(time=None if like.time else (), id=like.id)
    elif like:
        requested = RequestedRoles(targets or like.targets, like.times, like.id, like.past, like.known, like.static)
    else:
        covariates = [split_names(names, index.names) for names in (past, known, static)]
        ids = None if id is None else split_names(id, index.names)
        times = None if time is None else split_names(time, index.names)
        requested = RequestedRoles(targets, times, ids, *covariates)
        requested.refuse_beside_rows(rows)
    requested.check(index, name)
    return _SeriesReader(index, name, requested, seasons, held_out, fill_gaps, decimal, rows, like).read()


class _SeriesReader:
    """Reader of the series of one set of tables."""

    def __init__(
        self,
        index: RowIndex,
        name: str,
        requested: RequestedRoles,
        seasons: tuple[int, ...] | None,
        held_out: int | None,
        fill_gaps: bool,
        decimal: str | None,
        layout: str | None,
        like: SeriesColumns | None,
    ):
        self._index, self._name, self._requested = index, name, requested
        self._held_out, self._decimal, self._layout = held_out, decimal, layout
        self._dialects: dict[str, NumberDialect] = {}
        self._seasons, self._fill_gaps, self._like = seasons, fill_gaps or (like is not None and like.fill_gaps), like
        self.notes = list(index.notes)
        self._time: TimeColumns | None = None
        self._times: list[list[str]] = []
        self._parts: list[str] = []
        self._offsets: NDArray[np.int16] | None = None
        self._universal = False
        self._notation: TimeNotation | None = None

    def read(self) -> SeriesSet:
        index, requested = self._index, self._requested
        is_sideways = self._layout == "series"
        time = None if is_sideways else choose_time(index, requested.time, self._like.frequency if self._like else None)
        sideways = None
        if is_sideways or not self._like:
            sideways = choose_rows(index, self._layout, requested, has_time=time is not None)
        if sideways is not None:
            return self._read_sideways(sideways)
        self._time = time
        used = time.columns if time else ()
        self._parts = list_time_parts(index, used)
        names = list_id_candidates(index, (*used, *self._parts), requested)
        texts = self._read_texts(dict.fromkeys([*used, *names, *requested.static]))
        self._times = [texts[name] for name in used]
        times = self._read_times(time) if time else None
        ids, why = choose_id(index, times, {name: texts[name] for name in names}, requested)
        targets, left_out = choose_targets(index, requested, (*used, *self._parts), ids, self._name)
        self._settle_numbers(targets)
        if requested.static and not ids:
            raise DataError(f"{self._name} is a wide table, which has no static covariates. Name them in a long one.")
        self.notes += [note for note in (why, left_out) if note]
        groups, codes = group_rows([texts[name] for name in ids]) if ids else ([()], np.zeros(len(index), np.int64))
        rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        for group, own in zip(groups, rows, strict=True):
            if not all(group):
                raise DataError(f"{self._where(int(own[0]))}: {' or '.join(ids)} is empty. Name the series of the row.")
        ordered = self._sort_rows(times, rows)
        columns = self._settle_columns(targets, used, ids, times, ordered)
        self._settle_numbers(column for column in (*columns.past, *columns.known) if column not in columns.levels)
        self._settle_numbers(column for column in columns.static if index.summaries[column].kind() == "number")
        if not self._like:
            columns = replace(columns, numbers=stored_dialects(self._dialects))
            self.notes += note_dialects(index.summaries, self._dialects)
        numbers, known, past = self._read_numbers(columns)
        series = []
        for group, own in zip(groups, ordered, strict=True):
            steps = self._place(times, own, columns)
            parts = [_on_grid(steps, part[own]) for part in (numbers, known, past)]
            series += self._cut(columns, group, own, steps, times, parts, self._read_static(texts, own, group))
        return self._finish(columns, series)

    def _read_sideways(self, found: StepColumns) -> SeriesSet:
        """Read a table whose rows are series."""
        columns, series, self._notation = read_sideways(
            self._index,
            found,
            self._name,
            seasons=self._seasons,
            decimal=self._decimal,
            fill_gaps=self._fill_gaps,
            like=self._like,
            note=self.notes.append,
        )
        return self._finish(columns, series)

    def _settle_numbers(self, columns: Iterable[str]) -> None:
        """Decide how the numbers of some columns are written."""
        like = self._like.numbers if self._like else None
        self._dialects |= settle_all(self._index, columns, self._decimal, like)

    def _where(self, row: int) -> str:
        return self._index.where(row)

    def _where_among(self, rows: NDArray[np.int64]) -> Callable[[int], str]:
        named = "" if self._time is None else self._time.named
        return lambda at: f"{self._where(int(rows[at]))}, {named}"

    def _say_among(self, rows: NDArray[np.int64]) -> Callable[[int], str]:
        return lambda at: " ".join(column[rows[at]] for column in self._times)

    def _read_times(self, time: TimeColumns) -> Moments:
        times, offsets = time.read(self._times, self._index)
        if offsets is not None:
            times, self._universal = settle_zones(times, offsets)
            self._offsets = offsets.astype(np.int16)
            if self._universal and not self._like:
                self.notes.append(f"Times have UTC offsets ({time.named}), so steps are counted in UTC.")
        ascending = bool((np.diff(times).astype(np.int64) >= 0).all())
        latest = range(len(times)) if ascending else np.argsort(times, kind="stable").tolist()
        self._notation = time.learn_notation(self._times, latest)
        return times

    def _sort_rows(self, times: Moments | None, rows: Sequence[NDArray[np.int64]]) -> Sequence[NDArray[np.int64]]:
        """Return the rows of each series in the order of time; only a series that is wholly reversed is sorted."""
        if times is None:
            return rows
        advice = ""
        if len(rows) == 1:
            advice = "; if there are several series, --id names the column that identifies them"
            advice += "; if another column is a part of the time, name all of them, such as --time DATE,CLOCK"
        ordered = [own[::-1] if (np.diff(times[own]).astype(np.int64) < 0).all() else own for own in rows]
        if any(one is not own for one, own in zip(ordered, rows, strict=True) if len(own) > 1):
            self.notes.append("Rows are newest first, and were sorted by time.")
        for own in ordered:
            check_order(times[own], self._where_among(own), self._say_among(own), advice)
        return ordered

    def _settle_columns(
        self,
        targets: tuple[str, ...],
        used: tuple[str, ...],
        ids: tuple[str, ...],
        times: Moments | None,
        rows: Sequence[NDArray[np.int64]],
    ) -> SeriesColumns:
        if self._like:
            if times is not None and (times.dtype.kind == "i") != (self._like.frequency.unit == "step"):
                raise DataError(
                    f"{self._where(0)}, column {', '.join(used)}: the model was trained on steps that are "
                    f"{self._like.frequency.describe()}, and these are of another kind. Write them as in its training "
                    "data."
                )
            return replace(self._like, targets=targets)
        if times is None:
            frequency: Frequency | None = Frequency("step", 1, 1).with_seasons(self._seasons or ())
        else:
            frequency = infer_frequency([times[own] for own in rows], self._seasons)
        if frequency is None:
            raise DataError(f"{self._where(0)}: every series of {self._name} has one row. Add earlier rows.")
        requested = self._requested
        levels = choose_levels(self._index, [*requested.past, *requested.known], self._name)
        rest = (requested.past, requested.known, requested.static, levels, self._fill_gaps)
        return SeriesColumns(targets, frequency, used[0] if used else None, ids, *rest, used[1:])

    def _read_texts(self, names: Iterable[str]) -> dict[str, list[str]]:
        texts: dict[str, list[str]] = {name: [] for name in names}
        for columns in self._index.columns(list(texts)) if texts else ():
            for column, cells in zip(texts.values(), columns, strict=True):
                column += [str(cell).strip() for cell in cells]
        return texts

    def _read_numbers(self, columns: SeriesColumns) -> tuple[Numbers, Numbers, Numbers]:
        """Return targets, known and past covariates, each (N rows, columns)."""
        parts = [columns.targets, columns.known, columns.past]
        names = list(dict.fromkeys(name for part in parts for name in part))
        blocks: list[list[Numbers]] = [[], [], []]
        for cells in self._index.columns(names):
            self._convert(dict(zip(names, cells, strict=True)), parts, columns, blocks)
        targets, known, past = (np.concatenate(part) for part in blocks)
        return targets, known, past

    def _convert(
        self,
        cells: Mapping[str, list[Any]],
        parts: Sequence[tuple[str, ...]],
        columns: SeriesColumns,
        blocks: list[list[Numbers]],
    ) -> None:
        rows, first = len(next(iter(cells.values()))), sum(map(len, blocks[0]))
        for names, block in zip(parts, blocks, strict=True):
            made = [np.empty((rows, 0))]
            for name in names:
                levels = columns.levels.get(name)
                made.append(
                    to_levels(name, cells[name], levels, lambda at: self._where(first + at))
                    if levels
                    else self._to_numbers(name, cells[name])
                )
            block.append(np.concatenate(made, axis=1))

    def _to_numbers(self, name: str, cells: Sequence[Any]) -> Numbers:
        """Convert cells that are all numbers or missing, (N, 1)."""
        return to_numbers(self._index.summaries[name], self._dialects[name], name, cells)[:, None]

    def _read_static(
        self, texts: dict[str, list[str]], rows: NDArray[np.int64], group: Sequence[str]
    ) -> dict[str, str | float]:
        values: dict[str, str | float] = {}
        for column in self._requested.static:
            cells = texts[column]
            other = next((row for row in rows if cells[row] != cells[rows[0]]), None)
            if other is not None:
                raise DataError(
                    f"{self._where(int(other))}: the static covariate {column} of {' '.join(group)} is "
                    f"{cells[other][:40]!r}, and {cells[rows[0]][:40]!r} before. Give each series one value, or "
                    "name the column in --past."
                )
            cell = cells[rows[0]]
            is_number = self._index.summaries[column].kind() == "number"
            values[column] = float(self._to_numbers(column, [cell])[0, 0]) if is_number else cell
        return values

    def _place(self, times: Moments | None, rows: NDArray[np.int64], columns: SeriesColumns) -> NDArray[np.int64]:
        if times is None:
            return np.arange(len(rows))
        where, say = self._where_among(rows), self._say_among(rows)
        return place_on_grid(times[rows], columns.frequency, where, say, fill_gaps=self._fill_gaps)

    def _cut(
        self,
        columns: SeriesColumns,
        group: Sequence[str],
        rows: NDArray[np.int64],
        steps: NDArray[np.int64],
        times: Moments | None,
        parts: Sequence[Numbers],
        static: dict[str, str | float],
    ) -> list[Series]:
        """Cut each target of one group to its first and last values, with the covariates known ahead."""
        targets, known, past = parts
        series = []
        for at, column in enumerate(columns.targets):
            name = " ".join([*group, *([column] if not group or len(columns.targets) > 1 else [])])
            where = f"{self._name}, " + (f"{' '.join(columns.id)} {name}" if group else f"column {column}")
            [known_steps] = np.nonzero(~np.isnan(targets[:, at]))
            if not len(known_steps):
                self.notes.append(f"{name} has no value, and is left out.")
                continue
            begin, end = int(known_steps[0]), int(known_steps[-1]) + 1
            ahead = _count_known(known[end:]) if columns.known else 0
            last = rows[np.searchsorted(steps, end + ahead - 1, "right") - 1]
            start: Any = begin if times is None else columns.frequency.timestamps(times[rows[0]], begin + 1)[-1]
            series.append(
                Series(
                    name,
                    targets[begin:end, at].copy(),
                    int(start) if columns.frequency.unit == "step" else start,
                    past[begin:end],
                    known[begin : end + ahead],
                    static,
                    where,
                    self._where(int(last)),
                    self._offsets_of(rows, times),
                )
            )
        return series

    def _offsets_of(self, rows: NDArray[np.int64], times: Moments | None) -> Offsets | None:
        if times is None or self._offsets is None:
            return None
        return Offsets.learn(times[rows], self._offsets[rows], self._universal)

    def _finish(self, columns: SeriesColumns, series: list[Series]) -> SeriesSet:
        if not series:
            raise DataError(f"{self._name} has no value in {name_some(columns.targets)}. Fill the column.")
        if not self._like:
            self._refuse_constant(series, columns.id)
            if self._seasons is None:
                values = [one.values for one in series]
                frequency, note = settle_seasons(columns.frequency, values, self._held_out)
                columns = replace(columns, frequency=frequency)
                self.notes += [note] if note else []
            self.notes += [] if columns.sideways else self._note_columns(columns)
        return SeriesSet(self._name, series, columns, self.notes, self._notation)

    def _refuse_constant(self, series: Sequence[Series], ids: Sequence[str]) -> None:
        varying = [one for one in series if np.nanmin(one.values) < np.nanmax(one.values)]
        constant = [one for one in series if np.nanmin(one.values) == np.nanmax(one.values)]
        if not varying or (constant and self._requested.targets and not ids):
            first = constant[0]
            raise DataError(
                f"{first.last}: {first.name} is {first.values[-1]:.15g} in all of its {len(first):,} steps, so there "
                "is nothing to learn. Leave it out, or add earlier rows."
            )
        if constant:
            self.notes.append(f"The value never changes: {name_some([one.name for one in constant])}.")

    def _note_columns(self, columns: SeriesColumns) -> list[str]:
        frequency = columns.frequency
        season = f", {frequency.describe_seasons()}" if frequency.seasons else ""
        times = f"Times are in {' and '.join(columns.times)}: {frequency.describe()}{season}."
        notes = [times if columns.time else f"There is no column of times: rows are counted{season}."]
        notes.append(f"Forecast: {name_some(columns.targets)}.")
        roles = {*columns.times, *columns.targets, *columns.id, *columns.past, *columns.known, *columns.static}
        parts = [name for name in self._parts if name not in roles]
        if parts:
            notes.append(f"Not read, because times are neither targets nor series: {name_some(parts)}.")
        used = {*roles, *self._parts}
        left = [name for name, column in self._index.summaries.items() if name not in used and column.kind() != "empty"]
        unread = describe_unread(self._index, left)
        notes += unread.values()
        left = [name for name in left if name not in unread]
        if left:
            notes.append(
                f"Not read: {name_some(left)}. --past reads a column as a covariate, --known one that is known ahead."
            )
        return notes


def _on_grid(steps: NDArray[np.int64], values: Numbers) -> Numbers:
    made = np.full((int(steps[-1]) + 1, values.shape[1]), np.nan)
    made[steps] = values
    return made


def _count_known(ahead: Numbers) -> int:
    """Count the steps after the last value in which all covariates are known."""
    unknown = np.isnan(ahead).any(axis=1)
    return int(unknown.argmax()) if unknown.any() else len(ahead)

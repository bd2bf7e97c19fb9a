"""Choose the columns of a table: inputs, target, and those that join rows to sequences or groups.

Every inference is reported in a note, one sentence each: a wrong guess that nobody sees costs most.

>>> find_column("txt", ["text", "label"], "reviews.csv")
Traceback (most recent call last):
elman.errors.DataError: reviews.csv has no column txt. Did you mean text? It has: text, label.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from elman.data.dataset import COVARIATE_KINDS, INPUT_KINDS, TARGET_KINDS, Columns, SideColumn
from elman.data.examples.dates import form_of_dates, settle_date, tells_day
from elman.data.examples.side_columns import choose_side_columns, choose_side_lists, describe_sides, refuse_sides
from elman.data.tables.dialects import decimal_of, note_dialects, settle_dialect, stored_dialects
from elman.data.tables.kinds import ColumnSummary
from elman.data.tables.numbers import NumberDialect
from elman.errors import DataError
from elman.phrases import name_some
from elman.sides import SideSource

TARGET_NAMES = [
    "label",
    "labels",
    "class",
    "target",
    "y",
    "category",
    "sentiment",
    "language",
    "intent",
    "emotion",
    "species",
    "speaker",
    "outcome",
    "answer",
    "score",
    "rating",
]
SERIES_NAMES = [
    "id",
    "series",
    "series_id",
    "sequence",
    "sequence_id",
    "seq_id",
    "sample_id",
    "recording",
    "recording_id",
    "utterance",
    "trial",
    "session",
]
ROW_NAMES = ["id", "index", "idx", "row", "rowid", "row_id", "uid", "uuid", "guid", "key", "nr", "no"]
TEXT_NAMES = ["text", "sentence", "review", "comment", "message", "title", "question", "tweet", "document"]
TIME_NAMES = [
    "t",
    "time",
    "step",
    "timestep",
    "time_step",
    "frame",
    "timestamp",
    "date",
    "datetime",
    "position",
    "index",
    "row",
]

GROUP_NAMES = [
    "speaker",
    "speaker_id",
    "client_id",
    "patient",
    "patient_id",
    "subject",
    "subject_id",
    "participant",
    "person",
    "user",
    "user_id",
    "customer_id",
    "author",
    "writer",
    "singer",
    "device",
    "site",
    "group",
]

SERIES = "series"
"""The name of the one input of a long table."""

_READ_FIRST = ("text", "letters", "sound", "image", "series")


@dataclass(frozen=True)
class RequestedColumns:
    """Columns that the caller named; see :func:`elman.data.open_dataset`. With an empty `id` none is inferred."""

    inputs: Sequence[str] = ()
    target: str | None = None
    target_kind: str | None = None
    id: str | None = None
    group: str | None = None
    decimal: str | None = None
    sides: Mapping[str, SideSource] = field(default_factory=dict)


NOTHING_REQUESTED = RequestedColumns()


def find_column(column: str, names: Collection[str], where: str) -> str:
    """Return a column's name if the table has it.

    Raises:
        DataError: it has none of this name; the message suggests the nearest.
    """
    if column not in names:
        has = list(names)
        raise DataError(f"{where} has no column {column}. {suggest_nearest(column, has)}It has: {name_some(has)}.")
    return column


def suggest_nearest(column: str, names: Sequence[str]) -> str:
    """Return the question whether the nearest name was meant; an empty text where none is near."""
    lower = {name.lower(): name for name in reversed(names)}
    near = get_close_matches(column.lower(), lower, 1)
    return f"Did you mean {lower[near[0]]}? " if near else ""


class ColumnChoice:
    """A choice of the columns of one table.

    Args:
        summaries: of every column, in order.
        name: of the table.
        requested: columns that the caller named.
        where: returns the place of a row for messages.

    Attributes:
        columns: the chosen ones.
        notes: why, in sentences for the user.

    Raises:
        DataError: a named column is missing or of another kind, or nothing can be read.
    """

    def __init__(
        self,
        summaries: Mapping[str, ColumnSummary],
        name: str,
        requested: RequestedColumns,
        where: Callable[[int], str],
    ):
        self.notes: list[str] = []
        self._summaries, self._name, self._where = summaries, name, where
        self._named = dict(_split_kind(column, summaries, name) for column in requested.inputs)
        for column in (*self._named, requested.target, requested.id, requested.group):
            if column:
                find_column(column, list(summaries), name)
        if requested.target_kind not in (*TARGET_KINDS, None):
            raise DataError(
                f"There is no kind of target {requested.target_kind}. Choose one of {', '.join(TARGET_KINDS)}."
            )
        target = requested.target or self._infer_target(requested)
        kind = requested.target_kind or summaries[target].target_kind()
        self.notes.append(f"The target is {target} ({kind}){self._why_target(requested, target)}.")
        self._decimals = requested.decimal, decimal_of(summaries)
        self._dialects: dict[str, NumberDialect] = {}
        self._dates: dict[str, str] = {}
        self._sides: dict[str, SideColumn] = {}
        check_target(summaries[target], kind, where)
        if kind == "number":
            self._settle(target)
        others = [column for column in summaries if column not in (target, requested.group)]
        series = self._infer_series(others, requested) if requested.id is None else requested.id
        if not series:
            if requested.sides:
                lists = {column: summaries[column] for column in others if summaries[column].kind() == "series"}
                if not lists:
                    refuse_sides(requested.sides, f"a row of {name} is read as one step; --id joins rows to series")
                self._sides = choose_side_lists(requested.sides, list(lists), name)
                others = [name for name in others if name not in {side.column for side in self._sides.values()}]
            inputs = self._choose_inputs(others)
            if requested.sides and list(inputs.values()) != ["series"]:
                refuse_sides(requested.sides, f"{name_some(list(inputs))} are read; name one of lists with --input")
            self.notes += describe_sides(self._sides)
            self.columns = Columns(inputs, target, kind, None, requested.group)
        else:
            others.remove(series)
            self._sides = choose_side_columns(requested.sides, {c: summaries[c] for c in others}, name, where)
            numbers = self._choose_numbers(others)
            self.columns = Columns({SERIES: "series"}, target, kind, series, requested.group, numbers)
        self.columns = replace(
            self.columns, numbers=stored_dialects(self._dialects), dates=self._dates, sides=self._sides
        )
        self.notes += note_dialects(summaries, self._dialects)
        self._note_missing()
        if requested.group is None:
            self._suggest_group()

    def _suggest_group(self) -> None:
        """Name a column whose values look like what examples have in common, and which nobody has named."""
        for name, summary in self._summaries.items():
            is_free = name not in (self.columns.target, self.columns.id) and name not in self._named
            if is_free and name.lower() in GROUP_NAMES and summary.repeats and not summary.counts_up():
                self.notes.append(
                    f"Examples of one {name} may be learnt from and held out: --group {name} keeps them on one side, "
                    f"so that the score is that on a new {name}."
                )
                return

    def _settle(self, name: str, advice: str = "") -> None:
        """Decide how the numbers of a column are written."""
        try:
            self._dialects[name] = settle_dialect(self._summaries[name], self._where, *self._decimals)
        except DataError as error:
            raise DataError(f"{error}{advice}") from None

    def _infer_target(self, requested: RequestedColumns) -> str:
        free = [name for name in self._summaries if name not in (*self._named, requested.id, requested.group)]
        free = [name for name in free if self._summaries[name].kind() != "empty"]
        if len(self._summaries) < 2 or not free:
            raise DataError(
                f"{self._name} has {name_some(list(self._summaries))} and no column that could be the target. "
                "Add a column with the answers."
            )
        lower = {name.lower(): name for name in reversed(free)}
        return next((lower[name] for name in TARGET_NAMES if name in lower), free[-1])

    def _why_target(self, requested: RequestedColumns, target: str) -> str:
        if requested.target:
            return ""
        if target.lower() in TARGET_NAMES:
            return ", because of its name"
        return ", because it is the last column; name another one if it is not"

    def _infer_series(self, others: Sequence[str], requested: RequestedColumns) -> str | None:
        """Return the column whose values name sequences, if the rows look like their steps."""
        lower = {name.lower(): name for name in reversed(others)}
        column = next((lower[name] for name in SERIES_NAMES if name in lower), None)
        if column is None or column in self._named:
            return None
        summary = self._summaries[column]
        if summary.empty or (not summary.many and len(summary.distinct) * 2 > summary.rows) or not summary.repeats:
            return None
        timed = [name for name in others if requested.sides and form_of_dates(self._summaries[name])]
        kinds = [self._summaries[name].kind() for name in others if name not in (column, *timed)]
        if "number" not in kinds or set(kinds) & set(_READ_FIRST):
            return None
        self.notes.append(f"Rows with the same {column} form one series, because its values are repeated.")
        return column

    def _choose_inputs(self, others: Sequence[str]) -> dict[str, str]:
        kinds = {name: self._named.get(name) or self._infer_kind(name) for name in self._named or others}
        if not self._named:
            rows = [name for name in kinds if self._is_row_name(name)]
            for name in rows:
                del kinds[name]
            read = [kind for kind in _READ_FIRST if kind in kinds.values()]
            self._note_left_out(rows, "they name or count the rows")
            why = {name: self._why_left_out(name, kind, bool(read)) for name, kind in kinds.items()}
            for reason in dict.fromkeys(filter(None, why.values())):
                self._note_left_out([name for name in why if why[name] == reason], reason)
            kinds = {name: kind for name, kind in kinds.items() if not why[name]}
        if not kinds:
            objects = [name for name in others if self._summaries[name].kind() == "object"]
            nested = f" {name_some(objects)} holds objects: write each of their fields as a column." if objects else ""
            raise DataError(
                f"{self._name} has no column to learn from besides the target.{nested} Add one, or name the inputs."
            )
        for name, kind in kinds.items():
            check_input(self._summaries[name], kind, self._where)
            if kind == "number":
                self._settle(name, f" Or read the column as classes: {name}:category.")
        one = "Every row is one example; the input is" if len(kinds) == 1 else "Every row is one example; inputs are"
        self.notes.append(f"{one} {name_some([f'{name} ({kind})' for name, kind in kinds.items()])}.")
        for name in [name for name, kind in kinds.items() if kind == "date"]:
            self._dates[name] = settle_date(self._summaries[name], self._name)
        return kinds

    def _why_left_out(self, name: str, kind: str, has_sequence: bool) -> str:
        """Say why a column that nobody named is not read; an empty text for one that is.

        Args:
            name: of the column.
            kind: its kind.
            has_sequence: whether other columns hold texts, files or letters.
        """
        summary = self._summaries[name]
        if kind == "date" and not tells_day(summary):
            return "day and month cannot be told apart"
        if kind in _READ_FIRST:
            return ""
        if kind not in COVARIATE_KINDS:
            return "nothing can be read from them"
        if not has_sequence:
            return ""
        if name.lower() in GROUP_NAMES:
            return "they name who an example is of"
        if not summary.many and len(summary.distinct) < 2:
            return "they have one value"
        if kind == "number":
            try:
                settle_dialect(summary, self._where, *self._decimals)
            except DataError as error:
                return f"they are not read as numbers ({str(error).rstrip('.')})"
        return ""

    def _infer_kind(self, name: str) -> str:
        kind = self._summaries[name].kind()
        if kind in ("text", "category") and form_of_dates(self._summaries[name]):
            return "date"
        return "text" if kind == "category" and name.lower() in TEXT_NAMES else kind

    def _choose_numbers(self, others: Sequence[str]) -> tuple[str, ...]:
        if self._named:
            numbers = list(self._named)
        else:
            sides = {side.column for side in self._sides.values()}
            others = [name for name in others if name not in sides]
            times = [name for name in others if name.lower() in TIME_NAMES]
            rest = {name: self._summaries[name].kind() == "number" for name in others if name.lower() not in TIME_NAMES}
            numbers = [name for name, is_number in rest.items() if is_number]
            self._note_left_out(times, "steps are taken in the order of the rows")
            self._note_left_out([name for name, is_number in rest.items() if not is_number], "they are no numbers")
        if not numbers:
            raise DataError(f"{self._name} has no column of numbers for the steps of its series. Add one, or name it.")
        counted = [side.column for side in self._sides.values() if not side.form]
        for name in dict.fromkeys([*numbers, *counted]):
            check_input(self._summaries[name], "number", self._where)
            self._settle(name)
        self.notes.append(f"A step of a series has {len(numbers)} numbers: {name_some(numbers)}.")
        self.notes += describe_sides(self._sides)
        return tuple(numbers)

    def _is_row_name(self, name: str) -> bool:
        summary = self._summaries[name]
        return summary.counts_up() or (
            not summary.repeats and (name.lower() in ROW_NAMES or name.lower().endswith(("_id", " id")))
        )

    def _note_left_out(self, names: Sequence[str], why: str) -> None:
        if names:
            self.notes.append(f"Left out, because {why}: {name_some(names)}.")

    def _note_missing(self) -> None:
        missing = []
        for name in self.columns.names or self.columns.inputs:
            summary = self._summaries[name]
            count = summary.missing if self.columns.inputs.get(name, "number") == "number" else summary.empty
            if count:
                missing.append(f"{name} {count:,}")
        if missing:
            self.notes.append(f"Missing values: {name_some(missing)}.")


def check_input(summary: ColumnSummary, kind: str, where: Callable[[int], str]) -> None:
    """Refuse a column whose cells are not of its kind.

    Raises:
        DataError: a file does not exist, or the column is empty.
    """
    if kind in ("sound", "image", "series") and summary.absent:
        (row, file), *more = summary.absent
        listed = ", ".join(f"line {where(other).rpartition(' ')[2]} {name}" for other, name in more)
        others = f" {summary.absent_count - 1:,} files more do not: {listed}." if more else ""
        raise DataError(
            f"{where(row)}, column {summary.name}: the file {file} does not exist.{others} Names of files are relative "
            "to the folder of the table. Correct the name, or choose other inputs."
        )
    if kind not in INPUT_KINDS:
        content = {"empty": "is empty", "labels": "holds lists of text"}.get(
            kind, "holds objects, or lists in some rows"
        )
        raise DataError(
            f"{where(0)}: column {summary.name} {content}, and nothing can be read from it. Choose other inputs."
        )


def check_target(summary: ColumnSummary, kind: str, where: Callable[[int], str]) -> None:
    """Refuse a target that is missing in a row or not of its kind.

    Raises:
        DataError: the message names the first such row.
    """
    first = summary.first_missing if kind == "number" else summary.first_empty
    if kind != "labels" and first is not None:
        count = summary.missing if kind == "number" else summary.empty
        raise DataError(
            f"{where(first)}: the target {summary.name} is missing"
            + (f", as in {count - 1:,} rows more" if count > 1 else "")
            + ". Fill it in, or remove the rows."
        )
    if kind == "category" and summary.kind() in ("series", "labels", "object"):
        raise DataError(
            f"{where(0)}: the target {summary.name} holds lists or objects, and a class is text. Write it as text."
        )


def _split_kind(requested: str, summaries: Mapping[str, ColumnSummary], table: str) -> tuple[str, str | None]:
    """Split `zip:category` into a column and its kind."""
    name, colon, kind = requested.rpartition(":")
    if requested in summaries or not colon:
        return requested, None
    if kind not in INPUT_KINDS:
        raise DataError(f"{table}: there is no kind {kind} (in {requested}). Choose one of {', '.join(INPUT_KINDS)}.")
    return name, kind

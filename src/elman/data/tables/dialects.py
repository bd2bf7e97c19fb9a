"""Decide in which dialect the numbers of a column are written, from all of its cells.

One cell such as `0.5` or `1,024.5` decides for its column. Where only cells such as `1.024` have a mark, the other
columns of the table decide, if they agree; else the user is asked.

>>> from elman.data.tables.kinds import ColumnSummary
>>> price = ColumnSummary("price")
>>> price.add(["950", "1.024", "1.024,5"], 0)
>>> settle_dialect(price, "sales.csv line {}".format)
NumberDialect(decimal=',', thousands='.', unit='')
"""

from collections.abc import Callable, Iterable, Mapping

from elman.data.tables.evidence import Place
from elman.data.tables.kinds import ColumnSummary
from elman.data.tables.numbers import PERCENT, PLAIN, NumberDialect, split_written
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError

_NAMES = {".": "a decimal point", ",": "a decimal comma"}


def settle_dialect(
    summary: ColumnSummary,
    where: Callable[[int], str],
    decimal: str | None = None,
    others: str | None = None,
    *,
    trained: bool = False,
) -> NumberDialect:
    """Return the dialect of a column of numbers.

    Args:
        summary: of the column.
        where: returns the place of a row for messages.
        decimal: the decimal mark that the user named; None for none.
        others: the decimal mark of the other columns; None where they have none, or several.
        trained: whether a trained model reads, which has no option for the decimal mark.

    Raises:
        DataError: a cell is no number, cells contradict each other, or have two readings and nothing decides.
    """
    evidence = summary.evidence
    _check_odd(summary, where)
    _check_units(summary, where)
    if len(evidence.first) > 1:
        place, one, other = _place(summary, where, evidence.first["."]), evidence.first["."][1], evidence.first[","]
        raise DataError(
            f"{place} {one!r} has a decimal point or commas between thousands, and {other[1]!r} in "
            f"{_line(where, other)} a decimal comma or points between thousands. Write the column in one way."
        )
    proven = evidence.proven()
    if decimal and proven and proven != decimal:
        first = evidence.first[proven]
        raise DataError(
            f"{_place(summary, where, first)} {first[1]!r} cannot be read with {_NAMES[decimal]}, which was named with "
            "--decimal. Correct the option, or the cell."
        )
    chosen = proven or decimal or (others if evidence.ambiguous else None)
    if chosen is None and not trained and _has_three_decimals(summary):
        chosen = "."
    if chosen is None and evidence.ambiguous:
        raise DataError(_ask(summary, where, evidence.ambiguous, trained))
    return evidence.dialect(chosen or "")


def _has_three_decimals(summary: ColumnSummary) -> bool:
    """Return whether each number has a point and three digits behind it, in a table with commas between its columns.

    Programs write so; where a point separates thousands, commas do not separate columns, and small numbers have none.
    """
    evidence = summary.evidence
    return (
        summary.delimiter == ","
        and evidence.ambiguous is not None
        and "." in evidence.ambiguous[1]
        and not evidence.whole
    )


def check_dialect(summary: ColumnSummary, dialect: NumberDialect, where: Callable[[int], str]) -> NumberDialect:
    """Return the dialect in which a column of new data is read by a model that learned another column of this name.

    Raises:
        DataError: a cell is no number in the dialect of the model.
    """
    evidence = summary.evidence
    _check_odd(summary, where)
    if not dialect.decimal:
        settled = settle_dialect(summary, where, trained=True)
        dialect = NumberDialect(settled.decimal, settled.thousands, dialect.unit)
    wrong = [place for decimal, place in evidence.first.items() if decimal != dialect.decimal]
    wrong += (
        [evidence.grouped[dialect.decimal]] if not dialect.thousands and dialect.decimal in evidence.grouped else []
    )
    wrong += [place for unit, place in evidence.units.items() if unit != dialect.unit]
    wrong += [evidence.bare] if evidence.bare and dialect.unit in PERCENT else []
    if wrong:
        first = min(wrong)
        raise DataError(
            f"{_place(summary, where, first)} {first[1]!r} is not written like the numbers that the model learned"
            f"{dialect.describe()}. Write it so."
        )
    return dialect


def settle_all(
    index: RowIndex, columns: Iterable[str], decimal: str | None, like: Mapping[str, NumberDialect] | None
) -> dict[str, NumberDialect]:
    """Return the dialect of each of some columns of a table.

    Args:
        index: of the table.
        columns: those that are read as numbers.
        decimal: the decimal mark that the user named; None for none.
        like: the dialects that a model remembers; None in a training.

    Raises:
        DataError: see :func:`settle_dialect` and :func:`check_dialect`; or a column is empty.
    """
    dialects = {}
    others = decimal_of(index.summaries) if like is None else None
    for column in columns:
        summary = index.summaries[column]
        if summary.missing == summary.rows:
            raise DataError(f"{index.where(0)}, column {column}: the column has no number. Name another one.")
        if like is None:
            dialects[column] = settle_dialect(summary, index.where, decimal, others)
        else:
            dialects[column] = check_dialect(summary, like.get(column, PLAIN), index.where)
    return dialects


def decimal_of(summaries: Mapping[str, ColumnSummary]) -> str | None:
    """Return the decimal mark that columns of numbers prove, if they agree."""
    proven = {summary.evidence.proven() for summary in summaries.values() if summary.kind() == "number"}
    proven.discard(None)
    return proven.pop() if len(proven) == 1 else None


def note_dialects(summaries: Mapping[str, ColumnSummary], dialects: Mapping[str, NumberDialect]) -> list[str]:
    """Say how numbers that are not written as programs do are read, with an example a column."""
    read = []
    for name, dialect in dialects.items():
        evidence = summaries[name].evidence
        place = evidence.unusual or (evidence.ambiguous if evidence.proven() is None else None)
        if place is None:
            continue
        written = split_written(place[1])
        value = written and written.value(dialect.decimal or ".")
        unit = " percent" if dialect.unit == "%" else f" {dialect.unit}" if dialect.unit else ""
        other = written and place == evidence.ambiguous and written.value("," if dialect.decimal == "." else ".")
        instead = f" and not {other:.15g}" if other and evidence.proven() is None else ""
        read.append(f"{place[1].strip()} in {name} as {value:.15g}{unit}{instead}")
    return [f"Numbers are read so: {'; '.join(read[:4])}{'; …' if len(read) > 4 else ''}."] if read else []


def stored_dialects(dialects: Mapping[str, NumberDialect]) -> dict[str, NumberDialect]:
    """Return those that a model has to remember: all but plain ones."""
    return {name: dialect for name, dialect in dialects.items() if dialect != PLAIN}


def describe_odd(summary: ColumnSummary, where: Callable[[int], str]) -> str:
    """Return a message about the cells that are no numbers: the first, and up to nine more with their lines."""
    first, *more = summary.odd
    message = f"{_place(summary, where, first)} is {str(first[1])[:40]!r}, and a number is expected"
    if summary.odd_count > 1:
        listed = ", ".join(f"{_line(where, place)} {str(place[1])[:20]!r}" for place in more)
        message += f"; {summary.odd_count - 1:,} cells more are none{f': {listed}' if listed else ''}"
        message += ", …" if more and summary.odd_count > len(summary.odd) else ""
    return message + "."


def describe_nearest(index: RowIndex, names: Iterable[str]) -> str:
    """Return a message about the cells that are no numbers in the column, of some, that has most numbers."""
    odd = [index.summaries[name] for name in names if index.summaries[name].odd]
    return describe_odd(max(odd, key=lambda summary: summary.numbers), index.where) if odd else ""


def _check_odd(summary: ColumnSummary, where: Callable[[int], str]) -> None:
    if summary.odd:
        raise DataError(f"{describe_odd(summary, where)} Correct it, or leave the cell empty if it is missing.")


def _check_units(summary: ColumnSummary, where: Callable[[int], str]) -> None:
    evidence = summary.evidence
    places = sorted(evidence.units.items(), key=lambda item: item[1])
    if len(places) > 1:
        (one, first), (_, second) = places[:2]
        raise DataError(
            f"{_place(summary, where, first)} {first[1]!r} and {second[1]!r} in {_line(where, second)} have different "
            f"units. Write all in {one}."
        )
    if places and places[0][0] in PERCENT and evidence.bare:
        unit, first = places[0]
        raise DataError(
            f"{_place(summary, where, evidence.bare)} {evidence.bare[1]!r} has no {unit}, and {first[1]!r} in "
            f"{_line(where, first)} has. Write all numbers of the column in one unit."
        )


def _ask(summary: ColumnSummary, where: Callable[[int], str], place: Place, trained: bool) -> str:
    written = split_written(place[1])
    assert written is not None  # it was added as a number
    comma, point = (f"{written.value(decimal):.15g}" for decimal in (",", "."))
    advice = f"--decimal , for {comma}, --decimal . for {point}"
    advice = "Train with --decimal , or ." if trained else f"Name the decimal mark: {advice}"
    return (
        f"{_place(summary, where, place)} {place[1].strip()!r} is {comma} with a decimal comma and {point} with a "
        f"decimal point, and no cell shows which. {advice}."
    )


def _place(summary: ColumnSummary, where: Callable[[int], str], place: Place) -> str:
    return f"{where(place[0])}, column {summary.name}:"


def _line(where: Callable[[int], str], place: Place) -> str:
    return f"line {where(place[0]).rpartition(' ')[2]}"

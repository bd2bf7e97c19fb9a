r"""Open pairs of texts: choose the form, and say what was inferred.

========================================  ============================================================================
path                                      pairs
========================================  ============================================================================
two files, `train.de train.en`            a line of the first and the line of the second that has the same number
`.tsv`, any other text with tabs          two columns without a header, or columns that are named
`.csv`, `.jsonl`                          columns that are named: `source` and `target`, or as the options say
========================================  ============================================================================

Each may be packed (`.gz`). Only a line feed ends a line: a text may hold U+2028 and other odd breaks. A pair with an
empty side teaches nothing; it is left out, with a note.

>>> import pathlib, tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     path = pathlib.Path(folder) / "numbers.tsv"
...     _ = path.write_text("eins\tone\nzwei\ttwo\n")
...     found = open_pairs([path])
>>> [(pair.source, pair.target) for pair in found.pairs]
[('eins', 'one'), ('zwei', 'two')]
"""

import re
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from elman.data.files import name_files, open_unpacked
from elman.data.held import as_path
from elman.data.pairs.checks import find_shifts
from elman.data.pairs.pair import Pair, PairSet
from elman.data.tables.header import DELIMITERS, TAB, choose_delimiter
from elman.data.tables.records import WrongLines, read_lines, read_records
from elman.errors import DataError
from elman.phrases import counted, name_some

SOURCE, TARGET = "source", "target"
_TABLES = (".tsv", ".tab")
_MOST_NAMED = 10
_LONGEST_HEADER = 2**16
_ODD = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")  # all but the tab


def open_pairs(
    paths: Sequence[str | PathLike[str]], *, source: str | None = None, target: str | None = None
) -> PairSet:
    """Read pairs.

    Args:
        paths: two parallel files, or one table, see above.
        source: the column of the sources, by name or by its number from 1.
        target: the column of the targets.

    Raises:
        DataError: a file cannot be read, the two files have different numbers of lines, a column is not there, or no
            pair is left.
    """
    found = [as_path(path) for path in paths]
    if len(found) not in (1, 2):
        raise DataError(
            f"{len(found)} files are given. Give two parallel files, such as train.de train.en, or one table."
        )
    for path in found:
        if str(path) == "-":
            raise DataError("- is standard input, and pairs are read from files. Name two parallel files, or a table.")
        if path.is_dir():
            raise DataError(f"{path} is a folder. Name its two parallel files, the source first.")
    if len(found) == 2:
        if source or target:
            raise DataError(f"{found[0]} and {found[1]} are parallel files without columns. Name no columns.")
        if found[0].exists() and found[1].exists() and found[0].samefile(found[1]):
            raise DataError(f"{found[0]} is given twice. Name the file of the sources, then that of the targets.")
        pairs, notes = list(_read_parallel(*found)), list[str]()
    else:
        pairs, notes = _read_table(found[0], source, target)
    whole = [pair for pair in pairs if pair.source.strip() and pair.target.strip()]
    empty = [place for place, pair in enumerate(pairs) if not (pair.source.strip() and pair.target.strip())]
    if not whole:
        raise DataError(f"{name_files(found)} has no pair of two texts. Give a file with some.")
    if odd := [pair.where for pair in whole if _ODD.search(pair.source) or _ODD.search(pair.target)]:
        notes.append(
            f"{counted(len(odd), 'pair holds', 'pairs hold')} control characters or odd line breaks, which stay in the "
            "texts: "
            f"{name_some(odd, _MOST_NAMED)}"
        )
    if empty:
        named = name_some([pairs[place].where for place in empty], _MOST_NAMED)
        are = "is" if len(empty) == 1 else "are"
        notes.append(f"{counted(len(empty), 'pair')} with an empty side {are} left out: {named}")
    return PairSet(name_files(found), whole, notes, empty)


def open_sentences(paths: Sequence[str | PathLike[str]]) -> PairSet:
    """Read plain texts, a sentence a line, packed or not: each sentence is a source and its own target.

    Raises:
        DataError: a file cannot be read, or has no sentence.
    """
    found = [as_path(path) for path in paths]
    for path in found:
        if path.is_dir():
            raise DataError(f"{path} is a folder. Name text files, a sentence a line.")
    pairs = [
        Pair(text, text, f"{path} line {number}")
        for path in found
        for number, text in enumerate(read_texts(path), start=1)
        if text.strip()
    ]
    if not pairs:
        raise DataError(f"{name_files(found)} has no sentence. Give a text with a sentence a line.")
    return PairSet(name_files(found), pairs)


def read_texts(path: Path) -> list[str]:
    """Read the lines of a file, packed or not, as they are."""
    with open_unpacked(path) as file:
        return [line.text for line in read_lines(file, str(path))]


def _read_parallel(source: Path, target: Path) -> Iterator[Pair]:
    sources, targets = read_texts(source), read_texts(target)
    for path, texts in ((source, sources), (target, targets)):
        if len(texts) == 1 and "\r" in texts[0]:
            raise DataError(f"{path} has the line ends of old Macs (CR). Convert it, e.g.: tr '\\r' '\\n'")
        if path.suffix.lower() in _TABLES and "\t" in texts[0]:
            raise DataError(f"{path} is a table, and two files are read as parallel texts. Give one table alone.")
    if len(sources) != len(targets):
        raise DataError(
            f"{source} has {len(sources):,} lines and {target} has {len(targets):,}; from line "
            f"{_first_odd(sources, targets):,} on they do not fit each other. Give files in which equal lines belong "
            "together."
        )
    for number, (one, other) in enumerate(zip(sources, targets, strict=True), start=1):
        yield Pair(one, other, f"{source} line {number}", number)


def _first_odd(sources: Sequence[str], targets: Sequence[str]) -> int:
    """Return the first line, from 1, whose sides do not fit each other; else the first that has one side."""
    shifts = find_shifts([Pair(one, other, "") for one, other in zip(sources, targets, strict=False)])
    return 1 + (shifts[0][0] if shifts else min(len(sources), len(targets)))


def _read_table(path: Path, source: str | None, target: str | None) -> tuple[list[Pair], list[str]]:
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    delimiter = DELIMITERS.get(suffixes[-1].lower(), TAB) if suffixes else TAB
    names: list[str] = []
    if delimiter == ",":
        with open_unpacked(path) as file:
            delimiter = choose_delimiter(file.readline(_LONGEST_HEADER), delimiter)
        if delimiter == TAB:
            raise DataError(f"{path} has tabs between its columns. End its name in .tsv.")
    with open_unpacked(path) as file:
        rows = [(record.line, list(record.cells)) for record in read_records(file, str(path), delimiter, names)]
    if not rows:
        raise DataError(f"{path} has no rows. Give a file with some.")
    header = names if delimiter is None else [str(cell) for cell in rows[0][1]]
    is_named = delimiter != TAB or {source, target} & set(header) or {SOURCE, TARGET} <= set(header)
    if not is_named:
        header = [str(number) for number in range(1, len(rows[0][1]) + 1)]
        if len(header) < 2:
            raise DataError(
                f"{path} line 1 has one column. Put a tab between a source and its target, or name two parallel files."
            )
    columns = [
        _find(path, header, given, name, place) for given, name, place in ((source, SOURCE, 0), (target, TARGET, 1))
    ]
    if columns[0] == columns[1]:
        raise DataError(f"{path}: source and target are both column {header[columns[0]]}. Name two columns.")
    first = 1 if is_named and delimiter is not None else 0
    if delimiter is not None:
        _refuse_ragged(path, rows, len(header))
    pairs = []
    for line, cells in rows[first:]:
        texts = [cells[column] if column < len(cells) else "" for column in columns]
        for text, column in zip(texts, columns, strict=True):
            if not isinstance(text, str):
                kind = type(text).__name__
                raise DataError(f"{path} line {line}: {header[column]} holds a {kind} and no text. Write a string.")
        pairs.append(Pair(texts[0], texts[1], f"{path} line {line}", line))
    notes = [f"the source is column {header[columns[0]]}, the target column {header[columns[1]]}"]
    return pairs, notes


def _refuse_ragged(path: Path, rows: Sequence[tuple[int, list[Any]]], width: int) -> None:
    """Refuse rows with other numbers of cells than the first: a text holds the mark that stands between columns."""
    wrong = WrongLines()
    for line, cells in rows:
        if len(cells) != width:
            wrong.add(
                line,
                f"{path} line {line} has {len(cells)} cells, and line {rows[0][0]} has {width}. Write one row a line, "
                "and in texts no tab; in .csv a text that holds the delimiter stands in quotes.",
            )
    wrong.refuse()


def _find(path: Path, header: Sequence[str], given: str | None, name: str, place: int) -> int:
    """Find a column by the name that was given, its usual name, its number, or its place."""
    if given is not None:
        _refuse_twice(path, header, given)
        if given in header:
            return header.index(given)
        if given.isdecimal() and 1 <= int(given) <= len(header):
            return int(given) - 1
        raise DataError(f"{path} has no column {given!r}. There are: {name_some(list(header), _MOST_NAMED)}.")
    _refuse_twice(path, header, name)
    if name in header:
        return header.index(name)
    if len(header) == 2:
        return place
    raise DataError(
        f"{path} has {len(header)} columns ({name_some(list(header), _MOST_NAMED)}). Name two of them, as source and "
        "as target."
    )


def _refuse_twice(path: Path, header: Sequence[str], name: str) -> None:
    if header.count(name) > 1:
        raise DataError(f"{path}: {header.count(name)} columns are called {name}. Rename the others.")

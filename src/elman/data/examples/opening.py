"""Choose the reader of a path.

==============================================  ======================================================================
path                                            examples
==============================================  ======================================================================
`.csv`, `.tsv`, `.jsonl`, `.ndjson`             rows, or series of rows (:mod:`elman.data.examples.table`)
a folder of folders                             files; the folder is the class (:mod:`elman.data.examples.folders`)
a folder of `.txt`, or several `.txt`           lines; the file is the class
`.fa`, `.fasta`, `.fna`, a folder of them       sequences (:mod:`elman.data.examples.genome`)
`.npz`                                          elements of its arrays (:mod:`elman.data.examples.arrays`)
files of the kind that a model reads            each is one, without a target; for a model only
==============================================  ======================================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from elman.data.dataset import Columns, Dataset
from elman.data.examples.arrays import open_arrays
from elman.data.examples.choosing import RequestedColumns
from elman.data.examples.folders import FILE, Files, Lines, is_fasta, open_folder
from elman.data.examples.genome import open_fasta
from elman.data.examples.side_columns import refuse_sides
from elman.data.examples.table import open_table
from elman.data.files import name_files
from elman.data.held import as_path, hold
from elman.data.tables.header import DELIMITERS
from elman.data.tables.kinds import kind_of_file
from elman.errors import DataError
from elman.sides import parse_sides, write_sides

Source = str | PathLike[str]

_CONVERT = {
    ".json": "Write JSON lines, an object a line, e.g. of a list with: jq -c '.[]' FILE.json > FILE.jsonl",
    ".gz": "Unpack it",
    ".zip": "Unpack it",
}


def open_dataset(
    paths: Source | Sequence[Source],
    *,
    inputs: Sequence[str] = (),
    target: str | None = None,
    target_kind: str | None = None,
    id: str | None = None,
    group: str | None = None,
    decimal: str | None = None,
    sides: Mapping[str, Any] | None = None,
    like: Columns | None = None,
) -> Dataset:
    """Open data as examples; memory holds an index of them and nothing else.

    Args:
        paths: one path, or several of one form; or a data frame.
        inputs: the columns to read; `zip:category` sets the kind of one. By default all columns of text, letters
            or files, or, where there are none, all of numbers and categories.
        target: the column to predict; by default one with a usual name (label, class, target, y, …), or the last.
        target_kind: `category`, `labels` or `number`, where it should not be inferred.
        id: the column whose equal values join rows to one series; empty if every row is an example even though a column
            looks like one.
        group: the column with the group of an example.
        decimal: the decimal mark of numbers, `.` or `,`, where cells such as 1.024 do not show it.
        sides: the sources of side inputs, such as `{"dt": "gaps"}` (see :mod:`elman.sides`), of a table whose rows are
            steps of series, or of an `.npz`.
        like: the columns that a model was trained with. Nothing is inferred then, and the target may be absent.

    Raises:
        DataError: the data cannot be read, or are not what was requested.
    """
    paths = hold(paths)
    files = [as_path(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
    sources = parse_sides(write_sides(sides)) if sides else {}
    carried = {name: source for name, source in sources.items() if source.constant is None}
    requested = RequestedColumns(tuple(inputs), target, target_kind, id, group, decimal, carried)
    check_paths(files)
    if like and _are_raw(files, like):
        return _open_raw(files, like)
    forms = {_form(path) for path in files}
    if len(forms) > 1:
        raise DataError(f"{files[0]} and {files[-1]} are of different forms. Give files of one form at a time.")
    match forms.pop():
        case "table":
            return open_table(files, requested, like)
        case "arrays":
            _check_requested(requested, files[0], one_input=True)
            _check_single(files)
            column = requested.inputs[0] if requested.inputs else None
            return open_arrays(files[0], input=column, target=target, target_kind=target_kind, sides=carried, like=like)
        case "fasta":
            _check_requested(requested, files[0])
            return open_fasta(files, target=target, like=like)
        case "lines":
            _check_requested(requested, files[0])
            return _open_lines(files, like)
        case "folder":
            _check_requested(requested, files[0])
            _check_single(files)
            return open_folder(files[0], like, target)
        case _:
            raise DataError(_describe_unknown(files[0]))


def check_paths(paths: Sequence[Path]) -> None:
    """Check that files exist, and can be read more than once.

    Raises:
        DataError: there are none, one does not exist, or is standard input.
    """
    if not paths:
        raise DataError("No data: the list of files is empty. Name a table or a folder.")
    for path in paths:
        if fspath(path) == "-":
            raise DataError("Standard input (-) can be read once, and this needs it several times. Save it in a file.")
        if not path.exists():
            raise DataError(f"{path} does not exist. Check the path; the current folder is {Path.cwd()}.")


def _check_requested(requested: RequestedColumns, path: Path, *, one_input: bool = False) -> None:
    if not one_input:
        refuse_sides(requested.sides, f"{path} has no columns")
    wrong = requested.id or requested.group or (len(requested.inputs) > one_input)
    if wrong:
        raise DataError(f"{path} has no columns, so none can be named as input, id or group. Leave these options out.")


def _check_single(paths: Sequence[Path]) -> None:
    if len(paths) > 1:
        raise DataError(f"{len(paths)} paths were given, and of this form one is read at a time. Name one of them.")


def _form(path: Path) -> str:
    if path.is_dir():
        return "folder"
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return "table"
    if is_fasta(path):
        return "fasta"
    return {".npz": "arrays", ".txt": "lines"}.get(suffix, "")


def _are_raw(paths: Sequence[Path], like: Columns) -> bool:
    """Return whether these are new files of the kind that a model reads, each an example."""
    if len(like.inputs) != 1 or like.id is not None or any(path.is_dir() for path in paths):
        return False
    [(column, kind)] = like.inputs.items()
    if kind == "text":
        # A model that learned from lines reads lines.
        return column == FILE and all(path.suffix.lower() == ".txt" for path in paths)
    if any(kind_of_file(path.name) != kind for path in paths):
        return False
    # A table or an array of many examples may have the suffix of features, too.
    return column == FILE or all(_form(path) == "" for path in paths)


def _open_raw(paths: Sequence[Path], like: Columns) -> Dataset:
    notes = ["Every file is one example without a target."]
    return Files(name_files(paths), [(path, None) for path in paths], replace(like, target=None), notes)


def _open_lines(paths: Sequence[Path], like: Columns | None) -> Dataset:
    if len(paths) == 1 and not like:
        raise DataError(
            f"{paths[0]} is one text without classes. Name a table with a column of answers, or several files, one a "
            "class, with an example a line."
        )
    return Lines(name_files(paths), paths, like, [], with_classes=len(paths) > 1)


def _describe_unknown(path: Path) -> str:
    advice = _CONVERT.get(path.suffix.lower())
    if advice:
        return f"{path} is of a form that is not read. {advice}."
    if kind_of_file(path.name):
        return f"{path} is one example without an answer. Name a folder with a folder a class, or a table of files."
    form = path.suffix or "without a suffix"
    return f"{path}: the form {form} is not known. Name a .csv, .tsv, .jsonl, .npz or .fa file, or a folder."

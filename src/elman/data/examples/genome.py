r"""Read sequences of letters: FASTA files, packed with gzip or not.

Several files are a class each, named after the file; in one file the header of a sequence may have its class
(`>b0001 label=promoter`). Letters become upper-case. All letters of the alphabet are allowed, because proteins use
nearly all of them; gaps and everything else are errors.

A genome is held as text, a byte a letter, because a packed file cannot be read from its middle.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     file = Path(folder, "genes.fa")
...     _ = file.write_text(">b1 label=on\nacg\ntt\n>b2 label=off\nGGG\n")
...     genes = open_fasta([file])
>>> genes[0].values["sequence"], genes[0].target, genes.columns.target
('ACGTT', 'on', 'label')
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from elman.data.dataset import Columns, Example
from elman.data.files import check_size, name_files, open_unpacked, read_stream, size_of
from elman.data.text import decode
from elman.errors import DataError

SUFFIXES = (".fa", ".fasta", ".fna", ".fa.gz", ".fasta.gz", ".fna.gz")

FILE = "file"
"""The name of the target where the class is the name of the file."""

_INPUT = "sequence"
_UNKNOWN_BASES = 2**26  # at the start of a genome: some have seventeen million, and nothing packs better
_TARGETS = ("label", "class", "target", "y")
_FIELD = re.compile(r"(?:^|\s)([^\s=]+)=(\S+)")
_NOT_A_LETTER = re.compile(r"[^A-Za-z]")


@dataclass(frozen=True)
class _Record:
    where: str
    letters: str
    fields: dict[str, str]
    stem: str


class Sequences:
    """The sequences of FASTA files; see :class:`elman.data.Dataset`."""

    def __init__(self, name: str, records: Sequence[_Record], columns: Columns, target: str | None):
        self.name = name
        self.columns = columns
        self.notes = _notes(records, target)
        self._records = records
        # The columns are those of a model; the target can still be absent in these files.
        self._target = target

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int, /) -> Example:
        record = self._records[index]
        values = dict.fromkeys(self.columns.inputs, record.letters)
        return Example(values, _target_of(record, self._target) if self._target else None, record.where)


def open_fasta(paths: Sequence[Path], *, target: str | None = None, like: Columns | None = None) -> Sequences:
    """Open one or several FASTA files as examples with one input of the kind `letters`.

    Args:
        paths: several files are a class each, unless `target` is given.
        target: the field of the headers that holds the class, or "file" for the file's name. By default several files
            are a class each; in one file the field `label`, `class`, `target` or `y` is used if every header has it.
        like: the columns that a model was trained with. The target may then be absent.

    Raises:
        DataError: a file is missing, empty or damaged, text before the first header, a header without a sequence, a
            character that is no letter, a header without the target; the message names file and line.
    """
    records = [record for path in paths for record in _read(path)]
    name = name_files(paths)
    chosen = _choose_target(records, len(paths), target, like)
    if like and list(like.inputs.values()) != ["letters"]:
        raise DataError(
            f"{name} holds sequences of letters, and the model reads "
            f"{', '.join(f'{column} ({kind})' for column, kind in like.inputs.items())}. Give it what it learned."
        )
    return Sequences(
        name, records, like or Columns({_INPUT: "letters"}, chosen, "category" if chosen else None), chosen
    )


def _choose_target(records: Sequence[_Record], files: int, target: str | None, like: Columns | None) -> str | None:
    """Return the target that these records have; None for none."""
    requested = target or (like.target if like else None)
    if requested == FILE or (requested is None and like is None and files > 1):
        return FILE if files > 1 or target else None
    if requested is None:
        shared = set.intersection(*(set(record.fields) for record in records))
        return None if like else next((field for field in _TARGETS if field in shared), None)
    without = [record for record in records if requested not in record.fields]
    if not without:
        return requested
    if like and not target and len(without) == len(records):
        return None
    near = get_close_matches(requested, without[0].fields, 1)
    raise DataError(
        f"{without[0].where}: the header has no field {requested}=…"
        + (f", did you mean {near[0]}? " if near else ". ")
        + f"Write it as: >name {requested}=CLASS"
    )


def _target_of(record: _Record, target: str) -> str:
    return record.stem if target == FILE else record.fields[target]


def _notes(records: Sequence[_Record], target: str | None) -> list[str]:
    lengths = sorted(len(record.letters) for record in records)
    span = f"{lengths[0]:,}" if lengths[0] == lengths[-1] else f"{lengths[0]:,} to {lengths[-1]:,}"
    notes = [f"{len(records):,} sequences of {span} letters."]
    if target:
        counts = Counter(_target_of(record, target) for record in records)
        classes = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(10))
        source = "the names of the files" if target == FILE else f"{target}=… in the headers"
        notes.append(f"Classes are {source}: {classes}{', …' if len(counts) > 10 else ''}.")
    return notes


def _read(path: Path) -> Iterator[_Record]:
    stem = re.sub(r"\.(fa|fasta|fna)(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    header: tuple[int, str] | None = None
    parts: list[str] = []
    check_size(str(path), size_of(path))
    with open_unpacked(path, _UNKNOWN_BASES) as stream:
        text = decode(read_stream(stream, str(path)), str(path))
    for number, line in enumerate(_lines(text), 1):
        if line.startswith(">"):
            if header:
                yield _record(path, stem, header, parts)
            header, parts = (number, line[1:]), []
        elif line and not header:
            raise DataError(
                f"{path} line {number}: text before the first header. A FASTA file begins with >, a name, "
                "and the letters on the lines below."
            )
        elif wrong := _NOT_A_LETTER.search(line):
            raise DataError(
                f"{path} line {number}: {wrong.group()!r} at column {wrong.start() + 1} is no letter. "
                "Remove gaps and marks; N stands for an unknown base, X for an unknown amino acid."
            )
        else:
            parts.append(line.upper())
    if not header:
        raise DataError(f"{path} has only empty lines. Remove it, or copy it again.")
    yield _record(path, stem, header, parts)


def _record(path: Path, stem: str, header: tuple[int, str], parts: list[str]) -> _Record:
    number, text = header
    letters = "".join(parts)
    if not letters:
        raise DataError(f"{path} line {number}: a header without a sequence. Write its letters below it, or remove it.")
    return _Record(f"{path} line {number}", letters, dict(_FIELD.findall(text)), stem)


def _lines(text: str) -> Iterator[str]:
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end].strip()
        start = end + 1
    yield text[start:].strip()

"""The table of the outcomes of all mutants, in the same folder."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("outcomes.tsv")
_COLUMNS = ("mutant", "file", "came", "by", "seconds")


@dataclass(frozen=True)
class Outcome:
    """The outcome of one mutant.

    Attributes:
        came: `noticed` or `survived`; `ended with code …` where the tests could not be run.
        by: the test that noticed it, or after how long nothing had.
        seconds: how long that took.
        name: of the mutant.
        file: that it is planted in.
    """

    came: str
    by: str
    seconds: float
    name: str
    file: str


def read_outcomes() -> dict[str, Outcome]:
    """Read the table, by the names of mutants."""
    if not TABLE.exists():
        return {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["mutant"]: Outcome(row["came"], row["by"], float(row["seconds"]), row["mutant"], row["file"])
        for row in rows
    }


def write_outcomes(found: Mapping[str, Outcome]) -> None:
    """Write the table, in the order of files."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(_COLUMNS)
        for one in sorted(found.values(), key=lambda one: (one.file, one.name)):
            writer.writerow((one.name, one.file, one.came, one.by, f"{one.seconds:.0f}"))

"""`elman predict`: let a model answer every row of a table, every file, or every line that arrives."""

import csv
import dataclasses
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.cli.forecast import predict_series
from elman.cli.options import Model
from elman.cli.show import drop_output, print_json
from elman.cli.tag import predict_tags
from elman.errors import ConfigError, DataError

if TYPE_CHECKING:
    from elman.data.dataset import Columns
    from elman.data.examples.arriving import Row
    from elman.tasks.classify.model import TrainedClassifier

_AT_ONCE = 256


def predict(
    model: Model,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="data like those of the training, with or without the target; - answers each line as it arrives",
            show_default=False,
        ),
    ],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="write the probability of every class")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="PICTURE", help="series: draw the forecasts, as .png, .svg or .pdf", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="write a JSON object a line, whatever is read")] = False,
) -> None:
    """Answer every row of a table, or every sentence: the same rows come out, with a column `prediction`.

    For a class there is the column `probability` as well. What is no table, such as files of sound, gives a row each,
    with its name. A model of tags gives sentences back in their form, with tags.
    """
    from elman.models.file import task_of
    from elman.tasks import classify

    task = task_of(model)
    if probabilities and task in ("forecast", "tag"):
        answers = {"forecast": "forecasts series", "tag": "answers with tags"}[task]
        raise ConfigError(f"--probabilities are those of classes, and {model} {answers}. Drop it.")
    if picture is not None and task != "forecast":
        raise ConfigError(f"--picture draws forecasts, and {model} makes none. Drop it.")
    if task == "forecast":
        predict_series(model, data, picture, json)
        return
    if task == "tag":
        predict_tags(model, data, json)
        return
    trained = classify.load(model)
    if probabilities and trained.targets.kind == "number":
        raise ConfigError(f"--probabilities are those of classes, and {model} answers with numbers. Drop it.")
    if "-" in data and len(data) > 1:
        raise ConfigError("- is given beside other data; standard input is answered alone. Drop one of the two.")
    if data == ["-"]:
        delimiter, rows, size = *_read_stream(trained), 1
    else:
        delimiter, rows, size = *_read_paths(trained, data), _AT_ONCE
    writer = _Writer(trained, None if json else delimiter, probabilities)
    try:
        while chunk := list(itertools.islice(rows, size)):
            writer.write(chunk)
    except BrokenPipeError:
        drop_output()  # whoever reads, such as `head`, has what it wanted


def _read_stream(trained: "TrainedClassifier") -> tuple[str | None, Iterator["Row"]]:
    from elman.data.examples.arriving import Arriving

    if sys.stdin is None:
        raise DataError("Standard input is closed. Name a file, or send rows to the command.")
    rows = Arriving(sys.stdin.buffer, _without_target(trained))
    return rows.delimiter, iter(rows)


def _read_paths(trained: "TrainedClassifier", data: list[str]) -> tuple[str | None, Iterator["Row"]]:
    """Give the rows of a table as they stand there, and of everything else the name of each example."""
    from elman.data import open_dataset
    from elman.data.examples.arriving import Row
    from elman.data.examples.long_table import LongTable
    from elman.data.examples.table import Table
    from elman.data.tables.row_index import DELIMITERS

    dataset = open_dataset(data, like=trained.columns)
    if isinstance(dataset, Table):
        return DELIMITERS[Path(data[0]).suffix.lower()], _read_tables(trained, data)
    examples = (dataset[index] for index in range(len(dataset)))
    if isinstance(dataset, LongTable):
        name = str(trained.columns.id)
        return ",", (Row({name: series}, one) for series, one in zip(dataset.series, examples, strict=True))
    shown = [name for name, kind in trained.columns.inputs.items() if kind == "text"]
    return ",", (Row({"file": one.where, **{name: one.values[name] for name in shown}}, one) for one in examples)


def _read_tables(trained: "TrainedClassifier", data: list[str]) -> Iterator["Row"]:
    from elman.data.examples.arriving import Arriving

    for path in map(Path, data):
        with path.open("rb") as file:
            yield from Arriving(file, _without_target(trained), path)


def _without_target(trained: "TrainedClassifier") -> "Columns":
    return dataclasses.replace(trained.columns, target=None, group=None)


class _Writer:
    """Write rows with their answers on standard output, each chunk at once."""

    def __init__(self, trained: "TrainedClassifier", delimiter: str | None, probabilities: bool) -> None:
        self._trained = trained
        self._classes = trained.classes if probabilities else []
        self._csv = None if delimiter is None else csv.writer(sys.stdout, delimiter=delimiter, lineterminator="\n")
        self._begun = False

    def write(self, rows: "list[Row]") -> None:
        from elman.data.examples.values import Listed

        outputs = self._trained.outputs(Listed([row.example for row in rows], self._trained.columns))
        answers = self._trained.targets.decode(outputs)
        shares = self._trained.targets.probabilities(outputs).tolist()
        for row, answer, share in zip(rows, answers, shares, strict=True):
            self._write_one({**row.cells, **self._describe(answer, share)})
        sys.stdout.flush()

    def _describe(self, answer: Any, shares: Iterable[float]) -> dict[str, Any]:
        described = {"prediction": float(f"{answer:.7g}") if isinstance(answer, float) else answer}
        known = dict(zip(self._trained.classes, (round(share, 6) for share in shares), strict=False))
        if self._trained.targets.kind == "category":
            described["probability"] = known[answer]
        return described | {f"probability_{name}": known[name] for name in self._classes}

    def _write_one(self, cells: dict[str, Any]) -> None:
        if self._csv is None:
            print_json(cells)
            return
        if not self._begun:
            self._csv.writerow(cells)
            self._begun = True
        self._csv.writerow(["|".join(cell) if isinstance(cell, tuple) else cell for cell in cells.values()])

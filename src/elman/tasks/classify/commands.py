"""The commands for models that answer sequences: the summary of a training, `evaluate` and `predict`.

Predictions for a table are its rows, with the answers in columns behind. Of other data, such as sound files, every
example becomes a row.
"""

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text
from torch import Tensor

from elman.data import open_dataset
from elman.data.dataset import Columns
from elman.data.examples.arriving import Arriving, ArrivingTables, Row
from elman.data.examples.fingerprints import Fingerprints
from elman.data.examples.folders import FILE
from elman.data.examples.long_table import LongTable
from elman.data.examples.table import Table
from elman.data.examples.values import Listed
from elman.data.held import as_path
from elman.errors import ConfigError
from elman.models.answers import NamedRows, append_answers
from elman.phrases import counted, round_to
from elman.scores.classes import NumberScores
from elman.scores.picture_files import check_format
from elman.scores.tables import score_tables
from elman.tasks.classify.mistakes import find_with_texts, mistakes_table
from elman.tasks.classify.model import TrainedClassifier, load
from elman.tasks.classify.scoring import score_outputs
from elman.tasks.contract import Evaluated, Request, Rows, Score, standard_input, verdict_of
from elman.training.progress import show_bar

_AT_ONCE = 256
_PRECISION = 2.0**-23  # of float32, in which outputs are

_Table = Arriving | ArrivingTables | NamedRows


def summarise(model: TrainedClassifier) -> Rows:
    """Return the validation score with its interval, and the verdict."""
    validation = model.metrics["validation"]
    interval = validation.get("accuracy_interval")
    within = f" (95 % interval {interval[0]:.1%} to {interval[1]:.1%})" if interval else ""
    folds = len(model.metrics.get("folds", ()))
    what = f"held out, each from one of {folds} networks" if folds else "held out"
    held_out = f"{counted(validation['count'], 'example')} {what}"
    score = f"{validation['measure']} {validation['said']}{within} on {held_out}"
    return [("validation", score), *verdict_of(model), *_describe_calibration(model), *_describe_members(model)]


def validation_score(model: TrainedClassifier) -> Score:
    """Return the accuracy; of several labels the micro-F1, of numbers the RMSE."""
    validation = model.metrics["validation"]
    measure = validation["measure"]
    return Score(measure, validation[measure.lower().replace("-", "_")], lower=measure == NumberScores.measure)


def _describe_members(model: TrainedClassifier) -> Rows:
    """Describe what several networks cost; nothing of one."""
    if not model.others or model.answering is None:
        return []
    alone, together = (1000 * seconds for seconds in model.answering)
    first = model.members[0].parameters
    cost = f"{model.parameters:,} parameters, {together:.3g} ms an example in batches"
    return [("answer", f"the mean of {1 + len(model.others)} networks: {cost}; one has {first:,}, {alone:.3g} ms")]


def _describe_calibration(model: TrainedClassifier) -> Rows:
    """Describe how far the probabilities can be believed; nothing of numbers."""
    validation = model.metrics["validation"]
    if "calibration_error" not in validation:
        return []
    line = f"calibration error {validation['calibration_error']:.1%}"
    if "uncalibrated" not in validation:
        return [("", f"Probabilities as the network gives them: {line}.")]
    before = validation["uncalibrated"]["calibration_error"]
    mixed = ", mixed" if model.blend.baseline else ""
    return [("", f"Probabilities at temperature {model.blend.temperature:.3g}{mixed}: {line}, {before:.1%} without.")]


def next_command(model: TrainedClassifier, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Return the command that predicts."""
    return f"elman predict {path} {data[0]}"


def evaluate(request: Request) -> Evaluated:
    """Score a model on examples whose targets are known."""
    trained, options = load(request.model), request.options
    confusion = _check_picture("confusion", options, trained, ("category",))
    calibration = _check_picture("calibration", options, trained, ("category", "labels"))
    with show_bar("reading", request.quiet) as on_progress:
        examples = trained.encode(open_dataset(request.data, like=trained.columns), on_progress)
    with show_bar("answering", request.quiet) as on_progress:
        outputs = trained.answer(examples, on_progress)
    scores = score_outputs(trained.targets, outputs, examples.targets, groups=examples.groups)
    mistakes = (
        find_with_texts(trained.targets, outputs, examples, trained.columns.inputs, options.worst)
        if options.worst
        else []
    )
    if confusion is not None:
        from elman.tasks.classify.picture import draw_confusion

        draw_confusion(scores, confusion)  # type: ignore[arg-type]
    if calibration is not None:
        from elman.tasks.classify.calibration_picture import draw_calibration

        draw_calibration(scores.reliability, calibration)  # type: ignore[arg-type, union-attr]
    facts: dict[str, Any] = {"worst": [mistake.to_dict() for mistake in mistakes]} if options.worst else {}
    shown = [*score_tables(scores), *([mistakes_table(mistakes)] if mistakes else [])]
    overlap = trained.compare_learnt(examples.prints)
    if overlap is not None:
        facts["learnt_from"] = overlap.estimate
        warning = overlap.warn("examples", "other examples")
        shown += [Text(f"\n{warning}")] if warning else []
    return Evaluated({**scores.to_dict(), **facts}, shown)


def _check_picture(name: str, options: Any, trained: TrainedClassifier, kinds: Collection[str]) -> Path | None:
    path = getattr(options, name)
    if path is None:
        return None
    if trained.targets.kind not in kinds:
        raise ConfigError(f"--{name} shows classes, and this model answers with {trained.targets.kind}. Drop it.")
    return check_format(path)


def predict(request: Request) -> Iterator[str]:
    """Predict for every row, file, or line that arrives."""
    trained = load(request.model)
    probabilities = request.options.probabilities
    if probabilities and trained.targets.kind == "number":
        raise ConfigError(f"--probabilities is for classes, and {request.model} answers with numbers. Drop it.")
    taken: Sequence[str] = ()
    if request.is_streamed():
        table: _Table = Arriving(standard_input("rows"), without_target(trained))
    else:
        table, taken = _read_paths(trained, request.data)
    rows, size = iter(table), 1 if request.is_streamed() else _AT_ONCE
    chunks: Iterator[list[Row]] = iter(lambda: list(itertools.islice(rows, size)), [])
    if not request.is_streamed():
        chunks = _note_learnt(trained, chunks, request.note)
    classes = trained.classes if probabilities else []
    answers = (answer_rows(trained, chunk, classes) for chunk in chunks)
    return append_answers(answers, table, request.note, taken=taken, json=request.json)


def _note_learnt(
    trained: TrainedClassifier, chunks: Iterable[list[Row]], note: Callable[[str], None]
) -> Iterator[list[Row]]:
    """Yield rows, and note at the end how many of those that have a target are training examples."""
    fingerprint, prints = Fingerprints(trained.columns.inputs), bytearray()
    for rows in chunks:
        for row in rows:
            if row.example.target is not None or row.cells.get(str(trained.columns.target)):
                prints += fingerprint(row.example.values)
        yield rows
    overlap = trained.compare_learnt(np.frombuffer(bytes(prints), "<u8"))
    if overlap is not None and overlap.estimate:
        about = "" if overlap.checked == overlap.count else "about "
        note(
            f"{about}{overlap.estimate:,} of the {counted(overlap.count, 'example')} with a target "
            f"{'is a training example' if overlap.estimate == 1 else 'are training examples'}: "
            "predictions for new data will be worse"
        )


def _read_paths(trained: TrainedClassifier, data: list[str]) -> tuple[_Table, Sequence[str]]:
    """Return the rows of a table unchanged, and the names of its columns; of everything else the name of each example.

    The names that the first row of a table may lack are those that later lines of JSON bring.
    """
    dataset = open_dataset(data, like=trained.columns)
    if isinstance(dataset, Table):
        return ArrivingTables(list(map(as_path, data)), without_target(trained)), dataset.names
    examples = (dataset[index] for index in range(len(dataset)))
    if isinstance(dataset, LongTable):
        name = str(trained.columns.id)
        return NamedRows(Row({name: series}, one) for series, one in zip(dataset.series, examples, strict=True)), ()
    shown = [name for name, kind in trained.columns.inputs.items() if kind == "text" and name != FILE]
    return NamedRows(Row({FILE: one.where, **{name: one.values[name] for name in shown}}, one) for one in examples), ()


def without_target(trained: TrainedClassifier) -> Columns:
    """Return the columns that the model reads."""
    return dataclasses.replace(trained.columns, target=None, group=None)


def answer_rows(
    trained: TrainedClassifier, rows: list[Row], classes: Sequence[str]
) -> list[tuple[Row, dict[str, Any]]]:
    """Return rows with the answers of the model to each, and the probabilities of some classes."""
    outputs = trained.outputs(Listed([row.example for row in rows], trained.columns))
    return list(zip(rows, describe_outputs(trained, outputs, classes), strict=True))


def describe_outputs(trained: TrainedClassifier, outputs: Tensor, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the answers of outputs (N, outputs) as plain data, with the probabilities of some classes."""
    answers = trained.targets.decode(outputs)
    shares = trained.targets.probabilities(outputs).tolist()
    return [_describe(trained, answer, share, classes) for answer, share in zip(answers, shares, strict=True)]


def _describe(
    trained: TrainedClassifier, answer: Any, shares: Iterable[float], classes: Sequence[str]
) -> dict[str, Any]:
    resolution = trained.targets.deviation * _PRECISION
    described = {"prediction": round_to(answer, resolution) if isinstance(answer, float) else answer}
    known = dict(zip(trained.classes, (round(share, 6) for share in shares), strict=False))
    if trained.targets.kind == "category":
        described["probability"] = known[answer]
    return described | {f"probability_{name}": known[name] for name in classes}

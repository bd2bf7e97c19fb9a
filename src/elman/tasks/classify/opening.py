"""Open a report on a model that answers sequences: its scores, a confusion matrix, and the worst answers.

What is shown of the data are examples that the model has not learnt from, where there are some. The scores of its
training come from its file, so no network is run for them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.dataset import Columns, Dataset, Example
from elman.encoders.sound import Features
from elman.flow.page.answers import Shown, choose_confused, draw_confusion, draw_examples
from elman.flow.page.charts import Curve, draw_curves
from elman.flow.page.pictures import Section
from elman.flow.page.thumbnails import draw_image, draw_spectrogram
from elman.flow.places import spread
from elman.phrases import counted, printable
from elman.scores.classes import ClassScores, LabelScores, NumberScores, Scores, write_count
from elman.scores.tables import show_share
from elman.tasks.classify.mistakes import find_mistakes
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.scoring import score_outputs
from elman.tasks.classify.view import open_again

MOST_EXAMPLES = 2000
"""Of the data that are answered, evenly spread."""

MOST_SHOWN = 8
_MOST_CLASSES = 15  # of a matrix
_LETTERS = 300  # of a text
_CHANNELS = 4  # of a series
_Row = tuple[str, ...]


@dataclass(frozen=True)
class SomeExamples:
    """Some examples of a data set.

    Attributes:
        whole: the data set.
        indices: which.
    """

    whole: Dataset
    indices: Sequence[int]
    notes: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the whole."""
        return self.whole.name

    @property
    def columns(self) -> Columns:
        """The columns of the whole."""
        return self.whole.columns

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int, /) -> Example:
        return self.whole[self.indices[index]]


def opening(model: TrainedClassifier, data: Any) -> list[Section]:
    """Make the sections.

    Raises:
        DataError: the data cannot be read, or do not fit the model.
    """
    dataset = open_again(model, data)
    part = SomeExamples(dataset, spread(len(dataset), MOST_EXAMPLES))
    encoded = model.encode(part)
    new = _find_new(model, encoded.prints)
    chosen = torch.from_numpy(new.nonzero()[0] if new.any() else np.arange(len(part)))
    outputs, targets = model.answer(encoded)[chosen], encoded.targets[chosen]
    groups = None if encoded.groups is None else [encoded.groups[i] for i in chosen.tolist()]
    scores = score_outputs(model.targets, outputs, targets, groups=groups)
    said = _describe(part, new)
    tables = _confusion(scores, said) if new.any() else _confusion_of_training(model)
    worst = _worst(model, part, chosen, outputs, targets, said)
    return [_scores(model, scores, said, bool(new.any())), *tables, *worst]


def _find_new(model: TrainedClassifier, prints: Any) -> Any:
    if model.learnt is None:
        return np.ones(len(prints), bool)
    return model.learnt.find_new(prints)


def _describe(part: SomeExamples, new: Any) -> str:
    """Say which examples are shown."""
    some = "" if len(part) == len(part.whole) else f", {len(part):,} of {len(part.whole):,}, evenly spread"
    if not new.any():
        return f"{counted(len(part), 'example')} of {part.name}{some}, which are in its training data"
    if not new.all():
        return f"{counted(int(new.sum()), 'example')} of {part.name} that it has not learnt from{some}"
    return f"{counted(len(part), 'example')} of {part.name}{some}"


def _scores(model: TrainedClassifier, scores: Scores, said: str, is_new: bool) -> Section:
    metrics = model.metrics
    rows: list[_Row] = [("answers of", scores.measure, "95 % interval", "examples")]
    if "validation" in metrics:
        rows.append(("the model, held out in its training", *_of_dict(metrics["validation"])))
        if model.baseline is not None:
            rows.append(("its network alone", *_of_dict(metrics["network"])))
        if "baseline" in metrics:
            rows.append((metrics["baseline"]["what"], *_of_dict(metrics["baseline"])))
        if metrics.get("shuffled"):
            rows.append(("the network, steps in random order", *_of_dict(metrics["shuffled"][0])))
        rows += _constant(metrics["validation"])
    rows.append((f"the model, on {said}", *_of_dict({**scores.to_dict(), "measure": scores.measure})))
    says = f"On {said}: {scores.measure} {scores.said()}."
    if not is_new:
        says += " That may be better than on new examples; the score of its training is not."
    how = (
        "All rows but the last are on the same examples, which were held out in its training. An answer that reads "
        "no order is as good as a network where its interval holds the other's score."
    )
    return Section("Scores beside simpler models", says, (), how, tuple(rows))


def _of_dict(found: Mapping[str, Any]) -> _Row:
    """Write the score, its interval and the number of examples, of scores as plain data."""
    count = write_count(found["count"])
    if "accuracy" in found:
        low, high = found["accuracy_interval"]
        return f"{found['accuracy']:.1%}", f"{low:.1%} to {high:.1%}", count
    if "rmse" in found:
        error, worth = found["rmse"], found.get("independent", found["count"])
        if error is None or not worth:
            return "–", "–", count
        # The standard error of an RMSE over n normal errors is about RMSE / √(2n).
        reach = 1.96 * error / math.sqrt(2 * worth)
        return f"{error:.4g}", f"{max(0.0, error - reach):.4g} to {error + reach:.4g}", count
    return show_share(found["micro_f1"]), "–", count


def _constant(found: Mapping[str, Any]) -> list[_Row]:
    """Write the score of always answering the most frequent class."""
    if "confusion" not in found:
        return []
    commonest = max(found["classes"], key=lambda one: one["support"])
    return [
        (
            f"always {commonest['name']}",
            f"{commonest['support'] / found['count']:.1%}",
            "–",
            write_count(found["count"]),
        )
    ]


def _confusion_of_training(model: TrainedClassifier) -> list[Section]:
    found = model.metrics.get("validation", {})
    if "confusion" not in found:
        return []
    scores = ClassScores(tuple(model.classes), tuple(map(tuple, found["confusion"])), math.nan)
    return _confusion(scores, f"{write_count(found['count'])} examples held out in its training")


def _confusion(scores: Scores, said: str) -> list[Section]:
    """Make the section on which answers are confused; none for numbers."""
    if isinstance(scores, NumberScores):
        return []
    rows: list[_Row] = [("class", "precision", "recall", "F1", "examples")]
    for one in scores.per_class:
        shares = map(show_share, (one.precision, one.recall, one.f1))
        rows.append((one.name, *shares, write_count(one.support)))
    table = tuple(rows[: _MOST_CLASSES + 1])
    more = f" The table has the first {_MOST_CLASSES} of {len(rows) - 1:,}." if len(rows) > len(table) else ""
    if isinstance(scores, LabelScores):
        return [Section("Labels", f"On {said}.", (), f"Precision and recall of each label.{more}", table)]
    names, counts, some = choose_confused(scores.classes, scores.confusion, _MOST_CLASSES)
    pairs = scores.most_confused(1)
    says = f"No answer is wrong on {said}."
    if pairs:
        true, answer, times = pairs[0]
        says = f"On {said}: most often {true} is answered as {answer}, {write_count(times)} times."
    how = (
        "A row has the examples of one class, a column those with one answer; right answers are on the diagonal. The "
        f"stronger the colour, the larger the share of the row.{some}{more}"
    )
    return [Section("Confusion matrix", says, (draw_confusion(names, counts),), how, table)]


def _worst(
    model: TrainedClassifier, part: SomeExamples, chosen: Tensor, outputs: Tensor, targets: Tensor, said: str
) -> list[Section]:
    """Make the section on the worst answers; none where all are right."""
    read: dict[str, Example] = {}

    def where(index: int) -> str:
        example = part[int(chosen[index])]
        read[example.where] = example
        return example.where

    shown = []
    for one in find_mistakes(model.targets, outputs, targets, where, MOST_SHOWN):
        sure = "" if one.probability is None else f" with {one.probability:.1%}"
        text, drawing = _picture(model, read[one.where])
        shown.append(Shown(one.where, f"{one.true}, answered as {one.predicted}{sure}", text, drawing=drawing))
    if not shown:
        return []
    order = "furthest off" if model.targets.kind == "number" else "wrong with the highest probability"
    how = "The truth, then the answer. Such examples often show mistakes in the data."
    return [Section("Worst answers", f"The {len(shown)} {order}, of {said}.", (draw_examples(shown),), how)]


def _picture(model: TrainedClassifier, example: Example) -> tuple[str, str]:
    """Return the text of an example, and a picture of it."""
    texts, drawings = [], []
    for name, kind in model.columns.inputs.items():
        value = example.values[name]
        if kind in ("text", "letters"):
            words = printable(" ".join(str(value).split()))
            texts.append(words if len(words) <= _LETTERS else f"{words[: _LETTERS - 1]}…")
        elif kind == "image":
            drawings.append(draw_image(value, example.where))
        elif kind == "sound":
            features: Features = model.encoder.features  # type: ignore[attr-defined]
            drawings.append(draw_spectrogram(features.log_energies(value, example.where).numpy(), example.where))
        elif kind == "series":
            drawings.append(_draw_series(np.asarray(value, dtype=float), model.columns.names))
        else:
            texts.append(f"{name} {_write_cell(kind, value)}")
    return " | ".join(texts)[: 2 * _LETTERS], "".join(drawings)


def _write_cell(kind: str, value: Any) -> str:
    """Write a number, category or date; a date has a time where it is not midnight."""
    if value in ("", None) or value != value:
        return "missing"
    if kind == "date":
        moment = np.datetime64(round(value * 1e6), "us")
        return str(np.datetime_as_string(moment, unit="auto")).replace("T", " ")
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))


def _draw_series(values: Any, names: Sequence[str]) -> str:
    at = np.arange(len(values), dtype=float)
    channels = range(min(values.shape[1], _CHANNELS))
    curves = [Curve(at, values[:, i], names[i] if i < len(names) else f"channel {i + 1}") for i in channels]
    return draw_curves(curves, ("time step", "input"), title="The input", width=520)

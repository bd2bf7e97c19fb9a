"""Show a trained model some of its data, so that its layers can be looked at while it works.

A :class:`View` is a copy of the model in float64 and what can be asked of it: a loss on some examples, the same when it
is shown the last steps alone, and what chosen predictions rest on. Texts and classes are here, tags and forecasts in
:mod:`elman.tasks.tag_view` and :mod:`elman.tasks.forecast_view`.

>>> view = view_model("book.elman.safetensors", ["book.txt"])   # doctest: +SKIP
>>> view.what                                                   # doctest: +SKIP
'8 stretches of 200 characters'
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache
from os import PathLike
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from elman.data import open_dataset
from elman.errors import ConfigError, DataError
from elman.flow import attribute_in_model
from elman.flow.mattered import Mattered
from elman.tasks import trained_classifier, trained_forecaster, trained_model, trained_tagger
from elman.tasks.corpus import read_corpus
from elman.tasks.encoders.units import FIRST
from elman.tasks.forecast_view import view_forecasts
from elman.tasks.language_model import LanguageModel
from elman.tasks.model_file import task_of
from elman.tasks.model_view import (
    EXAMPLES,
    EXPLAINED,
    LONGEST_EXPLAINED,
    MOST_OF_LAST,
    MOST_STEPS,
    OF_LAST,
    POINTS,
    View,
    mattered,
)
from elman.tasks.sequence_classifier import SequenceClassifier
from elman.tasks.tag_view import view_tags

STEPS = 200
_EXPLAINED_STEPS = 100


def view_model(path: str | PathLike[str], data: Sequence[str], length: int | None = None) -> View:
    """Show a model some data.

    Args:
        path: of its file.
        data: like those of its training.
        length: how many time steps of a text; None for 200. What has its own length keeps it.

    Raises:
        DataError: the model or the data cannot be read, or do not fit each other.
        ConfigError: there is nothing to look at for a model of this task.
    """
    task = task_of(path)
    if task == trained_model.TrainedModel.task:
        return _view_text(trained_model.load(path), data, STEPS if length is None else length)
    if length is not None:
        raise ConfigError("length is given, and each example has its own. Drop it.")
    if task == trained_classifier.TrainedClassifier.task:
        return _view_examples(trained_classifier.load(path), data)
    if task == trained_tagger.TrainedTagger.task:
        return view_tags(trained_tagger.load(path), data)
    if task == trained_forecaster.TrainedForecaster.task:
        return view_forecasts(trained_forecaster.load(path), data)
    raise ConfigError(f"{path} is a model for {task!r}, and there is nothing to look at for it.")


def _view_text(model: trained_model.TrainedModel, data: Sequence[str], length: int) -> View:
    corpus = read_corpus(data)
    if list(corpus.classes) != model.classes:
        raise DataError("The data have other classes than the model. Give data like those of its training.")
    numbers, given = corpus.encode(model.vocabulary)
    steps = min(length, len(numbers) - 1)
    if steps < 1:
        raise DataError("The text has fewer than two units, so there is none to predict. Give a longer one.")
    module = copy.deepcopy(model.module).double().eval()

    def cut(most: int) -> tuple[Tensor, Tensor, Tensor | None]:
        starts = torch.linspace(0, len(numbers) - 1 - steps, most).long().unique()
        at = torch.arange(steps)[:, None] + starts
        return numbers[at], numbers[at + 1], None if given is None else given[at + 1]

    few = cut(max(1, min(EXAMPLES, MOST_STEPS // steps)))
    many = cut(max(EXAMPLES, min(OF_LAST, MOST_OF_LAST // steps)))

    def loss() -> Tensor:
        inputs, targets, classes = few
        logits, _ = module(inputs, given=classes)
        return cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / targets.shape[1]

    @cache  # that with all steps is asked for more than once, and takes the longest
    def loss_of_last(n: int) -> float:
        inputs, targets, classes = many
        with torch.no_grad():
            logits, _ = module(inputs[-n:], given=None if classes is None else classes[-n:])
        return float(cross_entropy(logits[-1], targets[-1]))

    what = f"{few[0].shape[1]} stretches of {steps} {model.vocabulary.unit}s"
    return View(
        module, module.recurrent, loss, loss_of_last, lambda: _explain_text(model, module, few), what, model.metrics
    )


def _explain_text(
    model: trained_model.TrainedModel, module: LanguageModel, given: tuple[Tensor, Tensor, Tensor | None]
) -> list[Mattered]:
    inputs, targets, classes = (None if t is None else t[-_EXPLAINED_STEPS:, :EXPLAINED] for t in given)
    assert inputs is not None
    assert targets is not None

    def last() -> Tensor:
        logits: Tensor = module(inputs, given=classes)[0][-1]
        return logits.log_softmax(-1)

    with torch.no_grad():
        shares = last().exp()
    said = shares.argmax(-1)
    found = attribute_in_model(module.recurrent, lambda: last().gather(-1, said[:, None]).squeeze(-1), points=POINTS)
    show, space = model.vocabulary.show, "" if model.vocabulary.unit == "character" else " "
    explained = []
    for b in range(inputs.shape[1]):
        words = [_read(show(n)) + space for n in inputs[:, b].tolist()]
        answer = f"“{show(int(said[b]))}” comes next with {float(shares[b, said[b]]):.0%}"
        right = show(int(targets[-1, b]))
        explained.append(mattered(found, b, len(words), f"{answer} (it was “{right}”)", words=words))
    return explained


def _read(unit: str) -> str:
    """Write a unit so that a text made of them reads like one."""
    return {"␣": " ", "\\n": "↵\n"}.get(unit, unit)


def _view_examples(model: trained_classifier.TrainedClassifier, data: Sequence[str]) -> View:
    examples = model.encode(open_dataset(list(data), like=model.columns))
    module = copy.deepcopy(model.module).double().eval()

    def choose(most: int) -> tuple[Tensor, Tensor, Tensor]:
        indices = torch.linspace(0, len(examples) - 1, most).long().unique()
        rows = [_float64(examples.steps(int(i))) for i in indices]
        return pad_sequence(rows), torch.tensor([len(row) for row in rows]), examples.targets[indices]

    few, many = choose(EXAMPLES), choose(OF_LAST)

    def loss() -> Tensor:
        steps, lengths, targets = few
        return model.targets.training_loss(module(steps, lengths), _float64(targets)) * len(lengths)

    def loss_of_last(n: int) -> float:
        steps, lengths, targets = many
        rows = [steps[max(0, k - n) : k, b] for b, k in enumerate(lengths.tolist())]
        with torch.no_grad():
            outputs = module(pad_sequence(rows), lengths.clamp(max=n))
        return float(model.targets.training_loss(outputs, _float64(targets)))

    longest = int(few[1].max())
    what = f"{len(few[1])} examples of up to {longest} steps"
    return View(
        module, module.recurrent, loss, loss_of_last, lambda: _explain_examples(model, module, few), what, model.metrics
    )


def _explain_examples(
    model: trained_classifier.TrainedClassifier, module: SequenceClassifier, few: tuple[Tensor, Tensor, Tensor]
) -> list[Mattered]:
    explained = []
    for b in range(min(EXPLAINED, len(few[1]))):
        length = int(few[1][b])
        if length > LONGEST_EXPLAINED:
            continue
        steps, real = few[0][:length, b : b + 1], few[1][b : b + 1]
        with torch.no_grad():
            outputs = module(steps, real)
        score, answer = _score(model, outputs)
        found = attribute_in_model(module.recurrent, lambda: score(module(steps, real)), points=POINTS)  # noqa: B023
        read = len(found.contributions)
        shown: dict[str, Any] = {}
        known = getattr(model.encoder, "known", ())
        if known:
            units = [int(n) - FIRST for n in steps[:, 0, 0].tolist()]
            space = "" if getattr(model.encoder, "unit", "") == "character" else " "
            shown["words"] = [(known[n] if n >= 0 else "□") + space for n in units]
        elif read == length:
            shown["series"] = steps[:, 0].numpy()
        explained.append(mattered(found, 0, read, answer, **shown))
    return explained


def _score(model: trained_classifier.TrainedClassifier, outputs: Tensor) -> tuple[Callable[[Tensor], Tensor], str]:
    """Choose what is explained of an answer, and say it."""
    (answer,) = model.targets.decode(outputs.float())
    if model.targets.kind == "number":
        return lambda out: out[:, 0], f"The answer is {answer:.4g}"
    best = int(outputs[0].argmax())
    share = float(model.targets.probabilities(outputs.float())[0, best])
    name = model.classes[best]
    if model.targets.kind == "category":
        return lambda out: out.log_softmax(-1)[:, best], f"The answer is {name}, with {share:.0%}"
    return lambda out: out[:, best], f"The likeliest label is {name}, with {share:.0%}"


def _float64(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values

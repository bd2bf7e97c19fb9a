"""Run a language model on some text to inspect its layers.

>>> from elman.tasks import generate
>>> seen = view(generate.load("book.elman.safetensors"), ["book.txt"], length=200)   # doctest: +SKIP
>>> seen.what                                                                        # doctest: +SKIP
'8 stretches of 200 characters'
"""

import copy
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from elman.errors import DataError
from elman.flow import attribute_in_model
from elman.flow.page.mattered import Mattered
from elman.models.view import EXPLAINED, POINTS, View, choose_examples, how_many, mattered
from elman.tasks.generate.corpus import read_corpus
from elman.tasks.generate.model import TrainedModel
from elman.tasks.generate.module import LanguageModel

_EXPLAINED_STEPS = 100


def view(model: TrainedModel, data: Sequence[str], length: int) -> View:
    """Inspect a language model on some text.

    Args:
        model: the trained model.
        data: like those of its training.
        length: how many time steps.

    Raises:
        DataError: the data do not fit the model, or are too short.
    """
    corpus = read_corpus(data)
    if list(corpus.classes) != model.classes:
        raise DataError("The data have other classes than the model. Give data like those of its training.")
    numbers, given = corpus.encode(model.vocabulary)
    steps = min(length, len(numbers) - 1)
    if steps < 1:
        raise DataError("The text has fewer than two units, so there is none to predict. Give a longer one.")
    module = copy.deepcopy(model.module).double().eval()

    def cut(most: int) -> tuple[Tensor, Tensor, Tensor | None]:
        starts = torch.tensor(choose_examples(len(numbers) - steps, most))
        at = torch.arange(steps)[:, None] + starts
        return numbers[at], numbers[at + 1], None if given is None else given[at + 1]

    few, many = map(cut, how_many(steps))

    def loss() -> Tensor:
        inputs, targets, classes = few
        logits, _ = module(inputs, given=classes)
        return cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / targets.shape[1]

    @cache  # the longest computation, that of all steps, is requested more than once
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
    model: TrainedModel, module: LanguageModel, given: tuple[Tensor, Tensor, Tensor | None]
) -> list[Mattered]:
    inputs, targets, classes = (None if t is None else t[-_EXPLAINED_STEPS:, :EXPLAINED] for t in given)
    assert inputs is not None
    assert targets is not None

    def last() -> Tensor:
        logits: Tensor = module(inputs, given=classes)[0][-1]
        return logits.log_softmax(-1)

    with torch.no_grad():
        shares = last().exp()
    best = shares.argmax(-1)
    attribution = attribute_in_model(
        module.recurrent, lambda: last().gather(-1, best[:, None]).squeeze(-1), points=POINTS
    )
    show, space = model.vocabulary.show, "" if model.vocabulary.unit == "character" else " "
    explained = []
    for b in range(inputs.shape[1]):
        words = [_read(show(n)) + space for n in inputs[:, b].tolist()]
        answer = f"“{show(int(best[b]))}” comes next with {float(shares[b, best[b]]):.0%}"
        right = show(int(targets[-1, b]))
        explained.append(mattered(attribution, b, len(words), f"{answer} (it was “{right}”)", words=words))
    return explained


def _read(unit: str) -> str:
    """Write a unit as it reads within a text."""
    return {"␣": " ", "\\n": "↵\n"}.get(unit, unit)

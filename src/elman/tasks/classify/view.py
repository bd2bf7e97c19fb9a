"""Prepare a model that answers sequences, with some examples, for `elman inspect`."""

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad
from torch.nn.utils.rnn import pad_sequence

from elman.data import Dataset, open_dataset
from elman.data.dataset import Columns
from elman.flow import attribute_in_model
from elman.flow.page.mattered import Mattered
from elman.models.sides import Side
from elman.models.view import EXPLAINED, LONGEST_EXPLAINED, POINTS, View, choose_examples, how_many, mattered
from elman.nn import Recurrent
from elman.phrases import format_near
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.module import SequenceClassifier
from elman.vocabulary.tally import FIRST

_Few = tuple[Tensor, Tensor, Tensor, Tensor | None]
"""Steps, lengths, targets, and what is beside the steps."""


def view(model: TrainedClassifier, data: Any) -> View:
    """Prepare a model and some examples for a look inside.

    Args:
        model: the model.
        data: paths of data like those of its training, or a dataset.

    Raises:
        DataError: the data do not fit the model.
    """
    examples = model.encode(open_again(model, data))
    module = copy.deepcopy(model.module).double().eval()
    notes = [f"the first of {1 + len(model.others)} networks, whose mean answers"] if model.others else []
    if module.strands is not None:
        module.strands = None
        notes.append("each sequence as it is given; the answer is the mean with that of its other strand")

    def choose(most: int) -> _Few:
        indices = choose_examples(len(examples), most)
        rows = [_float64(examples.steps(i)) for i in indices]
        covariates = None if examples.covariates is None else examples.covariates[indices].double()
        return pad_sequence(rows), torch.tensor([len(row) for row in rows]), examples.targets[indices], covariates

    few, many = map(choose, how_many(int(examples.lengths.max())))

    def loss() -> Tensor:
        steps, lengths, targets, covariates = few
        return model.targets.training_loss(module(steps, lengths, covariates), _float64(targets)) * len(lengths)

    def loss_with_memory(n: int) -> float:
        steps, lengths, targets, covariates = many
        with torch.no_grad():
            if module.pooling == "last":
                rows = [steps[max(0, k - n) : k, b] for b, k in enumerate(lengths.tolist())]
                outputs = module(pad_sequence(rows), lengths.clamp(max=n), covariates)
            else:
                outputs = _forget_after(module, n)(steps, lengths, covariates)
        return float(model.targets.training_loss(outputs, _float64(targets)))

    longest = int(few[1].max())
    what = f"{len(few[1])} examples of up to {longest} steps"
    constant = math.nan if module.pooling == "last" else _constant_loss(model, _float64(many[2]))
    return View(
        module,
        module.recurrent,
        loss,
        loss_with_memory,
        lambda: _explain_examples(model, module, few),
        what,
        model.metrics,
        constant,
        notes,
    )


def open_again(model: TrainedClassifier, data: Any) -> Dataset:
    """Return a dataset as it is, and open paths as in the training.

    Raises:
        DataError: the data do not fit the model.
    """
    if not isinstance(getattr(data, "columns", None), Columns):
        return open_dataset(list(data), like=model.columns)
    model.check_columns(data)
    dataset: Dataset = data
    return dataset


class _Blocks(nn.Module):
    """Recurrent layers that start again from the initial state every n steps.

    Args:
        layer: the recurrent layers.
        size: n.
    """

    def __init__(self, layer: Recurrent, size: int) -> None:
        super().__init__()
        self.layer, self.size = layer, size
        self.bidirectional, self.output_size = layer.bidirectional, layer.output_size

    def forward(self, x: Tensor, state: None, lengths: Tensor, **sides: Side) -> tuple[Tensor, None]:
        """Run each block of (T, B, I) as an example of its own, and put their outputs together again."""
        steps, batch, _ = x.shape
        count = -(-steps // self.size)
        starts = torch.arange(count)[:, None] * self.size
        real = (lengths[None] - starts).clamp(0, self.size).flatten()

        def cut(given: Tensor) -> Tensor:
            rest = (0, 0) * (given.dim() - 1)
            padded = pad(given, (*rest, 0, count * self.size - steps))
            blocks = padded.view(count, self.size, *given.shape[1:])
            return blocks.transpose(0, 1).flatten(1, 2)[:, real > 0]

        own = {name: tuple(map(cut, one)) if isinstance(one, tuple) else cut(one) for name, one in sides.items()}
        output = self.layer(cut(x), state, real[real > 0], **own)[0]
        whole = output.new_zeros(self.size, count * batch, output.shape[-1])
        whole[:, real > 0] = output
        return whole.view(self.size, count, batch, -1).transpose(0, 1).flatten(0, 1)[:steps], None


def _forget_after(module: SequenceClassifier, n: int) -> SequenceClassifier:
    """Return a module whose recurrent layers remember n steps at most; it shares the weights."""
    forgetful = copy.copy(module)
    forgetful._modules = {**module._modules, "recurrent": _Blocks(module.recurrent, n)}
    return forgetful


def _constant_loss(model: TrainedClassifier, targets: Tensor) -> float:
    """Return the loss of the best constant answer to some examples."""
    kind, count = model.targets.kind, max(1, len(model.classes))
    if kind == "number":
        answer = targets.mean()[None]
    else:
        seen = one_hot(targets.long(), count).double() if kind == "category" else targets
        share = seen.mean(0).clamp(1e-6, 1 - 1e-6)
        answer = share.log() if kind == "category" else share.logit()
    return float(model.targets.training_loss(answer.expand(len(targets), -1), targets))


def _explain_examples(model: TrainedClassifier, module: SequenceClassifier, few: _Few) -> list[Mattered]:
    explained = []
    for b in range(min(EXPLAINED, len(few[1]))):
        length = int(few[1][b])
        if length > LONGEST_EXPLAINED:
            continue
        steps, real = few[0][:length, b : b + 1], few[1][b : b + 1]
        covariates = None if few[3] is None else few[3][b : b + 1]
        with torch.no_grad():
            outputs = module(steps, real, covariates)
        score, answer = _score(model, outputs)
        scored = partial(_run, module, score, (steps, real, covariates))
        attribution = attribute_in_model(module.recurrent, scored, points=POINTS)
        read = len(attribution.contributions)
        shown: dict[str, Any] = {}
        known = getattr(model.encoder, "known", ())
        if known:
            units = [int(n) - FIRST for n in steps[:, 0, 0].tolist()]
            space = "" if getattr(model.encoder, "unit", "") == "character" else " "
            shown["words"] = [(known[n] if n >= 0 else "□") + space for n in units]
        elif read == length:
            shown["series"] = steps[:, 0].numpy()
        explained.append(mattered(attribution, 0, read, answer, **shown))
    return explained


def _run(module: SequenceClassifier, score: Callable[[Tensor], Tensor], given: tuple[Tensor | None, ...]) -> Tensor:
    return score(module(*given))


def _score(model: TrainedClassifier, outputs: Tensor) -> tuple[Callable[[Tensor], Tensor], str]:
    """Return the score that is explained, as a function of the outputs, and a sentence with the answer."""
    (answer,) = model.targets.decode(outputs.float())
    if model.targets.kind == "number":
        return lambda out: out[:, 0], f"The answer is {format_near(answer, model.targets.deviation)}"
    best = int(outputs[0].argmax())
    share = float(model.targets.probabilities(outputs.float() * model.blend.network)[0, best])
    name = model.classes[best]
    if model.targets.kind == "category":
        return lambda out: out.log_softmax(-1)[:, best], f"The answer is {name}, with {share:.0%}"
    return lambda out: out[:, best], f"The likeliest label is {name}, with {share:.0%}"


def _float64(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values

"""Find the worst predictions, which often show mistakes in the data.

>>> confident = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
>>> for mistake in mistakes_in_classes(torch.tensor([1, 0, 1]), confident, ("ham", "spam"), "line {}".format):
...     print(mistake.where, mistake.true, mistake.predicted, round(mistake.probability, 2))
line 0 spam ham 0.9
line 1 ham spam 0.6
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from rich.console import RenderableType
from rich.text import Text
from torch import Tensor

from elman.encoders.batches import EncodedSet
from elman.encoders.targets import Targets
from elman.phrases import format_near, printable
from elman.scores.tables import plain_table, show_name, show_share, titled

_SHOWN = 60  # characters of a text


@dataclass(frozen=True)
class Mistake:
    """One wrong prediction.

    Attributes:
        where: the file, and the line or row, of the example.
        true: the true class or number; for labels the one that was missed, or `no …` for one that is wrong.
        predicted: the predicted class, label or number.
        probability: of the predicted class; None for numbers.
        text: the beginning of what was read, where that is text; else empty.
    """

    where: str
    true: str
    predicted: str
    probability: float | None
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {name: value for name, value in asdict(self).items() if name != "text" or value}


def find_mistakes(
    targets: Targets, outputs: Tensor, encoded: Tensor, where: Callable[[int], str], most: int = 10
) -> list[Mistake]:
    """List the worst predictions of a module, the worst first.

    Args:
        targets: the possible answers.
        outputs: (N, outputs) of the module: logits, or the scaled number.
        encoded: the true targets, as `targets.encode` gives them.
        where: names an example by its index, 0 to N − 1; called for listed examples alone.
        most: the most mistakes to list.
    """
    if targets.kind == "number":
        true, predicted = (
            torch.tensor(targets.decode(numbers), dtype=torch.float64) for numbers in (encoded[:, None], outputs)
        )
        return mistakes_in_numbers(true, predicted, where, most)
    find = mistakes_in_classes if targets.kind == "category" else mistakes_in_labels
    return find(encoded, targets.probabilities(outputs), targets.classes, where, most)


def find_with_texts(
    targets: Targets, outputs: Tensor, examples: EncodedSet, kinds: Mapping[str, str], most: int = 10
) -> list[Mistake]:
    """List the worst predictions as :func:`find_mistakes` does, with the beginnings of the texts that were read.

    Args:
        targets: as there.
        outputs: as there.
        examples: with their true targets.
        kinds: the kind of each input column by its name.
        most: as there.
    """
    names = [name for name, kind in kinds.items() if kind == "text"]
    texts: dict[str, str] = {}

    def where(index: int) -> str:
        example = examples.example(index)
        whole = " | ".join(" ".join(str(example.values[name]).split()) for name in names)
        texts[example.where] = whole if len(whole) <= _SHOWN else f"{whole[: _SHOWN - 1]}…"
        return example.where

    found = find_mistakes(targets, outputs, examples.targets, where, most)
    return [replace(mistake, text=texts[mistake.where]) for mistake in found]


def mistakes_in_classes(
    targets: Tensor, probabilities: Tensor, classes: Sequence[str], where: Callable[[int], str], most: int = 10
) -> list[Mistake]:
    """List the wrong predictions with the highest probabilities, the highest first.

    Args:
        targets: (N,) the number of the true class.
        probabilities: (N, K).
        classes: K names.
        where: names an example by its index, 0 to N − 1; called for listed examples alone.
        most: the most mistakes to list.
    """
    sure, predicted = probabilities.detach().cpu().max(1)
    true = targets.detach().cpu()
    wrong = (predicted != true).nonzero().flatten()
    worst = wrong[sure[wrong].argsort(descending=True, stable=True)[:most]].tolist()
    return [Mistake(where(i), classes[int(true[i])], classes[int(predicted[i])], float(sure[i])) for i in worst]


def mistakes_in_labels(
    targets: Tensor, probabilities: Tensor, classes: Sequence[str], where: Callable[[int], str], most: int = 10
) -> list[Mistake]:
    """List the wrong labels with the highest probabilities, one an example, the highest first.

    Args:
        targets: (N, L), 1 where the example has the label, else 0.
        probabilities: (N, L).
        classes: L names.
        where: as for classes.
        most: as for classes.
    """
    true = targets.detach().cpu() > 0.5
    predicted = probabilities.detach().cpu()
    sure, label = predicted.where(~true, 1 - predicted).max(1)
    wrong = (sure > 0.5).nonzero().flatten()
    listed = []
    for i in wrong[sure[wrong].argsort(descending=True, stable=True)[:most]].tolist():
        name = classes[int(label[i])]
        right, wrong_label = (name, f"no {name}") if true[i, label[i]] else (f"no {name}", name)
        listed.append(Mistake(where(i), right, wrong_label, float(sure[i])))
    return listed


def mistakes_in_numbers(
    targets: Tensor, predictions: Tensor, where: Callable[[int], str], most: int = 10
) -> list[Mistake]:
    """List the predictions with the largest errors, the largest first.

    Args:
        targets: (N,) in the unit of the data.
        predictions: (N,) in the same.
        where: as for classes.
        most: as for classes.
    """
    true, predicted = targets.detach().cpu().double(), predictions.detach().cpu().double()
    worst = (predicted - true).abs().argsort(descending=True, stable=True)[:most].tolist()
    spread = float(true.std(correction=0))
    return [
        Mistake(where(i), format_near(float(true[i]), spread), format_near(float(predicted[i]), spread), None)
        for i in worst
    ]


def mistakes_table(mistakes: Sequence[Mistake]) -> RenderableType:
    """Make the table of the worst predictions."""
    table = plain_table("true", "predicted")
    sure = any(mistake.probability is not None for mistake in mistakes)
    if sure:
        table.add_column("sure", justify="right")
    table.add_column("where", overflow="fold")
    has_text = any(mistake.text for mistake in mistakes)
    if has_text:
        table.add_column("text", overflow="fold")
    for mistake in mistakes:
        share = [Text(show_share(mistake.probability))] if sure else []
        text = [Text(printable(mistake.text))] if has_text else []
        where = Text(printable(mistake.where))
        table.add_row(show_name(mistake.true), show_name(mistake.predicted), *share, where, *text)
    return titled("Most confidently wrong:" if sure else "Furthest off:", table)

"""Find the predictions that are most wrong: where to look first, in the model or in the data.

>>> confident = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
>>> for mistake in mistakes_in_classes(torch.tensor([1, 0, 1]), confident, ("ham", "spam"), "line {}".format):
...     print(mistake.where, mistake.true, mistake.predicted, round(mistake.probability, 2))
line 0 spam ham 0.9
line 1 ham spam 0.6
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.console import RenderableType
from rich.text import Text
from torch import Tensor

from elman.encoders.targets import Targets
from elman.phrases import printable
from elman.scores.tables import plain_table, show_name, show_share, titled


@dataclass(frozen=True)
class Mistake:
    """Hold one wrong prediction.

    Attributes:
        where: the example, as its reader names it.
        true: what it is; for labels the one that was missed, or `no …` for one that it has not.
        predicted: what was predicted.
        probability: how sure the model was; None for numbers.
    """

    where: str
    true: str
    predicted: str
    probability: float | None

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return asdict(self)


def find_mistakes(
    targets: Targets, outputs: Tensor, encoded: Tensor, where: Callable[[int], str], most: int = 10
) -> list[Mistake]:
    """List what a module gets most wrong, the worst first.

    Args:
        targets: what it may answer.
        outputs: (N, outputs) of the module: logits, or the scaled number.
        encoded: what is right, as `targets.encode` gives it.
        where: names an example by its index, 0 to N − 1; it is called for those listed alone.
        most: list at most so many.
    """
    if targets.kind == "number":
        true, found = (torch.tensor(targets.decode(numbers)) for numbers in (encoded[:, None], outputs))
        return mistakes_in_numbers(true, found, where, most)
    find = mistakes_in_classes if targets.kind == "category" else mistakes_in_labels
    return find(encoded, targets.probabilities(outputs), targets.classes, where, most)


def mistakes_in_classes(
    targets: Tensor, probabilities: Tensor, classes: Sequence[str], where: Callable[[int], str], most: int = 10
) -> list[Mistake]:
    """List the wrong predictions of which the model was most sure, the surest first.

    Args:
        targets: (N,) the number of the true class.
        probabilities: (N, K).
        classes: K names.
        where: names an example by its index, 0 to N − 1; it is called for those listed alone.
        most: list at most so many.
    """
    sure, predicted = probabilities.detach().cpu().max(1)
    true = targets.detach().cpu()
    wrong = (predicted != true).nonzero().flatten()
    worst = wrong[sure[wrong].argsort(descending=True, stable=True)[:most]].tolist()
    return [Mistake(where(i), classes[int(true[i])], classes[int(predicted[i])], float(sure[i])) for i in worst]


def mistakes_in_labels(
    targets: Tensor, probabilities: Tensor, classes: Sequence[str], where: Callable[[int], str], most: int = 10
) -> list[Mistake]:
    """List the wrong labels of which the model was most sure, one an example, the surest first.

    Args:
        targets: (N, L), 1 where the example has the label, else 0.
        probabilities: (N, L).
        classes: L names.
        where: as for classes.
        most: as for classes.
    """
    true = targets.detach().cpu() > 0.5
    found = probabilities.detach().cpu()
    sure, label = found.where(~true, 1 - found).max(1)
    wrong = (sure > 0.5).nonzero().flatten()
    listed = []
    for i in wrong[sure[wrong].argsort(descending=True, stable=True)[:most]].tolist():
        name = classes[int(label[i])]
        has, predicted = (name, f"no {name}") if true[i, label[i]] else (f"no {name}", name)
        listed.append(Mistake(where(i), has, predicted, float(sure[i])))
    return listed


def mistakes_in_numbers(
    targets: Tensor, predictions: Tensor, where: Callable[[int], str], most: int = 10
) -> list[Mistake]:
    """List the predictions that are furthest off, that one first.

    Args:
        targets: (N,) in the unit of the data.
        predictions: (N,) in the same.
        where: as for classes.
        most: as for classes.
    """
    true, found = targets.detach().cpu().double(), predictions.detach().cpu().double()
    worst = (found - true).abs().argsort(descending=True, stable=True)[:most].tolist()
    return [Mistake(where(i), f"{float(true[i]):.4g}", f"{float(found[i]):.4g}", None) for i in worst]


def mistakes_table(mistakes: Sequence[Mistake]) -> RenderableType:
    """Make the table of the worst predictions."""
    table = plain_table("true", "predicted")
    sure = any(mistake.probability is not None for mistake in mistakes)
    if sure:
        table.add_column("sure", justify="right")
    table.add_column("where", overflow="fold")
    for mistake in mistakes:
        share = [Text(show_share(mistake.probability))] if sure else []
        table.add_row(show_name(mistake.true), show_name(mistake.predicted), *share, Text(printable(mistake.where)))
    return titled("Most confidently wrong:" if sure else "Furthest off:", table)

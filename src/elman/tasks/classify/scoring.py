"""Score the outputs of a module, and answer examples with their steps in random order.

>>> targets = Targets.learn("category", ["yes", "no"])
>>> score_outputs(targets, torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0])).said()
'50.0%'
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from elman.encoders.batches import EncodedSet, answer
from elman.encoders.targets import Targets
from elman.scores.classes import Scores, score_classes, score_labels, score_numbers


def score_outputs(
    targets: Targets,
    outputs: Tensor,
    encoded: Tensor,
    weights: Tensor | None = None,
    groups: Sequence[str | None] | None = None,
) -> Scores:
    """Score the outputs of a module.

    Args:
        targets: the possible answers.
        outputs: (N, outputs) of the module: logits, or the scaled number.
        encoded: the true targets, as `targets.encode` gives them.
        weights: (N,) sample weights; None where all are equal.
        groups: the group of each example, such as its speaker; None where there are none.

    Raises:
        DataError: there are no examples.
        ShapeError: the shapes do not fit.
    """
    if targets.kind == "number":
        decoded = [
            torch.tensor(targets.decode(numbers), dtype=torch.float64) for numbers in (encoded[:, None], outputs)
        ]
        return score_numbers(decoded[0], decoded[1], weights, groups)
    score = score_classes if targets.kind == "category" else score_labels
    return score(encoded, targets.probabilities(outputs.double()), targets.classes, weights, groups)


def shuffled_outputs(module: nn.Module, examples: EncodedSet, *, shuffles: int = 3, seed: int = 1) -> Iterator[Tensor]:
    """Yield the outputs of a module for examples whose steps are in random order, several times.

    Args:
        module: takes steps (T, B, ·) and lengths (B,).
        examples: the examples.
        shuffles: how many times; each has random orders of its own.
        seed: of the random orders.
    """
    drawn = torch.Generator().manual_seed(seed)
    for _ in range(shuffles):
        yield answer(module, examples, shuffled_steps=drawn)

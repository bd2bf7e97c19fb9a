"""One of several networks whose mean answers, and how they are kept in one file.

Each has learnt from other examples, so it has a vocabulary and scales of its own.

>>> prefix_of(2)
'members.2.'
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elman.encoders.encoder import Encoder
from elman.encoders.table import TableEncoder
from elman.encoders.targets import Targets
from elman.nn.weights import plain_state
from elman.tasks.classify.baseline.linear import Baseline
from elman.tasks.classify.baseline.storage import write_baseline
from elman.tasks.classify.module import SequenceClassifier

_BASELINE = "baseline."


@dataclass(frozen=True)
class FoldMember:
    """A network with all that turns examples into its inputs, and its outputs into answers.

    Attributes:
        module: the network.
        encoder: turns an example into the steps of a sequence.
        targets: the possible answers, which have the scale of numbers.
        baseline: the non-recurrent baseline whose answers are mixed in; None where the network answers alone.
        covariates: turns what is read beside the sequence into numbers; None where nothing is.
    """

    module: SequenceClassifier
    encoder: Encoder
    targets: Targets
    baseline: Baseline | None = None
    covariates: TableEncoder | None = None

    @property
    def parameters(self) -> int:
        """The number of trained parameters, those of the baseline included."""
        return sum(p.numel() for p in self.module.parameters()) + (self.baseline.parameters if self.baseline else 0)


def average(outputs: Sequence[Tensor]) -> Tensor:
    """Return the mean of outputs; the sum is in their order, so that an answer does not depend on others in a batch."""
    total = outputs[0]
    for one in outputs[1:]:
        total = total + one
    return total / len(outputs)


def prefix_of(number: int) -> str:
    """Return what the names of the weights of a member begin with in a file; those of the first, 0, have nothing."""
    return f"members.{number}." if number else ""


def write_members(others: Sequence[FoldMember]) -> dict[str, Any]:
    """Write members beside the first as plain data."""
    return {
        str(number): {
            "encoder": one.encoder.to_dict(),
            "targets": one.targets.to_dict(),
            **({} if one.covariates is None else {"covariates": one.covariates.to_dict()}),
        }
        for number, one in enumerate(others, 1)
    }


def write_baselines(members: Sequence[FoldMember]) -> dict[str, Any]:
    """Write the baselines that are mixed in as plain data."""
    return {
        str(number): write_baseline(one.baseline)[0] for number, one in enumerate(members) if one.baseline is not None
    }


def write_weights(members: Sequence[FoldMember]) -> dict[str, Tensor]:
    """Return the tensors of all members and of their baselines by their names in a file."""
    found: dict[str, Tensor] = {}
    for number, one in enumerate(members):
        own = plain_state(one.module)
        found |= {f"{prefix_of(number)}{name}": value for name, value in own.items()}
        if one.baseline is not None:
            _, tensors = write_baseline(one.baseline)
            found |= {f"{prefix_of(number)}{_BASELINE}{name}": value for name, value in tensors.items()}
    return found


def split_weights(weights: Mapping[str, Tensor], number: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the weights of a member, and the tensors of its baseline, by their own names."""
    prefix = prefix_of(number)
    own = {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix) and (number or not name.startswith("members."))
    }
    network = {name: value for name, value in own.items() if not name.startswith(_BASELINE)}
    return network, {name.removeprefix(_BASELINE): own[name] for name in own if name not in network}


def to_scale(outputs: Tensor, of: Targets, to: Targets) -> Tensor:
    """Return scaled numbers, or true ones, in the scale of other targets; those of classes as they are."""
    if of.kind != "number" or (of.mean, of.deviation) == (to.mean, to.deviation):
        return outputs
    return ((outputs.double() * of.deviation + of.mean - to.mean) / to.deviation).to(torch.float32)

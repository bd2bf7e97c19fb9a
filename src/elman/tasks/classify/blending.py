"""Mix the answers of a network with those of its non-recurrent baseline, and make the probabilities honest.

The logits of the answer are those of the network times one number, plus those of the baseline times another (a
log-linear pool of two opinions: Genest & Zidek 1986). The first number alone is a temperature, turned over: a network
that has fitted its training examples is surer than it is right, and lower logits mend most of that (Guo et al. 2017,
section 4.2). Both are learnt on held-out answers, by the log loss. Few answers say little of them, so each has a
normal prior: the logarithm of the first around 0, the second around 0. And each must pay for itself: it is left out
unless it lowers the log loss of N answers by more than 1 / N (Akaike 1974). Numbers are mixed in the same way.

What is reported is cross-fitted: what an answer is multiplied with is learnt on other answers, if anything is.

>>> targets = Targets("category", ("no", "yes"))
>>> logits = torch.tensor([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 0.0]] * 25)
>>> found = blend(targets, logits, None, torch.tensor([0, 1, 0, 1] * 25), parts=[0] * 52 + [1] * 48)
>>> round(found.weights.temperature, 1), found.outputs.shape
(7.6, torch.Size([100, 2]))
"""

import dataclasses
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from elman.data.plain import read_plain
from elman.encoders.targets import Targets
from elman.errors import DataError

_PARTS = 5
_ROUNDS, _TOLERANCE = 50, 1e-7
_FARTHEST = 3.0  # logarithm of a temperature: from a twentieth to twenty


@dataclass(frozen=True)
class BlendWeights:
    """What the outputs of a network and of its baseline are multiplied with before they are added.

    Attributes:
        network: a number above 0.
        baseline: 0 where the network answers alone.
    """

    network: float = 1.0
    baseline: float = 0.0

    @property
    def temperature(self) -> float:
        """What the logits of the network are divided by."""
        return 1 / self.network

    def mix(self, network: Tensor, baseline: Tensor | None) -> Tensor:
        """Return the outputs of the answer; element by element, so that they are the same alone and in a batch."""
        scaled = network if self.network == 1 else network * self.network
        return scaled if baseline is None or not self.baseline else scaled + baseline * self.baseline

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            DataError: a number is missing, or outputs cannot be multiplied with it.
        """
        weights = read_plain(cls, data, "blend")
        if not (0 < weights.network < math.inf and abs(weights.baseline) < math.inf):
            raise DataError(f"Outputs cannot be multiplied with {weights.network}. Train the model again.")
        return weights


@dataclass(frozen=True)
class Blended:
    """Held-out answers, mixed.

    Attributes:
        weights: learnt on all of them.
        outputs: (N, outputs), each by the weights that are learnt on the others.
        alone: the same of the network alone, with its temperature.
    """

    weights: BlendWeights
    outputs: Tensor
    alone: Tensor


def blend(
    targets: Targets,
    network: Tensor,
    baseline: Tensor | None,
    encoded: Tensor,
    parts: Sequence[int],
    weights: Tensor | None = None,
) -> Blended:
    """Learn how to mix held-out answers.

    Args:
        targets: the possible answers.
        network: (N, outputs) of the network.
        baseline: (N, outputs) of the baseline; None where the network answers alone.
        encoded: the true targets, as `targets.encode` gives them.
        parts: N numbers; the weights for an answer are learnt on those of other parts.
        weights: (N,) sample weights; None where all are equal.
    """
    both = _Answers(targets, network.double(), None if baseline is None else baseline.double(), encoded, weights)
    if len(set(parts)) < 2:
        return Blended(BlendWeights(), network, network)
    place, alone, plain = torch.tensor(parts), both.without_baseline(), BlendWeights()
    learnt = both.learn()
    outputs = network if learnt == plain else _cross(both, place).float()
    return Blended(learnt, outputs, network if alone.learn() == plain else _cross(alone, place).float())


def draw_parts(count: int, groups: Sequence[str | None] | None, seed: int) -> list[int]:
    """Divide held-out examples at random into five parts, those of a group into one; return the part of each.

    >>> draw_parts(3, ["a", "b", "a"], seed=1)
    [1, 0, 1]
    """
    names = [None] * count if groups is None else groups
    numbers: dict[object, int] = {}
    place = [numbers.setdefault(("", at) if name is None else name, len(numbers)) for at, name in enumerate(names)]
    order = list(range(len(numbers)))
    random.Random(seed).shuffle(order)  # noqa: S311 - the same parts must come back
    return [order[number] % _PARTS for number in place]


@dataclass(frozen=True)
class _Answers:
    """Held-out answers, from which weights are learnt."""

    targets: Targets
    network: Tensor
    baseline: Tensor | None
    encoded: Tensor
    weights: Tensor | None

    def without_baseline(self) -> Self:
        return dataclasses.replace(self, baseline=None)

    def at(self, rows: Tensor) -> Self:
        baseline = None if self.baseline is None else self.baseline[rows]
        weights = None if self.weights is None else self.weights[rows]
        network, encoded = self.network[rows], self.encoded[rows]
        return dataclasses.replace(self, network=network, baseline=baseline, encoded=encoded, weights=weights)

    def learn(self) -> BlendWeights:
        """Return the weights of the lowest loss, without those that do not pay for themselves."""
        best, price = BlendWeights(), 1 / len(self.network)
        lowest = self._loss(best)
        tried = [] if self.targets.kind == "number" else [(1, self.without_baseline())]  # numbers have no temperature
        tried += [] if self.baseline is None else [(2, self)]
        for count, answers in tried:
            weights = answers._fit()
            loss = self._loss(weights) + count * price
            if loss < lowest:
                best, lowest = weights, loss
        return best

    def _loss(self, weights: BlendWeights) -> float:
        return float(self.targets.loss(weights.mix(self.network, self.baseline), self._right(), self.weights))

    def _right(self) -> Tensor:
        return self.encoded.double() if self.targets.kind == "number" else self.encoded

    def _fit(self) -> BlendWeights:
        """Return the weights of the lowest loss, with their priors; of four digits, equal on any number of threads."""
        learnt = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [learnt], max_iter=_ROUNDS, tolerance_change=_TOLERANCE, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            outputs = self.network * learnt[0].exp()
            if self.baseline is not None:
                outputs = outputs + self.baseline * learnt[1]
            loss = self.targets.loss(outputs, self._right(), self.weights) + learnt.square().sum() / (2 * len(outputs))
            loss.backward()
            return loss

        optimizer.step(closure)  # type: ignore[arg-type]
        sharpness, baseline = learnt.detach().tolist()
        network = math.exp(min(max(sharpness, -_FARTHEST), _FARTHEST))
        return BlendWeights(float(f"{network:.4g}"), float(f"{baseline:.4g}"))


def _cross(answers: _Answers, place: Tensor) -> Tensor:
    """Return the outputs of the answers, each by the weights that are learnt on other parts."""
    crossed = answers.network.clone()
    for number in place.unique().tolist():
        apart = place == number
        own = answers.at(apart)
        crossed[apart] = answers.at(~apart).learn().mix(own.network, own.baseline)
    return crossed

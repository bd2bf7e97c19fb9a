"""Score a trained model on answers to examples that it has not learnt from, and judge what they are worth.

Of several folds, each example is answered by the network that has not seen it, and all answers are scored together.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor

from elman.encoders.batches import EncodedSet, answer
from elman.encoders.targets import Targets
from elman.scores.classes import Scores
from elman.scores.verdict import judge, judge_mixture, needs_order
from elman.tasks.classify.baseline.linear import Baseline
from elman.tasks.classify.blending import Blended, BlendWeights, blend, draw_parts
from elman.tasks.classify.member import to_scale
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.reading import Parts
from elman.tasks.classify.scoring import score_outputs, shuffled_outputs
from elman.training.folding import Fit

Compared = tuple[Baseline, Scores]
ClassifierFit = Fit[TrainedClassifier, Parts, Compared]

_TIMED = 64  # examples by which the time of an answer is measured
_BEFORE = ("log_loss", "calibration_error")


@dataclass(frozen=True)
class HeldOut:
    """Examples that are held out, of all folds, one fold behind the other.

    Attributes:
        fits: the model of each fold.
        targets: the possible answers, in the scale of the first.
        encoded: (N,) or (N, L), the true ones.
        weights: (N,) sample weights; None where all are equal.
        groups: the group of each example; None where there are none.
    """

    fits: Sequence[ClassifierFit]
    targets: Targets
    encoded: Tensor
    weights: Tensor | None
    groups: list[str | None] | None

    @classmethod
    def of(cls, fits: Sequence[ClassifierFit]) -> Self:
        """Put the examples of all folds together."""
        sets, targets = [fit.parts.held_out for fit in fits], fits[0].parts.targets
        encoded = torch.cat([to_scale(fit.parts.held_out.targets, fit.parts.targets, targets) for fit in fits])
        weighted = any(one.weights is not None for one in sets)
        weights = torch.cat([torch.ones(len(one)) if one.weights is None else one.weights for one in sets])
        grouped = any(one.groups is not None for one in sets)
        groups = [name for one in sets for name in ([None] * len(one) if one.groups is None else one.groups)]
        return cls(fits, targets, encoded, weights if weighted else None, groups if grouped else None)

    def outputs(self, of: Callable[[ClassifierFit, EncodedSet], Tensor]) -> Tensor:
        """Return the outputs for all examples, each by the model of its fold."""
        return torch.cat([to_scale(of(fit, fit.parts.held_out), fit.parts.targets, self.targets) for fit in self.fits])

    def parts(self, seed: int) -> list[int]:
        """Return the part of each example, for what is learnt on others: its fold, or at random where there is one."""
        if len(self.fits) == 1:
            return draw_parts(len(self.encoded), self.groups, seed)
        return [number for number, fit in enumerate(self.fits) for _ in range(len(fit.parts.held_out))]

    def score(self, outputs: Tensor) -> Scores:
        """Score some outputs."""
        return score_outputs(self.targets, outputs, self.encoded, self.weights, self.groups)


def judge_fits(
    model: TrainedClassifier, fits: Sequence[ClassifierFit], seed: int, alone: bool = False
) -> dict[str, Any]:
    """Decide how a model answers, score it, and compare it with its baseline and with steps in random order.

    Args:
        model: all networks together; how it mixes answers is set.
        fits: one a fold.
        seed: of random orders.
        alone: never mix the answers of the baseline in.
    """
    held_out = HeldOut.of(fits)
    network = held_out.outputs(lambda fit, examples: answer(fit.model.module, examples))
    compared = all(fit.baseline is not None for fit in fits)
    baseline = held_out.outputs(_answer_baseline) if compared else None
    blended = blend(
        held_out.targets,
        network,
        None if alone else baseline,
        held_out.encoded,
        held_out.parts(seed),
        held_out.weights,
    )
    model.blend = blended.weights
    if blended.weights.baseline:
        _add_baselines(model, fits)
    ours = held_out.score(blended.outputs)
    validation = {"measure": ours.measure, "said": ours.said(), **ours.to_dict()}
    if blended.weights != BlendWeights():
        before = held_out.score(network).to_dict()
        validation["uncalibrated"] = {name: before[name] for name in _BEFORE if name in before}
    metrics: dict[str, Any] = {"validation": validation}
    if len(fits) > 1:
        metrics["folds"] = [_describe(fit) for fit in fits]
        model.answering = _time_answers(model, fits[0].parts.held_out)
    return metrics if baseline is None else {**metrics, **_compare(model, held_out, ours, blended, baseline, seed)}


def _add_baselines(model: TrainedClassifier, fits: Sequence[ClassifierFit]) -> None:
    """Put the baseline of each fold beside its network."""
    first, *others = (None if fit.baseline is None else fit.baseline[0] for fit in fits)
    model.baseline = first
    pairs = zip(model.others, others, strict=True)
    model.others = tuple(dataclasses.replace(one, baseline=baseline) for one, baseline in pairs)


def score_fit(fit: ClassifierFit) -> tuple[Scores, Scores | None]:
    """Score one network, and its baseline, on what it has not seen."""
    held_out = HeldOut.of([fit])
    ours = held_out.score(answer(fit.model.module, fit.parts.held_out))
    return ours, None if fit.baseline is None else fit.baseline[1]


def _compare(
    model: TrainedClassifier, held_out: HeldOut, ours: Scores, blended: Blended, answers: Tensor, seed: int
) -> dict[str, Any]:
    other, alone = held_out.score(answers), held_out.score(blended.alone)
    baseline = cast("Compared", held_out.fits[0].baseline)[0]
    shuffled = []
    if any(fit.parts.longest > 1 for fit in held_out.fits):
        orders = [list(shuffled_outputs(fit.model.module, fit.parts.held_out, seed=seed)) for fit in held_out.fits]
        scales = [fit.parts.targets for fit in held_out.fits]
        for one in zip(*orders, strict=True):
            scaled = [to_scale(part, of, held_out.targets) for part, of in zip(one, scales, strict=True)]
            shuffled.append(held_out.score(torch.cat(scaled)))
    facts = {"what": baseline.what, "parameters": baseline.parameters, "finished": baseline.finished}
    verdict = judge(
        alone,
        sum(p.numel() for p in model.module.parameters()),
        shuffled=shuffled,
        other=other,
        what=baseline.what,
        other_parameters=baseline.parameters,
        finished=baseline.finished,
        places=baseline.reads_order,
    )
    mixed = judge_mixture(ours, alone, other) if blended.weights.baseline else ""
    return {
        "network": alone.to_dict(),
        "baseline": {**facts, **other.to_dict()},
        "shuffled": [one.to_dict() for one in shuffled],
        "order_needed": needs_order(alone, shuffled=shuffled, other=other, places=baseline.reads_order),
        "verdict": " ".join(filter(None, [verdict, mixed])),
    }


def _answer_baseline(fit: ClassifierFit, examples: EncodedSet) -> Tensor:
    assert fit.baseline is not None
    return fit.baseline[0].outputs(examples)


def _describe(fit: ClassifierFit) -> dict[str, Any]:
    """Describe the training of one network, and its score."""
    ours, _ = score_fit(fit)
    return {
        "training_examples": len(fit.parts.training),
        "validation_examples": len(fit.parts.held_out),
        "updates": fit.outcome.updates,
        "best_update": fit.outcome.best_update,
        "quality": ours.quality,
    }


def _time_answers(model: TrainedClassifier, examples: EncodedSet) -> tuple[float, float]:
    """Return how many seconds an answer takes by the first network, and by all of them."""
    few = examples.first(_TIMED)
    model.answer(few)  # kernels are compiled, and weights packed
    starts = [time.perf_counter()]
    answer(model.module, few)
    starts.append(time.perf_counter())
    model.answer(few)
    starts.append(time.perf_counter())
    return (starts[1] - starts[0]) / len(few), (starts[2] - starts[1]) / len(few)

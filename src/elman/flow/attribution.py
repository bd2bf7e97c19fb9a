"""Attribute a prediction to the input steps (figure 10).

Integrated gradients (Sundararajan et al. 2017, section 3): the path from a baseline to the input is straight, and

    share_t = ⟨x_t − x⁰_t, ∫₀¹ ∂score/∂x_t (x⁰ + a (x − x⁰)) da⟩,      Σ_t share_t = score(x) − score(x⁰).

The integral is a Gauss-Legendre sum; its difference from the right-hand side is the completeness residual. Also
computed is leave-one-out: the score less the score with one step at its baseline.

>>> attribution = attribute(lambda x: (x[0] * x[1]).sum(-1), torch.tensor([[[2.0]], [[3.0]]]))
>>> attribution.contributions[:, 0].round(6).tolist(), attribution.leave_one_out[:, 0].tolist()
([3.0, 3.0], [6.0, 6.0])
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError
from elman.flow.figures import Array


@dataclass(frozen=True)
class Attribution:
    """Contributions of the input steps to a score.

    Attributes:
        contributions: (T, B), signed, in the unit of the score.
        shares: (T, B), |contribution| as a share of the sum of all steps.
        residual: (B,), |Σ contributions − (score − baseline score)| / |score − baseline score|; without the divisor
            where that is 0.
        leave_one_out: (T, B), score − score with this step at its baseline.
        score: (B,), of the input.
        baseline_score: (B,).
        points: how many points the sum for the integral has.
    """

    contributions: Array
    shares: Array
    residual: Array
    leave_one_out: Array
    score: Array
    baseline_score: Array
    points: int


def attribute(
    score: Callable[[Tensor], Tensor], x: Tensor, baseline: Tensor | None = None, points: int = 64
) -> Attribution:
    """Attribute a score to the steps of an input.

    Args:
        score: takes x (T, B, I) and returns (B,), the prediction of each example to be explained. It may be any
            function that autograd can differentiate; residuals are smallest in float64.
        x: (T, B, I), floating point. For symbols, their embeddings.
        baseline: an input that means "nothing", in the shape of x or of one step; 0 if it is None.
        points: of the integral; each costs a forward and a backward run. Leave-one-out costs T forward runs.

    Raises:
        ShapeError: the score is not one number an example.
    """
    nothing = torch.zeros_like(x) if baseline is None else torch.as_tensor(baseline).to(x).expand_as(x)
    with torch.no_grad():
        scores, baselines = score(x).double(), score(nothing).double()
    if scores.shape != x.shape[1:2]:
        raise ShapeError(
            f"flow: the score has shape {tuple(scores.shape)}.\n  It is one number for each example of x.\n"
            f"  Give shape {tuple(x.shape[1:2])}."
        )
    places, weights = np.polynomial.legendre.leggauss(points)
    total = torch.zeros(x.shape, dtype=torch.float64)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        with torch.enable_grad():
            point = (nothing + place * (x - nothing)).detach().requires_grad_()
            total += weight * torch.autograd.grad(score(point).sum(), point)[0].double()
    contributions = (total * (x - nothing).double()).sum(-1)
    gap, size = contributions.sum(0) - (scores - baselines), (scores - baselines).abs()
    strength = contributions.abs()
    shares = strength / strength.sum(0).clamp(min=torch.finfo(torch.float64).tiny)
    return Attribution(
        contributions.numpy(),
        shares.numpy(),
        (gap.abs() / torch.where(size > 0, size, torch.ones_like(size))).numpy(),
        _leave_one_out(score, x, nothing, scores).numpy(),
        scores.numpy(),
        baselines.numpy(),
        points,
    )


def _leave_one_out(score: Callable[[Tensor], Tensor], x: Tensor, nothing: Tensor, scores: Tensor) -> Tensor:
    differences = []
    with torch.no_grad():
        for t in range(len(x)):
            without = x.clone()
            without[t] = nothing[t]
            differences.append(scores - score(without).double())
    return torch.stack(differences)


def attribute_in_model(
    layer: nn.Module, score: Callable[[], Tensor], baseline: Tensor | None = None, points: int = 64
) -> Attribution:
    """Attribute a model's prediction to the steps that its recurrent layer reads, such as the embeddings of a text.

    Args:
        layer: part of the model; it is called once, with a tensor.
        score: runs the model on its input and returns (B,), see :func:`attribute`.
        baseline: in the shape of the layer's input, time-major, or of one step; 0 if it is None.
        points: of the integral.

    Raises:
        ConfigError: the layer is not called once with a tensor.

    >>> embedding, layer = nn.Embedding(7, 3), nn.GRU(3, 5, batch_first=True)
    >>> symbols = torch.tensor([[1, 4, 2, 6]])
    >>> attribute_in_model(layer, lambda: layer(embedding(symbols))[0][:, -1].sum(-1)).contributions.shape
    (4, 1)
    """
    flip = bool(getattr(layer, "batch_first", False))
    seen: list[Any] = []
    given: list[Tensor] = []

    def swap(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ARG001
        seen.append(args[0] if args else None)
        return (given[-1], *args[1:]) if given else args

    def run(x: Tensor) -> Tensor:
        given.append(x.transpose(0, 1) if flip else x)
        return score()

    hook = layer.register_forward_pre_hook(swap)
    try:
        with torch.no_grad():
            score()
        if len(seen) != 1 or not isinstance(seen[0], Tensor) or seen[0].dim() != 3:
            raise ConfigError(
                f"flow: {type(layer).__name__} was called {len(seen)} times, or not with a batch as a tensor.\n"
                "  Attribution replaces the layer's input.\n  Give a layer that the score calls once, with (T, B, I)."
            )
        x = seen[0].detach()
        return attribute(run, x.transpose(0, 1) if flip else x, baseline, points)
    finally:
        hook.remove()

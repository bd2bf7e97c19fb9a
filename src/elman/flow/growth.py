"""Measure how differences of states grow: singular values of products of Jacobians, and the Lyapunov spectrum.

Figures 5 and 6. A product over many steps soon overflows, so its scale is kept as a logarithm.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.flow.figures import Lyapunov, SingularValues
from elman.flow.places import spread

LAGS = (1, 2, 5, 10, 20, 50, 100)
PRODUCTS = 4
"""How many products are sampled for each lag in one sequence of Jacobians."""


def singular_values(sequences: Sequence[Tensor]) -> SingularValues:
    """Compute the singular values of J_t ⋯ J_{t−lag+1} over growing lags.

    Args:
        sequences: for each example (n, S, S), the Jacobians of successive steps in the order of the layer.
    """
    by_lag: dict[int, list[Tensor]] = {}
    for matrices in sequences:
        for lag, logarithms in _of_products(matrices).items():
            by_lag.setdefault(lag, []).append(logarithms)
    lags = sorted(by_lag)
    joined = [torch.cat(by_lag[lag]) for lag in lags]
    medians = torch.stack([_median(one) for one in joined])
    largest = torch.tensor([float(one.max()) for one in joined], dtype=torch.float64).exp()
    samples = torch.tensor([len(one) for one in joined])
    return SingularValues(torch.tensor(lags).numpy(), medians.numpy(), largest.numpy(), samples.numpy())


def _of_products(matrices: Tensor) -> dict[int, Tensor]:
    """Multiply backwards from some last steps, evenly spaced, and take the singular values at every lag that fits."""
    count = len(matrices)
    longest = max(lag for lag in LAGS if lag <= count)
    ends = longest - 1 + torch.tensor(spread(count - longest + 1, PRODUCTS, math.floor))
    product = matrices[ends]
    scale = product.new_zeros(len(ends))
    logarithms = {}
    for lag in range(1, longest + 1):
        if lag > 1:
            product = product @ matrices[ends - lag + 1]
        size = product.abs().amax((1, 2))
        size = torch.where(size > 0, size, torch.ones_like(size))
        product, scale = product / size[:, None, None], scale + size.log()
        if lag in LAGS:
            logarithms[lag] = torch.linalg.svdvals(product).log() + scale[:, None]
    return logarithms


def _median(values: Tensor) -> Tensor:
    """Take the median of each column; quantile would make NaN between two infinities."""
    ordered = values.sort(0).values
    low, high = ordered[(len(values) - 1) // 2], ordered[len(values) // 2]
    return torch.where(low == high, low, (low + high) / 2)


def lyapunov(sequences: Sequence[Tensor]) -> Lyapunov:
    """Compute the Lyapunov exponents by repeated QR, Q_{t+1} R_{t+1} = J_t Q_t (Benettin et al. 1980).

    Args:
        sequences: for each example (n, S, S), the Jacobians of successive steps in the order of the layer.
    """
    exponents, late, determinants = [], [], []
    for count in {len(matrices) for matrices in sequences}:
        alike = torch.stack([matrices for matrices in sequences if len(matrices) == count])
        rates = _rates(alike)
        exponents.append(rates.mean(1))
        late.append(rates[:, count // 2 :].mean(1).amax(-1))
        determinants.append(torch.linalg.slogdet(alike).logabsdet.mean(1))
    spectrum = torch.cat(exponents).mean(0).sort(descending=True).values
    first = float(spectrum[0])
    return Lyapunov(
        spectrum.numpy(),
        float(torch.cat(late).mean()),
        float(torch.cat(determinants).mean()),
        -1 / first if first < 0 else math.inf,
        sum(len(matrices) for matrices in sequences),
    )


def _rates(matrices: Tensor) -> Tensor:
    """Compute ln |R_ii| of every step: (E, n, S, S) → (E, n, S)."""
    size = matrices.shape[-1]
    q = torch.eye(size, dtype=matrices.dtype)
    rates = []
    for matrix in matrices.unbind(1):
        q, r = torch.linalg.qr(matrix @ q)
        diagonal = r.diagonal(dim1=-2, dim2=-1).abs()
        # A direction that the step maps to 0 leaves rounding errors alone.
        floor = size * torch.finfo(r.dtype).eps * r.abs().amax((-2, -1))[:, None]
        rates.append(torch.where(diagonal > floor, diagonal, diagonal.new_zeros(())).log())
    return torch.stack(rates, 1)

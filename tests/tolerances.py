"""How far two computations of the same quantity may differ: one table, keyed by dtype, and the comparisons that use it.

A distance is that of whole tensors, ‖a − b‖ / ‖b‖: an element that happens to be near zero has no relative accuracy to
defend. Where b is zero the distance is ‖a‖, absolutely. A comparison raises, with the tensor's name, or returns None.

>>> import torch
>>> assert_close("h", torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
Traceback (most recent call last):
...
AssertionError: h: distance 1.86e-01, allowed 2.00e-05 (torch.float32, shape (2,))
"""

import torch
from torch import Tensor

RELATIVE: dict[torch.dtype, float] = {
    # Two orders of summation over at most a few thousand terms differ by a few hundred units of 2.2e-16 after
    # the non-linearities of some ten steps; a wrong term is of order 1e-3 or more.
    torch.float64: 1e-12,
    # 2 ** -23 = 1.2e-7 by the same reasoning. assert_close_to_truth, for the comparison with torch, is stricter.
    torch.float32: 2e-5,
    # Eight bits of mantissa, rounded once a step.
    torch.bfloat16: 3e-2,
    torch.float16: 4e-3,
}


def distance(ours: Tensor, other: Tensor) -> float:
    """Measure ‖ours − other‖ / ‖other‖ in float64, or ‖ours‖ where `other` is zero.

    Infinities and NaNs in either tensor give infinity: nothing here is allowed to produce them.

    >>> distance(torch.tensor([3.0, 0.0]), torch.tensor([4.0, 0.0]))
    0.25
    """
    a, b = ours.detach().double(), other.detach().double()
    if not (a.isfinite().all() and b.isfinite().all()):
        return float("inf")
    if b.numel() == 0:
        return 0.0
    size = float(b.norm())
    return float((a - b).norm()) / size if size else float(a.norm())


def assert_same_form(name: str, ours: Tensor | None, other: Tensor | None) -> None:
    """Require one shape and dtype of two tensors; None, a gradient that does not exist, equals only None."""
    if ours is None or other is None:
        if ours is not other:
            raise AssertionError(f"{name}: {'ours' if ours is None else 'the other'} is None")
        return
    if ours.shape != other.shape or ours.dtype != other.dtype:
        raise AssertionError(f"{name}: {tuple(ours.shape)} {ours.dtype}, expected {tuple(other.shape)} {other.dtype}")


def assert_close(name: str, ours: Tensor | None, other: Tensor | None, *, allowed: float | None = None) -> None:
    """Compare two tensors of one dtype within the table's bound, or within `allowed`."""
    assert_same_form(name, ours, other)
    if ours is None or other is None:
        return
    bound = RELATIVE[other.dtype] if allowed is None else allowed
    measured = distance(ours, other)
    if not measured <= bound:
        raise AssertionError(
            f"{name}: distance {measured:.2e}, allowed {bound:.2e} ({other.dtype}, shape {tuple(other.shape)})"
        )


def assert_close_to_truth(name: str, ours: Tensor | None, torchs: Tensor | None, truth: Tensor | None) -> None:
    """Require a rounding error of at most twice torch's own, plus four units in the last place.

    Both are measured against `truth`, torch's result in float64. The factor leaves room for another order of summation,
    not for a less accurate formula; the four units are for tensors that torch happens to hit exactly.
    """
    assert_same_form(name, ours, torchs)
    if ours is None or torchs is None or truth is None:
        return
    allowed = 2 * distance(torchs, truth) + 4 * torch.finfo(torchs.dtype).eps
    measured = distance(ours, truth)
    if not measured <= allowed:
        raise AssertionError(
            f"{name}: distance {measured:.2e} from the float64 truth, allowed {allowed:.2e} "
            f"({torchs.dtype}, shape {tuple(torchs.shape)})"
        )


def assert_identical(name: str, ours: Tensor, other: Tensor) -> None:
    """Compare two tensors bit for bit: -0.0 differs from 0.0, and a NaN equals itself."""
    assert_same_form(name, ours, other)
    same = _bits(ours).equal(_bits(other))
    if not same:
        raise AssertionError(f"{name}: not the same bits (distance {distance(ours, other):.2e})")


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)

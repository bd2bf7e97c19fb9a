"""Run an operator on arguments that torch has vectorised: once for each member of the batch.

Torch has two ways to vectorise. `torch.vmap` uses a rule of the operator (:func:`vectorised`). The older one, used by
`torch.autograd.grad(…, is_grads_batched=True)` and `torch.autograd.functional.jacobian(…, vectorize=True)`, calls a
derivative with tensors that have a hidden axis (:func:`run_each`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_IS_BATCHED = torch._C._functorch.is_legacy_batchedtensor

Results = tuple[Tensor, list[Tensor], list[Tensor]]


def vectorised(operator: Callable[..., Results]) -> Callable[..., tuple[Any, Any]]:
    """Return the rule by which `torch.vmap` vectorises an operator.

    Args:
        operator: returns a tensor and two lists of tensors.
    """

    def rule(info: Any, dims: Any, *given: Any) -> tuple[Any, Any]:
        results = _stack([operator(*_member(given, dims, i)) for i in range(info.batch_size)])
        return results, (0, *([0] * len(stacked) for stacked in results[1:]))

    return rule


def are_batched(tensors: Sequence[Tensor]) -> bool:
    """Test whether any of the tensors has a hidden axis."""
    return not torch.compiler.is_compiling() and any(map(_IS_BATCHED, tensors))


def run_each(operator: Callable[[Tensor, list[Tensor]], Results], first: Tensor, others: Sequence[Tensor]) -> Results:
    """Run an operator for each member of the hidden axis of its arguments; the results have that axis too."""
    # Only opening one more level gives the level of the innermost vectorisation.
    level = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    bare = [
        torch._remove_batch_dim(t, level, 1, 0) for t in (first, *others)
    ]  # a tensor without the axis gets one of 1
    count = max(map(len, bare))
    bare = [t.expand(count, *t.shape[1:]) for t in bare]
    one, second, third = _stack([operator(a, rest) for a, *rest in zip(*bare, strict=True)])

    def hide(t: Tensor) -> Tensor:
        return torch._add_batch_dim(t, 0, level)

    return hide(one), list(map(hide, second)), list(map(hide, third))


def _stack(runs: Sequence[Results]) -> Results:
    first, *lists = zip(*runs, strict=True)
    second, third = ([torch.stack(of) for of in zip(*each, strict=True)] for each in lists)
    return torch.stack(first), second, third


def _member(value: Any, dim: Any, i: int) -> Any:
    """Select one member of the batch from arguments, which may be nested; `dim` is nested in the same way."""
    if dim is None:
        return value
    if isinstance(value, Tensor):
        return value.select(dim, i)
    return [_member(v, d, i) for v, d in zip(value, dim, strict=True)]

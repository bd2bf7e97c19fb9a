"""Linear and convolutional layers whose answer to one example never depends on the others of its batch.

A product of matrices adds up in an order that depends on how many rows there are, so one example alone, and the same
example in a batch, differ in the last bits. Where nothing is learnt these layers compute every element as one chain of
fused multiply-adds in the order of the inputs, as recurrent layers do: a whole model's answer is bit-identical alone
and in any batch. In training they are torch's own layers, with the same parameters. Where no kernel runs (another
device or dtype, `torch.func`, tracing, autocast) they are torch's own as well.

>>> import torch
>>> layer, x = Linear(300, 7).eval(), torch.randn(50, 300)
>>> torch.equal(layer(x)[:1], layer(x[:1]))
True
"""

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from elman.autodiff.program import Program, derive
from elman.backends import load, requested
from elman.backends.held import pack_once
from elman.backends.memory_check import are_plain_memory
from elman.errors import ConfigError
from elman.expr import cell
from elman.ops import operators, run, under_autocast

_DTYPES = (torch.float32, torch.float64)
_FEW_ROWS = 9  # fewer are multiplied with the weights where they lie; for more it pays to pack the weights
_MOST_PREPARED = 16  # numbers of rows that a layer stays ready for: a beam shrinks through all that it has
_MOST_WINDOWS = 1 << 19  # elements of the windows of a convolution that exist at one time; more leave the caches


@cell
def affine(x, y, *, W, b):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """One row of a linear layer, as a cell that forgets its state."""
    return W @ x + b


@cache
def _program(bias: bool) -> Program:
    return derive(affine, bias)


def runs_in_kernels(tensors: Sequence[Tensor]) -> bool:
    """Tell whether kernels may read some tensors: all float32 or all float64, in plain memory of the CPU."""
    first = tensors[0]
    return (
        operators.are_plain(tensors)  # first, as nothing else may be asked while torch compiles
        and first.dtype in _DTYPES
        and forward_ad._current_level < 0
        and requested("auto") in ("auto", "llvm")
        and not under_autocast(first)
        and are_plain_memory(tensors, first.dtype)
    )


def is_learning(module: nn.Module) -> bool:
    """Tell whether a module is in training and autograd records, so that torch's own operations run."""
    return module.training and torch.is_grad_enabled()


class Prepared:
    """What few rows are multiplied with, ready for the next call: by their number, the kernel's frames."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # frames are shared, and the kernel lets other threads of Python run
        self._key: tuple[Any, ...] = ()
        self._steps: dict[int, Any] = {}

    def multiply(self, rows: Tensor, parameters: list[Tensor]) -> Tensor | None:
        """Return the product of few rows, or None where it is to be computed in another way."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._multiply(rows, parameters)
        finally:
            self._lock.release()

    def _multiply(self, rows: Tensor, parameters: list[Tensor]) -> Tensor | None:
        key = tuple((p.data_ptr(), p.shape, p.dtype, p.is_contiguous()) for p in parameters)
        if key != self._key or (len(rows) not in self._steps and len(self._steps) == _MOST_PREPARED):
            self._key, self._steps = key, {}
        if len(rows) not in self._steps:
            state = rows.new_zeros(1, len(rows), len(parameters[0]))
            program = _program(len(parameters) == 2)
            steps = load("llvm").open_stream(program, [parameters], [state], rows.shape[1])
            self._steps[len(rows)] = steps, state  # the state is written at every call, and must live as long
        steps, _ = self._steps[len(rows)]
        return None if steps is None else steps.step(rows, ())

    def __deepcopy__(self, _: Any) -> "Prepared":
        return Prepared()

    def __reduce__(self) -> Any:
        return Prepared, ()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, prepared: Prepared | None = None) -> Tensor:
    """Return x Wᵀ + b, each row for itself.

    Args:
        x: (…, I).
        weight: (O, I).
        bias: (O,) or None.
        prepared: what is kept from call to call for few rows; None keeps nothing.

    Returns:
        (…, O).
    """
    parameters = [weight] if bias is None else [weight, bias]
    rows = x.reshape(-1, x.shape[-1])
    if not rows.numel() or not runs_in_kernels([rows, *parameters]):
        return F.linear(x, weight, bias)
    if operators.is_followed([rows, *parameters]):
        state = rows.new_zeros(len(rows), len(weight))
        output = run(_program(bias is not None), "auto", rows[None], [state], parameters)[0][0]
    else:
        output = _multiply(rows, parameters, prepared)
    return output.view(*x.shape[:-1], len(weight))


def _multiply(rows: Tensor, parameters: list[Tensor], prepared: Prepared | None) -> Tensor:
    from elman.backends.llvm.run.product import PackedMatrix

    packed = pack_once("matrix", parameters, lambda: PackedMatrix(*parameters))
    if packed is None and prepared is not None and len(rows) < _FEW_ROWS:
        output = prepared.multiply(rows, parameters)
        if output is not None:
            return output
    return (PackedMatrix(*parameters) if packed is None else packed).multiply(rows)


def sum_in_order(x: Tensor, dim: int) -> Tensor:
    """Return the sum along an axis, one element after the other.

    Zeros behind an end, and other examples, change nothing; torch's own sum has an order that depends on the shape.
    """
    return x.cumsum(dim).select(dim, -1) if x.shape[dim] else x.sum(dim)


class Linear(nn.Linear):
    """A :class:`torch.nn.Linear` whose answer to a row does not depend on the other rows, in evaluation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepared = Prepared()

    def forward(self, x: Tensor) -> Tensor:
        """Return x Wᵀ + b, (…, out_features), of x (…, in_features)."""
        if is_learning(self):
            return super().forward(x)
        return linear(x, self.weight, self.bias, self._prepared)


class Conv1d(nn.Conv1d):
    """A :class:`torch.nn.Conv1d` whose answer to an example does not depend on the others, in evaluation.

    Raises:
        ConfigError: there are several groups, or padding that is not a number of zeros.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _check(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, T′) of x (B, in_channels, T)."""
        if is_learning(self) or not runs_in_kernels([x, *self.parameters()]):
            return super().forward(x)
        sizes = (1, *self.kernel_size), (1, *self.dilation), (0, *self.padding), (1, *self.stride)
        return _convolve(x.unsqueeze(2), self.weight.unsqueeze(2), self.bias, *sizes).squeeze(2)


class Conv2d(nn.Conv2d):
    """A :class:`torch.nn.Conv2d` whose answer to an example does not depend on the others, in evaluation.

    Raises:
        ConfigError: there are several groups, or padding that is not a number of zeros.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _check(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, height′, width′) of x (B, in_channels, height, width)."""
        if is_learning(self) or not runs_in_kernels([x, *self.parameters()]):
            return super().forward(x)
        sizes = self.kernel_size, self.dilation, self.padding, self.stride
        return _convolve(x, self.weight, self.bias, *sizes)


def _check(layer: nn.Conv1d | nn.Conv2d) -> None:
    if layer.groups != 1 or isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise ConfigError(
            f"{type(layer).__name__}: groups={layer.groups}, padding={layer.padding!r}, "
            f"padding_mode={layer.padding_mode!r}.\n  It multiplies windows of all channels, with zeros outside.\n"
            "  Take groups=1 and a number as padding, or torch's own layer."
        )


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, *sizes: Any) -> Tensor:
    """Convolve as a product: every window is a row, channels last in it. Some examples go through at a time."""
    (high, wide), dilation, (above, left), stride = sizes
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, left, left, above, above)).contiguous()
    spans = zip(padded.shape[1:3], (high, wide), dilation, stride, strict=True)
    shape = [(n - d * (k - 1) - 1) // s + 1 for n, k, d, s in spans]
    each, line, column, _ = padded.stride()
    steps = (line * stride[0], column * stride[1], line * dilation[0], column * dilation[1])
    kernel = weight.permute(0, 2, 3, 1).flatten(1)
    parts = []
    for part in padded.split(max(1, _MOST_WINDOWS // max(1, kernel.shape[1] * shape[0] * shape[1]))):
        size = (len(part), *shape, high, wide, part.shape[3])
        windows = part.as_strided(size, (each, *steps, 1), part.storage_offset()).reshape(-1, kernel.shape[1])
        parts.append(linear(windows, kernel, bias).view(len(part), *shape, len(kernel)))
    return torch.cat(parts).permute(0, 3, 1, 2)

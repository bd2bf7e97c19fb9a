"""Check every tensor of a run before a kernel is given its address.

A kernel reads bytes as elements of one dtype, on the CPU, at the addresses that the strides give, and knows nothing of
operations that torch delays. A tensor that it would read wrongly is refused here, or copied into plain memory:

>>> import torch
>>> lazy = torch.complex(torch.zeros(2), torch.ones(2)).conj().imag
>>> lazy.is_neg(), as_memory("x", lazy, lazy).is_neg()
(True, False)
"""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs, carried_in
from elman.errors import TensorError

PLAIN = frozenset({Tensor, nn.Parameter})
_WRAPPED = torch._C._functorch.is_functorch_wrapped_tensor


def check_inputs(program: Program, inputs: Inputs, carried: torch.dtype | None = None) -> Inputs:
    """Check the tensors of a run.

    Args:
        program: the program to run; it names the tensors in messages.
        inputs: all must be on the device of x.
        carried: the dtype that all but x must have; that of :func:`~elman.backends.inputs.carried_in` if it is None.

    Returns:
        The same, with delayed operations carried out.

    Raises:
        TensorError: a tensor has another dtype, device or layout, or no memory.
    """
    x, states, parameters, sides, lengths = inputs.x, inputs.states, inputs.parameters, inputs.sides, inputs.lengths
    if lengths is not None and not are_plain_memory((lengths,), torch.int64):
        lengths = as_memory(f"{program.cell.name}: lengths", lengths, x, torch.int64)
        inputs = dataclasses.replace(inputs, lengths=lengths)
    carried = carried or carried_in(x.dtype)
    if are_plain_memory((*states, *parameters, *sides), carried) and are_plain_memory((x,), x.dtype):
        return inputs
    of = program.cell.name
    x = as_memory(f"{of}: x", x, x)
    pairs = zip(program.states, states, strict=True)
    states = [as_memory(f"{of}: state {name}", t, x, carried) for name, t in pairs]
    pairs = zip(program.sides, sides, strict=True)
    sides = [as_memory(f"{of}: side input {name}", t, x, carried) for name, t in pairs]
    parameters = check_parameters(program, parameters, x, carried)
    return dataclasses.replace(inputs, x=x, states=states, parameters=parameters, sides=sides)


def check_parameters(
    program: Program, parameters: Sequence[Tensor], x: Tensor, dtype: torch.dtype | None = None
) -> list[Tensor]:
    """Check the parameters of a run; as :func:`check_inputs`."""
    pairs = zip(program.parameters, parameters, strict=True)
    return [as_memory(f"{program.cell.name}: parameter {p.name}", t, x, dtype) for p, t in pairs]


def check_others(
    program: Program, tensors: Sequence[Tensor], x: Tensor, dtype: torch.dtype | None = None
) -> Sequence[Tensor]:
    """Check the other tensors that a mirror reads: saved values and adjoints; as :func:`check_inputs`."""
    if are_plain_memory(tensors, dtype or x.dtype):
        return tensors
    return [as_memory(f"{program.cell.name}: a tensor of the backward pass", t, x, dtype) for t in tensors]


def are_plain_memory(tensors: Sequence[Tensor], dtype: torch.dtype) -> bool:
    """Test whether all tensors have this dtype and whether their values are stored, whole, in memory of the CPU."""
    item = dtype.itemsize
    try:
        for t in tensors:
            if (
                type(t) not in PLAIN
                or t.dtype is not dtype
                or not t.is_cpu
                or t.layout is not torch.strided
                or t.is_neg()
            ):
                return False
            # The end of a contiguous tensor is known without its strides, which are the slowest to read.
            end = t.storage_offset() + t.numel() if t.is_contiguous() else _end(t)
            storage = t.untyped_storage()
            if storage.nbytes() < end * item or not storage.data_ptr():
                return False
    except RuntimeError:  # a zero tensor, or one that torch.func wraps, has no storage
        return False
    return True


def _end(t: Tensor) -> int:
    """Count the elements of a storage up to the last one that a tensor reads."""
    if t.numel() == 0:
        return 0
    return int(t.storage_offset()) + 1 + sum((n - 1) * stride for n, stride in zip(t.shape, t.stride(), strict=True))


def as_memory(name: str, t: Tensor, x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return a tensor with the same values in plain memory, or refuse it.

    Args:
        name: name of the tensor, for messages.
        t: any tensor.
        x: has the required device, and the required dtype unless one is given.
        dtype: the required dtype.

    Raises:
        TensorError: it has another dtype, device or layout, or no memory.
    """
    if t.dtype != (dtype or x.dtype) or t.device != x.device:
        raise TensorError(
            f"{name} has dtype {t.dtype} on {t.device}, and must have {dtype or x.dtype} on {x.device}.\n"
            "  Only autocast mixes float32, bfloat16 and float16.\n"
            "  Convert the layer with layer.to(x), or the tensor with to(…)."
        )
    if t.layout is not torch.strided:
        raise TensorError(
            f"{name} has the layout {t.layout}.\n  A layer reads dense tensors.\n  Convert it with to_dense()."
        )
    if type(t).__torch_dispatch__ is not Tensor.__torch_dispatch__:
        raise TensorError(
            f"{name} is a {type(t).__name__}, which intercepts operations.\n  A layer reads memory.\n"
            "  Give a plain tensor with its values."
        )
    if _WRAPPED(t):  # torch.func transforms the reference, which takes no addresses
        return t
    if t._is_zerotensor():
        return torch.zeros(t.shape, dtype=t.dtype, device=t.device)
    if t.is_neg():
        t = t.resolve_neg()
    t = t.as_subclass(Tensor) if type(t) not in PLAIN else t
    if t.device.type == "cpu" and t.untyped_storage().nbytes() < _end(t) * t.dtype.itemsize:
        raise TensorError(
            f"{name} has shape {tuple(t.shape)} and {t.untyped_storage().nbytes()} bytes of memory.\n"
            "  Its memory was freed or resized.\n  Load the parameters, or give a tensor that has its elements."
        )
    return t

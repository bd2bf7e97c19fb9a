"""Use tensors of odd kinds as every argument of a layer and of a stream: the results equal torch, or they are refused.

A *kind* makes of a tensor one that means the same but is another object (other strides, a lazy sign, a subclass), or
one that no kernel can read (another dtype, device or layout, memory that is gone).

    python odd_tensors.py SEED COUNT

runs COUNT cases drawn with SEED. Before each it prints what the case is, so that a signal that ends the process has a
name; a case that is neither equal nor refused ends it with 1.
"""

import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.masked import masked_tensor

import elman

sys.path.append(str(Path(__file__).parents[1]))
from tolerances import assert_close

T, B, I, H = 5, 3, 7, 11


class Plain(Tensor):
    """A subclass that changes nothing."""


class Wrapper(Tensor):
    """A subclass without memory of its own, that passes operations on to the tensor that it wraps."""

    @staticmethod
    def __new__(cls, inner):
        return Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        def bare(value):
            return value.inner if isinstance(value, Wrapper) else value

        return function(*torch.utils._pytree.tree_map(bare, args), **(kwargs or {}))


def negated(t: Tensor) -> Tensor:
    """Return a view whose sign torch changes only when it is read."""
    return torch.complex(torch.zeros_like(t), -t).conj().imag


def freed(t: Tensor) -> Tensor:
    """Return a tensor whose memory was freed."""
    t = t.clone()
    t.untyped_storage().resize_(0)
    return t


def cut(t: Tensor) -> Tensor:
    """Return a tensor whose memory is too small."""
    t = t.clone()
    t.untyped_storage().resize_(max(0, t.untyped_storage().nbytes() // 2))
    return t


def strided(t: Tensor) -> Tensor:
    """Return every second element of a larger tensor along each axis."""
    large = t.new_full([2 * n + 1 for n in t.shape], 7.0)
    view = large[tuple(slice(1, None, 2) for _ in t.shape)]
    return view.copy_(t)


def moved(t: Tensor) -> Tensor:
    """Return a tensor whose axes are stored in reverse order."""
    return t.permute(*reversed(range(t.dim()))).contiguous().permute(*reversed(range(t.dim())))


def unaligned(t: Tensor) -> Tensor:
    """Return a tensor whose address is not a multiple of the size of an element."""
    raw = torch.empty(t.numel() * t.element_size() + 1, dtype=torch.uint8)
    return torch.frombuffer(raw.numpy(), dtype=t.dtype, count=t.numel(), offset=1).view(t.shape).copy_(t)


def inference(t: Tensor) -> Tensor:
    """Return a tensor that was made in inference mode."""
    with torch.inference_mode():
        return t.clone()


def inside_out(t: Tensor) -> Tensor:
    """Return a view of a tensor that requires a gradient."""
    return torch.stack([t, t]).requires_grad_()[1]


# Kinds with the same values as the tensor from which they are made.
SAME: dict[str, Callable[[Tensor], Any]] = {
    "as it is": lambda t: t,
    "strided": strided,
    "moved": moved,
    "unaligned": unaligned,
    "negated": negated,
    "negated where it lies": lambda t: torch._neg_view(-t),
    "negated and strided": lambda t: torch.complex(torch.zeros_like(t), -t).conj()[..., ::1].imag,
    "subclass": lambda t: t.as_subclass(Plain),
    "parameter": lambda t: nn.Parameter(t.clone()),
    "inside out": inside_out,
}

# Kinds that a layer in float32 cannot read.
OTHER: dict[str, Callable[[Tensor], Any]] = {
    "float64": lambda t: t.double(),
    "bfloat16": lambda t: t.bfloat16(),
    "float16": lambda t: t.half(),
    "int64": lambda t: (10 * t).long(),
    "int32 of the same bytes": lambda t: t.contiguous().view(torch.int32),
    "bool": lambda t: t > 0,
    "complex": lambda t: t.to(torch.complex64),
    "float8": lambda t: t.to(torch.float8_e4m3fn),
    "meta": lambda t: t.to("meta"),
    "sparse": lambda t: t.to_sparse(),
    "compressed": lambda t: t.reshape(len(t), -1).to_sparse_csr(),
    "mkldnn": lambda t: t.to_mkldnn(),
    "nested": lambda t: torch.nested.nested_tensor(list(t)),
    "masked": lambda t: masked_tensor(t, torch.ones_like(t, dtype=torch.bool)),
    "freed": freed,
    "cut": cut,
    "zero tensor": lambda t: torch._efficientzerotensor(t.shape, dtype=t.dtype),
    "wrapper": Wrapper,
    "without elements": lambda t: t.narrow(0, 0, 0),
    "one axis more": lambda t: t.unsqueeze(0),
    "list": lambda t: t.tolist(),
    "array": lambda t: t.numpy(),
    "None": lambda t: None,
}

# The values of those that may be read in some arguments; autograd converts the dtype of a gradient.
MEANING: dict[str, Callable[[Tensor], Any]] = {
    "zero tensor": torch.zeros_like,
    "wrapper": lambda t: t,
    "one axis more": lambda t: t,
    "list": lambda t: t,
    "array": lambda t: t,
    "None": lambda t: None,
    **{
        name: lambda t, name=name: OTHER[name](t).float()
        for name in ("float64", "bfloat16", "float16", "int64", "bool")
    },
    "int32 of the same bytes": lambda t: t.contiguous().view(torch.int32).float(),
    "float8": lambda t: t.to(torch.float8_e4m3fn).float(),
}

PLACES = ("x", "state", "upstream", "parameter", "step", "stream state", "stream parameter", "parameter amid a stream")
LAYERS = ("RNN", "GRU", "LSTM", "Recurrent")


def make(which: str, directions: int) -> tuple[nn.Module, nn.Module]:
    """Make a layer, and its oracle: torch's layer or, for a cell that torch lacks, one on the reference."""
    if which == "Recurrent":
        options: dict[str, Any] = {"bidirectional": directions == 2}
        pair = [elman.nn.Recurrent(elman.cells.mgu, I, H, backend=b, **options) for b in ("auto", "reference")]
    else:
        pair = [getattr(library, which)(I, H, bidirectional=directions == 2) for library in (elman.nn, nn)]
    pair[1].load_state_dict(pair[0].state_dict())
    return pair[0], pair[1]


def put(layer: nn.Module, name: str, value: Any) -> None:
    """Replace a parameter."""
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
        value = nn.Parameter(value.detach(), requires_grad=value.is_floating_point())
    setattr(layer, name, value)


def run(layer: nn.Module, place: str, kind: Callable[[Tensor], Any], seed: int, directions: int) -> list[Tensor]:
    """Run a layer forward and back, or as a stream, with one tensor of a kind."""
    torch.manual_seed(seed)
    name = random.Random(seed).choice([name for name, _ in layer.named_parameters() if not name.endswith("_reverse")])
    x, upstream = torch.randn(T, B, I), torch.randn(T, B, H * directions)
    states = [torch.randn(directions, B, H) for _ in range(2 if getattr(layer, "mode", "") == "LSTM" else 1)]
    x = kind(x) if place == "x" else x
    states[-1] = kind(states[-1]) if place == "state" else states[-1]
    if place == "parameter":
        put(layer, name, kind(getattr(layer, name).detach()))
    output, final = layer(x, states[0] if len(states) == 1 else tuple(states))
    parts = [output, *(final if isinstance(final, tuple) else (final,))]
    followed = [p for p in layer.parameters() if p.requires_grad]
    if place == "upstream":
        upstream = kind(upstream)
    return [*parts, *torch.autograd.grad(output, followed, upstream)]


def stream(layer: nn.Module, place: str, kind: Callable[[Tensor], Any], seed: int, which: str) -> list[Tensor]:
    """Run a layer step by step, or for torch whole, with one tensor of a kind."""
    torch.manual_seed(seed)
    name = random.Random(seed).choice([name for name, _ in layer.named_parameters()])
    x, states = torch.randn(T, B, I), [torch.randn(1, B, H) for _ in range(2 if which == "LSTM" else 1)]
    changed = kind(x[2]) if place == "step" else x[2]
    states[-1] = kind(states[-1]) if place == "stream state" else states[-1]
    held = states[0] if len(states) == 1 else tuple(states)
    outputs = []
    if place == "stream parameter":
        put(layer, name, kind(getattr(layer, name).detach()))
    reader = layer.stream(B) if hasattr(layer, "stream") else None
    if reader is not None:
        reader.state = held
    for t in range(T):
        if t == 3 and place == "parameter amid a stream":
            put(layer, name, kind(getattr(layer, name).detach()))
        step = changed if t == 2 else x[t]
        if reader is not None:
            outputs.append(reader.step(step))
        else:
            output, held = layer(step.unsqueeze(0), held)
            outputs.append(output[0].detach())
    return outputs


def check(seed: int) -> None:
    """Draw a case, and run it."""
    drawn = random.Random(seed)
    which, place = drawn.choice(LAYERS), drawn.choice(PLACES)
    name = drawn.choice([*SAME, *OTHER])
    directions = drawn.choice((1, 2))
    print(f"case {seed}: {name} as {place} of {which}, {directions} directions", flush=True)
    ours, right = make(which, directions if place in PLACES[:4] else 1)
    kind = SAME.get(name) or OTHER[name]

    def go(layer: nn.Module, kind: Callable[[Tensor], Any]) -> list[Tensor]:
        if place in PLACES[:4]:
            return run(layer, place, kind, seed, directions)
        return stream(layer, place, kind, seed, which)

    try:
        found = go(ours, kind)
    except Exception as error:
        if name in SAME:
            raise
        print(f"  refused: {type(error).__name__}", flush=True)
        return
    if name in OTHER and name not in MEANING:
        raise AssertionError(f"{name} was read: {found[0].dtype}")
    expected = go(right, (lambda t: t) if name in SAME else MEANING[name])
    for a, b in zip(found, expected, strict=True):
        assert_close(f"{name} as {place}", a.detach().as_subclass(Tensor), b.detach(), allowed=1e-4)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    first, count = map(int, sys.argv[1:])
    for number in range(first, first + count):
        check(number)

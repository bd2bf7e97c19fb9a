"""Run a layer on two backends and compare all that comes out: what the tests of the compiled backend share."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

import elman
from elman.expr import Cell
from elman.nn import Recurrent
from open_sizes import sizes_of
from tolerances import assert_close, assert_close_to_truth


def build(chosen: Cell, entry: int, hidden: int, *args: int, dtype: torch.dtype, **options: object) -> Recurrent:
    """Build a layer with parameters so large that nothing is near a fixed point.

    Sizes that the cell leaves open are those of `open_sizes`, or 2; where the cell ties I to H, `entry` is passed over.
    """
    sizes = sizes_of(chosen.name) or dict.fromkeys(chosen.open_sizes, 2)
    entry = hidden if chosen.ties else entry
    layer = Recurrent(chosen, entry, hidden, *args, sizes=sizes, dtype=dtype, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=1.2 / max(9, parameter.shape[-1]) ** 0.5)
    return layer


@dataclass(frozen=True)
class Given:
    """The inputs of a layer.

    Attributes:
        x: in the layer's form.
        states: the initial ones; none for zeros.
        lengths: of the examples.
        sides: by name.
        seed: of what is random in training, and of the upstream gradients.
    """

    x: Tensor
    states: Sequence[Tensor] = ()
    lengths: Sequence[int] | None = None
    sides: Mapping[str, Tensor] = field(default_factory=dict)
    seed: int = 7

    def to(self, dtype: torch.dtype) -> "Given":
        """Convert every tensor."""
        sides = {name: side.to(dtype) for name, side in self.sides.items()}
        return Given(self.x.to(dtype), [s.to(dtype) for s in self.states], self.lengths, sides, self.seed)


def draw(layer: Recurrent, steps: int, batch: int, lengths: Sequence[int] | None = None) -> Given:
    """Draw random input, initial states and side inputs for a layer."""
    dtype = next(layer.parameters()).dtype
    form = (batch, steps) if layer.batch_first else (steps, batch)
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    states = [torch.randn(rows, batch, n, dtype=dtype) for n in layer.state_sizes]
    sides = {name: 0.1 + torch.rand(form, dtype=dtype) for name in layer.cell.sides}
    return Given(torch.randn(*form, layer.input_size, dtype=dtype), states, lengths, sides)


def only(given: Given, examples: Sequence[int]) -> Given:
    """Take some examples of a time-major batch."""
    sides = {name: side[:, examples] for name, side in given.sides.items()}
    lengths = None if given.lengths is None else [given.lengths[b] for b in examples]
    return Given(given.x[:, examples], [s[:, examples] for s in given.states], lengths, sides, given.seed)


def forward(layer: Recurrent, given: Given, x: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
    """Return the output and the final states."""
    initial = None if not states else states[0] if len(states) == 1 else tuple(states)
    output, final = layer(x, initial, given.lengths, **given.sides)
    return [output, *([final] if isinstance(final, Tensor) else final)]


def evaluate(layer: Recurrent, given: Given, backend: str = "llvm") -> dict[str, Tensor]:
    """Return the output and the final states by name; no gradient is recorded."""
    torch.manual_seed(given.seed)
    with elman.backend(backend), torch.no_grad():
        values = forward(layer, given, given.x, given.states)
    return dict(zip(["output", *(f"final {s}" for s in layer.cell.states)], values, strict=True))


def step_through(layer: Recurrent, given: Given, **how: Any) -> dict[str, Tensor]:
    """Return what `evaluate` returns, computed step by step by a stream with these options."""
    stream = layer.stream(given.x.shape[1], **how)
    stream.state = given.states[0] if len(given.states) == 1 else tuple(given.states)
    outputs = [stream.step(x, **{n: s[t] for n, s in given.sides.items()}) for t, x in enumerate(given.x)]
    final = [stream.state] if len(given.states) == 1 else stream.state
    return dict(
        zip(["output", *(f"final {s}" for s in layer.cell.states)], [torch.stack(outputs), *final], strict=True)
    )


def compute(layer: Recurrent, given: Given, backend: str = "llvm", *, input_gradient: bool = True) -> dict[str, Tensor]:
    """Return the output, the final states and every gradient by name, for random upstream gradients of all of them."""
    torch.manual_seed(given.seed)
    x = given.x.detach().requires_grad_(input_gradient)
    states = [s.detach().requires_grad_() for s in given.states]
    parameters = dict(layer.named_parameters())
    wrt = {"x": x} if input_gradient else {}
    wrt |= dict(zip(layer.cell.states, states, strict=False)) | parameters
    with elman.backend(backend):
        values = forward(layer, given, x, states)
        source = torch.Generator().manual_seed(given.seed)
        upstream = [torch.randn(v.shape, dtype=torch.float64, generator=source).to(v.dtype) for v in values]
        gradients = torch.autograd.grad(values, list(wrt.values()), upstream)
    names = ["output", *(f"final {s}" for s in layer.cell.states), *(f"gradient of {name}" for name in wrt)]
    return dict(zip(names, [*(v.detach() for v in values), *gradients], strict=True))


def assert_equals_reference(layer: Recurrent, given: Given, *, input_gradient: bool = True) -> None:
    """Compare the compiled backend with the reference: directly in float64, else by their errors against float64."""
    ours = compute(layer, given, input_gradient=input_gradient)
    expected = compute(layer, given, "reference", input_gradient=input_gradient)
    if given.x.dtype == torch.float64:
        for name, value in expected.items():
            assert_close(f"{layer.cell.name}: {name}", ours[name], value)
        return
    truth = compute(copy.deepcopy(layer).double(), given.to(torch.float64), "reference", input_gradient=input_gradient)
    for name, value in expected.items():
        assert_close_to_truth(f"{layer.cell.name}: {name}", ours[name], value, truth[name])

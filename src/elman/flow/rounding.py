"""Measure how far products in bfloat16 change the gradient of a layer's weights.

>>> import elman
>>> layer = elman.nn.GRU(3, 5)
>>> 0 < rounding_change(layer, torch.randn(7, 2, 3)) < 0.05
True
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from elman.flow.network import LayerBatch, Network, Sequences, States, read_batch, read_layer
from elman.flow.places import spread
from elman.nn.sequences import Batch
from elman.nn.stack import Direction, run_stack


@torch.inference_mode(mode=False)
def rounding_change(
    layer: nn.Module,
    x: Sequences,
    grad_output: Sequences | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    initial_state: States | None = None,
    *,
    grad_final: States | None = None,
    sides: Mapping[str, Tensor] | None = None,
    examples: int = 4,
) -> float:
    """Compute ‖g' − g‖ / ‖g‖: g the gradient of all weights in float32, g' that under autocast to bfloat16.

    The layer is in evaluation mode. All arguments are as for :func:`elman.flow.glance`.

    Returns:
        The change; 0 where g is 0.

    Raises:
        ConfigError: the layer cannot be examined.
        ShapeError: something does not fit.
    """
    network = read_layer(layer)
    whole = read_batch(network, x, grad_output, lengths, initial_state, sides or {}, grad_final)
    batch = whole.take(spread(whole.x.shape[1], examples))
    exact, rounded = (_gradient(network, batch, enabled) for enabled in (False, True))
    size = float(exact.norm())
    return float((rounded - exact).norm()) / size if size else 0.0


def _gradient(network: Network, batch: LayerBatch, rounds: bool) -> Tensor:
    """Return the gradient of all parameters as one vector, in float64."""
    layers = [
        [Direction(one.program, [p.float().requires_grad_() for p in one.parameters]) for one in row]
        for row in network.layers
    ]
    given = Batch(batch.x.float(), batch.lengths, sides=[side.float() for side in batch.sides])
    states = [state.float() for state in batch.states]
    with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16, enabled=rounds):
        output, final = run_stack(layers, given, states, 0.0, False, "auto")
    upstream = [d.to(v.dtype) for d, v in zip((batch.d_output, *batch.d_final), (output, *final), strict=True)]
    parameters = [p for row in layers for one in row for p in one.parameters]
    gradients = torch.autograd.grad((output, *final), parameters, upstream, allow_unused=True)
    return torch.cat([torch.zeros(1), *[g.flatten() for g in gradients if g is not None]]).double()

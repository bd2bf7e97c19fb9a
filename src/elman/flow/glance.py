"""Glance at a layer while it is trained: how strong the gradient is at every step, which step supplied most, and gates.

This is the part of :func:`elman.flow.examine` that costs little: one run forward and one back, on a few examples, with
no map and no Jacobian.

>>> import elman
>>> seen = glance(elman.nn.GRU(3, 5), torch.ones(7, 2, 3))
>>> seen["l0"].gradient_norms.median.shape, round(float(seen["l0"].shares.sum()), 6)
((7,), 1.0)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from elman.flow import lags
from elman.flow.adjoints import arrivals, tangents, weight_gradients
from elman.flow.figures import Array, Gates, GradientNorms
from elman.flow.gates import look_at_gates
from elman.flow.network import Sequences, States, read_batch, read_layer
from elman.flow.places import spread
from elman.flow.trajectory import run_network


@dataclass(frozen=True)
class Glance:
    """Hold what is seen of a layer in one direction at a glance.

    Attributes:
        gradient_norms: figure 1, g_k = ‖dL/dh_k‖₂.
        gates: figure 8.
        shares: (T,), what the state of each step supplied to g = dL/dW of all parameters of this layer and direction:
            ⟨δ_k ∂⁺s_k/∂W, g⟩ / ‖g‖²; they sum to 1, or are all 0 where g is.
        norm: ‖g‖.
    """

    gradient_norms: GradientNorms
    gates: Gates
    shares: Array
    norm: float

    @property
    def step(self) -> int:
        """Name the time step whose state supplied most."""
        return int(self.shares.argmax())


@torch.inference_mode(mode=False)
def glance(
    layer: nn.Module,
    x: Sequences,
    grad_output: Sequences | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    initial_state: States | None = None,
    *,
    grad_final: States | None = None,
    sides: Mapping[str, Tensor] | None = None,
    examples: int = 4,
) -> dict[str, Glance]:
    """Glance at a layer on a batch. Everything is computed in float64, as the layer is in evaluation.

    Args:
        layer: as :func:`elman.flow.examine` takes it, and so all that follows.
        x: the input.
        grad_output: dL/d output.
        lengths: real time steps of each example.
        initial_state: as the layer takes it.
        grad_final: dL/d final state.
        sides: the cell's side inputs by name.
        examples: how many are looked at, evenly spaced over the batch.

    Returns:
        By the ending of the parameters' names, `l0`, `l0_reverse`, …

    Raises:
        ConfigError: the layer is none that can be examined.
        ShapeError: something does not fit.
    """
    network = read_layer(layer)
    whole = read_batch(network, x, grad_output, lengths, initial_state, sides or {}, grad_final)
    batch = whole.take(spread(whole.x.shape[1], examples))
    tracks = run_network(network, batch)
    arriving = arrivals(tracks, network.endings, batch)
    (totals,) = lags.carry_totals(tracks, network.endings, arriving, torch.ones(1, len(batch.x), dtype=torch.float64))
    seen = {}
    for ending, track in zip(network.endings, (t for row in tracks for t in row), strict=True):
        total = totals[ending]
        gradients = weight_gradients(track, total.deltas)
        squared = sum(float(g.square().sum()) for g in gradients)
        supplied = sum((total.deltas * v).sum((1, 2)) for v in tangents(track, gradients))
        assert isinstance(supplied, Tensor)
        shares = supplied / squared if squared else torch.zeros_like(supplied)
        seen[ending] = Glance(lags.gradient_norms(track, total), look_at_gates(track), shares.numpy(), squared**0.5)
    return seen

"""Measure a layer during its training, at low cost: the gradient at every step, each step's share of it, and the gates.

This is the cheap part of :func:`elman.flow.examine`: one forward and one backward run on a few examples, without the
map and the Jacobians.

>>> import elman
>>> glances = glance(elman.nn.GRU(3, 5), torch.ones(7, 2, 3))
>>> glances["l0"].gradient_norms.median.shape, round(float(glances["l0"].shares.sum()), 6)
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
    """Cheap figures of one layer in one direction.

    Attributes:
        gradient_norms: figure 1, g_k = ‖dL/dh_k‖₂.
        gates: figure 8.
        shares: (T,), contribution of each step's state to g = dL/dW of all parameters of this layer and direction:
            ⟨δ_k ∂⁺s_k/∂W, g⟩ / ‖g‖²; they sum to 1, or are all 0 where g is 0.
        norm: ‖g‖.
    """

    gradient_norms: GradientNorms
    gates: Gates
    shares: Array
    norm: float

    @property
    def step(self) -> int:
        """Return the time step whose state contributed most."""
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
    """Compute cheap figures of a layer on a batch, in float64, with the layer in evaluation mode.

    Args:
        layer: all arguments are as for :func:`elman.flow.examine`.
        x: the input.
        grad_output: dL/d output.
        lengths: real time steps of each example.
        initial_state: as the layer takes it.
        grad_final: dL/d final state.
        sides: the cell's side inputs by name.
        examples: how many are used, evenly spaced over the batch.

    Returns:
        A glance for each ending of the parameters' names, `l0`, `l0_reverse`, …

    Raises:
        ConfigError: the layer cannot be examined.
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

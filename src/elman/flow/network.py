"""Bring a layer and a batch of any accepted form into one form: float64, time-major, parameters by name.

Of a torch.nn layer the weights are loaded into the drop-in of the same name, unchanged.

>>> import torch
>>> network = read_layer(torch.nn.GRU(3, 5, bidirectional=True))
>>> network.endings, network.names["l0_reverse"][0]
(('l0', 'l0_reverse'), 'weight_ih_l0_reverse')
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman.backends.inputs import step_mask
from elman.errors import ConfigError, ShapeError
from elman.expr import Cell
from elman.nn.recurrent import Recurrent
from elman.nn.sequences import check_lengths, check_sides
from elman.nn.stack import Direction, parameter_names
from elman.nn.states import listed
from elman.nn.torch_layers import GRU, LSTM, RNN, TorchLayer
from elman.nn.weights import computed_weights

Sequences = Tensor | PackedSequence
States = Tensor | Sequence[Tensor]


@dataclass(frozen=True)
class Network:
    """Equations and weights of a recurrent layer.

    Attributes:
        cell: its equations.
        layers: from the input upwards, each with its directions; parameters in float64.
        names: of those parameters in the layer, by the ending of their direction.
        state_sizes: length of each state.
        batch_first: whether its input is (B, T, I).
    """

    cell: Cell
    layers: list[list[Direction]]
    names: dict[str, list[str]]
    state_sizes: tuple[int, ...]
    batch_first: bool

    @property
    def endings(self) -> tuple[str, ...]:
        """List the directions of all layers, ``l0``, ``l0_reverse``, …, in the order of their states."""
        return tuple(self.names)


@dataclass(frozen=True)
class LayerBatch:
    """One batch for a layer, in float64.

    Attributes:
        x: (T, B, I), 0 past an example's end.
        lengths: (B,).
        states: initial states, each (L·D, B, its size).
        sides: each (T, B, 1), or (T, B, 2) with a number for each direction.
        d_output: dL/d output, (T, B, D · size of the first state), 0 past an example's end.
        d_final: dL/d final state, each (L·D, B, its size).
    """

    x: Tensor
    lengths: Tensor
    states: list[Tensor]
    sides: list[Tensor]
    d_output: Tensor
    d_final: list[Tensor]

    def take(self, places: Sequence[int]) -> "LayerBatch":
        """Select some of the examples."""
        p = torch.as_tensor(places)
        states, sides, d_final = ([t[:, p] for t in some] for some in (self.states, self.sides, self.d_final))
        return LayerBatch(self.x[:, p], self.lengths[p], states, sides, self.d_output[:, p], d_final)


def read_layer(layer: nn.Module) -> Network:
    """Read a recurrent layer, as it is in evaluation.

    Raises:
        ConfigError: it is not one of those that can be examined.
    """
    with computed_weights(layer):
        return _read_layer(layer)


def _read_layer(layer: nn.Module) -> Network:
    if isinstance(layer, nn.RNN | nn.LSTM | nn.GRU):
        layer = _load(layer)
    if isinstance(layer, Recurrent):
        sizes, program = layer.state_sizes, layer.program
    elif isinstance(layer, TorchLayer):
        sizes, program = tuple(layer._state_sizes), layer.program
    else:
        raise ConfigError(
            f"flow: {type(layer).__name__} is no recurrent layer.\n"
            "  What can be examined is elman.nn.Recurrent, a drop-in, or torch.nn's RNN, LSTM and GRU.\n"
            "  Give the layer itself; elman.flow.observe finds what a model gives to its layers."
        )
    layers = [
        [Direction(d.program, [p.detach().cpu().double() for p in d.parameters]) for d in one] for one in layer.layers()
    ]
    listed = parameter_names(program, len(layers), len(layers[0]) == 2)
    endings = [f"l{k}{end}" for k, one in enumerate(listed) for end in ["", "_reverse"][: len(one)]]
    names = dict(zip(endings, [names for one in listed for names in one], strict=True))
    return Network(program.cell, layers, names, sizes, bool(layer.batch_first))


def _load(layer: nn.RNNBase) -> TorchLayer:
    """Load the weights of a torch.nn layer into the drop-in of the same name."""
    options = ("num_layers", "bias", "batch_first", "bidirectional")
    given = {name: getattr(layer, name) for name in options}
    own: TorchLayer
    if isinstance(layer, nn.LSTM):
        own = LSTM(layer.input_size, layer.hidden_size, proj_size=layer.proj_size, **given)
    elif isinstance(layer, nn.GRU):
        own = GRU(layer.input_size, layer.hidden_size, **given)
    else:
        own = RNN(layer.input_size, layer.hidden_size, nonlinearity=str(layer.nonlinearity), **given)
    own.double().load_state_dict({name: getattr(layer, name) for name in own.state_dict()})
    return own


def read_batch(
    network: Network,
    x: Sequences,
    d_output: Sequences | None,
    lengths: Tensor | Sequence[int] | None,
    initial_state: States | None,
    sides: Mapping[str, Tensor],
    d_final: States | None = None,
) -> LayerBatch:
    """Read a batch in any form that the layer's `forward` takes.

    Args:
        network: the layer that will run on it.
        x: (T, B, I), with batch_first (B, T, I), unbatched (T, I), or packed.
        d_output: dL/d output in the form of the output; if it is None, that of :func:`_any_direction`.
        lengths: real time steps of each example.
        initial_state: as the layer takes it.
        sides: the cell's side inputs by name.
        d_final: dL/d final state in the form of the final state; 0 if it is None.

    Raises:
        ShapeError: something does not fit.
    """
    side_inputs = check_sides(network.cell, sides, x, len(network.layers[0])) if isinstance(x, Tensor) else []
    flip = network.batch_first and isinstance(x, Tensor) and x.dim() == 3
    given, whole = _time_major(x, flip)
    real = whole if lengths is None else check_lengths(lengths, given).cpu()
    steps, batch = given.shape[:2]
    if batch == 0 or int(real.max()) == 0:
        raise ShapeError(
            f"flow: x has shape {tuple(given.shape)}, and no step of it is real.\n"
            "  There is nothing to see.\n  Give at least one example of at least one step."
        )
    valid = step_mask(real, steps).unsqueeze(2)
    rows = len(network.endings)
    states, last = (_states(network, given_state, batch) for given_state in (initial_state, d_final))
    outputs = (steps, batch, len(network.layers[0]) * network.state_sizes[0])
    upstream = _any_direction(outputs) if d_output is None else _time_major(d_output, flip)[0]
    wanted = [(rows, batch, n) for n in network.state_sizes]
    for name, found_shapes in (("initial_state", states), ("grad_final", last)):
        if [tuple(s.shape) for s in found_shapes] != wanted:
            raise ShapeError(
                f"flow: {name} has the shapes {[tuple(s.shape) for s in found_shapes]}.\n"
                f"  There is one for each state, (layers · directions, B, size).\n  Give {wanted}."
            )
    if tuple(upstream.shape) != outputs:
        raise ShapeError(
            f"flow: grad_output has the shape {tuple(upstream.shape)}.\n  It is that of the output, (T, B, D · H).\n"
            f"  Give {outputs}, or with batch_first (B, T, D · H)."
        )
    zero = given.new_zeros(())
    listed = [torch.where(valid, _time_major(s, flip)[0], zero) for s in side_inputs]
    return LayerBatch(torch.where(valid, given, zero), real, states, listed, torch.where(valid, upstream, zero), last)


def _any_direction(shape: tuple[int, ...]) -> Tensor:
    """Draw one direction of the output, the same for all steps, examples and calls.

    Not ones: along them a normalised output has no gradient at all.
    """
    drawn = torch.randn(shape[-1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn.expand(shape)


def _time_major(x: Sequences, flip: bool) -> tuple[Tensor, Tensor]:
    if isinstance(x, PackedSequence):
        padded, lengths = pad_packed_sequence(x)
        return padded.detach().cpu().double(), lengths
    x = x.detach().cpu().double()
    x = x.unsqueeze(1) if x.dim() == 2 else x.transpose(0, 1) if flip else x
    return x, torch.full((x.shape[1],), x.shape[0])


def _states(network: Network, given: States | None, batch: int) -> list[Tensor]:
    if given is None:
        shapes = [(len(network.endings), batch, n) for n in network.state_sizes]
        return [torch.zeros(shape, dtype=torch.float64) for shape in shapes]
    return [(s if s.dim() == 3 else s.unsqueeze(1)).detach().cpu().double() for s in listed(given)]

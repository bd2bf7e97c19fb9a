"""Initialise recurrent layers of any cell; the equations determine which parameters an initialiser changes.

Each function works in place, on a :class:`~elman.nn.Recurrent`, a Cell or a drop-in, with torch's generator. They can
be combined, the general one first:

>>> import elman, torch
>>> layer = elman.nn.GRU(3, 5)
>>> elman.nn.init.xavier_(layer)
>>> elman.nn.init.orthogonal_(layer)
>>> elman.nn.init.forget_bias_(layer, 1.0)
>>> layer.bias_ih_l0[5:10] + layer.bias_hh_l0[5:10]  # of gate z, which keeps the state
tensor([1., 1., 1., 1., 1.], grad_fn=<AddBackward0>)
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from elman.autodiff.program import Program
from elman.errors import ConfigError
from elman.expr.retention import Gate, Retention, retention_gates
from elman.expr.roles import hidden_to_hidden
from elman.nn.stack import Direction

IRNN_DEVIATION = 0.001  # Le et al. 2015, for every matrix that is not hidden-to-hidden


@runtime_checkable
class RecurrentLayer(Protocol):
    """The attributes of a layer that initialisers use; `Recurrent` and the drop-ins have them."""

    hidden_size: int

    @property
    def program(self) -> Program:
        """The program of the layer's equations."""

    def layers(self) -> list[list["Direction"]]:
        """List the layers from the input upwards, each with its directions and their present parameters."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """List the parameters in the order of their registration."""


@torch.no_grad()
def uniform_(layer: RecurrentLayer) -> None:
    """Draw everything from U(−1/√H, 1/√H), as torch.nn does, in the order of registration; gains become 1.

    A family with a range of its own in the cell is drawn from that range, after all others.

    Raises:
        ConfigError: `layer` is not a recurrent layer.
    """
    directions = _directions(layer)
    gains = {id(d.tensors[p.name]) for d in directions for p in d.program.parameters if p.role == "gain"}
    bound = 1 / math.sqrt(layer.hidden_size)
    for tensor in layer.parameters():
        if id(tensor) in gains:
            nn.init.ones_(tensor)
        else:
            nn.init.uniform_(tensor, -bound, bound)
    for family, low, high in layer.program.cell.starts:
        for direction in directions:
            for name, member in direction.members.items():
                if name.split(".")[0] == family:
                    nn.init.uniform_(member, low, high)


@torch.no_grad()
def xavier_(layer: RecurrentLayer) -> None:
    """Draw each matrix from U(±√(6 / (fan_in + fan_out))), with its own fans (Glorot & Bengio 2010, eq. 16).

    Biases become 0 and gains 1; other vectors do not change.

    Raises:
        ConfigError: `layer` is not a recurrent layer.
    """
    for direction in _directions(layer):
        for name, member in direction.members.items():
            role = direction.roles[name]
            if role == "matrix":
                nn.init.xavier_uniform_(member)
            elif role != "vector":
                member.fill_(0.0 if role == "bias" else 1.0)


@torch.no_grad()
def orthogonal_(layer: RecurrentLayer, gain: float = 1.0) -> None:
    """Make each hidden-to-hidden matrix a random orthogonal one (Saxe et al. 2014).

    If it is not square, its shorter side is orthonormal. The matrix of each gate is drawn separately. Nothing else
    changes.

    Args:
        layer: the layer to initialise.
        gain: the value of all singular values.

    Raises:
        ConfigError: the cell has no hidden-to-hidden matrix, `gain` is no number, or `layer` is not a recurrent layer.
    """
    _require_number("orthogonal_", "gain", gain)
    for direction in _directions(layer):
        for name in _recurrent("orthogonal_", direction):
            member = direction.members[name]
            fresh = torch.empty_like(member, dtype=_wide(member))  # there is no QR in half precision
            member.copy_(nn.init.orthogonal_(fresh, gain))


@torch.no_grad()
def identity_(layer: RecurrentLayer, scale: float = 1.0) -> None:
    """Set hidden-to-hidden matrices to scale · I, so that the layer first copies its state (Le et al. 2015).

    Biases become 0 and the other matrices normal with deviation 0.001; other vectors do not change. A hidden-to-hidden
    matrix that is not square has `scale` on its main diagonal.

    Args:
        layer: the layer to initialise.
        scale: 1 to copy the state; less to forget it.

    Raises:
        ConfigError: the cell has no hidden-to-hidden matrix, `scale` is no number, or `layer` is not a recurrent layer.
    """
    _require_number("identity_", "scale", scale)
    for direction in _directions(layer):
        recurrent = _recurrent("identity_", direction)
        for name, member in direction.members.items():
            if name in recurrent:
                nn.init.eye_(member).mul_(scale)
            elif direction.roles[name] == "matrix":
                member.normal_(0.0, IRNN_DEVIATION)
            elif direction.roles[name] == "bias":
                member.zero_()


@torch.no_grad()
def forget_bias_(layer: RecurrentLayer, value: float = 1.0) -> None:
    """Set the forget biases: the gates first keep σ(value) of a state (Gers et al. 2000; Jozefowicz et al. 2015).

    The bias of a gate that keeps the old state becomes `value`, that of a gate that overwrites it −`value`. A constant
    in the equations is subtracted. If a gate has two biases, the second becomes 0.

    Args:
        layer: the layer to initialise.
        value: 0 keeps half; 1 keeps 73 %.

    Raises:
        ConfigError: no gate of the cell weighs an old state, it has no bias, `value` is no number, or `layer` is not a
            recurrent layer.
    """
    _require_number("forget_bias_", "value", value)
    for direction in _directions(layer):
        for retention in _retentions("forget_bias_", direction):
            like = direction.members[retention.gate.biases[0]]
            _set(direction, retention.gate, torch.full_like(like, retention.sign * value))


@torch.no_grad()
def chrono_(layer: RecurrentLayer, longest: float) -> None:
    """Set the biases of gates so that units remember for all durations up to the longest (Tallec & Ollivier 2018).

    The bias of a gate that keeps a state becomes log u, u ~ U(1, longest − 1), drawn for each unit, so that the state
    fades within 1 + u steps; a separate gate for the other term, the input gate, gets −log u. A gate that weighs both
    terms, as in a GRU, has only the first. The bias of a hard sigmoid is the one at which it keeps as much.

    Args:
        layer: the layer to initialise.
        longest: time steps of the longest dependence, from 2.

    Raises:
        ConfigError: as for :func:`forget_bias_`.
    """
    _require_number("chrono_", "longest", longest)
    if longest < 2:
        raise ConfigError(
            f"chrono_: longest is {longest!r}.\n  It counts time steps.\n  Give 2 or more: the length of a sequence."
        )
    for direction in _directions(layer):
        for retention, others in _with_others("chrono_", direction):
            like = direction.members[retention.gate.biases[0]]
            fade = torch.empty_like(like, dtype=_wide(like)).uniform_(1.0, float(longest) - 1.0)
            _set(direction, retention.gate, retention.sign * _keeping(direction, retention.gate, fade))
            for other in others:
                _set(direction, other, -_keeping(direction, other, fade))


def remembers(layer: RecurrentLayer) -> bool:
    """Test whether a layer has gates that :func:`chrono_` can set.

    >>> from elman.nn import GRU, RNN
    >>> remembers(GRU(3, 5)), remembers(RNN(3, 5)), remembers(GRU(3, 5, bias=False))
    (True, False, False)
    """
    try:
        for direction in _directions(layer):
            _with_others("remembers", direction)
    except ConfigError:
        return False
    return True


@dataclass(frozen=True)
class _Direction:
    """One layer in one direction: its parameters by name, and their members and roles."""

    program: Program
    tensors: dict[str, Tensor]

    @property
    def members(self) -> dict[str, Tensor]:
        """The members of the parameters, as views."""
        return {
            name: part
            for p in self.program.parameters
            for name, part in zip(p.members, self.tensors[p.name].chunk(len(p.members)), strict=True)
        }

    @property
    def roles(self) -> dict[str, str]:
        """The role of each member."""
        return {name: p.role for p in self.program.parameters for name in p.members}


def _directions(layer: RecurrentLayer) -> list[_Direction]:
    """List all directions of all layers, and refuse a layer whose parameters cannot be set."""
    if not isinstance(layer, RecurrentLayer):
        raise ConfigError(
            f"init: {type(layer).__module__}.{type(layer).__name__} is no recurrent layer of elman.nn.\n"
            "  Initialisers read a layer's equations.\n"
            "  Give an elman.nn.Recurrent, Cell, RNN, LSTM or GRU; of a model, its recurrent part."
        )
    names = [p.name for p in layer.program.parameters]
    found = [direction for directions in layer.layers() for direction in directions]
    directions = [_Direction(layer.program, dict(zip(names, d.parameters, strict=True))) for d in found]
    own = {id(tensor) for tensor in layer.parameters()}
    if any(id(tensor) not in own for direction in directions for tensor in direction.tensors.values()):
        raise ConfigError(
            "init: a tensor of the layer is computed from others.\n  Values that are set in it would be lost.\n"
            "  Initialise before torch.nn.utils.parametrize or a similar tool."
        )
    return directions


def _recurrent(caller: str, direction: _Direction) -> tuple[str, ...]:
    matrices = hidden_to_hidden(direction.program.cell.graph)
    if not matrices:
        raise ConfigError(
            f"{caller}: {direction.program.cell.name} has no hidden-to-hidden matrix.\n"
            "  No state of its equations is multiplied by one.\n  Use xavier_ or uniform_."
        )
    return matrices


def _retentions(caller: str, direction: _Direction) -> list[Retention]:
    """List the gates to set, each once, and refuse a cell whose gates are not understood."""
    cell = direction.program.cell
    retentions: dict[int, Retention] = {}
    for retention in retention_gates(cell.graph):
        _require_bias(caller, direction, retention.gate)
        first = retentions.setdefault(retention.gate.node, retention)
        if first.sign != retention.sign:
            raise ConfigError(
                f"{caller}: one gate of {cell.name} keeps {first.state if first.sign > 0 else retention.state} and "
                f"overwrites {first.state if first.sign < 0 else retention.state}.\n"
                "  No bias makes it remember both.\n  Set its bias by hand."
            )
    if not retentions:
        raise ConfigError(
            f"{caller}: no gate of {cell.name} weighs an old state.\n"
            "  A gate is a sigmoid, and the old state times it, or times 1 minus it, is a term of the new state; "
            "a quotient of gates is not understood.\n  Set the biases by hand."
        )
    return list(retentions.values())


def _with_others(caller: str, direction: _Direction) -> list[tuple[Retention, list[Gate]]]:
    """List the gates to set, each with the gates of the other terms of its sum that are not in the list themselves."""
    retentions = _retentions(caller, direction)
    known = {retention.gate.node for retention in retentions}
    pairs = [(retention, [o for o in retention.others if o.node not in known]) for retention in retentions]
    for other in (o for _, others in pairs for o in others):
        _require_bias(caller, direction, other)
    return pairs


def _require_bias(caller: str, direction: _Direction, gate: Gate) -> None:
    if not gate.biases or any(name not in direction.roles for name in gate.biases):
        cell = direction.program.cell
        line = cell.graph.nodes[gate.node].line
        raise ConfigError(
            f"{caller}: a gate of {cell.name} has no bias of its own{f' ({cell.source} line {line})' if line else ''}."
            "\n  Its bias is a vector that is added inside of its sigmoid and used nowhere else.\n"
            "  Build the layer with bias=True, or write such a bias into the equations."
        )


def _set(direction: _Direction, gate: Gate, value: Tensor) -> None:
    """Make the constant part of a gate's pre-activation equal to a value."""
    first, *rest = (direction.members[name] for name in gate.biases)
    first.copy_(value - gate.offset)
    for other in rest:
        other.zero_()


def _keeping(direction: _Direction, gate: Gate, fade: Tensor) -> Tensor:
    """Compute the pre-activation at which a gate is u / (1 + u)."""
    hard = direction.program.cell.graph.nodes[gate.node].op == "hard_sigmoid"
    return 3 * (fade - 1) / (fade + 1) if hard else fade.log()


def _wide(tensor: Tensor) -> torch.dtype:
    """Return the dtype to draw in: half precision has too few numbers."""
    return torch.promote_types(tensor.dtype, torch.float32)


def _require_number(caller: str, name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{caller}: {name} is {value!r}.\n  It is a number.\n  Give a finite one, such as 1.0.")

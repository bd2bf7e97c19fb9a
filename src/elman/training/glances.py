"""Sample the gradient inside recurrent layers during a training, for at most a fiftieth of its time.

A sample is called a glance. Before its update, hooks are registered on the layers; they keep inputs, outputs and the
gradient of the outputs. After the update :func:`elman.flow.glance` computes figures from them. The next glance comes
when half as many updates again have been done, and at least fifty times the work of a glance. Work is estimated from
sizes and counted in updates, never timed: the same training is sampled at the same updates on every machine.

>>> from elman import cells
>>> layer = Recurrent(cells.gru, 3, 5)
>>> glances = Glances(layer)
>>> glances.prepare(done=99_999)
>>> layer(torch.ones(7, 2, 3))[0].sum().backward()
>>> glances.take(update=100_000) in range(7), list(glances.seen[0].layers)
(True, ['l0'])
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from elman.flow.figures import Gates, GateUsage, GradientNorms
from elman.flow.glance import Glance, glance
from elman.flow.ledger import short
from elman.flow.observation import arguments_of
from elman.flow.places import spread
from elman.flow.rounding import rounding_change
from elman.nn.recurrent import Recurrent
from elman.nn.states import listed

_SHARE = 0.02  # of the training's work
_AGE = 1.5  # the next glance comes after so many times as many updates
_SECONDS = 0.06  # of a glance on a slow core, to which the time of its steps is added
_SECONDS_A_STEP = 2.5e-3  # of one layer in one direction
# The least time of an update on a fast machine. On a slower one glances are as frequent and take a smaller share.
_UPDATE_SECONDS = 3e-4
_MULTIPLICATIONS_A_SECOND = 4e10
_POINTS = 40  # of the norms of a layer, in a file


@dataclass(frozen=True)
class Seen:
    """A glance at one update.

    Attributes:
        update: its number.
        layers: by the name of a layer and direction, such as `recurrent.l0`.
    """

    update: int
    layers: dict[str, Glance]

    @property
    def step(self) -> int | None:
        """The time step that supplied most of the gradient, in the layer and direction where it is largest."""
        largest = max(self.layers.values(), key=lambda one: one.norm)
        return largest.step if largest.norm > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; of long sequences some steps, evenly spaced."""
        return {"update": self.update, "layers": {name: _write(one) for name, one in self.layers.items()}}


@dataclass
class Glances:
    """The glances of a training.

    Args:
        module: the one that is trained; its recurrent layers are sampled.
        rounds: whether products round to bfloat16.

    Attributes:
        seen: the glances so far.
        changes: by layer, how far rounding changed the gradient of its weights at the first glance; empty before.
    """

    module: nn.Module
    seen: list[Seen] = field(default_factory=list)
    rounds: bool = False
    changes: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._layers = {name: m for name, m in self.module.named_modules() if isinstance(m, Recurrent)}
        self._next = 0.0  # the first update tells the sizes
        self._calls: dict[str, dict[str, Any]] = {}
        self._hooks: list[RemovableHandle] = []

    def prepare(self, done: int) -> None:
        """Register hooks for the next update, if a glance is due.

        Args:
            done: number of updates done.
        """
        if self._hooks or not self._layers or done + 1 < self._next:
            return
        self._hooks = [
            layer.register_forward_hook(self._keep(n), with_kwargs=True) for n, layer in self._layers.items()
        ]

    def _keep(self, name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            if name in self._calls or not torch.is_grad_enabled():
                return
            given = arguments_of(layer, args, kwargs)
            result, final = output
            data = result.data if isinstance(result, PackedSequence) else result
            tensors = [data, *listed(final)]
            # What the loss does not depend on gets no gradient: it stays 0.
            gradients = [torch.zeros_like(tensor).detach() for tensor in tensors]
            for tensor, gradient in zip(tensors, gradients, strict=True):
                if tensor.requires_grad:
                    tensor.register_hook(partial(_copy, gradient))
            upstream = gradients[0] if data is result else result._replace(data=gradients[0])
            self._calls[name] = {**given, "grad_output": upstream, "grad_final": gradients[1:]}

        return hook

    def take(self, update: int, *, fine: bool = True) -> int | None:
        """Compute the figures of a glance, if one was prepared.

        Args:
            update: its number.
            fine: whether its gradient is finite; otherwise there is no glance.

        Returns:
            The time step that supplied most of the gradient, where it is known.
        """
        calls = self._calls
        self.close()
        if not calls or not fine:
            return None
        # A glance is due after so many updates of these sizes; with long sequences also the first one waits for them.
        worth = _seconds_of_glance(calls) / _SHARE / _seconds_of_update(calls)
        if not self.seen and update < worth:
            self._next = worth
            return None
        layers: dict[str, Glance] = {}
        for name, call in calls.items():
            layers |= {f"{name}.{ending}".lstrip("."): one for ending, one in glance(**call).items()}
        if self.rounds and not self.seen:
            self.changes = {name: rounding_change(**call) for name, call in calls.items()}
        self.seen.append(Seen(update, layers))
        self._next = max(_AGE * update, update + worth)
        return self.seen[-1].step

    def close(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._calls = [], {}

    def last_gates(self) -> dict[str, Gates]:
        """Return the values of the gates and units at the last glance, by layer and direction."""
        return {name: one.gates for name, one in self.seen[-1].layers.items()} if self.seen else {}

    def state_dict(self) -> dict[str, Any]:
        """Return when the next glance is due and the glances so far, as plain data; valid between two updates."""
        seen = [{"update": one.update, "layers": {n: _pack(g) for n, g in one.layers.items()}} for one in self.seen]
        return {"next": self._next, "seen": seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.close()
        self._next = state["next"]
        self.seen = [
            Seen(one["update"], {name: _unpack(packed) for name, packed in one["layers"].items()})
            for one in state["seen"]
        ]


def _pack(value: Any) -> Any:
    """Turn a glance, or a part of it, into dicts, lists, numbers and tensors."""
    if dataclasses.is_dataclass(value):
        return {name: _pack(one) for name, one in vars(value).items()}
    if isinstance(value, tuple):
        return [_pack(one) for one in value]
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def _unpack(packed: Mapping[str, Any]) -> Glance:
    norms, gates = packed["gradient_norms"], packed["gates"]
    return Glance(
        GradientNorms(**{**_with_arrays(norms), "states": tuple(norms["states"])}),
        Gates(**{**gates, "gates": tuple(GateUsage(**_with_arrays(gate)) for gate in gates["gates"])}),
        packed["shares"].numpy(),
        packed["norm"],
    )


def _with_arrays(packed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.numpy() if isinstance(one, Tensor) else one for name, one in packed.items()}


def _copy(into: Tensor, gradient: Tensor | None) -> None:
    if gradient is not None:
        into.copy_(gradient)


def _seconds_of_glance(calls: Mapping[str, dict[str, Any]]) -> float:
    """Estimate the time of a glance, which goes step by step through all layers and directions."""
    steps = 0
    for call in calls.values():
        layer: Recurrent = call["layer"]
        steps += _count(call)[0] * layer.num_layers * (2 if layer.bidirectional else 1)
    return _SECONDS + _SECONDS_A_STEP * steps


def _seconds_of_update(calls: Mapping[str, dict[str, Any]]) -> float:
    """Estimate the least time of an update: one product forward and two backward for its recurrent layers."""
    work = sum(3 * _count(call)[1] * sum(p.numel() for p in call["layer"].parameters()) for call in calls.values())
    return _UPDATE_SECONDS + work / _MULTIPLICATIONS_A_SECOND


def _count(call: Mapping[str, Any]) -> tuple[int, int]:
    """Count the time steps of a call, and the rows, one a step and example."""
    x, layer = call["x"], call["layer"]
    if isinstance(x, PackedSequence):
        return len(x.batch_sizes), len(x.data)
    if x.dim() == 2:
        return len(x), len(x)
    return x.shape[1 if layer.batch_first else 0], x.shape[0] * x.shape[1]


def _write(one: Glance) -> dict[str, Any]:
    norms, gates = one.gradient_norms, one.gates
    at = spread(len(norms.median), _POINTS)
    return {
        "at": at,
        "norms": [short(float(norm), 3) for norm in norms.median[at]],
        "half_life": short(norms.half_life, 3),
        "step": one.step,
        "share": short(float(one.shares[one.step]), 3),
        "saturated": short(gates.saturated, 3),
        "saturated_tanh": short(gates.saturated_tanh, 3),
        "dead": short(gates.dead, 3),
    }

"""Write a layer as a module of WebAssembly, one time step, and run it once.

The module exports its memory, `reset()` and `step()`, and as numbers the addresses `x` and `y` of the input and the
output, of `sides` if there are side inputs, and `states`, where `states_bytes` bytes are all that a step carries on.

>>> import elman
>>> module = write_module(take(elman.nn.GRU(3, 5)), {"cell": "gru"})
>>> b'{"cell": "gru"}' in module
True
"""

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.errors import ConfigError
from elman.export.checking import LENGTHS, Agreement, TwoSequences, compare
from elman.export.network import NetworkData, take
from elman.export.target import TargetFile, choose
from elman.export.wasm.code import ModuleWriter
from elman.export.wasm.linker import link
from elman.export.wasm.memory import BYTES, LANES, vectors
from elman.export.wasm.running import Instance, is_installed
from elman.export.wasm.step import StepWriter
from elman.version import __version__

BOUND = 2e-6


def write(layer: Any, path: str | os.PathLike[str], force: bool) -> Agreement | None:
    """Write a layer, see :func:`elman.export.to_wasm`."""
    target = choose(path, {"wasm": ".wasm"}, "wasm", force)
    return put(take(layer), target)


def put(network: NetworkData, target: TargetFile) -> Agreement | None:
    """Write a network, verified where Wasmtime is installed.

    Raises:
        ConfigError: the network has two directions.
        ElmanError: the module computes something else.
    """
    if network.directions == 2:
        raise ConfigError(
            "export: the layer is bidirectional, and a step of WebAssembly cannot know what comes later. Export it to "
            "ONNX."
        )
    agreement = None
    if is_installed():
        instance = Instance(write_module(network, {}))
        agreement = compare(network, lambda example: _run(instance, network, example), BOUND, unequal=False)
    target.put(write_module(network, describe(network, agreement)))
    return agreement


def describe(network: NetworkData, agreement: Agreement | None) -> dict[str, Any]:
    """Return the card of a layer's module."""
    verified = agreement and {"difference": agreement.difference, "bound": agreement.bound, "lengths": list(LENGTHS)}
    return {
        "elman": __version__,
        "cell": network.cell.name,
        "equations": network.cell.equations(),
        "layers": len(network.layers),
        "input_size": network.input_size,
        "sides": list(network.sides),
        "state_sizes": dict(zip(network.states, network.state_sizes, strict=True)),
        "states": "layer by layer, each state padded to a multiple of four numbers",
        "verified": verified,
    }


def write_module(network: NetworkData, card: dict[str, Any]) -> bytes:
    """Return the module of a network in one direction."""
    module = ModuleWriter()
    steps = write_states(module, network)
    x = module.memory.reserve(network.input_size)
    module.addresses["x"] = x
    sides = module.memory.reserve(len(network.sides)) if network.sides else None
    if sides is not None:
        module.addresses["sides"] = sides
    module.addresses["y"] = steps[-1].states[0]
    function = module.function("step", 0)
    for step in steps:
        step.write(function, x, sides)
        x = step.states[0]
    function.end()
    return link(module, card)


def write_states(module: ModuleWriter, network: NetworkData) -> list[StepWriter]:
    """Place the states of all layers side by side, and write what resets them.

    Returns:
        The step of each layer; of two directions, one after the other.
    """
    first = module.memory.end
    steps = [StepWriter(module, part) for directions in network.layers for part in directions]
    module.addresses |= {"states": first, "states_bytes": module.memory.end - first}
    function = module.function("reset", 0)
    function.fill_with_zeros(first, module.memory.end)
    function.end()
    return steps


def _run(instance: Instance, network: NetworkData, example: TwoSequences) -> list[Tensor]:
    """Run two sequences, one after the other: the outputs (T, 2, H), and for each state (L, 2, its size)."""
    results = [_run_example(instance, network, example, row) for row in range(2)]
    return [torch.from_numpy(np.stack(column, 1)) for column in zip(*results, strict=True)]


def _run_example(instance: Instance, network: NetworkData, example: TwoSequences, row: int) -> list[np.ndarray]:
    instance.call("reset")
    states = dict(zip(network.states, example.given(network), strict=True))
    places = list(_places(network, instance.number("states")))
    for name, layer, place in places:
        if example.states:
            instance.write(place, states[name][layer, row].numpy())
    outputs = []
    for t, x in enumerate(example.x[:, row]):
        instance.write("x", x.numpy())
        if network.sides:
            instance.write("sides", np.array([float(side[t, row]) for side in example.sides], np.float32))
        instance.call("step")
        outputs.append(instance.read("y", network.output_size))
    sizes = dict(zip(network.states, network.state_sizes, strict=True))
    final = [
        np.stack([instance.read(place, sizes[name]) for name, _, place in places if name == state])
        for state in network.states
    ]
    return [np.stack(outputs), *final]


def _places(network: NetworkData, first: int) -> "list[tuple[str, int, int]]":
    """Return each state of each layer, and its address."""
    found = []
    for layer in range(len(network.layers)):
        for name, size in zip(network.states, network.state_sizes, strict=True):
            found.append((name, layer, first))
            first += BYTES * LANES * vectors(size)
    return found

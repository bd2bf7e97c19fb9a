"""Load an object file into this process and run it, which is how object files are verified while they are written.

>>> import elman, torch
>>> from elman.export.network import take
>>> from elman.export.objects.layer import ObjectLayer
>>> from elman.export.objects.targets import this_machine
>>> network = take(elman.nn.GRU(3, 5))
>>> layer = ObjectLayer(network, "gru", this_machine())
>>> loaded = LoadedLayer(layer.compile(), network, "gru", layer.size)
>>> [tuple(part.shape) for part in loaded.run(TwoSequences(torch.zeros(7, 2, 3), [], None, []))]
[(7, 2, 5), (1, 2, 5)]
"""

import ctypes

import numpy as np
import torch
from torch import Tensor

from elman.export.checking import TwoSequences
from elman.export.network import NetworkData
from elman.export.objects.targets import loader_of, this_machine
from elman.export.wasm.compiling import all_targets
from elman.export.wasm.memory import LANES, vectors


class LoadedLayer:
    """The functions of an object file in this process.

    Args:
        code: the file, for this machine.
        network: what it was made from.
        name: the prefix of its functions.
        size: the bytes of a state.
    """

    def __init__(self, code: bytes, network: NetworkData, name: str, size: int) -> None:
        binding = all_targets()
        machine = loader_of(this_machine()).machine()
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        # The loader asks for the code of the empty module, and gets this one.
        self._engine.set_object_cache(getbuffer_func=lambda module: code)
        self._engine.finalize_object()
        self._network, self._name, self._size = network, name, size

    def run(self, example: TwoSequences) -> list[Tensor]:
        """Run two sequences, one after the other: the outputs (T, 2, H), and for each state (L, 2, its size)."""
        results = [self._run_one(example, row) for row in range(2)]
        return [torch.from_numpy(np.stack(column, 1)) for column in zip(*results, strict=True)]

    def _run_one(self, example: TwoSequences, row: int) -> list[np.ndarray]:
        network = self._network
        state = np.full(self._size // 4, np.nan, np.float32)
        self._call("reset", state)
        views = self._states_in(state)
        for number, tensor in enumerate(example.given(network)):
            for layer, view in enumerate(views[number]):
                view[:] = tensor[layer, row].numpy()
        x = example.x[:, row].contiguous().numpy()
        y = np.empty((len(x), network.output_size), np.float32)
        sides = [np.stack([side[:, row].numpy() for side in example.sides], 1)] if example.sides else []
        weights = self._engine.get_global_value_address(f"{self._name}_trained")
        self._call("run", weights, state, len(x), x, *map(np.ascontiguousarray, sides), y)
        return [y, *(np.stack(column) for column in views)]

    def _states_in(self, state: np.ndarray) -> list[list[np.ndarray]]:
        """Return each state of each layer, as views."""
        views: list[list[np.ndarray]] = [[] for _ in self._network.states]
        at = 0
        for _ in self._network.layers:
            for number, size in enumerate(self._network.state_sizes):
                views[number].append(state[at : at + size])
                at += LANES * vectors(size)
        return views

    def _call(self, function: str, *arguments: "int | np.ndarray") -> None:
        """Call a function; a whole number that is no address is the number of steps."""
        address = self._engine.get_function_address(f"{self._name}_{function}")
        given = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
        kinds = [ctypes.c_int if number == 2 else ctypes.c_void_p for number in range(len(given))]
        ctypes.CFUNCTYPE(None, *kinds)(address)(*given)

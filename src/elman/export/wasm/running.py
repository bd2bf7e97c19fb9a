"""Run a module of WebAssembly in Wasmtime, which is how modules are verified while they are written.

>>> import elman
>>> from elman.export.network import take
>>> from elman.export.wasm.layer import write_module
>>> instance = Instance(write_module(take(elman.nn.GRU(3, 5)), {}))
>>> instance.write("x", np.ones(3, np.float32))
>>> instance.call("step")
>>> instance.read("y", 5).shape
(5,)
"""

import importlib.util
from typing import Any

import numpy as np


def is_installed() -> bool:
    """Tell whether modules can be run."""
    return importlib.util.find_spec("wasmtime") is not None


class Instance:
    """A module that is ready to be called, with its memory; an array is given by its name or address."""

    def __init__(self, module: bytes) -> None:
        import wasmtime

        engine = wasmtime.Engine()
        self._store = wasmtime.Store(engine)
        made = wasmtime.Instance(self._store, wasmtime.Module(engine, module), [])
        self._exports: Any = made.exports(self._store)

    def call(self, name: str, *numbers: int) -> None:
        """Call a function."""
        self._exports[name](self._store, *numbers)

    def number(self, name: str) -> int:
        """Return an address, or another whole number that the module gives."""
        return int(self._exports[name].value(self._store))

    def read(self, array: str | int, numbers: int) -> np.ndarray:
        """Return a copy of so many numbers."""
        at = self._at(array)
        content = self._exports["memory"].read(self._store, at, at + 4 * numbers)
        return np.frombuffer(bytearray(content), "<f4")

    def write(self, array: str | int, numbers: np.ndarray) -> None:
        """Put numbers into an array."""
        self._exports["memory"].write(self._store, numbers.astype("<f4").tobytes(), self._at(array))

    def _at(self, array: str | int) -> int:
        return array if isinstance(array, int) else self.number(array)

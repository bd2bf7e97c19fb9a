"""Write functions whose numbers lie in two structures of the caller: weights, which nobody changes, and a state.

A place in one of them is a :class:`MemoryPlace`; a function knows the two addresses from which places are counted.

>>> module = ObjectModule(fuses=False)
>>> place = module.memory.reserve(5)
>>> function = module.begin("double", [_POINTER])
>>> function.bases["state"] = function.args[0]
>>> with function.loop(2) as offset:
...     value = function.load(place, offset)
...     function.store(function.b.fadd(value, value), place, offset)
>>> function.end()
>>> module.memory.state.end, "getelementptr" in str(module.ir)
(32, True)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from elman.export.wasm.code import FunctionWriter, ModuleWriter
from elman.export.wasm.memory import BYTES, LANES, ModuleMemory

_POINTER, _BYTE = ir.PointerType(), ir.IntType(8)


@dataclass(frozen=True)
class MemoryPlace:
    """A place of numbers: so many bytes behind the start of `weights` or `state`."""

    structure: str
    at: int


class ObjectMemory:
    """The two structures while they are being filled.

    Attributes:
        weights: what never changes.
        state: what a step changes.
    """

    def __init__(self) -> None:
        self.weights, self.state = ModuleMemory(0), ModuleMemory(0)

    def reserve(self, numbers: int) -> MemoryPlace:
        """Return a place for so many numbers in the state."""
        return MemoryPlace("state", self.state.reserve(numbers))

    def put(self, numbers: Any) -> MemoryPlace:
        """Return the place of numbers among the weights."""
        return MemoryPlace("weights", self.weights.put(numbers))

    def put_matrix(self, matrix: np.ndarray) -> MemoryPlace:
        """Return the place of a packed matrix."""
        return MemoryPlace("weights", self.weights.put_matrix(matrix))

    def content(self) -> bytes:
        """Return the weights."""
        found = bytearray(self.weights.end)
        for at, numbers in self.weights.contents.items():
            found[at : at + len(numbers)] = numbers
        return bytes(found)


class ObjectModule(ModuleWriter):
    """A module whose functions are given the addresses of both structures."""

    address = _POINTER

    def __init__(self, fuses: bool) -> None:
        super().__init__(ObjectMemory(), frozenset({"fma"} if fuses else ()))

    def begin(self, name: str, args: list[ir.Type]) -> "ObjectFunction":
        """Begin a function that is called from outside, with arguments of these types."""
        return self.write(ir.Function(self.ir, ir.FunctionType(ir.VoidType(), args), name))

    def write(self, function: ir.Function) -> "ObjectFunction":
        """Return what writes a function."""
        return ObjectFunction(self, function)


class ObjectFunction(FunctionWriter):
    """A function that is being written.

    Attributes:
        bases: the addresses of the structures, by their names.
    """

    alignment = BYTES

    def __init__(self, module: ObjectModule, function: ir.Function) -> None:
        super().__init__(module, function)
        self.bases: dict[str, Any] = {}

    def number(self, value: Any) -> Any:
        """Return a whole number, or the address of a place, as a value."""
        if isinstance(value, MemoryPlace):
            return self._behind(self.bases[value.structure], super().number(value.at))
        return super().number(value)

    def add(self, address: Any, more: Any) -> Any:
        """Add bytes to an address."""
        start = self.number(address)
        if not isinstance(start.type, ir.PointerType):
            return super().add(start, more)
        return self._behind(start, super().number(more))

    def copy(self, source: Any, target: Any, numbers: int) -> None:
        """Copy numbers, no more than there are."""
        whole = numbers // LANES
        if whole:
            with self.loop(whole) as offset:
                self.store(self.load(source, offset), target, offset)
        for k in range(whole * LANES, numbers):
            self.store_one(self.load_one(source, BYTES * k), self.add(target, BYTES * k))

    def _behind(self, base: Any, offset: Any) -> Any:
        return self.b.gep(base, [offset], source_etype=_BYTE)

    def _pointer(self, address: Any, offset: Any) -> Any:
        is_there = isinstance(offset, int) and offset == 0
        return self.number(address) if is_there else self.add(address, offset)

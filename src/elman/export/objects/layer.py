"""Write a layer as an object file and its header, once the same program has run in this process.

The state begins with the states of all layers; behind them lies what a step keeps while it runs. Every array is padded
to a multiple of four numbers, and a matrix is packed as in WebAssembly.

>>> import elman
>>> layer = ObjectLayer(take(elman.nn.GRU(3, 5)), "gru", find("thumbv7em-none-eabihf"))
>>> [line for line in layer.header("").splitlines() if line.startswith("    float")]
['    float packed[224];', '    float l0_h[8]; /* 5, and padding */', '    float between[44];']
"""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from llvmlite import ir

from elman.errors import ConfigError
from elman.export.c_declarations import declare, describe, describe_agreement, name_of, refuse_unfit
from elman.export.c_step import Step
from elman.export.checking import Agreement, compare
from elman.export.network import NetworkData, take
from elman.export.objects.code import ObjectModule
from elman.export.objects.loading import LoadedLayer
from elman.export.objects.targets import ObjectTarget, find, loader_of
from elman.export.target import TargetFile, choose, header_of, refuse_present
from elman.export.wasm.compiling import compile_text
from elman.export.wasm.memory import BYTES, LANES, vectors
from elman.export.wasm.step import StepWriter
from elman.writing import write_together

BOUND = 2e-6
_MOST_BYTES = 2**31 - 1
_POINTER, _I32 = ir.PointerType(), ir.IntType(32)
# LLVM would make calls of the C library of loops that copy or clear, and a machine without a system may have none.
_ALONE = '"no-builtins"'


def write(layer: Any, path: str | os.PathLike[str], name: str | None, triple: str | None, force: bool) -> Agreement:
    """Write a layer, see :func:`elman.export.to_object`."""
    target = choose(path, {"object": ".o"}, "object", force)
    return put(take(layer), target, name or name_of(target.path), find(triple), force)


def put(network: NetworkData, target: TargetFile, name: str, processor: ObjectTarget, force: bool) -> Agreement:
    """Write a network for a processor, verified on this machine.

    Raises:
        ConfigError: the network or its name cannot be in a file, or there is a header already.
        ElmanError: the program computes something else; nothing was written.
    """
    refuse_unfit(network, name)
    header = header_of(target.path)
    if header == target.path:
        raise ConfigError(f"export: {target.path} is the name of the header beside it. Give the file the ending .o.")
    refuse_present(header, force)
    layer = ObjectLayer(network, name, processor)
    code = layer.compile()
    local = loader_of(processor)
    is_here = (local.triple, local.cpu, local.features) == (processor.triple, processor.cpu, processor.features)
    loaded = LoadedLayer(code if is_here else ObjectLayer(network, name, local).compile(), network, name, layer.size)
    agreement = compare(network, loaded.run, BOUND, unequal=False)
    verdict = describe_agreement(agreement, "Its outputs" if is_here else "Compiled for another machine, its outputs")
    write_together({target.path: code, header: layer.header(verdict).encode()})
    return agreement


@dataclass(frozen=True)
class ObjectLayer:
    """Stacked layers as functions for a processor.

    Attributes:
        network: the layers.
        name: the prefix of the functions.
        processor: what they are compiled for.
    """

    network: NetworkData
    name: str
    processor: ObjectTarget

    def compile(self) -> bytes:
        """Return the object file."""
        text = re.sub(r"(?<=\)) (noinline )?nounwind", rf"\g<0> {_ALONE}", str(self._module.ir))
        return compile_text(text, self.processor.full_triple, self.processor.machine())

    @property
    def size(self) -> int:
        """The bytes of a state."""
        return int(self._module.memory.state.end)

    def header(self, verdict: str) -> str:
        """Return the header."""
        elsewhere = f"The code is for {self.processor.triple} ({self.processor.what})."
        if emulated := self._emulated:
            elsewhere += f" What computes {emulated} there comes with the compiler."
        padded = [(array, size, LANES * vectors(size)) for array, size in self._states]
        memory = [
            f"    float {array}[{whole}];" + (f" /* {size}, and padding */" if size < whole else "")
            for array, size, whole in padded
        ]
        between = self.size // BYTES - sum(whole for *_, whole in padded)
        memory += [f"    float between[{between}];"] if between else []
        packed = f"    float packed[{self._module.memory.weights.end // BYTES}];"
        about = describe(self.network, self.name, verdict, elsewhere)
        return about + declare(self.network, self.name, packed, "\n".join(memory))

    @property
    def _emulated(self) -> str:
        """What the processor cannot compute; empty if it computes all of it."""
        if not self.processor.has_floats:
            return "floats"
        return (
            "doubles, which sin and cos need," if self.processor.is_small and "double" in str(self._module.ir) else ""
        )

    @property
    def _states(self) -> list[tuple[str, int]]:
        """The arrays of the states, as the file of C calls them, and their sizes."""
        steps = [Step(part, self.name, f"l{k}") for k, (part,) in enumerate(self.network.layers)]
        return [(array, step.memory[array]) for step in steps for array in step.state_names]

    @cached_property
    def _module(self) -> ObjectModule:
        module = ObjectModule(self.processor.fuses)
        steps = [StepWriter(module, part) for (part,) in self.network.layers]
        self._write_reset(module, module.memory.state.end)
        self._write_run(module, self._write_step(module, steps))
        if module.memory.weights.end > _MOST_BYTES:
            raise ConfigError("export: the weights take more than 2 GB, and an object file holds less. Write to ONNX.")
        content = ir.Constant(
            ir.ArrayType(ir.IntType(8), module.memory.weights.end), bytearray(module.memory.content())
        )
        trained = ir.GlobalVariable(module.ir, content.type, f"{self.name}_trained")
        trained.global_constant, trained.initializer, trained.align = True, content, BYTES * LANES
        return module

    def _write_reset(self, module: ObjectModule, size: int) -> None:
        function = module.begin(f"{self.name}_reset", [_POINTER])
        with function.loop(size // (BYTES * LANES)) as offset:
            function.store(module.math.constant(0.0), function.args[0], offset)
        function.end()

    def _write_step(self, module: ObjectModule, steps: list[StepWriter]) -> ir.Function:
        x = module.memory.reserve(self.network.input_size)
        function = module.begin(f"{self.name}_step", [_POINTER] * (5 if self.network.sides else 4))
        weights, state, given, *sides, y = function.args
        function.bases = {"weights": weights, "state": state}
        # Vectors are read whole, and the caller's array may end within one.
        function.copy(given, x, self.network.input_size)
        for step in steps:
            step.write(function, x, *(sides or [None]))
            x = step.states[0]
        function.copy(x, y, self.network.output_size)
        function.end()
        return function.function

    def _write_run(self, module: ObjectModule, step: ir.Function) -> None:
        given = [_POINTER, _POINTER, _I32, *step.function_type.args[2:]]
        function = module.begin(f"{self.name}_run", given)
        b, (weights, state, steps, *arrays) = function.b, function.args
        inputs, outputs = self.network.input_size, self.network.output_size
        sizes = [inputs, *([len(self.network.sides)] if self.network.sides else []), outputs]
        with b.if_then(b.icmp_signed(">", steps, function.number(0))), function.repeat([steps, *arrays]) as loop:
            left, *places = loop.values
            b.call(step, [weights, state, *places])
            fewer = b.sub(left, function.number(1))
            following = [function.add(place, BYTES * size) for place, size in zip(places, sizes, strict=True)]
            loop.go_on([fewer, *following], b.icmp_signed(">", fewer, function.number(0)))
        function.end()

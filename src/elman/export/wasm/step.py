"""Write one time step of a layer for WebAssembly, vectors of four numbers at a time.

Values are computed as :class:`StepPlan` says, with the functions of the kernels, and every sum in their order.

>>> import elman
>>> from elman.export.network import take
>>> module = ModuleWriter()
>>> step = StepWriter(module, take(elman.nn.GRU(3, 5)).layers[0][0])
>>> function = module.function("step", 1)
>>> step.write(function, function.args[0], sides=None)
>>> function.end()
"""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

from llvmlite import ir

from elman.export.network import Part
from elman.export.step_plan import StepPlan
from elman.export.wasm.code import FunctionWriter, ModuleWriter
from elman.export.wasm.memory import BYTES, vectors

_WRITTEN: dict[str, Callable[..., Any]] = {
    "add": lambda b, x, y: b.fadd(x, y),
    "sub": lambda b, x, y: b.fsub(x, y),
    "mul": lambda b, x, y: b.fmul(x, y),
    "div": lambda b, x, y: b.fdiv(x, y),
    "neg": lambda b, x: b.fneg(x),
    "less": lambda b, x, y: b.fcmp_ordered("<", x, y),
    "less_equal": lambda b, x, y: b.fcmp_ordered("<=", x, y),
    "equal": lambda b, x, y: b.fcmp_ordered("==", x, y),
    "select": lambda b, chosen, x, y: b.select(chosen, x, y),
    "spread": lambda b, x: x,
}


class StepWriter:
    """The step of one layer.

    Attributes:
        plan: what it computes.
        states: the addresses of its states.
    """

    def __init__(self, module: ModuleWriter, part: Part) -> None:
        self.plan = StepPlan(part)
        self._module = module
        carries = part.program.forward.carries
        self.states = [module.memory.reserve(part.size(i)) for i in carries]
        self._of_states = dict(zip(carries, self.states, strict=True))

    def write(self, function: FunctionWriter, x: Any, sides: Any) -> None:
        """Write the step.

        Args:
            function: where.
            x: the address of the input.
            sides: the address of the side inputs, one number each; None where there are none.
        """
        _Writing(self, function, x, sides).write()

    @cached_property
    def places(self) -> dict[int, Any]:
        """The addresses of the states, of the values that are kept and of those that never change."""
        plan, memory = self.plan, self._module.memory
        places = {**self._of_states}
        places |= {i: memory.reserve(plan.part.size(i)) for i in plan.computed if i in plan.kept}
        for index in plan.static:
            value = plan.part.static[index].float().numpy()
            places[index] = memory.put_matrix(value) if value.ndim == 2 else memory.put(value)
        return places

    @cached_property
    def transposed(self) -> dict[int, Any]:
        """The addresses of the matrices that a step transposes, by their nodes: each is packed a second time."""
        part, nodes = self.plan.part, self.plan.part.program.graph.nodes
        found = sorted({nodes[i].args[0] for i in self.plan.computed if nodes[i].op == "product_t"})
        return {i: self._module.memory.put_matrix(part.static[i].float().numpy().T.copy()) for i in found}

    @cached_property
    def copies(self) -> dict[int, Any]:
        """The addresses of the copies of old states."""
        return {i: self._module.memory.reserve(self.plan.part.size(i)) for i in self.plan.copied}


class _Writing:
    """A step that is being written into a function."""

    def __init__(self, step: StepWriter, function: FunctionWriter, x: Any, sides: Any) -> None:
        self._step, self._function, self._x, self._sides = step, function, x, sides
        self._part, self._graph = step.plan.part, step.plan.part.program.graph
        self._math = function.module.math

    def write(self) -> None:
        plan, forward = self._step.plan, self._part.program.forward
        for kind, nodes in plan.order:
            {"chain": self._chain, "sum": self._sum, "max": self._sum, "loop": self._loop}[kind](nodes)
        for index, place in self._step.copies.items():
            self._copy(self._step.places[index], place, index, self._part.size(index))
        for leaf, result in zip(forward.carries, forward.results, strict=True):
            self._copy(self._step.copies.get(result), self._step.places[leaf], result, self._part.size(leaf))

    def _copy(self, source: Any, target: Any, index: int, size: int) -> None:
        """Copy a value to all numbers of a place, from where it is if no other place is given."""
        function = self._function
        with function.loop(vectors(size)) as offset:
            value = self._read(index, offset) if source is None else function.load(source, offset)
            function.store(value, target, offset)

    def _chain(self, nodes: list[int]) -> None:
        (index,), function, graph = nodes, self._function, self._graph
        chain, total = self._step.plan.chains[index], self._step.places[index]
        rows = self._part.size(index)
        with function.loop(vectors(rows)) as offset:
            start = self._math.constant(0.0) if chain.init is None else self._read(chain.init, offset)
            function.store(start, total, offset)
        for product in chain.products:
            matrix, vector = graph.nodes[product].args
            if graph.nodes[product].op == "product_t":
                place, columns = self._step.transposed[matrix], self._part.size(vector)
            else:
                place, columns = self._step.places[matrix], self._part.size(matrix)
            function.add_product(total, place, self._address(vector), rows, columns)

    def _sum(self, nodes: list[int]) -> None:
        (index,), function = nodes, self._function
        (value,), is_max = self._graph.nodes[index].args, self._graph.nodes[index].op == "max"
        start = ir.Constant(ir.FloatType(), -math.inf if is_max else 0.0)
        with function.repeat([function.number(0), start]) as state:
            offset, total = state.values
            lanes = self._read(value, offset, one=True)
            following = function.add(offset, BYTES)
            more = function.b.icmp_unsigned("<", following, function.number(BYTES * self._part.size(value)))
            joined = _larger(function.b, total, lanes) if is_max else function.b.fadd(total, lanes)
            state.go_on([following, joined], more)
        function.store(function.spread(state.new[1]), self._step.places[index])

    def _loop(self, run: list[int]) -> None:
        function, b = self._function, self._function.b
        one, zero = self._math.constant(1.0), self._math.constant(0.0)
        with function.loop(vectors(self._part.size(run[0]))) as offset:
            values: dict[int, Any] = {}
            for index in run:
                node = self._graph.nodes[index]
                args = [values[a] if a in values else self._read(a, offset) for a in node.args]
                for number, arg in enumerate(args):
                    is_mask, wanted = arg.type != self._math.vector, node.op == "select" and number == 0
                    if wanted and not is_mask:
                        args[number] = b.fcmp_unordered("!=", arg, zero)
                    elif is_mask and not wanted:
                        args[number] = b.select(arg, one, zero)
                value = _WRITTEN[node.op](b, *args) if node.op in _WRITTEN else getattr(self._math, node.op)(b, *args)
                values[index] = value
                if index in self._step.plan.kept:
                    kept = b.select(value, one, zero) if value.type != self._math.vector else value
                    function.store(kept, self._step.places[index], offset)

    def _read(self, index: int, offset: Any, one: bool = False) -> Any:
        """Read four elements of a value, or one; a single number stands in for all elements."""
        function, node = self._function, self._graph.nodes[index]
        if node.op in ("constant", "size"):
            number = float(self._part.static[index])
            return ir.Constant(ir.FloatType(), number) if one else self._math.constant(number)
        single = node.op == "side" or self._part.size(index) == 1
        address = self._address(index)
        if single or one:
            number = function.load_one(address, 0 if single else offset)
            return number if one else function.spread(number)
        return function.load(address, offset)

    def _address(self, index: int) -> Any:
        node = self._graph.nodes[index]
        if node.op == "input":
            return self._x
        if node.op == "side":
            assert self._sides is not None
            return self._function.add(self._sides, BYTES * self._graph.sides.index(node.name))
        return self._step.places[index]


def _larger(b: ir.IRBuilder, x: Any, y: Any) -> Any:
    """Choose the larger of two numbers; NaN if either is."""
    return b.select(b.fcmp_unordered("uno", x, x), x, b.select(b.fcmp_ordered(">", x, y), x, y))

"""Write one time step of a layer as statements of C.

What a :class:`StepPlan` keeps lies in the caller's memory, what its loops alone need is a variable.

>>> import elman
>>> from elman.export.network import take
>>> part = take(elman.nn.Recurrent(elman.cells.elman, 3, 5)).layers[0][0]
>>> print(Step(part, "net", "l0").statements("x")[-1])
for (j = 0; j < 5; j++) state->l0_h[j] = state->l0__9[j];
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from elman.export.c_functions import number
from elman.export.step_plan import StepPlan

_WRITTEN = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-({0})",
    "sqrt": "sqrtf({0})",
    "sin": "sinf({0})",
    "cos": "cosf({0})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "select": "{0} ? {1} : {2}",
    "spread": "{0}",
}
_FOREIGN = re.compile(r"[^0-9A-Za-z_]")  # letters that C does not have
FUNCTIONS = ("exp", "sigmoid", "tanh", "log", "log1p", "maximum")
"""The primitives that are functions of their own."""


@dataclass(frozen=True)
class Step(StepPlan):
    """The step of one layer.

    Attributes:
        name: the prefix of functions.
        prefix: of the layer's arrays.
    """

    name: str
    prefix: str

    @cached_property
    def functions(self) -> set[str]:
        """The functions that the step calls."""
        nodes = self.part.program.graph.nodes
        written = {"maximum" if nodes[i].op == "max" else nodes[i].op for i in self.computed}
        return written & set(FUNCTIONS)

    @cached_property
    def weights(self) -> dict[str, int]:
        """The arrays of weights that the step reads, by their names: the nodes of their values."""
        return {self._array(i): i for i in self.static}

    @cached_property
    def memory(self) -> dict[str, int]:
        """The arrays that a step needs, by their names: their lengths; the states come first."""
        states = {self._array(i): self.part.size(i) for i in self.part.program.forward.carries}
        kept = {self._array(i): self.part.size(i) for i in self.computed if i in self.kept}
        return {**states, **kept, **{f"{self._array(i)}_before": self.part.size(i) for i in self.copied}}

    @cached_property
    def state_names(self) -> list[str]:
        """The arrays of the states."""
        return [self._array(i) for i in self.part.program.forward.carries]

    def statements(self, x: str) -> list[str]:
        """Write the step, of which `x` is the input array."""
        lines: list[str] = []
        for kind, nodes in self.order:
            if kind == "loop":
                lines.append(self._loop(nodes, x))
            else:
                lines += {"chain": self._chain, "sum": self._sum, "max": self._max}[kind](nodes[0], x)
        forward, sources = self.part.program.forward, []
        for index in forward.results:
            source = self._read(index, x)
            if index in self.copied:
                array = f"state->{self._array(index)}_before"
                lines.append(f"for (j = 0; j < {self.part.size(index)}; j++) {array}[j] = {source};")
                source = f"{array}[j]"
            sources.append(source)
        for leaf, source in zip(forward.carries, sources, strict=True):
            lines.append(f"for (j = 0; j < {self.part.size(leaf)}; j++) state->{self._array(leaf)}[j] = {source};")
        return lines

    def _chain(self, index: int, x: str) -> Iterable[str]:
        chain, nodes, array = self.chains[index], self.part.program.graph.nodes, f"state->{self._array(index)}"
        start = "0.0f" if chain.init is None else self._read(chain.init, x)
        yield f"for (j = 0; j < {self.part.size(index)}; j++) {array}[j] = {start};"
        for product in chain.products:
            matrix, vector = nodes[product].args
            is_transposed = nodes[product].op == "product_t"
            columns = self.part.size(vector) if is_transposed else self.part.size(matrix)
            source = self._read(vector, x).replace("[j]", "[0]")
            given = f"weights->{self._array(matrix)}, &{source}, {array}"
            function = "add_transposed" if is_transposed else "add"
            yield f"{self.name}_{function}({self.part.size(product)}, {columns}, {given});"

    def _sum(self, index: int, x: str) -> Iterable[str]:
        (value,) = self.part.program.graph.nodes[index].args
        array = f"state->{self._array(index)}[0]"
        yield f"{array} = 0.0f;"
        yield f"for (j = 0; j < {self.part.size(value)}; j++) {array} += {self._read(value, x)};"

    def _max(self, index: int, x: str) -> Iterable[str]:
        (value,) = self.part.program.graph.nodes[index].args
        array, element = f"state->{self._array(index)}[0]", self._read(value, x)
        yield f"{array} = -INFINITY;"
        yield f"for (j = 0; j < {self.part.size(value)}; j++) {array} = {self.name}_maximum({array}, {element});"

    def _loop(self, run: list[int], x: str) -> str:
        inside = set(run)
        nodes, lines = self.part.program.graph.nodes, []
        for index in run:
            node = nodes[index]
            args = [f"v{a}" if a in inside else self._read(a, x) for a in node.args]
            if node.op == "select" and node.args[0] not in inside:
                args[0] = f"{args[0]} != 0.0f"
            called = f"{self.name}_{node.op}({', '.join(args)})"
            value = called if node.op in FUNCTIONS else _WRITTEN[node.op].format(*args)
            lines.append(f"    const {'int' if node.is_mask else 'float'} v{index} = {value};")
            if index in self.kept:
                lines.append(f"    state->{self._array(index)}[j] = {'(float) ' if node.is_mask else ''}v{index};")
        return "\n".join([f"for (j = 0; j < {self.part.size(run[0])}; j++) {{", *lines, "}"])

    def _read(self, index: int, x: str) -> str:
        """Write an element of a value; a single number stands in for all elements."""
        graph = self.part.program.graph
        node = graph.nodes[index]
        if node.op in ("constant", "size"):
            return number(float(self.part.static[index]))
        at = "[0]" if self.part.size(index) == 1 else "[j]"
        if node.op == "input":
            return f"{x}{at}"
        if node.op == "side":
            return f"sides[{graph.sides.index(node.name)}]"
        return f"{'weights' if index in self.part.static else 'state'}->{self._array(index)}{at}"

    def _array(self, index: int) -> str:
        node = self.part.program.graph.nodes[index]
        own = _FOREIGN.sub(lambda letter: f"_u{ord(letter[0]):x}", node.name.replace(".", "_")) or f"_{index}"
        return f"{self.prefix}_{own}"

"""Write one time step of a layer as statements of C.

Everything that an input or a state changes is computed at every step, stage by stage: first the *chains* of a stage,
which start from a value and add one product after the other, in the order of the kernels; then its pointwise work, in
one loop for values of equal length. A value that another loop reads is kept in the caller's memory, any other is a
variable.

>>> import elman
>>> from elman.export.network import take
>>> part = take(elman.nn.Recurrent(elman.cells.elman, 3, 5)).layers[0][0]
>>> print(Step("net", "l0", part).statements("x")[-1])
for (j = 0; j < 5; j++) state->l0_h[j] = state->l0__9[j];
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from elman.autodiff.program import Stage, schedule
from elman.export.c_functions import number
from elman.export.network import Part

_WRITTEN = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-({0})",
    "sqrt": "sqrtf({0})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "select": "{0} ? {1} : {2}",
    "spread": "{0}",
}
_FOREIGN = re.compile(r"[^0-9A-Za-z_]")  # letters that C does not have
FUNCTIONS = ("exp", "sigmoid", "tanh", "log", "log1p", "maximum")
"""The primitives that are functions of their own."""


@dataclass
class SumOfProducts:
    """A sum of products that starts from a value (None: from 0)."""

    init: int | None
    products: list[int]


@dataclass(frozen=True)
class Step:
    """The step of one layer.

    Attributes:
        name: the prefix of functions.
        prefix: of the layer's arrays.
        part: the layer.
    """

    name: str
    prefix: str
    part: Part

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of a step that hoists nothing: all that an input or a state changes."""
        graph, forward = self.part.program.graph, self.part.program.forward
        moving = (*forward.given, *forward.carries)
        return schedule(graph, carries=moving, results=forward.results, given=(), wanted=()).stages

    @cached_property
    def computed(self) -> list[int]:
        """The values of a step, in order."""
        return [i for stage in self.stages for i in (*stage.reductions, *stage.pointwise)]

    @cached_property
    def functions(self) -> set[str]:
        """The functions that the step calls."""
        nodes = self.part.program.graph.nodes
        return {nodes[i].op for i in self.computed} & set(FUNCTIONS)

    @cached_property
    def weights(self) -> dict[str, int]:
        """The arrays of weights that the step reads, by their names: the nodes of their values."""
        nodes = self.part.program.graph.nodes
        read = {a for i in self.computed for a in nodes[i].args} | set(self.part.program.forward.results)
        static = [i for i in sorted(read) if i in self.part.static and nodes[i].op not in ("constant", "size")]
        return {self._array(i): i for i in static}

    @cached_property
    def memory(self) -> dict[str, int]:
        """The arrays that a step needs, by their names: their lengths; the states come first."""
        graph, forward = self.part.program.graph, self.part.program.forward
        states = {self._array(i): self.part.size(i) for i in forward.carries}
        kept = {self._array(i): self.part.size(i) for i in self.computed if i in self.kept}
        copies = {
            f"{self._array(i)}_before": self.part.size(i) for i in forward.results if graph.nodes[i].op == "state"
        }
        return {**states, **kept, **copies}

    @cached_property
    def state_names(self) -> list[str]:
        """The arrays of the states."""
        return [self._array(i) for i in self.part.program.forward.carries]

    @cached_property
    def kept(self) -> set[int]:
        """The values that more than one loop reads or writes: all but those that only their own loop reads."""
        place = {i: number for number, run in enumerate(self.runs) for i in run}
        nodes, kept = self.part.program.graph.nodes, set(self.part.program.forward.results)
        for index in self.computed:
            if index not in place:  # a reduction stays in memory, and so does what it reads
                kept |= {index, *nodes[index].args}
            kept |= {a for a in nodes[index].args if place.get(a) != place.get(index)}
        kept |= {chain.init for chain in self.chains.values() if chain.init is not None}
        return kept - self.joined

    @cached_property
    def runs(self) -> list[list[int]]:
        """The pointwise work of the stages, divided where the length changes."""
        runs: list[list[int]] = []
        for stage in self.stages:
            last = None
            for index in (i for i in stage.pointwise if i not in self.joined and i not in self.chains):
                if self.part.size(index) != last:
                    runs.append([])
                    last = self.part.size(index)
                runs[-1].append(index)
        return runs

    @cached_property
    def joined(self) -> set[int]:
        """The values that are a part of a chain, and exist nowhere by themselves."""
        chains, extended = self._found
        products = {i for chain in chains.values() for i in chain.products}
        return (products | extended) - set(chains)

    @cached_property
    def chains(self) -> dict[int, SumOfProducts]:
        """The chains, by the node of their result."""
        return self._found[0]

    @cached_property
    def _found(self) -> tuple[dict[int, SumOfProducts], set[int]]:
        """Find chains as the planner of the kernels does, and the sums that were extended."""
        nodes, forward = self.part.program.graph.nodes, self.part.program.forward
        stage_of = {i: k for k, stage in enumerate(self.stages) for i in (*stage.reductions, *stage.pointwise)}
        readers: dict[int, int] = {}
        for index in self.computed:
            for arg in nodes[index].args:
                readers[arg] = readers.get(arg, 0) + 1
        chains: dict[int, SumOfProducts] = {}
        extended: set[int] = set()

        def is_open(index: int, stage: int) -> bool:
            alone = readers.get(index) == 1 and index not in forward.results
            return index in chains and alone and stage_of[index] == stage

        for index in sorted(self.computed):
            node, stage = nodes[index], stage_of[index]
            if node.op == "product":
                chains[index] = SumOfProducts(None, [index])
            if node.op != "add":
                continue
            for end, other in (node.args[::-1], node.args):
                if not is_open(end, stage) or chains[end].init is not None or nodes[other].shape != node.shape:
                    continue
                if is_open(other, stage):
                    chains[index] = SumOfProducts(chains[other].init, self._in_order(chains[other], chains[end]))
                    del chains[other]
                    extended.add(other)
                elif stage_of.get(other, -1) < stage:
                    chains[index] = SumOfProducts(other, chains[end].products)
                else:
                    continue
                del chains[end]
                extended.add(end)
                break
        return chains, extended

    def _in_order(self, *chains: SumOfProducts) -> list[int]:
        """Return the products of chains: those of the input first, which the kernels compute before the loop."""
        carried = self.part.program.graph
        late = [i for chain in chains for i in chain.products if self._reads_a_state(carried.nodes[i].args[1])]
        return [i for chain in chains for i in chain.products if i not in late] + late

    def _reads_a_state(self, index: int) -> bool:
        graph = self.part.program.graph
        return any(graph.nodes[i].op == "state" for i in graph.ancestors([index]))

    def statements(self, x: str) -> list[str]:
        """Write the step, of which `x` is the input array."""
        lines: list[str] = []
        runs = iter(self.runs)
        run = next(runs, None)
        for stage in self.stages:
            for index in sorted({*stage.reductions, *stage.pointwise} & {*self.chains} | {*self._sums(stage)}):
                lines += self._chain(index, x) if index in self.chains else self._sum(index, x)
            while run and run[0] in stage.pointwise:
                lines.append(self._loop(run, x))
                run = next(runs, None)
        forward, nodes = self.part.program.forward, self.part.program.graph.nodes
        sources = []
        for index in forward.results:
            source = self._read(index, x)
            if nodes[index].op == "state":  # it is copied first: another state may overwrite it
                array = f"state->{self._array(index)}_before"
                lines.append(f"for (j = 0; j < {self.part.size(index)}; j++) {array}[j] = {source};")
                source = f"{array}[j]"
            sources.append(source)
        for leaf, source in zip(forward.carries, sources, strict=True):
            lines.append(f"for (j = 0; j < {self.part.size(leaf)}; j++) state->{self._array(leaf)}[j] = {source};")
        return lines

    def _sums(self, stage: Stage) -> list[int]:
        nodes = self.part.program.graph.nodes
        return [i for i in stage.reductions if nodes[i].op == "sum"]

    def _chain(self, index: int, x: str) -> Iterable[str]:
        chain, nodes, array = self.chains[index], self.part.program.graph.nodes, f"state->{self._array(index)}"
        start = "0.0f" if chain.init is None else self._read(chain.init, x)
        yield f"for (j = 0; j < {self.part.size(index)}; j++) {array}[j] = {start};"
        for product in chain.products:
            matrix, vector = nodes[product].args
            columns = self.part.size(matrix)
            source = self._read(vector, x).replace("[j]", "[0]")
            given = f"weights->{self._array(matrix)}, &{source}, {array}"
            yield f"{self.name}_add({self.part.size(product)}, {columns}, {given});"

    def _sum(self, index: int, x: str) -> Iterable[str]:
        (value,) = self.part.program.graph.nodes[index].args
        array = f"state->{self._array(index)}[0]"
        yield f"{array} = 0.0f;"
        yield f"for (j = 0; j < {self.part.size(value)}; j++) {array} += {self._read(value, x)};"

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

"""Plan one time step of a layer that is written elsewhere: what is computed, in which order, and what is kept.

Everything that an input or a state changes is computed at every step, stage by stage: first the *chains* of a stage,
which start from a value and add one product after the other, in the order of the kernels; then its pointwise work, in
one loop for values of equal length. A value that another loop reads is kept in memory, any other is a variable.

>>> import elman
>>> from elman.export.network import take
>>> plan = StepPlan(take(elman.nn.Recurrent(elman.cells.elman, 3, 5)).layers[0][0])
>>> [kind for kind, _ in plan.order]
['chain', 'loop']
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from elman.autodiff.program import Stage, schedule
from elman.export.network import Part
from elman.expr.graph import OVER_UNITS, PRODUCTS


@dataclass
class SumOfProducts:
    """A sum of products that starts from a value (None: from 0)."""

    init: int | None
    products: list[int]


@dataclass(frozen=True)
class StepPlan:
    """What one step of a layer computes.

    Attributes:
        part: the layer.
    """

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
    def static(self) -> list[int]:
        """The values that the step reads and that are always the same, but for single numbers of the equations."""
        nodes = self.part.program.graph.nodes
        read = {a for i in self.computed for a in nodes[i].args} | set(self.part.program.forward.results)
        return [i for i in sorted(read) if i in self.part.static and nodes[i].op not in ("constant", "size")]

    @cached_property
    def copied(self) -> list[int]:
        """The old states that become others: they are copied first, because a new one may overwrite them."""
        nodes = self.part.program.graph.nodes
        return [i for i in self.part.program.forward.results if nodes[i].op == "state"]

    @property
    def order(self) -> Iterator[tuple[str, list[int]]]:
        """What is computed in turn: a `chain`, `sum` or `max`, each by its node, or a `loop` over pointwise values."""
        runs = iter(self.runs)
        run = next(runs, None)
        nodes = self.part.program.graph.nodes
        for stage in self.stages:
            sums = {i for i in stage.reductions if nodes[i].op in OVER_UNITS}
            for index in sorted({*stage.reductions, *stage.pointwise} & {*self.chains} | sums):
                yield ("chain" if index in self.chains else nodes[index].op), [index]
            while run and run[0] in stage.pointwise:
                yield "loop", run
                run = next(runs, None)

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
            if node.op in PRODUCTS:
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

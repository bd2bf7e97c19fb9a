"""Write any cell as a loop of ONNX (`Scan`), whose body is the cell's graph; or as one step, without a loop.

The parts of a program keep their places: what is computed before the loop is written before it, for all steps together.
Products that read one vector are one product, whose result is split.
"""

from collections.abc import Sequence

import numpy as np
from onnx import helper

from elman.export.graph import BOOL, FLOAT, GraphWriter, Port, value_info
from elman.export.network import Part
from elman.expr.graph import Node

OPERATIONS = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "neg": "Neg",
    "exp": "Exp",
    "log": "Log",
    "sin": "Sin",
    "cos": "Cos",
    "sqrt": "Sqrt",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "maximum": "Max",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
    "select": "Where",
}
"""The primitives that ONNX has; `log1p`, sums, products and repetition are written below."""


class Values:
    """The values of a part's graph in a graph of ONNX: the name of each."""

    def __init__(self, writer: GraphWriter, part: Part, names: dict[int, str]) -> None:
        self.writer, self.part, self.names = writer, part, names
        self.nodes: Sequence[Node] = part.program.graph.nodes

    def name(self, index: int) -> str:
        """Return the name of a value; one that is static becomes a constant."""
        if index not in self.names:
            self.names[index] = self.writer.constant(self.part.static[index].numpy())
        return self.names[index]

    def compute(self, indices: Sequence[int]) -> None:
        """Write nodes of the schedule, in its order."""
        for index in indices:
            if index not in self.names:
                if self.nodes[index].op == "product":
                    self._multiply(index, indices)
                else:
                    self.names[index] = self._write(self.nodes[index])

    def _multiply(self, index: int, indices: Sequence[int]) -> None:
        vector = self.nodes[index].args[1]
        alike = [i for i in indices if self.nodes[i].op == "product" and self.nodes[i].args[1] == vector]
        matrices = [self.part.static[self.nodes[i].args[0]].numpy() for i in alike]
        stacked = self.writer.constant(np.concatenate(matrices).T)
        product = self.writer.add("MatMul", self.name(vector), stacked)
        rows = [len(matrix) for matrix in matrices]
        parts = [product]
        if len(alike) > 1:
            parts = self.writer.add_several("Split", len(alike), product, self.writer.indices(*rows), axis=-1)
        self.names.update(zip(alike, parts, strict=True))

    def _write(self, node: Node) -> str:
        add = self.writer.add
        args = [self.name(a) for a in node.args]
        if node.op == "sum":
            return add("ReduceSum", args[0], self.writer.indices(-1), keepdims=1)
        if node.op == "product_t":
            return add("MatMul", args[1], args[0])
        if node.op == "max":
            return add("ReduceMax", args[0], axes=[-1], keepdims=1)
        if node.op == "spread":
            return add("Expand", args[0], self.writer.indices(1, self.part.size(node.args[1])))
        if node.op == "log1p":
            # With u = 1 + x rounded, log1p x = log u − (u − 1 − x)/u: the last term is the error of u.
            one = self.writer.constant(np.float32(1))
            u = add("Add", one, args[0])
            return add("Sub", add("Log", u), add("Div", add("Sub", add("Sub", u, one), args[0]), u))
        return add(OPERATIONS[node.op], *args)


def write_loop(
    writer: GraphWriter, part: Part, x: str, states: Sequence[str], sides: Sequence[str], valid: str, reverse: bool
) -> tuple[str, list[str]]:
    """Write a loop over time.

    Args:
        writer: the graph around the loop.
        part: the layer in one direction.
        x: name of (T, B, I).
        states: names of the states before the first step, each (B, its size).
        sides: names of the side inputs, each (T, B, 1).
        valid: name of (T, B, 1), whether a step is real.
        reverse: from the last step to the first.

    Returns:
        The names of the output (T, B, size of the first state) and of the final states.
    """
    graph, schedule = part.program.graph, part.program.forward
    outside = Values(writer, part, {graph.input: x, **_sides(part, sides)})
    outside.compute(schedule.before)
    loop = _loop(part)
    read = {a for i in loop for a in graph.nodes[i].args} | set(schedule.results)
    timed = [i for i in sorted({*schedule.before, *schedule.given}) if i in read]

    body = GraphWriter(writer)
    carried = [body.fresh("state") for _ in states]
    scanned = [body.fresh("value") for _ in timed]
    is_real = body.fresh("real")
    inside = Values(body, part, dict(zip((*schedule.carries, *timed), (*carried, *scanned), strict=True)))
    inside.compute(loop)
    new = [body.add("Where", is_real, inside.name(i), old) for i, old in zip(schedule.results, carried, strict=True)]
    output = body.add("Where", is_real, new[0], body.constant(np.float32(0)))

    # Runtimes reuse memory by the names of free axes, and another loop may run over another number of examples.
    examples = body.fresh("examples")

    def port(name: str, index: int) -> Port:
        kind = BOOL if graph.nodes[index].is_mask else FLOAT
        return Port(name, (examples, part.size(index)), kind)

    inputs = [port(n, i) for n, i in zip((*carried, *scanned), (*schedule.carries, *timed), strict=True)]
    outputs = [port(n, i) for n, i in zip((*new, output), (*schedule.carries, schedule.carries[0]), strict=True)]
    step = helper.make_graph(
        body.nodes,
        "step",
        [*map(value_info, [*inputs, Port(is_real, (examples, 1), BOOL)])],
        [*map(value_info, outputs)],
    )
    directions = {
        "scan_input_directions": [int(reverse)] * (len(timed) + 1),
        "scan_output_directions": [int(reverse)],
    }
    stacks = [outside.name(i) for i in timed]
    *final, whole = writer.add_several(
        "Scan", len(states) + 1, *states, *stacks, valid, body=step, num_scan_inputs=len(timed) + 1, **directions
    )
    return whole, final


def write_step(writer: GraphWriter, part: Part, x: str, states: Sequence[str], sides: Sequence[str]) -> list[str]:
    """Write one step.

    Args:
        writer: the graph.
        part: the layer.
        x: name of (B, I).
        states: names of the states before the step, each (B, its size).
        sides: names of the side inputs, each (B, 1).

    Returns:
        The names of the states after it.
    """
    graph, schedule = part.program.graph, part.program.forward
    before = dict(zip(schedule.carries, states, strict=True))
    values = Values(writer, part, {graph.input: x, **_sides(part, sides), **before})
    values.compute(schedule.before)
    values.compute(_loop(part))
    new = []
    for index, old in zip(schedule.results, states, strict=True):
        value = values.name(index)
        # A state that depends on nothing has no axis of examples yet.
        new.append(value if graph.moves[index] else writer.add("Expand", value, writer.add("Shape", old)))
    return new


def _loop(part: Part) -> list[int]:
    return [i for stage in part.program.forward.stages for i in (*stage.reductions, *stage.pointwise)]


def _sides(part: Part, sides: Sequence[str]) -> dict[int, str]:
    leaves = part.program.graph.leaves
    return {leaves["side", name]: given for name, given in zip(part.program.sides, sides, strict=True)}

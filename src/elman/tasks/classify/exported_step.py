"""One time step of a classifier as a graph of ONNX: the answer by the steps so far, states in and out.

Pooling over time is carried as further states: the sum and the number of the outputs; their maximum; or, for attention,
their sum by the weights beside the sum of the weights, both relative to the highest score so far.
"""

import numpy as np
from torch import Tensor

from elman.encoders.fronts import PlacedUnits, PlainFrames, Units
from elman.errors import ConfigError
from elman.export.checking import LENGTHS
from elman.export.graph import GraphWriter, Port, Session
from elman.export.models import Feeds, ModelGraph, run_steps
from elman.export.network import take
from elman.export.pieces import numbers_of, write_front, write_linear
from elman.export.ports import axis_length, read_states, state_ports
from elman.export.readouts import write_answer, write_joint
from elman.export.sides import write_sides
from elman.export.stack import require_forward, write_network_step
from elman.tasks.classify.exported_input import SequenceInput, input_of
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.module import SequenceClassifier

_State = tuple[Port, str]


def write_step(model: TrainedClassifier) -> ModelGraph:
    """Write the graph of one time step.

    Raises:
        ConfigError: the answer of the model is not that of one network, or it reads several steps at once.
    """
    module, writer, given = model.module, GraphWriter(), _find_input(model)
    steps = given.write_steps(writer, writer.add("Unsqueeze", "steps", writer.indices(0)), 0)
    x, _ = write_front(writer, module.front, steps, "")
    network = take(module.recurrent)
    states, inputs = read_states(writer, network, axis_length(writer, "steps", 0))
    x = writer.add("Squeeze", x, writer.indices(0))
    given_sides, times = given.sides.write_step(writer, given.units(0))
    (sides,) = write_sides(writer, network, module.sides, x, given_sides)
    output, final = write_network_step(writer, network, x, states, sides)
    carried = list(zip(inputs, state_ports(network, "final"), states, final, strict=True))
    carried += [
        (before, Port(before.name.replace("initial", "final"), before.axes), before.name, value)
        for before, value in _pool(writer, module, output)
    ]
    carried += [(time.before, time.after, time.before.name, time.value) for time in times]
    after = [value for *_, value in carried]
    most = given.most(0)
    if most is not None:
        count = Port("initial_steps", ("batch", 1), default=np.zeros((1, 1), np.float32))
        is_read = writer.add("Less", count.name, writer.constant(np.float32(most)))
        after = [writer.add("Where", is_read, value, old) for value, (*_, old, _) in zip(after, carried, strict=True)]
        after.append(writer.add("Add", count.name, writer.constant(np.float32(1))))
        carried.append((count, Port("final_steps", count.axes), count.name, after[-1]))
    covariates = "" if given.covariates is None else given.covariates.write(writer, 0)
    pooled = write_joint(writer, _read_pool(writer, module, after, len(states)), covariates, module.joint)
    outputs = write_linear(writer, pooled, module.readout)
    if model.blend.network != 1:
        outputs = writer.add("Mul", outputs, writer.constant(np.float32(model.blend.network)))
    answer = write_answer(writer, outputs, model.targets)
    names = [before.name for before, *_ in carried]

    def run(session: Session, feeds: Feeds) -> list[np.ndarray]:
        same = {port.name: feeds[port.name] for port in given.ports(step=True)}
        own = [port.name for port in given.own_ports(step=True)]
        rows: list[Feeds] = [
            {**same, **{name: feeds[name][:, t] for name in own}} for t in range(feeds["steps"].shape[1])
        ]
        return [run_steps(session, rows, names)[0][-1]]

    def expect(module: SequenceClassifier, feeds: dict[str, Tensor]) -> list[Tensor]:
        steps, lengths, covariates = given.encode(feeds, 0)
        dtype = module.readout.weight.dtype
        outputs = (
            module(steps.to(dtype) if steps.is_floating_point() else steps, lengths, covariates) * model.blend.network
        )
        if model.targets.kind == "number":
            return [outputs[:, 0].double() * model.targets.deviation + model.targets.mean]
        return [model.targets.probabilities(outputs)]

    random = np.random.default_rng(26)
    cases: list[Feeds] = [{**given.draw(steps, random), "lengths": np.array([steps, steps])} for steps in LENGTHS]
    ports = [*given.ports(step=True), *(before for before, *_ in carried)]
    ends = [(behind, value) for (_, behind, *_), value in zip(carried, after, strict=True)]
    reads = {
        **given.reads,
        "number": "the answer by the steps so far",
        "probabilities": "of `classes`, by the steps so far",
    }
    return ModelGraph(writer, ports, [answer, *ends], module, cases, expect, reads, run)


def _find_input(model: TrainedClassifier) -> SequenceInput:
    """Return what a model reads, if it can read it step by step."""
    given = input_of(model.alone())
    if not isinstance(given, SequenceInput) or not isinstance(model.module.front, Units | PlainFrames):
        placed = isinstance(model.module.front, PlacedUnits)
        many = "reads the place of each step" if placed else "reads several steps at once"
        what = many if isinstance(given, SequenceInput) else "reads rows, which are one step"
        raise ConfigError(f"export: this model {what}. Drop --step.")
    if model.module.strands is not None:
        raise ConfigError("export: this model reads both strands, the other one from its end. Drop --step.")
    require_forward(model.module.recurrent)
    if model.alone() is not model:
        raise ConfigError(
            "export: the answer of this model is made of more than one network, and a step is of one. Add --alone."
        )
    return given


def _pool(writer: GraphWriter, module: SequenceClassifier, output: str) -> list[_State]:
    """Write the states of pooling behind an output (B, n), each with the port that it had before."""
    add, size = writer.add, module.recurrent.output_size

    def port(name: str, axis: int, value: float) -> Port:
        return Port(f"initial_{name}", ("batch", axis), default=np.full((1, axis), value, np.float32))

    if module.pooling == "last":
        return []
    if module.pooling == "max":
        highest = port("highest", size, -np.inf)
        return [(highest, add("Max", highest.name, output))]
    total, weight = port("sum", size, 0.0), port("weight", 1, 0.0)
    if module.pooling == "mean":
        count = add("Add", weight.name, writer.constant(np.float32(1)))
        return [(total, add("Add", total.name, output)), (weight, count)]
    assert module.query is not None
    score = add("MatMul", output, writer.constant(numbers_of(module.query)[:, None]))
    highest = port("score", 1, -np.inf)
    now = add("Max", highest.name, score)
    kept, new = (add("Exp", add("Sub", one, now)) for one in (highest.name, score))
    summed = add("Add", add("Mul", total.name, kept), add("Mul", output, new))
    return [
        (total, summed),
        (weight, add("Add", add("Mul", weight.name, kept), new)),
        (highest, now),
    ]


def _read_pool(writer: GraphWriter, module: SequenceClassifier, after: list[str], states: int) -> str:
    """Write the pooled output (B, n): what the states behind a step say of all steps so far."""
    if module.pooling == "last":
        return writer.add("Gather", after[0], writer.constant(np.int64(-1)), axis=0)
    if module.pooling == "max":
        return after[states]
    return writer.add("Div", after[states], after[states + 1])

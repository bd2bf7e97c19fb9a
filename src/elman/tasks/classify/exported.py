"""A classifier as a graph of ONNX: from the encoded sequence to probabilities of classes or labels, or to the number.

All networks are inside, each with its baseline if that is mixed in; so is what ONNX can say of reading: the scaling of
numbers, flags of missing ones, one-hot categories, fronts, pooling. The numbers of words and letters are in the card,
as the encoder writes itself.
"""

from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from elman.encoders.strands import Strands
from elman.encoders.targets import Targets
from elman.export.checking import LENGTHS
from elman.export.graph import DOUBLE, FLOAT, GraphWriter
from elman.export.models import ModelGraph
from elman.export.network import take
from elman.export.pieces import numbers_of, write_front, write_linear, write_other_strand
from elman.export.ports import axis_length, zero_states
from elman.export.readouts import write_answer, write_joint, write_pooling
from elman.export.sides import write_doubt, write_sides
from elman.export.stack import write_network
from elman.scores.classes import NumberScores
from elman.scores.tables import show_share
from elman.tasks.classify.exported_baseline import expect_baseline, write_baseline_graph
from elman.tasks.classify.exported_input import ClassifierInput, WrittenInput, input_of
from elman.tasks.classify.exported_step import write_step
from elman.tasks.classify.member import FoldMember, average, to_scale
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.module import SequenceClassifier
from elman.vocabulary.tally import BETWEEN, FIRST, UNKNOWN
from elman.vocabulary.words import pattern_of


def describe(model: TrainedClassifier, alone: str = "") -> dict[str, Any]:
    """Return what the card says about this model alone; `alone` names a network that was one of several."""
    own = {"classes": model.classes, "targets": model.targets.kind, "columns": model.columns.to_dict()}
    given = input_of(model)
    encoder = given.encoder
    special = {"padding": 0, "unknown": UNKNOWN, "between_columns": BETWEEN, "first": FIRST}
    return {
        **own,
        "holds": _say_whole(model, alone),
        "networks": len(model.members),
        "mixed": model.blend.to_dict(),
        "encoder": encoder.to_dict(),
        **({} if given.covariates is None else {"covariates": given.covariates.encoder.to_dict()}),
        **({"special_units": special} if encoder.units else {}),
        **({"pattern": pattern_of()} if getattr(encoder, "unit", "") == "word" else {}),
    }


def score_alone(model: TrainedClassifier) -> str:
    """Write the held-out score of a network without others and without its baseline; empty where it has none."""
    validation = model.metrics.get("validation", {})
    own = model.metrics.get("network") if model.blend.baseline else validation
    if not validation or not own:
        return ""
    measure = validation["measure"]
    score = own[measure.lower().replace("-", "_")]
    if score is None:
        return ""
    return f"{measure} {f'{score:.4g}' if measure == NumberScores.measure else show_share(score)}"


def graphs(model: TrainedClassifier) -> dict[str, ModelGraph]:
    """Write the graph of a model.

    Raises:
        ConfigError: its networks read their examples in different ways, or one has a front that is not in ONNX.
    """
    writer, members, targets = GraphWriter(), model.members, model.targets
    given = input_of(model)
    mixed = [_write_mixed(writer, model, one, given.write(writer, number)) for number, one in enumerate(members)]
    outputs = mixed[0]
    for one in mixed[1:]:
        outputs = writer.add("Add", outputs, one)
    if len(mixed) > 1:
        outputs = writer.add("Div", outputs, writer.constant(np.float32(len(mixed))))
    answer = write_answer(writer, outputs, targets)

    def expect(networks: _Networks, feeds: dict[str, Tensor]) -> list[Tensor]:
        outputs = average(
            [_expect(model, given, number, networks.parts(number), feeds) for number in range(len(members))]
        )
        if targets.kind == "number":
            return [outputs[:, 0].double() * targets.deviation + targets.mean]
        return [targets.probabilities(outputs)]

    random = np.random.default_rng(26)
    cases = [given.draw(steps, random) for steps in LENGTHS]
    reads = {
        **given.reads,
        "lengths": "the steps of each example; left out, all are read",
        "number": "the answer",
        "probabilities": "of `classes`, in their order",
    }
    return {"": ModelGraph(writer, given.ports(), [answer], _Networks(members), cases, expect, reads)}


def step_graphs(model: TrainedClassifier) -> dict[str, ModelGraph]:
    """Write the graph of one time step: the answer by the steps so far, states in and out.

    Raises:
        ConfigError: the answer of the model is not that of one network, or it reads several steps at once.
    """
    return {"": write_step(model)}


class _Networks(nn.Module):
    """The layers of all networks and of their baselines."""

    def __init__(self, members: tuple[FoldMember, ...]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(one.module for one in members)
        self.baselines = nn.ModuleList(one.baseline.module for one in members if one.baseline is not None)
        self.eval()

    def parts(self, number: int) -> tuple[SequenceClassifier, nn.Module | None]:
        """Return the layers of a network, and those of its baseline."""
        baseline = self.baselines[number] if len(self.baselines) else None
        return cast("SequenceClassifier", self.networks[number]), baseline


def _say_whole(model: TrainedClassifier, alone: str) -> str:
    networks, blend = len(model.members), model.blend
    what = alone or ("one network" if networks == 1 else f"the mean of {networks} networks")
    if model.targets.kind != "number" and blend.network != 1:
        what += f", at temperature {blend.temperature:.3g}"
    baselines = sorted({one.baseline.what for one in model.members if one.baseline is not None and blend.baseline})
    each = "each " if networks > 1 else ""
    return f"{what}, {each}mixed with {' or '.join(baselines)}" if baselines else what


def _write_mixed(writer: GraphWriter, model: TrainedClassifier, member: FoldMember, given: WrittenInput) -> str:
    """Write the outputs of a network, mixed with those of its baseline, in the scale of the first: (B, outputs)."""
    strands = member.module.strands
    if strands is None:
        return _write_reading(writer, model, member, given)
    both = _write_both_strands(writer, strands, given)
    halves = writer.indices(2, -1, model.targets.outputs)
    answers = writer.add("Reshape", _write_reading(writer, model, member, both), halves)
    total = writer.add("ReduceSum", answers, writer.indices(0), keepdims=0)
    return writer.add("Mul", total, writer.constant(np.float32(0.5)))


def _write_both_strands(writer: GraphWriter, strands: Strands, given: WrittenInput) -> WrittenInput:
    """Write 2·B examples: what is given, and behind it the other strands."""
    other = write_other_strand(writer, strands, given.steps, given.lengths)
    lengths = writer.add("Concat", given.lengths, given.lengths, axis=0)
    covariates = given.covariates and writer.add("Concat", given.covariates, given.covariates, axis=0)
    return WrittenInput(writer.add("Concat", given.steps, other, axis=1), lengths, covariates=covariates)


def _write_reading(writer: GraphWriter, model: TrainedClassifier, member: FoldMember, given: WrittenInput) -> str:
    outputs = _write_to_scale(writer, _write_one(writer, member.module, given), member.targets, model.targets)
    if model.blend.network != 1:
        outputs = writer.add("Mul", outputs, writer.constant(np.float32(model.blend.network)))
    if member.baseline is None or not model.blend.baseline:
        return outputs
    units = getattr(member.encoder.front, "units", 0)
    baseline = write_baseline_graph(
        writer, member.baseline, given.joined(writer), given.lengths, units, given.covariates
    )
    scaled = _write_to_scale(writer, baseline, member.targets, model.targets)
    return writer.add("Add", outputs, writer.add("Mul", scaled, writer.constant(np.float32(model.blend.baseline))))


def _write_one(writer: GraphWriter, module: SequenceClassifier, given: WrittenInput) -> str:
    network = take(module.recurrent)
    x, real = write_front(writer, module.front, given.steps, given.lengths)
    start = zero_states(writer, network, axis_length(writer, x, 1))
    sides = write_sides(writer, network, module.sides, x, given.carried, real)
    output, final = write_network(writer, network, x, start, real, sides)
    query = None if module.query is None else numbers_of(module.query)
    pooled = write_pooling(writer, module.pooling, output, final[0], real, network.directions == 2, query)
    outputs = write_linear(writer, write_joint(writer, pooled, given.covariates, module.joint), module.readout)
    if not given.carried:
        return outputs
    doubt = writer.add("Unsqueeze", write_doubt(writer, given.carried, real), writer.indices(1))
    return writer.add("Add", outputs, doubt)


def _write_to_scale(writer: GraphWriter, outputs: str, of: Targets, to: Targets) -> str:
    """Write scaled numbers in the scale of other targets, as :func:`elman.tasks.classify.member.to_scale` does."""
    if of.kind != "number" or (of.mean, of.deviation) == (to.mean, to.deviation):
        return outputs
    scaled = writer.add("Mul", writer.add("Cast", outputs, to=DOUBLE), writer.constant(np.float64(of.deviation)))
    moved = writer.add("Add", scaled, writer.constant(np.float64(of.mean - to.mean)))
    return writer.add("Cast", writer.add("Div", moved, writer.constant(np.float64(to.deviation))), to=FLOAT)


def _expect(
    model: TrainedClassifier,
    given: ClassifierInput,
    number: int,
    parts: tuple[SequenceClassifier, nn.Module | None],
    feeds: dict[str, Tensor],
) -> Tensor:
    """Compute the outputs of a network, mixed with those of its baseline."""
    (network, layers), member = parts, model.members[number]
    dtype = network.readout.weight.dtype
    steps, lengths, covariates = given.encode(feeds, number)
    steps = steps.to(dtype) if steps.is_floating_point() else steps
    outputs = to_scale(network(steps[: int(lengths.max())], lengths, covariates), member.targets, model.targets)
    if member.baseline is None or layers is None:
        return model.blend.mix(outputs, None)
    baseline = expect_baseline(member.baseline, layers, steps, lengths, covariates)
    return model.blend.mix(outputs, to_scale(baseline, member.targets, model.targets))

"""A classifier as a graph of ONNX: from the encoded sequence to probabilities of classes or labels, or to the number.

What ONNX can say is inside: the scaling of numbers, flags of missing ones, one-hot categories, fronts, pooling. The
numbers of words and letters are in the card, as the encoder writes itself.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.encoders.encoder import Encoder
from elman.encoders.fronts import MotifsFront, UnitsFront
from elman.encoders.series import SeriesEncoder
from elman.encoders.table import TableEncoder
from elman.errors import ConfigError
from elman.export.checking import LENGTHS
from elman.export.graph import DOUBLE, FLOAT, INT64, GraphWriter, Port
from elman.export.models import Feeds, ModelGraph, random_lengths
from elman.export.network import take
from elman.export.pieces import numbers_of, write_front, write_linear, write_scaling
from elman.export.ports import axis_length, read_lengths, zero_states
from elman.export.readouts import write_answer, write_pooling
from elman.export.stack import write_network
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.module import SequenceClassifier
from elman.vocabulary.tally import BETWEEN, FIRST, UNKNOWN

_MISSING = 0.1  # of the numbers of a comparison


def describe(model: TrainedClassifier) -> dict[str, Any]:
    """Return what the card says about this model alone."""
    own = {"classes": model.classes, "targets": model.targets.kind, "columns": model.columns.to_dict()}
    special = {"padding": 0, "unknown": UNKNOWN, "between_columns": BETWEEN, "first": FIRST}
    return {**own, "encoder": model.encoder.to_dict(), **({"special_units": special} if model.encoder.units else {})}


def graph(model: TrainedClassifier) -> ModelGraph:
    """Write the graph of a model.

    Raises:
        ConfigError: the model is not one network.
    """
    module, writer = model.module, GraphWriter()
    if type(module) is not SequenceClassifier:
        raise ConfigError(f"export: this model is a {type(module).__name__}, and one network is exported to ONNX.")
    if model.others or model.blend.baseline:
        what = f"the mean of {1 + len(model.others)} networks" if model.others else "mixed with that of a baseline"
        raise ConfigError(
            f"export: the answer of this model is {what}, and one network is exported to ONNX. Train it with --folds 1 "
            "and --alone."
        )
    steps, lengths, ports = _read(writer, model.encoder)
    network = take(module.recurrent)
    x, real = write_front(writer, module.front, steps, lengths)
    start = zero_states(writer, network, axis_length(writer, x, 1))
    output, final = write_network(writer, network, x, start, real)
    query = None if module.query is None else numbers_of(module.query)
    pooled = write_pooling(writer, module.pooling, output, final[0], real, network.directions == 2, query)
    outputs = write_linear(writer, pooled, module.readout)
    if model.blend.network != 1:
        outputs = writer.add("Mul", outputs, writer.constant(np.float32(model.blend.network)))
    answer = write_answer(writer, outputs, model.targets)

    def expect(module: SequenceClassifier, feeds: dict[str, Tensor]) -> list[Tensor]:
        dtype = module.readout.weight.dtype
        steps, lengths = _encode(model.encoder, feeds)
        outputs = module(steps.to(dtype) if steps.is_floating_point() else steps, lengths) * model.blend.network
        if model.targets.kind == "number":
            return [outputs[:, 0].double() * model.targets.deviation + model.targets.mean]
        return [model.targets.probabilities(outputs)]

    return ModelGraph(writer, ports, [answer], module, list(_cases(model.encoder)), expect, _reads(model))


def _read(writer: GraphWriter, encoder: Encoder) -> tuple[str, str, list[Port]]:
    """Write the inputs: the time-major steps, and the lengths."""
    if isinstance(encoder, TableEncoder):
        return _read_row(writer, encoder)
    kind = INT64 if encoder.units else DOUBLE if isinstance(encoder, SeriesEncoder) else FLOAT
    port = Port("steps", ("batch", "time", _width(encoder)), kind)
    steps = writer.add("Transpose", "steps", perm=[1, 0, 2])
    lengths = read_lengths(writer, "steps", batch=0, time=1)
    if isinstance(encoder, SeriesEncoder):
        steps = write_scaling(writer, steps, encoder.scaling)
    return steps, lengths.value, [port, lengths.port]


def _read_row(writer: GraphWriter, encoder: TableEncoder) -> tuple[str, str, list[Port]]:
    """Write the inputs of a row of a table, which is one step."""
    parts, ports = [], []
    if encoder.numbers:
        parts.append(write_scaling(writer, "numbers", encoder.scaling))
        ports.append(Port("numbers", ("batch", len(encoder.numbers)), DOUBLE))
    if encoder.categories:
        ports.append(Port("categories", ("batch", len(encoder.categories)), INT64))
    for column, known in enumerate(encoder.categories.values()):
        chosen = writer.add("Gather", "categories", writer.indices(column), axis=1)
        same = writer.add("Equal", chosen, writer.constant(np.arange(len(known), dtype=np.int64)))
        parts.append(writer.add("Cast", same, to=FLOAT))
    row = parts[0] if len(parts) == 1 else writer.add("Concat", *parts, axis=1)
    batch = axis_length(writer, ports[0].name, 0)
    lengths = writer.add("Expand", writer.constant(np.int64(1)), batch)
    return writer.add("Unsqueeze", row, writer.indices(0)), lengths, ports


def _width(encoder: Encoder) -> int:
    """Return K: a unit and its letters, or the numbers of a step as they are given."""
    if isinstance(encoder, SeriesEncoder):
        return len(encoder.scaling.means)
    front = encoder.front
    if isinstance(front, UnitsFront):
        return 1 + (getattr(encoder, "width", 0) if front.letters else 0)
    return 1 if isinstance(front, MotifsFront) else front.size


def _encode(encoder: Encoder, feeds: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Encode what the file reads as the encoder does: time-major steps, and lengths."""
    if not isinstance(encoder, TableEncoder):
        steps = feeds["steps"].transpose(0, 1)
        if isinstance(encoder, SeriesEncoder):
            flat = encoder.scaling.apply(steps.reshape(-1, steps.shape[2]).numpy())
            steps = flat.view(*steps.shape[:2], -1)
        return steps, feeds["lengths"]
    batch = len(next(iter(feeds.values())))
    parts = [encoder.scaling.apply(feeds["numbers"].numpy())] if encoder.numbers else []
    for column, known in enumerate(encoder.categories.values()):
        part = torch.zeros(batch, len(known))
        for row, chosen in enumerate(feeds["categories"][:, column].tolist()):
            if chosen >= 0:
                part[row, chosen] = 1.0
        parts.append(part)
    return torch.cat(parts, 1)[None], torch.ones(batch, dtype=torch.int64)


def _cases(encoder: Encoder) -> "list[Feeds]":
    random = np.random.default_rng(26)
    return [_case(encoder, steps, random) for steps in LENGTHS]


def _case(encoder: Encoder, steps: int, random: np.random.Generator) -> Feeds:
    """Draw inputs: two examples of unequal length."""
    if isinstance(encoder, TableEncoder):
        feeds = {}
        if encoder.numbers:
            feeds["numbers"] = _numbers(random, (2, len(encoder.numbers)), encoder.scaling)
        if encoder.categories:
            columns = [random.integers(-1, max(len(known), 1), 2) for known in encoder.categories.values()]
            feeds["categories"] = np.stack(columns, 1)
        return feeds
    shape, front = (2, steps, _width(encoder)), encoder.front
    if isinstance(encoder, SeriesEncoder):
        given = _numbers(random, shape, encoder.scaling)
    elif isinstance(front, UnitsFront | MotifsFront):
        given = random.integers(1, front.units, shape)
        if isinstance(front, UnitsFront) and front.letters:
            letters = random.integers(1, front.letters, (*shape[:2], shape[2] - 1))
            ends = random.integers(0, shape[2], (*shape[:2], 1))
            given[:, :, 1:] = np.where(np.arange(shape[2] - 1) < ends, letters, 0)
    else:
        given = random.standard_normal(shape).astype(np.float32)
    return {"steps": given, "lengths": random_lengths(steps)}


def _numbers(random: np.random.Generator, shape: tuple[int, ...], scaling: Any) -> np.ndarray:
    numbers = random.standard_normal(shape) * scaling.deviations + scaling.means
    return np.where(random.random(shape) < _MISSING, np.nan, numbers)


def _reads(model: TrainedClassifier) -> dict[str, str]:
    """Return a sentence for each input and output."""
    encoder = model.encoder
    reads = {"lengths": "the steps of each example; left out, all are read"}
    if isinstance(encoder, TableEncoder):
        reads["numbers"] = f"the columns {', '.join(encoder.numbers)}, as they are; NaN where one is missing"
        reads["categories"] = f"for {', '.join(encoder.categories)}: the place in `encoder`, -1 for any other value"
    elif isinstance(encoder, SeriesEncoder):
        reads["steps"] = "the numbers of each step, as they are; NaN where one is missing"
    else:
        kinds = "the number of a unit, then those of its letters, as `encoder` and `special_units` say"
        reads["steps"] = kinds if encoder.units else f"features: {encoder.describe()}"
    if model.targets.kind == "number":
        return {**reads, "number": "the answer"}
    return {**reads, "probabilities": "of `classes`, in their order"}

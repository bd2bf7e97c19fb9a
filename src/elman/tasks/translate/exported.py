"""A translator as two graphs of ONNX: an encoder, which reads a source, and one step of the decoder, which looks at it.

The page on export writes greedily with both, in NumPy. Of a model that puts words in order, a step gives ln P of all
units, of which those that are left are taken.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.export.attending import encoder_outputs, step_graph, write_encoder_outputs
from elman.export.checking import LENGTHS
from elman.export.graph import FLOAT, INT64, GraphWriter, Port
from elman.export.models import Feeds, ModelGraph, random_lengths
from elman.export.network import take
from elman.export.pieces import numbers_of, write_real
from elman.export.ports import axis_length, read_lengths, zero_states
from elman.export.stack import write_network
from elman.tasks.translate.model import MOST_UNITS, TrainedTranslator
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.writer import longest_target
from elman.vocabulary.side import Side
from elman.vocabulary.words import Words, pattern_of


def describe(model: TrainedTranslator) -> dict[str, Any]:
    """Return what the card says about this model alone."""
    target = model.encoder.target
    longest = {"spare": longest_target(0), "times": longest_target(1) - longest_target(0), "source": MOST_UNITS}
    return {
        "holds": "an encoder, and one step of the decoder with its attention",
        "source": _describe_side(model.encoder.source),
        "target": {**_describe_side(target), "unwritten": list(target.unwritten)},
        "longest": longest,
        "orders_words": model.orders,
    }


def graphs(model: TrainedTranslator) -> dict[str, ModelGraph]:
    """Write the graphs of a model."""
    return {"encoder": _encoder_graph(model), "decoder": step_graph(model.module, None)}


def _describe_side(side: Side) -> dict[str, Any]:
    vocabulary = side.vocabulary
    pattern = {"pattern": pattern_of(vocabulary.tokenized)} if isinstance(vocabulary, Words) else {}
    own = {"vocabulary": vocabulary.to_dict(), "unit": vocabulary.unit, **pattern}
    return {**own, "end": side.end, "unknown": side.unknown}


def _encoder_graph(model: TrainedTranslator) -> ModelGraph:
    module, writer = model.module, GraphWriter()
    units = writer.add("Transpose", "units", perm=[1, 0])
    lengths = read_lengths(writer, "units", batch=0, time=1)
    table = module.target_embedding if module.source_embedding is None else module.source_embedding
    rows = writer.constant(numbers_of(table.weight) * np.float32(module.scale))
    embedded = writer.add("Gather", rows, units)
    if module.bag:
        real = writer.add("Cast", write_real(writer, lengths.value, axis_length(writer, units, 0)), to=FLOAT)
        memory = writer.add("Mul", embedded, writer.add("Unsqueeze", real, writer.indices(2)))
    else:
        network = take(module.recurrent)
        start = zero_states(writer, network, axis_length(writer, units, 1))
        memory, _ = write_network(writer, network, embedded, start, lengths.value)
    outputs = write_encoder_outputs(writer, module, memory, lengths.value)

    def expect(module: TranslationModel, feeds: dict[str, Tensor]) -> list[Tensor]:
        source, lengths = feeds["units"].t(), feeds["lengths"]
        embedded = module.embed(source)
        if module.bag:
            memory = embedded * (torch.arange(len(source))[:, None] < lengths)[..., None]
        else:
            memory, _ = module.recurrent(embedded, None, lengths)
        return encoder_outputs(module, module.encode(source, lengths), memory)

    random = np.random.default_rng(26)
    count = table.num_embeddings
    cases: list[Feeds] = [
        {"units": random.integers(0, count, (2, steps)), "lengths": random_lengths(steps)} for steps in LENGTHS
    ]
    reads = {
        "units": "the numbers of the units of each source in `source`, at most `longest.source`",
        "lengths": "the units of each source; left out, all are read",
        "memory": "for the decoder",
    }
    ports = [Port("units", ("batch", "source"), INT64), lengths.port]
    return ModelGraph(writer, ports, outputs, module, cases, expect, reads)


step_graphs = graphs
"""They are steps in any case."""

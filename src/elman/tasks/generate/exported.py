"""A language model as a graph of ONNX: one step, from a unit and the states to the probabilities of the next unit."""

from typing import Any

import numpy as np
from torch import Tensor

from elman.export.checking import LENGTHS
from elman.export.graph import INT64, GraphWriter, Port, Session
from elman.export.models import Feeds, ModelGraph, run_steps
from elman.export.network import take
from elman.export.pieces import numbers_of, write_embedding, write_linear
from elman.export.ports import axis_length, read_states, state_ports
from elman.export.sides import write_sides
from elman.export.stack import write_network_step
from elman.nn.states import listed
from elman.tasks.generate.model import TrainedModel
from elman.tasks.generate.module import LanguageModel
from elman.vocabulary.words import Words, pattern_of


def describe(model: TrainedModel) -> dict[str, Any]:
    """Return what the card says about this model alone."""
    vocabulary = model.vocabulary
    pattern = {"pattern": pattern_of(vocabulary.tokenized)} if isinstance(vocabulary, Words) else {}
    own = {"vocabulary": vocabulary.to_dict(), "unit": vocabulary.unit, **pattern, "classes": model.classes}
    return {"holds": "one step: a unit and the states in, the probabilities of the next unit and the states out", **own}


def graphs(model: TrainedModel) -> dict[str, ModelGraph]:
    """Write the graph of a model."""
    module, writer = model.module, GraphWriter()
    network = take(module.recurrent)
    x = write_embedding(writer, "units", module.embedding)
    ports = [Port("units", ("batch",), INT64)]
    if module.given is not None:
        x = writer.add("Add", x, write_embedding(writer, "class", module.given))
        ports.append(Port("class", ("batch",), INT64))
    states, inputs = read_states(writer, network, axis_length(writer, "units", 0))
    (sides,) = write_sides(writer, network, module.sides, x, {})
    output, final = write_network_step(writer, network, x, states, sides)
    if module.readout is None:
        assert module.bias is not None
        logits = writer.add("MatMul", output, writer.constant(numbers_of(module.embedding.weight).T))
        logits = writer.add("Add", logits, writer.constant(numbers_of(module.bias)))
    else:
        logits = write_linear(writer, output, module.readout)
    units = module.embedding.num_embeddings
    outputs = [
        (Port("probabilities", ("batch", units)), writer.add("Softmax", logits, axis=1)),
        *zip(state_ports(network, "final"), final, strict=True),
    ]

    def expect(module: LanguageModel, feeds: dict[str, Tensor]) -> list[Tensor]:
        given = None if module.given is None else feeds["class"].expand_as(feeds["units"])
        logits, state = module(feeds["units"], None, given=given)
        return [logits.softmax(-1), *listed(state)]

    def run(session: Session, feeds: Feeds) -> list[np.ndarray]:
        own = {"class": feeds["class"]} if "class" in feeds else {}
        return run_steps(session, [{"units": row, **own} for row in feeds["units"]], [port.name for port in inputs])

    random, classes = np.random.default_rng(26), len(model.classes)
    cases = [
        {
            "units": random.integers(0, units, (steps, 2)),
            **({"class": random.integers(0, classes, 2)} if classes else {}),
        }
        for steps in LENGTHS
    ]
    reads = {
        "units": "the number of a unit in `vocabulary`",
        "class": "the number of a class of `classes`",
        "probabilities": "of each unit to be the next",
    }
    return {"": ModelGraph(writer, [*ports, *inputs], outputs, module, cases, expect, reads, run)}


step_graphs = graphs
"""They are steps in any case."""

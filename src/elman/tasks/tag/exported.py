"""A tagger as a graph of ONNX: from numbered words to a score for each tag, with the transitions of its CRF beside.

The best tags of a sentence are the likeliest of each word; with a CRF they are found by Viterbi's algorithm from the
scores, `transitions`, `start` and `end`, which the page on export shows in NumPy.
"""

from functools import partial
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from elman.export.checking import LENGTHS
from elman.export.graph import INT64, GraphWriter, Port, Session
from elman.export.models import Feeds, ModelGraph, random_lengths, run_steps
from elman.export.network import take
from elman.export.pieces import numbers_of, write_embedding, write_linear, write_real
from elman.export.ports import axis_length, read_lengths, read_states, state_ports, zero_states
from elman.export.sides import CarriedSide, CarriedSides, Units, write_doubt, write_sides
from elman.export.stack import require_forward, write_network, write_network_step
from elman.models.sides import SideInputs
from elman.sides import SideSource
from elman.tasks.tag.model import TrainedTagger
from elman.tasks.tag.module import SequenceTagger, Speller
from elman.vocabulary.tally import FIRST, UNKNOWN


def describe(model: TrainedTagger) -> dict[str, Any]:
    """Return what the card says about this model alone."""
    special = {"padding": 0, "unknown": UNKNOWN, "first": FIRST}
    own = {"tags": list(model.targets.tags), "labels": list(model.targets.labels), "scheme": model.targets.scheme}
    encoder = {name: value for name, value in model.encoder.to_dict().items() if name != "counts"}
    return {
        "holds": "the network: the scores of the tags of each word",
        **own,
        "encoder": encoder,
        "special_units": special,
    }


def graphs(model: TrainedTagger) -> dict[str, ModelGraph]:
    """Write the graph of a model."""
    module, writer = model.module, GraphWriter()
    steps = writer.add("Transpose", "steps", perm=[1, 0, 2])
    lengths = read_lengths(writer, "steps", batch=0, time=1)
    x = _write_words(writer, model, steps)
    network = take(module.recurrent)
    start = zero_states(writer, network, axis_length(writer, x, 1))
    carried, units = _carried(model)
    given = carried.write(writer, units)
    sides = write_sides(writer, network, module.sides, x, given, lengths.value)
    output, _ = write_network(writer, network, x, start, lengths.value, sides)
    emissions = writer.add("Transpose", write_linear(writer, output, module.readout), perm=[1, 0, 2])
    doubt = write_doubt(writer, given, lengths.value) if given else ""
    if doubt:
        emissions = writer.add("Add", emissions, writer.add("Unsqueeze", doubt, writer.indices(1, 2)))
    outputs = [(Port("emissions", ("batch", "time", len(model.targets.tags))), emissions)]
    if module.label is not None:
        real = write_real(writer, lengths.value, axis_length(writer, output, 0))
        nothing = writer.constant(np.float32(-np.inf))
        seen = writer.add("Where", writer.add("Unsqueeze", real, writer.indices(2)), output, nothing)
        highest = writer.add("ReduceMax", seen, axes=[0], keepdims=0)
        if doubt:
            highest = writer.add("Add", highest, writer.add("Unsqueeze", doubt, writer.indices(1)))
        outputs.append(_write_labels(writer, module.label, highest))
    outputs += _write_chain(writer, module)
    ports = [Port("steps", ("batch", "time", _width(model)), INT64), lengths.port, *carried.ports]
    cases = [_case(model, steps, np.random.default_rng(steps)) for steps in LENGTHS]
    reads = {**_READS, **carried.reads}
    return {"": ModelGraph(writer, ports, outputs, module, cases, partial(_expect, model), reads)}


def step_graphs(model: TrainedTagger) -> dict[str, ModelGraph]:
    """Write the graph of one word: states in and out; labels are those of the words so far.

    Raises:
        ConfigError: the model reads from both ends.
    """
    module, writer = model.module, GraphWriter()
    require_forward(module.recurrent)
    x = _write_words(writer, model, writer.add("Unsqueeze", "steps", writer.indices(0)))
    network, batch = take(module.recurrent), axis_length(writer, "steps", 0)
    states, inputs = read_states(writer, network, batch)
    carried, units = _carried(model)
    given, times = carried.write_step(writer, units)
    x = writer.add("Squeeze", x, writer.indices(0))
    (sides,) = write_sides(writer, network, module.sides, x, given)
    output, final = write_network_step(writer, network, x, states, sides)
    outputs = [(Port("emissions", ("batch", len(model.targets.tags))), write_linear(writer, output, module.readout))]
    after = list(zip(state_ports(network, "final"), final, strict=True))
    if module.label is not None:
        before = Port(
            "initial_highest",
            ("batch", network.output_size),
            default=np.full((1, network.output_size), -np.inf, np.float32),
        )
        highest = writer.add("Max", before.name, output)
        outputs.append(_write_labels(writer, module.label, highest))
        inputs.append(before)
        after.append((Port("final_highest", before.axes), highest))
    inputs += [time.before for time in times]
    after += [(time.after, time.value) for time in times]
    chain = _write_chain(writer, module)

    def run(session: Session, feeds: Feeds) -> list[np.ndarray]:
        read = ["steps", *(port.name for port in carried.step_ports)]
        rows: list[Feeds] = [{n: feeds[n][:, t] for n in read} for t in range(feeds["steps"].shape[1])]
        emissions, *others = run_steps(session, rows, [port.name for port in inputs])[: len(outputs) + len(chain)]
        return [emissions.swapaxes(0, 1), *(other[-1] for other in others)]

    cases = [
        {**_case(model, steps, np.random.default_rng(steps)), "lengths": np.array([steps, steps])} for steps in LENGTHS
    ]
    ports = [Port("steps", ("batch", _width(model)), INT64), *carried.step_ports, *inputs]
    reads = {**_READS, **carried.reads, "labels": "the probability of each of `labels`, by the words so far"}
    return {
        "": ModelGraph(writer, ports, [*outputs, *chain, *after], module, cases, partial(_expect, model), reads, run)
    }


_READS = {
    "steps": "the number of a word, then those of its letters and of what is read beside it, as `encoder` and "
    "`special_units` say",
    "lengths": "the words of each sentence; left out, all are read",
    "emissions": "a score for each of `tags`",
    "labels": "the probability of each of `labels`",
    "transitions": "the score of each pair of neighbouring tags: from the row to the column",
    "start": "the score of each tag as the first",
    "end": "the score of each tag as the last",
}


def _expect(model: TrainedTagger, module: SequenceTagger, feeds: dict[str, Tensor]) -> list[Tensor]:
    sides, units = _carried(model)
    carried = sides.compute(feeds, units) if units else None
    output = module(feeds["steps"].transpose(0, 1), feeds["lengths"], carried)
    chain = [] if module.chain is None else [module.chain.transitions, module.chain.start, module.chain.end]
    labels = [] if output.labels is None else [output.labels.softmax(1)]
    return [output.emissions.transpose(0, 1), *labels, *(tensor.detach() for tensor in chain)]


def _carried(model: TrainedTagger) -> tuple[CarriedSides, Units]:
    """Return the side inputs that words carry, and their units."""
    own = model.encoder.sides
    sides = [CarriedSide(name, side.column, side.unit is not None) for name, side in own.items()]
    return CarriedSides(sides), {name: side.unit for name, side in own.items()}


def _letters(model: TrainedTagger) -> int:
    return model.encoder.width if model.module.speller is not None else 0


def _width(model: TrainedTagger) -> int:
    return 1 + _letters(model) + len(model.module.further)


def _write_words(writer: GraphWriter, model: TrainedTagger, steps: str) -> str:
    """Write what the recurrent layers read of words (T, B, K)."""
    module, letters = model.module, _letters(model)
    x = write_embedding(writer, writer.add("Gather", steps, writer.constant(np.int64(0)), axis=2), module.embedding)
    if module.speller is not None:
        x = writer.add("Concat", x, _write_speller(writer, module.speller, steps, x, letters), axis=2)
    for place, column in enumerate(module.further, 1 + letters):
        numbers = writer.add("Gather", steps, writer.constant(np.int64(place)), axis=2)
        x = writer.add("Concat", x, write_embedding(writer, numbers, cast("nn.Embedding", column)), axis=2)
    return x


def _write_labels(writer: GraphWriter, label: nn.Linear, highest: str) -> tuple[Port, str]:
    shares = writer.add("Softmax", write_linear(writer, highest, label), axis=1)
    return Port("labels", ("batch", label.out_features)), shares


def _write_chain(writer: GraphWriter, module: SequenceTagger) -> list[tuple[Port, str]]:
    if module.chain is None:
        return []
    tags = module.readout.out_features
    axes = {"transitions": (tags, tags), "start": (tags,), "end": (tags,)}
    return [(Port(n, own), writer.constant(numbers_of(getattr(module.chain, n)))) for n, own in axes.items()]


def _write_speller(writer: GraphWriter, speller: Speller, steps: str, words: str, width: int) -> str:
    """Write the vectors of words (T, B, n), from their letters; a word without letters keeps a state of zeros."""
    letters = writer.add("Slice", steps, writer.indices(1), writer.indices(1 + width), writer.indices(2))
    flat = writer.add("Reshape", letters, writer.indices(-1, width))
    zero = writer.constant(np.int64(0))
    real = writer.add("Cast", writer.add("Greater", flat, zero), to=INT64)
    lengths = writer.add("ReduceSum", real, writer.indices(1), keepdims=0)
    network = take(speller.recurrent)
    x = write_embedding(writer, writer.add("Transpose", flat, perm=[1, 0]), speller.embedding)
    start = zero_states(writer, network, axis_length(writer, flat, 0))
    ones = SideInputs(network.cell, {name: SideSource(constant=1.0) for name in network.sides})
    _, final = write_network(writer, network, x, start, lengths, write_sides(writer, network, ones, x, {}))
    both = writer.add("Reshape", writer.add("Transpose", final[0], perm=[1, 0, 2]), writer.indices(-1, speller.size))
    shape = writer.add("Slice", writer.add("Shape", words), writer.indices(0), writer.indices(2), writer.indices(0))
    return writer.add("Reshape", both, writer.add("Concat", shape, writer.indices(speller.size), axis=0))


def _case(model: TrainedTagger, steps: int, random: np.random.Generator) -> Feeds:
    """Draw inputs: two sentences of unequal length, words of any number of letters."""
    (words, known), letters = model.encoder.sizes, _letters(model)
    given = random.integers(1, words, (2, steps, 1 + letters))
    if letters:
        drawn, ends = random.integers(1, known, (2, steps, letters)), random.integers(0, letters + 1, (2, steps, 1))
        given[:, :, 1:] = np.where(np.arange(letters) < ends, drawn, 0)
    columns = [random.integers(1, count, (2, steps, 1)) for count in model.encoder.further_sizes]
    carried, units = _carried(model)
    sides = carried.draw((2, steps), units, random)
    return {"steps": np.concatenate([given, *columns], axis=2), "lengths": random_lengths(steps), **sides}

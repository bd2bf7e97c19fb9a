"""A model of music as graphs of ONNX: a step over frames, and one over the notes of a frame.

`frame` reads the notes of the frame before and the states. Where notes are written jointly, `notes` reads what it gives
and the note above, and gives the probabilities of the next note below, or of the end of the frame; where they are
independent, the one file gives the probability of each pitch to be off, to start and to go on.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.music.piece import PITCHES
from elman.export.checking import LENGTHS
from elman.export.graph import FLOAT, INT64, GraphWriter, Port, Session
from elman.export.models import Feeds, ModelGraph, run_steps
from elman.export.network import take
from elman.export.pieces import write_embedding, write_linear
from elman.export.ports import axis_length, read_states, state_ports
from elman.export.stack import write_network_step
from elman.nn.states import States, listed
from elman.tasks.compose.batches import MOST_PLACES
from elman.tasks.compose.embedding import FrameEmbedding
from elman.tasks.compose.exported_notes import NotesGraph, write_sounding
from elman.tasks.compose.independent import IndependentNotes
from elman.tasks.compose.joint import FrameContext, JointNotes
from elman.tasks.compose.model import TrainedComposer
from elman.tasks.compose.module import MusicModel

_NEVER = -1e9
_MOST_NOTES = 8  # of a frame that is drawn to compare with
_READS = {
    "before": "the notes of the frame before from the top, and `end` behind them; a note that goes on is 128 more",
    "older": "those of the frame before that, in the same way",
    "since": f"frames since the start of the bar, at most {MOST_PLACES - 1}",
    "until": f"frames until the next bar, at most {MOST_PLACES - 1}",
    "class": "the number of a class of `music.classes`",
    "output": "what `frame` gave",
    "place": "what `frame` gave",
    "above": "the note above, which was written last; `start` for the first of a frame",
    "rank": "how many notes of this frame are written",
    "probabilities": "of each note to be the next below, and of `end`",
    "shares": "of each pitch the probability to be off, to start, and to go on where that is told apart",
}


def describe(model: TrainedComposer) -> dict[str, Any]:
    """Return what the card says about this model alone."""
    end, is_joint = model.module.notes.end, isinstance(model.module.notes, JointNotes)
    holds = "one step over frames, and one over the notes of a frame" if is_joint else "one step over frames"
    return {"holds": holds, "music": model.music.to_dict(), "end": end, "start": end + 1}


def graphs(model: TrainedComposer) -> dict[str, ModelGraph]:
    """Write the graphs of a model."""
    notes = model.module.notes
    if isinstance(notes, IndependentNotes):
        return {"": _frame_graph(model.module, notes)}
    return {"frame": _frame_graph(model.module, None), "notes": _notes_graph(model.module, notes)}


def _frame_graph(module: MusicModel, notes: IndependentNotes | None) -> ModelGraph:
    """Write a step over frames; with notes that are independent, their probabilities too."""
    writer, embedding, network = GraphWriter(), module.embedding, take(module.recurrent)
    states, inputs = read_states(writer, network, axis_length(writer, "before", 0))
    place = writer.add(
        "Add", write_embedding(writer, "since", embedding.since), write_embedding(writer, "until", embedding.until)
    )
    x = writer.add("Add", _write_notes(writer, embedding), place)
    ports = [Port("before", ("batch", "notes"), INT64), *(Port(n, ("batch",), INT64) for n in ("since", "until"))]
    if embedding.given is not None:
        x = writer.add("Add", x, write_embedding(writer, "class", embedding.given))
        ports.append(Port("class", ("batch",), INT64))
    output, final = write_network_step(writer, network, x, states)
    after = list(zip(state_ports(network, "final"), final, strict=True))
    if notes is None:
        width = embedding.since.embedding_dim
        given = [(Port("output", ("batch", network.output_size)), output), (Port("place", ("batch", width)), place)]
    else:
        shares = _write_shares(writer, notes, output)
        given = [(Port("shares", ("batch", 1 + notes.kinds, PITCHES)), shares)]

    def expect(module: MusicModel, feeds: dict[str, Tensor]) -> list[Tensor]:
        before, since, until = (feeds[name] for name in ("before", "since", "until"))
        embedded = module.embedding(before, since, until, feeds["class"] if "class" in feeds else since[0] * 0)
        output, state = module.recurrent(embedded)
        own = module.notes
        place = module.embedding.place(since, until)
        if not isinstance(own, IndependentNotes):
            return [output, place, *listed(state)]
        found = [own.shares(FrameContext(o, p, b, b)).exp() for o, p, b in zip(output, place, before, strict=True)]
        return [torch.stack(found), *listed(state)]

    def run(session: Session, feeds: Feeds) -> list[np.ndarray]:
        own = {"class": feeds["class"]} if "class" in feeds else {}
        rows = [{n: feeds[n][t] for n in ("before", "since", "until")} for t in range(len(feeds["since"]))]
        return run_steps(session, [{**row, **own} for row in rows], [port.name for port in inputs])

    random = np.random.default_rng(26)
    cases = []
    for steps in LENGTHS:
        places = {name: random.integers(0, MOST_PLACES, (steps, 2)) for name in ("since", "until")}
        own = {"class": random.integers(0, embedding.given.num_embeddings, 2)} if embedding.given is not None else {}
        cases.append({"before": _draw_frames(random, (steps, 2), embedding.end), **places, **own})
    return ModelGraph(writer, [*ports, *inputs], [*given, *after], module, cases, expect, _READS, run)


def _notes_graph(module: MusicModel, notes: JointNotes) -> ModelGraph:
    """Write a step over the notes of a frame."""
    graph = NotesGraph(notes)
    size, width = module.recurrent.output_size, module.embedding.since.embedding_dim
    ports = [
        Port("output", ("batch", size)),
        Port("place", ("batch", width)),
        Port("before", ("batch", "notes"), INT64),
        Port("older", ("batch", "older_notes"), INT64),
        Port("above", ("batch",), INT64),
        Port("rank", ("batch",), INT64),
        *graph.inputs,
    ]

    def expect(module: MusicModel, feeds: dict[str, Tensor]) -> list[Tensor]:
        own, state, found = module.notes, None, []
        assert isinstance(own, JointNotes)
        kind = own.readout.weight.dtype
        context = FrameContext(feeds["output"].to(kind), feeds["place"].to(kind), feeds["before"], feeds["older"])
        for rank, above in enumerate(feeds["above"]):
            logits, state = own.read_step(context, above, rank, state)
            found.append(logits.softmax(1))
        return [torch.stack(found), *listed(_known(state))]

    def run(session: Session, feeds: Feeds) -> list[np.ndarray]:
        context = {name: feeds[name] for name in ("output", "place", "before", "older")}
        rows = [
            {**context, "above": above, "rank": np.full(len(above), rank)} for rank, above in enumerate(feeds["above"])
        ]
        return run_steps(session, rows, [port.name for port in graph.inputs])

    random, cases = np.random.default_rng(27), []
    for steps in LENGTHS:
        above = random.integers(0, notes.end, (steps, 2))
        above[0] = notes.start
        frames = {name: _draw_frames(random, (2,), notes.end) for name in ("before", "older")}
        vectors = {"output": random.standard_normal((2, size)), "place": random.standard_normal((2, width))}
        cases.append({**{n: v.astype(np.float32) for n, v in vectors.items()}, **frames, "above": above})
    return ModelGraph(graph.writer, ports, graph.outputs, module, cases, expect, _READS, run)


def _write_notes(writer: GraphWriter, embedding: FrameEmbedding) -> str:
    """Write the sum of what the notes of a frame say, (B, E)."""
    add, end = writer.add, embedding.end
    ranks, classes = embedding.ranked.num_embeddings // end, embedding.octaveless.num_embeddings * PITCHES // end

    def number(value: int) -> str:
        return writer.constant(np.int64(value))

    symbols = add("Min", "before", number(end - 1))
    count = add("Squeeze", axis_length(writer, "before", 1), writer.indices(0))
    rank = add("Range", number(0), count, number(1))
    kinds, pitches = add("Div", symbols, number(PITCHES)), add("Mod", symbols, number(PITCHES))
    octaveless = add("Add", add("Mul", kinds, number(classes)), add("Mod", pitches, number(classes)))
    ranked = add("Add", symbols, add("Mul", add("Min", rank, number(ranks - 1)), number(end)))
    is_ranked = add("Unsqueeze", add("Cast", add("Less", rank, number(ranks)), to=FLOAT), writer.indices(1))
    of_rank = add("Mul", write_embedding(writer, ranked, embedding.ranked), is_ranked)
    parts = add("Add", write_embedding(writer, symbols, embedding.symbol), of_rank)
    parts = add("Add", parts, write_embedding(writer, octaveless, embedding.octaveless))
    is_note = add("Cast", add("Less", "before", number(end)), to=FLOAT)
    summed = add("Mul", parts, add("Unsqueeze", is_note, writer.indices(2)))
    return add("ReduceSum", summed, writer.indices(1), keepdims=0)


def _write_shares(writer: GraphWriter, notes: IndependentNotes, output: str) -> str:
    """Write the probability of each pitch to be off, to start and to go on: (B, 1 + kinds, 128)."""
    add = writer.add
    sounding = write_sounding(writer, "before", notes.end)
    logits = write_linear(writer, add("Concat", output, sounding, axis=1), notes.readout)
    by_kind = add("Reshape", logits, writer.indices(0, notes.kinds, PITCHES))
    if notes.kinds == 2:
        sounded = add("ReduceMax", add("Reshape", sounding, writer.indices(0, 2, PITCHES)), axes=[1], keepdims=1)
        starts, goes_on = writer.add_several("Split", 2, by_kind, axis=1)
        is_on = add("Greater", sounded, writer.constant(np.float32(0)))
        goes_on = add("Where", is_on, goes_on, writer.constant(np.float32(_NEVER)))
        by_kind = add("Concat", starts, goes_on, axis=1)
    first = add("Slice", by_kind, writer.indices(0), writer.indices(1), writer.indices(1))
    off = add("Mul", first, writer.constant(np.float32(0)))
    return add("Softmax", add("Concat", off, by_kind, axis=1), axis=1)


def _draw_frames(random: np.random.Generator, shape: tuple[int, ...], end: int) -> np.ndarray:
    """Draw frames of some notes, filled up with the end symbol: (…, K)."""
    drawn = random.integers(0, end, (*shape, _MOST_NOTES))
    counts = random.integers(0, _MOST_NOTES, (*shape, 1))
    return np.where(np.arange(_MOST_NOTES) < counts, drawn, end)


def _known(state: States | None) -> States:
    assert state is not None
    return state


step_graphs = graphs
"""They are steps in any case."""

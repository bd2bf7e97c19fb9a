"""One step over the notes of a frame as a graph of ONNX; the letters and sums are those of `joint`.

>>> from elman import cells
>>> from elman.models.layers import Layers
>>> graph = NotesGraph(JointNotes(cells.gru, Layers(hidden=3), 5, 4, kinds=2, dropout=0.0))
>>> [port.name for port, _ in graph.outputs]
['probabilities', 'final_h']
"""

import numpy as np

from elman.data.music.piece import PITCHES
from elman.export.graph import FLOAT, GraphWriter, Port
from elman.export.network import take
from elman.export.pieces import write_embedding, write_linear
from elman.export.ports import axis_length, read_states, state_ports
from elman.export.stack import write_network_step
from elman.tasks.compose.joint import JointNotes

_NOTHING, _NEVER = -1, -1e9


class NotesGraph:
    """The graph of a step over the notes of a frame.

    Args:
        notes: the layers.

    Attributes:
        writer: the graph.
        inputs: the states before the step.
        outputs: the probabilities (B, S + 1) of the next note or the end, and the states, each with its value.
    """

    def __init__(self, notes: JointNotes) -> None:
        self.writer, self._notes = GraphWriter(), notes
        self._width = notes.interval.num_embeddings - 1
        self._same, self._older = self._of_rank("before"), self._of_rank("older")
        self._above = self._pitch("above")
        self._below = self._find_below()
        self._sounding = write_sounding(self.writer, "before", notes.end)
        network = take(notes.recurrent)
        states, self.inputs = read_states(self.writer, network, axis_length(self.writer, "above", 0))
        add = self.writer.add
        held = add("Concat", "output", "place", self._sounding, axis=1)
        squeezed = add("Tanh", write_linear(self.writer, held, notes.context))
        steps = add("Concat", self._embedded(), squeezed, axis=1)
        output, final = write_network_step(self.writer, network, steps, states)
        probabilities = add("Softmax", self._logits(add("Concat", output, squeezed, axis=1)), axis=1)
        after = zip(state_ports(network, "final"), final, strict=True)
        self.outputs = [(Port("probabilities", ("batch", notes.end + 1)), probabilities), *after]

    def _number(self, value: int) -> str:
        return self.writer.constant(np.int64(value))

    def _of_rank(self, frames: str) -> str:
        """Write the note of the rank that is written, (B,); the end symbol where the frame has fewer."""
        add, count = self.writer.add, axis_length(self.writer, frames, 1)
        place = add("Min", "rank", add("Sub", count, self._number(1)))
        found = add("GatherElements", frames, add("Unsqueeze", place, self.writer.indices(1)), axis=1)
        note = add("Squeeze", found, self.writer.indices(1))
        return add("Where", add("Less", "rank", count), note, self._number(self._notes.end))

    def _pitch(self, symbols: str) -> str:
        add = self.writer.add
        is_note = add("Less", symbols, self._number(self._notes.end))
        return add("Where", is_note, add("Mod", symbols, self._number(PITCHES)), self._number(_NOTHING))

    def _find_below(self) -> str:
        """Write the next lower pitch of the frame before, (B,)."""
        add, pitch = self.writer.add, self._pitch("before")
        is_start = add("Equal", "above", self._number(self._notes.start))
        bound = add("Where", is_start, self._number(PITCHES), self._above)
        is_lower = add("Less", pitch, add("Unsqueeze", bound, self.writer.indices(1)))
        return add("ReduceMax", add("Where", is_lower, pitch, self._number(_NOTHING)), axes=[1], keepdims=0)

    def _embedded(self) -> str:
        add, notes, reach = self.writer.add, self._notes, self._width // 2
        same, nothing = self._pitch(self._same), self._number(_NOTHING)
        apart = add("Sub", same, self._above)
        near = add("Min", add("Max", apart, self._number(-reach)), self._number(reach))
        unknown = add("Or", add("Equal", self._above, nothing), add("Equal", same, nothing))
        interval = add("Where", unknown, self._number(self._width), add("Add", near, self._number(reach)))
        below = add("Where", add("Equal", self._below, nothing), self._number(PITCHES), self._below)
        total = write_embedding(self.writer, "above", notes.above)
        parts = ((self._same, notes.before), (self._older, notes.older), (interval, notes.interval))
        for numbers, table in (*parts, (below, notes.below)):
            total = add("Add", total, write_embedding(self.writer, numbers, table))
        return total

    def _logits(self, joined: str) -> str:
        """Write the logits (B, S + 1); what may not come has none."""
        add, writer, notes = self.writer.add, self.writer, self._notes
        skipped = write_linear(writer, add("Concat", "output", self._sounding, axis=1), notes.skip)
        logits = add("Add", write_linear(writer, joined, notes.readout), skipped)
        relative = write_linear(writer, joined, notes.relative)
        added = self._relative(relative)
        pitches = writer.constant(np.arange(PITCHES))
        if notes.kinds == 2:
            below = add("Unsqueeze", self._below, writer.indices(1))
            is_below = add("Cast", add("Equal", pitches, below), to=FLOAT)
            last = add("Slice", relative, writer.indices(-1), writer.indices(2**31), writer.indices(1))
            added = add("Concat", added, add("Mul", is_below, last), axis=1)
        end = add("Concat", axis_length(writer, "above", 0), writer.indices(1), axis=0)
        added = add("Concat", added, add("Expand", writer.constant(np.float32(0)), end), axis=1)
        may_come = add("Concat", *self._allowed(pitches), add("Expand", writer.constant(np.bool_(True)), end), axis=1)
        return add("Where", may_come, add("Add", logits, added), writer.constant(np.float32(_NEVER)))

    def _relative(self, relative: str) -> str:
        """Write the sum over references of the logit of each pitch's distance, (B, 128)."""
        add, writer, reach = self.writer.add, self.writer, self._width // 2
        own = (self._above, self._pitch(self._same), self._pitch(self._older), self._below)
        references = add("Concat", *(add("Unsqueeze", one, writer.indices(1, 2)) for one in own), axis=1)
        distance = add("Sub", writer.constant(np.arange(PITCHES) + reach), references)
        nearest = add("Min", add("Max", distance, self._number(0)), self._number(self._width - 1))
        is_known = add("Greater", references, self._number(_NOTHING))
        fits = add("Cast", add("And", add("Equal", nearest, distance), is_known), to=FLOAT)
        columns = writer.indices(0), writer.indices(len(own) * self._width), writer.indices(1)
        table = add("Reshape", add("Slice", relative, *columns), writer.indices(0, len(own), self._width))
        logits = add("Mul", add("GatherElements", table, nearest, axis=2), fits)
        return add("ReduceSum", logits, writer.indices(1), keepdims=0)

    def _allowed(self, pitches: str) -> list[str]:
        """Write which notes may come, (B, 128) of each kind."""
        add, writer = self.writer.add, self.writer
        above = add("Unsqueeze", self._above, writer.indices(1))
        lower = add("Or", add("Less", pitches, above), add("Equal", above, self._number(_NOTHING)))
        if self._notes.kinds == 1:
            return [lower]
        by_kind = add("Reshape", self._sounding, writer.indices(0, 2, PITCHES))
        sounded = add("Greater", add("ReduceMax", by_kind, axes=[1], keepdims=0), writer.constant(np.float32(0)))
        return [lower, add("And", lower, sounded)]


def write_sounding(writer: GraphWriter, frames: str, end: int) -> str:
    """Write which symbols frames (B, K) have, (B, S) of 0 and 1."""
    same = writer.add("Equal", writer.add("Unsqueeze", frames, writer.indices(2)), writer.constant(np.arange(end)))
    return writer.add("ReduceMax", writer.add("Cast", same, to=FLOAT), axes=[1], keepdims=0)

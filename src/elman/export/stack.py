"""Write a whole network into a graph of ONNX: stacked layers in one or two directions, as nodes of ONNX or as loops."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.autodiff.noise import NONE
from elman.errors import ConfigError
from elman.export.graph import INT32, GraphWriter
from elman.export.loops import write_loop, write_step
from elman.export.network import NetworkData, Part
from elman.export.standard import GateTerms, Recognised, read


def write_network(
    writer: GraphWriter,
    network: NetworkData,
    x: str,
    states: Sequence[str],
    lengths: str,
    sides: Sequence[Sequence[str]] = (),
) -> tuple[str, list[str]]:
    """Write a network that runs over whole sequences.

    Args:
        writer: the graph.
        network: the layers.
        x: name of (T, B, I).
        states: for each state the name of (L·D, B, its size).
        lengths: name of (B,), whole numbers of 64 bits from 0 to T.
        sides: for each direction the names of its side inputs, each (T, B, 1); nothing where the cell reads none.

    Returns:
        The names of the output (T, B, D · H) and of the final states, each (L·D, B, its size).
    """
    node = recognise(network)
    valid = "" if node else _real_steps(writer, x, lengths)
    short = writer.add("Cast", lengths, to=INT32) if node else ""
    final: list[list[str]] = [[] for _ in states]
    for k, directions in enumerate(network.layers):
        first, width = k * len(directions), len(directions)
        if node is not None:
            rows = [_rows(writer, state, first, first + width) for state in states]
            x, ends = _write_node(writer, node, directions, x, rows, short)
        else:
            outputs, ends = [], [[] for _ in states]
            for d, part in enumerate(directions):
                before = [_row(writer, state, first + d) for state in states]
                output, after = write_loop(writer, part, x, before, sides[d] if sides else (), valid, reverse=d == 1)
                outputs.append(output)
                for column, value in zip(ends, after, strict=True):
                    column.append(writer.add("Unsqueeze", value, writer.indices(0)))
            x = outputs[0] if width == 1 else writer.add("Concat", *outputs, axis=-1)
        for column, values in zip(final, ends, strict=True):
            column.extend(values)
    return x, [values[0] if len(values) == 1 else writer.add("Concat", *values, axis=0) for values in final]


def write_network_step(
    writer: GraphWriter, network: NetworkData, x: str, states: Sequence[str], sides: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Write a network that runs one step: x is (B, I), a side input (B, 1), the output (B, H)."""
    final: list[list[str]] = [[] for _ in states]
    for k, (part,) in enumerate(network.layers):
        new = write_step(writer, part, x, [_row(writer, state, k) for state in states], sides)
        x = new[0]
        for column, value in zip(final, new, strict=True):
            column.append(writer.add("Unsqueeze", value, writer.indices(0)))
    return x, [values[0] if len(values) == 1 else writer.add("Concat", *values, axis=0) for values in final]


def require_forward(layer: Any) -> None:
    """Refuse a step of a layer that reads from both ends.

    Raises:
        ConfigError: it does.
    """
    if layer.bidirectional:
        raise ConfigError(
            "export: this model reads from both ends, so no step has an answer before the last is known. Train it with "
            "--direction forward, or drop --step."
        )


def recognise(network: NetworkData) -> Recognised | None:
    """Return the node of ONNX that every layer is, or None."""
    first = network.layers[0][0]
    return read(network.cell) if first.program.noise == NONE else None


def _write_node(
    writer: GraphWriter, node: Recognised, directions: Sequence[Part], x: str, states: Sequence[str], lengths: str
) -> tuple[str, list[list[str]]]:
    """Write a layer as one node; the lengths have 32 bits."""
    parts = [_weights(node, part) for part in directions]
    weights, recurrent, bias, peepholes = (np.stack(kind) for kind in zip(*parts, strict=True))
    count = len(directions)
    attributes = {
        "hidden_size": recurrent.shape[-1],
        "direction": "bidirectional" if count == 2 else "forward",
        "activations": list(node.activations) * count,
        **({"linear_before_reset": int(node.after)} if node.op == "GRU" else {}),
        **({"input_forget": 1} if None in node.gates else {}),
    }
    inputs = [x, *map(writer.constant, (weights, recurrent, bias)), lengths, *states]
    if node.op == "LSTM" and peepholes.any():
        inputs.append(writer.constant(peepholes))
    output, *final = writer.add_several(node.op, 1 + len(states), *inputs, **attributes)
    if count == 1:
        output = writer.add("Squeeze", output, writer.indices(1))
    else:
        side_by_side = writer.add("Transpose", output, perm=[0, 2, 1, 3])
        output = writer.add("Reshape", side_by_side, writer.indices(0, 0, 2 * recurrent.shape[-1]))
    # For an example without a step, runtimes give 0 as the final state.
    has_steps = writer.add("Unsqueeze", writer.add("Greater", lengths, writer.constant(np.int32(0))), writer.indices(1))
    return output, [[writer.add("Where", has_steps, end, old)] for end, old in zip(final, states, strict=True)]


def _weights(node: Recognised, part: Part) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Stack the weights of a part as ONNX does: W (G·H, I), R (G·H, H), B (2·G·H,) and P (3·H,)."""
    members = {name: tensor.numpy() for name, tensor in part.members.items()}
    first = next(gate for gate in node.gates if gate)
    zeros = np.zeros(len(members[first.h]), np.float32)

    def added(names: Sequence[str]) -> np.ndarray:
        return np.sum([zeros, *(members[n] for n in names if n in members)], axis=0)  # type: ignore[no-any-return]

    def matrix(gate: GateTerms | None, name: str) -> np.ndarray:
        return members[getattr(gate, name)] if gate else np.zeros_like(members[getattr(first, name)])

    gates = node.gates
    bias = [added(gate.biases if gate else ()) for gate in gates]
    state_bias = [added(gate.state_biases if gate else ()) for gate in gates]
    peepholes = [added([gate.peephole] if gate else ()) for gate in gates[:3]]
    return (
        np.concatenate([matrix(gate, "x") for gate in gates]),
        np.concatenate([matrix(gate, "h") for gate in gates]),
        np.concatenate([*bias, *state_bias]),
        np.concatenate(peepholes),
    )


def _real_steps(writer: GraphWriter, x: str, lengths: str) -> str:
    """Write (T, B, 1), whether a step is real."""
    steps = writer.add("Gather", writer.add("Shape", x), writer.constant(np.int64(0)))
    time = writer.add("Range", writer.constant(np.int64(0)), steps, writer.constant(np.int64(1)))
    real = writer.add("Less", writer.add("Unsqueeze", time, writer.indices(1)), lengths)
    return writer.add("Unsqueeze", real, writer.indices(2))


def _row(writer: GraphWriter, state: str, row: int) -> str:
    return writer.add("Gather", state, writer.constant(np.int64(row)), axis=0)


def _rows(writer: GraphWriter, state: str, first: int, end: int) -> str:
    return writer.add("Slice", state, writer.indices(first), writer.indices(end), writer.indices(0))

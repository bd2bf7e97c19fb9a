"""The inputs and outputs that files of ONNX share: lengths, and the states before and after.

>>> from elman.export.graph import GraphWriter
>>> writer = GraphWriter()
>>> read_lengths(writer, "x", batch=1, time=0).name
'lengths'
"""

from dataclasses import dataclass

import numpy as np

from elman.export.graph import INT64, GraphWriter, Port
from elman.export.network import NetworkData

WHOLE = -1  # the default of `lengths`
LENGTHS = Port("lengths", ("batch",), INT64, np.array([WHOLE], np.int64))


@dataclass(frozen=True)
class LengthsInput:
    """The input `lengths`, which may be left out, and the value (B,) that it leads to."""

    value: str
    port: Port
    name: str = "lengths"


def read_lengths(writer: GraphWriter, x: str, batch: int, time: int) -> LengthsInput:
    """Write the number of real steps of each example: as given, or all.

    Args:
        writer: the graph.
        x: a value with axes of batch and time.
        batch: which axis of it is the batch.
        time: which is time.
    """
    given = writer.add("Expand", "lengths", axis_length(writer, x, batch))
    are_whole = writer.add("Equal", given, writer.constant(np.int64(WHOLE)))
    value = writer.add("Where", are_whole, axis_length(writer, x, time), given)
    return LengthsInput(value, LENGTHS)


def read_states(writer: GraphWriter, network: NetworkData, batch: str) -> tuple[list[str], list[Port]]:
    """Write the states before the first step: those that are given, or zeros for every example.

    Args:
        writer: the graph.
        network: the layers.
        batch: a vector of one number, B.
    """
    names, ports = [], []
    rows = len(network.layers) * network.directions
    for port, size in zip(state_ports(network, "initial"), network.state_sizes, strict=True):
        shape = writer.add("Concat", writer.indices(rows), batch, writer.indices(size), axis=0)
        names.append(writer.add("Expand", port.name, shape))
        ports.append(Port(port.name, port.axes, default=np.zeros((rows, 1, size), np.float32)))
    return names, ports


def zero_states(writer: GraphWriter, network: NetworkData, batch: str) -> list[str]:
    """Write states of zeros for every example; `batch` is a vector of one number, B."""
    rows, zero = len(network.layers) * network.directions, writer.constant(np.float32(0))
    shapes = [
        writer.add("Concat", writer.indices(rows), batch, writer.indices(size), axis=0) for size in network.state_sizes
    ]
    return [writer.add("Expand", zero, shape) for shape in shapes]


def state_ports(network: NetworkData, when: str) -> list[Port]:
    """Describe the states, `initial_h` or `final_h`, each (L·D, B, size)."""
    rows = len(network.layers) * network.directions
    return [
        Port(f"{when}_{state}", (rows, "batch", size))
        for state, size in zip(network.states, network.state_sizes, strict=True)
    ]


def axis_length(writer: GraphWriter, value: str, axis: int) -> str:
    """Write the length of an axis, as a vector of one number."""
    return writer.add("Gather", writer.add("Shape", value), writer.indices(axis))

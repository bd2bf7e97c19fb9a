"""Write a layer as a file of ONNX, verified before it is put in place.

Inputs and outputs, L layers in D directions:

================ ======================================= =======================================
name             shape                                   left out
================ ======================================= =======================================
``x``            (T, B, I), (B, T, I) if batch-first
``lengths``      (B,), whole numbers                     every example has T steps
``initial_h`` …  (L·D, B, size), one for each state      zeros
a side input     (T, B) or (B, T), by its name
``output``       as x, with D · H for I
``final_h`` …    (L·D, B, size), one for each state
================ ======================================= =======================================

The form of one step has x (B, I), side inputs (B,), an output (B, H), and no lengths.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.errors import ConfigError
from elman.export.checking import LENGTHS, Agreement, TwoSequences, compare
from elman.export.graph import OPSET, GraphWriter, Port, Session, finish, with_card
from elman.export.network import NetworkData, take
from elman.export.ports import axis_length, read_lengths, read_states, state_ports
from elman.export.stack import recognise, write_network, write_network_step
from elman.export.target import choose
from elman.version import __version__

BOUND = 1e-5


def write(layer: Any, path: str | os.PathLike[str], step: bool, force: bool) -> Agreement:
    """Write a layer, see :func:`elman.export.to_onnx`."""
    target = choose(path, {"onnx": ".onnx"}, "onnx", force)
    network = take(layer)
    steps_alone = step or network.is_step
    if steps_alone and network.directions == 2:
        raise ConfigError(
            "export: the layer is bidirectional.\n  The reverse direction needs the end of the sequence first.\n"
            "  Export it without step=True."
        )
    model = _one_step(network) if steps_alone else _whole(network)
    session = Session(model.SerializeToString())

    def run(example: TwoSequences) -> list[Tensor]:
        return _run_steps(session, network, example) if steps_alone else _run_whole(session, network, example)

    agreement = compare(network, run, BOUND, unequal=not steps_alone)
    target.put(with_card(model, describe(network, agreement, steps_alone)))
    return agreement


def describe(network: NetworkData, agreement: Agreement, step: bool) -> dict[str, Any]:
    """Return the card of a layer's file."""
    node = recognise(network)
    return {
        "elman": __version__,
        "cell": network.cell.name,
        "equations": network.cell.equations(),
        "layers": len(network.layers),
        "directions": network.directions,
        "input_size": network.input_size,
        "state_sizes": dict(zip(network.states, network.state_sizes, strict=True)),
        "one_step": step,
        "opset": OPSET,
        "operator": node.op if node and not step else "Scan" if not step else "none",
        "verified": {"difference": agreement.difference, "bound": agreement.bound, "lengths": list(LENGTHS)},
    }


def _whole(network: NetworkData) -> Any:
    writer, axes = GraphWriter(), ("batch", "time") if network.batch_first else ("time", "batch")
    states, inputs = read_states(writer, network, batch=axis_length(writer, "x", axes.index("batch")))
    lengths = read_lengths(writer, "x", axes.index("batch"), axes.index("time"))
    x = writer.add("Transpose", "x", perm=[1, 0, 2]) if network.batch_first else "x"
    sides = []
    for name in network.sides:
        turned = writer.add("Transpose", name, perm=[1, 0]) if network.batch_first else name
        sides.append(writer.add("Unsqueeze", turned, writer.indices(2)))
    output, final = write_network(writer, network, x, states, lengths.value, [sides] * network.directions)
    output = writer.add("Transpose", output, perm=[1, 0, 2]) if network.batch_first else output
    ports = [
        Port("x", (*axes, network.input_size)),
        lengths.port,
        *inputs,
        *(Port(name, axes) for name in network.sides),
    ]
    return _finish(writer, network, ports, Port("output", (*axes, network.output_size)), output, final)


def _one_step(network: NetworkData) -> Any:
    writer = GraphWriter()
    states, inputs = read_states(writer, network, batch=axis_length(writer, "x", 0))
    sides = [writer.add("Unsqueeze", name, writer.indices(1)) for name in network.sides]
    output, final = write_network_step(writer, network, "x", states, sides)
    ports = [Port("x", ("batch", network.input_size)), *inputs, *(Port(name, ("batch",)) for name in network.sides)]
    return _finish(writer, network, ports, Port("output", ("batch", network.output_size)), output, final)


def _finish(
    writer: GraphWriter, network: NetworkData, inputs: Sequence[Port], output: Port, value: str, final: Sequence[str]
) -> Any:
    outputs = [output, *state_ports(network, "final")]
    for port, name in zip(outputs, (value, *final), strict=True):
        writer.name_as(name, port.name)
    return finish(writer, network.cell.name, inputs, outputs)


def _run_whole(session: Session, network: NetworkData, example: TwoSequences) -> list[Tensor]:
    def turned(tensor: Tensor) -> np.ndarray:
        return (tensor.transpose(0, 1) if network.batch_first else tensor).contiguous().numpy()

    feeds = {"x": turned(example.x), **{n: turned(s) for n, s in zip(network.sides, example.sides, strict=True)}}
    if example.lengths is not None:
        feeds["lengths"] = example.lengths.numpy()
    feeds |= {f"initial_{n}": s.numpy() for n, s in zip(network.states, example.states, strict=False)}
    output, *final = map(torch.from_numpy, session.run(feeds))
    return [output.transpose(0, 1) if network.batch_first else output, *final]


def _run_steps(session: Session, network: NetworkData, example: TwoSequences) -> list[Tensor]:
    states = {f"initial_{n}": s.numpy() for n, s in zip(network.states, example.states, strict=False)}
    outputs = []
    for t, x in enumerate(example.x):
        sides = {name: side[t].numpy() for name, side in zip(network.sides, example.sides, strict=True)}
        output, *final = session.run({"x": x.numpy(), **sides, **states})
        outputs.append(torch.from_numpy(output))
        states = dict(zip((f"initial_{n}" for n in network.states), final, strict=True))
    return [torch.stack(outputs), *(torch.from_numpy(state) for state in states.values())]

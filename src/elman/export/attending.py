"""Write a decoder that attends into graphs of ONNX: what its encoder hands over, and one step.

The encoder gives the memory and the states before the first step; a step reads them and the unit that was written last,
and gives ln P of the next, what it looked at, and the states behind it. The names of the states are those of the two
layers: `initial_first_h` goes in, `final_first_h` comes out.

>>> from elman.export.graph import GraphWriter
>>> limits = write_limits(GraphWriter(), "memory", wait=None)
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.export.checking import LENGTHS as COMPARED
from elman.export.graph import FLOAT, INT64, GraphWriter, Port, Session
from elman.export.models import Feeds, ModelGraph, random_lengths, run_steps
from elman.export.network import NetworkData, take
from elman.export.pieces import numbers_of, write_linear, write_real
from elman.export.ports import LENGTHS, axis_length, read_lengths
from elman.export.stack import write_network_step
from elman.models.attending import AttendingDecoder, DecoderState
from elman.nn.attention import Attention
from elman.nn.states import listed

READS = {
    "units": "the number of the unit that was written last; `end` before the first",
    "memory": "what the encoder gave",
    "keys": "what the encoder gave",
    "keys_again": "what the encoder gave",
    "step": "how many units of the target were read before",
    "log_probabilities": "of each unit to be the next",
    "attention": "how much each step of the memory was looked at",
}


def write_encoder_outputs(
    writer: GraphWriter, model: AttendingDecoder, memory: str, lengths: str
) -> list[tuple[Port, str]]:
    """Write what an encoder hands over.

    Args:
        writer: the graph of the encoder.
        model: the decoder.
        memory: name of (S, B, M), 0 behind the end of each.
        lengths: name of (B,).
    """
    add = writer.add
    if model.wait is None:
        read, seen = lengths, memory
    else:
        read = add("Min", lengths, writer.constant(np.int64(model.wait)))
        real = add("Cast", write_real(writer, read, axis_length(writer, memory, 0)), to=FLOAT)
        seen = add("Mul", memory, add("Unsqueeze", real, writer.indices(2)))
    count = add("Cast", add("Max", read, writer.constant(np.int64(1))), to=FLOAT)
    total = add("ReduceSum", seen, writer.indices(0), keepdims=0)
    mean = add("Div", total, add("Unsqueeze", count, writer.indices(1)))
    states = add("Tanh", write_linear(writer, mean, model.bridge))
    ports = state_ports(model, "initial")
    sizes = [int(port.axes[-1]) for port in ports]
    parts = writer.add_several("Split", len(sizes), states, writer.indices(*sizes), axis=1)
    found = [(memory_port(model), add("Transpose", memory, perm=[1, 0, 2]))]
    for port, attention in key_ports(model):
        assert attention.key is not None
        found.append((port, add("Transpose", write_linear(writer, memory, attention.key), perm=[1, 0, 2])))
    for port, part in zip(ports, parts, strict=True):
        found.append((port, add("Unsqueeze", part, writer.indices(0))))
    if model.input_feeding:
        shape = add("Concat", axis_length(writer, memory, 1), writer.indices(model.join.out_features), axis=0)
        found.append((_joined(model, "initial"), add("Expand", writer.constant(np.float32(0)), shape)))
    return found


def encoder_outputs(model: AttendingDecoder, state: DecoderState, memory: Tensor) -> list[Tensor]:
    """Return what :func:`write_encoder_outputs` writes, by the layers: of a memory (S, B, M), 0 behind its ends."""
    keys = [attention.key(memory).transpose(0, 1) for _, attention in key_ports(model) if attention.key is not None]
    joined = [] if state.joined is None else [state.joined]
    return [memory.transpose(0, 1), *keys, *listed(state.first), *listed(state.second), *joined]


def step_graph(model: AttendingDecoder, longest: int | None) -> ModelGraph:
    """Write one step of a decoder.

    Args:
        model: the decoder.
        longest: the steps of every memory; None where memories have any length.
    """
    writer = GraphWriter()
    add, axis = writer.add, "source" if longest is None else longest
    networks = {"first": take(model.first_layer), "second": take(model.second)}
    limits = write_limits(writer, "memory", model.wait)
    embedded = add(
        "Gather", writer.constant(numbers_of(model.target_embedding.weight) * np.float32(model.scale)), "units"
    )
    fed = add("Concat", embedded, "initial_joined", axis=1) if model.input_feeding else embedded
    first, first_states = _write_layer(writer, "first", networks["first"], fed)
    context, weights = _write_attention(writer, model.attention, first, "keys", limits)
    second, second_states = _write_layer(writer, "second", networks["second"], add("Concat", first, context, axis=1))
    if model.look_again is not None:
        context, weights = _write_attention(writer, model.look_again, second, "keys_again", limits)
    joined = add("Tanh", write_linear(writer, add("Concat", embedded, second, context, axis=1), model.join))
    logits = add("MatMul", joined, writer.constant(numbers_of(model.target_embedding.weight).T))
    logits = add("Add", logits, writer.constant(numbers_of(model.bias)))
    outputs = [
        (Port("log_probabilities", ("batch", len(model.bias))), add("LogSoftmax", logits, axis=1)),
        (Port("attention", ("batch", axis)), weights),
        *zip(state_ports(model, "final"), [*first_states, *second_states], strict=True),
        *([(_joined(model, "final"), joined)] if model.input_feeding else []),
    ]
    carried = [*state_ports(model, "initial"), *([_joined(model, "initial")] if model.input_feeding else [])]
    steps = [Port("step", ("batch",), INT64)] if model.wait is not None else []
    memories = [_of_length(port, axis) for port in (memory_port(model), *(port for port, _ in key_ports(model)))]
    ports = [Port("units", ("batch",), INT64), *memories, LENGTHS, *steps, *carried]

    def run(session: Session, feeds: Feeds) -> list[np.ndarray]:
        held = {name: feeds[name] for name in (*(port.name for port in memories), "lengths")}
        rows = [
            {**held, "units": units, **({"step": np.full(len(units), t)} if steps else {})}
            for t, units in enumerate(feeds["units"])
        ]
        return run_steps(
            session, rows, [port.name for port in carried], {n: feeds[n] for n in (p.name for p in carried)}
        )

    cases = [_case(model, steps_, longest, memories, carried) for steps_ in COMPARED]
    return ModelGraph(writer, ports, outputs, model, cases, _expect_steps, {**READS, "lengths": _READ}, run)


_READ = "the steps of each memory; left out, all are read"


def write_limits(writer: GraphWriter, memory: str, wait: int | None) -> str:
    """Write how many steps of a memory (B, S, M) each query sees, (B,)."""
    lengths = read_lengths(writer, memory, batch=0, time=1).value
    if wait is None:
        return lengths
    return writer.add("Min", lengths, writer.add("Add", "step", writer.constant(np.int64(wait))))


def state_ports(model: AttendingDecoder, when: str) -> list[Port]:
    """Describe the states of both layers, each (1, B, size)."""
    found = []
    for layer, recurrent in (("first", model.first_layer), ("second", model.second)):
        for state, size in zip(recurrent.cell.states, recurrent.state_sizes, strict=True):
            found.append(Port(f"{when}_{layer}_{state}", (1, "batch", size)))
    return found


def memory_port(model: AttendingDecoder) -> Port:
    """Describe the memory, (B, S, M)."""
    return Port("memory", ("batch", "source", model.attention.memory_size))


def key_ports(model: AttendingDecoder) -> list[tuple[Port, Attention]]:
    """Describe what additive attentions compare with, (B, S, K), each with its attention; others read the memory."""
    attentions = {"keys": model.attention, "keys_again": model.look_again}
    return [
        (Port(name, ("batch", "source", one.key.out_features)), one)
        for name, one in attentions.items()
        if one is not None and one.key is not None
    ]


def _joined(model: AttendingDecoder, when: str) -> Port:
    return Port(f"{when}_joined", ("batch", model.join.out_features))


def _of_length(port: Port, length: int | str) -> Port:
    return Port(port.name, (port.axes[0], length, port.axes[2]), port.kind)


def _write_layer(writer: GraphWriter, name: str, network: NetworkData, x: str) -> tuple[str, list[str]]:
    return write_network_step(writer, network, x, [f"initial_{name}_{state}" for state in network.states])


def _write_attention(writer: GraphWriter, attention: Attention, query: str, keys: str, limits: str) -> tuple[str, str]:
    """Write what queries (B, Q) read of the memory, (B, M), and how much of each step, (B, S)."""
    add, heads = writer.add, attention.heads
    own = query if attention.query is None else write_linear(writer, query, attention.query)
    size = (attention.query_size if attention.query is None else attention.query.out_features) // heads
    # (B, heads, 1, K) beside (B, heads, S, K)
    projected = add("Reshape", own, writer.indices(0, heads, 1, size))
    compared = _by_head(writer, "memory" if attention.key is None else keys, heads, size)
    if attention.scorer is None:
        projected = add("Div", projected, writer.constant(np.float32(math.sqrt(size))))
        scores = add("MatMul", projected, add("Transpose", compared, perm=[0, 1, 3, 2]))
    else:
        scorer = writer.constant(numbers_of(attention.scorer)[:, None])
        each = add("Mul", add("Tanh", add("Add", projected, compared)), scorer)
        scores = add("Unsqueeze", add("ReduceSum", each, writer.indices(3), keepdims=0), writer.indices(2))
    seen = add("Transpose", write_real(writer, limits, axis_length(writer, "memory", 1)), perm=[1, 0])
    seen = add("Unsqueeze", seen, writer.indices(1, 2))
    lowest = writer.constant(np.finfo(np.float32).min)
    shares = add("Softmax", add("Where", seen, scores, lowest), axis=-1)
    shares = add("Where", seen, shares, writer.constant(np.float32(0)))
    values = _by_head(writer, "memory", heads, attention.memory_size // heads)
    context = add("Reshape", add("MatMul", shares, values), writer.indices(0, attention.memory_size))
    return context, add("ReduceMean", shares, axes=[1, 2], keepdims=0)


def _by_head(writer: GraphWriter, memory: str, heads: int, size: int) -> str:
    """Write a memory (B, S, n) as (B, heads, S, n / heads)."""
    parts = writer.add("Reshape", memory, writer.indices(0, 0, heads, size))
    return writer.add("Transpose", parts, perm=[0, 2, 1, 3])


def _expect_steps(model: AttendingDecoder, feeds: dict[str, Tensor]) -> list[Tensor]:
    """Compute what the steps give, by the layers."""
    kind = model.bias.dtype
    memory = feeds["memory"].to(kind).transpose(0, 1)
    state = model.begin(memory, feeds["lengths"])
    joined = feeds["initial_joined"].to(kind) if "initial_joined" in feeds else None
    first, second = (
        tuple(feeds[name].to(kind) for name in feeds if name.startswith(f"initial_{layer}_"))
        for layer in ("first", "second")
    )
    state = DecoderState(_as(first), _as(second), state.memory, state.again, state.weights, joined)
    chances, looked = [], []
    for t, units in enumerate(feeds["units"]):
        read, state = model.decode(units[None], state, t)
        chances.append(model.read_out(read[0]).log_softmax(1))
        looked.append(state.weights)
    last = [] if state.joined is None else [state.joined]
    return [torch.stack(chances), torch.stack(looked), *listed(state.first), *listed(state.second), *last]


def _as(states: Sequence[Tensor]) -> Any:
    return states[0] if len(states) == 1 else tuple(states)


def _case(
    model: AttendingDecoder, steps: int, longest: int | None, memories: Sequence[Port], carried: Sequence[Port]
) -> Feeds:
    """Draw two targets, with memories of unequal length."""
    random = np.random.default_rng(steps)
    source = steps if longest is None else longest
    lengths = random_lengths(source) if longest is None else np.array([source, source])
    memory = random.standard_normal((2, source, int(memories[0].axes[2]))).astype(np.float32)
    memory[np.arange(source) >= lengths[:, None]] = 0
    feeds: Feeds = {"units": random.integers(0, len(model.bias), (steps, 2)), "memory": memory, "lengths": lengths}
    for port, attention in key_ports(model):
        assert attention.key is not None
        feeds[port.name] = attention.key(torch.from_numpy(memory)).detach().numpy()
    for port in carried:
        shape = [2 if axis == "batch" else int(axis) for axis in port.axes]
        feeds[port.name] = np.tanh(random.standard_normal(shape)).astype(np.float32)
    return feeds

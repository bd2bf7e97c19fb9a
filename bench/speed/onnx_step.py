"""Run one time step of an LSTM or a GRU in ONNX Runtime, in the two ways in which it can be called.

The model is one node, made by hand from the parameters of torch's layer; ONNX orders the gates i o f c and z r h. The
state that comes out goes in again at the next step. One thread works on an operator; more make one step slower.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}
"""Where ONNX's gates stand among torch's, i f g o and r z n."""
STATES = {"LSTM": ("h", "c"), "GRU": ("h",)}


def make_steps(kind: str, layer: Any, x: torch.Tensor) -> dict[str, Callable[[], np.ndarray]]:
    """Make calls that read x (1, I) as the next step and return the output (1, 1, H).

    Args:
        kind: LSTM or GRU.
        layer: torch's, of one layer in one direction.
        x: the input of every step.

    Returns:
        `run`, with arrays that go in and come out, and `bound`, with buffers that are bound once.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = make_model(kind, layer).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    array = x.numpy().reshape(1, *x.shape)
    return {
        "run": _run(session, STATES[kind], array, layer.hidden_size),
        "bound": _bound(session, STATES[kind], array, layer.hidden_size),
    }


def make_model(kind: str, layer: Any) -> Any:
    """Write torch's layer as an ONNX model: inputs x and the states, outputs the new states as `new_h`, `new_c`."""
    from onnx import TensorProto, helper, numpy_helper

    hidden = layer.hidden_size
    weights = {
        "W": _ordered(kind, layer.weight_ih_l0),
        "R": _ordered(kind, layer.weight_hh_l0),
        "B": np.concatenate([_ordered(kind, layer.bias_ih_l0), _ordered(kind, layer.bias_hh_l0)], axis=1),
    }
    states = STATES[kind]
    further = {"linear_before_reset": 1} if kind == "GRU" else {}
    node = helper.make_node(
        kind, ["x", "W", "R", "B", "", *states], ["", *(f"new_{s}" for s in states)], hidden_size=hidden, **further
    )

    def describe(name: str, size: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, size])

    graph = helper.make_graph(
        [node],
        "step",
        [describe("x", layer.input_size), *(describe(s, hidden) for s in states)],
        [describe(f"new_{s}", hidden) for s in states],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def _ordered(kind: str, parameter: torch.Tensor) -> np.ndarray:
    gates = parameter.detach().numpy().reshape(len(GATES[kind]), -1, *parameter.shape[1:])
    return np.ascontiguousarray(gates[list(GATES[kind])].reshape(1, *parameter.shape))


def _run(session: Any, states: tuple[str, ...], x: np.ndarray, hidden: int) -> Callable[[], np.ndarray]:
    feed = {"x": x, **{s: np.zeros((1, 1, hidden), np.float32) for s in states}}

    def step() -> np.ndarray:
        new = session.run(None, feed)
        feed.update(zip(states, new, strict=True))
        output: np.ndarray = new[0]
        return output

    return step


def _bound(session: Any, states: tuple[str, ...], x: np.ndarray, hidden: int) -> Callable[[], np.ndarray]:
    """Bind two sets of buffers, so that what one step writes is what the next one reads."""
    from onnxruntime import OrtValue

    buffers = [{s: np.zeros((1, 1, hidden), np.float32) for s in states} for _ in range(2)]
    values = [{s: OrtValue.ortvalue_from_numpy(array) for s, array in each.items()} for each in buffers]
    bindings = []
    for old, new in ((values[0], values[1]), (values[1], values[0])):
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", OrtValue.ortvalue_from_numpy(x))
        for s in states:
            binding.bind_ortvalue_input(s, old[s])
            binding.bind_ortvalue_output(f"new_{s}", new[s])
        bindings.append((binding, new["h"].numpy()))
    turn = [0]

    def step() -> np.ndarray:
        binding, output = bindings[turn[0]]
        session.run_with_iobinding(binding)
        turn[0] = 1 - turn[0]
        return output

    return step

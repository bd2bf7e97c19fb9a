"""Write graphs of ONNX: nodes and constants with names of their own, bodies of loops, and the whole file.

>>> writer = GraphWriter()
>>> doubled = writer.add("Mul", "x", writer.constant(np.float32(2)))
>>> [node.op_type for node in writer.nodes], doubled
(['Mul'], 'Mul_2')
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from elman.errors import ConfigError, ElmanError
from elman.version import __version__

OPSET = 17
IR_VERSION = 8
KEY = "elman"  # of the card in a file's metadata
_MOST_BYTES = 2**31 - 2**20  # protobuf reads no larger message

FLOAT, DOUBLE, BOOL = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.BOOL
INT32, INT64 = TensorProto.INT32, TensorProto.INT64

Axes = Sequence[int | str]


@dataclass(frozen=True)
class Port:
    """An input or output of a file.

    Attributes:
        name: what it is called.
        axes: lengths, or names of free axes.
        kind: the type of its elements.
        default: of an input that may be left out.
    """

    name: str
    axes: Axes
    kind: int = FLOAT
    default: Any = None


class GraphWriter:
    """A graph that is being written.

    Args:
        outer: the graph around it, if it is the body of a loop: its names and constants can be read.
    """

    def __init__(self, outer: "GraphWriter | None" = None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._root: GraphWriter = self if outer is None else outer._root
        if outer is None:
            self.constants: dict[tuple[Any, ...], onnx.TensorProto] = {}
            self._count = 0

    def fresh(self, stem: str) -> str:
        """Return a name that is not in use; it ends with a number after a line, and no name of a user's does."""
        self._root._count += 1
        return f"{stem}_{self._root._count}"

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation with one result, and return its name."""
        return self.add_several(op, 1, *inputs, **attributes)[0]

    def add_several(self, op: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add an operation with several results, and return their names."""
        names = [self.fresh(op) for _ in range(count)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def name_as(self, value: str, name: str) -> None:
        """Give a value a name of the user's, as an output has."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Add a constant, once for equal ones, and return its name."""
        array = np.ascontiguousarray(np.asarray(value, dtype=dtype)).reshape(np.shape(value))
        key = (array.dtype.str, array.shape, array.tobytes())
        known = self._root.constants
        if key not in known:
            known[key] = numpy_helper.from_array(array, self.fresh("constant"))
        return str(known[key].name)

    def indices(self, *values: int) -> str:
        """Add a constant vector of whole numbers: axes, a shape."""
        return self.constant(np.array(values, np.int64))


def value_info(port: Port) -> onnx.ValueInfoProto:
    """Describe an input or output as ONNX does.

    Runtimes reuse memory by the names of free axes. An input that is left out has one row for all examples, so its axes
    have names of their own.
    """
    own = "" if port.default is None else f"_of_{port.name}"
    return helper.make_tensor_value_info(
        port.name, port.kind, [f"{a}{own}" if isinstance(a, str) else a for a in port.axes]
    )


def finish(writer: GraphWriter, name: str, inputs: Sequence[Port], outputs: Sequence[Port]) -> onnx.ModelProto:
    """Make a file of a graph, and check it against the standard.

    Raises:
        ConfigError: two ports have one name, or the file would be too large.
    """
    names = [port.name for port in (*inputs, *outputs)]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ConfigError(
            f"export: two inputs or outputs of the file would be called {twice[0]}. Rename the side input."
        )
    defaults = [
        numpy_helper.from_array(np.asarray(port.default), port.name) for port in inputs if port.default is not None
    ]
    constants = [*defaults, *writer.constants.values()]
    size = sum(len(tensor.raw_data) for tensor in constants)
    if size > _MOST_BYTES:
        raise ConfigError(
            f"export: the weights take {size / 2**30:.1f} GB, and a file of ONNX holds 2. Train a smaller one."
        )
    graph = helper.make_graph(
        writer.nodes, name, [value_info(p) for p in inputs], [value_info(p) for p in outputs], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="elman")
    model.ir_version, model.producer_version = IR_VERSION, __version__
    onnx.checker.check_model(model, full_check=True)
    return model


def with_card(model: onnx.ModelProto, card: Mapping[str, Any]) -> bytes:
    """Return the content of a file, with a card in its metadata."""
    helper.set_model_props(model, {KEY: json.dumps(card, ensure_ascii=False, allow_nan=False)})
    return bytes(model.SerializeToString())


class Session:
    """A file of ONNX that runs on one thread of the CPU, by ONNX Runtime.

    Raises:
        ElmanError: ONNX Runtime refuses it.
    """

    def __init__(self, content: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as reason:  # noqa: BLE001 - the runtime has its own exceptions, all of them under Exception
            version = onnxruntime.__version__
            raise ElmanError(
                f"export: ONNX Runtime {version} does not load the file ({str(reason).splitlines()[0]}). Nothing was "
                "written. Install a newer one: pip install -U onnxruntime."
            ) from None

    def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Run the file; inputs that have a default may be left out."""
        return list(self._session.run(None, dict(feeds)))

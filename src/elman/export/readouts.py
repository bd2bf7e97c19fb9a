"""Write what is behind recurrent layers into a graph of ONNX: pooling over the real steps, answers of classifiers.

>>> from elman.export.graph import GraphWriter
>>> writer = GraphWriter()
>>> _ = write_pooling(writer, "max", "output", "final", "lengths", bidirectional=False, query=None)
>>> writer.nodes[-1].op_type
'ReduceMax'
"""

import numpy as np
from torch import nn

from elman.encoders.targets import Targets
from elman.export.graph import DOUBLE, FLOAT, GraphWriter, Port
from elman.export.pieces import write_linear, write_real
from elman.export.ports import axis_length


def write_pooling(
    writer: GraphWriter,
    pooling: str,
    output: str,
    final: str,
    lengths: str,
    bidirectional: bool,
    query: np.ndarray | None,
) -> str:
    """Write one vector an example, (B, n).

    Args:
        writer: the graph.
        pooling: last, mean, max or attention.
        output: name of (T, B, n), 0 behind the real steps.
        final: name of the final states of the output, (L·D, B, H).
        lengths: name of (B,).
        bidirectional: whether D is 2.
        query: of attention, (n,).
    """
    if pooling == "last":
        rows = [-2, -1] if bidirectional else [-1]
        parts = [writer.add("Gather", final, writer.constant(np.int64(row)), axis=0) for row in rows]
        return parts[0] if len(parts) == 1 else writer.add("Concat", *parts, axis=1)
    if pooling == "mean":
        total = writer.add("ReduceSum", output, writer.indices(0), keepdims=0)
        count = writer.add("Unsqueeze", writer.add("Cast", lengths, to=FLOAT), writer.indices(1))
        return writer.add("Div", total, count)
    real = write_real(writer, lengths, axis_length(writer, output, 0))
    real, nothing = writer.add("Unsqueeze", real, writer.indices(2)), writer.constant(np.float32(-np.inf))
    if pooling == "max":
        return writer.add("ReduceMax", writer.add("Where", real, output, nothing), axes=[0], keepdims=0)
    assert query is not None
    scores = writer.add("MatMul", output, writer.constant(query[:, None]))
    shares = writer.add("Softmax", writer.add("Where", real, scores, nothing), axis=0)
    return writer.add("ReduceSum", writer.add("Mul", shares, output), writer.indices(0), keepdims=0)


def write_joint(writer: GraphWriter, pooled: str, covariates: str, joint: nn.Linear | None) -> str:
    """Write the layer that reads pooled outputs (B, n) with covariates (B, F); the outputs where there is no layer."""
    if joint is None:
        return pooled
    return writer.add("Relu", write_linear(writer, writer.add("Concat", pooled, covariates, axis=1), joint))


def write_answer(writer: GraphWriter, outputs: str, targets: Targets) -> tuple[Port, str]:
    """Write the answers to raw outputs (B, L): probabilities of classes or labels, or the number itself, (B,)."""
    if targets.kind == "category":
        return Port("probabilities", ("batch", targets.outputs)), writer.add("Softmax", outputs, axis=1)
    if targets.kind == "labels":
        return Port("probabilities", ("batch", targets.outputs)), writer.add("Sigmoid", outputs)
    scaled = writer.add("Cast", writer.add("Squeeze", outputs, writer.indices(1)), to=DOUBLE)
    moved = writer.add("Mul", scaled, writer.constant(np.float64(targets.deviation)))
    return Port("number", ("batch",), DOUBLE), writer.add("Add", moved, writer.constant(np.float64(targets.mean)))

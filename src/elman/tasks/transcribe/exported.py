"""A transcriber as a graph of ONNX: from the frames of a sound to ln P of each unit, or of none, at every fourth frame.

The features of a sound are computed outside, as the card's encoder says; the page on export writes greedily in NumPy.
"""

from typing import Any

import numpy as np
from torch import Tensor

from elman.export.checking import LENGTHS
from elman.export.graph import FLOAT, INT64, GraphWriter, Port
from elman.export.models import Feeds, ModelGraph, random_lengths
from elman.export.network import take
from elman.export.pieces import numbers_of, write_linear, write_real
from elman.export.ports import axis_length, read_lengths, zero_states
from elman.export.stack import write_network
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.module import BLANK, RowConvolution, RowNorm, SpeechNetwork, StridedConvolution

_EPSILON = 1e-5  # of torch's batch normalisation


def describe(model: TrainedTranscriber) -> dict[str, Any]:
    """Return what the card says about this model alone."""
    encoder = model.encoder
    units = [encoder.show(unit) for unit in range(1, encoder.units)]
    own = {"encoder": encoder.to_dict(), "describes": encoder.describe(), "blank": BLANK, "units": units}
    return {"holds": "the network: ln P of each unit at every fourth frame", **own}


def graphs(model: TrainedTranscriber) -> dict[str, ModelGraph]:
    """Write the graph of a model."""
    module, writer, width = model.module, GraphWriter(), model.encoder.width
    lengths = read_lengths(writer, "frames", batch=0, time=1)
    x, real = writer.add("Transpose", "frames", perm=[1, 0, 2]), lengths.value
    for convolution in module.front:
        assert isinstance(convolution, StridedConvolution)
        x, real = _write_convolution(writer, convolution, x, real)
    network = take(module.recurrent)
    output, _ = write_network(writer, network, x, zero_states(writer, network, axis_length(writer, x, 1)), real)
    if module.ahead is not None:
        output = _write_look_ahead(writer, module.ahead, output)
    shares = writer.add("LogSoftmax", write_linear(writer, output, module.readout), axis=-1)
    outputs = [
        (Port("log_probabilities", ("batch", "steps", model.encoder.units)), _turned(writer, shares)),
        (Port("steps", ("batch",), INT64), writer.add("Identity", real)),
    ]

    def expect(module: SpeechNetwork, feeds: dict[str, Tensor]) -> list[Tensor]:
        frames = feeds["frames"].to(module.readout.weight.dtype).transpose(0, 1)
        log_p, steps = module(frames, feeds["lengths"])
        return [log_p.transpose(0, 1), steps]

    cases = [_case(width, steps) for steps in LENGTHS]
    reads = {
        "frames": f"standardised features: {model.encoder.describe()}",
        "lengths": "the frames of each sound; left out, all are read",
        "log_probabilities": "of `blank`, then of `units`, at every fourth frame",
        "steps": "the real steps of each sound",
    }
    ports = [Port("frames", ("batch", "time", width), FLOAT), lengths.port]
    return {"": ModelGraph(writer, ports, outputs, module, cases, expect, reads)}


def _write_convolution(writer: GraphWriter, front: StridedConvolution, x: str, lengths: str) -> tuple[str, str]:
    """Write frames (T, B, D) as steps (⌈T / 2⌉, B, channels), 0 behind the end of each sound."""
    layer, zero = front.layer, writer.constant(np.float32(0))
    clean = writer.add("Where", _mask(writer, lengths, x), x, zero)
    by_channel = writer.add("Transpose", clean, perm=[1, 2, 0])
    pads, strides = [int(p) for p in layer.padding], list(layer.stride)
    weight = writer.constant(numbers_of(layer.weight))
    convolved = writer.add("Conv", by_channel, weight, pads=[*pads, *pads], strides=strides)
    steps = writer.add("Transpose", convolved, perm=[2, 0, 1])
    scale, shift = _normalisation(front.norm)
    normalised = writer.add("Add", writer.add("Mul", steps, writer.constant(scale)), writer.constant(shift))
    more = writer.add("Add", lengths, writer.constant(np.int64(1)))
    lengths = writer.add("Div", more, writer.constant(np.int64(2)))
    return writer.add("Where", _mask(writer, lengths, steps), writer.add("Relu", normalised), zero), lengths


def _write_look_ahead(writer: GraphWriter, ahead: RowConvolution, h: str) -> str:
    """Write a convolution in time of each unit alone; zeros are read behind the end."""
    kernel = np.ascontiguousarray(numbers_of(ahead.weight).T[:, None])  # (H, 1, steps + 1)
    by_unit = writer.add("Transpose", h, perm=[1, 2, 0])
    r = writer.add("Conv", by_unit, writer.constant(kernel), pads=[0, ahead.steps], group=len(kernel))
    return writer.add("Transpose", r, perm=[2, 0, 1])


def _normalisation(norm: RowNorm) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor and the summand that a batch normalisation is in evaluation."""
    mean, variance, weight, bias = (
        tensor.detach().cpu().double().numpy()
        for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    scale = weight / np.sqrt(variance + _EPSILON)
    return scale.astype(np.float32), (bias - mean * scale).astype(np.float32)


def _mask(writer: GraphWriter, lengths: str, steps: str) -> str:
    real = write_real(writer, lengths, axis_length(writer, steps, 0))
    return writer.add("Unsqueeze", real, writer.indices(2))


def _turned(writer: GraphWriter, value: str) -> str:
    return writer.add("Transpose", value, perm=[1, 0, 2])


def _case(width: int, steps: int) -> Feeds:
    frames = np.random.default_rng(steps).standard_normal((2, steps, width))
    return {"frames": frames.astype(np.float32), "lengths": random_lengths(steps)}

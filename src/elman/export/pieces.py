"""Write the layers around recurrent ones into a graph of ONNX: linear, embedding, convolution, masks, scaling, fronts.

Values are time-major, as in the modules that they follow.

>>> writer = GraphWriter()
>>> write_linear(writer, "x", nn.Linear(3, 5))
'Add_4'
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from elman.encoders.fronts import CentredFrames, Convolution, Motifs, PlacedUnits, PlainFrames, Units
from elman.encoders.scaling import Scaling
from elman.encoders.strands import Strands
from elman.errors import ConfigError
from elman.export.graph import BOOL, FLOAT, GraphWriter
from elman.export.ports import axis_length


def numbers_of(tensor: Tensor) -> np.ndarray:
    """Return the numbers of a parameter in float32."""
    array: np.ndarray = tensor.detach().float().cpu().numpy()
    return array


def write_linear(writer: GraphWriter, x: str, layer: nn.Linear) -> str:
    """Write x Wᵀ + b."""
    product = writer.add("MatMul", x, writer.constant(numbers_of(layer.weight).T))
    return product if layer.bias is None else writer.add("Add", product, writer.constant(numbers_of(layer.bias)))


def write_embedding(writer: GraphWriter, units: str, layer: nn.Embedding) -> str:
    """Write the rows of an embedding: units (…) become (…, size)."""
    return writer.add("Gather", writer.constant(numbers_of(layer.weight)), units, axis=0)


def write_real(writer: GraphWriter, lengths: str, steps: str) -> str:
    """Write (T, B), whether a step is real; `steps` is a vector of one number, T."""
    number = writer.add("Squeeze", steps, writer.indices(0))
    time = writer.add("Range", writer.constant(np.int64(0)), number, writer.constant(np.int64(1)))
    return writer.add("Less", writer.add("Unsqueeze", time, writer.indices(1)), lengths)


def write_other_strand(writer: GraphWriter, strands: Strands, steps: str, lengths: str) -> str:
    """Write the reverse complements of units (T, B, 1), as :class:`elman.encoders.strands.Strands` reads them."""
    turned = writer.add("ReverseSequence", steps, lengths, time_axis=0, batch_axis=1)
    return writer.add("Gather", writer.constant(np.array(strands.complements, np.int64)), turned, axis=0)


def write_scaling(writer: GraphWriter, rows: str, scaling: Scaling) -> str:
    """Write the standardised form of rows (…, N) in float64, where NaN is missing: (…, size) in float32."""
    missing = writer.add("IsNaN", rows)
    centred = writer.add("Sub", rows, writer.constant(np.array(scaling.means)))
    scaled = writer.add("Div", centred, writer.constant(np.array(scaling.deviations)))
    known = writer.add("Cast", writer.add("Where", missing, writer.constant(np.float64(0)), scaled), to=FLOAT)
    if not scaling.indicated:
        return known
    flags = writer.add("Gather", missing, writer.indices(*scaling.indicated), axis=-1)
    return writer.add("Concat", known, writer.add("Cast", flags, to=FLOAT), axis=-1)


def write_front(writer: GraphWriter, front: nn.Module, steps: str, lengths: str) -> tuple[str, str]:
    """Write a front of :mod:`elman.encoders.fronts`: (T, B, …) and lengths (B,) become (T′, B, size) and lengths.

    Raises:
        ConfigError: there is no such front.
    """
    kinds: dict[type[nn.Module], Callable[..., tuple[str, str]]] = {
        Units: _write_units,
        PlacedUnits: _write_placed,
        Motifs: _write_motifs,
        PlainFrames: lambda writer, front, steps, lengths: (steps, lengths),
        Convolution: _write_convolution,
        CentredFrames: _write_centred,
    }
    if type(front) not in kinds:
        raise ConfigError(
            f"export: the front {type(front).__name__} cannot be written to ONNX yet. Use the model in Python."
        )
    return kinds[type(front)](writer, front, steps, lengths)


def _write_units(writer: GraphWriter, front: Units, steps: str, lengths: str) -> tuple[str, str]:
    units = writer.add("Gather", steps, writer.constant(np.int64(0)), axis=2)
    embedded = write_embedding(writer, units, front.embedding)
    if front.letters is None or front.spelling is None:
        return embedded, lengths
    letters = _slice(writer, steps, 1, 2**31, axis=2)
    width = axis_length(writer, letters, 2)
    flat = writer.add("Reshape", letters, writer.add("Concat", writer.indices(-1), width, axis=0))
    spelled = writer.add("Transpose", write_embedding(writer, flat, front.letters), perm=[0, 2, 1])
    active = writer.add("Relu", _convolve(writer, spelled, front.spelling))
    real = writer.add("Cast", writer.add("Cast", flat, to=BOOL), to=FLOAT)
    masked = writer.add("Mul", active, writer.add("Unsqueeze", real, writer.indices(1)))
    words = writer.add("ReduceMax", masked, axes=[2], keepdims=0)
    shape = writer.add("Concat", writer.add("Shape", units), writer.indices(front.spelling.out_channels), axis=0)
    return writer.add("Concat", embedded, writer.add("Reshape", words, shape), axis=2), lengths


def _write_placed(writer: GraphWriter, front: PlacedUnits, steps: str, lengths: str) -> tuple[str, str]:
    embedded, _ = _write_units(writer, front.units, steps, lengths)
    last = numbers_of(front.places)
    count = axis_length(writer, embedded, 0)
    more = writer.add("Concat", count, writer.indices(last.shape[1]), axis=0)
    longer = writer.add(
        "Concat", writer.constant(last), writer.add("Expand", writer.constant(np.float32(0)), more), axis=0
    )
    places = writer.add("Slice", longer, writer.indices(0), count, writer.indices(0))
    return writer.add("Add", embedded, writer.add("Unsqueeze", places, writer.indices(1))), lengths


def _write_motifs(writer: GraphWriter, front: Motifs, steps: str, lengths: str) -> tuple[str, str]:
    embedded, _ = write_front(writer, front.units, steps, lengths)
    x = writer.add("Transpose", embedded, perm=[1, 2, 0])
    motifs = writer.add("Relu", _convolve(writer, _zero(writer, x, lengths, 1), front.layer))
    pooled = _pool(writer, _zero(writer, motifs, lengths, 1), 1)
    return writer.add("Transpose", pooled, perm=[2, 0, 1]), _halve(writer, lengths)


def _write_centred(writer: GraphWriter, front: CentredFrames, steps: str, lengths: str) -> tuple[str, str]:
    add, nothing = writer.add, writer.constant(np.float32(0))
    real = add("Unsqueeze", write_real(writer, lengths, axis_length(writer, steps, 0)), writer.indices(2))
    total = add("ReduceSum", add("Where", real, steps, nothing), writer.indices(0), keepdims=0)
    mean = add("Div", total, add("Unsqueeze", add("Cast", lengths, to=FLOAT), writer.indices(1)))
    return write_front(writer, front.frames, add("Where", real, add("Sub", steps, mean), nothing), lengths)


def _write_convolution(writer: GraphWriter, front: Convolution, steps: str, lengths: str) -> tuple[str, str]:
    image = writer.add("Reshape", steps, writer.indices(0, 0, front.channels, -1))
    x = writer.add("Transpose", image, perm=[1, 2, 0, 3])
    for layer in front.layers:
        active = writer.add("Relu", _convolve(writer, _zero(writer, x, lengths, 2), layer))
        x = _pool(writer, _zero(writer, active, lengths, 2), 2)
        lengths = _halve(writer, lengths)
    whole = writer.add("Transpose", x, perm=[2, 0, 1, 3])
    return writer.add("Reshape", whole, writer.indices(0, 0, front.size)), lengths


def _convolve(writer: GraphWriter, x: str, layer: nn.Module) -> str:
    assert isinstance(layer, nn.Conv1d | nn.Conv2d)
    assert layer.bias is not None
    weights = [writer.constant(numbers_of(tensor)) for tensor in (layer.weight, layer.bias)]
    pads = [int(p) for p in layer.padding]
    return writer.add("Conv", x, *weights, pads=[*pads, *pads], strides=list(layer.stride))


def _zero(writer: GraphWriter, x: str, lengths: str, spatial: int) -> str:
    """Write 0 behind the last real step of (B, C, T) or (B, C, T, S)."""
    real = writer.add("Transpose", write_real(writer, lengths, axis_length(writer, x, 2)), perm=[1, 0])
    axes = (1,) if spatial == 1 else (1, 3)
    return writer.add("Where", writer.add("Unsqueeze", real, writer.indices(*axes)), x, writer.constant(np.float32(0)))


def _pool(writer: GraphWriter, x: str, spatial: int) -> str:
    sizes = [2] * spatial
    return writer.add("MaxPool", x, kernel_shape=sizes, strides=sizes, ceil_mode=1)


def _halve(writer: GraphWriter, lengths: str) -> str:
    more = writer.add("Add", lengths, writer.constant(np.int64(1)))
    return writer.add("Div", more, writer.constant(np.int64(2)))


def _slice(writer: GraphWriter, x: str, first: int, end: int, axis: int) -> str:
    return writer.add("Slice", x, writer.indices(first), writer.indices(end), writer.indices(axis))

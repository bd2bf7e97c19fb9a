"""A model of captions as two graphs of ONNX: an encoder, which reads a picture, and one step of the decoder.

The page on export writes greedily with both, in NumPy. The standardising of a picture and the model's own convolutions
are inside; features of another network are computed outside.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.export.attending import encoder_outputs, step_graph, write_encoder_outputs
from elman.export.checking import LENGTHS
from elman.export.graph import GraphWriter, Port
from elman.export.models import Feeds, ModelGraph
from elman.export.pieces import numbers_of, write_linear
from elman.export.ports import axis_length
from elman.tasks.caption.model import TrainedCaptioner
from elman.tasks.caption.module import CaptionModel, Convolutions


def describe(model: TrainedCaptioner) -> dict[str, Any]:
    """Return what the card says about this model alone."""
    words, encoder = model.encoder.words, model.encoder
    target = {
        "vocabulary": words.vocabulary.to_dict(),
        "unit": words.vocabulary.unit,
        "end": words.end,
        "unwritten": list(encoder.unwritten),
    }
    return {
        "holds": "an encoder, and one step of the decoder with its attention",
        "pictures": encoder.pictures.to_dict(),
        "describes": encoder.pictures.describe(),
        "target": target,
        "longest": {"spare": encoder.longest, "times": 0},
    }


def graphs(model: TrainedCaptioner) -> dict[str, ModelGraph]:
    """Write the graphs of a model."""
    return {"encoder": _encoder_graph(model), "decoder": step_graph(model.module, len(model.module.places))}


def _encoder_graph(model: TrainedCaptioner) -> ModelGraph:
    module, writer, pictures = model.module, GraphWriter(), model.encoder.pictures
    means, deviations = (
        writer.constant(np.array(numbers, np.float32)[:, None, None])
        for numbers in (pictures.scaling.means, pictures.scaling.deviations)
    )
    cells = writer.add("Div", writer.add("Sub", "pictures", means), deviations)
    if module.convolutions is not None:
        cells = _write_convolutions(writer, module.convolutions, cells)
    flat = writer.add("Reshape", cells, writer.indices(0, 0, -1))
    by_cell = writer.add("Transpose", flat, perm=[2, 0, 1])
    projected = write_linear(writer, by_cell, module.project)
    memory = writer.add("Tanh", writer.add("Add", projected, writer.constant(numbers_of(module.places))))
    count = writer.constant(np.int64(len(module.places)))
    lengths = writer.add("Expand", count, axis_length(writer, "pictures", 0))
    outputs = [
        (Port(port.name, [len(module.places) if axis == "source" else axis for axis in port.axes]), value)
        for port, value in write_encoder_outputs(writer, module, memory, lengths)
    ]

    def expect(module: CaptionModel, feeds: dict[str, Tensor]) -> list[Tensor]:
        maps = pictures.scale(feeds["pictures"]).to(module.bias.dtype)
        cells = maps if module.convolutions is None else module.convolutions(maps)
        memory = torch.tanh(module.project(cells.flatten(2).permute(2, 0, 1)) + module.places)
        return encoder_outputs(module, module.encode(maps), memory)

    cases = [_case(pictures.size, pictures.scaling, seed) for seed in LENGTHS]
    reads = {"pictures": f"{model.encoder.pictures.describe()}; as they are, they are standardised inside"}
    ports = [Port("pictures", ("batch", *pictures.size))]
    return ModelGraph(writer, ports, outputs, module, cases, expect, {**reads, "memory": "for the decoder"})


def _write_convolutions(writer: GraphWriter, convolutions: Convolutions, photos: str) -> str:
    """Write convolutions, each with a normalisation over groups of channels, and relu."""
    x, add = photos, writer.add
    for layer, norm in zip(convolutions.layers, convolutions.norms, strict=True):
        weight, settings = writer.constant(numbers_of(layer.weight)), layer  # type: ignore[arg-type]
        pads, strides = [int(p) for p in settings.padding], list(settings.stride)  # type: ignore[union-attr, arg-type]
        x = add("Conv", x, weight, pads=[*pads, *pads], strides=strides)
        groups = int(norm.num_groups)  # type: ignore[arg-type]
        flat = add("Reshape", x, writer.indices(0, groups, -1))
        ones, zeros = writer.constant(np.ones(groups, np.float32)), writer.constant(np.zeros(groups, np.float32))
        normal = add("InstanceNormalization", flat, ones, zeros, epsilon=float(norm.eps))  # type: ignore[arg-type]
        normal = add("Reshape", normal, add("Shape", x))
        scale, shift = (writer.constant(numbers_of(part)[:, None, None]) for part in (norm.weight, norm.bias))  # type: ignore[arg-type]
        x = add("Relu", add("Add", add("Mul", normal, scale), shift))
    return x


def _case(size: tuple[int, int, int], scaling: Any, seed: int) -> Feeds:
    """Draw two pictures."""
    drawn = np.random.default_rng(seed).standard_normal((2, *size))
    means, deviations = (np.array(part)[:, None, None] for part in (scaling.means, scaling.deviations))
    return {"pictures": (drawn * deviations + means).astype(np.float32)}


step_graphs = graphs
"""They are steps in any case."""

"""A classifier of text or sound for the browser: recurrent layers and readout are WebAssembly, the rest is `answer.js`.

A text is split and numbered as :mod:`elman.encoders.words` and :mod:`elman.encoders.letters` do, a sound becomes frames
as in :mod:`elman.encoders.sound` (`sound.js`); fronts and pooling follow :mod:`elman.encoders.fronts` and
:class:`~elman.tasks.classify.module.SequenceClassifier`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.encoders.fronts import CentredFrames, Convolution, Motifs, PlacedUnits, PlainFrames, Units
from elman.encoders.letters import LettersEncoder
from elman.encoders.mel import DELTA_REACH, FLOOR, cosines, mel_bank
from elman.encoders.sound import SoundEncoder
from elman.encoders.words import WordsEncoder
from elman.export.checking import LENGTHS
from elman.export.expected import expecting
from elman.export.network import take
from elman.export.pages.page import Case, WebModel
from elman.export.pieces import numbers_of
from elman.export.wasm.code import ModuleWriter
from elman.export.wasm.memory import LANES, vectors
from elman.export.wasm.runs import write_runs
from elman.phrases import name_some
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.module import SequenceClassifier
from elman.vocabulary.tally import FIRST

_LEAST_RATE = 8_000  # that every browser must decode to (Web Audio API 1.1, section 1.1)


def obstacle(model: TrainedClassifier) -> str:
    """Return why a model cannot become a page; empty where it can."""
    encoder = model.encoder
    if model.covariates is not None:
        columns = name_some([*model.covariates.numbers, *model.covariates.categories, *model.covariates.dates])
        return f"this model reads {columns} beside a sequence, and a page reads one kind of input"
    if not isinstance(encoder, WordsEncoder | LettersEncoder | SoundEncoder):
        return f"this model reads {encoder.kind}, and pages of classify read text, letters or sound"
    if isinstance(encoder, SoundEncoder) and encoder.features.rate < _LEAST_RATE:
        return (
            f"this model reads sound at {encoder.features.rate:,} Hz, and browsers decode it at {_LEAST_RATE:,} Hz or "
            "more"
        )
    return ""


def page_model(model: TrainedClassifier) -> WebModel:
    """Return what a page is made of."""
    module, writer, encoder = model.module, ModuleWriter(), model.encoder
    assert isinstance(encoder, WordsEncoder | LettersEncoder | SoundEncoder)
    own = {
        "layers": write_runs(writer, take(module.recurrent)),
        "front": _write_front(writer, module.front),
        "complements": None if module.strands is None else module.strands.complements,
        "pooling": module.pooling,
        "query": None if module.query is None else module.query.tolist(),
        "outputs": model.targets.outputs,
        "factor": model.blend.network,
        "sound": _describe_sound(encoder) if isinstance(encoder, SoundEncoder) else None,
        "scale": [model.targets.mean, model.targets.deviation],
    }
    writer.write_linear("readout", numbers_of(module.readout.weight), numbers_of(module.readout.bias))
    writer.addresses["free"] = writer.memory.end

    def expect(module: SequenceClassifier, case: Case) -> list[Tensor]:
        kind = torch.int64 if encoder.units else module.readout.weight.dtype
        outputs = module(torch.tensor(case["steps"], dtype=kind)[:, None]) * model.blend.network
        if model.targets.kind == "number":
            return [outputs[:, 0] * model.targets.deviation + model.targets.mean]
        return [model.targets.probabilities(outputs)[0]]

    cases = [{"steps": _draw(encoder, steps)} for steps in LENGTHS]
    found = WebModel(writer, cases, expecting(module, expect), Path(__file__).parent, own=own, shows=("bars", "page"))
    return found if encoder.units else replace(found, answers=("answer.js", "sound.js"), shows=("bars", "listen"))


def _write_front(writer: ModuleWriter, front: Any) -> dict[str, Any]:
    """Place the numbers of a front, and return where they are."""
    if isinstance(front, CentredFrames):
        return {**_write_front(writer, front.frames), "centred": True}
    if isinstance(front, PlainFrames):
        return {"size": front.size}
    if isinstance(front, Convolution):
        layers = [_place(writer, layer) for layer in front.layers if isinstance(layer, torch.nn.Conv2d)]
        return {"size": front.size, "image": {"channels": front.channels, "layers": layers}}
    read = front.units if isinstance(front, Motifs) else front
    units = read.units if isinstance(read, PlacedUnits) else read
    assert isinstance(units, Units)
    embedding = numbers_of(units.embedding.weight)
    size = embedding.shape[1]
    padded = np.pad(embedding, ((0, 0), (0, LANES * vectors(size) - size)))
    found: dict[str, Any] = {"embedding": {"at": writer.memory.put(padded), "size": size}, "size": front.size}
    if isinstance(read, PlacedUnits):
        places = numbers_of(read.places)
        found["places"] = {"at": writer.memory.put(places), "count": len(places)}
    if isinstance(front, Motifs):
        found["motifs"] = _place(writer, front.layer)
    elif units.letters is not None and units.spelling is not None:
        letters = numbers_of(units.letters.weight)
        found["letters"] = {"at": writer.memory.put(letters), "size": letters.shape[1], "count": len(letters)}
        found["spelling"] = _place(writer, units.spelling)
    return found


def _place(writer: ModuleWriter, layer: torch.nn.Conv1d | torch.nn.Conv2d) -> dict[str, int]:
    """Place a convolution; weights over time lie by output, place and input, those of an image as torch has them."""
    assert layer.bias is not None
    weight = numbers_of(layer.weight)
    outputs, inputs, width = weight.shape[:3]
    at = writer.memory.put(weight.transpose(0, 2, 1) if weight.ndim == 3 else weight)
    bias = writer.memory.put(numbers_of(layer.bias))
    return {"at": at, "bias": bias, "outputs": outputs, "inputs": inputs, "width": width}


def _describe_sound(encoder: SoundEncoder) -> dict[str, Any]:
    """Return what turns samples into frames: each band by its first frequency and its weights."""
    features, bands = encoder.features, encoder.features.bands
    filters = []
    for weights in mel_bank(features.rate, bands.transform, bands.size).numpy():
        places = np.flatnonzero(weights)
        filters.append([int(places[0]), weights[places[0] : places[-1] + 1].astype(np.float32).tolist()])
    return {
        "rate": features.rate,
        "frame": bands.frame,
        "hop": bands.hop,
        "transform": bands.transform,
        "bands": filters,
        "floor": FLOOR,
        "cosines": cosines(bands.size, features.coefficients).tolist() if features.features == "mfcc" else None,
        "deltas": DELTA_REACH if features.deltas else 0,
        "means": list(encoder.scaling.means),
        "deviations": list(encoder.scaling.deviations),
        "most": encoder.limit.most,
    }


def _draw(encoder: WordsEncoder | LettersEncoder | SoundEncoder, steps: int) -> list[list[float]]:
    """Draw numbered units, each with its letters if they are read; or frames."""
    random = np.random.default_rng(steps)
    if isinstance(encoder, SoundEncoder):
        frames: list[list[float]] = random.standard_normal((steps, encoder.features.size)).astype(np.float32).tolist()
        return frames
    letters = len(encoder.letters) if isinstance(encoder, WordsEncoder) else 0
    width = encoder.width if isinstance(encoder, WordsEncoder) and letters else 0
    units = random.integers(1, len(encoder.known) + FIRST, (steps, 1))
    spelled = random.integers(1, letters + FIRST, (steps, width))
    ends = random.integers(0, width + 1, (steps, 1))
    rows: list[list[float]] = np.hstack([units, np.where(np.arange(width) < ends, spelled, 0)]).tolist()
    return rows

"""Write a non-recurrent baseline into the parts of a model file, and read it again.

The units of a bag, its weights and the scales of frames are tensors; the rest is plain data.

>>> import numpy as np
>>> reader = BagReader(np.array([3, 8]), np.array([1.0, 1.5]))
>>> plain, tensors = write_baseline(Baseline("a bag of words", 6, 9, 0.1, True, LinearOnBags(2, 2), reader))
>>> plain, sorted(tensors)
({'what': 'a bag of words', 'examples': 9, 'kind': 'bags'}, ['module.bias', 'module.weight', 'reader.known', \
'reader.rarity'])
>>> read_baseline(plain, tensors).parameters
6
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from elman.data.plain import read_plain
from elman.errors import DataError
from elman.nn.weights import plain_state
from elman.tasks.classify.baseline.bags import BagReader, LinearOnBags, Places
from elman.tasks.classify.baseline.frame_summaries import SummaryReader
from elman.tasks.classify.baseline.linear import Baseline, build_network
from elman.tasks.classify.baseline.ngrams import SIZES, NGrams

_BAGS, _FRAMES = "bags", "frames"


@dataclass(frozen=True)
class _Entry:
    """What a file says of a baseline, besides its tensors."""

    what: str
    examples: int
    kind: str
    steps: int | None = None
    covariates: int = 0
    places: int = 0
    units: int = 0
    ngrams: str | None = None


def write_baseline(baseline: Baseline) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return plain data and tensors by name."""
    plain, tensors = baseline.reader.state()
    kind = _BAGS if isinstance(baseline.reader, BagReader) else _FRAMES
    layers = plain_state(baseline.module)
    return (
        {"what": baseline.what, "examples": baseline.examples, "kind": kind, **plain},
        {
            **{f"reader.{name}": value for name, value in tensors.items()},
            **{f"module.{name}": value for name, value in layers.items()},
        },
    )


def read_baseline(plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Baseline:
    """Read what :func:`write_baseline` wrote.

    Raises:
        DataError: an entry is missing or unknown, or tensors do not fit each other.
        RuntimeError, KeyError: a tensor is missing, or has another shape.
    """
    entry = read_plain(_Entry, dict(plain), "baseline")
    own = {name.removeprefix("module."): value for name, value in tensors.items() if name.startswith("module.")}
    reader: BagReader | SummaryReader
    if entry.kind == _BAGS:
        known, rarity, weight = tensors["reader.known"], tensors["reader.rarity"], own["weight"]
        _require(
            known.dtype == torch.int64 and known.shape == rarity.shape and known.ndim == 1 and entry.covariates >= 0
        )
        _require(entry.places >= 0 and entry.ngrams in (None, *SIZES) and not (entry.places and entry.ngrams))
        _require((entry.units > 0) == (entry.places > 0 or entry.ngrams is not None))
        _require(weight.ndim == 2 and len(weight) == len(known) + entry.covariates)
        _require(len(known) > 0 and bool((known[1:] > known[:-1]).all()))
        alike = tensors.get("reader.alike")
        _require(alike is None or (alike.dtype == torch.int64 and alike.ndim == 1 and _numbers_itself(alike)))
        reader = BagReader(
            known.numpy(),
            rarity.double().numpy(),
            entry.covariates,
            NGrams(entry.ngrams, entry.units) if entry.ngrams else Places(entry.places, entry.units),
            None if alike is None else alike.numpy(),
        )
        with torch.device("meta"):
            module: nn.Module = LinearOnBags(*weight.shape)
    else:
        mean, scale, first = tensors["reader.mean"], tensors["reader.scale"], own["0.weight"]
        _require(entry.kind == _FRAMES and mean.shape == scale.shape == first.shape[1:])
        reader = SummaryReader(entry.steps, mean, scale)
        with torch.device("meta"):
            module = build_network(first.shape[1], len(own["2.bias"]))
    module.load_state_dict(own, assign=True)
    parameters = sum(value.numel() for value in own.values())
    return Baseline(entry.what, parameters, entry.examples, 0.0, True, module.eval(), reader)


def _numbers_itself(alike: Tensor) -> bool:
    return bool(((alike >= 0) & (alike <= torch.arange(len(alike)))).all())


def _require(fits: bool) -> None:
    if not fits:
        raise DataError("The tensors of the baseline of this model do not fit each other. Train the model again.")

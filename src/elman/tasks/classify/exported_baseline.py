"""The non-recurrent baseline of an exported classifier: bags of units, or what describes frames, counted in the graph.

>>> import torch
>>> from elman.tasks.classify.baseline.bags import BagReader, LinearOnBags
>>> reader = BagReader(np.array([3, 8]), np.array([1.0, 1.5]))
>>> baseline = Baseline("a bag of words", 6, 9, 0.1, True, LinearOnBags(2, 5), reader)
>>> expect_baseline(baseline, baseline.module, torch.tensor([[[3]], [[8]]]), torch.tensor([2])).shape
torch.Size([1, 5])
"""

from dataclasses import replace
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from elman.export.graph import DOUBLE, FLOAT, GraphWriter
from elman.export.pieces import numbers_of, write_linear, write_real
from elman.export.ports import axis_length
from elman.tasks.classify.baseline.bags import HALF, BagReader, Bags, Places
from elman.tasks.classify.baseline.linear import Baseline
from elman.tasks.classify.baseline.ngrams import FACTOR, NUMBERS, SIZES, NGrams

_LEAST = 1e-12  # what the length of a bag is at least


def write_baseline_graph(
    writer: GraphWriter, baseline: Baseline, steps: str, lengths: str, units: int, covariates: str = ""
) -> str:
    """Write the outputs of a baseline, (B, outputs).

    Args:
        writer: the graph.
        baseline: the baseline.
        steps: name of (T, B, K) units or (T, B, D) frames, as the encoder gives them.
        lengths: name of (B,).
        units: how many numbers units have; 0 for frames.
        covariates: name of (B, F), what is read beside the steps; empty where nothing is.
    """
    real = write_real(writer, lengths, axis_length(writer, steps, 0))
    if isinstance(baseline.reader, BagReader):
        bags = _write_bags(writer, baseline.reader, steps, real, units)
        bags = writer.add("Concat", bags, covariates, axis=1) if covariates else bags
        module: Any = baseline.module
        product = writer.add("MatMul", bags, writer.constant(numbers_of(module.weight)))
        return writer.add("Add", product, writer.constant(numbers_of(module.bias)))
    reader = baseline.reader
    known = writer.add("Unsqueeze", real, writer.indices(2))
    clean = writer.add("Where", known, writer.add("Cast", steps, to=DOUBLE), writer.constant(np.float64(0)))
    if reader.steps is None:
        described = _write_summary(writer, clean, known, lengths)
    else:
        described = _write_whole(writer, clean, reader.steps)
    if covariates:
        described = writer.add("Concat", described, writer.add("Cast", covariates, to=DOUBLE), axis=1)
    mean, scale = (writer.constant(numbers_of(part).astype(np.float64)) for part in (reader.mean, reader.scale))
    x = writer.add("Cast", writer.add("Mul", writer.add("Sub", described, mean), scale), to=FLOAT)
    for layer in cast("nn.Sequential", baseline.module):
        x = write_linear(writer, x, layer) if isinstance(layer, nn.Linear) else writer.add("Relu", x)
    return x


def expect_baseline(
    baseline: Baseline, module: nn.Module, steps: Tensor, lengths: Tensor, covariates: Tensor | None = None
) -> Tensor:
    """Compute what the graph computes, by the layers of the baseline, or by a copy of them in another dtype."""
    sequences = [steps[:length, example] for example, length in enumerate(lengths.tolist())]
    read = baseline.reader.read(cast("Any", _Sequences(sequences, covariates)), range(len(sequences)))
    kind = next(module.parameters()).dtype
    outputs: Tensor = module(replace(read, weights=read.weights.to(kind)) if isinstance(read, Bags) else read.to(kind))
    return outputs


class _Sequences:
    """Sequences by their numbers, as a set of encoded examples has them, with what is read beside them."""

    def __init__(self, sequences: list[Tensor], covariates: Tensor | None) -> None:
        self._sequences, self.covariates = sequences, covariates

    def steps(self, index: int) -> Tensor:
        return self._sequences[index]


def _write_bags(writer: GraphWriter, reader: BagReader, steps: str, real: str, units: int) -> str:
    """Write the weight of each unit that is counted, (B, V)."""
    add, one = writer.add, writer.constant(np.float64(1))
    _, tensors = reader.state()
    numbers = add("Transpose", add("Gather", steps, writer.constant(np.int64(0)), axis=2), perm=[1, 0])
    each = add("Cast", add("Transpose", real, perm=[1, 0]), to=DOUBLE)
    if reader.alike is not None:
        numbers = add("Gather", writer.constant(reader.alike), numbers)
    if isinstance(reader.counted, NGrams):
        numbers, each = _write_ngrams(writer, reader.counted, steps, real, numbers, each)
        units = reader.counted.units + NUMBERS
    elif reader.counted.count:
        numbers, each = _write_places(writer, reader.counted, numbers, each)
        units = reader.counted.units * (1 + reader.counted.count)
    shape = add("Concat", axis_length(writer, steps, 1), writer.indices(units), axis=0)
    nothing = add("Expand", writer.constant(np.float64(0)), shape)
    counts = add("ScatterElements", nothing, numbers, each, axis=1, reduction="add")
    own = add("Gather", counts, writer.constant(tensors["known"].numpy()), axis=1)
    grown = add("Add", one, add("Log", add("Max", own, one)))
    weighted = add("Mul", grown, writer.constant(tensors["rarity"].numpy().astype(np.float64)))
    weights = add("Where", add("Less", own, one), writer.constant(np.float64(0)), weighted)
    if not isinstance(reader.counted, NGrams):
        return _write_length_one(writer, weights)
    first, plain, end = writer.indices(0), writer.indices(reader.plain), writer.indices(len(tensors["known"]))
    parts = [add("Slice", weights, *ends, writer.indices(1)) for ends in ((first, plain), (plain, end))]
    half = writer.constant(np.float64(HALF))
    return add("Concat", *(_write_length_one(writer, part, half) for part in parts), axis=1)


def _write_length_one(writer: GraphWriter, weights: str, scale: str = "") -> str:
    """Write a part of a bag (B, V) of length 1, in float32, times a number if there is one."""
    add = writer.add
    square = add("ReduceSum", add("Mul", weights, weights), writer.indices(1), keepdims=1)
    length = add("Max", add("Sqrt", square), writer.constant(np.float64(_LEAST)))
    found = add("Div", weights, length)
    return add("Cast", add("Mul", found, scale) if scale else found, to=FLOAT)


def _write_ngrams(writer: GraphWriter, ngrams: NGrams, steps: str, real: str, units: str, each: str) -> tuple[str, str]:
    """Write the units (B, T) and how often each is counted, and behind both the n-grams, as `NGrams.number` does."""
    add, zero = writer.add, writer.constant(np.int64(0))
    ends, last = (writer.indices(number) for number in (2**31 - 1, -1))
    is_known = add("Less", units, writer.constant(np.int64(ngrams.units)))
    numbers = [add("Where", is_known, units, zero)]
    counts = [add("Where", is_known, each, writer.constant(np.float64(0)))]
    clean = add("Where", add("Unsqueeze", real, writer.indices(2)), steps, zero)
    if ngrams.of == "letters":
        rows = add("Transpose", add("Slice", clean, writer.indices(1), ends, writer.indices(2)), perm=[1, 0, 2])
    else:
        rows = add(
            "Transpose", add("Slice", clean, writer.indices(0), writer.indices(1), writer.indices(2)), perm=[1, 2, 0]
        )
    padded = add("Pad", rows, writer.indices(0, 0, 1, 0, 0, 1))

    def cut(x: str, first: int, until: str) -> str:
        return add("Slice", x, writer.indices(first), until, last)

    marked = add("Add", padded, writer.constant(np.int64(1)))
    hashed, sizes = marked, SIZES[ngrams.of]
    for n in range(2, max(sizes) + 1):
        scaled = add("Mul", cut(hashed, 0, last), writer.constant(np.int64(FACTOR)))
        hashed = add("Mod", add("Add", scaled, cut(marked, n - 1, ends)), writer.constant(np.int64(NUMBERS)))
        if n in sizes:
            whole = cut(padded, n - 2, last)
            whole = add("Add", whole, cut(padded, 1, ends)) if n == 2 else whole
            number = add("Add", hashed, writer.constant(np.int64(ngrams.units)))
            numbers.append(add("Flatten", number, axis=1))
            counts.append(add("Flatten", add("Cast", add("Greater", whole, zero), to=DOUBLE), axis=1))
    return add("Concat", *numbers, axis=1), add("Concat", *counts, axis=1)


def _write_places(writer: GraphWriter, places: Places, numbers: str, each: str) -> tuple[str, str]:
    """Write the units (B, T) and how often each is counted, and behind both the units at their places."""
    add, nothing = writer.add, writer.constant(np.float64(0))
    start, one, stride = (writer.constant(np.int64(number)) for number in (0, 1, places.units))
    is_known = add("Less", numbers, stride)
    place = add("Range", start, add("Squeeze", axis_length(writer, numbers, 1)), one)
    is_placed = add("And", is_known, add("Less", place, writer.constant(np.int64(places.count))))
    placed = add("Add", numbers, add("Mul", add("Add", place, one), stride))
    both = [add("Where", chosen, number, start) for chosen, number in ((is_known, numbers), (is_placed, placed))]
    counts = [add("Where", chosen, each, nothing) for chosen in (is_known, is_placed)]
    return add("Concat", *both, axis=1), add("Concat", *counts, axis=1)


def _write_summary(writer: GraphWriter, steps: str, known: str, lengths: str) -> str:
    """Write mean, deviation, extremes and ends of frames (T, B, D), which are 0 behind their ends: (B, 6·D)."""
    add, first = writer.add, writer.indices(0)
    count = add("Unsqueeze", add("Cast", lengths, to=DOUBLE), writer.indices(1))
    mean = add("Div", add("ReduceSum", steps, first, keepdims=0), count)
    apart = add("Where", known, add("Sub", steps, mean), writer.constant(np.float64(0)))
    square = add("Div", add("ReduceSum", add("Mul", apart, apart), first, keepdims=0), count)
    parts = [mean, add("Sqrt", square)]
    for op, far in (("ReduceMin", np.inf), ("ReduceMax", -np.inf)):
        parts.append(add(op, add("Where", known, steps, writer.constant(np.float64(far))), axes=[0], keepdims=0))
    parts.append(add("Gather", steps, writer.constant(np.int64(0)), axis=0))
    goes_on = write_real(writer, add("Sub", lengths, writer.constant(np.int64(1))), axis_length(writer, steps, 0))
    is_last = add("Unsqueeze", add("Not", goes_on), writer.indices(2))
    ends = add("Where", is_last, steps, writer.constant(np.float64(0)))
    parts.append(add("ReduceSum", ends, first, keepdims=0))
    return add("Concat", *parts, axis=1)


def _write_whole(writer: GraphWriter, steps: str, count: int) -> str:
    """Write the first so many frames (T, B, D) as one vector, (B, count·D); 0 where there are fewer."""
    add = writer.add
    more = add("Concat", writer.indices(count), _rest(writer, steps), axis=0)
    longer = add("Concat", steps, add("Expand", writer.constant(np.float64(0)), more), axis=0)
    cut = add("Slice", longer, writer.indices(0), writer.indices(count), writer.indices(0))
    return add("Flatten", add("Transpose", cut, perm=[1, 0, 2]), axis=1)


def _rest(writer: GraphWriter, steps: str) -> str:
    """Write the lengths of the second and third axis."""
    return writer.add("Gather", writer.add("Shape", steps), writer.indices(1, 2))

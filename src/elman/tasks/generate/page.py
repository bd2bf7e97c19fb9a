"""A language model for the browser: it reads a unit and gives the logits of the next, and a page writes with it.

The functions are `reset()` and `read(unit)`, with the number of a class behind it where the model has classes; `logits`
is the address of V numbers. The page draws from them as :mod:`elman.decoding.sampling` does, by the same numbers of
chance.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.export.checking import LENGTHS
from elman.export.expected import expecting
from elman.export.network import take
from elman.export.pages.page import Case, WebModel
from elman.export.pieces import numbers_of
from elman.export.wasm.code import FunctionWriter, ModuleWriter
from elman.export.wasm.layer import write_states
from elman.export.wasm.memory import BYTES, LANES, vectors
from elman.export.wasm.running import Instance
from elman.tasks.generate.model import TrainedModel
from elman.tasks.generate.module import LanguageModel
from elman.vocabulary.subwords import Subwords


def web_model(model: TrainedModel) -> WebModel:
    """Write the functions of a model."""
    module, writer = model.module, ModuleWriter()
    units, classes = module.embedding.num_embeddings, len(model.classes)
    _write_functions(writer, module)

    def expect(module: LanguageModel, case: Case) -> list[Tensor]:
        numbers = torch.tensor(case["units"])[:, None]
        given = None if module.given is None else torch.full_like(numbers, case["given"])
        logits, _ = module(numbers, None, given=given)
        return [logits[-1, 0]]

    def run(instance: Instance, case: Case) -> np.ndarray:
        instance.call("reset")
        for unit in case["units"]:
            instance.call("read", unit, *([case["given"]] if classes else []))
        return instance.read("logits", units)

    random = np.random.default_rng(26)
    cases = [
        {"units": random.integers(0, units, steps).tolist(), "given": int(random.integers(0, classes or 1))}
        for steps in LENGTHS
    ]
    holds = "one step: a unit in, the logits of the next unit out"
    return WebModel(writer, cases, expecting(module, expect), Path(__file__).parent, run=run, holds=holds)


def page_model(model: TrainedModel) -> WebModel:
    """Return what a page is made of."""
    whole = web_model(model)
    return replace(whole, answers=(*whole.answers, "subwords.js")) if isinstance(model.vocabulary, Subwords) else whole


def _write_functions(writer: ModuleWriter, module: LanguageModel) -> None:
    network, memory = take(module.recurrent), writer.memory
    steps = write_states(writer, network)
    function = writer.function("read", 1 if module.given is None else 2)
    x = _write_input(function, module)
    for step in steps:
        step.write(function, x, None)
        x = step.states[0]
    bias = module.bias if module.readout is None else module.readout.bias
    weight = module.embedding.weight if module.readout is None else module.readout.weight
    rows, columns = weight.shape
    logits = memory.reserve(rows)
    start = memory.put(numbers_of(bias)) if bias is not None else memory.reserve(rows)
    with function.loop(vectors(rows)) as offset:
        function.store(function.load(start, offset), logits, offset)
    matrix = _packed(writer, module) if module.readout is None else memory.put_matrix(numbers_of(weight))
    function.add_product(logits, matrix, x, rows, columns)
    function.end()
    writer.addresses |= {"logits": logits, "free": memory.end}


def _write_input(function: FunctionWriter, module: LanguageModel) -> Any:
    """Write the embedding of a unit, and that of a class added; return its address."""
    memory, b = function.module.memory, function.b
    rows, size = module.embedding.weight.shape
    width = BYTES * LANES * vectors(size)
    if module.readout is None:  # the readout has these numbers as well, packed
        x: Any = memory.reserve(size)
        function.unpack_row(_packed(function.module, module), function.args[0], rows, size, x)
    else:
        table = memory.put(_padded(module.embedding))
        x = function.add(table, b.mul(function.args[0], function.number(width)))
    if module.given is None:
        return x
    its = function.add(memory.put(_padded(module.given)), b.mul(function.args[1], function.number(width)))
    total = memory.reserve(size)
    with function.loop(vectors(size)) as offset:
        function.store(b.fadd(function.load(x, offset), function.load(its, offset)), total, offset)
    return total


def _packed(writer: ModuleWriter, module: LanguageModel) -> int:
    """Return the address of the embedding that is the readout as well."""
    if "embedding" not in writer.addresses:
        writer.addresses["embedding"] = writer.memory.put_matrix(numbers_of(module.embedding.weight))
    return writer.addresses["embedding"]


def _padded(embedding: torch.nn.Embedding) -> np.ndarray:
    numbers = numbers_of(embedding.weight)
    return np.pad(numbers, ((0, 0), (0, -numbers.shape[1] % LANES)))

"""Write a trained model of a task as a file of ONNX, with all that it says about itself, and the same as JSON beside.

A task describes its graph, and how its module computes the same; here it is checked, run, compared and put in place.

>>> import numpy as np
>>> random_lengths(7)
array([7, 3])
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.backends import backend
from elman.errors import ConfigError
from elman.export.checking import LENGTHS, Agreement, compare_all
from elman.export.graph import OPSET, GraphWriter, Port, Session, finish, with_card
from elman.export.target import TargetFile
from elman.nn.evaluation import evaluating

BOUND = 1e-5
Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class ModelGraph:
    """A model as a graph, with what it is compared with.

    Attributes:
        writer: the graph.
        inputs: its inputs.
        outputs: its outputs, each with the value that it gets.
        module: the layers of the model.
        cases: inputs to compare with.
        expect: computes the outputs by the module, or by a copy of it in another dtype.
        run: runs the file; None where one run gives the outputs.
        reads: a sentence for each input: what it holds.
    """

    writer: GraphWriter
    inputs: Sequence[Port]
    outputs: Sequence[tuple[Port, str]]
    module: nn.Module
    cases: Sequence[Feeds]
    expect: Callable[[Any, dict[str, Tensor]], Sequence[Tensor]]
    reads: Mapping[str, str]
    run: Callable[[Session, Feeds], Sequence[np.ndarray]] | None = None


def write_model(target: TargetFile, graph: ModelGraph, card: Mapping[str, Any], force: bool) -> Agreement:
    """Write a model and its card, once ONNX Runtime gives what the model gives.

    Args:
        target: the file.
        graph: the model.
        card: what the file says about the model.
        force: replace a card that is there.

    Raises:
        ConfigError: there is a file with the name of the card.
        ElmanError: the file does not compute the same; nothing was written.
    """
    card_file = Path(f"{target.path}.json")
    if card_file.exists() and not force:
        raise ConfigError(f"export: {card_file} exists, and the card goes there. Replace it with --force, or move it.")
    for port, value in graph.outputs:
        graph.writer.name_as(value, port.name)
    model = finish(graph.writer, "model", graph.inputs, [port for port, _ in graph.outputs])
    session = Session(model.SerializeToString())
    double: list[nn.Module] = []

    def run(feeds: Feeds) -> list[Tensor]:
        found = session.run(feeds) if graph.run is None else graph.run(session, feeds)
        return [torch.from_numpy(np.asarray(value)) for value in found]

    def expect(feeds: Feeds, dtype: torch.dtype) -> Sequence[Tensor]:
        if dtype == torch.float64 and not double:
            double.append(copy.deepcopy(graph.module).double())
        module = double[0] if dtype == torch.float64 else graph.module
        with evaluating(module), torch.no_grad(), backend("reference"):
            return graph.expect(module, {name: torch.from_numpy(value) for name, value in feeds.items()})

    agreement = compare_all(graph.cases, run, expect, BOUND)
    whole = {
        **card,
        "inputs": {port.name: _describe(port, graph.reads) for port in graph.inputs},
        "outputs": {port.name: _describe(port, graph.reads) for port, _ in graph.outputs},
        "opset": OPSET,
        "verified": {"difference": agreement.difference, "bound": agreement.bound, "lengths": list(LENGTHS)},
    }
    target.put(with_card(model, whole))
    TargetFile(card_file, "json").put((json.dumps(whole, ensure_ascii=False, indent=1) + "\n").encode())
    return agreement


def random_lengths(steps: int) -> np.ndarray:
    """Return the lengths of two examples: all steps, and half of them, at least one."""
    return np.array([steps, max(1, steps // 2)])


def _describe(port: Port, reads: Mapping[str, str]) -> dict[str, Any]:
    default = {} if port.default is None else {"may_be_left_out": True}
    return {"shape": list(port.axes), **({"holds": reads[port.name]} if port.name in reads else {}), **default}

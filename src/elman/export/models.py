"""Write a trained model of a task as files of ONNX, with all that it says about itself, and the same as JSON beside.

A task describes its graphs, and how its module computes the same; here they are checked, run, compared and put in
place.

>>> import numpy as np
>>> random_lengths(7)
array([7, 3])
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.backends import backend
from elman.export.checking import LENGTHS, Agreement, compare_all
from elman.export.graph import OPSET, GraphWriter, Port, Session, finish, with_card
from elman.export.target import ExportedFiles, card_of, name_part, refuse_present
from elman.nn.evaluation import evaluating
from elman.writing import write_together

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


def write_models(path: Path, graphs: Mapping[str, ModelGraph], card: Mapping[str, Any], force: bool) -> ExportedFiles:
    """Write a model, one file for each of its graphs, and a card beside each, once ONNX Runtime gives what it gives.

    Args:
        path: the file of a model with one graph; the others are named after it, see
            :func:`elman.export.target.name_part`.
        graphs: the parts of the model, by name; the only one has the name "".
        card: what the files say about the model.
        force: replace files that are there.

    Raises:
        ConfigError: there is a file at one of the places.
        ElmanError: a file does not compute the same; nothing was written.
    """
    targets = {part: name_part(path, part) for part in graphs}
    for target in targets.values():
        for file in (target, card_of(target)):
            refuse_present(file, force)
    content: dict[str | PathLike[str], bytes] = {}
    agreements = []
    for part, graph in graphs.items():
        model, agreement = _verify(graph)
        agreements.append(agreement)
        whole = {
            **card,
            **({"part": part, "files": {p: t.name for p, t in targets.items()}} if part else {}),
            "inputs": {port.name: _describe(port, graph.reads) for port in graph.inputs},
            "outputs": {port.name: _describe(port, graph.reads) for port, _ in graph.outputs},
            "opset": OPSET,
            "verified": {"difference": agreement.difference, "bound": agreement.bound, "lengths": list(LENGTHS)},
        }
        content[targets[part]] = with_card(model, whole)
        content[card_of(targets[part])] = (json.dumps(whole, ensure_ascii=False, indent=1) + "\n").encode()
    write_together(content)
    return ExportedFiles(
        tuple(targets.values()),
        str(card.get("holds", "the model")),
        max(agreements, key=lambda one: one.difference / one.bound),
        cards=tuple(map(card_of, targets.values())),
    )


def _verify(graph: ModelGraph) -> tuple[Any, Agreement]:
    """Return a graph as a model of ONNX, once ONNX Runtime gives what its module gives."""
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

    return model, compare_all(graph.cases, run, expect, BOUND)


def run_steps(
    session: Session, rows: Sequence[Feeds], names: Sequence[str], states: Mapping[str, np.ndarray] | None = None
) -> list[np.ndarray]:
    """Run a file of one step several times.

    Args:
        session: the file.
        rows: what each step reads, besides the states.
        names: of the states, as a step reads them; a step gives them last, in this order.
        states: before the first step; None leaves them out.

    Returns:
        Each output of all steps, stacked, and the states behind the last.
    """
    found, carried = [], dict(states or {})
    for row in rows:
        outputs = session.run({**row, **carried})
        count = len(outputs) - len(names)
        found.append(outputs[:count])
        carried = dict(zip(names, outputs[count:], strict=True))
    return [*(np.stack(column) for column in zip(*found, strict=True)), *carried.values()]


def random_lengths(steps: int) -> np.ndarray:
    """Return the lengths of two examples: all steps, and half of them, at least one."""
    return np.array([steps, max(1, steps // 2)])


def _describe(port: Port, reads: Mapping[str, str]) -> dict[str, Any]:
    default = {} if port.default is None else {"may_be_left_out": True}
    return {"shape": list(port.axes), **({"holds": reads[port.name]} if port.name in reads else {}), **default}

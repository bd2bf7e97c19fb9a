"""Write one page on a recurrent layer: its network, its training, and every figure.

The page is one HTML file. It loads nothing from the network, needs no script, follows the reader's light or dark theme,
and explains every picture in one sentence on this model.

>>> import elman, torch
>>> layer = elman.nn.GRU(3, 5)
>>> flow = elman.flow.examine(layer, torch.randn(11, 2, 3))
>>> page = write_report(flow, Subject.of(layer, "an untrained GRU"))
>>> page.startswith("<!doctype html>"), "http" in page.replace("http://www.w3.org", "")
(True, False)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from torch import nn

from elman.expr import Cell
from elman.expr.html import write_html
from elman.flow.figures import Flow
from elman.flow.network import read_layer
from elman.flow.page.dataflow import is_drawable
from elman.flow.page.diagram import draw_folded
from elman.flow.page.mattered import Mattered, draw_mattered
from elman.flow.page.pictures import Section, count_steps, draw_figures, draw_truncation
from elman.flow.page.sections import write_section, write_verdict
from elman.flow.page.style import colours, page, rules
from elman.flow.page.training_pictures import Training, draw_training
from elman.flow.page.unfolded import draw_unfolded
from elman.flow.page.wording import write_number
from elman.flow.reach import Truncation


@dataclass(frozen=True)
class Subject:
    """The layer that a page is about.

    Attributes:
        name: of the model.
        cell: the equations.
        sizes: a number for each symbolic size of the first layer.
        layers: L.
        bidirectional: whether each layer has two directions.
        parameters: how many numbers all its layers and directions have.
        facts: other facts for the top of the page, such as the data it was examined on.
    """

    name: str
    cell: Cell
    sizes: Mapping[str, int]
    layers: int = 1
    bidirectional: bool = False
    parameters: int = 0
    facts: Sequence[str] = ()

    @classmethod
    def of(cls, layer: nn.Module, name: str, facts: Sequence[str] = ()) -> "Subject":
        """Describe a layer.

        Raises:
            ConfigError: it is not a recurrent layer.
        """
        network = read_layer(layer)
        directions = network.layers[0]
        program, tensors = directions[0]
        sizes: dict[str, int] = {}
        for parameter, tensor in zip(program.parameters, tensors, strict=True):
            first, *rest = parameter.shape
            sizes[first] = tensor.shape[0] // len(parameter.members)
            sizes |= dict(zip(rest, tensor.shape[1:], strict=True))
        sizes |= {network.cell.state_size(s): n for s, n in zip(network.cell.states, network.state_sizes, strict=True)}
        entry = layer.input_size
        assert isinstance(entry, int)
        sizes.setdefault("input", entry)
        count = sum(p.numel() for p in layer.parameters())
        return cls(name, network.cell, sizes, len(network.layers), len(directions) == 2, count, tuple(facts))


def write_report(
    flow: Flow,
    subject: Subject,
    training: Training | None = None,
    mattered: Sequence[Mattered] = (),
    truncation: Truncation | None = None,
    opening: Sequence[Section] = (),
) -> str:
    """Write the page.

    Args:
        flow: the figures.
        subject: the layer.
        training: its training, if it was trained.
        mattered: attributions of some predictions.
        truncation: what the window of its training cuts off.
        opening: sections on its task, above all others.
    """
    sections: list[Section] = []
    if training is not None:
        sections += draw_training(training)
    sections += draw_figures(flow)
    if truncation is not None:
        sections.append(draw_truncation(truncation))
    equations = f"<div class=equations>{write_html(subject.cell)}<pre>{escape(subject.cell.equations())}</pre></div>"
    parts = [_head(flow, subject), *map(write_section, opening), write_verdict(flow)]
    parts += [write_section(_network(subject, flow), equations), *map(write_section, sections)]
    if mattered:
        parts.append(draw_mattered(mattered))
    parts.append(_foot(flow))
    title = escape(f"{subject.name}: {flow.verdict}")
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    style = f"<style>{colours()}{rules()}{page()}</style>"
    return f'<!doctype html><html lang="en"><head>{meta}<title>{title}</title>{style}</head><body><main>' + (
        "\n".join(parts) + "</main></body></html>\n"
    )


def _head(flow: Flow, subject: Subject) -> str:
    sampled = flow.sampling.sentence if flow.sampling is not None else ""
    facts = [*subject.facts, f"{subject.parameters:,} parameters in the recurrent layers", sampled]
    facts = [escape(fact) for fact in facts if fact]
    return f"<header><h1>{escape(subject.name)}</h1><p class=facts>{' · '.join(facts)}</p></header>"


def _network(subject: Subject, flow: Flow) -> Section:
    cell = subject.cell
    folded = draw_folded(cell, subject.sizes) if is_drawable(cell) else ""
    unfolded = draw_unfolded(
        cell.name,
        cell.states,
        input_name=cell.graph.nodes[cell.graph.input].name,
        layers=subject.layers,
        bidirectional=subject.bidirectional,
        steps=count_steps(flow) or None,
    )
    rows = [("parameter", "members", "shape", "role", "numbers")]
    for one in cell.parameters:
        shape = one.full_shape(subject.sizes)
        rows.append((one.name, ", ".join(one.members), " × ".join(map(str, shape)), one.role, f"{math.prod(shape):,}"))
    first = sum(math.prod(one.full_shape(subject.sizes)) for one in cell.parameters)
    rows.append(("one layer, one direction", "", "", "", f"{first:,}"))
    states = ", ".join(f"{s} of {subject.sizes[cell.state_size(s)]}" for s in cell.states)
    copies = subject.layers * (2 if subject.bidirectional else 1)
    times = "" if copies == 1 else f"; each of the {copies} layers and directions has its own weights"
    says = (
        f"A step of {cell.name} reads {subject.sizes['input']} numbers and passes the states {states} numbers to the "
        f"next step; every step uses the same {first:,} weights{times}."
    )
    how = (
        "Above: one time step, with a loop that passes each state to the next step. A rounded box is an activation and "
        "the weighted sum before it, with its parameters and how many numbers they have; circles are elementwise "
        "operations. Below: the same step, unrolled over time. The gradient of a loss runs against the arrows."
    )
    if not folded:
        how = (
            f"One step has {len(cell.graph.nodes):,} values and is too large to be drawn; its equations are below. "
            "The drawing shows the step unrolled over time. The gradient of a loss runs against the arrows."
        )
    return Section("The network", says, tuple(filter(None, (folded, unfolded))), how, tuple(rows))


def _foot(flow: Flow) -> str:
    errors = [v for one in flow.checks.values() for v in (one.columns, one.shares, one.lyapunov) if not math.isnan(v)]
    worst = (
        f" The figures were checked against each other: the largest relative error is {write_number(max(errors))}."
        if errors
        else ""
    )
    return (
        "<footer><p>Every number is computed in float64 from the derived adjoint of one step, not estimated from "
        f"finite differences.{worst}</p></footer>"
    )

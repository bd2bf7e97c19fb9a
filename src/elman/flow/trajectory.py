"""Run a network once and save the state before every time step, so that each step can be computed alone.

Where the states are known at every step, no step depends on another: a thousand adjoints of J_t run together as one
batch of rows, whatever steps and examples they belong to, and cost little more than one.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from elman.autodiff.program import Program, schedule
from elman.backends import reference
from elman.backends.inputs import Inputs, step_mask
from elman.flow.network import LayerBatch, Network
from elman.nn.sequences import of_direction

CHUNK = 4096
"""How many rows run together; it bounds the memory."""


@dataclass(frozen=True)
class Track:
    """One layer in one direction on a batch, with what each time step needs to be computed alone.

    Attributes:
        program: of the layer.
        parameters: its tensors, in the program's order.
        names: of these tensors in the layer.
        reverse: whether it reads from the last step to the first.
        x: (T, B, I).
        sides: each (T, B, 1).
        valid: (T, B, 1), which steps are real.
        before: the states before each step, each (T, B, its size).
        output: (T, B, size of the first state).
        saved: what the mirror reads of each step, each (T, B, n).
    """

    program: Program
    parameters: Sequence[Tensor]
    names: list[str]
    reverse: bool
    x: Tensor
    sides: list[Tensor]
    valid: Tensor
    before: list[Tensor]
    output: Tensor
    saved: list[Tensor]

    @property
    def sizes(self) -> list[int]:
        """Return the length of each state."""
        return [state.shape[-1] for state in self.before]

    @property
    def order(self) -> range:
        """Return the time steps in the order in which the layer reads them."""
        steps = len(self.x)
        return range(steps - 1, -1, -1) if self.reverse else range(steps)

    def flat(self, part: slice) -> Inputs:
        """Return single steps as a batch: rows t · B + b in one time step."""
        sides = [side.flatten(0, 1)[None, part] for side in self.sides]
        before = [state.flatten(0, 1)[part] for state in self.before]
        return Inputs(self.x.flatten(0, 1)[None, part], before, self.parameters, sides=sides)

    def pull(self, rows: "Rows", d_states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Run the adjoint of single steps.

        Args:
            rows: which steps of which examples.
            d_states: dL/ds after the step, each (N, its size).

        Returns:
            dL/dx (N, I), and dL/ds before the step.
        """
        inputs = Inputs(rows.of(self.x), [rows.of(s) for s in self.before], self.parameters)
        inputs = dataclasses.replace(inputs, sides=[rows.of(s) for s in self.sides])
        return reference.run_step_mirror(self.program, inputs, [rows.of(s) for s in self.saved], d_states)


@dataclass(frozen=True)
class Rows:
    """Single steps: N pairs of a time and an example."""

    times: Tensor
    examples: Tensor

    def of(self, values: Tensor) -> Tensor:
        """Select these steps from values (T, B, n)."""
        return values[self.times, self.examples]


def run_network(network: Network, examples: LayerBatch) -> list[list[Track]]:
    """Run a network over a batch and save every step.

    Returns:
        The tracks of each layer, from the input upwards.
    """
    x, tracks, names = examples.x, list[list[Track]](), iter(network.names.values())
    for k, directions in enumerate(network.layers):
        layer = []
        for d, (program, parameters) in enumerate(directions):
            start = [state[k * len(directions) + d] for state in examples.states]
            inputs = Inputs(x, start, parameters, examples.lengths, d == 1, of_direction(examples.sides, d))
            layer.append(_run_direction(program, inputs, next(names)))
        tracks.append(layer)
        x = torch.cat([track.output for track in layer], -1)
    return tracks


def _run_direction(program: Program, inputs: Inputs, names: list[str]) -> Track:
    output, _, before = reference.run_forward(_keeping_states(program), inputs)
    valid = step_mask(inputs.lengths, len(inputs.x)).unsqueeze(2)  # type: ignore[arg-type]
    sides, parameters = list(inputs.sides), inputs.parameters
    track = Track(program, parameters, names, inputs.reverse, inputs.x, sides, valid, before, output, [])
    steps, batch = inputs.x.shape[:2]
    chunks = [
        reference.run_forward(program, track.flat(slice(i, i + CHUNK)))[2] for i in range(0, steps * batch, CHUNK)
    ]
    saved = [torch.cat(parts, 1)[0].unflatten(0, (steps, batch)) for parts in zip(*chunks, strict=True)]
    return dataclasses.replace(track, saved=saved)


@lru_cache(maxsize=64)
def _keeping_states(program: Program) -> Program:
    """Save the states before each step instead of what the mirror reads."""
    old = program.forward
    kept = schedule(program.graph, carries=old.carries, results=old.results, given=old.given, wanted=old.carries)
    return dataclasses.replace(program, forward=kept, saved=old.carries)

"""Carry many gradients back through a network side by side: the rows of D[t, k] = dL_t/ds_k.

A row is one loss: what passes through the output at one step, or the whole loss. All rows go back together, step by
step, through the adjoint of one step, so that R rows of B examples are one batch of R · B.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from elman.backends import reference
from elman.flow.trajectory import CHUNK, Rows, Track

Visit = Callable[[str, Track, int, Tensor, Tensor], None]
"""Takes a track's ending, the track, k, D at k and D J_k, both (R, B, S), all states joined."""

MOST_NUMBERS = 2**25
"""How many numbers of what passes between layers are held at once: 256 MiB."""


def carry_back(tracks: Sequence[Sequence[Track]], endings: Sequence[str], d_output: Tensor, visit: Visit) -> None:
    """Carry rows of gradients back through a network.

    Args:
        tracks: of each layer, from the input upwards.
        endings: the name of each track, in that order.
        d_output: (R, T, B, D · size of the first state), dL/d output for each row.
        visit: is called for every track at every step.
    """
    names = iter(reversed(endings))
    for k in range(len(tracks) - 1, -1, -1):
        below: Tensor | None = None
        parts = d_output.chunk(len(tracks[k]), -1)
        for track, part in reversed(list(zip(tracks[k], parts, strict=True))):
            d_x = _carry_through(track, next(names), part, visit, needs_input=k > 0)
            below = d_x if below is None else below + d_x
        assert below is not None
        d_output = below


def _carry_through(track: Track, ending: str, d_output: Tensor, visit: Visit, needs_input: bool) -> Tensor:
    rows, _, batch = d_output.shape[:3]
    d_input = d_output.new_zeros((*d_output.shape[:3], track.x.shape[-1] if needs_input else 0))
    sizes = track.sizes
    carried = d_output.new_zeros((rows, batch, sum(sizes)))
    examples = torch.arange(batch).repeat(rows)
    for k in reversed(track.order):
        valid = track.valid[k]
        arrived = carried
        arrived[..., : sizes[0]] += d_output[:, k]
        real = torch.where(valid, arrived, arrived.new_zeros(()))
        at = Rows(torch.full_like(examples, k), examples)
        d_x, before = track.pull(at, real.flatten(0, 1).split(sizes, -1))
        pulled = torch.cat(before, -1).unflatten(0, (rows, batch))
        visit(ending, track, k, real, torch.where(valid, pulled, pulled.new_zeros(())))
        # Past an example's end its state is the one before, so the adjoint passes by.
        carried = torch.where(valid, pulled, arrived)
        if needs_input:
            d_input[:, k] = torch.where(valid, d_x.unflatten(0, (rows, batch)), d_x.new_zeros(()))
    return d_input


def chunks_of_rows(
    tracks: Sequence[Sequence[Track]], d_output: Tensor, rows: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut the rows of the map into parts that fit into memory.

    Args:
        tracks: what they go through.
        d_output: (T, B, n), of the whole loss.
        rows: (R,), the steps whose losses are the rows.

    Yields:
        Some of the rows, and their gradients (r, T, B, n): 0 at all steps but the row's own.
    """
    widest = max(d_output[0].numel(), *(t.x[0].numel() for layer in tracks for t in layer))
    for part in rows.split(max(1, MOST_NUMBERS // (widest * len(d_output)))):
        alone = d_output.new_zeros((len(part), *d_output.shape))
        alone[torch.arange(len(part)), part] = d_output[part]
        yield part, alone


def weight_gradients(track: Track, d_states: Tensor) -> list[Tensor]:
    """Sum what the steps' own states give to the gradients of the parameters: Σ_k D_k ∂⁺s_k/∂W.

    Args:
        track: the layer and direction.
        d_states: (T, B, S), all states joined, 0 where a step is not to count.

    Returns:
        For each parameter a tensor of its shape.
    """
    total = [torch.zeros_like(p) for p in track.parameters]
    for part, d in _parts(d_states):
        for sum_, share in zip(total, _mirror(track, part, d.split(track.sizes, -1)), strict=True):
            sum_.add_(share)
    return total


def tangents(track: Track, directions: Sequence[Tensor]) -> list[Tensor]:
    """Give the change of every step's own state along a direction of each parameter: v_k = ∂⁺s_k/∂W · direction.

    ⟨D ∂⁺s_k/∂W, direction⟩ is linear in D, so its derivative by D, which autograd takes of the mirror, is v_k.

    Args:
        track: the layer and direction.
        directions: for each parameter, of its shape.

    Returns:
        For each parameter (T, B, S), 0 where a step is not real.
    """
    steps, batch = track.valid.shape[:2]
    zero = torch.zeros(steps, batch, sum(track.sizes), dtype=torch.float64)
    found: list[list[Tensor]] = [[] for _ in directions]
    for part, d in _parts(zero):
        d.requires_grad_()
        gradients = _mirror(track, part, d.split(track.sizes, -1))
        for columns, gradient, direction in zip(found, gradients, directions, strict=True):
            product = (gradient * direction).sum()
            followed = product.requires_grad
            share = torch.autograd.grad(product, d, retain_graph=True, allow_unused=True)[0] if followed else None
            columns.append(torch.zeros_like(d) if share is None else share)
    joined = [torch.cat(columns).detach().view_as(zero) for columns in found]
    return [torch.where(track.valid, one, one.new_zeros(())) for one in joined]


def _parts(d_states: Tensor) -> Iterator[tuple[slice, Tensor]]:
    flat = d_states.flatten(0, 1)
    for start in range(0, len(flat), CHUNK):
        part = slice(start, start + CHUNK)
        yield part, flat[part].clone()


def _mirror(track: Track, part: slice, d_states: Sequence[Tensor]) -> list[Tensor]:
    """Run the mirror over single steps as one batch, gradients of the parameters included."""
    inputs = track.flat(part)
    saved = [s.flatten(0, 1)[None, part] for s in track.saved]
    output = inputs.x.new_zeros((1, *d_states[0].shape))
    return reference.run_mirror(track.program, inputs, output, saved, output, d_states, needs_input=False)[2]


def jacobians(track: Track, rows: Rows) -> Tensor:
    """Form J_t of some steps, every unit vector a row of its own.

    Returns:
        (N, S, S), row i the gradient of the i-th number of the state after the step.
    """
    sizes = track.sizes
    size = sum(sizes)
    unit = torch.eye(size, dtype=torch.float64)
    found = []
    for start in range(0, len(rows.times), max(1, CHUNK // size)):
        part = slice(start, start + max(1, CHUNK // size))
        times, examples = rows.times[part], rows.examples[part]
        each = Rows(times.repeat_interleave(size), examples.repeat_interleave(size))
        _, before = track.pull(each, unit.repeat(len(times), 1).split(sizes, -1))
        found.append(torch.cat(before, -1).view(len(times), size, size))
    return torch.cat(found)

"""Carry many gradients back through a network side by side: the rows of D[t, k] = dL_t/ds_k.

A row is one loss: what passes through the output at one step, or the whole loss. All rows go back together, step by
step, through the adjoint of one step, so that R rows of B examples are one batch of R · B.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from elman.backends import reference
from elman.flow.network import LayerBatch
from elman.flow.trajectory import CHUNK, Rows, Track

Visit = Callable[[str, Track, int, Tensor, Tensor], None]
"""Called with a track's ending, the track, k, D at k and D J_k, both (R, B, S), all states joined."""

FADED = 1e-250
"""Gradients smaller than this become 0: processors are a hundred times slower with denormal numbers."""

MOST_NUMBERS = 2**25
"""Most numbers that pass between layers at once: 256 MiB."""


def arrivals(tracks: Sequence[Sequence[Track]], endings: Sequence[str], examples: LayerBatch) -> dict[str, Tensor]:
    """Compute the gradient that each state gets from the loss directly: through the output, and as a final state.

    A final state is that of the last real step that its direction reads.

    Returns:
        (T, B, S) for each ending.
    """
    arriving = {}
    flat = [track for layer in tracks for track in layer]
    outputs = examples.d_output.chunk(len(tracks[-1]), -1)
    for row, (ending, track) in enumerate(zip(endings, flat, strict=True)):
        own = [s.new_zeros(s.shape) for s in track.before]
        above = row - (len(flat) - len(outputs))
        if above >= 0:
            own[0] += outputs[above]
        read = examples.lengths.nonzero().flatten()
        last = torch.zeros_like(read) if track.reverse else examples.lengths[read] - 1
        for arrived, d in zip(own, examples.d_final, strict=True):
            arrived[last, read] += d[row, read]
        arriving[ending] = torch.cat(own, -1)
    return arriving


def carry_back(
    tracks: Sequence[Sequence[Track]],
    endings: Sequence[str],
    arriving: Mapping[str, Tensor],
    rows: Tensor,
    visit: Visit,
) -> None:
    """Carry rows of gradients back through a network.

    Args:
        tracks: of each layer, from the input upwards.
        endings: the name of each track, in that order.
        arriving: the gradient that each track gets directly, see :func:`arrivals`.
        rows: (R, T), 1 where the loss of a step belongs to a row, else 0.
        visit: called for every track at every step.
    """
    names = iter(reversed(endings))
    above: Sequence[Tensor | None] = [None] * len(tracks[-1])
    for k in range(len(tracks) - 1, -1, -1):
        below: Tensor | None = None
        for track, part in reversed(list(zip(tracks[k], above, strict=True))):
            ending = next(names)
            d_x = _carry_through(track, ending, arriving[ending], rows, part, visit, needs_input=k > 0)
            below = d_x if below is None else below + d_x
        assert below is not None
        above = below.chunk(len(tracks[k - 1]), -1)


def _carry_through(
    track: Track, ending: str, arriving: Tensor, rows: Tensor, above: Tensor | None, visit: Visit, needs_input: bool
) -> Tensor:
    (count, steps), batch, sizes = rows.shape, arriving.shape[1], track.sizes
    d_input = arriving.new_zeros((count, steps, batch, track.x.shape[-1] if needs_input else 0))
    carried = arriving.new_zeros((count, batch, sum(sizes)))
    for k in reversed(track.order):
        valid = track.valid[k]
        arrived = carried + rows[:, k, None, None] * arriving[k]
        if above is not None:
            arrived[..., : sizes[0]] += above[:, k]
        # In a reverse direction, the gradient that passes an example's first step is that of its initial state.
        real = torch.where(valid, arrived, arrived.new_zeros(()))
        pulled = torch.zeros_like(real)
        # A row that has not begun yet, or has faded, is also 0 before the step.
        moving = (real.abs().amax((1, 2)) > FADED).nonzero().flatten()
        if len(moving):
            examples = torch.arange(batch).repeat(len(moving))
            at = Rows(torch.full_like(examples, k), examples)
            d_x, before = track.pull(at, real[moving].flatten(0, 1).split(sizes, -1))
            pulled[moving] = torch.cat(before, -1).unflatten(0, (-1, batch)) * valid
            if needs_input:
                d_input[moving, k] = d_x.unflatten(0, (-1, batch)) * valid
        visit(ending, track, k, real, pulled)
        carried = pulled
    return d_input


def chunks_of_rows(tracks: Sequence[Sequence[Track]], rows: Tensor) -> Sequence[Tensor]:
    """Split the rows of the map so that the gradients between layers fit into memory."""
    widest = max([t.x.numel() for layer in tracks[1:] for t in layer], default=0)
    return rows.split(max(1, MOST_NUMBERS // widest) if widest else len(rows))


def weight_gradients(track: Track, d_states: Tensor) -> list[Tensor]:
    """Sum the contributions of the steps' own states to the gradients of the parameters: Σ_k D_k ∂⁺s_k/∂W.

    Args:
        track: the layer and direction.
        d_states: (T, B, S), all states joined, 0 for a step that is not counted.

    Returns:
        For each parameter a tensor of its shape.
    """
    total = [torch.zeros_like(p) for p in track.parameters]
    for part, d in _parts(d_states):
        for sum_, share in zip(total, _mirror(track, part, d.split(track.sizes, -1)), strict=True):
            sum_.add_(share)
    return total


def tangents(track: Track, directions: Sequence[Tensor]) -> list[Tensor]:
    """Compute the change of every step's own state along a direction of each parameter: v_k = ∂⁺s_k/∂W · direction.

    ⟨D ∂⁺s_k/∂W, direction⟩ is linear in D, so v_k is its derivative by D, which autograd computes from the mirror.

    Args:
        track: the layer and direction.
        directions: for each parameter, in its shape.

    Returns:
        For each parameter (T, B, S), 0 where a step is not real.
    """
    steps, batch = track.valid.shape[:2]
    zero = torch.zeros(steps, batch, sum(track.sizes), dtype=torch.float64)
    changes: list[list[Tensor]] = [[] for _ in directions]
    for part, d in _parts(zero):
        with torch.enable_grad():
            gradients = _mirror(track, part, d.requires_grad_().split(track.sizes, -1))
            products = [(g * direction).sum() for g, direction in zip(gradients, directions, strict=True)]
        for columns, product in zip(changes, products, strict=True):
            depends = product.requires_grad  # the gradient of a parameter may be 0, whatever D is
            share = torch.autograd.grad(product, d, retain_graph=True, allow_unused=True)[0] if depends else None
            columns.append(torch.zeros_like(d) if share is None else share)
    joined = [torch.cat(columns).detach().view_as(zero) for columns in changes]
    return [torch.where(track.valid, one, one.new_zeros(())) for one in joined]


def _parts(d_states: Tensor) -> Iterator[tuple[slice, Tensor]]:
    flat = d_states.flatten(0, 1)
    for start in range(0, len(flat), CHUNK):
        part = slice(start, start + CHUNK)
        yield part, flat[part].clone()


def _mirror(track: Track, part: slice, d_states: Sequence[Tensor]) -> list[Tensor]:
    """Run the mirror over single steps as one batch, with the gradients of the parameters."""
    inputs = track.flat(part)
    saved = [s.flatten(0, 1)[None, part] for s in track.saved]
    output = inputs.x.new_zeros((1, *d_states[0].shape))
    return reference.run_mirror(track.program, inputs, output, saved, output, d_states, needs_input=False)[2]


def jacobians(track: Track, rows: Rows) -> Tensor:
    """Compute J_t of some steps, one row for each unit vector.

    Returns:
        (N, S, S), row i the gradient of the i-th number of the state after the step.
    """
    sizes = track.sizes
    size = sum(sizes)
    unit = torch.eye(size, dtype=torch.float64)
    matrices = []
    for start in range(0, len(rows.times), max(1, CHUNK // size)):
        part = slice(start, start + max(1, CHUNK // size))
        times, examples = rows.times[part], rows.examples[part]
        each = Rows(times.repeat_interleave(size), examples.repeat_interleave(size))
        _, before = track.pull(each, unit.repeat(len(times), 1).split(sizes, -1))
        matrices.append(torch.cat(before, -1).view(len(times), size, size))
    return torch.cat(matrices)

"""Run a program as compiled code on the CPU, made from its equations at first use.

Plan, emitter and engine are in the files beside this one: `llvm_plan` says what lives where, `llvm_tiles`,
`llvm_passes` and `llvm_driver` write the code, `llvm_engine` compiles it, `llvm_kernel` fills its arguments.
The sums over time and batch that make weight gradients are torch's products, chunk by chunk (`llvm_gradients`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.inputs import Inputs, sizes_of
from elman.backends.llvm_gradients import Gradients
from elman.backends.llvm_kernel import DTYPES, Frames, Kernel, find_kernel, target
from elman.backends.llvm_memory import allocate
from elman.backends.llvm_plan import shifted_states, stored_saves
from elman.expr.graph import ROW

NAME = "llvm"
LEAST_WORK = 5_000_000  # multiplications that are worth a second thread
MIRROR_BYTES = 1 << 22  # of adjoints that are held for the products behind the loop: more leave the caches


def refuses(program: Program, dtype: torch.dtype, device: torch.device) -> str | None:  # noqa: ARG001
    """Say why this backend cannot run a program on tensors of a type and device, or None."""
    if device.type != "cpu":
        return f"It makes code for the CPU, and the tensors are on {device.type}."
    if dtype not in DTYPES:
        return f"It computes in float32 and float64, and the tensors are {dtype}."
    return None


def saved_shapes(program: Program, inputs: Inputs) -> list[tuple[int, ...]]:
    """Give the shapes of what :func:`run_forward` will save: one tensor that holds everything."""
    sizes, nodes = sizes_of(program, inputs), program.graph.nodes
    lanes = target().lanes(DTYPES[inputs.x.dtype])
    steps, batch = inputs.x.shape[:2]
    widths = [_padded(sizes, nodes[i].shape, lanes) for i in stored_saves(program)]
    return [(steps * batch * sum(widths),)]


def _padded(sizes: dict[str, int], shape: tuple[str, ...], lanes: int) -> int:
    axis = shape[0] if shape else ROW
    return 1 if axis == ROW else (sizes[axis] + lanes - 1) // lanes * lanes


def _parts(program: Program, inputs: Inputs) -> int:
    """Say into how many parts the rows are divided: one, where a second thread would cost more than it saves."""
    steps, batch, _ = inputs.x.shape
    work = steps * batch * sum(p.numel() for p in inputs.parameters)
    return 1 if work < LEAST_WORK else min(torch.get_num_threads(), batch)


def run_forward(program: Program, inputs: Inputs, save: bool = True) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Run a program over time; see :func:`elman.backends.reference.run_forward`."""
    kernel = find_kernel(program, "forward", save, inputs.x.dtype)
    steps, batch = inputs.x.shape[:2]
    parts = _parts(program, inputs)
    frames = Frames(kernel, inputs, parts, steps)
    shape = (steps, batch, inputs.states[0].shape[-1])
    output = (torch.empty if inputs.lengths is None else torch.zeros)(shape, dtype=inputs.x.dtype)
    final = [torch.empty(s.shape, dtype=s.dtype) for s in inputs.states]
    saved = [allocate((frames.layout.saved_count,), inputs.x)] if save else []
    _put_common(frames, kernel, inputs)
    _put_walk(frames, inputs, backwards=inputs.reverse)
    frames.place("output", output)
    if save:
        frames.put_saved(saved[0])
    for k, (begin, end) in enumerate(zip(inputs.states, final, strict=True)):
        frames.state(f"begin{k}", begin)
        frames.state(f"end{k}", end)
    frames.put("count", steps)
    frames.put("last", 1)
    frames.put_parameters()
    frames.build()
    frames.prepare(parts)
    frames.run(parts)
    frames.release()
    return output, final, saved


def run_mirror(
    program: Program,
    inputs: Inputs,
    output: Tensor,
    saved: Sequence[Tensor],
    d_output: Tensor,
    d_final: Sequence[Tensor],
    needs_input: bool = True,
) -> tuple[Tensor | None, list[Tensor], list[Tensor]]:
    """Run the mirror of a program; see :func:`elman.backends.reference.run_mirror`."""
    kernel = find_kernel(program, "mirror" if needs_input else "mirror_without_input", False, inputs.x.dtype)
    sizes = sizes_of(program, inputs)
    steps, batch = inputs.x.shape[:2]
    parts = _parts(program, inputs)
    widths = (sizes[kernel.plan.axis(i)] for i in kernel.plan.kept)
    window = max(1, min(steps, MIRROR_BYTES // max(1, batch * sum(widths) * kernel.item)))
    frames = Frames(kernel, inputs, parts, window)
    d_x = None
    if needs_input:
        d_x = (torch.empty if inputs.lengths is None else torch.zeros)(inputs.x.shape, dtype=inputs.x.dtype)
        frames.place("d_x", d_x)
    d_states = [torch.empty(s.shape, dtype=s.dtype) for s in inputs.states]
    _put_common(frames, kernel, inputs)
    _put_walk(frames, inputs, backwards=not inputs.reverse)
    frames.place("output", output)
    frames.place("d_output", d_output)
    frames.put_saved(saved[0])
    for k, (begin, end) in enumerate(zip(d_final, d_states, strict=True)):
        frames.state(f"begin{k}", begin)
        frames.state(f"end{k}", end)
    if shifted_states(program):
        for k, initial in enumerate(inputs.states):
            frames.state(f"initial{k}", initial)
        frames.put("back", 1 if inputs.reverse else -1)
        firsts = torch.zeros(batch, dtype=torch.int64)
        if inputs.reverse:
            firsts = firsts + steps - 1 if inputs.lengths is None else inputs.lengths - 1
        frames.hold(firsts)
        frames.put("firsts", firsts.data_ptr())
    gradients = Gradients(frames.layout, inputs, output, saved[0], window)
    gradients.put_places(frames)
    frames.put_parameters()
    frames.build()
    frames.prepare(parts)
    done = 0
    while done < steps:
        count = min(window, steps - done)
        first = done if inputs.reverse else steps - 1 - done
        low = first if inputs.reverse else first - count + 1
        frames.set("t", first)
        frames.set("count", count)
        frames.set("first", int(done == 0))
        frames.set("last", int(done + count == steps))
        gradients.move(frames, low)
        frames.run(parts)
        gradients.add(low, count)
        done += count
    frames.release()
    return d_x, d_states, gradients.finish()


def run_step(program: Program, inputs: Inputs) -> list[Tensor]:
    """Run one time step: x (B, I) and the states before it give the states after it."""
    whole = Inputs(
        inputs.x.unsqueeze(0), inputs.states, inputs.parameters, sides=[s.unsqueeze(0) for s in inputs.sides]
    )
    return run_forward(program, whole, save=False)[1]


def _put_common(frames: Frames, kernel: Kernel, inputs: Inputs) -> None:
    """Set what both directions read: the input, side inputs, lengths."""
    graph = kernel.plan.program.graph
    frames.place(f"given{graph.input}", inputs.x)
    for name, side in zip(graph.sides, inputs.sides, strict=True):
        frames.place(f"given{graph.leaves['side', name]}", side)
    lengths = inputs.lengths
    if lengths is not None:
        lengths = lengths.to(torch.int64).contiguous()
        frames.hold(lengths)
    frames.put("lengths", 0 if lengths is None else lengths.data_ptr())


def _put_walk(frames: Frames, inputs: Inputs, backwards: bool) -> None:
    """Set where the walk over time begins, and which way it goes."""
    frames.put("t", len(inputs.x) - 1 if backwards else 0)
    frames.put("delta", -1 if backwards else 1)
    frames.put("first", 1)  # a window of the mirror sets it anew

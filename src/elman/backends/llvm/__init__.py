"""Run a program as compiled code on the CPU, made from its equations at first use.

`plan` decides which values are stored where, `emit` writes the code if it is not in the cache, `run` compiles it, lays
out its arguments and calls it, and `target` describes the processor. The sums over time and batch that give the
gradients of weights are torch's products, chunk by chunk; those of small runs are compiled.

>>> import torch
>>> from elman.autodiff import derive
>>> from elman.cells import gru
>>> refuses(derive(gru), torch.float32, torch.device("cpu")) is None
True
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends.held import are_held
from elman.backends.inputs import Inputs, sizes_of
from elman.backends.llvm.plan import stored_saves
from elman.backends.llvm.run.calls import open_call  # noqa: F401 - a name of this backend
from elman.backends.llvm.run.frames import Frames
from elman.backends.llvm.run.gradients import Gradients
from elman.backends.llvm.run.kernel import DTYPES, LEAST_WORK, find_kernel
from elman.backends.llvm.run.kernel import target as kernel_target
from elman.backends.llvm.run.memory import allocate
from elman.backends.llvm.run.small_sums import are_small, find_small_sums
from elman.backends.llvm.run.stream import Steps
from elman.backends.memory_check import are_plain_memory
from elman.backends.narrow import NarrowMatrix
from elman.errors import ShapeError
from elman.expr.graph import ROW

NAME = "llvm"
# LLVM takes 1 to 3 ms a value up to here; its passes over one long block grow with the square: 17 s for 6,000 values.
MOST_COMPILED = 4_000

# There are no kernels in float16. Those in float32 are more precise, and faster than the reference's loop.
HALVES = {torch.float16: torch.float32}


def refuses(program: Program, dtype: torch.dtype, device: torch.device) -> str | None:
    """Return the reason why this backend cannot run a program on tensors of a dtype and device, or None."""
    if device.type != "cpu":
        return f"It compiles code for the CPU, and the tensors are on {device.type}."
    if dtype not in DTYPES and dtype not in HALVES:
        return f"It computes in float32, float64 and bfloat16, and the tensors are {dtype}."
    if len(program.graph.nodes) > MOST_COMPILED:
        return (
            f"It compiles up to {MOST_COMPILED:,} values, and a step has {len(program.graph.nodes):,} with its mirror."
        )
    return None


def computes_in(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype to which tensors of a dtype are converted for this backend."""
    return HALVES.get(dtype, dtype)


def saved_shapes(program: Program, inputs: Inputs) -> list[tuple[int, ...]]:
    """Return the shapes of the tensors that :func:`run_forward` saves: there is one, of all values."""
    sizes, nodes = sizes_of(program, inputs), program.graph.nodes
    lanes = kernel_target().lanes(DTYPES[inputs.x.dtype])
    steps, batch = inputs.x.shape[:2]
    widths = [_padded(sizes, nodes[i].shape, lanes) for i in stored_saves(program)]
    return [(steps * batch * sum(widths),)]


def _padded(sizes: dict[str, int], shape: tuple[str, ...], lanes: int) -> int:
    axis = shape[0] if shape else ROW
    return 1 if axis == ROW else (sizes[axis] + lanes - 1) // lanes * lanes


def run_forward(program: Program, inputs: Inputs, save: bool = True) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Run a program over time; see :func:`elman.backends.reference.run_forward`."""
    x, states = inputs.x, inputs.states
    kernel = find_kernel(program, "forward", save, x.dtype)
    frames = Frames(kernel, inputs, in_place=not are_held(inputs.parameters))
    steps, batch, _ = x.shape
    output = _make(inputs, (steps, batch, states[0].shape[-1]))
    final = [torch.empty(s.shape, dtype=s.dtype, device=x.device) for s in states]
    saved = [allocate((frames.layout.saved_count,), x)] if save else []
    frames.fill_forward(inputs, output, final, saved)
    frames.start()
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
    norms: Tensor | None = None,
) -> tuple[Tensor | None, list[Tensor], list[Tensor]]:
    """Run the mirror of a program; see :func:`elman.backends.reference.run_mirror`."""
    x, states, reverse = inputs.x, inputs.states, inputs.reverse
    kernel = find_kernel(program, "mirror" if needs_input else "mirror_without_input", False, x.dtype)
    frames = Frames(kernel, inputs, in_place=not are_held(inputs.parameters))
    d_x = _make(inputs, x.shape) if needs_input else None
    d_states = [torch.empty(s.shape, dtype=s.dtype, device=x.device) for s in states]
    firsts = _first_steps(inputs) if reverse else frames.layout.zeros
    direction = 1 if reverse else -1
    frames.put(direction, frames.place_lengths(inputs.lengths), direction, firsts.data_ptr())
    frames.put(0 if norms is None else norms.data_ptr())
    for tensor in (x, *inputs.sides, output, d_output):
        frames.place(tensor)
    if d_x is None:
        frames.put(0, 0, 0)
    else:
        frames.place(d_x)
    frames.place_states(d_final)
    frames.put_addresses(d_states)
    initial = [s.to(x.dtype) for s in states]  # read in turn with the output or saved values, which have this dtype
    frames.place_states(initial)
    values = saved[0].contiguous()
    if values.shape != (frames.layout.saved_count,):
        raise ShapeError(
            f"{program.cell.name}: the saved tensor has shape {tuple(values.shape)}.\n  The forward run saved "
            f"{frames.layout.saved_count} numbers.\n  Give the tensor that the forward run returned."
        )
    frames.put_saved(values)
    frames.put_parameters(inputs.parameters)
    run = _run_once if are_small(frames.layout, inputs) else _run_by_windows
    d_parameters = run(frames, inputs, output, values)
    frames.release()
    return d_x, d_states, d_parameters


def _run_once(frames: Frames, inputs: Inputs, output: Tensor, saved: Tensor) -> list[Tensor]:
    """Run a filled mirror over all time steps, and return the gradients of parameters, which are small sums."""
    sums, steps = find_small_sums(frames.arena), len(inputs.x)
    frames.move(steps - 1, steps, 1, 1, *sums.places)
    frames.start()
    initial = [s.to(inputs.x.dtype) for s in inputs.states]
    return sums.finish([t.contiguous() for t in (inputs.x, output, saved, *initial)])


def _run_by_windows(frames: Frames, inputs: Inputs, output: Tensor, saved: Tensor) -> list[Tensor]:
    """Run a filled mirror window by window, and return the gradients of parameters."""
    gradients = Gradients(frames.layout, inputs, output, saved)
    steps, window, reverse = len(inputs.x), frames.layout.window, inputs.reverse
    for done in range(0, steps, window):
        count = min(window, steps - done)
        first = done if reverse else steps - 1 - done
        low = first if reverse else first - count + 1
        frames.move(first, count, done == 0, done + count == steps, *gradients.places(low))
        if done == 0:
            frames.start()
        else:
            frames.arena.run()
        gradients.add(low, count)
    return gradients.finish()


def open_stream(
    program: Program,
    layers: Sequence[Sequence[Tensor | NarrowMatrix]],
    states: Sequence[Tensor],
    input_size: int,
    frozen: bool = False,
) -> Steps | None:
    """Prepare stacked layers for single steps.

    Args:
        program: the program of all layers.
        layers: the parameters of each layer; if frozen, all matrices may be narrow.
        states: for each state (L, B, its size), contiguous.
        input_size: length of an input vector.
        frozen: pack weights once, now.

    Returns:
        The prepared steps, see :class:`elman.backends.llvm.run.stream.Steps`. None if :func:`run_step` must be used:
        it accepts tensors of any strides, and divides large batches among threads. No other step reads narrow matrices.
    """
    tensors = [p for parameters in layers for p in parameters if isinstance(p, Tensor)]
    dtype, (_, batch, _) = states[0].dtype, states[0].shape
    if not are_plain_memory((*tensors, *states), dtype) or not all(t.is_contiguous() for t in (*tensors, *states)):
        return None
    if batch == 0 or (not frozen and batch > 1 and batch * max(map(_count, layers)) >= LEAST_WORK):
        return None
    return Steps(program, layers, states, input_size, frozen)


def _count(parameters: Sequence[Tensor | NarrowMatrix]) -> int:
    return sum(p.numel() for p in parameters if isinstance(p, Tensor))


def run_step(program: Program, inputs: Inputs) -> list[Tensor]:
    """Run one time step: from x (B, I) and the states before it, compute the states after it."""
    whole = Inputs(
        inputs.x.unsqueeze(0), inputs.states, inputs.parameters, sides=[s.unsqueeze(0) for s in inputs.sides]
    )
    return run_forward(program, whole, save=False)[1]


def _make(inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    """Make a tensor with one row for each step; kernels never write the rows of padded steps, so these are 0."""
    make = torch.empty if inputs.lengths is None else torch.zeros
    return make(shape, dtype=inputs.x.dtype, device=inputs.x.device)


def _first_steps(inputs: Inputs) -> Tensor:
    """Find the time step at which each example of a reverse run starts."""
    steps, batch, _ = inputs.x.shape
    if inputs.lengths is None:
        return torch.full((batch,), steps - 1, device=inputs.x.device)
    return (inputs.lengths - 1).contiguous()

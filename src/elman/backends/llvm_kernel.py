"""Load the kernel of a program's direction, and fill the frames that it reads."""

import ctypes
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends import llvm_threads
from elman.backends.inputs import Inputs, find_sizes
from elman.backends.llvm_driver import HEADER, emit_kernel, slot_numbers
from elman.backends.llvm_engine import Library, load
from elman.backends.llvm_memory import SMALL, allocate
from elman.backends.llvm_packing import emit_packing
from elman.backends.llvm_plan import Plan, make_plan, stored_saves
from elman.backends.llvm_target import Target, host
from elman.backends.llvm_tiles import emit_tiles
from elman.expr.graph import ROW

DTYPES = {torch.float32: "float32", torch.float64: "float64"}
CHUNK_BYTES = 1 << 18  # what a part may hold for the rows of a chunk: it should stay in the second cache
BLOCK_VECTORS = 16
LINE = 64  # bytes of a cache line; every workspace begins at one


@dataclass(frozen=True, eq=False)
class Kernel:
    """Hold compiled code and what its frames look like.

    Attributes:
        plan: what it runs.
        library: its code.
        slots: number of each slot of a frame by name.
        lanes: elements of a vector.
        item: bytes of an element.
        shared: by slot, addresses of functions that are the same for all cells.
    """

    plan: Plan
    library: Library
    slots: dict[str, int]
    lanes: int
    item: int
    shared: Mapping[str, int]

    @cached_property
    def prepare(self) -> "ctypes._FuncPointer":
        """Give the function that computes what follows parameters alone, as a callable of a frame's address."""
        return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.library.address("prepare"))

    @cached_property
    def pack(self) -> int:
        """Give the address of the function that packs weights."""
        return self.library.address("pack")

    @cached_property
    def worker(self) -> int:
        """Give the address of the worker."""
        return self.library.address("worker")

    @cached_property
    def members(self) -> list[tuple[int, int, int, int]]:
        """Say of every parameter node where it lies: slots of its place, number of its tensor, number of its member."""
        plan = self.plan
        where = {m: (i, j) for i, p in enumerate(plan.program.parameters) for j, m in enumerate(p.members)}
        return [(i, *where[n.name], len(n.shape)) for i, n in enumerate(plan.nodes) if n.op == "parameter"]


def find_kernel(program: Program, direction: str, save: bool, dtype: torch.dtype) -> Kernel:
    """Find a program's kernel for this processor; compile it if it is new."""
    return _find(program, direction, save, dtype, target())


def target() -> Target:
    """Give the processor that kernels are made for."""
    return host()


@lru_cache(maxsize=1024)
def _find(program: Program, direction: str, save: bool, dtype: torch.dtype, made_for: Target) -> Kernel:
    plan = make_plan(program, direction, save)
    name = DTYPES[dtype]
    identity = {
        "graph": program.graph.to_dict(),
        "parameters": [[p.name, p.members, p.shape] for p in program.parameters],
        "direction": direction,
        "save": save,
        "dtype": name,
    }
    key = json.dumps(identity, sort_keys=True)
    library = load(key, lambda: emit_kernel(plan, made_for, name), made_for)
    shared = {"pack_rows": _load_packing(name, made_for).address("pack_rows")}
    shared["pack_columns"] = _load_packing(name, made_for).address("pack_columns")
    for chains in {len(g.chains) for g in plan.groups}:
        shared[f"tiles{chains}"] = _load_tiles(name, made_for, chains).address("tiles")
    return Kernel(plan, library, slot_numbers(plan), made_for.lanes(name), dtype.itemsize, shared)


def _load_packing(dtype: str, made_for: Target) -> Library:
    return load(f"packing {dtype}", lambda: emit_packing(made_for, dtype), made_for)


def _load_tiles(dtype: str, made_for: Target, chains: int) -> Library:
    return load(f"tiles {dtype} {chains}", lambda: emit_tiles(made_for, dtype, chains), made_for)


class Layout:
    """Hold what the frames of a kernel are for some sizes: everything but addresses.

    Args:
        kernel: what will read them.
        sizes: elements of every axis.
        steps, batch: T and B.
        parts: how many the rows are divided into.
        chunk: most time steps in a chunk; fewer where they would not fit.
    """

    def __init__(
        self, kernel: Kernel, sizes: Mapping[str, int], steps: int, batch: int, parts: int, chunk: int
    ) -> None:
        self.kernel, self.sizes, self.item = kernel, sizes, kernel.item
        item = kernel.item
        self.spare: list[Arena] = []
        self.vectors = {axis: -(-n // kernel.lanes) for axis, n in sizes.items()}
        self.bounds = [batch * i // parts for i in range(parts + 1)]
        self.most_rows = max(b - a for a, b in zip(self.bounds, self.bounds[1:], strict=False))
        plan = kernel.plan
        bytes_a_row = item * sum(self.padded(plan.axis(i)) for i in plan.chunks)
        most = max(1, CHUNK_BYTES // max(1, bytes_a_row * self.most_rows))
        self.chunk = min(chunk, most) if plan.chunks else chunk
        size = len(kernel.slots)
        self.frames = np.zeros((parts, size), dtype=np.int64)
        self.in_packed, self.in_work, self.in_rows = (np.zeros((parts, size), dtype=np.int64) for _ in range(3))
        for axis in plan.axes:
            self._put(f"n.{axis}", sizes[axis])
            self._put(f"v.{axis}", self.vectors[axis])
        for name, value in (("chunk", self.chunk), ("T", steps), ("block", BLOCK_VECTORS)):
            self._put(name, value)
        for name, address in kernel.shared.items():
            self._put(name, address)
        self._put("all", 1 << 60)
        self.packed_bytes = self._lay_packed()
        self.work_bytes = self._lay_work(parts)
        self.row_count = self._lay_rows(parts)
        self.saved = self._lay_saved(steps, batch)
        self.saved_count = steps * batch * sum(self.padded(plan.axis(i)) for i in stored_saves(plan.program))

    def padded(self, axis: str) -> int:
        """Count the elements of a row of a place that is ours."""
        return 1 if axis == ROW else self.vectors[axis] * self.kernel.lanes

    def _lay_saved(self, steps: int, batch: int) -> dict[int, tuple[int, int]]:
        """Place what the forward run leaves for the mirror: by node, elements in front of it and elements of a row."""
        plan, found, total = self.kernel.plan, {}, 0
        for index in stored_saves(plan.program):
            width = self.padded(plan.axis(index))
            found[index] = (total, width)
            total += steps * batch * width
        return found

    def _put(self, name: str, value: int, part: int | slice = slice(None)) -> None:
        number = self.kernel.slots.get(name)
        if number is not None:
            self.frames[part, number] = value

    def _lay_packed(self) -> int:
        """Place parameter vectors, values computed once, and packed weights; return the bytes of all."""
        plan, lanes = self.kernel.plan, self.kernel.lanes
        self._put_packed("zero.p", 0)
        self.zero_bytes = total = max(self.vectors.values()) * lanes * self.item
        for index in plan.statics:
            self._put_packed(f"static{index}.p", total)
            total += self.vectors[plan.axis(index)] * lanes * self.item
        for this in plan.passes:
            for group in this.groups:
                for number, term in enumerate(group.chains[0][1]):
                    self._put_packed(f"w{group.number}.{number}", total)
                    columns = self.vectors[this.axis] * lanes * len(group.chains)
                    total += columns * self.sizes[term.axis] * len(term.matrices) * self.item
        return total

    def _put_packed(self, name: str, offset: int) -> None:
        self._put(name, offset)
        self.in_packed[:, self.kernel.slots[name]] = 1

    def _lay_work(self, parts: int) -> int:
        """Place states and values of steps and chunks, for every part; return the bytes of all."""
        plan, most, total = self.kernel.plan, self.most_rows, 0
        for part in range(parts):
            first = self.bounds[part]
            self._put("b0", first, part)
            self._put("b1", self.bounds[part + 1], part)
            self._put("part", part, part)
            self._put("parts", parts, part)
            for k, leaf in enumerate(plan.schedule.carries):
                row = self.padded(plan.axis(leaf)) * self.item
                for name, place in ((f"buffer0{k}", f"cur{k}"), (f"buffer1{k}", f"next{k}")):
                    self._put_work(name, total - first * row, part)
                    self._put_work(f"{place}.p", total - first * row, part)
                    self._put(f"{place}.b", row, part)
                    total += self._lines(most * row)
            for index in plan.steps:
                row = self.padded(plan.axis(index)) * self.item
                self._put_work(f"step{index}.p", total - first * row, part)
                self._put(f"step{index}.b", row, part)
                total += self._lines(most * row)
            for index in plan.chunks:
                row = self.padded(plan.axis(index)) * self.item
                self._put_work(f"chunk{index}.o", total - first * row, part)
                self._put(f"chunk{index}.t", most * row, part)
                self._put(f"chunk{index}.b", row, part)
                total += self._lines(most * row * self.chunk)
        return total

    @staticmethod
    def _lines(count: int) -> int:
        return -(-count // LINE) * LINE

    def _put_work(self, name: str, offset: int, part: int) -> None:
        self._put(name, offset, part)
        self.in_work[part, self.kernel.slots[name]] = 1

    def _lay_rows(self, parts: int) -> int:
        """Place the lists of rows; return the number of rows of all."""
        each = self.most_rows * (self.chunk + 1)
        for part in range(parts):
            for name, offset in (("rows.step", part * each), ("rows.chunk", part * each + self.most_rows)):
                self._put(name, 8 * offset, part)
                self.in_rows[part, self.kernel.slots[name]] = 1
        self._put("row0", 8 * parts * each)
        self.in_rows[:, self.kernel.slots["row0"]] = 1
        return parts * each + 1


Shapes = tuple[tuple[int, ...], ...]


@lru_cache(maxsize=64)
def _lay_out(kernel: Kernel, x: tuple[int, ...], states: Shapes, parameters: Shapes, parts: int, chunk: int) -> Layout:
    sizes = find_sizes(kernel.plan.program, x, states, parameters)
    return Layout(kernel, sizes, x[0], x[1], parts, chunk)


class Frames:
    """Fill the frames of one run with addresses.

    Args:
        kernel: what will read them.
        inputs: what is run.
        parts: how many the rows are divided into.
        chunk: most time steps in a chunk.
    """

    def __init__(self, kernel: Kernel, inputs: Inputs, parts: int, chunk: int) -> None:
        self.kernel, self.inputs = kernel, inputs
        states, parameters = (tuple([t.shape for t in tensors]) for tensors in (inputs.states, inputs.parameters))
        self.layout = _lay_out(kernel, inputs.x.shape, states, parameters, parts, chunk)
        self.item = kernel.item
        self.numbers: list[int] = []
        self.values: list[int] = []
        self.kept: list[Tensor] = []

    def put(self, name: str, value: int) -> None:
        """Set a slot; a name that the kernel does not read is passed over."""
        number = self.kernel.slots.get(name)
        if number is not None:
            self.numbers.append(number)
            self.values.append(value)

    def place(self, name: str, tensor: Tensor) -> None:
        """Let a place be a tensor (T, B, n)."""
        number = self.kernel.slots.get(f"{name}.p")
        if number is None:
            return
        time, row, column = tensor.stride()
        if column != 1 and tensor.shape[2] > 1:
            tensor = tensor.contiguous()
            time, row, _ = tensor.stride()
        self.kept.append(tensor)
        # A place's three slots are neighbours.
        self.numbers += (number, number + 1, number + 2)
        self.values += (tensor.data_ptr(), time * self.item, row * self.item)

    def put_saved(self, saved: Tensor) -> None:
        """Let the places of saved values be in one tensor."""
        base, batch, slots = saved.data_ptr(), self.inputs.x.shape[1], self.kernel.slots
        for index, (offset, width) in self.layout.saved.items():
            number = slots.get(f"saved{index}.p")
            if number is not None:
                row = width * self.item
                self.numbers += (number, number + 1, number + 2)
                self.values += (base + offset * self.item, batch * row, row)

    def state(self, name: str, tensor: Tensor) -> None:
        """Let a place be a tensor (B, n)."""
        number = self.kernel.slots.get(f"{name}.p")
        if number is None:
            return
        row, column = tensor.stride()
        if column != 1 and tensor.shape[1] > 1:
            tensor = tensor.contiguous()
            row = tensor.shape[1]
        self.kept.append(tensor)
        self.numbers += (number, number + 2)
        self.values += (tensor.data_ptr(), row * self.item)

    def hold(self, tensor: Tensor) -> None:
        """Keep a tensor alive until the run is over."""
        self.kept.append(tensor)

    def put_parameters(self) -> None:
        """Set where parameters lie."""
        each = []
        for whole, parameter in zip(self.inputs.parameters, self.kernel.plan.program.parameters, strict=True):
            tensor = whole if whole.is_contiguous() else whole.contiguous()
            self.kept.append(tensor)
            shape = tensor.shape
            line = (shape[1] if len(shape) == 2 else 1) * self.item
            each.append((tensor.data_ptr(), shape[0] // len(parameter.members) * line, line))
        slots = self.kernel.slots
        for index, number, member, dimensions in self.kernel.members:
            base, size, line = each[number]
            if dimensions == 2:
                slot = slots[f"m{index}.p"]
                self.numbers += (slot, slot + 1)
                self.values += (base + member * size, line)
            else:
                self.numbers.append(slots[f"p{index}"])
                self.values.append(base + member * size)

    def build(self) -> None:
        """Give every part a frame, with workspaces of its own."""
        try:  # not a look and then a grasp: another thread might come between them
            self.arena = self.layout.spare.pop()
        except IndexError:
            self.arena = Arena(self.layout, self.inputs.x)
        self.table = self.arena.table
        self.table[:, self.numbers] = self.values

    def release(self) -> None:
        """Leave the workspaces to the next run of these shapes, unless they are large."""
        if self.arena.size <= SMALL:
            self.layout.spare.append(self.arena)

    def set(self, name: str, value: int) -> None:
        """Change a slot in all frames."""
        number = self.kernel.slots.get(name)
        if number is not None:
            self.table[:, number] = value

    def prepare(self, threads: int) -> None:
        """Pack weights, and compute what follows parameters alone."""
        self.arena.flat[0] = 0
        llvm_threads.run(self.kernel.pack, self.arena.address, threads if self.layout.packed_bytes > SMALL else 1)
        self.kernel.prepare(self.arena.address + 8 * HEADER)

    def run(self, threads: int) -> None:
        """Run all parts."""
        self.arena.flat[0] = 0
        llvm_threads.run(self.kernel.worker, self.arena.address, threads)


class Arena:
    """Hold frames and the workspaces that they point to.

    A run that has one to itself need only set the addresses of its tensors. Slots that it does not set must be as in a
    new one, so whoever sets a slot in one run sets it in all.
    """

    def __init__(self, layout: Layout, like: Tensor) -> None:
        item = layout.item
        packed = allocate((layout.packed_bytes // item + LINE // item,), like)
        work = allocate((layout.work_bytes // item + LINE // item,), like)
        packed[: (layout.zero_bytes + LINE) // item].zero_()
        rows = np.zeros(layout.row_count, dtype=np.int64)
        self.memory = (packed, work, rows)
        self.size = layout.packed_bytes + layout.work_bytes + rows.nbytes
        parts, slots = layout.frames.shape
        self.flat = np.empty(HEADER + parts * slots, dtype=np.int64)
        self.flat[:HEADER] = (0, parts, 8 * slots)
        self.address = self.flat.ctypes.data
        self.table = self.flat[HEADER:].reshape(parts, slots)
        self.table[:] = layout.frames
        self.table += layout.in_packed * (-(-packed.data_ptr() // LINE) * LINE)
        self.table += layout.in_work * (-(-work.data_ptr() // LINE) * LINE)
        self.table += layout.in_rows * rows.ctypes.data

"""Load the kernel of a program's direction, and fill the frames that it reads."""

import ctypes
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from elman.autodiff.program import Program
from elman.backends import llvm_threads
from elman.backends.inputs import Inputs
from elman.backends.llvm_driver import HEADER, emit_kernel, slot_numbers
from elman.backends.llvm_engine import Library, load
from elman.backends.llvm_plan import Plan, make_plan
from elman.backends.llvm_target import Target, host
from elman.expr.graph import ROW

DTYPES = {torch.float32: "float32", torch.float64: "float64"}
CHUNK_BYTES = 1 << 18  # what a part may hold for the rows of a chunk: it should stay in the second cache
BLOCK_VECTORS = 8


@dataclass(frozen=True, eq=False)
class Kernel:
    """Hold compiled code and what its frames look like."""

    plan: Plan
    library: Library
    slots: dict[str, int]
    lanes: int

    @cached_property
    def prepare(self) -> "ctypes._FuncPointer":
        """Give the function that packs weights, as a callable of a frame's address."""
        return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.library.address("prepare"))

    @cached_property
    def worker(self) -> int:
        """Give the address of the worker."""
        return self.library.address("worker")


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
    return Kernel(plan, library, slot_numbers(plan), made_for.lanes(name))


class Frames:
    """Fill the frames of one run: the same for all parts but for rows and workspaces.

    Args:
        kernel: what will read them.
        inputs: what is run.
        sizes: elements of every axis.
        parts: how many the rows are divided into.
        chunk: most time steps in a chunk; fewer where they would not fit.
    """

    def __init__(self, kernel: Kernel, inputs: Inputs, sizes: Mapping[str, int], parts: int, chunk: int) -> None:
        self.kernel, self.inputs, self.sizes = kernel, inputs, sizes
        plan, lanes = kernel.plan, kernel.lanes
        self.item = inputs.x.element_size()
        self.steps, self.batch = inputs.x.shape[:2]
        self.row = [0] * len(kernel.slots)
        self.vectors = {axis: -(-n // lanes) for axis, n in sizes.items()}
        self.bounds = [self.batch * i // parts for i in range(parts + 1)]
        self.kept: list[Tensor] = []
        for axis in plan.axes:
            self.put(f"n.{axis}", sizes[axis])
            self.put(f"v.{axis}", self.vectors[axis])
        bytes_a_row = self.item * sum(self.padded(plan.axis(i)) for i in plan.chunks)
        most = max(1, CHUNK_BYTES // max(1, bytes_a_row * self._most_rows))
        self.chunk = min(chunk, most) if plan.chunks else chunk
        self.put("chunk", self.chunk)
        self.put("T", self.steps)
        self.put("block", BLOCK_VECTORS)

    @property
    def _most_rows(self) -> int:
        return max(b - a for a, b in zip(self.bounds, self.bounds[1:], strict=False))

    def padded(self, axis: str) -> int:
        """Count the elements of a row of a place that is ours."""
        return 1 if axis == ROW else self.vectors[axis] * self.kernel.lanes

    def put(self, name: str, value: int) -> None:
        """Set a slot; a name that the kernel does not read is passed over."""
        number = self.kernel.slots.get(name)
        if number is not None:
            self.row[number] = value

    def place(self, name: str, tensor: Tensor, ahead: int = 0) -> None:
        """Let a place be a tensor (T, B, n); `ahead` is the time step of its first row."""
        time, row, column = tensor.stride()
        if column != 1 and tensor.shape[2] > 1:
            tensor = tensor.contiguous()
            time, row, _ = tensor.stride()
        self.hold(tensor)
        self.put(f"{name}.p", tensor.data_ptr() - ahead * time * self.item)
        self.put(f"{name}.t", time * self.item)
        self.put(f"{name}.b", row * self.item)

    def state(self, name: str, tensor: Tensor) -> None:
        """Let a place be a tensor (B, n)."""
        if tensor.stride(1) != 1 and tensor.shape[1] > 1:
            tensor = tensor.contiguous()
        self.hold(tensor)
        self.put(f"{name}.p", tensor.data_ptr())
        self.put(f"{name}.b", tensor.stride(0) * self.item)

    def hold(self, tensor: Tensor) -> None:
        """Keep a tensor alive until the run is over."""
        self.kept.append(tensor)

    def put_parameters(self) -> None:
        """Set where parameters lie and where their packed form goes, and pack them."""
        plan, lanes = self.kernel.plan, self.kernel.lanes
        nodes, sizes = plan.nodes, self.sizes
        tensors = [p.detach().contiguous() for p in self.inputs.parameters]
        self.kept += tensors
        where = {m: (p, j) for p, parameter in enumerate(plan.program.parameters) for j, m in enumerate(parameter.members)}
        for index, node in enumerate(nodes):
            if node.op == "parameter":
                number, member = where[node.name]
                whole = tensors[number]
                per_row = self.item * (whole.shape[1] if whole.dim() == 2 else 1)
                address = whole.data_ptr() + member * sizes[node.shape[0]] * per_row
                self.put(f"m{index}.p", address)
                self.put(f"m{index}.l", per_row)
                self.put(f"p{index}", address)
        offsets: list[tuple[str, int]] = []
        total = 0
        for index in plan.statics:
            offsets.append((f"static{index}.p", total))
            total += self.padded_static(plan.axis(index))
        for this in plan.passes:
            for group in this.groups:
                for number, term in enumerate(group.chains[0][1]):
                    offsets.append((f"w{group.number}.{number}", total))
                    columns = self.vectors[this.axis] * lanes * len(group.chains)
                    total += columns * sizes[term.axis] * len(term.matrices)
        packed = allocate((total + lanes,), self.inputs.x)
        self.hold(packed)
        base = -(-packed.data_ptr() // 64) * 64
        for name, offset in offsets:
            self.put(name, base + offset * self.item)
        zero = torch.zeros(1, dtype=torch.int64)
        self.hold(zero)
        self.put("row0", zero.data_ptr())

    def padded_static(self, axis: str) -> int:
        """Count the elements of a vector that is the same for all rows; each begins at a whole vector."""
        return self.vectors[axis] * self.kernel.lanes

    def build(self) -> None:
        """Give every part a frame with workspaces of its own."""
        plan, most = self.kernel.plan, self._most_rows
        offsets: list[tuple[str, int, int]] = []
        total = 0
        for k, leaf in enumerate(plan.schedule.carries):
            width = self.padded(plan.axis(leaf))
            for name in (f"buffer0{k}", f"buffer1{k}"):
                offsets.append((name, total, width))
                total += most * width
        for index in plan.steps:
            offsets.append((f"step{index}", total, self.padded(plan.axis(index))))
            total += self._whole(most * self.padded(plan.axis(index)))
        for index in plan.chunks:
            offsets.append((f"chunk{index}", total, self.padded(plan.axis(index))))
            total += self._whole(most * self.chunk * self.padded(plan.axis(index)))
        total = self._whole(total)
        parts = len(self.bounds) - 1
        work = allocate((parts * total + self.kernel.lanes,), self.inputs.x)
        rows = torch.empty(parts * most * (self.chunk + 1), dtype=torch.int64)
        self.kept += [work, rows]
        base = -(-work.data_ptr() // 64) * 64
        frames = []
        for part, (first, stop) in enumerate(zip(self.bounds, self.bounds[1:], strict=False)):
            self.put("b0", first)
            self.put("b1", stop)
            self._put_workspaces(base + part * total * self.item, first, most, offsets)
            listed = rows.data_ptr() + 8 * part * most * (self.chunk + 1)
            self.put("rows.step", listed)
            self.put("rows.chunk", listed + 8 * most)
            frames.append(list(self.row))
        size = len(self.row)
        flat = np.empty(HEADER + parts * size, dtype=np.int64)
        flat[:HEADER] = (0, parts, 8 * size)
        flat[HEADER:] = np.asarray(frames, dtype=np.int64).ravel()
        self.flat = flat
        self.table = flat[HEADER:].reshape(parts, size)

    def _whole(self, elements: int) -> int:
        lanes = self.kernel.lanes
        return -(-elements // lanes) * lanes

    def _put_workspaces(self, base: int, first: int, most: int, offsets: Sequence[tuple[str, int, int]]) -> None:
        for name, offset, width in offsets:
            row = width * self.item
            address = base + offset * self.item - first * row
            if name.startswith("buffer"):
                number = name[7:]
                self.put(name, address)
                place = f"cur{number}" if name[6] == "0" else f"next{number}"
                self.put(f"{place}.p", address)
                self.put(f"{place}.b", row)
            elif name.startswith("step"):
                self.put(f"{name}.p", address)
                self.put(f"{name}.b", row)
            else:
                self.put(f"{name}.o", address)
                self.put(f"{name}.t", most * row)
                self.put(f"{name}.b", row)

    def set(self, name: str, value: int) -> None:
        """Change a slot in all frames."""
        number = self.kernel.slots.get(name)
        if number is not None:
            self.table[:, number] = value

    def prepare(self) -> None:
        """Pack weights."""
        self.kernel.prepare(self.flat.ctypes.data + 8 * HEADER)

    def run(self, threads: int) -> None:
        """Run all parts."""
        self.flat[0] = 0
        llvm_threads.run(self.kernel.worker, self.flat.ctypes.data, threads)


def allocate(shape: Sequence[int], like: Tensor) -> Tensor:
    """Give memory that nobody has written to."""
    return torch.empty(shape, dtype=like.dtype)

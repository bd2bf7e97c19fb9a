"""Load the kernel of a program's direction, and lay out what it reads and works in."""

import ctypes
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from struct import Struct
from typing import Any

import numpy as np
import torch

from elman.autodiff.program import Program
from elman.backends.inputs import find_sizes
from elman.backends.llvm.plan import Plan, stored_saves
from elman.backends.llvm.plan.planner import make_plan
from elman.backends.llvm.plan.slots import HEADER, filled_slots, moving_slots, parameter_nodes, slot_numbers
from elman.backends.llvm.run import threads as llvm_threads
from elman.backends.llvm.run.engine import Library, Source, load_all
from elman.backends.llvm.target import Target, host
from elman.errors import ShapeError
from elman.expr.graph import ROW

DTYPES = {torch.float32: "float32", torch.float64: "float64"}
CHUNK_BYTES = 1 << 18  # what a part may hold for the rows of a chunk: it should stay in the second cache
BLOCK_VECTORS = 16
LEAST_WORK = 5_000_000  # multiplications that are worth a second thread
LEAST_SHARE = 1 << 20  # bytes of weights that are worth a member of a team: a step then takes ten times a meeting
LARGE_WEIGHTS = 1 << 22  # bytes; one core reads so many again and again from beyond its own cache
TEAM_ROWS = 4  # for each thread: of more rows products are limited by arithmetic, not by how fast weights come
MIRROR_BYTES = 1 << 22  # of adjoints that are held for the products behind the loop: more leave the caches
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
    def whole(self) -> int:
        """Give the address of the function that packs, prepares and runs on one thread."""
        return self.library.address("whole")

    @cached_property
    def pack(self) -> int:
        """Give the address of the function that packs weights."""
        return self.library.address("pack")

    @cached_property
    def worker(self) -> int:
        """Give the address of the worker."""
        return self.library.address("worker")

    @cached_property
    def team(self) -> int:
        """Give the address of the worker of those who divide columns."""
        return self.library.address("team")


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
        "schedules": repr(
            (program.forward, plan.schedule, program.saved)
        ),  # the plan follows them, not the graph alone
        "direction": direction,
        "save": save,
        "dtype": name,
    }
    key = json.dumps(identity, sort_keys=True)
    chains = sorted({len(g.chains) for g in plan.groups})
    wanted = {**shared_code(name, made_for, chains), key: Source(lambda: _emit_kernel(plan, made_for, name))}
    packing, *tiles, library = load_all(wanted, made_for)
    shared = {function: packing.address(function) for function in ("pack_rows", "pack_columns")}
    shared |= {f"tiles{count}": of.address("tiles") for count, of in zip(chains, tiles, strict=True)}
    return Kernel(plan, library, slot_numbers(plan), made_for.lanes(name), dtype.itemsize, shared)


def shared_code(dtype: str, made_for: Target, chains: Iterable[int]) -> dict[str, Source]:
    """Give keys and sources of what is the same for all cells: packing, and tiles for numbers of chains."""
    tiles = {f"tiles {dtype} {count}": Source(partial(_emit_tiles, made_for, dtype, count), 0) for count in chains}
    return {f"packing {dtype}": Source(partial(_emit_packing, made_for, dtype), 0), **tiles}


def find_unpacked(kernel: Kernel, dtype: torch.dtype) -> dict[str, int]:
    """Find the tiles that read weights where the caller keeps them, by slot."""
    made_for, counts = target(), sorted({len(g.chains) for g in kernel.plan.groups})
    found = load_all(unpacked_code(DTYPES[dtype], made_for, counts), made_for)
    return {f"tiles{count}": of.address("tiles") for count, of in zip(counts, found, strict=True)}


def unpacked_code(dtype: str, made_for: Target, chains: Iterable[int]) -> dict[str, Source]:
    """Give keys and sources of the tiles that read weights where the caller keeps them."""
    return {f"unpacked {dtype} {count}": Source(partial(_emit_unpacked, made_for, dtype, count)) for count in chains}


# Code that was compiled before needs no emitter, and emitters take longer to import than such code to load.


def _emit_kernel(plan: Plan, made_for: Target, dtype: str) -> str:
    from elman.backends.llvm.emit.driver import emit_kernel

    return emit_kernel(plan, made_for, dtype)


def _emit_packing(made_for: Target, dtype: str) -> str:
    from elman.backends.llvm.emit.packing import emit_packing

    return emit_packing(made_for, dtype)


def _emit_tiles(made_for: Target, dtype: str, chains: int) -> str:
    from elman.backends.llvm.emit.tiles import emit_tiles

    return emit_tiles(made_for, dtype, chains)


def _emit_unpacked(made_for: Target, dtype: str, chains: int) -> str:
    from elman.backends.llvm.emit.unpacked import emit_unpacked

    return emit_unpacked(made_for, dtype, chains)


class Layout:
    """Hold what the frames of a kernel are for some sizes: everything but addresses.

    Args:
        kernel: what will read them.
        sizes: elements of every axis.
        steps, batch: T and B.
        parts: how many the work is divided into.
        is_team: whether the parts are columns of all rows, and not rows.

    Attributes:
        spare: frames and workspaces that wait for the next run.
        zeros: the first steps of examples that run forward in time.
        window: most time steps of a call of the kernel.
        chunk: most time steps in a chunk.
        columns: of every value that is kept for the sums over time and batch, its columns in the tensor of them all.
        width: the columns of that tensor.
        saved: of every saved value, elements in front of it and elements of a row.
        saved_count: elements of all saved values.
        saved_places: of every saved value, bytes in front of it, from time step to time step, and from row to row.
        members: of every member of a parameter, the number of its tensor and bytes in front of it.
        moving, filled: the slots that a run sets for every window, and once.
        places: of these two, for each frame, bytes in front of them.
    """

    def __init__(
        self, kernel: Kernel, sizes: Mapping[str, int], steps: int, batch: int, parts: int, is_team: bool
    ) -> None:
        self.kernel, self.sizes, self.item, self.is_team = kernel, sizes, kernel.item, is_team
        item = kernel.item
        self.spare: list[Any] = []
        self.parts, self.batch = parts, batch
        self.zeros = torch.zeros(batch, dtype=torch.int64, device="cpu")
        self.vectors = {axis: -(-n // kernel.lanes) for axis, n in sizes.items()}
        self._find_window(steps)
        rows = [(batch * i // parts, batch * (i + 1) // parts) for i in range(parts)]
        self.bounds = [(0, batch)] * parts if is_team else rows
        self.most_rows = max(end - first for first, end in self.bounds)
        plan = kernel.plan
        bytes_a_row = item * sum(self.padded(plan.axis(i)) for i in plan.chunks)
        most = max(1, CHUNK_BYTES // max(1, bytes_a_row * self.most_rows))
        self.chunk = min(self.window, most) if plan.chunks else self.window
        size = len(kernel.slots)
        self.frames = np.zeros((parts, size), dtype=np.int64)
        self.in_packed, self.in_work, self.in_rows = (np.zeros((parts, size), dtype=np.int64) for _ in range(3))
        for axis in plan.axes:
            self._put(f"n.{axis}", sizes[axis])
            self._put(f"v.{axis}", self.vectors[axis])
            self._put(f"to.{axis}", self.vectors[axis])
        for name, value in (("chunk", self.chunk), ("T", steps), ("block", BLOCK_VECTORS), ("members", 1)):
            self._put(name, value)
        for name, address in kernel.shared.items():
            self._put(name, address)
        self._put("all", 1 << 60)
        self._put("norms.t", batch * item)
        self._put("yield", llvm_threads.yielding())
        self.packed_bytes = self._lay_packed()
        self.work_bytes = self._lay_work()
        self.row_count = self._lay_rows(parts)
        self._lay_tensors(steps)
        self._lay_parameters()
        self._find_slots()

    def _find_window(self, steps: int) -> None:
        plan, self.width = self.kernel.plan, 0
        self.columns: dict[int, slice] = {}
        for index in plan.kept:
            size = self.sizes[plan.axis(index)]
            self.columns[index] = slice(self.width, self.width + size)
            self.width += size
        most = MIRROR_BYTES // max(1, self.batch * self.width * self.item)
        self.window = max(1, min(steps, most)) if plan.is_mirror else steps

    def padded(self, axis: str) -> int:
        """Count the elements of a row of a place that is ours."""
        return 1 if axis == ROW else self.vectors[axis] * self.kernel.lanes

    def _lay_tensors(self, steps: int) -> None:
        """Set how final states lie, and place in one tensor what the forward run leaves."""
        plan = self.kernel.plan
        for k, leaf in enumerate(plan.schedule.carries):
            self._put(f"end{k}.b", self.sizes[plan.axis(leaf)] * self.item)
        self.saved: dict[int, tuple[int, int]] = {}
        self.saved_count = 0
        for index in stored_saves(plan.program):
            width = self.padded(plan.axis(index))
            self.saved[index] = (self.saved_count, width)
            self.saved_count += steps * self.batch * width
        self.saved_places = [
            (offset * self.item, self.batch * width * self.item, width * self.item)
            for offset, width in self.saved.values()
        ]

    def _lay_parameters(self) -> None:
        plan, self.members = self.kernel.plan, []
        places = {m: (i, j) for i, p in enumerate(plan.program.parameters) for j, m in enumerate(p.members)}
        for index in parameter_nodes(plan):
            node = plan.nodes[index]
            number, position = places[node.name]
            line = (self.sizes[node.shape[1]] if len(node.shape) == 2 else 1) * self.item
            self._put(f"m{index}.l", line)
            self.members.append((number, position * self.sizes[node.shape[0]] * line))

    def _find_slots(self) -> None:
        """Find where what a run sets is written: a struct for all slots of a frame, bytes in front of it for each."""
        moving, filled = len(moving_slots(self.kernel.plan)), len(filled_slots(self.kernel.plan))
        self.moving, self.filled = Struct(f"{moving}q"), Struct(f"{filled}q")
        begins = [8 * (HEADER + part * len(self.kernel.slots)) for part in range(self.parts)]
        self.places = [(begin, begin + self.moving.size) for begin in begins]

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

    def _lay_work(self) -> int:
        """Place states and values of steps and chunks, for every part, or for a team; return the bytes of all."""
        plan, most, total = self.kernel.plan, self.most_rows, 0
        for part, (first, end) in enumerate(self.bounds):
            total = 0 if self.is_team else total
            self._put("b0", first, part)
            self._put("b1", end, part)
            self._put("part", part, part)
            self._put("parts", self.parts, part)
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
def lay_out(kernel: Kernel, x: tuple[int, ...], states: Shapes, parameters: Shapes, threads: int) -> Layout:
    """Lay out what a kernel reads in a run with tensors of these shapes.

    The rows are divided into parts only where another thread saves more than it costs. Columns are divided instead
    where they keep more threads busy, and where few rows read large weights: then each thread reads its share of the
    weights, which its own cache may hold, and not all of them.
    """
    steps, batch, _ = x
    weights = kernel.item * sum(map(math.prod, parameters))
    if steps * batch * weights < LEAST_WORK * kernel.item:
        threads = 1
    rows, members = max(1, min(threads, batch)), min(threads, weights // LEAST_SHARE)
    is_large = members == threads > 1 and weights >= LARGE_WEIGHTS and batch <= TEAM_ROWS * threads
    is_team = (members > rows or is_large) and llvm_threads.counting() != 0
    program = kernel.plan.program
    sizes = find_sizes(program, x, states, parameters)
    for name, state in zip(program.states, states, strict=True):
        if state != (batch, sizes[program.graph.nodes[program.graph.leaves["state", name]].shape[0]]):
            raise ShapeError(
                f"{program.cell.name}: state {name} has shape {state}, the input has {batch} examples.\n"
                "  A state is (B, its size).\n  Give one of B rows."
            )
    return Layout(kernel, sizes, steps, batch, members if is_team else rows, is_team)

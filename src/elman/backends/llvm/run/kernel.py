"""Load the kernel of a program's direction, and lay out its arguments and workspaces."""

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
from elman.backends.llvm.plan import Plan, slots, stored_saves
from elman.backends.llvm.plan.planner import make_plan
from elman.backends.llvm.plan.slots import HEADER, Slot, filled_slots, moving_slots, parameter_nodes, slot_numbers
from elman.backends.llvm.products import PLAIN, ROUNDED, SPLIT, TILED, Products
from elman.backends.llvm.run import threads as llvm_threads
from elman.backends.llvm.run.engine import Library, Source, load_all
from elman.backends.llvm.run.matrix_unit import has_matrix_unit
from elman.backends.llvm.run.writers import write_packing, write_tiles, write_unpacked
from elman.backends.llvm.target import Target, host
from elman.errors import ShapeError
from elman.expr.graph import ROW

DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "float32"}
"""The dtype in which a kernel adds and computes pointwise, by the dtype of x."""

# What `torch.set_float32_matmul_precision` allows, where it saves time.
ALLOWED = {"highest": PLAIN, "high": SPLIT, "medium": TILED}
CHUNK_BYTES = 1 << 18  # most bytes of a part's values of a chunk, which should stay in the second cache
BLOCK_VECTORS = 16
LEAST_WORK = 5_000_000  # multiplications for which a second thread saves time
LEAST_SHARE = 1 << 20  # bytes of weights of a member of a team: a step then takes ten times as long as a barrier
LARGE_WEIGHTS = 1 << 22  # bytes; more do not fit into the cache of one core
TEAM_ROWS = 4  # for each thread; with more rows arithmetic limits the products, not the reading of weights
LEAST_MIRROR_BYTES, MIRROR_BYTES = 1 << 20, 1 << 22  # of adjoints that are stored for the products after the loop
FEW_ROWS = {16: 8, 32: 32}
"""By the number of vector registers, the most rows of a time step that should read weights where they are, once for
every tile; with more rows packing costs less.
"""
LINE = 64  # bytes of a cache line; every workspace begins with one
BYTES = {"float32": 4, "float64": 8}


@dataclass(frozen=True, eq=False)
class Kernel:
    """Compiled code and the numbers of its slots.

    Attributes:
        plan: the plan that it runs.
        library: its code.
        slots: number of each slot of a frame by name.
        lanes: elements of a vector.
        item: bytes of an element.
        shared: by slot, addresses of functions that are the same for all cells.
        few_rows: the most rows of a time step whose products should read weights where they are.
        products: how it multiplies.
    """

    plan: Plan
    library: Library
    slots: dict[str, int]
    lanes: int
    item: int
    shared: Mapping[str, int]
    few_rows: int
    products: Products = PLAIN

    @property
    def outer_item(self) -> int:
        """The bytes of an element of the input, the output, their adjoints, and values that are saved or kept."""
        return 2 if self.plan.narrow else self.item

    def reads_in_place(self, steps: int, rows: int) -> bool:
        """Test whether the products of a run should read weights where they are; no tiles round them there."""
        in_full = not self.products.rounds and not self.products.weight
        return steps == 1 and rows <= self.few_rows and in_full

    @cached_property
    def prepare(self) -> "ctypes._FuncPointer":
        """The function that computes what depends on parameters alone, as a callable of a frame's address."""
        return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.library.address("prepare"))

    @cached_property
    def step(self) -> "ctypes._FuncPointer":
        """The function that prepares and runs, forward, as a callable of the addresses of frames, input and output."""
        return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(self.library.address("step"))

    @cached_property
    def whole(self) -> int:
        """Give the address of the function that packs, prepares and runs on one thread."""
        return self.library.address("whole")

    @cached_property
    def unpacked(self) -> int:
        """The address of the function that prepares and runs on one thread, of weights that are not packed."""
        return self.library.address("unpacked")

    @cached_property
    def pack(self) -> int:
        """The address of the function that packs weights."""
        return self.library.address("pack")

    @cached_property
    def worker(self) -> int:
        """The address of the worker whose parts are rows."""
        return self.library.address("worker")

    @cached_property
    def team(self) -> int:
        """The address of the worker whose parts are columns."""
        return self.library.address("team")


def find_kernel(
    program: Program, direction: str, save: bool, dtype: torch.dtype, products: Products | None = None
) -> Kernel:
    """Find a program's kernel for this processor; compile it if it is new.

    Args:
        program: the program to run.
        direction: name of its schedule.
        save: whether a forward run stores the values that the mirror reads.
        dtype: of x.
        products: how it multiplies; None for what :func:`choose_products` says.
    """
    made_for = target()
    return _find(program, direction, save, dtype, products or choose_products(dtype, made_for), made_for)


def choose_products(dtype: torch.dtype, made_for: Target) -> Products:
    """Choose how products are computed for an x of a dtype, and as torch's switch for float32 says now."""
    if dtype is torch.bfloat16:
        return TILED if has_matrix_unit(made_for) else ROUNDED
    if dtype is torch.float32:
        allowed = ALLOWED[torch.get_float32_matmul_precision()]
        return allowed if allowed is PLAIN or has_matrix_unit(made_for) else PLAIN
    return PLAIN


def target() -> Target:
    """Return the processor for which kernels are compiled."""
    return host()


@lru_cache(maxsize=1024)
def _find(
    program: Program, direction: str, save: bool, dtype: torch.dtype, products: Products, made_for: Target
) -> Kernel:
    narrow = dtype is torch.bfloat16
    plan = make_plan(program, direction, save, narrow)
    name = DTYPES[dtype]
    identity = {
        "graph": program.graph.to_dict(),
        "parameters": [[p.name, p.members, p.shape] for p in program.parameters],
        "schedules": repr(
            (program.forward, plan.schedule, program.saved)
        ),  # the plan depends on them, not on the graph alone
        "direction": direction,
        "save": save,
        "dtype": name,
        "narrow": narrow,
    }
    key = json.dumps(identity, sort_keys=True)
    chains = sorted({len(g.chains) for g in plan.groups})
    sources = {**shared_code(name, made_for, chains, products), key: Source(lambda: _emit_kernel(plan, made_for, name))}
    packing, *tiles, library = load_all(sources, made_for)
    shared: dict[str, int] = {name: packing.address(name) for name in (Slot.PACK_ROWS, Slot.PACK_COLUMNS)}
    shared |= {slots.tiles(count): of.address("tiles") for count, of in zip(chains, tiles, strict=True)}
    few_rows = FEW_ROWS[made_for.registers]
    return Kernel(plan, library, slot_numbers(plan), made_for.lanes(name), BYTES[name], shared, few_rows, products)


def shared_code(dtype: str, made_for: Target, chains: Iterable[int], products: Products = PLAIN) -> dict[str, Source]:
    """Return keys and sources of code that is the same for all cells: packing, and tiles for numbers of chains."""
    of = dtype if products is PLAIN else products.name
    tiles = {
        f"tiles {of} {count}": Source(partial(write_tiles, made_for, dtype, count, products), 0) for count in chains
    }
    packs = dtype if products.weight else of  # narrow weights are packed by torch
    return {f"packing {packs}": Source(partial(write_packing, made_for, dtype, products), 0), **tiles}


def find_unpacked(kernel: Kernel) -> dict[str, int]:
    """Find the tiles that read weights from the caller's memory, by slot."""
    made_for, counts = target(), {len(g.chains) for g in kernel.plan.groups}
    name = next(DTYPES[dtype] for dtype in DTYPES if dtype.itemsize == kernel.item)
    (library,) = load_all(unpacked_code(name, made_for), made_for)
    return {slots.tiles(count): library.address(f"tiles{count}") for count in counts}


def unpacked_code(dtype: str, made_for: Target) -> dict[str, Source]:
    """Return key and source of the tiles that read weights from the caller's memory."""
    return {f"unpacked {dtype}": Source(partial(write_unpacked, made_for, dtype))}


# Code in the cache needs no emitter, and importing the emitters takes longer than loading that code.


def _emit_kernel(plan: Plan, made_for: Target, dtype: str) -> str:
    from elman.backends.llvm.emit.driver import emit_kernel

    return emit_kernel(plan, made_for, dtype)


class Layout:
    """The content of a kernel's frames for some sizes, except addresses; `plan.slots` has a drawing of it.

    Args:
        kernel: the kernel that reads them.
        in_place: whether products read weights where they are, so that nothing needs to be packed.
        sizes: elements of every axis.
        steps, batch: T and B.
        parts: the number of parts of the work.
        is_team: whether a part is columns of all rows, and not rows.

    Attributes:
        spare: frames and workspaces that are free for the next run.
        zeros: the first steps of examples that run forward in time.
        window: most time steps of a call of the kernel.
        chunk: most time steps of a chunk.
        columns: for every value that is kept for the sums over time and batch, its columns in the tensor of all.
        width: the columns of that tensor.
        saved: for every saved value, its offset in elements, and the elements of a row.
        saved_count: elements of all saved values.
        saved_places: for every saved value, its offset in bytes, and the bytes of a time step and of a row.
        members: for every member of a parameter, the number of its tensor and its offset in bytes.
        moving, filled: the slots that a run sets for every window, and once.
        places: for each frame, the offsets of these two in bytes.
    """

    def __init__(
        self,
        kernel: Kernel,
        sizes: Mapping[str, int],
        steps: int,
        batch: int,
        parts: int,
        is_team: bool,
        in_place: bool = False,
    ) -> None:
        self.in_place = in_place
        self.kernel, self.sizes, self.item, self.is_team = kernel, sizes, kernel.item, is_team
        item = kernel.item
        self.outer_item = kernel.outer_item
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
            self._put(slots.columns(axis), sizes[axis])
            self._put(slots.vectors(axis), self.vectors[axis])
            self._put(slots.share_end(axis), self.vectors[axis])
        self._put(Slot.CHUNK, self.chunk)
        self._put(Slot.STEPS, steps)
        self._put(Slot.BLOCK, BLOCK_VECTORS)
        self._put(Slot.MEMBERS, 1)
        for name, address in {**kernel.shared, **(find_unpacked(kernel) if in_place else {})}.items():
            self._put(name, address)
        self._put(Slot.ALL, 1 << 60)
        self._put(Slot.NORMS_STEP, batch * item)
        self._put(Slot.YIELD, llvm_threads.yielding())
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
        most = MIRROR_BYTES
        if plan.narrow:  # Fewer take less memory, but the products after each window add to all gradients of weights.
            gradients = sum(math.prod(self.sizes[axis] for axis in p.shape) for p in plan.program.parameters)
            most = min(max(LEAST_MIRROR_BYTES, gradients * self.item // 2), MIRROR_BYTES)
        rows = most // max(1, self.batch * self.width * self.outer_item)
        self.window = max(1, min(steps, rows)) if plan.is_mirror else steps

    def padded(self, axis: str) -> int:
        """Count the elements of a row of a place in a workspace."""
        return 1 if axis == ROW else self.vectors[axis] * self.kernel.lanes

    def _lay_tensors(self, steps: int) -> None:
        """Set the strides of final states, and lay out the saved values in one tensor."""
        plan = self.kernel.plan
        for k, leaf in enumerate(plan.schedule.carries):
            self._put(slots.row_bytes(slots.end(k)), self.sizes[plan.axis(leaf)] * self.item)
        self.saved: dict[int, tuple[int, int]] = {}
        self.saved_count = 0
        for index in stored_saves(plan.program):
            width = self.padded(plan.axis(index))
            self.saved[index] = (self.saved_count, width)
            self.saved_count += steps * self.batch * width
        self.saved_places = [
            (offset * self.outer_item, self.batch * width * self.outer_item, width * self.outer_item)
            for offset, width in self.saved.values()
        ]

    def _lay_parameters(self) -> None:
        plan, self.members = self.kernel.plan, []
        places = {m: (i, j) for i, p in enumerate(plan.program.parameters) for j, m in enumerate(p.members)}
        for index in parameter_nodes(plan):
            node = plan.nodes[index]
            number, position = places[node.name]
            line = (self.sizes[node.shape[1]] if len(node.shape) == 2 else 1) * self.item
            self._put(slots.line_bytes(index), line)
            self.members.append((number, position * self.sizes[node.shape[0]] * line))

    def _find_slots(self) -> None:
        """Make the structs of the slots that a run sets, and compute their offsets in each frame."""
        moving, filled = len(moving_slots(self.kernel.plan)), len(filled_slots(self.kernel.plan))
        self.moving, self.filled = Struct(f"{moving}q"), Struct(f"{filled}q")
        begins = [8 * (HEADER + part * len(self.kernel.slots)) for part in range(self.parts)]
        self.places = [(begin, begin + self.moving.size) for begin in begins]

    def _put(self, name: str, value: int, part: int | slice = slice(None)) -> None:
        number = self.kernel.slots.get(name)
        if number is not None:
            self.frames[part, number] = value

    def _lay_packed(self) -> int:
        """Lay out parameter vectors, values computed once, and packed weights; return the bytes of all."""
        plan, lanes = self.kernel.plan, self.kernel.lanes
        self._put_packed(slots.address(slots.ZERO), 0)
        self.zero_bytes = total = max(self.vectors.values()) * lanes * self.item
        for index in plan.statics:
            self._put_packed(slots.address(slots.static(index)), total)
            total += self.vectors[plan.axis(index)] * lanes * self.item
        for this in () if self.in_place else plan.passes:
            for group in this.groups:
                for number, term in enumerate(group.chains[0][1]):
                    self._put_packed(slots.packed(group.number, number), total)
                    depth = self.sizes[term.axis] * len(term.matrices)
                    chains = len(group.chains)
                    panel = self.kernel.products.panel_bytes(depth, chains, lanes, self.item, term.transposed)
                    total += self.vectors[this.axis] * panel
        return total

    def _put_packed(self, name: str, offset: int) -> None:
        self._put(name, offset)
        self.in_packed[:, self.kernel.slots[name]] = 1

    def _lay_work(self) -> int:
        """Lay out states and values of steps and chunks, for every part, or for a team; return the bytes of all."""
        plan, most, total = self.kernel.plan, self.most_rows, 0
        for part, (first, end) in enumerate(self.bounds):
            total = 0 if self.is_team else total
            self._put(Slot.ROWS_BEGIN, first, part)
            self._put(Slot.ROWS_END, end, part)
            self._put(Slot.PART, part, part)
            self._put(Slot.PARTS, self.parts, part)
            for k, leaf in enumerate(plan.schedule.carries):
                row = self.padded(plan.axis(leaf)) * self.item
                for number, place in enumerate((slots.before(k), slots.after(k))):
                    self._put_work(slots.buffer(number, k), total - first * row, part)
                    self._put_work(slots.address(place), total - first * row, part)
                    self._put(slots.row_bytes(place), row, part)
                    total += self._lines(most * row)
            for index in plan.steps:
                row = self.padded(plan.axis(index)) * self.item
                self._put_work(slots.address(slots.of_step(index)), total - first * row, part)
                self._put(slots.row_bytes(slots.of_step(index)), row, part)
                total += self._lines(most * row)
            for index in plan.chunks:
                row = self.padded(plan.axis(index)) * self.item
                self._put_work(slots.origin(index), total - first * row, part)
                self._put(slots.step_bytes(slots.of_chunk(index)), most * row, part)
                self._put(slots.row_bytes(slots.of_chunk(index)), row, part)
                total += self._lines(most * row * self.chunk)
        scratch = self._scratch_bytes()
        for part in range(self.parts):
            self._put_work(Slot.SCRATCH, total + part * scratch, part)
        return total + self.parts * scratch

    def _scratch_bytes(self) -> int:
        """Count the bytes of the rounded rows that a part multiplies at once."""
        products, terms = self.kernel.products, [t for g in self.kernel.plan.groups for t in g.chains[0][1]]
        rows = [products.row_bytes(self.sizes[term.axis] * len(term.matrices)) for term in terms]
        return products.rows * max(rows, default=0)

    @staticmethod
    def _lines(count: int) -> int:
        return -(-count // LINE) * LINE

    def _put_work(self, name: str, offset: int, part: int) -> None:
        self._put(name, offset, part)
        self.in_work[part, self.kernel.slots[name]] = 1

    def _lay_rows(self, parts: int) -> int:
        """Lay out the lists of rows; return the number of rows of all."""
        each = self.most_rows * (self.chunk + 1)
        for part in range(parts):
            for name, offset in ((Slot.STEP_ROWS, part * each), (Slot.CHUNK_ROWS, part * each + self.most_rows)):
                self._put(name, 8 * offset, part)
                self.in_rows[part, self.kernel.slots[name]] = 1
        self._put(Slot.ONE_ROW, 8 * parts * each)
        self.in_rows[:, self.kernel.slots[Slot.ONE_ROW]] = 1
        return parts * each + 1


Shapes = tuple[tuple[int, ...], ...]


@lru_cache(maxsize=64)
def lay_out(
    kernel: Kernel, x: tuple[int, ...], states: Shapes, parameters: Shapes, threads: int, in_place: bool = False
) -> Layout:
    """Lay out the frames of a kernel for a run with tensors of these shapes.

    Rows are divided into parts only if another thread saves more time than it costs. Columns are divided instead if
    that uses more threads, or if there are few rows and large weights: then each thread reads only its share of the
    weights, which may fit into its own cache.
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
    return Layout(kernel, sizes, steps, batch, members if is_team else rows, is_team, in_place)

"""Fill the frames of a kernel, and run it.

>>> from elman.autodiff import derive
>>> from elman.backends.llvm.run.kernel import find_kernel
>>> from elman.cells import elman
>>> kernel = find_kernel(derive(elman), "forward", False, torch.float64)
>>> weights = [torch.ones(5, 3), torch.ones(5, 5), torch.zeros(5)]
>>> Frames(kernel, Inputs(torch.ones(7, 1, 3), [torch.zeros(1, 5)], weights)).layout.window
7
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.backends.held import pack_once
from elman.backends.inputs import Inputs
from elman.backends.llvm.plan.slots import ARRIVALS, BYTES, COUNTING, HEADER, PARTS, TICKET, Slot
from elman.backends.llvm.run import threads as llvm_threads
from elman.backends.llvm.run.kernel import LINE, Kernel, Layout, lay_out
from elman.backends.llvm.run.memory import SMALL, allocate


class Frames:
    """The frames of one run, as far as they are filled.

    :meth:`put` and the methods like it set the slots of :func:`elman.backends.llvm.plan.slots.filled_slots`, in order.

    Args:
        kernel: the kernel that reads them.
        inputs: the tensors of the run.
        threads: the largest number of threads; torch's number if it is None.
        in_place: where that takes less time, read weights where they are, and pack nothing.
    """

    def __init__(self, kernel: Kernel, inputs: Inputs, threads: int | None = None, in_place: bool = False) -> None:
        states = tuple([state.shape for state in inputs.states])
        parameters = tuple([parameter.shape for parameter in inputs.parameters])
        threads = torch.get_num_threads() if threads is None else threads
        in_place = in_place and kernel.reads_in_place(*inputs.x.shape[:2])
        self.layout = lay_out(kernel, inputs.x.shape, states, parameters, threads, in_place)
        self.kernel = kernel
        self.arena = lend(self.layout, inputs.states[0])
        self.arena.filled = None
        self.values: list[int] = []
        self.kept: list[Tensor] = []

    def fill_forward(
        self, inputs: Inputs, output: Tensor, final: Sequence[Tensor], saved: Sequence[Tensor] = ()
    ) -> None:
        """Set all slots for a forward run; the final states may share the memory of the initial ones."""
        x, reverse = inputs.x, inputs.reverse
        self.put(-1 if reverse else 1, self.place_lengths(inputs.lengths), 0, 0)
        for tensor in (x, *inputs.sides, output):
            self.place(tensor)
        self.place_states(inputs.states)
        self.put_addresses(final)
        for tensor in saved:
            self.put_saved(tensor)
        self.put_parameters(inputs.parameters)
        self.move(len(x) - 1 if reverse else 0, len(x), 1, 1)

    def place_lengths(self, lengths: Tensor | None) -> int:
        """Return the address of lengths, 0 if there are none."""
        if lengths is None:
            return 0
        self.kept.append(lengths.to(torch.int64).contiguous())
        return self.kept[-1].data_ptr()

    def put(self, *values: int) -> None:
        """Set the next slots."""
        self.values += values

    def put_addresses(self, tensors: Sequence[Tensor]) -> None:
        """Set one slot for each tensor."""
        self.values += [tensor.data_ptr() for tensor in tensors]

    def place(self, tensor: Tensor) -> None:
        """Set the slots of a place to a tensor (T, B, n) of any strides."""
        time, row, column = tensor.stride()
        if column != 1 and tensor.shape[2] > 1:
            tensor = tensor.contiguous()
            self.kept.append(tensor)
            time, row, _ = tensor.stride()
        item = tensor.itemsize
        self.values += (tensor.data_ptr(), time * item, row * item)

    def place_states(self, tensors: Sequence[Tensor]) -> None:
        """Set the slots of a place for each tensor (B, n), of any strides."""
        for state in tensors:
            tensor = state
            row, column = tensor.stride()
            if column != 1 and tensor.shape[1] > 1:
                tensor = tensor.contiguous()
                self.kept.append(tensor)
                row = tensor.shape[1]
            self.values += (tensor.data_ptr(), row * tensor.itemsize)

    def put_saved(self, saved: Tensor) -> None:
        """Set the slots of the places of saved values, which are parts of one tensor."""
        base = saved.data_ptr()
        for start, time, row in self.layout.saved_places:
            self.values += (base + start, time, row)

    def put_parameters(self, parameters: Sequence[Tensor]) -> None:
        """Set the addresses of the members of parameters, the last slots, and write all slots into the frames."""
        self.parameters = own = [p if p.is_contiguous() else p.contiguous() for p in parameters]
        self.kept += own
        bases = [p.data_ptr() for p in own]
        self.values += [bases[number] + start for number, start in self.layout.members]
        for _, begin in self.layout.places:
            self.layout.filled.pack_into(self.arena.data, begin, *self.values)

    def move(self, *values: int) -> None:
        """Set the slots of :func:`elman.backends.llvm.plan.slots.moving_slots`."""
        for begin, _ in self.layout.places:
            self.layout.moving.pack_into(self.arena.data, begin, *values)

    def start(self) -> None:
        """Prepare, and run all parts."""
        if not self.layout.in_place and self.read_held():
            self.arena.run()
        else:
            self.arena.start()

    def read_held(self) -> bool:
        """Read weights that are packed once for all runs; tell whether they are held."""
        held = pack_once((self.kernel, *self.layout.sizes.values()), self.parameters, self._pack_apart)
        self.arena.read_packed(held)
        return held is not None

    def _pack_apart(self) -> Tensor:
        """Pack weights into memory of their own, which frames of other batches read too."""
        packed = self.arena.allocate_packed()
        self.arena.read_packed(packed)
        self.arena.pack()
        self.arena.prepare()
        return packed

    def release(self) -> None:
        """Keep the workspaces for the next run with these shapes, unless they are large."""
        self.arena.release()


def lend(layout: Layout, like: Tensor) -> "Arena":
    """Lend frames and workspaces, new ones or those of an earlier run."""
    try:  # a check before it would not help: another thread may take the last one between the two
        arena: Arena = layout.spare.pop()
    except IndexError:
        return Arena(layout, like)
    return arena


class Arena:
    """Frames and the workspaces to which they point, for one run at a time.

    A run has only to set the addresses of its tensors; every run sets the same slots.

    Attributes:
        flat: the header and the frames.
        address, data: of `flat`.
        size: the bytes of the workspaces.
        filled: the small calls that have set the slots, and know what they set.
        parameters: the addresses of parameters that they have set.
        sums: what they keep for the sums of their mirror.
    """

    def __init__(self, layout: Layout, like: Tensor) -> None:
        self.layout, self.like = layout, like.new_empty(0)
        work = allocate((layout.work_bytes // layout.item + LINE // layout.item,), like)
        rows = np.zeros(layout.row_count, dtype=np.int64)
        self.memory = (work, rows)
        self.own: Tensor | None = None
        self.filled: Any = None
        self.parameters: list[int] = []
        self.sums: Any = None
        self.packed: Tensor | None = None
        parts, slots = layout.frames.shape
        self.flat = np.empty(HEADER + parts * slots, dtype=np.int64)
        self.flat[:HEADER] = 0
        self.flat[PARTS], self.flat[BYTES] = parts, 8 * slots
        self.address, self.data = self.flat.ctypes.data, self.flat.data
        self.size = work.nbytes + rows.nbytes
        self.table = table = self.flat[HEADER:].reshape(parts, slots)
        table[:] = layout.frames
        table += layout.in_work * _begin(work)
        table += layout.in_rows * rows.ctypes.data
        table[:, layout.kernel.slots[Slot.ARRIVALS]] = self.address + 8 * ARRIVALS

    def start(self) -> None:
        """Pack weights unless they are read where they are, prepare, and run all parts."""
        self.read_packed(None)
        layout, kernel = self.layout, self.layout.kernel
        if layout.parts == 1:
            llvm_threads.run(kernel.unpacked if layout.in_place else kernel.whole, self.address, 1)
            return
        if not layout.in_place:
            self.pack()
        self.prepare()
        self.run()

    def pack(self) -> None:
        """Pack weights."""
        if self.packed is None:
            self.read_packed(None)
        threads = self.layout.parts if self.layout.packed_bytes > SMALL else 1
        self.flat[TICKET] = 0
        llvm_threads.run(self.layout.kernel.pack, self.address, threads)

    def prepare(self) -> None:
        """Compute what depends on parameters alone."""
        self.layout.kernel.prepare(self.address + 8 * HEADER)

    def run(self) -> None:
        """Run all parts, of packed weights or of weights that are read where they are."""
        flat, kernel, is_team = self.flat, self.layout.kernel, self.layout.is_team
        flat[TICKET] = flat[ARRIVALS] = 0
        if is_team:
            flat[COUNTING] = llvm_threads.counting()
        llvm_threads.run(kernel.team if is_team else kernel.worker, self.address, self.layout.parts)

    def read_packed(self, packed: Tensor | None) -> None:
        """Read packed weights from a tensor of :meth:`allocate_packed` of an equal layout; None for an own one."""
        if packed is None:
            if self.own is None:
                self.own = self.allocate_packed()
                self.size += self.own.nbytes
            packed = self.own
        self._point_to(packed)

    def release(self) -> None:
        """Let go of packed weights that are not its own, and wait for the next run, unless it is large."""
        if self.packed is not self.own:
            self._point_to(None)
        if self.size <= SMALL:
            self.layout.spare.append(self)

    def _point_to(self, packed: Tensor | None) -> None:
        if packed is not self.packed:
            self.table += self.layout.in_packed * (_begin(packed) - _begin(self.packed))
            self.packed = packed

    def allocate_packed(self) -> Tensor:
        """Make memory for packed weights, and for the zeros before them."""
        item = self.layout.item
        packed = allocate((self.layout.packed_bytes // item + LINE // item,), self.like)
        packed[: (self.layout.zero_bytes + LINE) // item].zero_()
        return packed


def _begin(memory: Tensor | None) -> int:
    return 0 if memory is None else -(-memory.data_ptr() // LINE) * LINE

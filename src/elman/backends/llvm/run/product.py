"""Multiply rows with a matrix whose weights are packed once.

>>> import torch
>>> weight, bias, x = torch.randn(5, 3), torch.randn(5), torch.randn(7, 3)
>>> torch.allclose(PackedMatrix(weight, bias).multiply(x), x @ weight.T + bias, atol=1e-6)
True
"""

import ctypes

import numpy as np
import torch
from torch import Tensor

from elman.backends.llvm.plan.slots import Slot
from elman.backends.llvm.run import threads
from elman.backends.llvm.run.engine import Source, load_all
from elman.backends.llvm.run.kernel import DTYPES, LEAST_WORK, LINE, shared_code, target
from elman.backends.llvm.run.memory import allocate

_PACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 9)


class PackedMatrix:
    """A copy of a matrix and its bias, in the order in which tiles read them. Later changes of either do not matter.

    Args:
        weight: (O, I), float32 or float64, on the CPU.
        bias: (O,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        weight, made_for, name = weight.detach().contiguous(), target(), DTYPES[weight.dtype]
        self.size, self.depth = weight.shape
        lanes, item = made_for.lanes(name), weight.element_size()
        self.vectors = -(-self.size // lanes)
        self._bias = weight.new_zeros(self.size) if bias is None else bias.detach().clone()
        self._memory = allocate((self.vectors * lanes * self.depth + LINE // item,), weight)
        self._packed = -(-self._memory.data_ptr() // LINE) * LINE
        sources = {**shared_code(name, made_for, [1]), f"product {name}": Source(lambda: _emit(name))}
        packing, tiles, product = load_all(sources, made_for)
        self._tiles, self._worker = tiles.address("tiles"), product.address("multiply")
        pack = _PACK(packing.address(Slot.PACK_ROWS))
        self._line, self._result_line, self._start = self.depth * item, self.size * item, self._bias.data_ptr()
        pack(None, self._packed, 0, 1, weight.data_ptr(), self._line, self.size, self.depth, 0, self.vectors)

    def multiply(self, rows: Tensor) -> Tensor:
        """Return x Wᵀ + b, (R, O), of rows (R, I) in plain memory, of the dtype of the weights."""
        rows = rows.contiguous()
        count = len(rows)
        result = allocate((count, self.size), rows)
        # As emit.product.SLOTS says.
        frame = _Frame(
            *(0, self._tiles, list_rows(count), rows.data_ptr(), 0, self._line, self._packed, self.depth, self.size),
            *(self._start, 0, 0, result.data_ptr(), 0, self._result_line, count, self.vectors),
            0,  # the number of the next block
        )
        address = ctypes.addressof(frame)
        frame[0] = address + ctypes.sizeof(frame) - ctypes.sizeof(ctypes.c_int64)
        many = count * self.size * self.depth >= LEAST_WORK
        threads.run(self._worker, address, torch.get_num_threads() if many else 1)
        return result


_Frame = ctypes.c_int64 * 18
_rows = [np.arange(256, dtype=np.int64) << 32]  # the last is the longest; the others may still be read


def list_rows(count: int) -> int:
    """Return the address of as many rows or more: pairs of a time step, which is 0, and an example."""
    if len(_rows[-1]) < count:
        _rows.append(np.arange(2 * count, dtype=np.int64) << 32)
    return _rows[-1].ctypes.data


def _emit(dtype: str) -> str:
    from elman.backends.llvm.emit.product import emit_product

    return emit_product(target(), dtype)

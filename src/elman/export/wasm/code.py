r"""Write functions for WebAssembly as LLVM IR: addresses, vectors of four numbers, loops, products.

Arguments are 32-bit integers, most of them addresses. Elementary functions are those of the kernels on processors
without a fused multiply-add, which WebAssembly has not either.

>>> module = ModuleWriter()
>>> function = module.function("twice", 1)
>>> with function.loop(3) as offset:
...     value = function.load(function.args[0], offset)
...     function.store(function.b.fadd(value, value), function.args[0], offset)
>>> function.end()
>>> "define void @\"twice\"(i32" in str(module.ir)
True
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from elman.backends.llvm.emit.math import VectorMath
from elman.export.wasm.memory import BYTES, LANES, ROWS, ModuleMemory, vectors

_I32, _VOID, _FLOAT, _POINTER = ir.IntType(32), ir.VoidType(), ir.FloatType(), ir.PointerType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_VECTOR_BYTES = BYTES * LANES
_ADD_PRODUCT = "add_product"


class ModuleWriter:
    """A module that is being written.

    Attributes:
        ir: its functions.
        math: elementary functions of vectors.
        memory: its arrays.
        exports: the names of the functions that are called from outside.
        addresses: the addresses, and other whole numbers, that are given to the outside, by name.
    """

    address: ir.Type = _I32
    """The type of an address."""

    def __init__(self, memory: Any = None, features: frozenset[str] = frozenset()) -> None:
        self.ir = ir.Module("elman")
        self.math = VectorMath(self.ir, "float32", LANES, features)
        self.memory: Any = memory or ModuleMemory()
        self.exports: list[str] = []
        self.addresses: dict[str, int] = {}

    def function(self, name: str, args: int) -> "FunctionWriter":
        """Begin a function that is called from outside."""
        return self.begin(name, [_I32] * args)

    def begin(self, name: str, args: list[ir.Type]) -> "FunctionWriter":
        """Begin a function that is called from outside, with arguments of these types."""
        self.exports.append(name)
        return self.write(ir.Function(self.ir, ir.FunctionType(_VOID, args), name))

    def write(self, function: ir.Function) -> "FunctionWriter":
        """Return what writes a function."""
        return FunctionWriter(self, function)

    def add_product(self) -> ir.Function:
        """Return the function that adds M v to a sum: (sum, M packed, v, vectors of the sum, columns)."""
        known = self.ir.globals.get(_ADD_PRODUCT)
        if known is not None:
            return known
        made = ir.Function(self.ir, ir.FunctionType(_VOID, [self.address] * 3 + [_I32] * 2), _ADD_PRODUCT)
        made.linkage = "internal"
        made.attributes.add("noinline")
        _write_add_product(self.write(made))
        return made

    def write_linear(self, name: str, weight: np.ndarray, bias: np.ndarray | None) -> None:
        """Write a function (x, y): y = W x + b."""
        rows, columns = weight.shape
        function = self.function(name, 2)
        x, y = function.args
        start = None if bias is None else self.memory.put(bias)
        with function.loop(vectors(rows)) as offset:
            value = self.math.constant(0.0) if start is None else function.load(start, offset)
            function.store(value, y, offset)
        function.add_product(y, self.memory.put_matrix(weight), x, rows, columns)
        function.end()


class FunctionWriter:
    """A function that is being written.

    Attributes:
        b: writes at the present end of the code.
        function: what is written.
        args: its arguments.
    """

    alignment = _VECTOR_BYTES
    """What the address of a vector is a multiple of."""

    def __init__(self, module: ModuleWriter, function: ir.Function) -> None:
        self.module, self.function, self.args = module, function, function.args
        function.attributes.add("nounwind")
        self.b = ir.IRBuilder(function.append_basic_block("entry"))

    def end(self) -> None:
        """Return to the caller."""
        self.b.ret_void()

    def number(self, value: Any) -> Any:
        """Return a whole number as a value."""
        return ir.Constant(_I32, value) if isinstance(value, int) else value

    def add(self, address: Any, more: Any) -> Any:
        """Add bytes to an address, which stays within the memory."""
        return self.b.add(self.number(address), self.number(more), flags=("nuw",))

    def load(self, address: Any, offset: Any = 0) -> Any:
        """Read four numbers."""
        return self.b.load(self._pointer(address, offset), typ=_VECTOR, align=self.alignment)

    def load_one(self, address: Any, offset: Any = 0) -> Any:
        """Read one number."""
        return self.b.load(self._pointer(address, offset), typ=_FLOAT, align=BYTES)

    def store(self, value: Any, address: Any, offset: Any = 0) -> None:
        """Write four numbers."""
        self.b.store(value, self._pointer(address, offset), align=self.alignment)

    def store_one(self, value: Any, address: Any) -> None:
        """Write one number."""
        self.b.store(value, self._pointer(address, 0), align=BYTES)

    def spread(self, number: Any) -> Any:
        """Put one number into all lanes."""
        first = self.b.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(_I32, 0))
        lanes = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
        return self.b.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), lanes)

    def add_product(self, total: Any, matrix: Any, vector: Any, rows: int, columns: int) -> None:
        """Add the product of a packed matrix and a vector to a sum."""
        numbers = (total, matrix, vector, vectors(rows), columns)
        self.b.call(self.module.add_product(), [self.number(value) for value in numbers])

    def unpack_row(self, matrix: int, row: Any, rows: int, columns: int, target: int) -> None:
        """Copy a row of a packed matrix."""
        b, whole = self.b, vectors(rows) * LANES // ROWS * ROWS
        in_whole = b.icmp_unsigned("<", row, self.number(whole))
        width = b.select(in_whole, self.number(ROWS), self.number(LANES))
        lane = b.and_(row, b.sub(width, self.number(1)))
        # Rows before those of its block lie there whole, and the numbers of its block column by column.
        before = b.mul(b.sub(row, lane), self.number(columns))
        start = self.add(matrix, b.mul(b.add(before, lane), self.number(BYTES)))
        with self.repeat([self.number(target), start, self.number(columns)]) as state:
            place, source, left = state.values
            self.store_one(self.load_one(source), place)
            fewer = b.sub(left, self.number(1))
            following = [self.add(place, BYTES), self.add(source, b.mul(width, self.number(BYTES))), fewer]
            state.go_on(following, b.icmp_unsigned("!=", fewer, self.number(0)))

    def fill_with_zeros(self, address: int, end: int) -> None:
        """Write zeros from an address to another."""
        with self.loop((end - address) // _VECTOR_BYTES) as offset:
            self.store(self.module.math.constant(0.0), address, offset)

    @contextmanager
    def loop(self, count: int, step: int = _VECTOR_BYTES) -> Iterator[Any]:
        """Write a loop over so many elements, one at least; the value is the offset of each in bytes."""
        with self.repeat([self.number(0)]) as state:
            yield state.values[0]
            following = self.add(state.values[0], step)
            state.go_on([following], self.b.icmp_unsigned("<", following, self.number(count * step)))

    @contextmanager
    def repeat(self, start: list[Any]) -> Iterator["Repetition"]:
        """Write a loop that is done at least once, with values that it carries from turn to turn."""
        before, body = self.b.block, self.function.append_basic_block("do")
        self.b.branch(body)
        self.b.position_at_end(body)
        phis = [self.b.phi(value.type) for value in start]
        for phi, value in zip(phis, start, strict=True):
            phi.add_incoming(value, before)
        state = Repetition(phis)
        yield state
        done = self.function.append_basic_block("done")
        for phi, value in zip(phis, state.new, strict=True):
            phi.add_incoming(value, self.b.block)
        self.b.cbranch(state.condition, body, done)
        self.b.position_at_end(done)

    def _pointer(self, address: Any, offset: Any) -> Any:
        whole = self.number(address)
        if not (isinstance(offset, int) and offset == 0):
            whole = self.add(address, offset)
        return self.b.inttoptr(whole, _POINTER)


class Repetition:
    """The values of a loop: those of this turn, and what they become.

    Attributes:
        values: of this turn.
        new: of the next, and what remains after the last.
        condition: whether there is a next.
    """

    def __init__(self, values: list[Any]) -> None:
        self.values, self.new, self.condition = values, values, None

    def go_on(self, new: list[Any], condition: Any) -> None:
        """Set what follows, and whether it does."""
        self.new, self.condition = new, condition


def _write_add_product(function: FunctionWriter) -> None:
    """Write sum += M v: 16 rows at a time, then 4, in registers over all columns, one product after the other."""
    b, (total, matrix, vector, count, columns) = function.b, function.args
    for width in (ROWS // LANES, 1):
        ask = function.function.append_basic_block("ask")
        body, done = (function.function.append_basic_block(name) for name in ("rows", "rest"))
        before = b.block
        b.branch(ask)
        b.position_at_end(ask)
        phis = [b.phi(value.type) for value in (total, matrix, count)]
        for phi, value in zip(phis, (total, matrix, count), strict=True):
            phi.add_incoming(value, before)
        place, packed, left = phis
        b.cbranch(b.icmp_unsigned(">=", left, function.number(width)), body, done)
        b.position_at_end(body)
        sums = [function.load(place, _VECTOR_BYTES * k) for k in range(width)]
        with function.repeat([packed, vector, columns, *sums]) as state:
            weights, at, more, *sums = state.values
            factor = function.spread(function.load_one(at))
            sums = [
                function.module.math.multiply_add(b, function.load(weights, _VECTOR_BYTES * k), factor, one)
                for k, one in enumerate(sums)
            ]
            fewer = b.sub(more, function.number(1))
            places = [function.add(weights, _VECTOR_BYTES * width), function.add(at, BYTES)]
            state.go_on([*places, fewer, *sums], b.icmp_unsigned("!=", fewer, function.number(0)))
        for k, value in enumerate(state.new[3:]):
            function.store(value, place, _VECTOR_BYTES * k)
        following = [function.add(place, _VECTOR_BYTES * width), state.new[0], b.sub(left, function.number(width))]
        for phi, value in zip(phis, following, strict=True):
            phi.add_incoming(value, b.block)
        b.branch(ask)
        b.position_at_end(done)
        total, matrix, count = phis
    function.end()

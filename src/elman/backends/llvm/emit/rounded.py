"""Emit products of operands that are rounded to bfloat16, computed by vectors of float32.

Their order is that of AMX, see :mod:`elman.backends.llvm.products`. Rows are rounded some at a time into memory of the
caller, and multiplied by tiles as in `tiles`, whose inner loop is::

    acc[0..rows][g][j] = 0;                                       // on the stack
    for (near = 0; near < K; near += 64)                          // whose weights stay in the first cache
      for (r = 0; r + R <= rows; r += R)
        for (block = near; block < min(near + 64, K); block += 32) {
          even[i][g][j] = odd[i][g][j] = 0;                       // one after the other: either fills the registers
          for (k = block; k < min(block + 32, K); k += 2) even[i][g][j] += v[r+i][k] * w[c+j][k][g];
          for (k = block + 1; k < min(block + 32, K); k += 2) odd[i][g][j] += v[r+i][k] * w[c+j][k][g];
          acc[r+i][g][j] += even[i][g][j] + odd[i][g][j];
        }
    result[0..rows][g][c+j] = start[0..rows][g][c+j] + acc[0..rows][g][j];

Meanwhile the processor counts numbers below 2^-126 as 0, as AMX does.

>>> from elman.backends.llvm.target import named
>>> "ldmxcsr" in emit_rounded_tiles(named("baseline"), "float32", 1)
True
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I32, POINTER, VOID, Code, Module
from elman.backends.llvm.emit.packing import PackedChain, transpose, write_pack_columns, write_pack_rows
from elman.backends.llvm.emit.rounding import HALF, add_sums, load_halves, quieted, round_to_bits, widen
from elman.backends.llvm.emit.tiles import FORM, SCRATCH, SHAPES, Tiles, row
from elman.backends.llvm.products import DEPTH, READY_ROWS, ROUNDED, ROUNDED_ROWS
from elman.backends.llvm.target import Target

_FLUSH = 0x8040  # of the control register: subnormal operands and results are 0
_MOST_SUMS = 32  # of a tile, in registers
_MOST_VECTORS = 8  # of columns of all chains, in a tile
_NEAR = 64  # elements k, whose weights stay in the first cache while all rows are multiplied


def emit_rounded_tiles(target: Target, dtype: str, chains: int) -> str:
    """Emit ``tiles`` for a number of chains, like :func:`~elman.backends.llvm.emit.tiles.emit_tiles`."""
    module = Module(target, dtype, {})
    RoundedTiles(module, chains, SHAPES[target.registers][chains]).emit()
    return str(module.ir)


class RoundedTiles(Tiles):
    """The function ``tiles`` for a number of chains, of rounded rows and weights."""

    def __init__(self, module: Module, chains: int, shapes: Any) -> None:
        super().__init__(module, chains, shapes, "multiply_rows")
        self.spare = self.code.room(ir.ArrayType(module.vector, _MOST_SUMS))
        self.totals = self.code.room(ir.ArrayType(module.vector, ROUNDED.rows * _MOST_VECTORS))
        self.control, self.flushing = (self.code.room(I32) for _ in range(2))

    def emit(self) -> ir.Function:
        """Write the function, which rounds some rows and multiplies them, and so on."""
        multiply = super().emit()
        code = self.code = self.module.function("tiles", 5, internal=False)
        table, rows, count, first, stop = code.args
        self.table = code.entry.inttoptr(table, POINTER)
        self.read()
        steps = self.steps
        form, scratch, line = self._entry(FORM), self._pointer(self._slot(SCRATCH)), self._line(code, steps)
        with code.loop(code.number(0), count, ROUNDED.rows) as top:
            some = code.smaller(code.b.sub(count, top), code.number(ROUNDED.rows))
            own = code.b.add(rows, code.b.mul(top, code.number(8)))
            for one, is_half in ((code.number(0), False), (code.number(ROUNDED_ROWS), True)):
                with code.when(code.b.icmp_signed("==", form, one)):
                    self._round(own, some, steps, scratch, line, is_half)
            code.call(multiply, table, own, some, first, stop)
        return code.finish()

    def _pointer(self, address: Any) -> Any:
        return self.code.entry.inttoptr(address, POINTER)

    @staticmethod
    def _line(code: Code, steps: Any) -> Any:
        """Compute the bytes of a rounded row, as :meth:`elman.backends.llvm.products.Products.row_bytes` does."""
        blocks = code.entry.udiv(code.entry.add(steps, code.number(DEPTH - 1)), code.number(DEPTH))
        return code.entry.mul(code.entry.add(code.entry.mul(blocks, code.number(2)), code.number(1)), code.number(64))

    def _round(self, rows: Any, count: Any, steps: Any, scratch: Any, line: Any, is_half: bool) -> None:
        """Round rows; behind their last element is a zero."""
        code, m = self.code, self.module
        listed = code.b.inttoptr(rows, POINTER)
        with code.loop(code.number(0), count) as number:
            source = self._row(self.vector, *row(code, listed, number))
            target = code.address(scratch, code.b.mul(number, line))
            with code.loop(code.number(0), code.b.add(steps, code.number(1)), m.lanes) as k:
                left = code.b.sub(steps, k)
                if is_half:
                    at = code.address(source, code.b.mul(k, code.number(HALF)))
                    value = widen(code, load_halves(code, at, left))
                else:
                    value = code.load_part(code.address(source, code.b.mul(k, code.number(m.size))), left)
                value = widen(code, round_to_bits(code, value))
                code.store(value, code.address(target, code.b.mul(k, code.number(m.size))))

    def _emit_rows(self, sizes: tuple[int, ...], first: Any, left: list[list[Any]]) -> None:
        """Cover the rows with tiles for some k, and again for the next; then store the sums of all rows."""
        code, width = self.code, len(left[0])
        self.even = code.b.add(self.steps, code.b.and_(self.steps, code.number(1)))
        self.line = self._line(code, self.steps)
        with code.loop(code.number(0), code.b.mul(self.count, code.number(self.chains * width))) as number:
            code.store(self.module.math.constant(0.0), self._total(number))
        with flushed(code, self.control, self.flushing), code.loop(code.number(0), self.even, _NEAR) as self.near:
            super()._emit_rows(sizes, first, left)
        with code.loop(code.number(0), self.count) as number:
            self._store_row(number, first, left)

    def _total(self, number: Any) -> Any:
        """Compute the address of the sums of a row, a chain and a vector of columns: [row][chain][column]."""
        return self.code.address(self.totals, self.code.b.mul(number, self.code.number(self.step)))

    def _emit_tile(self, count: int, top: Any, first: Any, left: list[list[Any]]) -> None:
        """Add the products of some k to the sums of some rows."""
        code, width = self.code, len(left[0])
        vectors = [self._ready_row(code.b.add(top, code.number(r))) for r in range(count)]
        panel = code.b.mul(self.even, code.number(self.chains * self.step))
        weights = code.address(self.weights, code.b.mul(first, panel))
        panels = [code.address(weights, code.b.mul(panel, code.number(c))) for c in range(width)]
        self.next = self._next_block(weights, panel, width, count, top)
        order = itertools.product(range(self.chains), range(count), range(width))
        begin = code.b.mul(top, code.number(self.chains * width))
        inside = [code.number((r * self.chains + g) * width + c) for g, r, c in order]
        places = [self._total(code.b.add(begin, number)) for number in inside]
        with code.loop(self.near, code.smaller(self.even, code.b.add(self.near, code.number(_NEAR))), DEPTH) as block:
            stop = code.smaller(self.even, code.b.add(block, code.number(DEPTH)))
            evens = [code.address(self.spare, code.number(i * self.step)) for i in range(len(places))]
            for at, value in zip(evens, self._sum(block, stop, vectors, panels, len(places)), strict=True):
                code.store(value, at)
            one = code.number(1)
            odds = self._sum(code.b.add(block, one), code.b.add(stop, one), vectors, panels, len(places))
            for at, even_sum, odd_sum in zip(places, evens, odds, strict=True):
                code.store(code.b.fadd(code.load(at), code.b.fadd(code.load(even_sum), odd_sum)), at)

    def _ready_row(self, number: Any) -> Any:
        """Compute the address of a rounded row."""
        code = self.code
        is_ready = code.b.icmp_signed("==", self._entry(FORM), code.number(READY_ROWS))
        own = code.address(self._pointer(self._slot(SCRATCH)), code.b.mul(number, self.line))
        return code.b.select(is_ready, self._row(self.vector, *row(code, self.rows, number)), own)

    def _store_row(self, number: Any, first: Any, left: list[list[Any]]) -> None:
        """Add the sums of a row to its start values."""
        code, width = self.code, len(left[0])
        t, b = row(code, self.rows, number)
        for g, (init, result) in enumerate(zip(self.inits, self.results, strict=True)):
            for c in range(width):
                offset = code.b.mul(code.b.add(first, code.number(c)), code.number(self.step))
                own = code.b.add(code.b.mul(number, code.number(self.chains * width)), code.number(g * width + c))
                # No sum is -0: it depends on how many products that are 0 are added.
                total = code.b.fadd(code.load(self._total(own)), self.module.math.constant(0.0))
                given = code.load_part(code.address(self._row(init, t, b), offset), left[g][c])
                value = quieted(code, code.b.fadd(given, total))
                code.store_part(value, code.address(self._row(result, t, b), offset), left[g][c])

    def _sum(self, begin: Any, stop: Any, vectors: list[Any], panels: list[Any], count: int) -> list[Any]:
        """Add the products of every other k of a block."""

        def add(k: Any, sums: list[Any]) -> list[Any]:
            self.fetch(k, self.next)
            return self._add_products(k, vectors, panels, sums)

        zeros = [self.module.math.constant(0.0)] * count
        return self.code.accumulate(begin, stop, 2, zeros, add)[1]


@contextmanager
def flushed(code: Code, control: Any, flushing: Any) -> Iterator[None]:
    """Let the processor count subnormal numbers as 0; Arm processors do not here."""
    if not code.module.target.triple.startswith("x86_64"):
        yield
        return
    m = code.module
    store, load = (m.intrinsic(f"llvm.x86.sse.{name}mxcsr", VOID, POINTER) for name in ("st", "ld"))
    code.b.call(store, [control])
    code.b.store(code.b.or_(code.b.load(control, typ=I32), ir.Constant(I32, _FLUSH)), flushing)
    code.b.call(load, [flushing])
    yield
    code.b.call(load, [control])


def emit_rounded_packing(target: Target, dtype: str) -> str:
    """Emit packing as :func:`~elman.backends.llvm.emit.packing.emit_packing`, and ``pack_halves`` and ``turn``."""
    module = Module(target, dtype, {})
    for write in (write_pack_rows, write_pack_columns):
        code = write(module, pad=True)
        _round_panels(code, PackedChain(code, pad=True))
        code.finish()
    _emit_pack_halves(module)
    _emit_turn(module)
    return str(module.ir)


def _round_panels(code: Code, own: PackedChain) -> None:
    """Round what is packed; if the number of k is odd, add zeros."""
    with code.loop(own.first, own.last) as vector:
        panel = code.address(own.target, code.b.mul(vector, own.panel))
        with code.loop(code.number(0), own.stop) as k:
            at = code.address(panel, code.b.mul(k, own.jump))
            code.store(widen(code, round_to_bits(code, code.load(at))), at)
        with code.loop(own.stop, own.rows) as k:
            code.store(code.module.math.constant(0.0), code.address(panel, code.b.mul(k, own.jump)))


def _emit_pack_halves(module: Module) -> None:
    """Emit ``pack_halves``: ``pack_columns`` of a matrix in bfloat16."""
    code = module.function("pack_halves", 9, internal=False)
    own = PackedChain(code, pad=True)
    with code.loop(code.number(0), own.rows) as k, code.loop(own.first, own.last) as vector:
        column = code.b.mul(vector, code.number(module.lanes))
        begin = code.b.add(code.b.mul(k, own.line), code.b.mul(column, code.number(HALF)))
        is_real = code.b.icmp_signed("<", k, own.stop)
        left = code.b.select(is_real, code.b.sub(own.columns, column), code.number(0))
        value = widen(code, load_halves(code, code.address(own.source, begin), left))
        out = code.b.add(code.b.mul(vector, own.panel), code.b.mul(k, own.jump))
        code.store(widen(code, round_to_bits(code, value)), code.address(own.target, out))
    code.finish()


def _emit_turn(module: Module) -> None:
    """Emit ``turn``: transpose a matrix in bfloat16 into ready rows, one for each column, and sum its columns.

    Its arguments::

    turn(frame, target, bytes of a ready row, source, bytes of a row, columns, rows, sums, first, last)
    """
    code = module.function("turn", 9, internal=False)
    target, step, source, line, columns, count, sums, first, last = code.args
    target, source, sums = (code.b.inttoptr(p, POINTER) for p in (target, source, sums))
    lanes, size = module.lanes, module.size
    with code.loop(code.number(0), count, DEPTH) as block, code.loop(first, last) as vector:
        column = code.b.mul(vector, code.number(lanes))
        left, offset = code.b.sub(columns, column), code.b.mul(column, code.number(HALF))
        lines = []
        for i in range(DEPTH):
            number = code.b.add(block, code.number(i))
            at = code.address(source, code.b.add(code.b.mul(number, line), offset))
            is_real = code.b.icmp_signed("<", number, count)
            lines.append(widen(code, load_halves(code, at, code.b.select(is_real, left, code.number(0)))))
        own = code.address(sums, code.b.mul(column, code.number(size)))
        add_sums(code, own, left, [lines[i : i + 2] for i in range(0, DEPTH, 2)])
        for begin in range(0, DEPTH, lanes):
            k = code.b.mul(code.b.add(block, code.number(begin)), code.number(size))
            out = code.address(target, code.b.add(code.b.mul(column, step), k))
            for i, value in enumerate(transpose(code, lines[begin : begin + lanes])):
                code.store(value, code.address(out, code.b.mul(step, code.number(i))))
    code.finish()

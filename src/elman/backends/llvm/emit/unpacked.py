"""Emit the products of a step, which read weights where the caller keeps them.

To pack weights costs more than to multiply them with a few rows. So these tiles read a matrix as it lies, row by row,
and transpose it in registers, see :func:`elman.backends.llvm.emit.packing.read_columns`. What follows is as in `tiles`:
every value is the same chain of fused multiply-adds in the order of k, and the call and its tables are the same.

A cache line of every row is used up before another chain is turned to: many rows whose distance is a power of two would
else drive each other out of the first cache. Lanes past the last column read the last row of the matrix once more.
"""

from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I32, Module
from elman.backends.llvm.emit.packing import PIECE, read_columns
from elman.backends.llvm.emit.tiles import ANY, Shapes, Tiles
from elman.backends.llvm.target import Target

SHAPES: Shapes = {
    1: ((4, (1, 2), 3), (1, (1, 2, 4), ANY)),
    2: ((2, (1, 2), 3), (1, (1, 2, 4), ANY)),
    3: ((1, (1, 2, 4), ANY),),
    4: ((1, (1, 2, 4), ANY),),
}
LINE = 64  # bytes


def emit_unpacked(target: Target, dtype: str, chains: int) -> str:
    """Emit ``tiles`` for a number of chains: as :func:`~elman.backends.llvm.emit.tiles.emit_tiles`, without packing."""
    module = Module(target, dtype, {})
    _Unpacked(module, chains, SHAPES[chains]).emit()
    return str(module.ir)


class _Unpacked(Tiles):
    def emit_products(self, width: int, vectors: list[Any], first: Any, top: Any, start: list[Any]) -> list[Any]:  # noqa: ARG002
        """Add products to the accumulators: [chain][row][column]."""
        lanes = self.module.lanes
        lines = self._find_lines(first, width * lanes)
        matrices = [(at, lines[c : c + lanes]) for at, _ in self.matrices for c in range(0, width * lanes, lanes)]
        held, k = start, self.code.number(0)
        for count in (LINE // self.module.size, PIECE // self.module.size, 1):
            held, k = self._emit_span(count, matrices, vectors, held, k)
        return held

    def _find_lines(self, first: Any, count: int) -> list[Any]:
        """Say where rows of every matrix begin, in bytes: all are as wide. Rows past the last one are the last."""
        code = self.code
        row, last = code.b.mul(first, code.number(self.module.lanes)), code.b.sub(self.columns, code.number(1))
        rows = [code.smaller(code.b.add(row, code.number(i)), last) for i in range(count)]
        return [code.b.mul(row, self.matrices[0][1]) for row in rows]

    def _emit_span(
        self, count: int, matrices: list[Any], vectors: list[Any], start: list[Any], begin: Any
    ) -> tuple[list[Any], Any]:
        """Take `count` elements at a time while there are so many; give the accumulators and the first element left."""
        code = self.code
        head, body, done = (code.function.append_basic_block(n) for n in ("k", "products", "end"))
        before = code.b.block
        code.b.branch(head)
        code.b.position_at_end(head)
        k = code.b.phi(begin.type)
        k.add_incoming(begin, before)
        held = [code.b.phi(self.module.vector) for _ in start]
        for phi, value in zip(held, start, strict=True):
            phi.add_incoming(value, before)
        after = code.b.add(k, code.number(count))
        code.b.cbranch(code.b.icmp_signed("<=", after, self.steps), body, done)
        code.b.position_at_end(body)
        offset = code.b.mul(k, code.number(self.module.size))
        here = [code.address(vector, offset) for vector in vectors]
        new: list[Any] = [None] * len(held)
        width = len(matrices) // self.chains
        for number, (matrix, lines) in enumerate(matrices):
            g, c = divmod(number, width)
            own = slice(g * len(vectors) * width + c, (g + 1) * len(vectors) * width, width)
            new[own] = self._add(count, code.address(matrix, offset), lines, here, held[own])
        for phi, value in zip(held, new, strict=True):
            phi.add_incoming(value, body)
        k.add_incoming(after, body)
        code.b.branch(head)
        code.b.position_at_end(done)
        return held, k

    def _add(self, count: int, matrix: Any, lines: list[Any], vectors: list[Any], sums: list[Any]) -> list[Any]:
        """Add `count` products with one vector of columns to the sum of every row."""
        code, size = self.code, self.module.size
        at_once = min(count, 2 * PIECE // size)
        for begin in range(0, count, at_once):
            # LLVM would load much further ahead than there are registers.
            code.b.fence("acq_rel", "singlethread")
            for j, column in enumerate(self._read(code.address(matrix, code.number(begin * size)), lines, at_once)):
                offset = code.number((begin + j) * size)
                given = [code.splat(code.b.load(code.address(v, offset), typ=self.module.element)) for v in vectors]
                sums = [code.fma(v, column, total) for v, total in zip(given, sums, strict=True)]
        return sums

    def _read(self, at: Any, lines: list[Any], count: int) -> list[Any]:
        """Read `count` columns of rows."""
        code = self.code
        if count > 1:
            return read_columns(code, at, lines, count)
        column: Any = ir.Constant(self.module.vector, ir.Undefined)
        for i, line in enumerate(lines):
            one = code.b.load(code.address(at, line), typ=self.module.element)
            column = code.b.insert_element(column, one, ir.Constant(I32, i))
        return [column]

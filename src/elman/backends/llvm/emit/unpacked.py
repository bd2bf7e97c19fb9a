"""Emit the products of a step, which read weights from the caller's memory, unpacked.

Packing weights takes longer than multiplying them with a few rows. So these tiles read a matrix row by row and
transpose it in registers, see :func:`elman.backends.llvm.emit.packing.read_columns`. With the words of `tiles`, where
``M[g]`` is the matrix of chain g::

    for (k = 0; k + N <= K; k += N)                      // for N = a cache line, then 16 bytes, then one element
      for (g = 0; g < q; g++)
        for (j = 0; j < C; j++)
          for (n = 0; n < N; n++) {
            w[l] = M[g][min((c + j) * lanes + l, columns - 1)][k + n];    // for all l < lanes
            acc[i][g][j] += v[r+i][k + n] * w;                            // for all i < R
          }

Every value is the same chain of fused multiply-adds in the order of k as in `tiles`; the call and its table are the
same. All elements of a cache line of a row are used before the next chain: rows whose distance is a power of two would
otherwise evict each other from the first cache. Lanes past the last column read the last row of the matrix again.
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
    """Emit ``tiles`` for a number of chains, like :func:`~elman.backends.llvm.emit.tiles.emit_tiles`, unpacked."""
    module = Module(target, dtype, {})
    UnpackedTiles(module, chains, SHAPES[chains]).emit()
    return str(module.ir)


class UnpackedTiles(Tiles):
    """The function ``tiles`` for a number of chains, without packed weights."""

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
        """Compute the offsets of rows, in bytes, equal for all matrices. Rows past the last one are the last."""
        code = self.code
        row, last = code.b.mul(first, code.number(self.module.lanes)), code.b.sub(self.columns, code.number(1))
        rows = [code.smaller(code.b.add(row, code.number(i)), last) for i in range(count)]
        return [code.b.mul(row, self.matrices[0][1]) for row in rows]

    def _emit_span(
        self, count: int, matrices: list[Any], vectors: list[Any], start: list[Any], begin: Any
    ) -> tuple[list[Any], Any]:
        """Add `count` elements at a time while there are so many; return the sums and the first remaining element."""
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
        starts = [code.address(vector, offset) for vector in vectors]
        new: list[Any] = [None] * len(held)
        width = len(matrices) // self.chains
        for number, (matrix, lines) in enumerate(matrices):
            g, c = divmod(number, width)
            own = slice(g * len(vectors) * width + c, (g + 1) * len(vectors) * width, width)
            new[own] = self._add(count, code.address(matrix, offset), lines, starts, held[own])
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
            # Without it LLVM would load more values in advance than there are registers.
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

"""Emit the products of one time step, which read weights from the caller's memory, unpacked.

Packing weights reads and writes them once more than multiplying them with a few rows. So these tiles read a matrix
where it is, one chain after the other. With the words of `tiles`, where ``M`` is the matrix of a chain, a product
reads it row by row and transposes it in registers, see :func:`elman.backends.llvm.emit.packing.read_columns`::

    for (k = 0; k + N <= K; k += N)                      // for N = a cache line, then 16 bytes, then one element
      for (n = 0; n < N; n++) {
        w[l] = M[min(c * lanes + l, columns - 1)][k + n];             // for all l < lanes
        acc[i] += v[r+i][k + n] * w;                                  // for all i < R
      }

A transposed product cuts its rows into vectors::

    for (k = 0; k < K; k++) {
      w[j][l] = (c + j) * lanes + l < columns ? M[k][(c + j) * lanes + l] : 0;
      acc[i][j] += v[r+i][k] * w[j];                                  // for all i < R, j < C
    }

Every value is the same chain of fused multiply-adds in the order of k as in `tiles`; the call and its table are the
same. A product takes one vector of columns at a time: rows whose distance is a power of two evict each other from the
first cache, and all elements of a cache line are used before the next. Lanes past the last column read the last row of
the matrix again.
"""

from functools import partial
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I32, POINTER, Module
from elman.backends.llvm.emit.packing import PIECE, read_columns
from elman.backends.llvm.emit.tiles import ANY, CHAINS, PER_CHAIN, TURNED, Shapes, Tiles
from elman.backends.llvm.plan import MOST_CHAINS
from elman.backends.llvm.target import Target

# By the number of registers, shapes as in `tiles`: their sums leave room for the columns that are read at once.
ROW_SHAPES: Shapes = {32: ((1, (1, 2, 4, 8, 12, 16), ANY),), 16: ((1, (1, 2, 4, 8), ANY),)}
COLUMN_SHAPES: Shapes = {
    32: ((8, (1, 2), 2), (4, (1, 2, 4, 6), 6), (2, (1, 2, 4, 8, 12), ANY), (1, (1, 4, 8, 16), ANY)),
    16: ((8, (1,), 1), (4, (1, 2, 3), 3), (2, (1, 2, 3, 4, 5, 6), ANY), (1, (1, 4, 8), ANY)),
}
LINE = 64  # bytes


def emit_unpacked(target: Target, dtype: str) -> str:
    """Emit ``tiles1``, ``tiles2``, …, for numbers of chains, as :func:`~elman.backends.llvm.emit.tiles.emit_tiles`."""
    module = Module(target, dtype, {})
    shapes = ROW_SHAPES[target.registers], COLUMN_SHAPES[target.registers]
    multiply = [
        kind(module, own, name).emit()
        for kind, own, name in zip((RowTiles, ColumnTiles), shapes, ("by_rows", "by_columns"), strict=True)
    ]
    for chains in range(1, MOST_CHAINS + 1):
        code = module.function(f"tiles{chains}", 5, internal=False)
        at = code.address(code.b.inttoptr(code.args[0], POINTER), code.number(8 * TURNED))
        turned = code.b.load(at, typ=code.number(0).type)
        for is_turned, function in enumerate(multiply):
            with code.when(code.b.icmp_signed("==", turned, code.number(is_turned))):
                for g in range(chains):
                    code.call(function, *code.args, code.number(8 * PER_CHAIN * g))
        code.finish()
    return str(module.ir)


class UnpackedTiles(Tiles):
    """A function like ``tiles`` for one chain, which reads the chain's matrix.

    A further argument says how many bytes its entries lie behind those of the first chain.
    """

    repeats = True  # another tile would read the matrix again

    def __init__(self, module: Module, shapes: Any, name: str) -> None:
        super().__init__(module, 1, shapes, name, 6)

    def read(self) -> None:
        """Read the vectors, the matrix, and the number of elements k from the table."""
        *_, shift = self.code.args
        self.own = self.code.address(self.table, shift, self.code.entry)
        super().read()

    def _entry(self, number: int) -> Any:
        code, table = self.code, self.table if number < CHAINS else self.own
        return code.entry.load(code.address(table, code.number(8 * number), code.entry), typ=code.number(0).type)


class RowTiles(UnpackedTiles):
    """The products of a matrix by its rows."""

    def emit_products(self, width: int, vectors: list[Any], first: Any, top: Any, start: list[Any]) -> list[Any]:  # noqa: ARG002
        """Add products to the accumulators, one for every row of a result."""
        code, size = self.code, self.module.size
        ((matrix, line),) = self.matrices
        corner, lines = self._find_lines(line, first)
        matrix = code.address(matrix, corner)

        def add(k: Any, sums: list[Any], count: int) -> list[Any]:
            offset = code.b.mul(k, code.number(size))
            at, given = code.address(matrix, offset), [code.address(vector, offset) for vector in vectors]
            # As many columns as are read with the fewest shuffles.
            at_once = min(count, PIECE // size * (2 if self.module.lanes == 4 * PIECE // size else 1))
            for j in range(0, count, at_once):
                # Without it LLVM would load more values in advance than there are registers.
                code.b.fence("acq_rel", "singlethread")
                columns = self._read(code.address(at, code.number(j * size)), lines, at_once)
                sums = [
                    self._add(total, code.address(v, code.number(j * size)), columns)
                    for total, v in zip(sums, given, strict=True)
                ]
            return sums

        k, held = code.number(0), start
        for count in (LINE // size, PIECE // size, 1):
            k, held = code.accumulate(k, self.steps, count, held, partial(add, count=count))
        return held

    def _find_lines(self, line: Any, first: Any) -> tuple[Any, list[Any]]:
        """Compute the offset of a vector's first row, and those of all from it. Rows past the last one are the last."""
        code, lanes = self.code, self.module.lanes
        row = code.b.mul(first, code.number(lanes))
        last = code.b.mul(code.b.sub(code.b.sub(self.columns, code.number(1)), row), line)
        each = [code.entry.mul(line, code.number(i)) for i in range(lanes)]
        return code.b.mul(row, line), [code.smaller(offset, last) for offset in each]

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

    def _add(self, total: Any, vector: Any, columns: list[Any]) -> Any:
        """Add products of neighbouring elements of a vector."""
        code = self.code
        for n, column in enumerate(columns):
            one = code.b.load(code.address(vector, code.number(n * self.module.size)), typ=self.module.element)
            total = code.fma(code.splat(one), column, total)
        return total


class ColumnTiles(UnpackedTiles):
    """The products of a transposed matrix."""

    def emit_products(self, width: int, vectors: list[Any], first: Any, top: Any, start: list[Any]) -> list[Any]:  # noqa: ARG002
        """Add products to the accumulators: [row][column]."""
        code, lanes = self.code, self.module.lanes
        ((matrix, line),) = self.matrices
        begins = [code.b.mul(code.b.add(first, code.number(c)), code.number(lanes)) for c in range(width)]
        left = [code.b.sub(self.columns, begin) for begin in begins]
        for columns in left:
            code.keep_mask(columns)
        corner = code.address(matrix, code.b.mul(first, code.number(self.step)))

        def add(k: Any, sums: list[Any]) -> list[Any]:
            at, offset = code.address(corner, code.b.mul(k, line)), code.b.mul(k, code.number(self.module.size))
            weights = [code.load_part(code.address(at, code.number(c * self.step)), left[c]) for c in range(width)]
            new = []
            for r, vector in enumerate(vectors):
                one = code.splat(code.b.load(code.address(vector, offset), typ=self.module.element))
                own = sums[r * width : (r + 1) * width]
                new += [code.fma(one, weight, total) for weight, total in zip(weights, own, strict=True)]
            return new

        return code.accumulate(code.number(0), self.steps, 1, start, add)[1]

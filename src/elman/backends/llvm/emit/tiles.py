"""Emit the products: register tiles of rows × chains × columns, the same for all cells.

A tile computes R rows of C vectors of columns of each of q chains, in R · C · q registers::

    for (c = first; c + C <= end; c += C)              // for each width C, the widest first
      for (r = 0; r + R <= rows; r += R) {             // for each height R, the tallest first
        acc[0..R][0..q][0..C] = start[r..r+R][0..q][c..c+C];
        for (k = 0; k < K; k++)
          acc[i][g][j] += v[r+i][k] * w[c+j][k][g];    // for all i < R, g < q, j < C, in registers
        result[r..r+R][0..q][c..c+C] = acc;
      }

Every value is one chain of fused multiply-adds in the order of k, whatever R and C are. Weights are packed vector by
vector of columns, see `packing`. A tile of few rows is wide, to have so many independent sums that the processor need
not wait for an addition; a tile of many rows is narrow, and a block of weights is used for all rows.

A kernel calls the function ``tiles`` for its number of chains with a *table* of what it works on::

    ┌─────────┬─────────┬───────┬─────────┬─────────┬──────┬─────────┬────────┬───────────────────────────┬─────────┬───
    │ VECTORS │ WEIGHTS │ DEPTH │ STACKED │ COLUMNS │ FORM │ SCRATCH │ TURNED │ CHAINS: chain 0           │ chain 1 │ …
    │ 3 slots │         │       │         │         │      │         │        │ START RESULT LIMIT MATRIX │         │
    │         │         │       │         │         │      │         │        │ 3     3      1     2      │         │
    └─────────┴─────────┴───────┴─────────┴─────────┴──────┴─────────┴────────┴───────────────────────────┴─────────┴───
      0         3         4       5         6         7      8         9        10                   10 + PER_CHAIN

An entry is a slot, given by its bytes from the beginning of the frame; STACKED, FORM and TURNED are numbers. FORM and
SCRATCH are read where operands are rounded, see `tiled` and `rounded`, TURNED where weights are not packed, see
`unpacked`, or in int8, see `widened`.
"""

import itertools
from itertools import pairwise
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I32, POINTER, VOID, Code, Module
from elman.backends.llvm.plan import MOST_CHAINS, Group, Place, slots
from elman.backends.llvm.plan.slots import Slot
from elman.backends.llvm.products import PLAIN_ROWS, ROUNDED_ROWS
from elman.backends.llvm.target import Target

# Entries of a table, from its beginning …
VECTORS = 0  # the place of the multiplied vectors
WEIGHTS = 3  # the address of the packed weights
DEPTH = 4  # the number of columns of a matrix
STACKED = 5  # how many matrices are stacked
COLUMNS = 6  # the number of columns of a result
FORM = 7  # of the vectors, see `products`
SCRATCH = 8  # the address of memory for rounded rows
TURNED = 9  # 1 where products are transposed
CHAINS = 10  # the first chain
# … and from the beginning of a chain.
START = 0  # the place of the initial value
RESULT = 3  # the place of the result
LIMIT = 6  # the number of columns that may be written
MATRIX = 7  # the address of the matrix, and the bytes of a row of it
PER_CHAIN = 9

ANY = 1 << 30
Shapes = dict[int, tuple[tuple[int, tuple[int, ...], int], ...]]
SHAPES: dict[int, Shapes] = {
    32: {
        1: ((8, (1, 2), 2), (4, (1, 2, 4, 6), ANY), (2, (1, 2), 2), (1, (1, 4, 8), ANY)),
        2: ((4, (1, 2), 2), (2, (1, 2, 4, 6), ANY), (1, (1, 4, 8), ANY)),
        3: ((2, (1, 2), 2), (1, (1, 2, 4, 8), ANY)),
        4: ((2, (1, 2), 2), (1, (1, 2, 4, 5, 6), ANY)),
    },
    16: {
        1: ((8, (1,), 1), (4, (1, 2, 3), 3), (2, (1, 2, 3, 4, 5, 6), ANY), (1, (1, 4, 8), ANY)),
        2: ((4, (1,), 1), (2, (1, 2, 3), ANY), (1, (1, 3, 6), ANY)),
        3: ((2, (1,), 1), (1, (1, 2, 3, 4), ANY)),
        4: ((2, (1,), 1), (1, (1, 2, 3), ANY)),
    },
}
"""For a number of registers and of chains, from the widest tile: its vectors of columns, its possible numbers of rows,
and the largest number of rows for which this width is used.
"""


def row_address(code: Code, place: Place, t: Any, b: Any, name: str = "") -> Any:
    """Compute the address of a place's row, for an example at a time step."""
    name = name or place.name
    offset = code.b.add(
        code.b.mul(t, code.slot(slots.step_bytes(name))), code.b.mul(b, code.slot(slots.row_bytes(name)))
    )
    return code.address(code.pointer(slots.address(name)), offset)


def row(code: Code, rows: Any, number: Any) -> tuple[Any, Any]:
    """Read a row of a list of rows: its time step and its example."""
    at = code.address(rows, code.b.mul(number, code.number(8)))
    t = code.b.load(at, typ=I32)
    b = code.b.load(code.address(at, code.number(4)), typ=I32)
    return code.b.sext(t, code.number(0).type), code.b.sext(b, code.number(0).type)


def tile_table(numbers: dict[str, int], group: Group, term: int, axis: str) -> list[int]:
    """Make the table of one term of a group of chains; a chain's later terms start from its result.

    Args:
        numbers: number of each slot by name.
        group: the chains.
        term: number of the term.
        axis: of the results.
    """
    first = group.chains[0][1][term]
    names = [*slots.place_slots(first.vector.name), slots.packed(group.number, term), slots.columns(first.axis)]
    form = ROUNDED_ROWS if first.vector.narrow else PLAIN_ROWS
    table = [*(8 * numbers[name] for name in names), len(first.matrices), 8 * numbers[slots.columns(axis)]]
    table += [form, 8 * numbers[Slot.SCRATCH], int(first.transposed)]
    for init, terms, result in group.chains:
        start = result if term else init
        names = [*slots.place_slots(slots.ZERO if start is None else start.name), *slots.place_slots(result.name)]
        names.append(Slot.ALL if result.padded else slots.columns(axis))
        names += [slots.matrix(terms[term].matrices[0]), slots.line_bytes(terms[term].matrices[0])]
        table += [8 * numbers[name] for name in names]
    return table


def emit_tiles(target: Target, dtype: str, chains: int) -> str:
    """Emit ``tiles(frame, table, rows, count of rows, first vector, end of vectors)`` for a number of chains."""
    if not 1 <= chains <= MOST_CHAINS:
        raise AssertionError(f"no tile has {chains} chains")
    module = Module(target, dtype, {})
    Tiles(module, chains, SHAPES[target.registers][chains]).emit()
    return str(module.ir)


class Tiles:
    """The function ``tiles`` for a number of chains, in shapes as in `SHAPES`.

    Attributes:
        repeats: whether one tile covers the last rows, and computes the last one again where rows are missing.
    """

    repeats = False

    def __init__(self, module: Module, chains: int, shapes: Any, name: str = "tiles", args: int = 5) -> None:
        self.module, self.chains, self.shapes = module, chains, shapes
        self.code = module.function(name, args, internal=name != "tiles")
        self.step = module.lanes * module.size
        self.k_bytes = chains * self.step  # bytes of the packed weights of one k

    def emit(self) -> ir.Function:
        """Write the function."""
        code = self.code
        table, rows, self.count, first, self.stop = code.args[:5]
        self.table, self.rows = (code.entry.inttoptr(p, POINTER) for p in (table, rows))
        self.read()
        self.columns = self._slot(COLUMNS)
        chains = [CHAINS + PER_CHAIN * g for g in range(self.chains)]
        self.inits = [self._place(chain + START) for chain in chains]
        self.results = [self._place(chain + RESULT) for chain in chains]
        self.limits = [self._slot(chain + LIMIT) for chain in chains]
        self.matrices = [self._matrix(chain + MATRIX) for chain in chains]
        self.at = code.variable(first)
        for width, sizes, most in self.shapes:
            self._emit_width(width, sizes, most)
        return code.finish()

    def read(self) -> None:
        """Read the vectors, the weights, and the number of elements k from the table."""
        self.vector = self._place(VECTORS)
        self.weights = self.code.entry.inttoptr(self._slot(WEIGHTS), POINTER)
        self.steps = self.code.entry.mul(self._slot(DEPTH), self._entry(STACKED))

    def _entry(self, number: int) -> Any:
        code = self.code
        return code.entry.load(code.address(self.table, code.number(8 * number), code.entry), typ=code.number(0).type)

    def _slot(self, number: int) -> Any:
        """Read the slot of the frame to which an entry points."""
        code = self.code
        at = code.address(code.frame, self._entry(number), code.entry)
        return code.entry.load(at, typ=code.number(0).type)

    def _place(self, number: int) -> tuple[Any, Any, Any]:
        """Read a place: its address, and bytes from time step to time step and from row to row."""
        address = self.code.entry.inttoptr(self._slot(number), POINTER)
        return address, self._slot(number + 1), self._slot(number + 2)

    def _matrix(self, number: int) -> tuple[Any, Any]:
        """Read the address of a matrix, and the bytes from row to row."""
        return self.code.entry.inttoptr(self._slot(number), POINTER), self._slot(number + 1)

    def _row(self, place: tuple[Any, Any, Any], t: Any, b: Any) -> Any:
        code = self.code
        return code.address(place[0], code.b.add(code.b.mul(t, place[1]), code.b.mul(b, place[2])))

    def _emit_width(self, width: int, sizes: tuple[int, ...], most: int) -> None:
        """Cover columns with tiles of one width, as many as fit."""
        code = self.code
        head, body, done = (code.function.append_basic_block(n) for n in ("columns", "tiles", "narrower"))
        code.b.branch(head)
        code.b.position_at_end(head)
        first = code.value(self.at)
        after = code.b.add(first, code.number(width))
        fits = code.b.icmp_signed("<=", after, self.stop)
        fits = code.b.and_(fits, code.b.icmp_signed("<=", self.count, code.number(most)))
        code.b.cbranch(fits, body, done)
        code.b.position_at_end(body)
        begins = [code.b.mul(code.b.add(first, code.number(c)), code.number(self.module.lanes)) for c in range(width)]
        left = [[code.b.sub(limit, begin) for begin in begins] for limit in self.limits]
        for columns in itertools.chain(*left):
            code.keep_mask(columns)
        self._emit_rows(sizes, first, left)
        code.b.store(after, self.at)
        code.b.branch(head)
        code.b.position_at_end(done)

    def _emit_rows(self, sizes: tuple[int, ...], first: Any, left: list[list[Any]]) -> None:
        """Cover the rows with tiles, the tallest first."""
        code = self.code
        start = code.variable(code.number(0))
        for size, next_size in pairwise((*reversed(sizes), 0)):
            head, body, done = (code.function.append_basic_block(n) for n in ("rows", "tile", "fewer"))
            code.b.branch(head)
            code.b.position_at_end(head)
            top = code.value(start)
            least = code.b.add(top, code.number(next_size + 1 if self.repeats else size))
            code.b.cbranch(code.b.icmp_signed("<=", least, self.count), body, done)
            code.b.position_at_end(body)
            self._emit_tile(size, top, first, left)
            code.b.store(code.b.add(top, code.number(size)), start)
            code.b.branch(head)
            code.b.position_at_end(done)

    def _emit_tile(self, count: int, top: Any, first: Any, left: list[list[Any]]) -> None:
        code, width = self.code, len(left[0])
        numbers = [code.b.add(top, code.number(r)) for r in range(count)]
        if self.repeats:
            last = code.b.sub(self.count, code.number(1))
            numbers = [code.smaller(number, last) for number in numbers]
        places = [row(code, self.rows, number) for number in numbers]
        column = code.b.mul(first, code.number(self.step))
        accumulators = []
        for g, init in enumerate(self.inits):
            for t, b in places:
                start = code.address(self._row(init, t, b), column)
                # A later term starts from the result, whose row may end with the caller's memory.
                accumulators += [
                    code.load_part(code.address(start, code.number(c * self.step)), left[g][c]) for c in range(width)
                ]
        vectors = [self._row(self.vector, t, b) for t, b in places]
        accumulators = self.emit_products(width, vectors, first, top, accumulators)
        for g, result in enumerate(self.results):
            for r, (t, b) in enumerate(places):
                start = code.address(self._row(result, t, b), column)
                for c in range(width):
                    at = code.address(start, code.number(c * self.step))
                    code.store_part(accumulators[(g * count + r) * width + c], at, left[g][c])

    def emit_products(self, width: int, vectors: list[Any], first: Any, top: Any, start: list[Any]) -> list[Any]:
        """Add products to the accumulators: [chain][row][column].

        Each tile of several rows prefetches its share of the next block's weights, which may be far from the processor.
        A tile of one row only waits for weights, which the processor prefetches by itself.
        """
        code, count = self.code, len(vectors)
        panel = self.panel_bytes()
        weights = code.address(self.weights, code.b.mul(first, panel))
        panels = [code.address(weights, code.b.mul(panel, code.number(c))) for c in range(width)]
        ahead = self._next_block(weights, panel, width, count, top) if count > 1 else None
        return self.add_all(vectors, panels, start, ahead)

    def panel_bytes(self) -> Any:
        """Compute the bytes of the packed weights of a vector of columns."""
        return self.code.b.mul(self.steps, self.code.number(self.k_bytes))

    def add_all(self, vectors: list[Any], panels: list[Any], start: list[Any], ahead: Any) -> list[Any]:
        """Add the products of all k to the accumulators."""
        return self.add_span(self.code.number(0), 1, vectors, panels, start, ahead)[1]

    def add_span(
        self, begin: Any, at_once: int, vectors: list[Any], panels: list[Any], start: list[Any], ahead: Any
    ) -> tuple[Any, list[Any]]:
        """Add products from a k on, so many in each turn of the loop; return the first k that is left, and the sums."""
        code = self.code

        def add(k: Any, sums: list[Any]) -> list[Any]:
            if ahead is not None:
                self.fetch(k, ahead)
            return self._add_products(k, vectors, panels, sums, at_once)

        return code.accumulate(begin, self.steps, at_once, start, add)

    def _add_products(
        self, k: Any, vectors: list[Any], panels: list[Any], sums: list[Any], at_once: int = 1
    ) -> list[Any]:
        """Add the products of one k, or of some, to the accumulators.

        Of the elements and the weights, the fewer stay in registers and the others come one at a time: 12 sums and 3
        elements leave one of 16 registers for a weight.
        """
        code, size, count, width = self.code, self.module.size, len(vectors), len(panels)
        offset = code.b.mul(k, code.number(size))
        new = list(sums)

        def elements(r: int) -> list[Any]:
            at = code.address(vectors[r], offset)
            places = [code.address(at, code.number(n * size)) for n in range(at_once)]
            return [code.splat(code.b.load(place, typ=self.module.element)) for place in places]

        def add(r: int, g: int, c: int, elements: list[Any], weights: list[Any]) -> None:
            i = (g * count + r) * width + c
            for v, w in zip(elements, weights, strict=True):
                new[i] = code.fma(v, w, new[i])

        columns = [(g, c) for g in range(self.chains) for c in range(width)]
        if count < len(columns):
            given = [elements(r) for r in range(count)]
            for g, c in columns:
                weights = self.load_weights(panels[c], k, g, at_once)
                for r, own in enumerate(given):
                    add(r, g, c, own, weights)
        else:
            every = [self.load_weights(panels[c], k, g, at_once) for g, c in columns]
            for r in range(count):
                own = elements(r)
                for (g, c), weights in zip(columns, every, strict=True):
                    add(r, g, c, own, weights)
        return new

    def load_weights(self, panel: Any, k: Any, g: int, at_once: int) -> list[Any]:  # noqa: ARG002 - others read several
        """Load the weights of a vector of columns and a chain, for one k or for some from there."""
        at = self.code.address(panel, self.code.b.mul(k, self.code.number(self.k_bytes)))
        return [self.code.load(self.code.address(at, self.code.number(g * self.step)))]

    def fetch(self, k: Any, ahead: tuple[Any, Any]) -> None:
        """Prefetch the share of a k of the next block's weights."""
        fetch = self.module.intrinsic("llvm.prefetch.p0", VOID, POINTER, I32, I32, I32)
        kind = [ir.Constant(I32, c) for c in (0, 2, 1)]  # to read, into the second cache, data
        self.code.b.call(fetch, [self.code.address(ahead[0], self.code.b.mul(k, ahead[1])), *kind])

    def _next_block(self, weights: Any, panel: Any, width: int, count: int, top: Any) -> tuple[Any, Any]:
        """Return the address of this tile's share of the next block of weights, and the bytes to fetch for each k."""
        code = self.code
        tiles = code.b.add(code.b.udiv(self.count, code.number(count)), code.number(1))
        share = code.b.udiv(code.number(width * self.k_bytes), tiles)
        turn = code.b.udiv(top, code.number(count))
        ahead = code.address(weights, code.b.mul(panel, code.number(width)))
        return code.address(ahead, code.b.mul(code.b.mul(turn, self.steps), share)), share

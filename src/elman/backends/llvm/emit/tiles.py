"""Emit the products: register tiles of rows × chains × columns, the same for all cells.

A tile holds R rows of C vectors of columns of each of q chains in R · C · q registers and walks along the vectors that
are multiplied:

    for k:  acc[r, g, c] = fma(v[r, k], w[k, g, c], acc[r, g, c])

so that every value is one chain of fused multiply-adds in the order of k, whatever R and C are. Weights are packed
vector by vector of columns, see `packing`. A tile of few rows is wide, so that there are enough independent sums
to hide how long an addition takes; that of many rows is narrow, and a block of weights serves all of them.

A kernel calls the function ``tiles`` for its number of chains with a *table*, which says what it works on:

==============  =====================================================================
entries         values
==============  =====================================================================
0, 1, 2         the three slots of the place of the multiplied vectors
3               the slot of the address of the packed weights
4, 5            the slot of the number of columns of a matrix; how many are stacked
6               the slot of the number of columns of a result
7 + 9 g, …      the three slots of the place that chain g starts from
10 + 9 g, …     the three slots of the place of its result
13 + 9 g        the slot of the number of columns that may be written
14 + 9 g, …     the slots of the address of its matrix, and of the bytes of a row of it
==============  =====================================================================

Slots are named by their bytes from the beginning of the frame; entry 5 is a number.
"""

import itertools
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I32, POINTER, VOID, Code, Module
from elman.backends.llvm.plan import MOST_CHAINS, Place
from elman.backends.llvm.target import Target

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
        1: ((8, (1,), 1), (4, (1, 2, 3), ANY), (2, (1, 2), 2), (1, (1, 4, 8), ANY)),
        2: ((4, (1,), 1), (2, (1, 2, 3), ANY), (1, (1, 3, 6), ANY)),
        3: ((2, (1,), 1), (1, (1, 2, 4), ANY)),
        4: ((2, (1,), 1), (1, (1, 2, 3), ANY)),
    },
}
"""For a number of registers and of chains: how many vectors tiles span, from the widest; how many rows they have; and
how many rows there may be at most for this width to be taken.
"""


def row_address(code: Code, place: Place, t: Any, b: Any, name: str = "") -> Any:
    """Find where a place's row begins, for an example at a time step."""
    name = name or place.name
    offset = code.b.add(code.b.mul(t, code.slot(f"{name}.t")), code.b.mul(b, code.slot(f"{name}.b")))
    return code.address(code.pointer(f"{name}.p"), offset)


def row(code: Code, rows: Any, number: Any) -> tuple[Any, Any]:
    """Read a row of a list of rows: its time step and its example."""
    at = code.address(rows, code.b.mul(number, code.number(8)))
    t = code.b.load(at, typ=I32)
    b = code.b.load(code.address(at, code.number(4)), typ=I32)
    return code.b.sext(t, code.number(0).type), code.b.sext(b, code.number(0).type)


def tile_table(slots: dict[str, int], group: Any, number: int, axis: str) -> list[int]:
    """Write the table of one term of a group of chains; a chain's later terms go on from its result."""
    term = group.chains[0][1][number]
    names = [*place_slots(term.vector.name), f"w{group.number}.{number}", f"n.{term.axis}"]
    table = [*(8 * slots[name] for name in names), len(term.matrices), 8 * slots[f"n.{axis}"]]
    for init, terms, result in group.chains:
        begin = result if number else init
        names = [*place_slots("zero" if begin is None else begin.name), *place_slots(result.name)]
        names.append("all" if result.padded else f"n.{axis}")
        names += [f"m{terms[number].matrices[0]}.{part}" for part in "pl"]
        table += [8 * slots[name] for name in names]
    return table


def place_slots(name: str) -> list[str]:
    """Name the slots of a place."""
    return [f"{name}.{part}" for part in "ptb"]


def emit_tiles(target: Target, dtype: str, chains: int) -> str:
    """Emit ``tiles(frame, table, rows, count of rows, first vector, end of vectors)`` for a number of chains."""
    if not 1 <= chains <= MOST_CHAINS:
        raise AssertionError(f"no tile has {chains} chains")
    module = Module(target, dtype, {})
    Tiles(module, chains, SHAPES[target.registers][chains]).emit()
    return str(module.ir)


class Tiles:
    """Emit ``tiles`` for a number of chains, in shapes as in `SHAPES`."""

    def __init__(self, module: Module, chains: int, shapes: Any) -> None:
        self.module, self.chains, self.shapes = module, chains, shapes
        self.code = module.function("tiles", 5, internal=False)
        self.step = module.lanes * module.size

    def emit(self) -> ir.Function:
        """Write the function."""
        code = self.code
        table, rows, self.count, first, self.stop = code.args
        self.table, self.rows = (code.entry.inttoptr(p, POINTER) for p in (table, rows))
        self.vector = self._place(0)
        self.weights = code.entry.inttoptr(self._slot(3), POINTER)
        self.steps = code.entry.mul(self._slot(4), self._entry(5))
        self.columns = self._slot(6)
        self.inits = [self._place(7 + 9 * g) for g in range(self.chains)]
        self.results = [self._place(10 + 9 * g) for g in range(self.chains)]
        self.limits = [self._slot(13 + 9 * g) for g in range(self.chains)]
        self.matrices = [self._matrix(14 + 9 * g) for g in range(self.chains)]
        self.at = code.variable(first)
        for width, sizes, most in self.shapes:
            self._emit_width(width, sizes, most)
        return code.finish()

    def _entry(self, number: int) -> Any:
        code = self.code
        return code.entry.load(code.address(self.table, code.number(8 * number), code.entry), typ=code.number(0).type)

    def _slot(self, number: int) -> Any:
        """Read the slot of the frame that an entry names."""
        code = self.code
        at = code.address(code.frame, self._entry(number), code.entry)
        return code.entry.load(at, typ=code.number(0).type)

    def _place(self, number: int) -> tuple[Any, Any, Any]:
        """Read a place: its address, and bytes from time step to time step and from row to row."""
        address = self.code.entry.inttoptr(self._slot(number), POINTER)
        return address, self._slot(number + 1), self._slot(number + 2)

    def _matrix(self, number: int) -> tuple[Any, Any]:
        """Read where a matrix lies: its address, and bytes from row to row."""
        return self.code.entry.inttoptr(self._slot(number), POINTER), self._slot(number + 1)

    def _row(self, place: tuple[Any, Any, Any], t: Any, b: Any) -> Any:
        code = self.code
        return code.address(place[0], code.b.add(code.b.mul(t, place[1]), code.b.mul(b, place[2])))

    def _emit_width(self, width: int, sizes: tuple[int, ...], most: int) -> None:
        """Go over the columns that tiles of one width cover."""
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
        for size in reversed(sizes):
            head, body, done = (code.function.append_basic_block(n) for n in ("rows", "tile", "fewer"))
            code.b.branch(head)
            code.b.position_at_end(head)
            top = code.value(start)
            after = code.b.add(top, code.number(size))
            code.b.cbranch(code.b.icmp_signed("<=", after, self.count), body, done)
            code.b.position_at_end(body)
            self._emit_tile(size, top, first, left)
            code.b.store(after, start)
            code.b.branch(head)
            code.b.position_at_end(done)

    def _emit_tile(self, count: int, top: Any, first: Any, left: list[list[Any]]) -> None:
        code, width = self.code, len(left[0])
        places = [row(code, self.rows, code.b.add(top, code.number(r))) for r in range(count)]
        column = code.b.mul(first, code.number(self.step))
        accumulators = []
        for g, init in enumerate(self.inits):
            for t, b in places:
                start = code.address(self._row(init, t, b), column)
                # A later term goes on from the result, whose row may end with the caller's memory.
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

        Each tile of a block of columns fetches its share of the next block's weights, which may come from far.
        """
        code, m = self.code, self.module
        chains, count = self.chains, len(vectors)
        panel = code.b.mul(self.steps, code.number(chains * self.step))
        weights = code.address(self.weights, code.b.mul(first, panel))
        panels = [code.address(weights, code.b.mul(panel, code.number(c))) for c in range(width)]
        ahead, share = self._next_block(weights, panel, width, count, top)
        head, body, done = (code.function.append_basic_block(n) for n in ("k", "products", "end"))
        before = code.b.block
        code.b.branch(head)
        code.b.position_at_end(head)
        k = code.b.phi(code.number(0).type)
        k.add_incoming(code.number(0), before)
        held = [code.b.phi(m.vector) for _ in start]
        for phi, value in zip(held, start, strict=True):
            phi.add_incoming(value, before)
        code.b.cbranch(code.b.icmp_signed("<", k, self.steps), body, done)
        code.b.position_at_end(body)
        line = code.b.mul(k, code.number(chains * self.step))
        w = [
            code.load(code.address(code.address(panel, line), code.number(g * self.step)))
            for g in range(chains)
            for panel in panels
        ]
        fetch = m.intrinsic("llvm.prefetch.p0", VOID, POINTER, I32, I32, I32)
        kind = [ir.Constant(I32, c) for c in (0, 2, 1)]  # to read, into the second cache, data
        code.b.call(fetch, [code.address(ahead, code.b.mul(k, share)), *kind])
        offset = code.b.mul(k, code.number(m.size))
        new: list[Any] = [None] * len(held)
        for r, vector in enumerate(vectors):
            v = code.splat(code.b.load(code.address(vector, offset), typ=m.element))
            for g in range(chains):
                for c in range(width):
                    i = (g * count + r) * width + c
                    new[i] = code.fma(v, w[g * width + c], held[i])
        for phi, value in zip(held, new, strict=True):
            phi.add_incoming(value, body)
        k.add_incoming(code.b.add(k, code.number(1)), body)
        code.b.branch(head)
        code.b.position_at_end(done)
        return held

    def _next_block(self, weights: Any, panel: Any, width: int, count: int, top: Any) -> tuple[Any, Any]:
        """Say where this tile's share of the next block of weights begins, and how much of it goes with each k."""
        code = self.code
        tiles = code.b.add(code.b.udiv(self.count, code.number(count)), code.number(1))
        share = code.b.udiv(code.number(self.chains * width * self.step), tiles)
        turn = code.b.udiv(top, code.number(count))
        ahead = code.address(weights, code.b.mul(panel, code.number(width)))
        return code.address(ahead, code.b.mul(code.b.mul(turn, self.steps), share)), share

"""Emit the products: register tiles of rows × chains × columns.

A tile holds R rows of C vectors of columns of each of q chains in R · C · q registers and walks along the vectors that
are multiplied:

    for k:  acc[r, g, c] = fma(v[r, k], w[k, g, c], acc[r, g, c])

so that every value is one chain of fused multiply-adds in the order of k, whatever R and C are. Weights are packed
vector by vector of columns, see `llvm_packing`. A tile of few rows is wide, so that there are enough independent sums
to hide how long an addition takes; that of many rows is narrow, and a block of weights serves all of them.
"""

from typing import Any

from llvmlite import ir

from elman.backends.llvm_code import I32, POINTER, VOID, Code, Module
from elman.backends.llvm_plan import Group, Place, Term

FEW_ROWS = 3


def widths(chains: int) -> tuple[int, ...]:
    """Say how many vectors of columns tiles span; the first is for few rows alone."""
    return {1: (8, 4, 2, 1), 2: (4, 2, 1), 3: (2, 1), 4: (2, 1)}[chains]


def most_rows(module: Module, chains: int, width: int) -> int:
    """Say how many rows a tile has at most: as many as registers hold, beside weights and one element."""
    vectors = chains * width
    if module.target.registers == 32:
        return {8: FEW_ROWS, 6: FEW_ROWS, 4: 6, 3: 8, 2: 8, 1: 8}[vectors]
    return {8: 1, 6: 1, 4: 3, 3: 4, 2: 6, 1: 8}[vectors]


def row_address(code: Code, place: Place, t: Any, b: Any, name: str = "") -> Any:
    """Find where a place's row begins, for an example at a time step."""
    name = name or place.name
    offset = code.b.add(
        code.b.mul(t, code.slot(f"{name}.t")), code.b.mul(b, code.slot(f"{name}.b"))
    )
    return code.address(code.pointer(f"{name}.p"), offset)


def row(code: Code, rows: Any, number: Any) -> tuple[Any, Any]:
    """Read a row of a list of rows: its time step and its example."""
    at = code.address(rows, code.b.mul(number, code.number(8)))
    t = code.b.load(at, typ=I32)
    b = code.b.load(code.address(at, code.number(4)), typ=I32)
    return code.b.sext(t, code.number(0).type), code.b.sext(b, code.number(0).type)


def term_steps(code: Code, term: Term) -> Any:
    """Count the products that a term adds to every element."""
    count = code.slot(f"n.{term.axis}")
    return count if len(term.matrices) == 1 else code.b.mul(count, code.number(len(term.matrices)))


def emit_group(module: Module, group: Group, axis: str) -> ir.Function:
    """Emit the tiles of a group: a function of (rows, count of rows, first vector, end of vectors)."""
    return _Tiles(module, group, axis).emit()


class _Tiles:
    def __init__(self, module: Module, group: Group, axis: str) -> None:
        self.module, self.group, self.axis = module, group, axis
        self.code = module.function(f"group{group.number}", 4)
        self.step = module.lanes * module.size

    def emit(self) -> ir.Function:
        code = self.code
        rows, self.count, first, self.stop = code.args
        self.rows = code.b.inttoptr(rows, ir.PointerType())
        self.at = code.variable(first)
        chains = len(self.group.chains)
        for number, width in enumerate(widths(chains)):
            most = most_rows(self.module, chains, width)
            self._emit_width(width, most, only_few=number == 0)
        return code.finish()

    def _emit_width(self, width: int, most: int, only_few: bool) -> None:
        """Go over the columns that tiles of one width cover."""
        code = self.code
        head, body, done = (code.function.append_basic_block(n) for n in ("columns", "tiles", "narrower"))
        code.b.branch(head)
        code.b.position_at_end(head)
        first = code.value(self.at)
        after = code.b.add(first, code.number(width))
        fits = code.b.icmp_signed("<=", after, self.stop)
        if only_few:
            fits = code.b.and_(fits, code.b.icmp_signed("<=", self.count, code.number(most)))
        code.b.cbranch(fits, body, done)
        code.b.position_at_end(body)
        self._emit_rows(width, most, first)
        code.b.store(after, self.at)
        code.b.branch(head)
        code.b.position_at_end(done)

    def _emit_rows(self, width: int, most: int, first: Any) -> None:
        """Share the rows among as few tiles as possible, as evenly as possible."""
        code, count = self.code, self.count
        tiles = code.b.udiv(code.b.add(count, code.number(most - 1)), code.number(most))
        least, more = code.b.udiv(count, tiles), code.b.urem(count, tiles)
        start = code.variable(code.number(0))
        with code.loop(code.number(0), tiles) as tile:
            extra = code.b.zext(code.b.icmp_signed("<", tile, more), least.type)
            size = code.b.add(least, extra)
            top = code.value(start)
            join = code.function.append_basic_block("join")
            cases = [code.function.append_basic_block(f"rows{n}") for n in range(1, most + 1)]
            choice = code.b.switch(size, cases[-1])
            for n, block in enumerate(cases[:-1], 1):
                choice.add_case(code.number(n), block)
            for n, block in enumerate(cases, 1):
                code.b.position_at_end(block)
                self._emit_tile(n, width, top, first, (tile, tiles))
                code.b.branch(join)
            code.b.position_at_end(join)
            code.b.store(code.b.add(top, size), start)

    def _emit_tile(self, count: int, width: int, top: Any, first: Any, turn: tuple[Any, Any]) -> None:
        code = self.code
        places = [row(code, self.rows, code.b.add(top, code.number(r))) for r in range(count)]
        column = code.b.mul(first, code.number(self.step))
        accumulators = []
        for init, _, _ in self.group.chains:
            for t, b in places:
                start = None if init is None else code.address(row_address(code, init, t, b), column)
                for c in range(width):
                    at = None if start is None else code.address(start, code.number(c * self.step))
                    accumulators.append(self.module.math.constant(0.0) if at is None else code.load(at))
        for number, term in enumerate(self.group.chains[0][1]):
            vectors = [row_address(code, term.vector, t, b) for t, b in places]
            weights = self._weights(number, term, first)
            accumulators = self._emit_products(term, width, vectors, weights, accumulators, turn)
        for g, (_, _, result) in enumerate(self.group.chains):
            for r, (t, b) in enumerate(places):
                start = code.address(row_address(code, result, t, b), column)
                for c in range(width):
                    value = accumulators[(g * count + r) * width + c]
                    self._store(value, code.address(start, code.number(c * self.step)), result, first, c)

    def _store(self, value: Any, at: Any, place: Place, first: Any, c: int) -> None:
        code = self.code
        if place.padded:
            code.store(value, at)
            return
        begin = code.b.mul(code.b.add(first, code.number(c)), code.number(self.module.lanes))
        code.store_part(value, at, code.b.sub(code.slot(f"n.{self.axis}"), begin))

    def _weights(self, number: int, term: Term, first: Any) -> Any:
        """Find the packed weights of a vector of columns."""
        code = self.code
        per_vector = code.b.mul(term_steps(code, term), code.number(len(self.group.chains) * self.step))
        return code.address(code.pointer(f"w{self.group.number}.{number}"), code.b.mul(first, per_vector))

    def _emit_products(
        self, term: Term, width: int, vectors: list[Any], weights: Any, start: list[Any], turn: tuple[Any, Any]
    ) -> list[Any]:
        """Add a term's products to the accumulators: [chain][row][column].

        Each tile of a block of columns fetches its share of the next block's weights, which may come from far.
        """
        code, m = self.code, self.module
        chains, count = len(self.group.chains), len(vectors)
        stop = term_steps(code, term)
        panel = code.b.mul(stop, code.number(chains * self.step))
        panels = [code.address(weights, code.b.mul(panel, code.number(c))) for c in range(width)]
        share = code.b.udiv(code.number(chains * width * self.step), turn[1])
        ahead = code.address(weights, code.b.mul(panel, code.number(width)))
        ahead = code.address(ahead, code.b.mul(code.b.mul(turn[0], stop), share))
        head, body, done = (code.function.append_basic_block(n) for n in ("k", "products", "end"))
        before = code.b.block
        code.b.branch(head)
        code.b.position_at_end(head)
        k = code.b.phi(code.number(0).type)
        k.add_incoming(code.number(0), before)
        held = [code.b.phi(m.vector) for _ in start]
        for phi, value in zip(held, start, strict=True):
            phi.add_incoming(value, before)
        code.b.cbranch(code.b.icmp_signed("<", k, stop), body, done)
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

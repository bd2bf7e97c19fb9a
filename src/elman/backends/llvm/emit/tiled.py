"""Emit products of operands that are rounded to bfloat16, computed by the matrix unit of x86-64 processors (AMX).

A tile register holds 16 rows of 64 bytes. TDPBF16PS multiplies 16 rows of 32 numbers with 32 rows of 16 columns, which
lie in pairs, and adds to 16 rows of 16 sums. Four registers hold sums of 32 rows and two vectors of columns::

    for (r = 0; r < rows; r += 32) {
      A[0..32] = rounded rows r..;                            // in memory of the caller
      for (c = 0; c < (end - first) * q; c += 2) {            // vectors of columns, chain by chain
        sum[0..32][c..c+2] = 0;
        for (block = 0; block < K / 32; block++)
          sum[0..32][c..c+2] += A[0..32][block] * w[c..c+2][block];
        result[r..][c..] = start[r..][c..] + sum;
      }
    }

Weights are packed as ``[vector of columns][part][block][g][pair][lane][2]``, a tile for each chain g of a block. Where
an operand is the sum of two parts, three products are added for each block: high · high, low · high, high · low.

>>> from elman.backends.llvm.target import host
>>> "tdpbf16ps" in emit_tiled(host(), 1, 1) or host().vector_bytes < 64
True
"""

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I8, I16, I32, I64, POINTER, VOID, Code, Module
from elman.backends.llvm.emit.packing import transpose
from elman.backends.llvm.emit.rounding import HALF, add_sums, interleave, load_halves, quieted, rest, round_pairs, widen
from elman.backends.llvm.emit.tiles import CHAINS, FORM, LIMIT, PER_CHAIN, RESULT, SCRATCH, START, Tiles, row
from elman.backends.llvm.plan.slots import Slot
from elman.backends.llvm.products import DEPTH, READY_ROWS, ROUNDED_ROWS, TILE
from elman.backends.llvm.target import Target

_LINE = 64  # bytes of a row of a tile
_SIDE = 16  # rows of a tile, and lanes of a vector


def emit_tiled(target: Target, chains: int, parts: int) -> str:
    """Emit ``tiles`` for a number of chains, like :func:`~elman.backends.llvm.emit.tiles.emit_tiles`."""
    module = Module(target, "float32", {})
    if module.lanes == _SIDE:
        TiledTiles(module, chains, parts).emit()
    return str(module.ir)


class TiledTiles(Tiles):
    """The function ``tiles`` for a number of chains, by the matrix unit."""

    def __init__(self, module: Module, chains: int, parts: int) -> None:
        super().__init__(module, chains, ())
        self.parts = parts

    def emit(self) -> ir.Function:
        """Write the function."""
        code = self.code
        table, rows, count, first, stop = code.args
        self.table, self.first = code.entry.inttoptr(table, POINTER), first
        self.read()
        self.blocks = code.entry.udiv(code.entry.add(self.steps, code.number(DEPTH - 1)), code.number(DEPTH))
        self.line = code.entry.mul(self.blocks, code.number(self.parts * _LINE))
        self.scratch = code.entry.inttoptr(self._slot(SCRATCH), POINTER)
        self.sums = code.room(ir.ArrayType(self.module.vector, 4 * _SIDE), _LINE)
        self._configure()
        units = code.b.mul(code.b.sub(stop, first), code.number(self.chains))
        with code.loop(code.number(0), count, 2 * _SIDE) as top:
            self.some = code.smaller(code.b.sub(count, top), code.number(2 * _SIDE))
            listed = code.b.inttoptr(code.b.add(rows, code.b.mul(top, code.number(8))), POINTER)
            tiles = self._ready(listed)
            with code.loop(code.number(0), units, 2) as unit:
                last = code.smaller(code.b.add(unit, code.number(1)), code.b.sub(units, code.number(1)))
                self._multiply(tiles, [self._weights(unit), self._weights(last)])
                self._store(listed, unit, 0)
                with code.when(code.b.icmp_signed(">", last, unit)):
                    self._store(listed, last, 1)
        self._tile("tilerelease")
        return code.finish()

    def _tile(self, name: str, *args: Any) -> None:
        """Call an instruction of the matrix unit; small numbers are registers."""
        values = [ir.Constant(I8, a) if isinstance(a, int) else a for a in args]
        kinds = [value.type for value in values]
        self.code.b.call(self.module.intrinsic(f"llvm.x86.{name}", VOID, *kinds), values)

    def _configure(self) -> None:
        """Set all tile registers to 16 rows of 64 bytes."""
        bytes_ = [1, *[0] * 15, *[_LINE, 0] * 8, *[0] * 16, *[_SIDE] * 8, *[0] * 8]
        kind = ir.ArrayType(I8, len(bytes_))
        table = ir.GlobalVariable(self.module.ir, kind, "configuration")
        table.global_constant, table.linkage, table.align = True, "internal", _LINE
        table.initializer = ir.Constant(kind, bytes_)
        self._tile("ldtilecfg", self.code.b.inttoptr(self.code.b.ptrtoint(table, I64), POINTER))

    # Rows.

    def _ready(self, listed: Any) -> Any:
        """Round rows, unless they are given as the products read them; return the address of their first tile."""
        code = self.code
        form = self._entry(FORM)
        for one, is_half in ((0, False), (ROUNDED_ROWS, True)):
            with (
                code.when(code.b.icmp_signed("==", form, code.number(one))),
                code.loop(code.number(0), self.some) as number,
            ):
                source = self._row(self.vector, *row(code, listed, number))
                inside = code.b.and_(number, code.number(_SIDE - 1))
                group = code.b.mul(code.b.sub(number, inside), self.line)
                target = code.address(self.scratch, code.b.add(group, code.b.mul(inside, code.number(_LINE))))
                self._copy(source, target) if is_half else self._round(source, target)
        is_ready = code.b.icmp_signed("==", form, code.number(READY_ROWS))
        given = self._row(self.vector, *row(code, listed, code.number(0)))
        return code.b.select(is_ready, given, self.scratch)

    def _round(self, source: Any, target: Any) -> None:
        code, m = self.code, self.module
        whole, half = code.b.udiv(self.steps, code.number(DEPTH)), code.number(_SIDE * m.size)
        for begin, end, is_whole in ((code.number(0), whole, True), (whole, self.blocks, False)):
            with code.loop(begin, end) as block:
                at = code.address(source, code.b.mul(block, code.number(DEPTH * m.size)))
                if is_whole:
                    low, high = code.load(at), code.load(code.address(at, half))
                else:
                    left = code.b.sub(self.steps, code.b.mul(block, code.number(DEPTH)))
                    low = code.load_part(at, left)
                    high = code.load_part(code.address(at, half), code.b.sub(left, code.number(_SIDE)))
                for part in range(self.parts):
                    if part:
                        low, high = rest(code, low), rest(code, high)
                    place = code.b.add(block, code.b.mul(self.blocks, code.number(part)))
                    out = code.address(target, code.b.mul(place, code.number(TILE)))
                    code.b.store(round_pairs(code, low, high), out, align=m.size)

    def _copy(self, source: Any, target: Any) -> None:
        code = self.code
        with code.loop(code.number(0), self.blocks) as block:
            left = code.b.sub(self.steps, code.b.mul(block, code.number(DEPTH)))
            value = load_halves(code, code.address(source, code.b.mul(block, code.number(_LINE))), left, DEPTH)
            out = code.address(target, code.b.mul(block, code.number(TILE)))
            code.b.store(value, out, align=self.module.size)

    # Products.

    def _weights(self, unit: Any) -> Any:
        """Compute the address of the first tile of weights of a vector of columns and a chain."""
        code = self.code
        vector = code.b.add(self.first, code.b.udiv(unit, code.number(self.chains)))
        panel = code.b.mul(self.blocks, code.number(self.parts * self.chains * TILE))
        chain = code.b.urem(unit, code.number(self.chains))
        offset = code.b.add(code.b.mul(vector, panel), code.b.mul(chain, code.number(TILE)))
        return code.address(self.weights, offset)

    def _multiply(self, rows: Any, weights: list[Any]) -> None:
        """Multiply 32 rows, or 16 if there are no more, with two vectors of columns, and store the sums."""
        code = self.code
        is_more = code.b.icmp_signed(">", self.some, code.number(_SIDE))
        for condition, tall in ((is_more, True), (code.b.not_(is_more), False)):
            with code.when(condition):
                for number in range(4 if tall else 2):
                    self._tile("tilezero", number)
                with code.loop(code.number(0), self.blocks) as block:
                    for row_part, weight_part in ((0, 0), (1, 0), (0, 1)) if self.parts > 1 else ((0, 0),):
                        self._multiply_block(block, rows, weights, row_part, weight_part, tall)
                for number in range(4 if tall else 2):  # 0 and 1 are the first rows, 2 and 3 the others
                    at = code.number(_SIDE * _LINE * (2 * (number % 2) + number // 2))
                    self._tile("tilestored64", number, code.address(self.sums, at), code.number(_LINE))

    def _multiply_block(
        self, block: Any, rows: Any, weights: list[Any], row_part: int, weight_part: int, tall: bool
    ) -> None:
        code, line = self.code, self.code.number(_LINE)
        place = code.b.add(block, code.b.mul(self.blocks, code.number(row_part)))
        upper = code.address(rows, code.b.mul(place, code.number(TILE)))
        place = code.b.add(block, code.b.mul(self.blocks, code.number(weight_part)))
        offset = code.b.mul(place, code.number(self.chains * TILE))
        self._tile("tileloadd64", 4, upper, line)
        for number, weight in enumerate(weights):
            self._tile("tileloadd64", 6 + number, code.address(weight, offset), line)
            self._tile("tdpbf16ps", number, 4, 6 + number)
        if tall:
            lower = code.address(upper, code.b.mul(self.line, code.number(_SIDE)))
            self._tile("tileloadd64", 5, lower, line)
            for number in range(2):
                self._tile("tdpbf16ps", 2 + number, 5, 6 + number)

    def _store(self, listed: Any, unit: Any, side: int) -> None:
        """Add the sums of a vector of columns to the start values."""
        code, m = self.code, self.module
        vector = code.b.add(self.first, code.b.udiv(unit, code.number(self.chains)))
        chain = code.b.mul(code.b.urem(unit, code.number(self.chains)), code.number(8 * PER_CHAIN))
        start, result = (self._chain_place(chain, CHAINS + of) for of in (START, RESULT))
        column = code.b.mul(vector, code.number(m.lanes))
        left = code.b.sub(self._chain_slot(chain, CHAINS + LIMIT), column)
        code.keep_mask(left)
        offset = code.b.mul(vector, code.number(self.step))
        with code.loop(code.number(0), self.some) as number:
            t, b = row(code, listed, number)
            own = code.b.mul(code.b.add(number, code.number(2 * _SIDE * side)), code.number(_LINE))
            total = code.b.fadd(code.load(code.address(self.sums, own)), m.math.constant(0.0))
            given = code.load_part(code.address(self._row(start, t, b), offset), left)
            value = quieted(code, code.b.fadd(given, total))
            code.store_part(value, code.address(self._row(result, t, b), offset), left)

    def _chain_slot(self, chain: Any, number: int) -> Any:
        code = self.code
        entry = code.b.load(code.address(code.address(self.table, code.number(8 * number)), chain), typ=I64)
        return code.b.load(code.address(code.frame, entry), typ=I64)

    def _chain_place(self, chain: Any, number: int) -> tuple[Any, Any, Any]:
        address, time, line = (self._chain_slot(chain, number + i) for i in range(3))
        return self.code.b.inttoptr(address, POINTER), time, line


def emit_tiled_packing(target: Target, parts: int) -> str:
    """Emit packing as :func:`~elman.backends.llvm.emit.packing.emit_packing`, and ``pack_halves`` and ``turn``."""
    module = Module(target, "float32", {})
    if module.lanes == _SIDE:
        _emit_pack_rows(module, parts)
        _emit_pack_columns(module, parts, Slot.PACK_COLUMNS, _load_words)
        _emit_turn(module, parts, "turn_words", _load_words)
        if parts == 1:
            _emit_turn(module, parts, "turn", _load_halves)
            _emit_pack_columns(module, parts, "pack_halves", _load_halves)
    return str(module.ir)


class _PackedTiles:
    """The memory of one chain of packed weights: a function's arguments, read."""

    def __init__(self, code: Code, parts: int) -> None:
        target, chain, chains, source, self.line, self.columns, self.stop, self.first, self.last = code.args
        self.code, self.chains, self.source = code, chains, code.b.inttoptr(source, POINTER)
        self.target = code.b.inttoptr(code.b.add(target, code.b.mul(chain, code.number(TILE))), POINTER)
        self.blocks = code.b.udiv(code.b.add(self.stop, code.number(DEPTH - 1)), code.number(DEPTH))
        self.panel = code.b.mul(code.b.mul(self.blocks, chains), code.number(parts * TILE))

    def tile(self, vector: Any, part: int, block: Any) -> Any:
        """Compute the address of a tile."""
        code = self.code
        place = code.b.mul(code.b.add(block, code.b.mul(self.blocks, code.number(part))), self.chains)
        offset = code.b.add(code.b.mul(vector, self.panel), code.b.mul(place, code.number(TILE)))
        return code.address(self.target, offset)


def _words(code: Code, halves: Any) -> Any:
    return code.b.bitcast(halves, ir.VectorType(I32, _SIDE))


def _emit_pack_rows(module: Module, parts: int) -> None:
    code = module.function(Slot.PACK_ROWS, 9, internal=False)
    own = _PackedTiles(code, parts)
    half = code.number(_SIDE * module.size)
    with code.loop(own.first, own.last) as vector:
        column = code.b.mul(vector, code.number(_SIDE))
        real = code.b.sub(own.columns, column)
        corner = code.address(own.source, code.b.mul(column, own.line))
        is_whole = code.b.icmp_signed(">=", real, code.number(_SIDE))
        whole = code.b.select(is_whole, code.b.udiv(own.stop, code.number(DEPTH)), code.number(0))
        for begin, end, full in ((code.number(0), whole, True), (whole, own.blocks, False)):
            with code.loop(begin, end) as block:
                left = code.b.sub(own.stop, code.b.mul(block, code.number(DEPTH)))
                lines = []
                for i in range(_SIDE):
                    offset = code.b.add(code.b.mul(own.line, code.number(i)), code.b.mul(block, code.number(2 * _LINE)))
                    at = code.address(corner, offset)
                    if full:
                        lines.append((code.load(at), code.load(code.address(at, half))))
                        continue
                    some = code.b.select(code.b.icmp_signed(">", real, code.number(i)), left, code.number(0))
                    more = code.b.sub(some, code.number(_SIDE))
                    lines.append((code.load_part(at, some), code.load_part(code.address(at, half), more)))
                for part in range(parts):
                    if part:
                        lines = [(rest(code, low), rest(code, high)) for low, high in lines]
                    turned = transpose(code, [_words(code, round_pairs(code, low, high)) for low, high in lines])
                    at = own.tile(vector, part, block)
                    for i, value in enumerate(turned):
                        code.b.store(value, code.address(at, code.number(i * _LINE)), align=module.size)
    code.finish()


def _load_words(code: Code, at: Any, column: Any, left: Any) -> Any:
    """Load a vector of columns of a row, whole if `left` is None."""
    at = code.address(at, code.b.mul(column, code.number(code.module.size)))
    return code.load(at) if left is None else code.load_part(at, left)


def _load_halves(code: Code, at: Any, column: Any, left: Any) -> Any:
    at = code.address(at, code.b.mul(column, code.number(HALF)))
    if left is None:
        return code.b.load(at, typ=ir.VectorType(I16, _SIDE), align=HALF)
    return load_halves(code, at, left)


def _pair_words(code: Code, pair: list[Any]) -> Any:
    """Put the rounded numbers of two rows side by side."""
    if pair[0].type == code.module.vector:
        return _words(code, interleave(code, round_pairs(code, *pair)))
    order = ir.Constant(ir.VectorType(I32, 2 * _SIDE), [i // 2 + _SIDE * (i % 2) for i in range(2 * _SIDE)])
    return _words(code, code.b.shuffle_vector(*pair, order))


def _emit_pack_columns(module: Module, parts: int, name: str, load: Callable[..., Any]) -> None:
    code = module.function(name, 9, internal=False)
    own = _PackedTiles(code, parts)
    with code.loop(code.number(0), own.blocks) as block, code.loop(own.first, own.last) as vector:
        column = code.b.mul(vector, code.number(_SIDE))
        for pairs in _load_block(code, own.source, own.line, own.stop, block, column, own.columns, load):
            for part in range(parts):
                rests = [[rest(code, value) for value in pair] for pair in pairs] if part else pairs
                at = own.tile(vector, part, block)
                for i, pair in enumerate(rests):
                    code.b.store(_pair_words(code, pair), code.address(at, code.number(i * _LINE)), align=module.size)
    code.finish()


def _load_block(
    code: Code, source: Any, line: Any, stop: Any, block: Any, column: Any, columns: Any, load: Callable[..., Any]
) -> Iterator[list[list[Any]]]:
    """Load 32 rows of a vector of columns, in pairs: all of them, or with zeros behind the last row and column."""
    real, first = code.b.sub(columns, column), code.b.mul(block, code.number(DEPTH))
    is_whole = code.b.icmp_signed("<=", code.b.add(first, code.number(DEPTH)), stop)
    is_whole = code.b.and_(is_whole, code.b.icmp_signed(">=", real, code.number(_SIDE)))
    for condition, full in ((is_whole, True), (code.b.not_(is_whole), False)):
        with code.when(condition):
            pairs = []
            for i in range(DEPTH):
                k = code.b.add(first, code.number(i))
                left = None if full else code.b.select(code.b.icmp_signed("<", k, stop), real, code.number(0))
                pairs.append(load(code, code.address(source, code.b.mul(k, line)), column, left))
            yield [pairs[i : i + 2] for i in range(0, DEPTH, 2)]


def _emit_turn(module: Module, parts: int, name: str, load: Callable[..., Any]) -> None:
    """Emit ``turn`` as :func:`elman.backends.llvm.emit.rounded.emit_rounded_packing` does; and of float32."""
    code = module.function(name, 9, internal=False)
    target, step, source, line, columns, count, sums, first, last = code.args
    target, source, sums = (code.b.inttoptr(p, POINTER) for p in (target, source, sums))
    blocks = code.b.udiv(code.b.add(count, code.number(DEPTH - 1)), code.number(DEPTH))
    with code.loop(code.number(0), blocks) as block, code.loop(first, last) as vector:
        column = code.b.mul(vector, code.number(_SIDE))
        at = code.address(sums, code.b.mul(column, code.number(module.size)))
        for pairs in _load_block(code, source, line, count, block, column, columns, load):
            wide = [[v if v.type == module.vector else widen(code, v) for v in pair] for pair in pairs]
            add_sums(code, at, code.b.sub(columns, column), wide)
            for part in range(parts):
                rests = [[rest(code, value) for value in pair] for pair in pairs] if part else pairs
                place = code.b.add(block, code.b.mul(blocks, code.number(part)))
                out = code.address(target, code.b.add(code.b.mul(column, step), code.b.mul(place, code.number(TILE))))
                for i, value in enumerate(transpose(code, [_pair_words(code, pair) for pair in rests])):
                    code.b.store(value, code.address(out, code.number(i * _LINE)), align=module.size)
    code.finish()

"""Emit the packing of weights into the order in which tiles read them.

That is ``[vector of columns][k][g][lane]`` for chains g; columns past the last one are 0. A call packs chain g of one
matrix, of which this part packs the vectors from ``first`` to ``last``::

    for (c = first; c < last; c++)
      for (k = 0; k < K; k++)
        for (l = 0; l < lanes; l++)
          packed[c][k][g][l] = c * lanes + l < columns ? M(c * lanes + l, k) : 0;

with M(column, k) = ``source[column][k]`` for a product (``pack_rows``), and ``source[k][column]`` for a transposed
product (``pack_columns``). Where operands are rounded, see :mod:`elman.backends.llvm.products`, every packed number is,
and the number of k is even: there may be one more, of zeros.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I32, POINTER, Code, Module
from elman.backends.llvm.plan import Group, Plan, Term, slots
from elman.backends.llvm.plan.slots import Slot
from elman.backends.llvm.target import Target

PIECE = 16  # bytes of a row that are moved at once: shuffles within 16 bytes are the fastest


def emit_packing(target: Target, dtype: str) -> str:
    """Emit ``pack_rows`` and ``pack_columns``, which are the same for all cells."""
    module = Module(target, dtype, {})
    write_pack_rows(module).finish()
    write_pack_columns(module).finish()
    return str(module.ir)


class PackedChain:
    """The memory of one chain of packed weights: a function's arguments, read."""

    def __init__(self, code: Code, pad: bool) -> None:
        target, chain, chains, source, self.line, self.columns, self.stop, self.first, self.last = code.args
        lanes, size = code.module.lanes, code.module.size
        step = code.number(lanes * size)
        self.jump = code.b.mul(chains, step)
        self.target = code.b.inttoptr(code.b.add(target, code.b.mul(chain, step)), POINTER)
        self.source = code.b.inttoptr(source, POINTER)
        rows = code.b.add(self.stop, code.b.and_(self.stop, code.number(1))) if pad else self.stop
        self.rows, self.panel = rows, code.b.mul(rows, self.jump)


def write_packing(plan: Plan) -> Callable[[Code], None]:
    """Return a function that writes the calls that pack one part of all weights of a plan."""

    def write(code: Code) -> None:
        for group, axis in [(g, p.axis) for p in plan.passes for g in p.groups]:
            for number in range(len(group.chains[0][1])):
                for g, chain in enumerate(group.chains):
                    _write_pack(code, group, axis, number, g, chain[1][number])

    return write


def _write_pack(code: Code, group: Group, axis: str, number: int, g: int, term: Term) -> None:
    """Pack one chain's matrix."""
    count = code.slot(slots.vectors(axis))
    stop = code.b.mul(code.slot(slots.columns(term.axis)), code.number(len(term.matrices)))
    matrix = term.matrices[0]
    target, source = code.slot(slots.packed(group.number, number)), code.slot(slots.matrix(matrix))
    line, columns = code.slot(slots.line_bytes(matrix)), code.slot(slots.columns(axis))
    part, parts = code.slot(Slot.PART), code.slot(Slot.PARTS)
    first, last = (code.b.udiv(code.b.mul(count, n), parts) for n in (part, code.b.add(part, code.number(1))))
    pack = Slot.PACK_COLUMNS if term.transposed else Slot.PACK_ROWS
    chain, chains = code.number(g), code.number(len(group.chains))
    code.call_slot(pack, target, chain, chains, source, line, columns, stop, first, last)


def write_pack_rows(module: Module, pad: bool = False) -> Code:
    """Write packing of a matrix by rows: whole squares are transposed in registers, edges element by element.

    Args:
        module: of the code.
        pad: leave room for an even number of k.
    """
    code = module.function(Slot.PACK_ROWS, 9, internal=False)
    own = PackedChain(code, pad)
    target, source, line, stop, jump = own.target, own.source, own.line, own.stop, own.jump
    lanes, size = module.lanes, module.size
    with code.loop(own.first, own.last) as vector:
        column = code.b.mul(vector, code.number(lanes))
        left = code.smaller(code.b.sub(own.columns, column), code.number(lanes))
        is_whole = code.b.icmp_signed("==", left, code.number(lanes))
        squares = code.b.select(is_whole, code.b.udiv(stop, code.number(lanes)), code.number(0))
        whole = code.b.mul(squares, code.number(lanes))
        corner = code.address(source, code.b.mul(column, line))
        panel = code.address(target, code.b.mul(vector, own.panel))
        with code.loop(code.number(0), whole, lanes) as k:
            begin = code.address(corner, code.b.mul(k, code.number(size)))
            lines = [code.b.mul(line, code.number(i)) for i in range(lanes)]
            out = code.address(panel, code.b.mul(k, jump))
            for i, values in enumerate(read_columns(code, begin, lines, lanes)):
                code.store(values, code.address(out, code.b.mul(jump, code.number(i))))
        for first, last, is_real in ((code.number(0), left, True), (left, code.number(lanes), False)):
            with code.loop(first, last) as lane:
                begin = code.address(corner, code.b.mul(lane, line))
                out = code.address(panel, code.b.mul(lane, code.number(size)))
                with code.loop(whole, stop) as k:
                    value: Any = ir.Constant(module.element, 0.0)
                    if is_real:
                        at = code.address(begin, code.b.mul(k, code.number(size)))
                        value = code.b.load(at, typ=module.element)
                    code.b.store(value, code.address(out, code.b.mul(k, jump)))
    return code


def read_columns(code: Code, at: Any, lines: list[Any], count: int) -> list[Any]:
    """Read `count` columns of as many rows as a vector has lanes; rows begin at `lines` bytes from an address.

    Pieces of rows are joined to vectors; then the squares that lie in a piece of each vector are transposed.
    """
    size, columns = code.module.size, []
    side, pieces = PIECE // size, count * size // PIECE
    at_once = 2 if len(lines) == 4 * side and pieces % 2 == 0 else 1
    for piece in range(0, pieces, at_once):
        corner = code.address(at, code.number(piece * PIECE))
        rows = [[code.address(corner, line) for line in lines[i::side]] for i in range(side)]
        for squares in zip(*(_join(code, places, at_once) for places in rows), strict=True):
            columns += transpose(code, list(squares))
    return columns


def _join(code: Code, places: list[Any], at_once: int) -> list[Any]:
    """Load one piece of each of some rows into vectors; or two at once, with half as many loads, and split them."""
    size, side = code.module.size, at_once * PIECE // code.module.size
    parts = [code.b.load(at, typ=ir.VectorType(code.module.element, side), align=size) for at in places]
    while side < code.module.lanes:
        side *= 2
        order = ir.Constant(ir.VectorType(I32, side), list(range(side)))
        parts = [code.b.shuffle_vector(a, b, order) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    if at_once == 1:
        return parts
    side = PIECE // size
    orders = [[lane for lane in range(2 * code.module.lanes) if lane // side % 2 == odd] for odd in range(2)]
    return [code.b.shuffle_vector(*parts, ir.Constant(ir.VectorType(I32, code.module.lanes), o)) for o in orders]


def transpose(code: Code, rows: list[Any]) -> list[Any]:
    """Transpose the squares in each piece of as many vectors as a square has rows.

    The two halves of the vectors are interleaved, log2(rows) times.
    """
    lanes, side = code.module.lanes, len(rows)
    kind, half = ir.VectorType(I32, lanes), side // 2
    low, high = (
        ir.Constant(
            kind, [lane + i + of for lane in range(0, lanes, side) for i in range(k, k + half) for of in (0, lanes)]
        )
        for k in (0, half)
    )
    for _ in range(half.bit_length()):
        pairs = list(zip(rows[:half], rows[half:], strict=True))
        rows = [code.b.shuffle_vector(a, b, order) for a, b in pairs for order in (low, high)]
    return rows


def write_pack_columns(module: Module, pad: bool = False) -> Code:
    """Write packing of a matrix by columns, as :func:`write_pack_rows`: its rows are cut into vectors."""
    code = module.function(Slot.PACK_COLUMNS, 9, internal=False)
    own = PackedChain(code, pad)
    with code.loop(code.number(0), own.stop) as k, code.loop(own.first, own.last) as vector:
        column = code.b.mul(vector, code.number(module.lanes))
        begin = code.b.add(code.b.mul(k, own.line), code.b.mul(column, code.number(module.size)))
        value = code.load_part(code.address(own.source, begin), code.b.sub(own.columns, column))
        out = code.b.add(code.b.mul(vector, own.panel), code.b.mul(k, own.jump))
        code.store(value, code.address(own.target, out))
    return code

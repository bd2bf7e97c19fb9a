"""Emit the product of some rows with weights that are packed already, written straight into the result.

A thread draws a block of columns for a block of rows, and calls the tiles on it, until none is left::

    while ((n = next++) < row blocks * column blocks)
      tiles(rows + n % row blocks * ROWS, …, vectors n / row blocks * VECTORS and on)

Every number is the bias, and then one chain of fused multiply-adds in the order of the inputs, as in a cell.

>>> from elman.backends.llvm.target import named
>>> 'define void @"multiply"' in emit_product(named("baseline"), "float32")
True
"""

from elman.backends.llvm.emit.code import I64, Code, Module
from elman.backends.llvm.emit.tiles import CHAINS, PER_CHAIN
from elman.backends.llvm.products import PLAIN_ROWS
from elman.backends.llvm.target import Target

ROWS, VECTORS = 128, 16
"""Rows and vectors of columns of a block: weights of a block stay in the second cache."""

# What lies in a frame, a slot of 64 bits each: addresses, bytes from row to row, sizes. A place has three slots.
SLOTS = (
    "next", "tiles", "list", "x", "x step", "x row", "packed", "depth", "columns", "bias", "bias step", "bias row",
    "y", "y step", "y row", "rows", "vectors",
)  # fmt: skip


def emit_product(target: Target, dtype: str, form: int = PLAIN_ROWS) -> str:
    """Emit ``multiply``, a worker that draws blocks until none is left, for rows of a form."""
    numbers = {name: number for number, name in enumerate(SLOTS)}
    module = Module(target, dtype, numbers)
    code = module.function("multiply", 0, internal=False)
    table = code.constants("table", _table(numbers, form))
    rows, vectors = code.slot("rows"), code.slot("vectors")
    down, across = (_blocks(code, count, size) for count, size in ((rows, ROWS), (vectors, VECTORS)))
    with code.draw(code.pointer("next"), code.b.mul(down, across)) as block:
        top = code.b.mul(code.b.urem(block, down), code.number(ROWS))
        first = code.b.mul(code.b.udiv(block, down), code.number(VECTORS))
        listed = code.b.ptrtoint(code.address(code.pointer("list"), code.b.mul(top, code.number(8))), I64)
        count = code.smaller(code.b.sub(rows, top), code.number(ROWS))
        stop = code.smaller(code.b.add(first, code.number(VECTORS)), vectors)
        code.call_slot("tiles", table, listed, count, first, stop)
    code.finish()
    return str(module.ir)


PART_SLOTS = ("next", "parts", "function", "vectors", *(f"argument {i}" for i in range(7)))
"""What lies in the frame of ``each``: seven arguments of a function, which divides vectors of columns."""


def emit_each(target: Target) -> str:
    """Emit ``each``, a worker that draws parts of all vectors of columns, and calls a function for every part.

    That is::

    while ((n = next++) < parts)
      function(arguments, vectors * n / parts, vectors * (n + 1) / parts);
    """
    module = Module(target, "float32", {name: number for number, name in enumerate(PART_SLOTS)})
    code = module.function("each", 0, internal=False)
    arguments = [code.slot(f"argument {i}") for i in range(7)]
    parts = code.slot("parts")
    with code.draw(code.pointer("next"), parts) as part:
        ends = [code.b.mul(code.slot("vectors"), n) for n in (part, code.b.add(part, code.number(1)))]
        code.call_slot("function", *arguments, *[code.b.udiv(end, parts) for end in ends])
    code.finish()
    return str(module.ir)


def _blocks(code: Code, count: object, size: int) -> object:
    return code.b.udiv(code.b.add(count, code.number(size - 1)), code.number(size))


def _table(numbers: dict[str, int], form: int) -> list[int]:
    """Make the table that the tiles read, see :mod:`elman.backends.llvm.emit.tiles`."""
    matrix = ["packed", "depth"]  # read by tiles of unpacked weights alone
    chain = ["bias", "bias step", "bias row", "y", "y step", "y row", "columns", *matrix]
    assert len(chain) == PER_CHAIN
    before = [*(8 * numbers[name] for name in ("x", "x step", "x row", "packed", "depth")), 1, 8 * numbers["columns"]]
    before += [form, 8 * numbers["x"], 0]  # no row is rounded, so there is no memory for that
    assert len(before) == CHAINS
    return [*before, *(8 * numbers[name] for name in chain)]

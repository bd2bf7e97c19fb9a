"""Emit the search for the highest numbers of every row.

What is emitted, for each row x of V numbers, of which the highest n are kept in order::

    values[0..n] = -inf;  places[0..n] = 0
    for (i = 0; i < V; i += LANES)
      if (any of x[i : i+LANES] > values[n-1])           // seldom, as soon as some high numbers are kept
        for (j = i; j < i + LANES; j++)
          if (x[j] > values[n-1])
            move what is lower one place back from the end; put x[j] and j in front of it

Of equal numbers the first is kept, and stands first. Threads draw rows by an atomic counter.

>>> from elman.backends.llvm.target import named
>>> 'define void @"likeliest"' in emit_likeliest(named("baseline"), "float32")
True
"""

from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I64, Code, Module
from elman.backends.llvm.target import Target

# What lies in a frame, a slot of 64 bits each: addresses of the counter, of the rows (R, V), of the numbers (R, n) and
# the places (R, n, int64) that are kept; then R, V and n.
SLOTS = ("next", "rows", "values", "places", "R", "V", "n")


def emit_likeliest(target: Target, dtype: str) -> str:
    """Emit ``likeliest``, a worker that draws rows until none is left."""
    module = Module(target, dtype, {name: number for number, name in enumerate(SLOTS)})
    one = _emit_row(module, _emit_insertion(module))
    code = module.function("likeliest", 0, internal=False)
    with code.draw(code.pointer("next"), code.slot("R")) as row:
        code.call(one, row)
    code.finish()
    return str(module.ir)


def _number_at(code: Code, base: Any, element: Any) -> Any:
    return code.b.load(_at(code, base, element), typ=code.module.element)


def _at(code: Code, base: Any, element: Any) -> Any:
    return code.address(base, code.b.mul(element, code.number(code.module.size)))


def _place_at(code: Code, base: Any, element: Any) -> Any:
    return code.address(base, code.b.mul(element, code.number(8)))


def _kept(code: Code, row: Any) -> tuple[Any, Any]:
    """Return the addresses of the numbers and the places that are kept of a row."""
    first = code.b.mul(row, code.slot("n"))
    return _at(code, code.pointer("values"), first), _place_at(code, code.pointer("places"), first)


def _emit_insertion(module: Module) -> ir.Function:
    """Emit the insertion of a number, given by its row and its place in it."""
    code = module.function("insert", 2)
    row, place = code.args
    values, places = _kept(code, row)
    x = _number_at(code, _at(code, code.pointer("rows"), code.b.mul(row, code.slot("V"))), place)
    last = code.b.sub(code.slot("n"), code.number(1))
    at = code.variable(last)
    head, body, move, done = (code.function.append_basic_block(name) for name in ("find", "compare", "move", "found"))
    code.b.branch(head)
    code.b.position_at_end(head)
    here = code.value(at)
    before = code.b.sub(here, code.number(1))
    code.b.cbranch(code.b.icmp_signed(">", here, code.number(0)), body, done)
    code.b.position_at_end(body)
    lower = _number_at(code, values, before)
    code.b.cbranch(code.b.fcmp_ordered("<", lower, x), move, done)
    code.b.position_at_end(move)
    code.b.store(lower, _at(code, values, here))
    code.b.store(code.b.load(_place_at(code, places, before), typ=I64), _place_at(code, places, here))
    code.b.store(before, at)
    code.b.branch(head)
    code.b.position_at_end(done)
    found = code.value(at)
    code.b.store(x, _at(code, values, found))
    code.b.store(place, _place_at(code, places, found))
    return code.finish()


def _emit_row(module: Module, insert: ir.Function) -> ir.Function:
    """Emit the search of one row."""
    code = module.function("row", 1)
    (row,) = code.args
    values, places = _kept(code, row)
    lowest = ir.Constant(module.element, float("-inf"))
    with code.loop(code.number(0), code.slot("n")) as i:
        code.b.store(lowest, _at(code, values, i))
        code.b.store(code.number(0), _place_at(code, places, i))
    x, last = (
        _at(code, code.pointer("rows"), code.b.mul(row, code.slot("V"))),
        code.b.sub(code.slot("n"), code.number(1)),
    )

    def take(first: Any, end: Any) -> None:
        with code.loop(first, end) as j:
            is_higher = code.b.fcmp_ordered(">", _number_at(code, x, j), _number_at(code, values, last))
            with code.when(is_higher):
                code.call(insert, row, j)

    whole = code.b.mul(code.b.udiv(code.slot("V"), code.number(module.lanes)), code.number(module.lanes))
    with code.loop(code.number(0), whole, module.lanes) as i:
        bar = code.splat(_number_at(code, values, last))
        are_higher = code.b.fcmp_ordered(">", code.load(_at(code, x, i)), bar)
        mask = code.b.bitcast(are_higher, ir.IntType(module.lanes))
        with code.when(code.b.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0))):
            take(i, code.b.add(i, code.number(module.lanes)))
    take(whole, code.slot("V"))
    return code.finish()

"""Emit the sums over time and batch that give the gradients of weights, where there are few rows to add.

A library multiplies such matrices no faster than these tiles, and needs a call for each. A *job* adds, for two tables
of rows with the same left factors one after the other::

    for (i = 0; i < N; i += ROWS)                          // threads draw these blocks by an atomic counter
      for (c = 0; c < M; c += C * lanes) {
        acc[r][j] = 0;
        for (k = 0; k < FIRST_COUNT + REST_COUNT; k++) {
          v = k < FIRST_COUNT ? first[k] : rest[k - FIRST_COUNT];
          acc[r][j] += left[k][i + r] * v[c + j];          // for all r < ROWS, j < C, in registers
        }
        out[i + r][c + j] = acc[r][j];
      }

The first table has the states before the first step, the rest those after it. Where the left factors are one number,
with 0 bytes from row to row, the job adds up rows.

>>> from elman.backends.llvm.target import named
>>> 'define void @"weight_sums"' in emit_weight_sums(named("baseline"), "float32")
True
"""

from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I64, Code, Module
from elman.backends.llvm.target import Target

# What lies in a job, a slot of 64 bits each: the next block; addresses of four tables, each with the bytes from row to
# row; the rows of the first and of the rest; then N and M.
JOB = (
    *("next", "out", "out.line", "left", "left.line", "first", "first.line", "rest", "rest.line"),
    *("first.count", "rest.count", "N", "M"),
)
ROWS = 6
WIDTHS = {32: (4, 2, 1), 16: (2, 1)}
"""By the number of registers, how many vectors of columns a tile may have: those of sums, and of one row, fit."""


def emit_weight_sums(target: Target, dtype: str) -> str:
    """Emit ``weight_sums(jobs)``: behind the number of jobs lie the jobs; several threads may call it at once."""
    module = Module(target, dtype, {name: number for number, name in enumerate(JOB)})
    block = _emit_block(module, WIDTHS[target.registers])
    job = module.function("job", 0)
    blocks = job.b.udiv(job.b.add(job.slot("N"), job.number(ROWS - 1)), job.number(ROWS))
    with job.draw(job.frame, blocks) as number:
        job.call(block, number)
    job.finish()
    code = module.function("weight_sums", 0, internal=False)
    with code.loop(code.number(0), code.b.load(code.frame, typ=I64)) as number:
        own = code.b.mul(number, code.number(8 * len(JOB)))
        code.b.call(job.function, [code.address(code.frame, code.b.add(own, code.number(8)))])
    code.finish()
    return str(module.ir)


def _emit_block(module: Module, widths: tuple[int, ...]) -> ir.Function:
    """Emit one block of rows of a job. Rows past the last one are the last, again."""
    code = module.function("block", 1)
    top, last = code.b.mul(code.args[0], code.number(ROWS)), code.b.sub(code.slot("N"), code.number(1))
    rows = [code.smaller(code.b.add(top, code.number(r)), last) for r in range(ROWS)]
    lefts = [code.address(code.pointer("left"), code.b.mul(row, code.number(module.size))) for row in rows]
    outs = [code.address(code.pointer("out"), code.b.mul(row, code.slot("out.line"))) for row in rows]
    step, at = module.lanes, code.variable(code.number(0))
    for width in widths:
        # A narrower tile takes what is left; the last one may have an incomplete vector.
        least = code.b.sub(code.slot("M"), code.number(width * step - 1 if width > 1 else 0))
        head, body, done = (code.function.append_basic_block(n) for n in ("columns", "tile", "narrower"))
        code.b.branch(head)
        code.b.position_at_end(head)
        column = code.value(at)
        code.b.cbranch(code.b.icmp_signed("<", column, least), body, done)
        code.b.position_at_end(body)
        _emit_tile(code, width, lefts, outs, column)
        code.b.store(code.b.add(column, code.number(width * step)), at)
        code.b.branch(head)
        code.b.position_at_end(done)
    return code.finish()


def _emit_tile(code: Code, width: int, lefts: list[Any], outs: list[Any], column: Any) -> None:
    m = code.module
    places = [code.b.mul(code.b.add(column, code.number(c * m.lanes)), code.number(m.size)) for c in range(width)]
    left = code.b.sub(code.slot("M"), column)
    if width == 1:
        code.keep_mask(left)
    sums, done = [m.math.constant(0.0)] * (len(lefts) * width), code.number(0)
    for table in ("first", "rest"):
        start = code.b.mul(done, code.slot("left.line"))
        factors = [code.address(at, start) for at in lefts]
        _, sums = code.accumulate(
            code.number(0), code.slot(f"{table}.count"), 1, sums, _adding(code, table, factors, places, left)
        )
        done = code.slot("first.count")
    for r, out in enumerate(outs):
        for c, place in enumerate(places):
            value, at = sums[r * width + c], code.address(out, place)
            if width == 1:
                code.store_part(value, at, left)
            else:
                code.store(value, at)


def _adding(code: Code, table: str, factors: list[Any], places: list[Any], left: Any) -> Any:
    """Return a function that writes the products of one row of a table."""

    def add(k: Any, sums: list[Any]) -> list[Any]:
        line = code.address(code.pointer(table), code.b.mul(k, code.slot(f"{table}.line")))
        at = [code.address(line, place) for place in places]
        columns = [code.load_part(at[0], left)] if len(places) == 1 else [code.load(place) for place in at]
        offset, new = code.b.mul(k, code.slot("left.line")), []
        for r, factor in enumerate(factors):
            one = code.splat(code.b.load(code.address(factor, offset), typ=code.module.element))
            own = sums[r * len(columns) : (r + 1) * len(columns)]
            new += [code.fma(one, value, total) for value, total in zip(columns, own, strict=True)]
        return new

    return add

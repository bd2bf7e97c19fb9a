"""Emit attention over memories of unequal length, every query for itself.

What is emitted, for the memory of one example and each of its queries::

    for (s = 0; s < limit; s += LANES)                   // scores; the memory's keys lie transposed, (K, S)
        acc = 0
        for (k = 0; k < K; k++) acc = fma(query[k], keys[k][s : s+LANES], acc)              // dot, bilinear
                                acc = fma(v[k], tanh(query[k] + keys[k][s : s+LANES]), acc) // additive
        weights[s : s+LANES] = acc;  top = max(top, acc)
    for (s = 0; s < limit; s += LANES) { e = exp(weights[s] - max(top));  sum += e;  weights[s] = e }
    for (s = 0; s < limit; s += LANES) weights[s] /= sum(sum)
    for (m = 0; m < M; m += LANES)                       // context
        acc = 0
        for (s = 0; s < limit; s++) acc = fma(weights[s], values[s][m : m+LANES], acc)
        context[m : m+LANES] = acc

`limit` says how many steps of its memory a query sees. Every number is one chain in a fixed order, in which neither the
other examples nor the padding occur: an answer is bit-identical alone and in any batch. A query that sees nothing has
weights and context of zero. Threads draw memories by an atomic counter.

>>> from elman.backends.llvm.target import named
>>> 'define void @"attend"' in emit_attention(named("baseline"), "float32", additive=False)
True
"""

from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I32, I64, POINTER, Code, Module
from elman.backends.llvm.target import Target

# What lies in a frame, a slot of 64 bits each: addresses, then sizes in elements. Queries and contexts are (B, N, …),
# scorer (B, K), weights (B, N, S), keys (n, K, S), values (n, S, M); of int64 are limits (B, N) and places (B,), which
# say where among the n the memory of an example lies.
SLOTS = ("next", "query", "keys", "values", "scorer", "places", "limits", "weights", "context", "B", "N", "S", "K", "M")


def emit_attention(target: Target, dtype: str, additive: bool) -> str:
    """Emit ``attend``, a worker that draws memories until none is left."""
    module = Module(target, dtype, {name: number for number, name in enumerate(SLOTS)})
    one = _emit_memory(module, additive)
    code = module.function("attend", 0, internal=False)
    with code.draw(code.pointer("next"), code.slot("B")) as memory:
        code.call(one, memory)
    code.finish()
    return str(module.ir)


def _emit_memory(module: Module, additive: bool) -> ir.Function:
    """Emit the queries of one memory."""
    code = module.function("memory", 1)
    (memory,) = code.args
    rows = code.slot("N")
    place = code.b.load(code.address(code.pointer("places"), code.b.mul(memory, code.number(8))), typ=I64)
    keys = _row(code, "keys", place, "K", "S")
    values = _row(code, "values", place, "S", "M")
    scorer = _row(code, "scorer", memory, "K") if additive else None
    with code.loop(code.number(0), rows) as n:
        row = code.b.add(code.b.mul(memory, rows), n)
        limit = code.b.load(code.address(code.pointer("limits"), code.b.mul(row, code.number(8))), typ=I64)
        weights = _row(code, "weights", row, "S")
        with code.when(code.b.icmp_signed(">", limit, code.number(0))):
            top = _write_scores(code, _row(code, "query", row, "K"), keys, scorer, weights, limit)
            _write_softmax(code, weights, limit, top)
        _write_context(code, weights, values, _row(code, "context", row, "M"), limit)
    return code.finish()


def _row(code: Code, name: str, number: Any, *axes: str) -> Any:
    """Give the address of one row of a tensor, whose elements the axes count."""
    size = code.number(code.module.size)
    for axis in axes:
        size = code.b.mul(size, code.slot(axis))
    return code.address(code.pointer(name), code.b.mul(number, size))


def _at(code: Code, base: Any, element: Any) -> Any:
    return code.address(base, code.b.mul(element, code.number(code.module.size)))


def _number_at(code: Code, base: Any, element: Any) -> Any:
    """Read one element into all lanes."""
    return code.splat(code.b.load(_at(code, base, element), typ=code.module.element))


def _vector_variable(code: Code, value: Any) -> Any:
    """Keep a vector that changes in memory, from where LLVM moves it into a register."""
    # llvmlite knows what an `alloca` points to; as a plain address it can be loaded as what it is.
    at = code.entry.inttoptr(code.entry.ptrtoint(code.entry.alloca(code.module.vector), I64), POINTER)
    code.b.store(value, at)
    return at


def _write_scores(code: Code, query: Any, keys: Any, scorer: Any, weights: Any, limit: Any) -> Any:
    """Write the scores of a query; return the variable of the highest score of each lane."""
    m = code.module
    line = code.b.mul(code.slot("S"), code.number(m.size))
    lowest = m.math.constant(float("-inf"))
    top, total = _vector_variable(code, lowest), _vector_variable(code, lowest)
    with code.loop(code.number(0), limit, m.lanes) as s:
        left = code.b.sub(limit, s)
        code.b.store(m.math.constant(0.0), total)
        with code.loop(code.number(0), code.slot("K")) as k:
            key = code.load_part(_at(code, code.address(keys, code.b.mul(k, line)), s), left)
            factor = _number_at(code, query, k)
            if scorer is not None:
                key = m.math.tanh(code.b, code.b.fadd(factor, key))
                factor = _number_at(code, scorer, k)
            code.b.store(code.fma(factor, key, code.b.load(total, typ=m.vector)), total)
        score = code.b.load(total, typ=m.vector)
        code.store_part(score, _at(code, weights, s), left)
        seen = code.b.select(code.lanes_below(left), score, lowest)
        code.b.store(m.math.maximum(code.b, code.b.load(top, typ=m.vector), seen), top)
    return top


def _write_softmax(code: Code, weights: Any, limit: Any, top: Any) -> None:
    """Turn scores into weights that add up to 1."""
    m = code.module
    zero = m.math.constant(0.0)
    highest = _fold(code, code.b.load(top, typ=m.vector), lambda a, b: m.math.maximum(code.b, a, b))
    total = _vector_variable(code, zero)
    with code.loop(code.number(0), limit, m.lanes) as s:
        left = code.b.sub(limit, s)
        score = code.load_part(_at(code, weights, s), left)
        power = m.math.exp(code.b, code.b.fsub(score, highest))
        power = code.b.select(code.lanes_below(left), power, zero)
        code.store_part(power, _at(code, weights, s), left)
        code.b.store(code.b.fadd(code.b.load(total, typ=m.vector), power), total)
    whole = _fold(code, code.b.load(total, typ=m.vector), code.b.fadd)
    with code.loop(code.number(0), limit, m.lanes) as s:
        left = code.b.sub(limit, s)
        place = _at(code, weights, s)
        code.store_part(code.b.fdiv(code.load_part(place, left), whole), place, left)


def _fold(code: Code, vector: Any, join: Any) -> Any:
    """Join all lanes pairwise; the result stands in every lane."""
    lanes = code.module.lanes
    step = lanes // 2
    while step:
        order = ir.Constant(ir.VectorType(I32, lanes), [(lane + step) % lanes for lane in range(lanes)])
        vector = join(vector, code.b.shuffle_vector(vector, vector, order))
        step //= 2
    return vector


def _write_context(code: Code, weights: Any, values: Any, context: Any, limit: Any) -> None:
    """Write the sum of the values, each times its weight."""
    m = code.module
    line = code.b.mul(code.slot("M"), code.number(m.size))
    total = _vector_variable(code, m.math.constant(0.0))
    with code.loop(code.number(0), code.slot("M"), m.lanes) as column:
        left = code.b.sub(code.slot("M"), column)
        code.b.store(m.math.constant(0.0), total)
        with code.loop(code.number(0), limit) as s:
            value = code.load_part(_at(code, code.address(values, code.b.mul(s, line)), column), left)
            old = code.b.load(total, typ=m.vector)
            code.b.store(code.fma(_number_at(code, weights, s), value, old), total)
        code.store_part(code.b.load(total, typ=m.vector), _at(code, context, column), left)

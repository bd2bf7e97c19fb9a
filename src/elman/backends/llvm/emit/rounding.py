"""Emit the rounding of numbers to bfloat16, and their widening.

A number in bfloat16 is the upper half of one in float32. Rounding is to the nearest, ties to even::

    for products:  |x| < 2^-126 ? ±0 : is NaN ? upper half | quiet : (bits + 0x7fff + (bits >> 16 & 1)) >> 16
    for storage:   is NaN ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16

The first is what the instruction VCVTNEPS2BF16 computes, the second what torch does.

>>> from elman.backends.llvm.target import named
>>> module = Module(named("baseline"), "float32", {})
>>> code = module.function("round", 0)
>>> str(round_to_bits(code, module.math.constant(1.0)).type)
'<4 x i16>'
"""

from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I1, I16, I32, I64, POINTER, VOID, Code, Module

HALF = 2
"""Bytes of a number in bfloat16."""


class _BFloat(ir.Type):
    """LLVM's type of numbers in bfloat16, in which only intrinsics are declared."""

    intrinsic_name = "bf16"

    def __str__(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash(_BFloat)


def rounds_by_instruction(module: Module) -> bool:
    """Tell whether the processor has an instruction for the rounding of a whole vector."""
    return "avx512bf16" in module.target.features and module.lanes == 16


def round_to_bits(code: Code, value: Any) -> Any:
    """Round a vector for products: the upper halves, as integers of 16 bits."""
    module = code.module
    if rounds_by_instruction(module):
        name = "llvm.x86.avx512bf16.cvtneps2bf16.512"
        result = code.b.call(module.intrinsic(name, ir.VectorType(_BFloat(), 16), module.vector), [value])
        return code.b.bitcast(result, ir.VectorType(I16, 16))
    bits = code.b.bitcast(value, _words(module))
    nan = code.b.or_(code.b.lshr(bits, _word(module, 16)), _word(module, 0x40))
    sign = code.b.and_(code.b.lshr(bits, _word(module, 16)), _word(module, 0x8000))
    is_tiny = code.b.icmp_unsigned("==", code.b.and_(bits, _word(module, 0x7F800000)), _word(module, 0))
    upper = code.b.select(is_tiny, sign, _round(code, bits))
    upper = code.b.select(code.b.fcmp_unordered("uno", value, value), nan, upper)
    return code.b.trunc(upper, ir.VectorType(I16, module.lanes))


def round_exactly(code: Code, value: Any) -> Any:
    """Round a vector for storage, subnormal numbers too: the upper halves, as integers of 16 bits."""
    module = code.module
    upper = _round(code, code.b.bitcast(value, _words(module)))
    is_nan = code.b.fcmp_unordered("uno", value, value)
    return code.b.trunc(code.b.select(is_nan, _word(module, 0x7FC0), upper), ir.VectorType(I16, module.lanes))


def _round(code: Code, bits: Any) -> Any:
    module = code.module
    odd = code.b.and_(code.b.lshr(bits, _word(module, 16)), _word(module, 1))
    return code.b.lshr(code.b.add(bits, code.b.add(odd, _word(module, 0x7FFF))), _word(module, 16))


def widen(code: Code, bits: Any) -> Any:
    """Make a vector in float32 of upper halves."""
    words = code.b.shl(code.b.zext(bits, _words(code.module)), _word(code.module, 16))
    return code.b.bitcast(words, code.module.vector)


def load_halves(code: Code, at: Any, left: Any, lanes: int = 0) -> Any:
    """Load the first `left` numbers of a vector in bfloat16, as integers of 16 bits; the rest are 0."""
    m, lanes = code.module, lanes or code.module.lanes
    kind, zero = ir.VectorType(I16, lanes), ir.Constant(I16, 0)
    if m.target.vector_bytes == 64:
        iota = ir.Constant(ir.VectorType(I64, lanes), list(range(lanes)))
        mask = code.b.icmp_signed("<", iota, _splat(code, left, lanes))
        load = m.intrinsic(f"llvm.masked.load.v{lanes}i16.p0", kind, POINTER, I32, ir.VectorType(I1, lanes), kind)
        return code.b.call(load, [at, ir.Constant(I32, HALF), mask, ir.Constant(kind, [0] * lanes)])
    spare = code.room(kind)
    is_whole = code.b.icmp_signed(">=", left, code.number(lanes))
    with code.when(is_whole):
        code.b.store(code.b.load(at, typ=kind, align=HALF), spare)
    with code.when(code.b.not_(is_whole)):
        code.b.store(ir.Constant(kind, [0] * lanes), spare)
    with code.loop(code.number(0), code.b.select(is_whole, code.number(0), left)) as i:
        offset = code.b.mul(i, code.number(HALF))
        code.b.store(code.b.load(code.address(at, offset), typ=zero.type), code.address(spare, offset))
    return code.b.load(spare, typ=kind)


def store_halves(code: Code, bits: Any, at: Any, left: Any) -> None:
    """Store the first `left` numbers of a vector in bfloat16."""
    m = code.module
    kind = bits.type
    if m.target.vector_bytes == 64:
        store = m.intrinsic(f"llvm.masked.store.v{m.lanes}i16.p0", VOID, kind, POINTER, I32, m.mask)
        code.b.call(store, [bits, at, ir.Constant(I32, HALF), code.lanes_below(left)])
        return
    spare = code.room(kind)
    code.b.store(bits, spare)
    is_whole = code.b.icmp_signed(">=", left, code.number(m.lanes))
    with code.when(is_whole):
        code.b.store(bits, at, align=HALF)
    with code.loop(code.number(0), code.b.select(is_whole, code.number(0), left)) as i:
        offset = code.b.mul(i, code.number(HALF))
        code.b.store(code.b.load(code.address(spare, offset), typ=I16), code.address(at, offset))


def _splat(code: Code, scalar: Any, lanes: int) -> Any:
    vector = ir.VectorType(I64, lanes)
    one = code.b.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0))
    return code.b.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def round_pairs(code: Code, low: Any, high: Any) -> Any:
    """Round two vectors for products on AMX: <32 x i16>, first the one and then the other."""
    module = code.module
    name, kind = "llvm.x86.avx512bf16.cvtne2ps2bf16.512", ir.VectorType(_BFloat(), 32)
    result = code.b.call(module.intrinsic(name, kind, module.vector, module.vector), [high, low])
    return code.b.bitcast(result, ir.VectorType(I16, 32))


def interleave(code: Code, halves: Any) -> Any:
    """Interleave the two halves of <32 x i16>: pairs of one number of each."""
    order = ir.Constant(ir.VectorType(I32, 32), [i // 2 + 16 * (i % 2) for i in range(32)])
    return code.b.shuffle_vector(halves, halves, order)


def rest(code: Code, value: Any) -> Any:
    """Subtract from a vector what rounding keeps of it; nothing is left of an infinity, or of NaN."""
    left = code.b.fsub(value, widen(code, round_to_bits(code, value)))
    return code.b.select(code.b.fcmp_unordered("uno", left, left), code.module.math.constant(0.0), left)


def add_sums(code: Code, at: Any, left: Any, pairs: list[list[Any]]) -> None:
    """Add neighbouring rows of a vector of columns to their sums in memory."""
    first, *others = [code.b.fadd(even, odd) for even, odd in pairs]
    for value in others:
        first = code.b.fadd(first, value)
    code.store_part(code.b.fadd(code.load_part(at, left), first), at, left)


def quieted(code: Code, value: Any) -> Any:
    """Replace every NaN by one and the same: processors differ in which of several they pass on."""
    nan = code.b.bitcast(_word(code.module, 0x7FC00000), code.module.vector)
    return code.b.select(code.b.fcmp_unordered("uno", value, value), nan, value)


def _words(module: Module) -> ir.VectorType:
    return ir.VectorType(I32, module.lanes)


def _word(module: Module, value: int) -> ir.Constant:
    return ir.Constant(_words(module), [value] * module.lanes)

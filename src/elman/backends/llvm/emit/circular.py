"""Emit the sine and the cosine of SIMD vectors as LLVM IR, for arguments of any size.

An argument is divided into quarters of a turn, in double precision: |x| = n π/2 + r with n whole and |r| ≤ π/4.
The low bits of n choose between the two polynomials in r, and the sign. With π/2 in three parts, of which the products
of the first two with n are exact (Cody & Waite 1980)::

    n = (x * 2/π + shift) - shift;               // rounded to a whole number, whose bits are in the sum
    s = x - n * high;                            // exact
    t = s - n * middle;
    r = t + ((s - t) - n * middle - n * low);    // what t has lost is added again

This is exact enough for |x| < 2^20 unless r is tiny, which is rare. Vectors with any other number take a branch
(Payne & Hanek 1983): x is M 2^e with a whole number M, and x · 2/π modulo 4 needs only those 192 bits of 2/π whose
products with M are neither whole turns nor too small. It is computed with whole numbers of 32 bits, without a call or a
table in memory::

    W = 192 bits of 2/π from the bit of weight 2^(1-e);
    P = M * W mod 2^192;                          // in units of 2^-190 quarters
    n = P / 2^190, rounded;   r = (P / 2^190 - n) * π/2;

The polynomials are those of fdlibm (k_sin.c and k_cos.c, 1993), and fewer of their terms for float32.
"""

import itertools
import math
from functools import cache
from typing import Any, Protocol

from llvmlite import ir

LARGE = 2.0**20  # from here on, the product of n with a part of π/2 would be rounded
TINY = 2.0**-40  # below this size of r, the last part of π/2 has too few bits
_HALF_PI = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
_HALF_PI_REST = 6.12323399573676603587e-17  # what the number next to π/2 lacks
_LOWER = 42  # of the 62 bits of r, those that are not its upper 20
_SINE = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
_COSINE = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)
_SINGLE_TERMS = 4  # of each polynomial that float32 needs
_LIMBS = 6  # of 32 bits, of the window of 2/π
_FIRST = 1013  # the stored exponent whose window begins at the first of the bits, 64 of which are zeros
_LARGEST = {"float": 1023 + 127, "double": 1023 + 1023}  # stored exponents of the largest numbers, in double precision
_MASK, _MANTISSA, _BIAS = 0xFFFFFFFF, 52, 1023


class Functions(Protocol):
    """What is needed of :class:`elman.backends.llvm.emit.math.VectorMath`."""

    scalar: ir.Type
    vector: ir.Type

    def constant(self, value: float) -> ir.Constant:
        """Make a vector."""

    def intrinsic(self, b: ir.IRBuilder, name: str, *arguments: ir.Value) -> ir.Value:
        """Call a function of LLVM."""

    def multiply_add(self, b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """Emit x y + z."""

    def polynomial(self, b: ir.IRBuilder, x: ir.Value, square: ir.Value, coefficients: tuple[float, ...]) -> ir.Value:
        """Emit a polynomial in x."""


def emit_circular(own: Functions, double: Functions, b: ir.IRBuilder, v: ir.Value, quarters: int) -> ir.Value:
    """Emit sin(v + quarters · π/2): the sine for 0, the cosine for 1.

    Args:
        own: the functions of v's type.
        double: those of as many numbers in double precision, the same for float64.
        b: where to emit.
        v: the arguments.
        quarters: 0 or 1.
    """
    is_single = own is not double
    x = b.fpext(v, double.vector) if is_single else v
    size = double.intrinsic(b, "llvm.fabs", x)
    shifted, r = _reduce(double, b, size, _LARGEST[str(own.scalar)])
    integers = ir.VectorType(ir.IntType(64), double.vector.count)
    turns = b.add(b.bitcast(shifted, integers), _whole(integers, quarters))
    terms = _SINGLE_TERMS if is_single else len(_SINE)
    square = b.fmul(r, r)
    fourth = b.fmul(square, square)
    inner = double.polynomial(b, square, fourth, _SINE[:terms])
    sine = double.multiply_add(b, b.fmul(square, r), inner, r)
    cosine = _cosine(double, b, square, double.polynomial(b, square, fourth, _COSINE[:terms]))
    is_odd = b.icmp_unsigned("!=", b.and_(turns, _whole(integers, 1)), _whole(integers, 0))
    y = b.select(is_odd, cosine, sine)
    sign = b.shl(b.and_(turns, _whole(integers, 2)), _whole(integers, 62))
    if not quarters:  # the sine is odd
        sign = b.xor(sign, b.and_(b.bitcast(x, integers), _whole(integers, 1 << 63)))
    y = b.bitcast(b.xor(b.bitcast(y, integers), sign), double.vector)
    y = b.fptrunc(y, own.vector) if is_single else y
    finite = b.fcmp_ordered("<", b.fsub(v, v), own.constant(1.0))
    return b.select(finite, y, own.constant(math.nan))


def _cosine(f: Functions, b: ir.IRBuilder, square: ir.Value, inner: ir.Value) -> ir.Value:
    """Emit 1 − r²/2 + r⁴ · inner, with the rounding error of the first difference."""
    one, half = f.constant(1.0), b.fmul(square, f.constant(0.5))
    difference = b.fsub(one, half)
    lost = b.fsub(b.fsub(one, difference), half)
    return b.fadd(difference, f.multiply_add(b, b.fmul(square, square), inner, lost))


def _reduce(f: Functions, b: ir.IRBuilder, x: ir.Value, largest: int) -> tuple[ir.Value, ir.Value]:
    """Divide x ≥ 0 into quarters of a turn.

    Returns:
        A number whose low bits are those of n, and r.
    """
    shift = f.constant(1.5 * 2.0**_MANTISSA)
    shifted = f.multiply_add(b, x, f.constant(2 / math.pi), shift)
    n = b.fsub(shifted, shift)
    high, middle, low = (f.constant(-part) for part in _HALF_PI)
    first = f.multiply_add(b, n, high, x)
    second = f.multiply_add(b, n, middle, first)
    lost = f.multiply_add(b, n, middle, b.fsub(first, second))
    r = b.fadd(second, f.multiply_add(b, n, low, lost))
    is_tiny = b.fcmp_ordered("<", f.intrinsic(b, "llvm.fabs", r), f.constant(TINY))
    is_tiny = b.and_(is_tiny, b.fcmp_ordered("!=", n, f.constant(0.0)))
    is_hard = b.or_(b.fcmp_ordered(">=", x, f.constant(LARGE)), is_tiny)
    lanes = f.vector.count
    flags = b.bitcast(is_hard, ir.IntType(lanes))
    before, function = b.block, b.function
    hard, join = (function.append_basic_block(name) for name in ("hard", "join"))
    b.cbranch(b.icmp_unsigned("!=", flags, ir.Constant(ir.IntType(lanes), 0)), hard, join)
    b.position_at_end(hard)
    exact = _reduce_exactly(f, b, x, largest)
    chosen = [b.select(is_hard, new, old) for new, old in zip(exact, (shifted, r), strict=True)]
    after = b.block
    b.branch(join)
    b.position_at_end(join)
    results = []
    for new, old in zip(chosen, (shifted, r), strict=True):
        value = b.phi(f.vector)
        value.add_incoming(old, before)
        value.add_incoming(new, after)
        results.append(value)
    return results[0], results[1]


def _reduce_exactly(f: Functions, b: ir.IRBuilder, x: ir.Value, largest: int) -> tuple[ir.Value, ir.Value]:
    """Divide x ≥ 1 into quarters of a turn, with as many bits of 2/π as it needs. For ∞ and NaN the result is any."""
    kind = ir.VectorType(ir.IntType(64), f.vector.count)

    def whole(value: int) -> ir.Constant:
        return _whole(kind, value)

    bits = b.bitcast(x, kind)
    place = b.sub(b.lshr(bits, whole(_MANTISSA)), whole(_FIRST))
    window = _window(b, place, (largest - _FIRST) // 32, kind)
    mantissa = b.or_(b.and_(bits, whole((1 << _MANTISSA) - 1)), whole(1 << _MANTISSA))
    low = _times(b, window, b.and_(mantissa, whole(_MASK)), [whole(0)] * _LIMBS, kind)
    product = low[:1] + _times(b, window[:-1], b.lshr(mantissa, whole(32)), low[1:], kind)
    above, below = (b.or_(b.shl(product[k + 1], whole(32)), product[k]) for k in (4, 2))
    # Half a quarter is added and taken away again, so that r may be negative.
    rounded = b.add(above, whole(1 << 61))
    rest = b.sub(b.and_(rounded, whole((1 << 62) - 1)), whole(1 << 61))
    # The upper 20 bits times the upper 33 of π/2 are exact, so r is rounded once.
    sign = b.ashr(rest, whole(63))
    size = b.sub(b.xor(rest, sign), sign)
    upper = b.sub(b.xor(b.and_(size, whole((1 << 64) - (1 << _LOWER))), sign), sign)
    lower = b.sitofp(b.sub(rest, upper), f.vector)
    high = b.fmul(b.sitofp(upper, f.vector), f.constant(2.0**-62))
    low = b.fmul(b.uitofp(below, f.vector), f.constant(2.0**-126))
    low = f.multiply_add(b, lower, f.constant(2.0**-62), low)
    small = f.multiply_add(b, low, f.constant(math.pi / 2), b.fmul(low, f.constant(_HALF_PI_REST)))
    small = f.multiply_add(b, high, f.constant(_HALF_PI[1] + _HALF_PI[2]), small)
    n = b.bitcast(b.lshr(rounded, whole(62)), f.vector)
    return n, b.fadd(b.fmul(high, f.constant(_HALF_PI[0])), small)


def _window(b: ir.IRBuilder, place: ir.Value, most: int, kind: ir.VectorType) -> list[Any]:
    """Read 192 bits of 2/π from a place on, as numbers of 32 bits, the lowest first."""
    words = two_over_pi(32 * (most + _LIMBS - 1))
    first, shift = b.lshr(place, _whole(kind, 5)), b.and_(place, _whole(kind, 31))
    found: list[Any] = [_whole(kind, word) for word in words[: _LIMBS + 1]]
    for at in range(1, most + 1):
        is_here = b.icmp_unsigned("==", first, _whole(kind, at))
        found = [b.select(is_here, _whole(kind, words[at + k]), word) for k, word in enumerate(found)]
    right = b.sub(_whole(kind, 32), shift)
    limbs = []
    for high, low in itertools.pairwise(found):
        joined = b.or_(b.shl(high, _whole(kind, 32)), low)
        limbs.append(b.and_(b.lshr(joined, right), _whole(kind, _MASK)))
    return limbs[::-1]


def _times(b: ir.IRBuilder, limbs: list[Any], factor: Any, added: list[Any], kind: ir.VectorType) -> list[Any]:
    """Multiply a long number by one of 32 bits, and add another long one; what is carried out of the top is lost."""
    carry, results = _whole(kind, 0), []
    for limb, more in zip(limbs, added, strict=True):
        total = b.add(b.add(b.mul(limb, factor), more), carry)
        results.append(b.and_(total, _whole(kind, _MASK)))
        carry = b.lshr(total, _whole(kind, 32))
    return results


def _whole(kind: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count)


@cache
def two_over_pi(count: int) -> list[int]:
    """Compute bits of 2/π as numbers of 32 bits, behind two that are 0.

    Args:
        count: of the bits, at least.

    >>> [f"{word:x}" for word in two_over_pi(64)]
    ['0', '0', 'a2f9836e', '4e441529']
    """
    spare = 64
    one = 1 << (count + spare)
    # Machin: π/4 = 4 arctan 1/5 − arctan 1/239.
    pi = 4 * (4 * _arctan_of_inverse(5, one) - _arctan_of_inverse(239, one))
    ratio = (2 * one * one // pi) >> spare
    return [0, 0, *(ratio >> shift & _MASK for shift in range(count - 32, -1, -32))]


def _arctan_of_inverse(n: int, one: int) -> int:
    """Compute arctan(1/n) in units of 1/one, by its series."""
    power, total, k = one // n, 0, 1
    while power:
        total += power // k if k % 4 == 1 else -(power // k)
        power, k = power // (n * n), k + 2
    return total

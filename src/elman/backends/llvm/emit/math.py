"""Emit elementary functions on SIMD vectors as LLVM IR, free of calls to any library.

Each function reduces its argument, evaluates one polynomial and reconstructs the result, without branches. The
exponential, for every lane::

    n = (x / ln2 + shift) - shift;               // rounded to a whole number, whose bits are in the sum
    r = x - n * ln2_high - n * ln2_low;
    p = r + r * r * (e[0] + r * (e[1] + …));     // e^r - 1
    y = 2^n + 2^n * p;

*The exponential.* x = n ln 2 + r with n whole and |r| ≤ ln 2 / 2, so that e^x = 2^n + 2^n p, where p = e^r − 1. Adding
a large constant, whose low bits count in whole units, rounds x / ln 2 to n and leaves n in the bits of the sum, from
which a shift makes 2^n. With e^−2x in this form, tanh x = (1 − 2^n − 2^n p)/(1 + 2^n + 2^n p); for n = 0 that is
−p/(2 + p), which keeps the relative accuracy of p near 0. This quotient and the sigmoid's 1/(1 + e^−x) end with one
Newton step that reads the terms of the denominator instead of their rounded sum.

*The logarithm* (fdlibm, e_log.c and s_log1p.c, 1993). x = 2^k m with m in [√½, √2), f = m − 1, s = f/(2 + f), and
log m = f − s(f − R) with R = s² L(s²). For log1p, x is 1 + x rounded, and the rounding error is added as error/x.

*Sine and cosine* have a file of their own, `circular`.

*The polynomials* were fitted for this file with the Remez exchange in 60 digits, and rounded: `expm1` is
(e^r − 1 − r)/r² on |r| ≤ ln 2 / 2, its error relative to r; `log` is L on s² ≤ 0.0295, its error relative to log m.

>>> module = ir.Module()
>>> math = VectorMath(module, "float32", lanes=4, features=frozenset())
>>> wave = ir.Function(module, ir.FunctionType(math.vector, [math.vector]), "wave")
>>> builder = ir.IRBuilder(wave.append_basic_block())
>>> _ = builder.ret(math.tanh(builder, wave.args[0]))
>>> print(module.get_global("elman_tanh.v4f32").linkage)
internal
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from elman.backends.llvm.emit.circular import emit_circular


@dataclass(frozen=True)
class _Format:
    """One floating-point format: its layout, and the constants whose value depends on it.

    Attributes:
        name: LLVM's short name, the suffix of the names of intrinsics.
        bits: the width.
        mantissa: the number of stored bits of the mantissa.
        bias: the number that is added to an exponent to store it.
        ln2: ln 2 in two parts. The first has so few bits that its product with any n is exact.
        expm1: the coefficients of (e^r − 1 − r)/r², ascending.
        log: the coefficients of L, ascending.
    """

    name: str
    bits: int
    mantissa: int
    bias: int
    ln2: tuple[float, float]
    expm1: tuple[float, ...]
    log: tuple[float, ...]


FORMATS = {
    "float32": _Format(
        "f32",
        32,
        23,
        127,
        (0.693145751953125, math.log(2) - 0.693145751953125),
        # Error 2^-25.9.
        (0.5, 0.1666654348373413, 0.04166628047823906, 0.008366583846509457, 0.0013946449616923928),
        # Error 2^-31.
        (0.6666666269302368, 0.4000033438205719, 0.2853730022907257, 0.23582293093204498),
    ),
    "float64": _Format(
        "f64",
        64,
        52,
        1023,
        (0.6931471805582987, 1.6465949582897082e-12),
        # Error 2^-55.6.
        (
            0.5000000000000006,
            0.16666666666666685,
            0.04166666666657362,
            0.008333333333314598,
            0.0013888888932379587,
            0.0001984126990301514,
            2.4801504445021922e-05,
            2.755722796707973e-06,
            2.762632688670161e-07,
            2.5114469221929484e-08,
        ),
        # Error 2^-58.9.
        (
            0.6666666666666734,
            0.3999999999941432,
            0.28571428742475147,
            0.2222219856346877,
            0.18183564867018995,
            0.15314035838091772,
            0.1479610531266095,
        ),
    ),
}

_FUSED = {"fma", "avx512f", "neon"}
"""Features with which a fused multiply-add is one instruction. Without it llvm.fma would be a call of the C library."""


class VectorMath:
    """Elementary functions for one element type and one number of lanes in a module.

    Every function is defined once per module, as `internal` and `alwaysinline`, at its first use. The tests bound the
    error by 2 units in the last place where the result is a normal number and by the smallest normal number below that,
    and require the results of IEEE for ±0, ±∞ and NaN.

    Args:
        module: receives the definitions.
        dtype: "float32" or "float64".
        lanes: a power of two.
        features: LLVM's names of the processor's features, such as "avx512f" or "fma". They choose instructions, so
            the module must be compiled for a processor that has them.

    Attributes:
        scalar: the type of an element.
        vector: `<lanes x element>`, of every argument and result.
    """

    def __init__(self, module: ir.Module, dtype: str, lanes: int, features: frozenset[str]):
        self._format = FORMATS[dtype]
        self._module = module
        self._lanes = lanes
        self._features = features
        self.scalar: ir.Type = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        self.vector = ir.VectorType(self.scalar, lanes)
        self._integers = ir.VectorType(ir.IntType(self._format.bits), lanes)
        self._fused = not _FUSED.isdisjoint(features)
        width = lanes * self._format.bits
        # Instructions of AVX-512 without a generic form exist for whole registers.
        self._avx512 = "avx512f" in features and (width == 512 or (width in (128, 256) and "avx512vl" in features))

    def constant(self, value: float) -> ir.Constant:
        """Make a vector with the same value in every lane."""
        return ir.Constant(self.vector, [value] * self._lanes)

    def exp(self, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
        """Emit e^v."""
        return self._call(builder, "exp", self._exp, v)

    def sigmoid(self, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
        """Emit 1 / (1 + e^−v)."""
        return self._call(builder, "sigmoid", self._sigmoid, v)

    def tanh(self, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
        """Emit the hyperbolic tangent."""
        return self._call(builder, "tanh", self._tanh, v)

    def log(self, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
        """Emit the natural logarithm: −∞ at 0, NaN below."""
        return self._call(builder, "log", self._log, v)

    def log1p(self, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
        """Emit log(1 + v): −∞ at −1, NaN below."""
        return self._call(builder, "log1p", self._log1p, v)

    def sqrt(self, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
        """Emit the square root, rounded correctly."""
        return self._call(builder, "sqrt", lambda b, x: self.intrinsic(b, "llvm.sqrt", x), v)

    def sin(self, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
        """Emit the sine of v radians: NaN at ±∞."""
        return self._call(builder, "sin", lambda b, x: emit_circular(self, self._in_double(), b, x, 0), v)

    def cos(self, builder: ir.IRBuilder, v: ir.Value) -> ir.Value:
        """Emit the cosine of v radians: NaN at ±∞."""
        return self._call(builder, "cos", lambda b, x: emit_circular(self, self._in_double(), b, x, 1), v)

    def maximum(self, builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
        """Emit the larger of two; NaN if either is, as torch.maximum."""
        return self._call(builder, "maximum", self._maximum, a, b)

    def multiply_add(self, b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """Emit x y + z, rounded once where the processor has an instruction for it."""
        return self.intrinsic(b, "llvm.fma", x, y, z) if self._fused else b.fadd(b.fmul(x, y), z)

    def _in_double(self) -> "VectorMath":
        """Return the functions of as many numbers in double precision."""
        own = self._format is FORMATS["float64"]
        return self if own else VectorMath(self._module, "float64", self._lanes, self._features)

    def _call(self, builder: ir.IRBuilder, name: str, body: Callable[..., ir.Value], *arguments: ir.Value) -> ir.Value:
        full = f"elman_{name}.v{self._lanes}{self._format.name}"
        function = self._module.globals.get(full)
        if function is None:
            function = ir.Function(self._module, ir.FunctionType(self.vector, [self.vector] * len(arguments)), full)
            function.linkage = "internal"
            function.attributes.add("alwaysinline")
            inner = ir.IRBuilder(function.append_basic_block())
            inner.ret(body(inner, *function.args))
        return builder.call(function, arguments)

    def _exp(self, b: ir.IRBuilder, x: ir.Value) -> ir.Value:
        f = self._format
        # Beyond these bounds the result is 0 or ∞ already, and n would not fit into the bits of an exponent.
        x = self._at_most(
            b, self._at_least(b, x, -(f.bias + f.mantissa + 2) * math.log(2)), (f.bias + 1.5) * math.log(2)
        )
        n, bits, p = self._reduce(b, x, 1, 2 * f.bias, f.ln2)
        if self._avx512:
            return self._avx512_call(b, "mask.scalef", [b.fadd(p, self.constant(1.0)), n, x])
        # 2^n itself may lie outside the format where the result does not, so it is applied in two halves.
        half = b.lshr(bits, self._integer(1))
        first, second = (self._power(b, k) for k in (half, b.sub(bits, half)))
        return b.fmul(self.multiply_add(b, first, p, first), second)

    def _sigmoid(self, b: ir.IRBuilder, x: ir.Value) -> ir.Value:
        f = self._format
        # At e^40, 1 + e^-x is 1 in both formats.
        _, bits, p = self._reduce(b, self._at_most(b, x, 40.0), -1, f.bias, f.ln2)
        power = self._power(b, bits)
        y = self._inverse_of_one_plus(b, power, p)
        # Here 2^n leaves the format, and the result has left the normal numbers.
        vanishes = b.fcmp_ordered("<", x, self.constant(-(f.bias + 0.49) * math.log(2)))
        return b.select(vanishes, self.constant(0.0), y)

    def _inverse_of_one_plus(self, b: ir.IRBuilder, power: ir.Value, p: ir.Value) -> ir.Value:
        """Emit 1 / (1 + 2^n − 2^n p) from 2^n and p."""
        one, negative = self.constant(1.0), b.fneg(power)
        if not self._fused:
            # The smaller of 1 and 2^n is added to 2^n p, so that only the last sum is rounded at full size.
            larger, smaller = (b.select(b.fcmp_ordered(sign, power, one), power, one) for sign in "><")
            return b.fdiv(one, b.fadd(larger, self.multiply_add(b, negative, p, smaller)))
        exponential = self.multiply_add(b, negative, p, power)
        y = self._estimate(b, b.fadd(one, exponential))
        # 1 − (1 + e^−x) y, without the sum.
        error = b.fsub(self.multiply_add(b, b.fneg(exponential), y, one), y)
        return self.multiply_add(b, error, y, y)

    def _tanh(self, b: ir.IRBuilder, x: ir.Value) -> ir.Value:
        # tanh 20 rounds to 1 in both formats.
        size = self._at_most(b, self.intrinsic(b, "llvm.fabs", x), 20.0)
        # For large n, e^−2x is small compared with 1, so ln 2 in one part is enough; with n = −1 its product is exact.
        _, bits, p = self._reduce(b, size, -2, self._format.bias + 1, (math.log(2),))
        y = self._fraction(b, self._power(b, bits), p)
        return self.intrinsic(b, "llvm.copysign", y, x)

    def _fraction(self, b: ir.IRBuilder, double: ir.Value, p: ir.Value) -> ir.Value:
        """Emit (1 − 2^n + 2^(n+1) p) / (1 + 2^n − 2^(n+1) p) from 2^(n+1) and p, for a denominator in [1, 2].

        Rounding numerator and denominator would cause an error of up to 2.4 units, so the quotient is corrected by its
        remainder, computed from the terms before rounding.
        """
        one, half = self.constant(1.0), self.constant(0.5)
        above = self.multiply_add(b, double, self.constant(-0.5), one)
        below = self.multiply_add(b, double, half, one)
        # The product with a power of two is exact, so these equal sums with `rest`, and do not wait for it.
        numerator = self.multiply_add(b, double, p, above)
        inverse = self._estimate(b, self.multiply_add(b, b.fneg(double), p, below))
        rest = b.fmul(double, p)
        y = b.fmul(numerator, inverse)
        if self._fused:
            error = b.fadd(self.multiply_add(b, b.fneg(below), y, above), rest)
        else:
            # Each difference is exact, because y lies between the numerator and its half.
            error = b.fsub(b.fsub(numerator, y), b.fmul(b.fmul(y, half), double))
            error = b.fadd(error, b.fadd(b.fsub(above, numerator), rest))
        error = self.multiply_add(b, rest, y, error)
        return self.multiply_add(b, error, inverse, y)

    def _log(self, b: ir.IRBuilder, x: ir.Value) -> ir.Value:
        f = self._format
        smallest = 2.0 ** (1 - f.bias)
        subnormal = b.fcmp_ordered("<", x, self.constant(smallest))
        normal = b.select(subnormal, b.fmul(x, self.constant(2.0**f.mantissa)), x)
        k, m = self._split(b, normal)
        k = b.fsub(k, b.select(subnormal, self.constant(f.mantissa), self.constant(0.0)))
        return self._at_the_ends(b, x, self._log_of(b, k, b.fsub(m, self.constant(1.0)), self.constant(0.0)))

    def _log1p(self, b: ir.IRBuilder, x: ir.Value) -> ir.Value:
        one, zero = self.constant(1.0), self.constant(0.0)
        u = b.fadd(one, x)
        # The rounding error of u = 1 + x, exactly (Knuth's sum of two numbers, TAOCP 2, 4.2.2).
        virtual = b.fsub(u, one)
        lost = b.fadd(b.fsub(one, b.fsub(u, virtual)), b.fsub(x, virtual))
        k, m = self._split(b, u)
        unscaled = b.fcmp_ordered("==", k, zero)
        f = b.select(unscaled, x, b.fsub(m, one))
        correction = b.select(unscaled, zero, b.fmul(lost, self._estimate(b, u)))
        y = self._at_the_ends(b, u, self._log_of(b, k, f, correction))
        return b.select(b.fcmp_ordered("==", x, zero), x, y)

    def _maximum(self, b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
        # The comparison is false if y is NaN, and gives y.
        larger = b.select(b.fcmp_ordered(">", x, y), x, y)
        return b.select(b.fcmp_unordered("uno", x, x), x, larger)

    def _reduce(
        self, b: ir.IRBuilder, x: ir.Value, factor: int, bias: int, ln2: tuple[float, ...]
    ) -> tuple[ir.Value, ir.Value, ir.Value]:
        """Split e^(factor x) into 2^n (1 + factor p) for a power of two with a sign, which costs no rounding.

        Args:
            b: where to emit.
            x: the argument.
            factor: ±1 or ±2.
            bias: what to add to n.
            ln2: ln 2 as a sum, the largest part first.

        Returns:
            n, integers whose low bits are n + bias, and p.
        """
        shift = self.constant(1.5 * 2.0**self._format.mantissa + bias)
        shifted = self.multiply_add(b, x, self.constant(factor / math.log(2)), shift)
        n = b.fsub(shifted, shift)
        for part in ln2:
            x = self.multiply_add(b, n, self.constant(-part / factor), x)
        scaled = tuple(c * factor ** (k + 1) for k, c in enumerate(self._format.expm1))
        square = b.fmul(x, x)
        p = self.multiply_add(b, square, self.polynomial(b, x, square, scaled), x)
        return n, b.bitcast(shifted, self._integers), p

    def _power(self, b: ir.IRBuilder, biased: ir.Value) -> ir.Value:
        """Make 2^n from integers whose low bits are n + bias: higher bits are shifted out."""
        return b.bitcast(b.shl(biased, self._integer(self._format.mantissa)), self.vector)

    def _split(self, b: ir.IRBuilder, x: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Write a positive normal x as 2^k m with m in [√½, √2). Both are floating-point numbers."""
        f = self._format
        lowest = bits_of_sqrt_half(f)
        offset = b.sub(b.bitcast(x, self._integers), self._integer(lowest))
        # A whole number below 2^mantissa in the mantissa of 2^mantissa is a float already; most processors have no
        # instruction that converts 64 bits. The bias keeps the number positive.
        biased = b.lshr(b.add(offset, self._integer(f.bias << f.mantissa)), self._integer(f.mantissa))
        base = 2.0**f.mantissa
        k = b.bitcast(b.or_(biased, self._integer((f.bias + f.mantissa) << f.mantissa)), self.vector)
        below = b.and_(offset, self._integer((1 << f.mantissa) - 1))
        return b.fsub(k, self.constant(base + f.bias)), b.bitcast(b.add(below, self._integer(lowest)), self.vector)

    def _log_of(self, b: ir.IRBuilder, k: ir.Value, f: ir.Value, correction: ir.Value) -> ir.Value:
        """Emit k ln 2 + log(1 + f) + correction, the small terms first."""
        high, low = self._format.ln2
        s = b.fdiv(f, b.fadd(f, self.constant(2.0)))
        z = b.fmul(s, s)
        half_square = b.fmul(b.fmul(f, self.constant(0.5)), f)
        inner = b.fadd(half_square, b.fmul(z, self.polynomial(b, z, b.fmul(z, z), self._format.log)))
        small = self.multiply_add(b, s, inner, self.multiply_add(b, k, self.constant(low), correction))
        return self.multiply_add(b, k, self.constant(high), b.fsub(f, b.fsub(half_square, small)))

    def _at_the_ends(self, b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
        """Return the logarithm y of x where x is positive and finite, elsewhere the value that IEEE requires."""
        zero, infinity = self.constant(0.0), self.constant(math.inf)
        below = b.select(b.fcmp_ordered("==", x, zero), self.constant(-math.inf), self.constant(math.nan))
        # Neither comparison is true for NaN, which passes unchanged, as ∞ does.
        elsewhere = b.select(b.fcmp_ordered("<=", x, zero), below, x)
        inside = b.and_(b.fcmp_ordered(">", x, zero), b.fcmp_ordered("<", x, infinity))
        return b.select(inside, y, elsewhere)

    def _estimate(self, b: ir.IRBuilder, x: ir.Value) -> ir.Value:
        """Emit 1 / x, perhaps to 14 bits only."""
        if self._avx512 and self._format.name == "f32":
            return self._avx512_call(b, "rcp14", [x, x])
        return b.fdiv(self.constant(1.0), x)

    def _avx512_call(self, b: ir.IRBuilder, name: str, arguments: list[ir.Value]) -> ir.Value:
        """Call an instruction of AVX-512 with all lanes enabled."""
        f, width = self._format, self._lanes * self._format.bits
        suffix = {"f32": "ps", "f64": "pd"}[f.name]
        arguments = [*arguments, ir.Constant(ir.IntType(max(self._lanes, 8)), -1)]
        if name == "mask.scalef" and width == 512:
            as_the_processor_rounds = ir.Constant(ir.IntType(32), 4)
            arguments.append(as_the_processor_rounds)
        return b.call(self._declare(f"llvm.x86.avx512.{name}.{suffix}.{width}", [a.type for a in arguments]), arguments)

    def polynomial(self, b: ir.IRBuilder, x: ir.Value, square: ir.Value, coefficients: tuple[float, ...]) -> ir.Value:
        """Emit Horner's scheme in the square over pairs of terms: as much work as in x, but half as long a chain."""
        terms = [self.constant(c) for c in coefficients]
        pairs = [self.multiply_add(b, odd, x, even) for even, odd in zip(terms[::2], terms[1::2], strict=False)]
        value, *rest = reversed(pairs + terms[2 * len(pairs) :])
        for pair in rest:
            value = self.multiply_add(b, value, square, pair)
        return value

    def _at_most(self, b: ir.IRBuilder, x: ir.Value, bound: float) -> ir.Value:
        # In this form NaN passes, and x86 has one instruction for it.
        limit = self.constant(bound)
        return b.select(b.fcmp_ordered("<", limit, x), limit, x)

    def _at_least(self, b: ir.IRBuilder, x: ir.Value, bound: float) -> ir.Value:
        limit = self.constant(bound)
        return b.select(b.fcmp_ordered(">", limit, x), limit, x)

    def _integer(self, value: int) -> ir.Constant:
        return ir.Constant(self._integers, [value] * self._lanes)

    def intrinsic(self, b: ir.IRBuilder, name: str, *arguments: ir.Value) -> ir.Value:
        """Call a function of LLVM that has one instruction."""
        full = f"{name}.v{self._lanes}{self._format.name}"
        return b.call(self._declare(full, [self.vector] * len(arguments)), arguments)

    def _declare(self, name: str, arguments: list[ir.Type]) -> ir.Function:
        known = self._module.globals.get(name)
        return known or ir.Function(self._module, ir.FunctionType(self.vector, arguments), name)


def bits_of_sqrt_half(f: _Format) -> int:
    """Round √½ down to the format, and read its bits as an integer."""
    return ((f.bias - 1) << f.mantissa) + math.isqrt(2 << (2 * f.mantissa)) - (1 << f.mantissa)

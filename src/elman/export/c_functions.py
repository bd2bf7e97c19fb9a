"""Elementary functions in C99, with the polynomials and the order of operations of the kernels.

Where the compiler has a fused multiply-add, results are bit-identical to those of the kernels on processors with one
(and without AVX-512, whose kernels use an instruction of it); elsewhere they follow the kernels' way without one. Sine
and cosine are the C library's, which are as exact.
:mod:`elman.backends.llvm.emit.math` explains and bounds each function.

>>> print(functions("net", {"maximum"}))
static float net_maximum(float x, float y)
{
    return x != x ? x : x > y ? x : y;
}
<BLANKLINE>
"""

import math
from collections.abc import Collection, Sequence

from elman.backends.llvm.emit.math import FORMATS, bits_of_sqrt_half

_FLOAT = FORMATS["float32"]
_NEEDS = {
    "exp": ("power",),
    "sigmoid": ("power",),
    "tanh": ("power",),
    "log": ("log_of", "split", "at_the_ends"),
    "log1p": ("log_of", "split", "at_the_ends"),
    "maximum": (),
}
MULTIPLY_ADD = """\
#if defined(FP_FAST_FMAF) || defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define {name}_FMA 1
#define {NAME}(a, b, c) fmaf(a, b, c)
#else
#define {name}_FMA 0
#define {NAME}(a, b, c) ((a) * (b) + (c))
#endif
"""


def number(value: float) -> str:
    """Write a number of 32 bits, by the fewest digits that give it back.

    >>> number(0.1), number(3), number(1e-30)
    ('0.1f', '3.0f', '1e-30f')
    """
    import numpy as np

    single = np.float32(value)
    if not np.isfinite(single):
        return "NAN" if np.isnan(single) else "INFINITY" if single > 0 else "-INFINITY"
    return f"{single!s}f"


def functions(name: str, used: Collection[str]) -> str:
    """Write the functions that are used, and what they need, each with the prefix `name`."""
    wanted = {part for function in used for part in (function, *_NEEDS.get(function, ()))}
    return "\n".join(text.replace("NET", name) for function, text in _texts().items() if function in wanted)


def _texts() -> dict[str, str]:
    f = _FLOAT
    expm1 = _reduction
    low = 2.0 ** (1 - f.bias)
    root = bits_of_sqrt_half(f)
    return {
        "power": """\
static float NET_power(uint32_t biased) /* 2^n from n + 127 in the low bits */
{
    union { uint32_t bits; float value; } power;
    power.bits = biased << 23;
    return power.value;
}
""",
        "exp": f"""\
static float NET_exp(float x)
{{
    union {{ float value; uint32_t bits; }} shifted;
    float n, square, p;
    uint32_t half;
    x = {number(-(f.bias + f.mantissa + 2) * math.log(2))} > x ? {number(-(f.bias + f.mantissa + 2) * math.log(2))} : x;
    x = {number((f.bias + 1.5) * math.log(2))} < x ? {number((f.bias + 1.5) * math.log(2))} : x;
{expm1(1, 2 * f.bias, f.ln2)}
    half = shifted.bits >> 1;
    n = NET_power(half);
    return NET_MA(n, p, n) * NET_power(shifted.bits - half);
}}
""",
        "sigmoid": f"""\
static float NET_sigmoid(float x)
{{
    union {{ float value; uint32_t bits; }} shifted;
    float n, square, p, power, y;
    const float given = x;
    x = 40.0f < x ? 40.0f : x;
{expm1(-1, f.bias, f.ln2)}
    power = NET_power(shifted.bits);
#if NET_FMA
    n = NET_MA(-power, p, power);
    y = 1.0f / (1.0f + n);
    y = NET_MA(NET_MA(-n, y, 1.0f) - y, y, y);
#else
    n = power > 1.0f ? power : 1.0f;
    y = 1.0f / (n + (-power * p + (power < 1.0f ? power : 1.0f)));
#endif
    return given < {number(-(f.bias + 0.49) * math.log(2))} ? 0.0f : y;
}}
""",
        "tanh": f"""\
static float NET_tanh(float given)
{{
    union {{ float value; uint32_t bits; }} shifted;
    float n, square, p, x = fabsf(given), twice, above, below, numerator, inverse, rest, y, error;
    x = 20.0f < x ? 20.0f : x;
{expm1(-2, f.bias + 1, (math.log(2),))}
    twice = NET_power(shifted.bits);
    above = NET_MA(twice, -0.5f, 1.0f);
    below = NET_MA(twice, 0.5f, 1.0f);
    numerator = NET_MA(twice, p, above);
    inverse = 1.0f / NET_MA(-twice, p, below);
    rest = twice * p;
    y = numerator * inverse;
#if NET_FMA
    error = NET_MA(-below, y, above) + rest;
#else
    error = numerator - y - y * 0.5f * twice + (above - numerator + rest);
#endif
    error = NET_MA(rest, y, error);
    return copysignf(NET_MA(error, inverse, y), given);
}}
""",
        "split": f"""\
static float NET_split(float x, float *m) /* x = 2^k m, m in [sqrt 1/2, sqrt 2) */
{{
    union {{ float value; uint32_t bits; }} part, k;
    uint32_t offset;
    part.value = x;
    offset = part.bits - {root}u;
    k.bits = ((offset + {f.bias << f.mantissa}u) >> 23) | {(f.bias + f.mantissa) << f.mantissa}u;
    part.bits = (offset & {(1 << f.mantissa) - 1}u) + {root}u;
    *m = part.value;
    return k.value - {number(2.0**f.mantissa + f.bias)};
}}
""",
        "log_of": f"""\
static float NET_log_of(float k, float f, float correction) /* k ln 2 + log(1 + f) + correction */
{{
    const float s = f / (f + 2.0f), z = s * s, half_square = f * 0.5f * f;
    const float inner = half_square + z * ({_polynomial("z", "(z * z)", f.log)});
    const float small = NET_MA(s, inner, NET_MA(k, {number(f.ln2[1])}, correction));
    return NET_MA(k, {number(f.ln2[0])}, f - (half_square - small));
}}
""",
        "at_the_ends": """\
static float NET_at_the_ends(float x, float y) /* the logarithm y where x is positive and finite */
{
    return x > 0.0f && x < INFINITY ? y : x <= 0.0f ? (x == 0.0f ? -INFINITY : NAN) : x;
}
""",
        "log": f"""\
static float NET_log(float x)
{{
    const int tiny = x < {number(low)};
    float m, k = NET_split(tiny ? x * {number(2.0**f.mantissa)} : x, &m);
    k = k - (tiny ? {number(f.mantissa)} : 0.0f);
    return NET_at_the_ends(x, NET_log_of(k, m - 1.0f, 0.0f));
}}
""",
        "log1p": """\
static float NET_log1p(float x)
{
    const float u = 1.0f + x, rounded = u - 1.0f, lost = 1.0f - (u - rounded) + (x - rounded);
    float m, k = NET_split(u, &m), f = k == 0.0f ? x : m - 1.0f;
    const float y = NET_log_of(k, f, k == 0.0f ? 0.0f : lost * (1.0f / u));
    return x == 0.0f ? x : NET_at_the_ends(u, y);
}
""",
        "maximum": """\
static float NET_maximum(float x, float y)
{
    return x != x ? x : x > y ? x : y;
}
""",
    }


def _reduction(factor: int, bias: int, ln2: Sequence[float]) -> str:
    """Write e^(factor x) as 2^n (1 + factor p): n + bias in the low bits of `shifted`, and p."""
    shift = number(1.5 * 2.0**_FLOAT.mantissa + bias)
    scaled = [c * factor ** (k + 1) for k, c in enumerate(_FLOAT.expm1)]
    lines = [f"shifted.value = NET_MA(x, {number(factor / math.log(2))}, {shift});", f"n = shifted.value - {shift};"]
    lines += [f"x = NET_MA(n, {number(-part / factor)}, x);" for part in ln2]
    lines += ["square = x * x;", f"p = NET_MA(square, {_polynomial('x', 'square', scaled)}, x);"]
    return "\n".join(f"    {line}" for line in lines)


def _polynomial(x: str, square: str, coefficients: Sequence[float]) -> str:
    """Write Horner's scheme in the square over pairs of terms."""
    terms = [number(c) for c in coefficients]
    pairs = [f"NET_MA({odd}, {x}, {even})" for even, odd in zip(terms[::2], terms[1::2], strict=False)]
    value, *rest = reversed(pairs + terms[2 * len(pairs) :])
    for pair in rest:
        value = f"NET_MA({value}, {square}, {pair})"
    return value

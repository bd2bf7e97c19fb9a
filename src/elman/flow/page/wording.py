"""Write numbers, and what they mean, in plain words.

>>> write_number(0.00515377), write_number(1234.5), write_number(8.66e13), describe_slope(-0.10536)
('0.00515', '1,230', '8.7·10¹³', 'shrinks to 0.9 of itself with each step back, and halves every 6.6 steps')
"""

import math
from collections.abc import Iterable

_STEADY = 1e-4  # nats a step below which a gradient counts as unchanged


def write_number(value: float) -> str:
    """Write a number with two or three significant digits."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinity" if value > 0 else "−infinity"
    sign, size = "−" if value < 0 else "", abs(value)
    if size == 0:
        return "0"
    if 1e-3 <= size < 1e5:
        digits = f"{size:.3g}"
        return sign + (f"{float(digits):,.0f}" if "e" in digits or size >= 1000 else digits)
    mantissa, _, exponent = f"{size:.1e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{sign}{mantissa.removesuffix('.0')}·10{raised}"


def write_share(share: float) -> str:
    r"""Write a share in per cent; a small one is never written as 0.

    >>> [write_share(share).replace("\u00a0", " ") for share in (0.123, 0.0004, 0.9999, 0.0)]
    ['12 %', 'under 0.1 %', 'over 99.9 %', '0 %']
    """
    if math.isnan(share):
        return "an unknown share"
    if 0 < share < 0.001:
        return "under 0.1\u00a0%"
    if 0.999 < share < 1 - 1e-9:
        return "over 99.9\u00a0%"
    return (
        f"{100 * share:.0f}\u00a0%"
        if share == 0 or 0.0995 <= share <= 0.99 or share >= 1
        else f"{100 * share:.1f}\u00a0%"
    )


def write_steps(count: float) -> str:
    """Write a number of steps.

    >>> write_steps(1), write_steps(12.34), write_steps(math.inf)
    ('1 step', '12.3 steps', 'infinitely many steps')
    """
    if math.isnan(count):
        return "unknown"
    if math.isinf(count):
        return "infinitely many steps"
    if count == 1:
        return "1 step"
    return f"{count:.1f} steps" if count < 100 and count != round(count) else f"{write_number(count)} steps"


def describe_slope(slope: float) -> str:
    """Describe in words a gradient that changes by `slope` nats with each step back."""
    if math.isnan(slope):
        return "is too short to have a slope"
    if abs(slope) < _STEADY:
        return "keeps its norm with each step back"
    factor, half = math.exp(slope), math.log(2) / abs(slope)
    if slope < 0:
        return f"shrinks to {write_number(factor)} of itself with each step back, and halves every {write_steps(half)}"
    return f"grows to {write_number(factor)} times itself with each step back, and doubles every {write_steps(half)}"


def name_layer(ending: str) -> str:
    """Name a layer and direction.

    >>> name_layer("l0"), name_layer("l1_reverse")
    ('layer 1', 'layer 2, reverse')
    """
    number, _, direction = ending.removeprefix("l").partition("_")
    return f"layer {int(number) + 1}" + (", reverse" if direction else "")


def write_each(sentences: Iterable[tuple[str, str]], one: str) -> str:
    """Write one sentence on all layers.

    Args:
        sentences: the ending of each layer and direction, and what is true of it.
        one: the subject of the sentence.

    >>> write_each([("l0", "shrinks")], "The gradient")
    'The gradient shrinks.'
    >>> write_each([("l0", "shrinks"), ("l1", "grows")], "The gradient")
    'The gradient: in layer 1 it shrinks; in layer 2 it grows.'
    >>> write_each([("l0", "shrinks"), ("l0_reverse", "shrinks")], "The gradient")
    'The gradient, in every layer, shrinks.'
    """
    known = list(sentences)
    if len(known) == 1:
        return f"{one} {known[0][1]}."
    if len({what for _, what in known}) == 1:
        return f"{one}, in every layer, {known[0][1]}."
    return f"{one}: " + "; ".join(f"in {name_layer(ending)} it {what}" for ending, what in known) + "."

"""Say numbers and what they mean in plain words.

>>> say(0.00515377), say(1234.5), say(8.66e13), per_step(-0.10536)
('0.00515', '1,230', '8.7·10¹³', 'shrinks to 0.9 of itself with each step back, and halves every 6.6 steps')
"""

import math
from collections.abc import Iterable

_STEADY = 1e-4  # nats a step under which nothing is said to change


def say(value: float) -> str:
    """Write a number with two or three digits that count."""
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


def percent(share: float) -> str:
    r"""Write a share, so that little is not taken for nothing.

    >>> [percent(share).replace("\u00a0", " ") for share in (0.123, 0.0004, 0.9999, 0.0)]
    ['12 %', 'under 0.1 %', 'over 99.9 %', '0 %']
    """
    if math.isnan(share):
        return "an unknown share"
    if 0 < share < 0.001:
        return "under 0.1\u00a0%"
    if 0.999 < share < 1:
        return "over 99.9\u00a0%"
    return (
        f"{100 * share:.0f}\u00a0%"
        if share == 0 or 0.0995 <= share <= 0.99 or share >= 1
        else f"{100 * share:.1f}\u00a0%"
    )


def steps(count: float) -> str:
    """Write a number of steps.

    >>> steps(1), steps(12.34), steps(math.inf)
    ('1 step', '12.3 steps', 'endlessly many steps')
    """
    if math.isinf(count):
        return "endlessly many steps"
    if count == 1:
        return "1 step"
    return f"{count:.1f} steps" if count < 100 and count != round(count) else f"{say(count)} steps"


def per_step(slope: float) -> str:
    """Say what a slope in nats a step does to a gradient on its way back."""
    if math.isnan(slope):
        return "is too short to have a slope"
    if abs(slope) < _STEADY:
        return "keeps its length with each step back"
    factor, half = math.exp(slope), math.log(2) / abs(slope)
    if slope < 0:
        return f"shrinks to {say(factor)} of itself with each step back, and halves every {steps(half)}"
    return f"grows to {say(factor)} times its length with each step back, and doubles every {steps(half)}"


def place(ending: str) -> str:
    """Call a layer and direction by name.

    >>> place("l0"), place("l1_reverse")
    ('layer 1', 'layer 2, reverse')
    """
    number, _, direction = ending.removeprefix("l").partition("_")
    return f"layer {int(number) + 1}" + (", reverse" if direction else "")


def each(sentences: Iterable[tuple[str, str]], one: str) -> str:
    """Say the same of every layer: of a single one under another name.

    Args:
        sentences: the ending of each layer and direction, and what it does.
        one: what the only one is called.

    >>> each([("l0", "shrinks")], "The gradient"), each([("l0", "shrinks"), ("l1", "grows")], "The gradient")
    ('The gradient shrinks.', 'The gradient: in layer 1 it shrinks; in layer 2 it grows.')
    >>> each([("l0", "shrinks"), ("l0_reverse", "shrinks")], "The gradient")
    'The gradient, in every layer, shrinks.'
    """
    known = list(sentences)
    if len(known) == 1:
        return f"{one} {known[0][1]}."
    if len({what for _, what in known}) == 1:
        return f"{one}, in every layer, {known[0][1]}."
    return f"{one}: " + "; ".join(f"in {place(ending)} it {what}" for ending, what in known) + "."

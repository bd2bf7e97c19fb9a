"""Limits on the size of the equations of one time step; larger ones are refused, when traced or read."""

# Every pass takes time in proportion to the values, 0.1 ms for each that it makes: with this many, reading and deriving
# a program takes some seconds. One primitive can become 20 values when it is expanded and differentiated, so the
# results of passes have a larger limit.
MOST_NODES = 12_000
MOST_DERIVED = 60_000
# A notebook keeps what it shows in its file; this many values are 100 kB of HTML.
MOST_SHOWN = 2_000
# Each state is kept in registers or memory of its own from step to step; code for 120 states takes 10 s to compile.
MOST_STATES = 64
# Of a name, which becomes part of the names of tensors and sizes, and of error messages.
MOST_LETTERS = 200
# The float32 numbers next to 1 are 2**-23 apart. A larger power jumps there by more than e² from one number to the
# next, so that rounding alone decides its value.
LARGEST_EXPONENT = 2.0**24


def is_exponent(value: float) -> bool:
    """Check whether a power may have this exponent: a finite number that is not 0, and not too large.

    >>> is_exponent(2), is_exponent(-0.5), is_exponent(0), is_exponent(float("nan")), is_exponent(10**400)
    (True, True, False, False, False)
    """
    return value != 0 and -LARGEST_EXPONENT <= value <= LARGEST_EXPONENT

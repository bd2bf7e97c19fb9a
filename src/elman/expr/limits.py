"""State how large the equations of one time step may be; what is larger is refused, where it is traced or read."""

# Every pass takes time in proportion to the values, so that reading and deriving a program of so many takes some
# seconds: 0.1 ms for each that a pass makes. What is written with one primitive can become 20 values when it is
# expanded and differentiated, so what passes make has a limit of its own.
MOST_NODES = 12_000
MOST_DERIVED = 60_000
# Each is carried from step to step in registers or memory of its own, and code that carries 120 takes 10 s to compile.
MOST_STATES = 64
# Of a name, which becomes part of the names of tensors, of sizes and of lines in errors.
MOST_LETTERS = 200
# The float32 numbers next to 1 are 2**-23 apart. A larger power jumps there by more than e² from one number to the
# next, so that rounding alone decides its value.
LARGEST_EXPONENT = 2.0**24


def is_exponent(value: float) -> bool:
    """Tell whether a power may have this exponent: a finite number that is not 0, and not too large.

    >>> is_exponent(2), is_exponent(-0.5), is_exponent(0), is_exponent(float("nan")), is_exponent(10**400)
    (True, True, False, False, False)
    """
    return value != 0 and -LARGEST_EXPONENT <= value <= LARGEST_EXPONENT

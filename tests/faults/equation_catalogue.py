"""Faults to plant in passes over equations of any length, and in what reads equations from data."""

from faults.fault import Fault

LARGE = "tests/expr/test_large_graphs.py"
READING = "tests/expr/test_reading.py"

EQUATION_FAULTS = (
    Fault(
        "what an expansion reads twice is expanded twice",
        "expr/lower.py",
        "    if index not in place:\n",
        "    if True:\n",
        LARGE,
        "as_many_products",
    ),
    Fault(
        "a long sum is built again for each of its terms",
        "autodiff/simplify.py",
        " and index not in chains:",
        ":",
        LARGE,
        "twice_the_work and family",
    ),
    Fault(
        "an index with a fraction in a file is rounded",
        "expr/reading.py",
        '        _refuse(value, "a whole number")\n',
        "        value = int(value)\n",
        READING,
        "fraction",
    ),
    Fault(
        "a power in a file may have any exponent",
        "expr/limits.py",
        "return value != 0 and -LARGEST_EXPONENT <= value <= LARGEST_EXPONENT",
        "return value != 0",
        READING,
        "billion",
    ),
    Fault(
        "a file may leave out that the input is as long as the state",
        "expr/cell.py",
        '[("input", "hidden")] if entry == ("hidden",) else []',
        "[(tie.size, tie.other) for tie in self.ties]",
        READING,
        "needs_the_tie",
    ),
)

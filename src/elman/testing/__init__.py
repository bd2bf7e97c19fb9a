"""Check cells: compare backpropagation through time with central differences.

:func:`check_gradients` is for anyone who writes a cell, or a backend. :func:`random_cell` draws cells from the grammar
of the language, for tests of properties that every cell must have.

>>> import elman
>>> report = elman.testing.check_gradients(elman.cells.gru)
>>> sorted(report.errors), report.worst < 1e-6
(['U', 'W', 'b', 'd', 'h', 'x'], True)
"""

from elman.testing.gradients import GradientError, GradientReport, check_gradients
from elman.testing.random_cells import random_cell

__all__ = ["GradientError", "GradientReport", "check_gradients", "random_cell"]

"""Faults to plant in tables: frames, and columns of several kinds."""

from faults.fault import Fault

TABLE_FAULTS = (
    Fault(
        "what is read beside a sequence is that of another example",
        "encoders/batches.py",
        "self.covariates[indices]",
        "self.covariates[indices.roll(1)]",
        "tests/tasks/classify/test_columns_together.py",
        "alone_and_in_a_batch",
    ),
    Fault(
        "a week begins on a Sunday",
        "encoders/table.py",
        "(3.0, 7.0)",
        "(2.0, 7.0)",
        "tests/data/examples/test_dates.py",
        "the_place_in_a_day",
    ),
    Fault(
        "truth that another library writes is no value of a column",
        "encoders/table.py",
        "number_values(known) for",
        "dict(zip(known, range(len(known)))) for",
        "tests/tasks/test_frames.py",
        "however_a_library",
    ),
    Fault(
        "a frame of times loses its index",
        "data/frames.py",
        'in ("DatetimeIndex", "PeriodIndex")',
        'in ("PeriodIndex",)',
        "tests/data/test_held.py",
        "of_an_index_are_read",
    ),
)

"""Faults of side inputs: in what their columns say, in their unit, in the direction that reads them."""

from faults.fault import Fault

READ, LAYER = "tests/data/examples/test_sides.py", "tests/nn/test_side_inputs.py"
TAG = "tests/tasks/tag/test_side_inputs.py"
CLASSIFY, FORECAST = "tests/tasks/classify/test_side_inputs.py", "tests/tasks/forecast/test_side_inputs.py"

SIDE_FAULTS = (
    Fault(
        "the first step is as far from none as from 1970",
        "data/examples/sides.py",
        "np.diff(own, prepend=own[:1])",
        "np.diff(own, prepend=own[:1] - own[:1])",
        READ,
        "of_the_same_series",
    ),
    Fault(
        "UTC offsets are left out of the time between steps",
        "data/examples/side_columns.py",
        "times if offsets is None else times - (offsets * MINUTE)",
        "times if offsets is None else times - (0 * offsets * MINUTE)",
        READ,
        "timestamps",
    ),
    Fault(
        "side inputs stand in the order in which they were given",
        "data/examples/sides.py",
        "for name, side in sorted(columns.sides.items()):",
        "for name, side in columns.sides.items():",
        READ,
        "order_of_their_names",
    ),
    Fault(
        "both directions read the side inputs of the first",
        "nn/sequences.py",
        "side[..., direction : direction + 1]",
        "side[..., :1]",
        LAYER,
        "a_pair_gives",
    ),
    Fault(
        "a look inside gives both directions the same",
        "flow/trajectory.py",
        "of_direction(examples.sides, d)",
        "of_direction(examples.sides, 0)",
        LAYER,
        "reads_for_each_direction",
    ),
    Fault(
        "the first step of a series counts for the unit of gaps",
        "encoders/series.py",
        "steps[1:, own + at]",
        "steps[:, own + at]",
        CLASSIFY,
        "median",
    ),
    Fault(
        "steps that are read backwards keep the gaps of reading forwards",
        "models/sides.py",
        "(side, _backwards(side, lengths))",
        "(side, side)",
        CLASSIFY,
        "run_by_hand",
    ),
    Fault(
        "each message of a stream begins a new clock",
        "tasks/classify/following.py",
        "self._last = listed[-1:] if self._columns.sides else []",
        "self._last = []",
        CLASSIFY,
        "rows_in_pieces",
    ),
    Fault(
        "each message of words begins a new clock",
        "tasks/tag/following.py",
        "self._last = sentence.further[-1:]",
        "self._last = ()",
        TAG,
        "words_of_a_stream",
    ),
    Fault(
        "all segments ahead are one segment away",
        "tasks/forecast/module.py",
        "torch.arange(1, segments + 1, device=steps.device)",
        "torch.ones(segments, device=steps.device)",
        FORECAST,
        "count_segments",
    ),
)

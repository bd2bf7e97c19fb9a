"""Faults to plant in the reading of series, and in the yardsticks of forecasting."""

from faults.fault import Fault

FREQUENCY = "tests/data/series/test_frequency.py"
TABLES = "tests/data/series/test_time_tables.py"
SCORES = "tests/tasks/forecast/test_scores.py"
NAIVE = "tests/tasks/forecast/test_naive.py"
BASELINES = "tests/tasks/forecast/test_baselines.py"

SERIES_FAULTS = (
    Fault(
        "the last of a month is a day too early",
        "data/series/frequency.py",
        '(months + 1).astype("datetime64[D]") - _DAY',
        '(months + 1).astype("datetime64[D]") - 2 * _DAY',
        tests=FREQUENCY,
        only="those_of_the_calendar",
    ),
    Fault(
        "times that come twice are in order",
        "data/series/regularity.py",
        "np.nonzero(apart <= np.zeros(1, apart.dtype))",
        "np.nonzero(apart < np.zeros(1, apart.dtype))",
        tests=FREQUENCY,
        only="or_twice",
    ),
    Fault(
        "what is known of the future is cut off with the values",
        "data/series/opening.py",
        "known[begin : end + ahead]",
        "known[begin:end]",
        tests=TABLES,
        only="go_on_beyond",
    ),
    Fault(
        "a series that begins late is dated to the first row",
        "data/series/opening.py",
        "timestamps(times[rows[0]], begin + 1)[-1]",
        "timestamps(times[rows[0]], begin + 1)[0]",
        tests=TABLES,
        only="begins_late",
    ),
    Fault(
        "sMAPE divides by the mean of both",
        "tasks/forecast/scores.py",
        "200 * np.abs(error)",
        "100 * np.abs(error)",
        tests=SCORES,
        only="definitions",
    ),
    Fault(
        "an unknown value counts as well forecast",
        "tasks/forecast/scores.py",
        "absolute = np.abs(error).sum(axis=1) / counts",
        "absolute = np.abs(error).mean(axis=1)",
        tests=SCORES,
        only="definitions",
    ),
    Fault(
        "the limit of a season counts the season itself",
        "tasks/forecast/baseline/naive.py",
        "np.square(lags[:-1]).sum()",
        "np.square(lags).sum()",
        tests=NAIVE,
        only="m4_competition",
    ),
    Fault(
        "the season is put back a step late",
        "tasks/forecast/baseline/naive.py",
        "phases = (len(recent) + np.arange(horizon)) % season",
        "phases = (len(recent) + 1 + np.arange(horizon)) % season",
        tests=NAIVE,
        only="puts_the_season_back",
    ),
    Fault(
        "the moving average of an even season is one step too long",
        "tasks/forecast/baseline/naive.py",
        "weights[[0, -1]] = 0.5",
        "weights[[0, -1]] = 1.0",
        tests=NAIVE,
        only="that_of_r",
    ),
    Fault(
        "windows with a missing value are learnt from",
        "tasks/forecast/baseline/linear.py",
        "rows[~missing[rows].any(axis=1)]",
        "rows",
        tests=BASELINES,
        only="left_out_of_learning",
    ),
    Fault(
        "an interval is as wide as the share of the errors that were seen",
        "tasks/forecast/baseline/baselines.py",
        "rank(len(ordered), level)",
        "rank(len(ordered) - 1, level)",
        tests=BASELINES,
        only="reaches_as_far",
    ),
)

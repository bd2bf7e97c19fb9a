"""Faults to plant in forecasting."""

from faults.fault import Fault

CONFORMAL = "tests/tasks/forecast/test_conformal.py"
FORECASTER = "tests/tasks/forecast/test_module.py"
FORECAST = "tests/tasks/forecast/test_recipe.py"
LOGARITHMS = "tests/tasks/forecast/test_logarithms.py"
SEASONS = "tests/tasks/forecast/test_several_seasons.py"
WINDOWS = "tests/tasks/forecast/test_windows.py"

FORECAST_FAULTS = (
    Fault(
        "calibration forgets the value that is to come",
        "tasks/forecast/intervals/conformal.py",
        "(count + 1) * percent / 100",
        "count * percent / 100",
        tests=CONFORMAL,
        only="rank",
    ),
    Fault(
        "a look-back reads one step of what is ahead",
        "tasks/forecast/windows.py",
        "at + torch.arange(-self.reading.lookback, 0)",
        "at + torch.arange(-self.reading.lookback + 1, 1)",
        tests=FORECAST,
        only="no_value_after_an_origin",
    ),
    Fault(
        "what is missing before a series is read from the one before",
        "tasks/forecast/windows.py",
        "(befores + padded)",
        "befores",
        tests=WINDOWS,
        only="lies_before_a_series",
    ),
    Fault(
        "a new series is measured beyond where it may be seen",
        "tasks/forecast/windows.py",
        "measured = [one.values[:end] for",
        "measured = [one.values[: end + 1] for",
        tests=WINDOWS,
        only="measured_up_to",
    ),
    Fault(
        "segments ahead start from the states of other windows",
        "tasks/forecast/module.py",
        "state.repeat(1, segments, 1)",
        "state.repeat_interleave(segments, 1)",
        tests=FORECASTER,
        only="torch_window_by_window and segment",
    ),
    Fault(
        "the outer interval gets the margin of the inner one",
        "tasks/forecast/module.py",
        "by.flip(-1)",
        "by",
        tests=FORECASTER,
        only="margins_move",
    ),
    Fault(
        "a missing value counts in the loss as 0",
        "tasks/forecast/module.py",
        " * known[:, :, None]",
        "",
        tests=FORECASTER,
        only="leaves_out_what_is_missing",
    ),
    Fault(
        "what is known ahead is read a segment late",
        "tasks/forecast/module.py",
        "windows.known[:, self.lookback :]",
        "windows.known[:, self.lookback - self.segment :][:, : self.horizon]",
        tests=FORECASTER,
        only="torch_window_by_window and segment",
    ),
    Fault(
        "a lag is taken a season too early",
        "tasks/forecast/lags.py",
        "season * (ahead // season + back)",
        "season * (ahead // season + back + 1)",
        tests=SEASONS,
        only="last_values_at_the_phase",
    ),
    Fault(
        "forecasts of logarithms are given as they are",
        "tasks/forecast/model.py",
        "parts.append(self.reading.restore(ahead))",
        "parts.append(ahead)",
        tests=LOGARITHMS,
        only="exp_of_that",
    ),
)
